//! Where tickets come from: a sequence, raised by a block at a time.
//!
//! It is raised in place on its page through generic WAL, as the mark is and for the same reasons,
//! and flushed before a number of the block is given out. `last_value` is the last number claimed,
//! as it is for nextval().

use pgrx::prelude::*;
use snowflake_core::ticket::{self, Block, LARGEST_GROWTH, Queued};

use crate::postgres::error::{Failure, Outcome};
use crate::postgres::sequence::{Change, Sequence, SequenceData};
use crate::postgres::{standbys, transaction, wal};
use crate::ticket::no_ticket::NoTicket;

/// PostgreSQL's FormData_pg_sequence, catalog/pg_sequence.h.
#[repr(C)]
struct Form {
    relation: pg_sys::Oid,
    data_type: pg_sys::Oid,
    start: i64,
    increment: i64,
    largest: i64,
    smallest: i64,
    cache: i64,
    cycle: bool,
}

/// How a counter counts: what the catalog says about its sequence.
#[derive(Clone, Copy)]
pub struct Numbering {
    pub step: i64,
    pub largest: i64,
    /// How many numbers to claim at a time: the sequence's CACHE.
    pub block: u32,
}

impl Numbering {
    /// That of an open sequence.
    pub fn of(sequence: &Sequence) -> Outcome<Self> {
        // SAFETY: a look-up in the system cache; the row is read while it is pinned
        let form = unsafe {
            let key = pg_sys::Datum::from((*sequence.relation).rd_id);
            let row = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::SEQRELID as i32, key);
            if row.is_null() {
                return Err(Failure::state("cannot draw a ticket").detail("Its sequence is gone."));
            }
            let header = (*row).t_data;
            let form = header
                .byte_add((*header).t_hoff as usize)
                .cast::<Form>()
                .read();
            pg_sys::ReleaseSysCache(row);
            form
        };
        if form.increment < 1 {
            return Err(Failure::state("cannot draw a ticket").detail(format!(
                "The increment of its sequence is {}.",
                form.increment
            )));
        }
        Ok(Self {
            step: form.increment,
            largest: form.largest,
            block: form.cache.clamp(1, i64::from(u32::MAX / LARGEST_GROWTH)) as u32,
        })
    }

    fn counter(&self, row: &SequenceData) -> ticket::Counter {
        ticket::Counter {
            value: row.last_value,
            claimed: row.is_called,
            step: self.step,
            largest: self.largest,
        }
    }

    /// The number that is claimed next; `None` if there is none.
    pub fn next(&self, sequence: &Sequence) -> Outcome<Option<i64>> {
        let row = sequence.read().ok_or_else(damaged)?;
        Ok(self.counter(&row).next())
    }
}

/// What came of an attempt to claim a block.
pub enum Attempt {
    /// A block, to be used once the log is durable.
    Claimed(Queued),
    /// Another backend is at it, or was.
    Busy,
    /// There are no further numbers.
    Exhausted,
}

/// Opens a counter's sequence for what the catalogs say of it.
pub fn open(oid: pg_sys::Oid) -> Result<Sequence, NoTicket> {
    checked(Sequence::open(oid))
}

/// Opens a counter's sequence to raise it.
pub fn open_to_raise(oid: pg_sys::Oid) -> Result<Sequence, NoTicket> {
    checked(Sequence::open_to_raise(oid))
}

/// A sequence that numbers may be drawn from.
fn checked(sequence: Option<Sequence>) -> Result<Sequence, NoTicket> {
    let sequence = sequence.ok_or(NoTicket::Dropped)?;
    match sequence.problem().or_else(|| sequence.alteration()) {
        None => Ok(sequence),
        Some(problem) => {
            sequence.close();
            Err(NoTicket::Unfit(problem))
        }
    }
}

/// A ticket takes what nextval() does.
pub fn check_privilege(sequence: pg_sys::Oid) -> Result<(), NoTicket> {
    let either = (pg_sys::ACL_USAGE | pg_sys::ACL_UPDATE) as pg_sys::AclMode;
    let mut is_missing = false;
    // SAFETY: catalog look-ups
    let checked = unsafe {
        pg_sys::pg_class_aclcheck_ext(sequence, pg_sys::GetUserId(), either, &mut is_missing)
    };
    if is_missing {
        Err(NoTicket::Dropped)
    } else if checked == pg_sys::AclResult::ACLCHECK_OK {
        Ok(())
    } else {
        Err(NoTicket::Denied)
    }
}

/// Claims up to `count` numbers of an open sequence, and closes it. On return they are durable, on
/// the synchronous standbys too that the session waits for.
pub fn claim_durably(sequence: Sequence, count: u32) -> Result<Block, NoTicket> {
    let attempt =
        Numbering::of(&sequence).and_then(|numbering| claim(&sequence, &numbering, count, false));
    sequence.close();
    match attempt? {
        Attempt::Claimed(claimed) => {
            wal::flush(claimed.position);
            standbys::wait(claimed.position)?;
            Ok(claimed.block)
        }
        Attempt::Busy | Attempt::Exhausted => Err(NoTicket::Exhausted),
    }
}

/// Claims up to `count` numbers; `at_once` if a caller would rather go without than wait.
pub fn claim(
    sequence: &Sequence,
    numbering: &Numbering,
    count: u32,
    at_once: bool,
) -> Outcome<Attempt> {
    claim_for(sequence, numbering, at_once, || Some(count), |_| ())
}

/// The same for a caller who says how many numbers it needs, if any, and takes them, while nobody
/// else can claim any.
pub fn claim_for(
    sequence: &Sequence,
    numbering: &Numbering,
    at_once: bool,
    needed: impl FnOnce() -> Option<u32>,
    take: impl FnOnce(Queued),
) -> Outcome<Attempt> {
    let decide = |row: &SequenceData, _| {
        let block = needed().map(|count| numbering.counter(row).claim(count));
        (block, block.flatten().map(|block| block.last()))
    };
    let take = |block: &Option<Option<Block>>, position| {
        if let Some(block) = block.flatten() {
            take(Queued { block, position });
        }
    };
    match sequence.change_and(at_once, decide, take) {
        Change::Busy | Change::Decided(None, _) => Ok(Attempt::Busy),
        Change::Damaged => Err(damaged()),
        Change::Decided(Some(None), _) => Ok(Attempt::Exhausted),
        Change::Decided(Some(Some(block)), position) => {
            Ok(Attempt::Claimed(Queued { block, position }))
        }
    }
}

fn damaged() -> Failure {
    Failure::new(
        PgSqlErrorCode::ERRCODE_DATA_CORRUPTED,
        "the sequence of a ticket is damaged",
    )
}

/// Refuses on a standby, which cannot raise a counter.
pub fn refuse_recovery() -> Outcome<()> {
    transaction::refuse_recovery("draw tickets", "Draw them on the primary.")
}
