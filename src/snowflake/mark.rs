//! The durable mark: `last_value` of the sequence `snowflake_mark`, in milliseconds since 1970; of
//! hybrid times, `hlc_mark`.
//!
//! It is written in place through generic WAL and durable before any ID below it is given out;
//! docs/durability.md says why, and why not by setval(). What to write is decided in
//! `snowflake_core::snowflake::Mark`.

use std::sync::atomic::{AtomicU64, Ordering};

use pgrx::prelude::*;
use snowflake_core::snowflake::{Found, Mark, Need, Raise, Shape};
use snowflake_core::words::{Pace, Slot, Word};
use snowflake_core::{ClockSample, Timestamp};

use crate::host::clock;
use crate::postgres::backend::BackendLocal;
use crate::postgres::error::Outcome;
use crate::postgres::sequence::Change;
use crate::postgres::stored_number::StoredNumber;
use crate::postgres::{standbys, wal};
use crate::shared::marks::StoredMarks;
use crate::shared::places;
use crate::shared::segment::{self, Shared};
use crate::shared::words::Beginning;
use crate::snowflake::record::{self, Relations};
use crate::time::gate;

/// What stays below a mark.
#[derive(Clone, Copy)]
pub enum Bounds {
    /// The IDs of a database, whose sequence is `snowflake_mark`.
    SnowflakeIds(Relations),
    /// The hybrid times that it has given out or received.
    HybridTimes {
        /// `hlc_mark`.
        sequence: pg_sys::Oid,
    },
}

/// The words that stand for a stored mark, as a backend sees them.
#[derive(Clone, Copy)]
pub struct MarkWords {
    pub words: &'static Mark<AtomicU64>,
    /// Whether they are this backend's own.
    is_own: bool,
    /// Those that other backends share, if there is room for them.
    shared: Option<&'static Mark<AtomicU64>>,
}

/// The words of this backend, for a database that has no room in shared memory, or for a session
/// that does without synchronous standbys. Which marks other backends have stored it learns at each
/// raise, from the highest of the server.
pub struct OwnMark {
    words: Mark<AtomicU64>,
    sequence: BackendLocal<pg_sys::Oid>,
}

impl OwnMark {
    /// One that has not been read.
    pub const fn new() -> Self {
        Self {
            words: Mark::new(),
            sequence: BackendLocal::new(pg_sys::InvalidOid),
        }
    }

    /// The words for a sequence.
    fn of(&'static self, sequence: pg_sys::Oid) -> &'static Mark<AtomicU64> {
        if self.sequence.replace(sequence) != sequence {
            // the extension was created anew: the mark of the old one says nothing about the new one
            for word in [&self.words.bound, &self.words.durable, &self.words.written] {
                word.store(0, Ordering::Relaxed);
            }
        }
        &self.words
    }
}

impl MarkWords {
    /// Those of a sequence of this database.
    pub fn find(shared: Shared, sequence: pg_sys::Oid, own: &'static OwnMark) -> Outcome<Self> {
        let others = places::of_sequence(shared, sequence)?.map(|entry| entry.mark());
        // what this session does not wait for is not to count for the others
        let mark = others.filter(|_| !standbys::are_done_without());
        Ok(Self {
            words: mark.unwrap_or_else(|| own.of(sequence)),
            is_own: mark.is_none(),
            shared: others,
        })
    }

    /// Whether the session is to have others by now.
    pub fn are_over(&self, shared: Shared, sequence: pg_sys::Oid) -> bool {
        let has_no_room =
            || self.shared.is_none() && shared.marks().known(segment::key(sequence)).is_none();
        self.is_own != (standbys::are_done_without() || has_no_room())
    }
}

/// The mark of a database as a backend sees it: what is stored, and the words that stand for it in
/// shared memory.
pub struct StoredMark<'a> {
    pub mark: MarkWords,
    pub bounds: Bounds,
    pub shape: &'a Shape,
    pub pace: &'a Pace,
    pub shared: Shared,
    /// Of the worker whose caller needs the mark: IDs that are refused are counted there.
    pub slot: &'static Slot<AtomicU64>,
}

impl Bounds {
    /// The sequence.
    fn number(self) -> StoredNumber {
        let (sequence, name) = match self {
            Self::SnowflakeIds(relations) => (relations.mark, "snowflake_mark"),
            Self::HybridTimes { sequence } => (sequence, "hlc_mark"),
        };
        StoredNumber {
            sequence,
            name,
            purpose: "raise the mark",
        }
    }

    /// What this server has stored of such marks.
    fn stored_marks(self, shared: Shared) -> &'static StoredMarks {
        match self {
            Self::SnowflakeIds(_) => shared.stored_marks(),
            Self::HybridTimes { .. } => shared.stored_hybrid_marks(),
        }
    }

    /// The mark as stored, in milliseconds since 1970; 0 before the first.
    fn stored(self) -> Outcome<i64> {
        let (row, _) = self.number().read()?;
        Ok(row.last_value)
    }
}

/// The mark as stored, in milliseconds since 1970; 0 before the first ID of the database.
pub fn stored(relations: Relations) -> Outcome<i64> {
    Bounds::SnowflakeIds(relations).stored()
}

/// Whether the database has given out an ID.
pub fn is_used(relations: Relations) -> Outcome<bool> {
    Ok(stored(relations)? > 0)
}

impl StoredMark<'_> {
    /// Raises the mark above `first`, early if there is still room. On return `first` is below the
    /// bound that callers compare with.
    pub fn raise(&self, first: u64, sample: &ClockSample) -> Outcome<()> {
        let words = self.mark.words;
        let need = words.need(first);
        self.settle(need, sample)?;
        if let Need::Ahead(first) = need {
            words.step(self.shape, first, self.pace);
        }
        Ok(())
    }

    /// Compares what is stored with what this server has stored, and stores it anew if that was
    /// lost: for a session that begins, or begins anew because the sequence was altered.
    pub fn verify(&self) -> Outcome<()> {
        let words = self.mark.words;
        if words.bound.load_relaxed() == 0
            || self.bounds.stored()? as u64 == words.written.load_relaxed()
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
        let Bounds::SnowflakeIds(relations) = self.bounds else {
            return self.store(need, sample);
        };
        if self.mark.words.bound.load_relaxed() > 0 || is_used(relations)? {
            return self.store(need, sample);
        }
        let (table, lock) = (relations.layout, pg_sys::AccessShareLock as i32);
        // SAFETY: released below; after an ERROR, by the end of the transaction
        unsafe { pg_sys::LockRelationOid(table, lock) };
        let result = record::check(relations)
            .and_then(|_| record::check_settled(relations))
            .and_then(|()| self.store(need, sample));
        // SAFETY: releases what was taken above
        unsafe { pg_sys::UnlockRelationOid(table, lock) };
        result
    }

    /// Stores what is decided with the sequence locked, makes it durable and publishes it.
    fn store(&self, need: Need, sample: &ClockSample) -> Outcome<()> {
        let ahead = matches!(need, Need::Ahead(_));
        // asked before anything is stored
        let log_start = self.bounds.stored_marks(self.shared).log_start();
        let number = self.bounds.number();
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
        let stored_marks = self.bounds.stored_marks(self.shared);
        let native = if self.mark.is_own && since_start {
            stored_marks.highest()
        } else {
            0
        };
        let found = Found {
            stored,
            native,
            wall: sample.wall,
            end: self.end(),
        };
        let words = self.mark.words;
        let raise = match self.bounds {
            Bounds::SnowflakeIds(_) => words.decide(self.shape, need, found, self.pace),
            Bounds::HybridTimes { .. } => words.decide_near(self.shape, need, found, self.pace),
        };
        if let Raise::Store { mark } = raise {
            self.storing(mark);
            words.asking(clock::monotonic());
            stored_marks.storing(mark);
        }
        raise
    }

    /// No ID is at or above this one, in milliseconds since 1970. A lease is of a worker ID, which
    /// hybrid times have none of.
    fn end(&self) -> i64 {
        match self.bounds {
            Bounds::SnowflakeIds(_) => self.shared.holder().end(),
            Bounds::HybridTimes { .. } => i64::MAX,
        }
    }

    /// Remembers a mark that is about to be stored or is taken over: to the others it is no foreign
    /// one either.
    fn storing(&self, mark: i64) {
        let others = self.mark.shared.filter(|_| self.mark.is_own);
        for words in [Some(self.mark.words), others].into_iter().flatten() {
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
                    self.mark.words.found_durable(now, false);
                } else {
                    self.mark.words.not_yet_durable(now);
                }
                durable
            }
            Raise::Raised { .. } | Raise::Store { .. } | Raise::Adopt { .. } => {
                flush(self.mark.words, lsn)?;
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
        match (raise, need) {
            (Raise::Ended, Need::Now(first)) => {
                self.slot.count_error();
                return Err(self.shared.holder().ended(self.shape.instant(first)));
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
                self.admit(mark);
            }
            _ => {}
        }
        Ok(())
    }

    /// Lets callers go on to a mark that is durable, under a lease as far as it admits.
    fn admit(&self, mark: i64) {
        let publish = |mark| self.mark.words.publish(self.shape, mark, self.pace);
        match self.bounds {
            Bounds::SnowflakeIds(_) => self.shared.holder().admit(mark, publish),
            Bounds::HybridTimes { .. } => publish(mark),
        }
    }

    /// Takes over a mark from elsewhere: every ID given out before has a timestamp below it, at
    /// most `max_lead` ahead of the clock.
    fn adopt(&self, mark: i64, sample: &ClockSample) -> Outcome<()> {
        let (lead, unit) = (self.pace.max_lead, self.shape.unit());
        let ahead = mark.saturating_mul(1_000) - lead - sample.wall.micros();
        let written = self.mark.words.written.load_relaxed() as i64;
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
        match self.bounds {
            Bounds::SnowflakeIds(_) => {
                let words = self.shared.words();
                let resume = || words.resume_ids(self.shape, &beginning);
                self.shared.holder().with_words_at_rest(resume);
            }
            Bounds::HybridTimes { .. } => beginning.resume(self.shape, self.slot),
        }
        self.storing(mark);
        self.admit(mark);
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
