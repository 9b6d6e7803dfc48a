//! The fence: no ID with a timestamp outside the interval that was leased.
//!
//! Words may advance only as far as a bound that the fence has admitted, and it admits none above
//! the end of the interval. It remembers the highest, which is above every ID given out: where a
//! lease ends early, what lies above can be handed back.
//!
//! A lock serialises both sides: a backend that lets words advance holds it shared from asking the
//! fence until callers can see the new bound, a process that moves the fence holds it alone.

use std::sync::atomic::AtomicU64;

use super::shape::Shape;
use crate::timestamp::Timestamp;
use crate::words::Word;

/// The fence of a server, in milliseconds since 1970.
///
/// ```
/// use snowflake_core::snowflake::Fence;
///
/// let fence = Fence::closed();
/// assert_eq!(fence.admit(1_500), 0);
/// assert_eq!(fence.enter(1_000, 2_000), 1_000);
/// assert_eq!(fence.admit(1_500), 1_500);
/// assert_eq!(fence.admit(2_500), 2_000);
/// // no ID is at or above this
/// assert_eq!(fence.leave(), 2_000);
/// ```
#[derive(Debug, Default)]
pub struct Fence<W> {
    /// IDs stay below it.
    end: W,
    /// The highest bound that was admitted.
    reached: W,
}

impl Fence<AtomicU64> {
    /// A fence that stops nobody, of a server that needs no lease.
    pub const fn none() -> Self {
        Self {
            end: AtomicU64::new(i64::MAX as u64),
            reached: AtomicU64::new(0),
        }
    }

    /// A fence that nothing passes, of a server that has no lease yet.
    pub const fn closed() -> Self {
        Self {
            end: AtomicU64::new(0),
            reached: AtomicU64::new(0),
        }
    }
}

impl<W: Word> Fence<W> {
    /// The end of the interval; 0 while there is none.
    pub fn end(&self) -> i64 {
        self.end.load_acquire() as i64
    }

    /// How far words may advance that should go on to `bound`. The lock is held.
    pub fn admit(&self, bound: i64) -> i64 {
        let bound = bound.min(self.end());
        self.reached.raise_relaxed(bound as u64);
        bound
    }

    /// Moves the end of the interval. The lock is held alone.
    pub fn extend(&self, end: i64) {
        let mut current = self.end.load_relaxed();
        while let Err(actual) = self.end.compare_exchange_relaxed(current, end as u64) {
            current = actual;
        }
    }

    /// Moves to another interval, with the words of its worker still closed, and returns where they
    /// begin. The lock is held alone.
    ///
    /// That is past the interval if an earlier one went beyond it: a bound admitted then stops
    /// nobody now.
    pub fn enter(&self, begin: i64, end: i64) -> i64 {
        self.extend(end);
        // what lies before the beginning is not to be handed back
        self.reached.raise_relaxed(begin.min(end) as u64);
        let reached = self.reached.load_relaxed() as i64;
        if reached > end { reached } else { begin }
    }

    /// Admits nothing more, and returns what every ID is below: those given out, and those that are
    /// yet to be given out below a bound admitted earlier. The lock is held alone.
    pub fn leave(&self) -> i64 {
        self.extend(0);
        self.reached.load_relaxed() as i64
    }
}

/// The first tick of a layout whose unit is not before an instant.
pub fn first_whole_tick(shape: &Shape, instant: Timestamp) -> u64 {
    let last = instant.micros().saturating_add(shape.unit() - 1);
    shape.first_tick(Timestamp::from_micros(last))
}
