//! The counter of a ticket: how far its numbers are claimed.

use super::block::Block;

/// What a counter says while it is locked.
///
/// ```
/// use snowflake_core::ticket::Counter;
///
/// let counter = Counter { value: 1, claimed: false, step: 1, largest: 15 };
/// let block = counter.claim(10).expect("the range has numbers left");
/// assert_eq!((block.first, block.last()), (1, 10));
///
/// // stored as claimed; the last block has what is left
/// let counter = Counter { value: block.last(), claimed: true, ..counter };
/// assert_eq!(counter.next(), Some(11));
/// assert_eq!(counter.claim(10).map(|block| block.count), Some(5));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Counter {
    /// The last number claimed, or the first one to be claimed.
    pub value: i64,
    /// Which of the two it is.
    pub claimed: bool,
    /// The distance between two numbers, positive.
    pub step: i64,
    /// The largest number.
    pub largest: i64,
}

impl Counter {
    /// The number that is claimed next; `None` if there is none.
    pub fn next(&self) -> Option<i64> {
        let next = if self.claimed {
            self.value.checked_add(self.step)?
        } else {
            self.value
        };
        (next <= self.largest).then_some(next)
    }

    /// Up to `count` numbers (1 or more), one at least; `None` if there is none. They are claimed
    /// once the last of them is stored.
    pub fn claim(&self, count: u32) -> Option<Block> {
        let first = self.next()?;
        // the distance of two numbers may not fit an i64
        let room = self.largest.abs_diff(first);
        let further = room.checked_div(self.step.unsigned_abs())?;
        let count = u64::from(count).min(further.saturating_add(1)) as u32;
        Some(Block {
            first,
            step: self.step,
            count,
        })
    }
}
