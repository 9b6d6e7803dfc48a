//! The numbers that a server has claimed and not yet given out.
//!
//! A counter is raised by a whole block at a time. All backends of a server draw from the block in
//! turn, and the next one is queued behind it before it runs out. A number is drawn by one
//! compare-and-swap; a caller that queues or advances blocks holds the lock of the cache, so those
//! steps exclude each other.

use std::sync::atomic::AtomicU64;

use super::block::{Block, block_size};
use crate::words::{Word, add_one};

/// The numbers of one counter that a server has claimed and not yet given out.
///
/// ```
/// use std::sync::atomic::AtomicU64;
///
/// use snowflake_core::ticket::{Block, Cache, Queued, Ticket};
///
/// let cache = Cache::<AtomicU64>::new();
/// let block = Block { first: 1, step: 1, count: 2 };
/// cache.queue(Queued { block, position: 7 });
/// cache.advance(6);
/// assert_eq!(cache.draw(|| true), None, "the log is not durable up to 7");
/// cache.advance(7);
/// assert_eq!(cache.draw(|| true), Some(Ticket { number: 1, low: true }));
/// assert_eq!(cache.draw(|| true), Some(Ticket { number: 2, low: true }));
/// assert_eq!(cache.draw(|| true), None);
/// ```
#[derive(Debug, Default)]
#[repr(C)]
pub struct Cache<W> {
    /// The current block: which one it is, counted in the upper half, and how many of its numbers
    /// are left, in the lower one.
    current: W,
    /// The last number of the current block.
    last: W,
    /// The distance between two numbers of the current block.
    step: W,
    /// When to fetch: a caller that leaves no more numbers than the upper half says, while the lower
    /// half is 0. That is how many numbers the queued block has; 0 if none is queued.
    fetching: W,
    /// Where the log must be durable on synchronous standbys, for those who wait for them.
    position: W,
    /// Its first number.
    queued_first: W,
    /// The distance between two of its numbers.
    queued_step: W,
    /// Where the log must be durable before it may be used.
    queued_position: W,
    /// The size of the block that was claimed last.
    size: W,
    /// When that was, in microseconds of a clock that never goes back.
    claimed_at: W,
    /// How many blocks were claimed.
    pub blocks: W,
    /// How often a caller waited for a block.
    pub waits: W,
}

/// A number that belongs to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The number.
    pub number: i64,
    /// Whether the caller should fetch the next block.
    pub low: bool,
}

/// A block that waits behind the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queued {
    /// The block.
    pub block: Block,
    /// Where the log must be durable before it may be used.
    pub position: u64,
}

/// The half of a word that holds what is left of the current block.
const LEFT: u64 = u32::MAX as u64;

/// The half of a word that holds how many numbers the queued block has.
const QUEUED: u64 = u32::MAX as u64;

impl Cache<AtomicU64> {
    /// A cache without numbers.
    pub const fn new() -> Self {
        Self {
            current: AtomicU64::new(0),
            last: AtomicU64::new(0),
            step: AtomicU64::new(0),
            fetching: AtomicU64::new(0),
            position: AtomicU64::new(0),
            queued_first: AtomicU64::new(0),
            queued_step: AtomicU64::new(0),
            queued_position: AtomicU64::new(0),
            size: AtomicU64::new(0),
            claimed_at: AtomicU64::new(0),
            blocks: AtomicU64::new(0),
            waits: AtomicU64::new(0),
        }
    }
}

impl<W: Word> Cache<W> {
    /// Draws the next number of the current block; `None` if nothing is left of it. Needs no lock.
    ///
    /// `mine` says whether the cache still belongs to the caller's counter. It is called after the
    /// word is read: a cache that changes hands later is emptied first, and the swap fails.
    #[inline]
    pub fn draw(&self, mine: impl Fn() -> bool) -> Option<Ticket> {
        self.draw_if(mine, |_| true)
    }

    /// Draws the next number as [`Cache::draw`] does, unless its caller should fetch the next block:
    /// for one that cannot.
    #[inline(always)]
    pub fn draw_of_many(&self, mine: impl Fn() -> bool) -> Option<i64> {
        Some(self.draw_if(mine, |ticket| !ticket.low)?.number)
    }

    #[inline(always)]
    fn draw_if(&self, mine: impl Fn() -> bool, wanted: impl Fn(&Ticket) -> bool) -> Option<Ticket> {
        let mut current = self.current.load_acquire();
        loop {
            let left = current & LEFT;
            if left == 0 || !mine() {
                return None;
            }
            // The words of a block are written only while nothing is left, after which this value
            // of the word never comes back: if the swap succeeds, they are those of this block.
            let left_after = left.wrapping_sub(1);
            let further = (left_after as i64).wrapping_mul(self.step.load_relaxed() as i64);
            let number = (self.last.load_relaxed() as i64).wrapping_sub(further);
            let fetching = self.fetching.load_relaxed();
            let low = left_after <= fetching >> 32 && fetching & QUEUED == 0;
            let ticket = Ticket { number, low };
            if !wanted(&ticket) {
                return None;
            }
            match self
                .current
                .compare_exchange_release(current, current.wrapping_sub(1))
            {
                Ok(_) => return Some(ticket),
                Err(actual) => current = actual,
            }
        }
    }

    /// Where the log must be durable on synchronous standbys before a number that was drawn counts
    /// as taken there too: the position of its block, or of a later one.
    #[inline]
    pub fn position(&self) -> u64 {
        self.position.load_relaxed()
    }

    /// How many numbers of the current block are left.
    pub fn left(&self) -> u64 {
        self.current.load_acquire() & LEFT
    }

    /// The block behind the current one. With the lock.
    pub fn queued(&self) -> Option<Queued> {
        let count = (self.fetching.load_relaxed() & QUEUED) as u32;
        (count > 0).then(|| Queued {
            block: Block {
                first: self.queued_first.load_relaxed() as i64,
                step: self.queued_step.load_relaxed() as i64,
                count,
            },
            position: self.queued_position.load_relaxed(),
        })
    }

    /// Queues a block behind the current one, where none is queued yet. With the lock.
    pub fn queue(&self, queued: Queued) {
        let Queued { block, position } = queued;
        self.queued_first.store_relaxed(block.first as u64);
        self.queued_step.store_relaxed(block.step as u64);
        self.queued_position.store_relaxed(position);
        let low = self.fetching.load_relaxed() & !QUEUED;
        self.fetching.store_relaxed(low | u64::from(block.count));
        add_one(&self.blocks);
    }

    /// Makes the queued block the current one, if nothing is left of that and the log is durable
    /// as far as it must be. With the lock.
    pub fn advance(&self, durable: u64) {
        let current = self.current.load_acquire();
        let Some(Queued { block, position }) = self.queued() else {
            return;
        };
        if current & LEFT > 0 || position > durable {
            return;
        }
        self.last.store_relaxed(block.last() as u64);
        self.step.store_relaxed(block.step as u64);
        self.position.store_relaxed(position);
        self.fetching
            .store_relaxed(u64::from(block.count / 2) << 32);
        self.current
            .store_release(following(current) | u64::from(block.count));
    }

    /// Forgets all numbers: they are never given out. With the lock.
    pub fn discard(&self) {
        self.fetching
            .store_relaxed(self.fetching.load_relaxed() & !QUEUED);
        let mut current = self.current.load_acquire();
        while let Err(actual) = self
            .current
            .compare_exchange_release(current, following(current))
        {
            current = actual;
        }
        self.size.store_relaxed(0);
    }

    /// The same, for another counter to begin with. With the lock.
    pub fn clear(&self) {
        self.discard();
        self.blocks.store_relaxed(0);
        self.waits.store_relaxed(0);
    }

    /// How many numbers to claim now, by a clock that never goes back. With the lock.
    pub fn size(&self, base: u32, now: i64) -> u32 {
        match self.size.load_relaxed() as u32 {
            0 => base,
            before => block_size(
                base,
                before,
                now.saturating_sub(self.claimed_at.load_relaxed() as i64),
            ),
        }
    }

    /// Remembers how many numbers were asked for, and when. With the lock.
    pub fn sized(&self, size: u32, now: i64) {
        self.size.store_relaxed(size.into());
        self.claimed_at.store_relaxed(now as u64);
    }

    /// The size of the block that was claimed last; 0 before the first one.
    pub fn latest_size(&self) -> u32 {
        self.size.load_relaxed() as u32
    }

    /// Counts a caller that waited for a block.
    pub fn count_wait(&self) {
        add_one(&self.waits);
    }
}

/// The word of the block after this one, with nothing left of it.
fn following(current: u64) -> u64 {
    (current & !LEFT).wrapping_add(LEFT + 1)
}
