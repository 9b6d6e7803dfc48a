//! Tickets: small, dense numbers, claimed from a counter in blocks.
//!
//! A counter says how far its numbers are claimed, and is raised by a whole block at a time. All
//! backends of a server draw from the block in turn, and the next one is queued behind it before
//! it runs out. A number is drawn by one compare-and-swap; whoever queues or advances blocks holds
//! the lock of the cache, so those steps exclude each other.

use std::sync::atomic::AtomicU64;

use crate::words::{Word, add_one};

/// By how much a block may outgrow the size that its counter asks for.
pub const LARGEST_GROWTH: u32 = 1_024;

/// Microseconds that a block should last for at least; up to four times that is no reason to
/// shrink it.
const SHORT: i64 = 500_000;

/// Numbers that belong to one server: `first`, `first + step` and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// The first of them.
    pub first: i64,
    /// The distance between two of them, positive.
    pub step: i64,
    /// How many there are, at least one.
    pub count: u32,
}

impl Block {
    /// A block as somebody else describes it, who was asked for `asked` numbers; `None` if it
    /// cannot be one.
    pub fn received(first: i64, step: i64, count: i64, asked: u32) -> Option<Self> {
        let count = u32::try_from(count)
            .ok()
            .filter(|count| (1..=asked).contains(count))?;
        // the distance of two numbers may not fit an i64
        let last = i128::from(first) + i128::from(count - 1) * i128::from(step);
        (step > 0 && last <= i128::from(i64::MAX)).then_some(Self { first, step, count })
    }

    /// The last number of the block.
    pub fn last(&self) -> i64 {
        let distance = i64::from(self.count - 1).wrapping_mul(self.step);
        self.first.wrapping_add(distance)
    }
}

/// What a counter says while it is locked.
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
        let further = self.largest.abs_diff(first) / self.step.unsigned_abs();
        let count = u64::from(count).min(further.saturating_add(1)) as u32;
        Some(Block {
            first,
            step: self.step,
            count,
        })
    }
}

/// How many numbers to claim, when a block of `before` numbers lasted for so many microseconds and
/// the counter asks for `base`. Blocks grow until one lasts for half a second, up to
/// [`LARGEST_GROWTH`] times the base, and shrink again when demand does.
pub fn block_size(base: u32, before: u32, lasted: i64) -> u32 {
    let largest = base.saturating_mul(LARGEST_GROWTH);
    let mut size = before.clamp(base, largest);
    if lasted < SHORT {
        return size.saturating_mul(2).min(largest);
    }
    let mut lasted = lasted;
    while lasted > 4 * SHORT && size > base {
        size = (size / 2).max(base);
        lasted /= 2;
    }
    size
}

/// The numbers of one counter that a server has claimed and not yet given out.
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
    /// A caller that leaves no more numbers than this fetches the next block.
    low: W,
    /// How many numbers the queued block has; 0 if none is queued.
    queued: W,
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

impl Cache<AtomicU64> {
    /// A cache without numbers.
    pub const fn new() -> Self {
        Self {
            current: AtomicU64::new(0),
            last: AtomicU64::new(0),
            step: AtomicU64::new(0),
            low: AtomicU64::new(0),
            queued: AtomicU64::new(0),
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
    /// `mine` says whether the cache belongs to the caller's counter still. It is asked after the
    /// word is read: a cache that changes hands later is emptied first, and the swap fails.
    #[inline]
    pub fn draw(&self, mine: impl Fn() -> bool) -> Option<Ticket> {
        let mut current = self.current.load_acquire();
        loop {
            let left = current & LEFT;
            if left == 0 || !mine() {
                return None;
            }
            // The words of a block are written only while nothing is left, after which this value
            // of the word never comes back: if the swap succeeds, they are those of this block.
            let further = ((left - 1) as i64).wrapping_mul(self.step.load_relaxed() as i64);
            let number = (self.last.load_relaxed() as i64).wrapping_sub(further);
            let low = left - 1 <= self.low.load_relaxed() && self.queued.load_relaxed() == 0;
            match self.current.compare_exchange_release(current, current - 1) {
                Ok(_) => return Some(Ticket { number, low }),
                Err(actual) => current = actual,
            }
        }
    }

    /// How many numbers of the current block are left.
    pub fn left(&self) -> u64 {
        self.current.load_acquire() & LEFT
    }

    /// The block behind the current one. With the lock.
    pub fn queued(&self) -> Option<Queued> {
        let count = self.queued.load_relaxed() as u32;
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
        self.queued.store_relaxed(block.count.into());
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
        self.low.store_relaxed((block.count / 2).into());
        self.queued.store_relaxed(0);
        self.current
            .store_release(following(current) | u64::from(block.count));
    }

    /// Forgets all numbers: they are never given out. With the lock.
    pub fn discard(&self) {
        self.queued.store_relaxed(0);
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
            before => block_size(base, before, now - self.claimed_at.load_relaxed() as i64),
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
