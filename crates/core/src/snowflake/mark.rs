//! The mark: no ID with a timestamp at or above it has been given out.
//!
//! It is stored per database in milliseconds since 1970, raised ahead of need, and durable before
//! it is published here. What a crash, a failover or a restore brings back is the stored mark,
//! which is above every ID given out before, and IDs go on from it.

use super::{Pace, Shape};
use crate::{Timestamp, Word};

/// One database's mark in shared memory.
#[derive(Debug, Default)]
pub struct Mark<W> {
    /// The tick below which IDs may be given out; 0 until the stored mark has been read.
    pub bound: W,
    /// The highest mark that this server has stored, in milliseconds since 1970. A stored mark
    /// above it came from elsewhere: from before the start, or from a restore.
    pub written: W,
}

/// What to do about a stored mark, decided while it is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raise {
    /// Another backend has raised and published it.
    Published,
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
}

impl<W: Word> Mark<W> {
    /// Decides how the mark gets above `first`, with `stored` on disk (0 if never raised) and the
    /// clock at `wall`. The caller holds the lock that serialises raises.
    ///
    /// The mark goes a window beyond `first`, but not beyond where the clock lets IDs go in a
    /// window: a server that starts goes on from the mark, and many starts in a row must not add
    /// up. Only a clock that went back puts `first` itself beyond that.
    pub fn decide(
        &self,
        shape: &Shape,
        first: u64,
        stored: i64,
        pace: &Pace,
        wall: Timestamp,
    ) -> Raise {
        let bound = self.bound.load_acquire();
        if bound > first {
            return Raise::Published;
        }
        let foreign = stored > 0 && stored as u64 > self.written.load_relaxed();
        if stored > 0 && (foreign || bound_of(shape, stored) > first) {
            return Raise::Adopt {
                mark: stored,
                foreign,
            };
        }
        let end = shape.instant(first).micros().saturating_add(shape.unit());
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
        let mark = target.saturating_add(999) / 1_000;
        Raise::Store {
            mark: mark.max(stored).max(self.written.load_relaxed() as i64),
        }
    }

    /// Remembers what is about to be stored; the caller still holds the lock.
    pub fn storing(&self, mark: i64) {
        self.written.raise_relaxed(mark as u64);
    }

    /// Publishes a mark that is durable. Words that must be above it were raised before.
    pub fn publish(&self, shape: &Shape, mark: i64) {
        self.bound.raise_release(bound_of(shape, mark));
        self.written.raise_relaxed(mark as u64);
    }
}

/// The first tick at or above a mark, rounded down to a whole unit.
fn bound_of(shape: &Shape, mark: i64) -> u64 {
    shape.first_tick(Timestamp::from_millis(mark))
}
