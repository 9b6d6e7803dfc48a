//! The durable mark: `last_value` of the sequence `snowflake_mark`, in milliseconds since 1970.
//!
//! It is written in place through generic WAL and durable before any ID below it is given out;
//! docs/durability.md says why, and why not by setval(). What to write is decided in
//! `snowflake_core::snowflake::Mark`.

use std::sync::atomic::AtomicU64;

use pgrx::prelude::*;
use snowflake_core::snowflake::{Found, Mark, Need, Raise, Shape};
use snowflake_core::words::{Pace, Slot, Word};
use snowflake_core::{ClockSample, Timestamp};

use crate::host::clock;
use crate::postgres::error::Outcome;
use crate::postgres::sequence::Change;
use crate::postgres::stored_number::StoredNumber;
use crate::postgres::{standbys, wal};
use crate::shared::segment::Shared;
use crate::shared::words::Beginning;
use crate::snowflake::record::{self, Relations};
use crate::time::gate;

/// The mark of a database as a backend sees it: what is stored, and the words that stand for it in
/// shared memory.
pub struct StoredMark<'a> {
    pub words: &'static Mark<AtomicU64>,
    /// Whether the words are this backend's own.
    pub is_own: bool,
    /// The words of the others, if this backend has its own beside them.
    pub others: Option<&'static Mark<AtomicU64>>,
    pub relations: Relations,
    pub shape: &'a Shape,
    pub pace: &'a Pace,
    pub shared: Shared,
    /// Of the worker whose caller needs the mark: IDs that are refused are counted there.
    pub slot: &'static Slot<AtomicU64>,
}

/// The sequence.
fn number(relations: Relations) -> StoredNumber {
    StoredNumber {
        sequence: relations.mark,
        name: "snowflake_mark",
        purpose: "raise the mark",
    }
}

/// The mark as stored, in milliseconds since 1970; 0 before the first ID of the database.
pub fn stored(relations: Relations) -> Outcome<i64> {
    let (row, _) = number(relations).read()?;
    Ok(row.last_value)
}

/// Whether the database has given out an ID.
pub fn is_used(relations: Relations) -> Outcome<bool> {
    Ok(stored(relations)? > 0)
}

impl StoredMark<'_> {
    /// Raises the mark above `first`, early if there is still room. On return `first` is below the
    /// bound that callers compare with.
    pub fn raise(&self, first: u64, sample: &ClockSample) -> Outcome<()> {
        let need = self.words.need(first);
        self.settle(need, sample)?;
        if let Need::Ahead(first) = need {
            self.words.step(self.shape, first, self.pace);
        }
        Ok(())
    }

    /// Compares what is stored with what this server has stored, and stores it anew if that was
    /// lost: for a session that begins, or begins anew because the sequence was altered.
    pub fn verify(&self) -> Outcome<()> {
        if self.words.bound.load_relaxed() == 0
            || stored(self.relations)? as u64 == self.words.written.load_relaxed()
        {
            return Ok(());
        }
        // whose clock may be wrong: what came from elsewhere is judged by it
        let sample = gate::sample(self.shared)?;
        self.settle(Need::Intact, &sample)
    }

    /// Does what is needed about the stored mark. The first ID of a database settles its layout:
    /// the record is read again under a lock that keeps snowflake_set_layout() out until the mark
    /// is stored.
    fn settle(&self, need: Need, sample: &ClockSample) -> Outcome<()> {
        if self.words.bound.load_relaxed() > 0 || is_used(self.relations)? {
            return self.store(need, sample);
        }
        let (table, lock) = (self.relations.layout, pg_sys::AccessShareLock as i32);
        // SAFETY: released below; after an ERROR, by the end of the transaction
        unsafe { pg_sys::LockRelationOid(table, lock) };
        let result = record::check(self.relations)
            .and_then(|_| record::check_settled(self.relations))
            .and_then(|()| self.store(need, sample));
        // SAFETY: releases what was taken above
        unsafe { pg_sys::UnlockRelationOid(table, lock) };
        result
    }

    /// Stores what is decided with the sequence locked, makes it durable and publishes it.
    fn store(&self, need: Need, sample: &ClockSample) -> Outcome<()> {
        let ahead = matches!(need, Need::Ahead(_));
        // asked before anything is stored
        let log_start = self.shared.stored_marks().log_start();
        let number = number(self.relations);
        let sequence = if ahead {
            match number.open_at_once()? {
                Some(sequence) => sequence,
                // what is left will do
                None => return Ok(()),
            }
        } else {
            number.open_to_raise()?
        };
        let change = sequence.change(ahead, |row, position| {
            let raise = self.decide(need, sample, row.last_value, position > log_start);
            match raise {
                Raise::Store { mark } => (raise, Some(mark)),
                _ => (raise, None),
            }
        });
        let (raise, lsn) = match change {
            Change::Busy => {
                sequence.close();
                return Ok(());
            }
            Change::Damaged => return Err(number.damaged()),
            Change::Decided(raise, lsn) => (raise, lsn),
        };
        let durable = self.make_durable(raise, lsn, ahead);
        sequence.close();
        self.publish(need, raise, durable?, sample)
    }

    /// What becomes of a mark that is stored; `since_start` if it may have been stored since this
    /// server started. One that is about to be stored is remembered.
    fn decide(&self, need: Need, sample: &ClockSample, stored: i64, since_start: bool) -> Raise {
        // a mark from before the start must count as such: words are raised to it
        let native = if self.is_own && since_start {
            self.shared.stored_marks().highest()
        } else {
            0
        };
        let found = Found {
            stored,
            native,
            wall: sample.wall,
            end: self.shared.holder().end(),
        };
        let raise = self.words.decide(self.shape, need, found, self.pace);
        if let Raise::Store { mark } = raise {
            self.storing(mark);
            self.words.asking(clock::monotonic());
            self.shared.stored_marks().storing(mark);
        }
        raise
    }

    /// Remembers a mark that is about to be stored or is taken over: to the others it is no foreign
    /// one either.
    fn storing(&self, mark: i64) {
        for words in [Some(self.words), self.others].into_iter().flatten() {
            words.storing(mark);
        }
    }

    /// Returns whether the log is durable as far as it must be, on synchronous standbys too. A
    /// caller that has IDs left does not wait for that.
    fn make_durable(&self, raise: Raise, lsn: pg_sys::XLogRecPtr, ahead: bool) -> Outcome<bool> {
        Ok(match raise {
            Raise::Published | Raise::Ended => true,
            // where nothing is logged there is no position
            Raise::Raised { .. } | Raise::Store { .. } if ahead => {
                let durable = wal::flushed_soon(lsn) && standbys::have(lsn);
                let now = clock::monotonic();
                if durable {
                    self.words.found_durable(now, false);
                } else {
                    self.words.not_yet_durable(now);
                }
                durable
            }
            Raise::Raised { .. } | Raise::Store { .. } | Raise::Adopt { .. } => {
                flush(self.words, lsn)?;
                true
            }
        })
    }

    /// Lets callers see what was decided.
    fn publish(
        &self,
        need: Need,
        raise: Raise,
        durable: bool,
        sample: &ClockSample,
    ) -> Outcome<()> {
        let holder = self.shared.holder();
        match (raise, need) {
            (Raise::Ended, Need::Now(first)) => {
                self.slot.count_error();
                return Err(holder.ended(self.shape.instant(first)));
            }
            (
                Raise::Adopt {
                    mark,
                    foreign: true,
                },
                _,
            ) => self.adopt(mark, sample)?,
            (Raise::Raised { mark } | Raise::Adopt { mark, .. } | Raise::Store { mark }, _)
                if durable =>
            {
                holder.admit(mark, |mark| {
                    self.words.publish(self.shape, mark, self.pace);
                });
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes over a mark from elsewhere: every ID given out before has a timestamp below it, at
    /// most `max_lead` ahead of the clock.
    fn adopt(&self, mark: i64, sample: &ClockSample) -> Outcome<()> {
        let (lead, unit) = (self.pace.max_lead, self.shape.unit());
        let ahead = mark.saturating_mul(1_000) - lead - sample.wall.micros();
        let written = self.words.written.load_relaxed() as i64;
        let at_start = written == 0;
        let explained = if at_start {
            self.pace.unremarkable_at_start(unit)
        } else {
            self.pace.unremarkable(unit)
        };
        // unless another backend has done so meanwhile
        if ahead > explained && mark > written {
            // before any word is raised: other databases must not suffer for it
            self.pace
                .tolerate(ahead, sample.wall)
                .inspect_err(|_| self.slot.count_error())?;
        }
        let first = Timestamp::from_millis(mark);
        let beginning = if at_start {
            Beginning::at_start(first, self.pace, unit, sample)
        } else {
            Beginning::at(first, lead, sample)
        };
        let holder = self.shared.holder();
        holder.with_words_at_rest(|| self.shared.words().resume_ids(self.shape, &beginning));
        self.storing(mark);
        holder.admit(mark, |mark| {
            self.words.publish(self.shape, mark, self.pace);
        });
        Ok(())
    }
}

/// Makes the log durable up to a position, on synchronous standbys too; the caller waits, which is
/// counted.
fn flush(mark: &Mark<AtomicU64>, lsn: pg_sys::XLogRecPtr) -> Outcome<()> {
    let waits = !wal::flushed(lsn) || !standbys::have(lsn);
    let began = clock::monotonic();
    if waits {
        mark.count_wait();
        wal::flush(lsn);
        standbys::wait(lsn)?;
    }
    let now = clock::monotonic();
    mark.found_durable(now, waits);
    mark.waited(now.saturating_sub(began));
    Ok(())
}
