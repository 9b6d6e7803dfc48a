//! The mark: no ID with a timestamp at or above it has been given out.
//!
//! It is stored per database in milliseconds since 1970, raised ahead of need, and durable before
//! it is published here. What a crash, a failover or a restore brings back is the stored mark,
//! which is above every ID given out before, and IDs go on from it.
//!
//! A raise by half a window ahead need not wait until it is durable. Until it is, the IDs below
//! the mark before last for: `bound`, which callers compare with, follows in steps, and at each
//! step a caller looks whether the raise has become durable.

use std::sync::atomic::AtomicU64;

use super::shape::Shape;
use crate::timestamp::Timestamp;
use crate::words::{Pace, Word, add_one};

/// One database's mark in shared memory.
#[derive(Debug, Default)]
pub struct Mark<W> {
    /// The tick below which IDs may be given out without looking at the mark; never above
    /// `durable`, and 0 until the stored mark has been read.
    pub bound: W,
    /// The tick below which IDs may be given out: the durable mark.
    pub durable: W,
    /// The highest mark that this server has stored, in milliseconds since 1970. A stored mark
    /// above it came from elsewhere, from before the start or from a restore; one below it lost
    /// something.
    pub written: W,
    /// How often a caller waited until a raise was durable.
    pub waits: W,
}

/// What a caller needs of the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// That it is durable above a tick.
    Now(u64),
    /// That it is durable above a later tick in good time; it is above this one.
    Ahead(u64),
    /// That what is stored is what this server has stored.
    Intact,
}

/// What stands in the database while its lock is held, and the clock.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    /// The stored mark, in milliseconds since 1970; 0 if it was never raised.
    pub stored: i64,
    /// A stored mark up to this one is no foreign one, also where `written` does not know it.
    pub native: i64,
    /// What the wall clock says.
    pub wall: Timestamp,
    /// No ID may have a timestamp at or above this one, in milliseconds since 1970: the end of the
    /// server's lease; `i64::MAX` where none is needed.
    pub end: i64,
}

/// What to do about a stored mark, decided while it is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raise {
    /// Nothing: another backend has raised and published it.
    Published,
    /// It was raised ahead: publish `mark` if it is durable by now.
    Raised {
        /// Milliseconds since 1970.
        mark: i64,
    },
    /// It is high enough: make durable what is stored, then publish `mark`.
    Adopt {
        /// Milliseconds since 1970.
        mark: i64,
        /// It came from elsewhere: all words must be raised to it first.
        foreign: bool,
    },
    /// Store `mark`, make it durable, then publish it.
    Store {
        /// Milliseconds since 1970.
        mark: i64,
    },
    /// Nothing: the unit of the tick goes beyond the end.
    Ended,
}

impl Mark<AtomicU64> {
    /// A mark that has not been read.
    pub const fn new() -> Self {
        Self {
            bound: AtomicU64::new(0),
            durable: AtomicU64::new(0),
            written: AtomicU64::new(0),
            waits: AtomicU64::new(0),
        }
    }
}

impl<W: Word> Mark<W> {
    /// What a caller needs whose turn it is at `first`, a tick not below `bound`.
    pub fn need(&self, first: u64) -> Need {
        if self.durable.load_acquire() > first {
            Need::Ahead(first)
        } else {
            Need::Now(first)
        }
    }

    /// Decides what becomes of the stored mark. The caller holds the lock that serialises raises.
    ///
    /// The mark goes a window beyond the tick that asks for it, but not beyond where the clock lets
    /// IDs go in a window: a server that starts goes on from the mark, and many starts in a row
    /// must not add up. Only a clock that went back puts the tick itself beyond that. Nor does it go
    /// beyond the end of the lease.
    pub fn decide(&self, shape: &Shape, need: Need, found: Found, pace: &Pace) -> Raise {
        let Found {
            stored,
            native,
            wall,
            end: lease_end,
        } = found;
        let written = self.written.load_relaxed() as i64;
        if stored > written.max(native) {
            return Raise::Adopt {
                mark: stored,
                foreign: true,
            };
        }
        let lost = stored < written;
        let lease_end = lease_end.saturating_mul(1_000);
        let unit_end = |tick| shape.instant(tick).micros().saturating_add(shape.unit());
        match need {
            Need::Now(first) if self.durable.load_acquire() > first => return Raise::Published,
            Need::Now(first) if unit_end(first) > lease_end => return Raise::Ended,
            // what is durable still lasts
            Need::Ahead(first) if unit_end(first) > lease_end => return Raise::Published,
            Need::Now(first) if !lost && bound_of(shape, stored) > first => {
                return Raise::Adopt {
                    mark: stored,
                    foreign: false,
                };
            }
            Need::Ahead(_) if !lost && bound_of(shape, stored) > self.durable.load_acquire() => {
                return Raise::Raised { mark: stored };
            }
            Need::Intact if lost => return Raise::Store { mark: written },
            Need::Intact => return Raise::Published,
            Need::Now(_) | Need::Ahead(_) => {}
        }
        let (Need::Now(first) | Need::Ahead(first)) = need else {
            return Raise::Published;
        };
        let end = unit_end(first);
        let ceiling = wall
            .micros()
            .saturating_add(pace.max_lead)
            .saturating_add(pace.window);
        let ahead = end.saturating_add(pace.window);
        let target = if ceiling >= end {
            ahead.min(ceiling)
        } else {
            ahead
        };
        // rounded up to whole milliseconds, so that the tick is covered in any unit
        let mark = (target.min(lease_end).saturating_add(999) / 1_000)
            .max(written)
            .max(stored);
        if mark == stored {
            return Raise::Published;
        }
        Raise::Store { mark }
    }

    /// Remembers what is about to be stored, while the lock is held, or what was taken over from
    /// elsewhere.
    pub fn storing(&self, mark: i64) {
        self.written.raise_relaxed(mark as u64);
    }

    /// Publishes a mark that is durable, as far as the server's fence admits it. Words that must be
    /// above it were raised before.
    ///
    /// Callers look at the mark again half a window before it.
    pub fn publish(&self, shape: &Shape, mark: i64, pace: &Pace) {
        self.durable.raise_release(bound_of(shape, mark));
        let half = Timestamp::from_micros(mark.saturating_mul(1_000) - pace.window / 2);
        self.bound.raise_release(shape.first_tick(half));
    }

    /// Lets callers go on for a sixteenth of a window, or a unit, from `first`, as far as the mark
    /// allows.
    pub fn step(&self, shape: &Shape, first: u64, pace: &Pace) {
        let end = shape.instant(first).micros().saturating_add(shape.unit());
        let step = Timestamp::from_micros(end.saturating_add(pace.window / 16));
        let bound = shape.first_tick(step).min(self.durable.load_acquire());
        self.bound.raise_release(bound);
    }

    /// Counts a caller that waited until a raise was durable.
    pub fn count_wait(&self) {
        add_one(&self.waits);
    }
}

/// The first tick at or above a mark, rounded down to a whole unit.
fn bound_of(shape: &Shape, mark: i64) -> u64 {
    shape.first_tick(Timestamp::from_millis(mark))
}
