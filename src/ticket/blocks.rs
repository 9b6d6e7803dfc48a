//! The blocks of a counter in shared memory, as one call draws from them.

use std::cell::Cell;

use snowflake_core::ticket::{Queued, Ticket};

use crate::host::clock;
use crate::postgres::error::Outcome;
use crate::postgres::sequence::Sequence;
use crate::postgres::wal::flushed;
use crate::shared::counters::CounterEntry;
use crate::ticket::counter::{self, Attempt, Numbering};
use crate::ticket::known::KnownCounter;

/// A counter and its blocks.
#[derive(Clone, Copy)]
pub struct Blocks<'a> {
    pub counter: &'a KnownCounter,
    pub entry: &'static CounterEntry,
}

/// What came of filling a cache.
#[derive(Clone, Copy)]
pub enum Fill {
    /// It has numbers, or is no longer this counter's, or another backend fills it.
    Nothing,
    /// A block waits for the log to be durable up to a position.
    Queued(u64),
    /// There are no further numbers.
    Exhausted,
}

/// What it takes to fill a cache.
#[derive(Clone, Copy)]
enum Need {
    /// No block.
    Met(Fill),
    /// A block of `size` numbers, as of an instant of the monotonic clock.
    Block { size: u32, now: i64 },
}

impl Blocks<'_> {
    /// The next number of the current block; `None` if nothing is left of it.
    #[inline]
    pub fn draw(self) -> Option<Ticket> {
        self.entry.cache.draw(|| self.are_its_own())
    }

    /// Whether the entry still belongs to the counter.
    #[inline]
    fn are_its_own(self) -> bool {
        self.entry.belongs_to(self.counter.key)
    }

    /// Whether a caller has to wait no longer: there are numbers in the current block, to which the
    /// next one is moved up if the log is durable as far as it must be, or the entry is no longer
    /// the counter's.
    pub fn advance(self, durable: u64) -> bool {
        self.entry.lock.with(|| {
            if !self.are_its_own() {
                return true;
            }
            self.entry.cache.advance(durable);
            self.entry.cache.left() > 0
        })
    }

    /// How many numbers to claim now, if a block has `base` numbers; `None` if the entry is no
    /// longer the counter's.
    pub fn next_size(self, base: u32) -> Option<u32> {
        let now = clock::sample().monotonic_before;
        self.entry
            .lock
            .with(|| self.are_its_own().then(|| self.entry.cache.size(base, now)))
    }

    /// Claims a block and queues it, unless one is queued; goes on to it if it can.
    ///
    /// Claiming may read the sequence's page from disk and write the log, so the lock of the entry,
    /// for which others wait whatever they are told, is not held meanwhile. What keeps two from
    /// claiming for the same need is the lock of the page: none is queued when it is taken, and one
    /// is when it is released.
    pub fn fill(self, sequence: &Sequence, numbering: &Numbering, ahead: bool) -> Outcome<Fill> {
        let need = || self.need(sequence, numbering, ahead);
        if let Need::Met(filled) = need() {
            return Ok(filled);
        }
        let asked = Cell::new((0, 0));
        let size = || match need() {
            Need::Met(_) => None,
            Need::Block { size, now } => {
                asked.set((size, now));
                Some(size)
            }
        };
        let queue = |claimed| self.queue(sequence, claimed, asked.get());
        match counter::claim_for(sequence, numbering, ahead, size, queue)? {
            Attempt::Claimed(_) => Ok(match need() {
                Need::Met(filled) => filled,
                Need::Block { .. } => Fill::Nothing,
            }),
            Attempt::Busy => Ok(Fill::Nothing),
            Attempt::Exhausted => Ok(Fill::Exhausted),
        }
    }

    /// What it takes to fill the cache; goes on to a queued block if that will do.
    fn need(self, sequence: &Sequence, numbering: &Numbering, ahead: bool) -> Need {
        let now = clock::sample().monotonic_before;
        self.entry.lock.with(|| {
            if !self.are_its_own() {
                return Need::Met(Fill::Nothing);
            }
            self.entry.follow(self.counter.key, sequence.file());
            let cache = &self.entry.cache;
            if !ahead && cache.left() > 0 {
                return Need::Met(Fill::Nothing);
            }
            let Some(Queued { position, .. }) = cache.queued() else {
                let size = cache.size(numbering.block, now);
                return Need::Block { size, now };
            };
            if !flushed(position) {
                return Need::Met(Fill::Queued(position));
            }
            cache.advance(position);
            Need::Met(Fill::Nothing)
        })
    }

    /// Queues a block that was claimed, `asked` for as many numbers at that time. It is lost if the
    /// entry is no longer the counter's.
    fn queue(self, sequence: &Sequence, claimed: Queued, (size, now): (u32, i64)) {
        self.entry.lock.with(|| {
            if !self.are_its_own() {
                return;
            }
            self.entry.follow(self.counter.key, sequence.file());
            let cache = &self.entry.cache;
            if cache.queued().is_none() {
                cache.queue(claimed);
                cache.sized(size, now);
            }
        });
    }
}
