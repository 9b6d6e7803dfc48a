//! The blocks of a counter in shared memory, as one call draws from them.

use snowflake_core::ticket::Ticket;

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
pub enum Fill {
    /// It has numbers, or is no longer this counter's, or another backend fills it.
    Nothing,
    /// A block waits for the log to be durable up to a position.
    Queued(u64),
    /// There are no further numbers.
    Exhausted,
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

    /// Claims a block and queues it, unless one is queued; goes on to it if it can. With the lock
    /// of the entry.
    pub fn fill(self, sequence: &Sequence, numbering: &Numbering, ahead: bool) -> Outcome<Fill> {
        if !self.are_its_own() {
            return Ok(Fill::Nothing);
        }
        self.entry.follow(self.counter.key, sequence.file());
        let cache = &self.entry.cache;
        if !ahead && cache.left() > 0 {
            return Ok(Fill::Nothing);
        }
        if cache.queued().is_none() {
            let now = clock::sample().monotonic_before;
            let size = cache.size(numbering.block, now);
            match counter::claim(sequence, numbering, size, ahead)? {
                Attempt::Claimed(claimed) => {
                    cache.queue(claimed);
                    cache.sized(size, now);
                }
                Attempt::Busy => return Ok(Fill::Nothing),
                Attempt::Exhausted => return Ok(Fill::Exhausted),
            }
        }
        let Some(queued) = cache.queued() else {
            return Ok(Fill::Nothing);
        };
        if flushed(queued.position) {
            cache.advance(queued.position);
            return Ok(Fill::Nothing);
        }
        Ok(Fill::Queued(queued.position))
    }
}
