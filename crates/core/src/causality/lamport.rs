//! Lamport's clock: a number for each event, above those of all events that can have been its cause.
//!
//! The next number is the last one plus 1. Who hears of an event elsewhere goes on above its number,
//! too. There is no clock in it that could be wrong, so nobody waits and nothing is refused.
//!
//! No number is given out above the mark. It is raised ahead of need, and durable before numbers go
//! up to it: what a crash, a failover or a restore brings back is the stored mark, and numbers go on
//! from it. The mark of snowflake IDs has the same protocol with times in the place of counts.

use std::sync::atomic::AtomicU64;

use super::error::LamportError;
use crate::words::Word;

/// The last number that there is.
pub const LAST: u64 = 1 << 62;

/// How many numbers one raise of the mark is for: a crash skips no more.
pub const AHEAD: u64 = 1 << 20;

/// How far a number that is witnessed may be ahead of the clock.
pub const LONGEST_STEP: u64 = 1 << 40;

/// The clock of one database in shared memory; 0 throughout before its mark has been read.
///
/// ```
/// use std::sync::atomic::AtomicU64;
/// use snowflake_core::causality::lamport::{AHEAD, Lamport, Raise};
///
/// let clock = Lamport::<AtomicU64>::new();
/// assert_eq!(clock.advance(&clock.confirmed, 0), None);
/// // so the mark has to be raised: for a whole block, of which 1 is the first
/// assert_eq!(clock.decide(&clock.confirmed, Some(1), 0), Raise::Store { mark: AHEAD });
/// clock.storing(AHEAD);
/// // once it is durable
/// clock.publish_durable(AHEAD);
/// clock.publish_confirmed(AHEAD);
/// assert_eq!(clock.advance(&clock.confirmed, 0), Some(1));
/// assert_eq!(clock.advance(&clock.confirmed, 41), Some(42));
/// ```
#[derive(Debug, Default)]
pub struct Lamport<W> {
    /// The last number given out, or the mark that was found at the start.
    pub last: W,
    /// The mark that is durable on this server: the bound of sessions that do without synchronous
    /// standbys. 0 until the stored mark has been read.
    pub durable: W,
    /// The mark that is durable on synchronous standbys, too: the bound of all other sessions.
    pub confirmed: W,
    /// The highest mark that this server has stored, or is about to store, or has taken over.
    pub written: W,
}

/// What to do about a stored mark, decided while it is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raise {
    /// Nothing.
    Published,
    /// It is high enough: make durable what is stored, then publish `mark`.
    Adopt {
        /// What is stored.
        mark: u64,
        /// It came from elsewhere: from before the start, or from a restore. The clock goes on above
        /// it.
        foreign: bool,
    },
    /// Store `mark`, make it durable, then publish it.
    Store {
        /// What is to be stored.
        mark: u64,
    },
}

impl Lamport<AtomicU64> {
    /// A clock whose mark has not been read.
    pub const fn new() -> Self {
        Self {
            last: AtomicU64::new(0),
            durable: AtomicU64::new(0),
            confirmed: AtomicU64::new(0),
            written: AtomicU64::new(0),
        }
    }
}

impl<W: Word> Lamport<W> {
    /// The number of an event that knows of another with the number `witnessed`, or of none, 0.
    /// `None` if it is above `bound`, one of the two marks.
    ///
    /// The bound is read before the swap: a number once taken cannot be put back. It is read before
    /// `last`, which was raised to a mark from elsewhere before that was published.
    #[inline(always)]
    pub fn advance(&self, bound: &W, witnessed: u64) -> Option<u64> {
        let bound = bound.load_acquire();
        let mut last = self.last.load_relaxed();
        loop {
            let number = last.max(witnessed) + 1;
            if number > bound {
                return None;
            }
            match self.last.compare_exchange_relaxed(last, number) {
                Ok(_) => return Some(number),
                Err(actual) => last = actual,
            }
        }
    }

    /// Decides what becomes of the stored mark, for a caller that needs `bound` at a number, or that
    /// needs what is stored to be what this server has stored. The caller holds the lock that
    /// serialises raises.
    pub fn decide(&self, bound: &W, needed: Option<u64>, stored: u64) -> Raise {
        let written = self.written.load_relaxed();
        if stored > written {
            return Raise::Adopt {
                mark: stored,
                foreign: true,
            };
        }
        let lost = stored < written;
        match needed {
            None if !lost => Raise::Published,
            None => Raise::Store { mark: written },
            Some(number) if !lost && bound.load_acquire() >= number => Raise::Published,
            // another has raised it, and not published it yet
            Some(number) if !lost && stored >= number => Raise::Adopt {
                mark: stored,
                foreign: false,
            },
            Some(number) => Raise::Store {
                mark: (number - 1 + AHEAD).min(LAST).max(written),
            },
        }
    }

    /// Remembers a mark that is about to be stored, while the lock is held.
    pub fn storing(&self, mark: u64) {
        self.written.raise_relaxed(mark);
    }

    /// Goes on above a mark from elsewhere, which is durable and not published yet.
    pub fn resume(&self, mark: u64) {
        self.last.raise_relaxed(mark);
        self.written.raise_relaxed(mark);
    }

    /// Publishes a mark that is durable on this server.
    pub fn publish_durable(&self, mark: u64) {
        self.durable.raise_release(mark);
    }

    /// Publishes a mark that is durable on synchronous standbys, too.
    pub fn publish_confirmed(&self, mark: u64) {
        self.confirmed.raise_release(mark);
    }
}

/// A number that somebody else says to have given out: 0 stands for none.
///
/// # Errors
/// One outside the range.
pub fn witnessed(number: i64) -> Result<u64, LamportError> {
    match u64::try_from(number) {
        Ok(number) if number <= LAST => Ok(number),
        _ => Err(LamportError::OutOfRange {
            number,
            largest: LAST,
        }),
    }
}

/// The number after the last one and one that is witnessed.
///
/// # Errors
/// A step that is too long, or beyond the last number that there is.
pub fn next(last: u64, witnessed: u64) -> Result<u64, LamportError> {
    if witnessed.saturating_sub(last) > LONGEST_STEP {
        return Err(LamportError::TooFar {
            witnessed,
            last,
            longest: LONGEST_STEP,
        });
    }
    let number = last.max(witnessed) + 1;
    if number > LAST {
        return Err(LamportError::Exhausted { largest: LAST });
    }
    Ok(number)
}
