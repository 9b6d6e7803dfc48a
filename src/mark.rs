//! The durable mark: `last_value` of the sequence `snowflake_mark`, in milliseconds since 1970.
//!
//! It is written in place through generic WAL and flushed before any ID below it is given out;
//! docs/durability.md says why, and why not by setval(). What to write is decided in
//! `snowflake_core::snowflake::Mark`.

use pgrx::prelude::*;
use snowflake_core::snowflake::Raise;
use snowflake_core::{ClockSample, Error, Timestamp, Word};

use crate::error::{Failure, Outcome};
use crate::record::{self, Relations};
use crate::session::Session;

/// PostgreSQL's FormData_pg_sequence_data, commands/sequence.h.
#[repr(C)]
struct SequenceData {
    last_value: i64,
    log_cnt: i64,
    is_called: bool,
}

/// The number in the special space of a sequence's page, commands/sequence.c.
const SEQUENCE_MAGIC: u32 = 0x1717;

/// The sequence's relation, locked, until `close`.
struct Sequence {
    relation: pg_sys::Relation,
    lock: pg_sys::LOCKMODE,
}

impl Sequence {
    /// Opens it to read or to raise the mark. The lock for the latter is nextval()'s: it keeps
    /// ALTER SEQUENCE out.
    fn open(relations: Relations, lock: u32) -> Outcome<Self> {
        let lock = lock as pg_sys::LOCKMODE;
        // SAFETY: opens by OID; a relation that is gone gives NULL
        let relation = unsafe { pg_sys::try_relation_open(relations.mark, lock) };
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
        let sequence = Self { relation, lock };
        let problem = if kind != pg_sys::RELKIND_SEQUENCE {
            "It is not a sequence."
        } else if persistence != pg_sys::RELPERSISTENCE_PERMANENT {
            "It is unlogged: a crash would lose it."
        } else if lock != pg_sys::AccessShareLock as pg_sys::LOCKMODE && sequence.altered()? {
            "It was altered in this transaction: a rollback would lose it."
        } else {
            return Ok(sequence);
        };
        sequence.close();
        Err(Failure::state("cannot raise the mark \"snowflake_mark\"").detail(problem))
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
        unsafe { pg_sys::relation_close(self.relation, self.lock) };
    }
}

/// The sequence's row on a page of it.
///
/// # Safety
/// `page` is block 0 of a sequence, locked or a private copy.
unsafe fn data(page: pg_sys::Page) -> Option<*mut SequenceData> {
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
    let sequence = Sequence::open(relations, pg_sys::AccessShareLock)?;
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

/// Raises the mark above `first`, or takes over what is stored; returns with it published.
pub fn raise(session: &Session, first: u64, sample: &ClockSample) -> Outcome<()> {
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
    let began = shared.began();
    let sequence = Sequence::open(relations, pg_sys::RowExclusiveLock)?;
    // SAFETY: the order that generic WAL asks for. Nothing waits for a heavyweight lock while the
    // buffer is locked, and an ERROR in between unwinds without running anything of ours:
    // PostgreSQL releases lock and pin.
    let raise = unsafe {
        let buffer = pg_sys::ReadBuffer(sequence.relation, 0);
        let wal = pg_sys::GenericXLogStart(sequence.relation);
        pg_sys::LockBuffer(buffer, pg_sys::BUFFER_LOCK_EXCLUSIVE as i32);
        let page = pg_sys::GenericXLogRegisterBuffer(wal, buffer, 0);
        // a mark from before the start must count as such: words are raised to it
        if session.own_mark && pg_sys::BufferGetLSNAtomic(buffer) > began {
            mark.storing(shared.stored() as i64);
        }
        let raise = data(page).map(|data| {
            let raise = mark.decide(&shape, first, (*data).last_value, &pace, sample.wall);
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
        if matches!(raise, Some(Raise::Store { .. } | Raise::Adopt { .. })) {
            pg_sys::XLogFlush(lsn);
        }
        raise
    };
    sequence.close();
    if settling {
        // SAFETY: releases what was taken above
        unsafe { pg_sys::UnlockRelationOid(relations.layout, pg_sys::AccessShareLock as i32) };
    }
    match raise.ok_or_else(damaged)? {
        Raise::Published => {}
        Raise::Adopt {
            mark: value,
            foreign,
        } => {
            if foreign {
                let ahead = value.saturating_mul(1_000) - pace.max_lead - sample.wall.micros();
                if ahead > pace.clock_tolerance.max(pace.unremarkable(&shape)) {
                    // before any word is raised: other databases must not suffer for it
                    session.slot.count_error();
                    return Err(Error::ClockWentBack {
                        regression: ahead,
                        tolerance: pace.clock_tolerance,
                        wall: sample.wall,
                    }
                    .into());
                }
                // every ID given out before has a timestamp below it, at most so far ahead of
                // the clock
                let instant = Timestamp::from_millis(value);
                let tick = shape.first_tick(instant);
                let clock = Timestamp::from_micros(instant.micros().saturating_sub(pace.max_lead));
                for slot in shared.slots() {
                    slot.resume(tick, clock, sample.monotonic_after);
                }
            }
            mark.publish(&shape, value);
        }
        Raise::Store { mark: value } => mark.publish(&shape, value),
    }
    Ok(())
}
