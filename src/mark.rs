//! The durable mark: `last_value` of the sequence `snowflake_mark`, in milliseconds since 1970.
//!
//! It is written in place through generic WAL and durable before any ID below it is given out;
//! docs/durability.md says why, and why not by setval(). What to write is decided in
//! `snowflake_core::snowflake::Mark`.

use std::sync::atomic::AtomicU64;

use pgrx::prelude::*;
use snowflake_core::snowflake::{Found, Mark, Need, Raise};
use snowflake_core::{ClockSample, Timestamp, Word};

use crate::clock;
use crate::error::{Failure, Outcome};
use crate::record::{self, Relations};
use crate::session::Session;

/// PostgreSQL's FormData_pg_sequence_data, commands/sequence.h.
#[repr(C)]
pub struct SequenceData {
    pub last_value: i64,
    log_cnt: i64,
    pub is_called: bool,
}

/// The number in the special space of a sequence's page, commands/sequence.c.
const SEQUENCE_MAGIC: u32 = 0x1717;

/// The sequence's relation, locked, until `close`.
struct Sequence {
    relation: pg_sys::Relation,
}

/// nextval()'s lock: it keeps ALTER SEQUENCE out, which puts another file in the sequence's place.
const LOCK: pg_sys::LOCKMODE = pg_sys::RowExclusiveLock as pg_sys::LOCKMODE;

impl Sequence {
    /// Opens it to read the mark.
    fn open(relations: Relations) -> Outcome<Self> {
        // SAFETY: opens by OID; a relation that is gone gives NULL
        let relation = unsafe { pg_sys::try_relation_open(relations.mark, LOCK) };
        if relation.is_null() {
            return Err(Failure::new(
                PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE,
                "sequence \"snowflake_mark\" was dropped",
            ));
        }
        // SAFETY: an open relation has its pg_class row
        let (kind, persistence) = unsafe {
            let form = (*relation).rd_rel;
            ((*form).relkind as u8, (*form).relpersistence as u8)
        };
        let sequence = Self { relation };
        let problem = if kind != pg_sys::RELKIND_SEQUENCE {
            "It is not a sequence."
        } else if persistence != pg_sys::RELPERSISTENCE_PERMANENT {
            "It is unlogged: a crash would lose it."
        } else {
            return Ok(sequence);
        };
        sequence.close();
        Err(Self::refused(problem))
    }

    /// Opens it to raise the mark.
    fn open_to_raise(relations: Relations) -> Outcome<Self> {
        let sequence = Self::open(relations)?;
        if sequence.altered()? {
            sequence.close();
            return Err(Self::refused(
                "It was altered in this transaction: a rollback would lose it.",
            ));
        }
        Ok(sequence)
    }

    fn refused(problem: &str) -> Failure {
        Failure::state("cannot raise the mark \"snowflake_mark\"").detail(problem)
    }

    /// The same to raise the mark, unless that would have to wait.
    fn open_at_once(relations: Relations) -> Outcome<Option<Self>> {
        // SAFETY: takes a lock, which is released below, or by the end of the transaction
        if !unsafe { pg_sys::ConditionalLockRelationOid(relations.mark, LOCK) } {
            return Ok(None);
        }
        let sequence = Self::open_to_raise(relations);
        // SAFETY: releases what was taken above, and not what `open_to_raise` took
        unsafe { pg_sys::UnlockRelationOid(relations.mark, LOCK) };
        sequence.map(Some)
    }

    /// Whether a rollback, to a savepoint too, would bring back another file than the one that is
    /// written now. A file that comes and goes with the sequence itself is no risk.
    fn altered(&self) -> Outcome<bool> {
        // SAFETY: a variable of this process
        if unsafe { pg_sys::ParallelWorkerNumber } >= 0 {
            return self.altered_by_leader();
        }
        // SAFETY: fields of an open relation
        let (created, first, newest) = unsafe {
            let relation = &*self.relation;
            #[cfg(feature = "pg15")]
            let files = (
                relation.rd_firstRelfilenodeSubid,
                relation.rd_newRelfilenodeSubid,
            );
            #[cfg(not(feature = "pg15"))]
            let files = (
                relation.rd_firstRelfilelocatorSubid,
                relation.rd_newRelfilelocatorSubid,
            );
            (relation.rd_createSubid, files.0, files.1)
        };
        Ok(match created {
            0 => first != 0,
            _ => newest != 0 && newest != created,
        })
    }

    /// The same in a parallel worker, whose relation cache does not know: the catalog row is this
    /// transaction's, and not as old as the extension's.
    fn altered_by_leader(&self) -> Outcome<bool> {
        // SAFETY: a look-up in the system cache; the row's header is read while it is pinned
        let writer = unsafe {
            let key = pg_sys::Datum::from((*self.relation).rd_id);
            let row = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::RELOID as i32, key);
            if row.is_null() {
                return Ok(true);
            }
            let writer = (*(*row).t_data).t_choice.t_heap.t_xmin;
            pg_sys::ReleaseSysCache(row);
            writer
        };
        // SAFETY: asks for the state of this transaction
        let current = unsafe { pg_sys::TransactionIdIsCurrentTransactionId(writer) };
        Ok(current && record::extension()?.writer != writer)
    }

    fn close(self) {
        // SAFETY: closes what `open` opened
        unsafe { pg_sys::relation_close(self.relation, LOCK) };
    }
}

/// The sequence's row on a page of it.
///
/// # Safety
/// `page` is block 0 of a sequence, locked or a private copy.
pub unsafe fn data(page: pg_sys::Page) -> Option<*mut SequenceData> {
    // SAFETY: as the caller promises; the magic number is checked before the row is looked at
    unsafe {
        let magic = pg_sys::PageGetSpecialPointer(page).cast::<u32>();
        if pg_sys::PageGetMaxOffsetNumber(page) < 1 || *magic != SEQUENCE_MAGIC {
            return None;
        }
        let item = pg_sys::PageGetItem(page, pg_sys::PageGetItemId(page, 1));
        let header = item.cast::<pg_sys::HeapTupleHeaderData>();
        Some(item.byte_add((*header).t_hoff as usize).cast())
    }
}

fn damaged() -> Failure {
    Failure::new(
        PgSqlErrorCode::ERRCODE_DATA_CORRUPTED,
        "sequence \"snowflake_mark\" is damaged",
    )
}

/// The mark as stored, in milliseconds since 1970; 0 before the first ID of the database.
pub fn stored(relations: Relations) -> Outcome<i64> {
    let sequence = Sequence::open(relations)?;
    // SAFETY: block 0 of a sequence always exists. Read under the lock: 8 bytes can tear. An ERROR
    // in between unwinds without running anything of ours; PostgreSQL then releases lock and pin.
    let value = unsafe {
        let buffer = pg_sys::ReadBuffer(sequence.relation, 0);
        pg_sys::LockBuffer(buffer, pg_sys::BUFFER_LOCK_SHARE as i32);
        let value = data(pg_sys::BufferGetPage(buffer)).map(|data| (*data).last_value);
        pg_sys::UnlockReleaseBuffer(buffer);
        value
    };
    sequence.close();
    value.ok_or_else(damaged)
}

/// Whether the database has given out an ID.
pub fn used(relations: Relations) -> Outcome<bool> {
    Ok(stored(relations)? > 0)
}

/// Gets the mark above `first`, or well above it in good time; returns with `first` below the bound
/// that callers compare with.
pub fn raise(session: &Session, first: u64, sample: &ClockSample) -> Outcome<()> {
    let mark = session.mark;
    let need = mark.need(first);
    settle(session, need, sample)?;
    if let Need::Ahead(first) = need {
        mark.step(&session.shape, first, &session.pace);
    }
    Ok(())
}

/// Compares what is stored with what this server has stored, and mends it: for a session that
/// begins, or begins anew because the sequence was altered.
pub fn verify(session: &Session) -> Outcome<()> {
    let mark = session.mark;
    if mark.bound.load_relaxed() == 0
        || stored(session.relations)? as u64 == mark.written.load_relaxed()
    {
        return Ok(());
    }
    settle(session, Need::Intact, &clock::sample())
}

/// Does what is needed about the stored mark.
fn settle(session: &Session, need: Need, sample: &ClockSample) -> Outcome<()> {
    let Session {
        relations,
        mark,
        shape,
        pace,
        shared,
        ..
    } = *session;
    // The first ID of a database settles its layout: the record is read again under a lock that
    // keeps snowflake_set_layout() out until the mark is stored.
    let settling = mark.bound.load_relaxed() == 0 && !used(relations)?;
    if settling {
        // SAFETY: released below, or by the end of the transaction
        unsafe { pg_sys::LockRelationOid(relations.layout, pg_sys::AccessShareLock as i32) };
        record::check(relations)?;
        record::check_settled(relations)?;
    }
    let ahead = matches!(need, Need::Ahead(_));
    let began = shared.began();
    let sequence = if ahead {
        match Sequence::open_at_once(relations)? {
            Some(sequence) => sequence,
            None => return Ok(()),
        }
    } else {
        Sequence::open_to_raise(relations)?
    };
    // SAFETY: the order that generic WAL asks for. Nothing waits for a heavyweight lock while the
    // buffer is locked, and an ERROR in between unwinds without running anything of ours:
    // PostgreSQL releases lock and pin.
    let (raise, lsn) = unsafe {
        let buffer = pg_sys::ReadBuffer(sequence.relation, 0);
        let wal = pg_sys::GenericXLogStart(sequence.relation);
        if !ahead {
            pg_sys::LockBuffer(buffer, pg_sys::BUFFER_LOCK_EXCLUSIVE as i32);
        } else if !pg_sys::ConditionalLockBuffer(buffer) {
            // another backend is at it
            pg_sys::GenericXLogAbort(wal);
            pg_sys::ReleaseBuffer(buffer);
            sequence.close();
            return Ok(());
        }
        let page = pg_sys::GenericXLogRegisterBuffer(wal, buffer, 0);
        // a mark from before the start must count as such: words are raised to it
        let native = if session.own_mark && pg_sys::BufferGetLSNAtomic(buffer) > began {
            shared.stored() as i64
        } else {
            0
        };
        let raise = data(page).map(|data| {
            let found = Found {
                stored: (*data).last_value,
                native,
                wall: sample.wall,
            };
            let raise = mark.decide(&shape, need, found, &pace);
            if let Raise::Store { mark: value } = raise {
                mark.storing(value);
                shared.storing(value);
                (*data).last_value = value;
                (*data).log_cnt = 0;
                (*data).is_called = true;
            }
            raise
        });
        let lsn = if let Some(Raise::Store { .. }) = raise {
            pg_sys::GenericXLogFinish(wal)
        } else {
            pg_sys::GenericXLogAbort(wal);
            pg_sys::BufferGetLSNAtomic(buffer)
        };
        pg_sys::UnlockReleaseBuffer(buffer);
        (raise, lsn)
    };
    let raise = raise.ok_or_else(damaged)?;
    let durable = match raise {
        Raise::Published => true,
        // a caller that has IDs left need not wait; where nothing is logged there is no LSN
        Raise::Raised { .. } | Raise::Store { .. } if ahead => flushed_soon(lsn),
        Raise::Raised { .. } | Raise::Store { .. } | Raise::Adopt { .. } => {
            flush(mark, lsn);
            true
        }
    };
    sequence.close();
    if settling {
        // SAFETY: releases what was taken above
        unsafe { pg_sys::UnlockRelationOid(relations.layout, pg_sys::AccessShareLock as i32) };
    }
    match raise {
        Raise::Adopt {
            mark: value,
            foreign: true,
        } => adopt(session, value, sample)?,
        Raise::Raised { mark: value }
        | Raise::Adopt { mark: value, .. }
        | Raise::Store { mark: value }
            if durable =>
        {
            mark.publish(&shape, value, &pace);
        }
        _ => {}
    }
    Ok(())
}

/// Makes the log durable up to a position; the caller waits, which is counted.
fn flush(mark: &Mark<AtomicU64>, lsn: pg_sys::XLogRecPtr) {
    // SAFETY: reads shared memory, and writes and flushes the log; no lock is held
    unsafe {
        if pg_sys::GetFlushRecPtr(std::ptr::null_mut()) < lsn {
            mark.count_wait();
            pg_sys::XLogFlush(lsn);
        }
    }
}

/// Whether the log is durable up to a position. If not, the WAL writer is asked to make it so, as
/// for an asynchronous commit.
fn flushed_soon(lsn: pg_sys::XLogRecPtr) -> bool {
    // SAFETY: reads shared memory, and sets a latch
    unsafe {
        let flushed = pg_sys::GetFlushRecPtr(std::ptr::null_mut()) >= lsn;
        if !flushed {
            pg_sys::XLogSetAsyncXactLSN(lsn);
        }
        flushed
    }
}

/// Takes over a mark from elsewhere: every ID given out before has a timestamp below it, at most
/// `max_lead` ahead of the clock.
fn adopt(session: &Session, value: i64, sample: &ClockSample) -> Outcome<()> {
    let Session { shape, pace, .. } = *session;
    let ahead = value.saturating_mul(1_000) - pace.max_lead - sample.wall.micros();
    if ahead > pace.unremarkable(&shape) {
        // before any word is raised: other databases must not suffer for it
        pace.tolerate(ahead, sample.wall)
            .inspect_err(|_| session.slot.count_error())?;
    }
    let instant = Timestamp::from_millis(value);
    let tick = shape.first_tick(instant);
    let clock = Timestamp::from_micros(instant.micros().saturating_sub(pace.max_lead));
    for slot in session.shared.slots() {
        slot.resume(tick, clock, sample.monotonic_after);
    }
    session.mark.storing(value);
    session.mark.publish(&shape, value, &pace);
    Ok(())
}
