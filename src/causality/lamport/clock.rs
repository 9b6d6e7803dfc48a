//! The Lamport clock of this database: what a backend keeps of it, and how its mark is raised.
//!
//! The fast path touches the clock's words in shared memory alone. The mark is `last_value` of the
//! sequence `lamport_mark`, and durable before a number below or at it is given out;
//! `snowflake_core::causality::lamport` says more, and decides what is stored.

use std::sync::atomic::AtomicU64;

use pgrx::prelude::*;
use snowflake_core::causality::lamport::{self, Lamport, Raise};
use snowflake_core::words::Word;

use crate::extension;
use crate::postgres::error::Outcome;
use crate::postgres::invalidation::Kept;
use crate::postgres::stored_number::StoredNumber;
use crate::postgres::{standbys, transaction, wal};
use crate::shared::places;
use crate::shared::segment::{self, Shared};

/// Looked up once per backend and after changes.
#[derive(Clone, Copy)]
struct Clock {
    shared: Shared,
    mark: StoredNumber,
    /// What it has its place in shared memory by.
    key: u64,
    /// `None` where there is no room for it.
    words: Option<Words>,
}

/// The clock in shared memory.
#[derive(Clone, Copy)]
struct Words {
    lamport: &'static Lamport<AtomicU64>,
    /// The mark that this session goes by.
    bound: &'static AtomicU64,
    /// Whether that is the one that synchronous standbys need not have.
    without_standbys: bool,
}

static CLOCK: Kept<Clock> = Kept::new(|clock, changed| clock.mark.sequence == changed);

/// The next number, if that takes none of what can fail or wait.
#[inline(always)]
pub fn try_next() -> Option<i64> {
    let words = CLOCK.get()?.words?;
    Some(words.lamport.advance(words.bound, 0)? as i64)
}

/// The number of an event that knows of another with the number `witnessed`, or of none, 0.
pub fn advance(witnessed: u64) -> Outcome<i64> {
    loop {
        check_for_interrupts!();
        let clock = current()?;
        let number = match clock.words {
            Some(words) => match words.lamport.advance(words.bound, witnessed) {
                Some(number) => Some(number),
                None => {
                    let last = words.lamport.last.load_relaxed();
                    let number = lamport::next(last, witnessed)?;
                    clock.raise(words, Some(number))?;
                    None
                }
            },
            None => clock.advance_stored(witnessed)?,
        };
        if let Some(number) = number {
            return Ok(number as i64);
        }
    }
}

/// The last number given out; after a start, what the mark says of it.
pub fn now() -> Outcome<i64> {
    let clock = current()?;
    match clock.words {
        Some(words) => Ok(words.lamport.last.load_relaxed() as i64),
        None => clock.stored().map(|last| last as i64),
    }
}

fn current() -> Outcome<Clock> {
    match CLOCK.get() {
        Some(clock) if !clock.is_over() => Ok(clock),
        _ => CLOCK.renew(attach),
    }
}

fn attach() -> Outcome<Clock> {
    let shared = segment::shared()?;
    transaction::refuse_recovery(
        "use the Lamport clock",
        "It is the primary's: call the function there.",
    )?;
    let mark = StoredNumber {
        sequence: extension::relation(extension::find()?.schema, c"lamport_mark")?,
        name: "lamport_mark",
        purpose: "raise the mark",
    };
    let without_standbys = standbys::are_done_without();
    let words = places::of_sequence(shared, mark.sequence)?.map(|entry| {
        let lamport = entry.lamport();
        let bound = if without_standbys {
            &lamport.durable
        } else {
            &lamport.confirmed
        };
        Words {
            lamport,
            bound,
            without_standbys,
        }
    });
    let clock = Clock {
        shared,
        mark,
        key: segment::key(mark.sequence),
        words,
    };
    // from before the start, or changed by somebody since: also for who only asks where the clock is
    if let Some(words) = words
        && clock.stored()? != words.lamport.written.load_relaxed()
    {
        clock.raise(words, None)?;
    }
    Ok(clock)
}

impl Clock {
    /// Whether it has got room in shared memory by now, or the session is to go by another mark.
    fn is_over(&self) -> bool {
        match self.words {
            Some(words) => words.without_standbys != standbys::are_done_without(),
            None => self.shared.marks().known(self.key).is_some(),
        }
    }

    /// The mark as stored; 0 before the first number of the database.
    fn stored(&self) -> Outcome<u64> {
        let (row, _) = self.mark.read()?;
        Ok(count(row.last_value))
    }

    /// Raises the mark for a number; without one, sees to it that what is stored is what this
    /// server has stored. Other callers may have taken the number on return.
    fn raise(&self, words: Words, needed: Option<u64>) -> Outcome<()> {
        let lamport = words.lamport;
        let sequence = self.mark.open_to_raise()?;
        let change = self.mark.change(&sequence, |row| {
            match lamport.decide(words.bound, needed, count(row.last_value)) {
                raise @ Raise::Store { mark } => {
                    lamport.storing(mark);
                    (raise, Some(mark as i64))
                }
                raise => (raise, None),
            }
        });
        let published = change.and_then(|(raise, position)| words.publish(raise, position));
        sequence.close();
        published
    }

    /// The next number from the stored mark itself, which becomes that number. `None` if the
    /// database has got room in shared memory by now: who takes it reads the mark afterwards, so
    /// numbers of both ways are in order.
    fn advance_stored(&self, witnessed: u64) -> Outcome<Option<u64>> {
        let sequence = self.mark.open_to_raise()?;
        let marks = self.shared.marks();
        let change = self.mark.change(&sequence, |row| {
            let number = match marks.known(self.key) {
                Some(_) => Ok(None),
                None => lamport::next(count(row.last_value), witnessed).map(Some),
            };
            let stored = number.as_ref().ok().copied().flatten();
            (number, stored.map(|number| number as i64))
        });
        let number = change.and_then(|(number, position)| {
            wal::flush(position);
            standbys::wait(position)?;
            Ok(number?)
        });
        sequence.close();
        number
    }
}

impl Words {
    /// Makes what was decided durable up to a position in the log, and lets callers see it.
    fn publish(&self, raise: Raise, position: pg_sys::XLogRecPtr) -> Outcome<()> {
        let mark = match raise {
            Raise::Published => return Ok(()),
            Raise::Adopt { mark, .. } | Raise::Store { mark } => mark,
        };
        wal::flush(position);
        if let Raise::Adopt { foreign: true, .. } = raise {
            self.lamport.resume(mark);
        }
        self.lamport.publish_durable(mark);
        if !self.without_standbys {
            standbys::wait(position)?;
            self.lamport.publish_confirmed(mark);
        }
        Ok(())
    }
}

/// What is stored as a count: somebody may have allowed the sequence to be negative.
fn count(stored: i64) -> u64 {
    stored.max(0) as u64
}
