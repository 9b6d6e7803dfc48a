//! The durable mark: `last_value` of the sequence `snowflake_mark`, in milliseconds since 1970.
//!
//! It is written in place through generic WAL and durable before any ID below it is given out;
//! docs/durability.md says why, and why not by setval(). What to write is decided in
//! `snowflake_core::snowflake::Mark`.

use std::sync::atomic::AtomicU64;

use pgrx::prelude::*;
use snowflake_core::snowflake::{Found, Mark, Need, Raise};
use snowflake_core::words::Word;
use snowflake_core::{ClockSample, Timestamp};

use crate::host::clock;
use crate::postgres::error::{Failure, Outcome};
use crate::postgres::sequence::{Change, Sequence, flushed_soon};
use crate::snowflake::record::{self, Relations};
use crate::snowflake::session::Session;

/// Opens the sequence to raise the mark; `None` if that would have to wait, and need not be now.
fn open_to_raise(relations: Relations, ahead: bool) -> Outcome<Option<Sequence>> {
    let sequence = if ahead {
        match Sequence::open_at_once(relations.mark) {
            Some(sequence) => sequence,
            None => return Ok(None),
        }
    } else {
        Sequence::open_to_raise(relations.mark).ok_or_else(dropped)?
    };
    checked(sequence).map(Some)
}

/// A sequence that may be used.
fn checked(sequence: Sequence) -> Outcome<Sequence> {
    match sequence.problem() {
        None => Ok(sequence),
        Some(problem) => {
            sequence.close();
            Err(Failure::state("cannot raise the mark \"snowflake_mark\"").detail(problem))
        }
    }
}

fn dropped() -> Failure {
    Failure::new(
        PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE,
        "sequence \"snowflake_mark\" was dropped",
    )
}

fn damaged() -> Failure {
    Failure::new(
        PgSqlErrorCode::ERRCODE_DATA_CORRUPTED,
        "sequence \"snowflake_mark\" is damaged",
    )
}

/// The mark as stored, in milliseconds since 1970; 0 before the first ID of the database.
pub fn stored(relations: Relations) -> Outcome<i64> {
    let sequence = Sequence::open_to_read(relations.mark).ok_or_else(dropped)?;
    let sequence = checked(sequence)?;
    let row = sequence.read();
    sequence.close();
    row.map(|row| row.last_value).ok_or_else(damaged)
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
    let holder = shared.holder();
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
    let Some(sequence) = open_to_raise(relations, ahead)? else {
        return Ok(());
    };
    let change = sequence.change(ahead, |row, position| {
        // a mark from before the start must count as such: words are raised to it
        let native = if session.own_mark && position > began {
            shared.stored() as i64
        } else {
            0
        };
        let found = Found {
            stored: row.last_value,
            native,
            wall: sample.wall,
            end: holder.end(),
        };
        let raise = mark.decide(&shape, need, found, &pace);
        let Raise::Store { mark: value } = raise else {
            return (raise, None);
        };
        mark.storing(value);
        shared.storing(value);
        (raise, Some(value))
    });
    let (raise, lsn) = match change {
        Change::Busy => {
            sequence.close();
            return Ok(());
        }
        Change::Damaged => return Err(damaged()),
        Change::Decided(raise, lsn) => (raise, lsn),
    };
    let durable = match raise {
        Raise::Published | Raise::Ended => true,
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
    if let (Raise::Ended, Need::Now(first)) = (raise, need) {
        session.slot.count_error();
        return Err(holder.ended(shape.instant(first)));
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
            holder.admit(value, |value| mark.publish(&shape, value, &pace));
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

/// Takes over a mark from elsewhere: every ID given out before has a timestamp below it, at most
/// `max_lead` ahead of the clock.
fn adopt(session: &Session, value: i64, sample: &ClockSample) -> Outcome<()> {
    let Session { shape, pace, .. } = *session;
    let ahead = value.saturating_mul(1_000) - pace.max_lead - sample.wall.micros();
    if ahead > pace.unremarkable(shape.unit()) {
        // before any word is raised: other databases must not suffer for it
        pace.tolerate(ahead, sample.wall)
            .inspect_err(|_| session.slot.count_error())?;
    }
    let instant = Timestamp::from_millis(value);
    let tick = shape.first_tick(instant);
    let clock = Timestamp::from_micros(instant.micros().saturating_sub(pace.max_lead));
    let holder = session.shared.holder();
    holder.steady(|| {
        for slot in session.shared.slots() {
            slot.resume(tick, clock, sample.monotonic_after);
        }
    });
    session.mark.storing(value);
    holder.admit(value, |value| session.mark.publish(&shape, value, &pace));
    Ok(())
}
