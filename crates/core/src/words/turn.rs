//! Taking turns at what may be done only so often, over all backends.

use std::sync::atomic::AtomicU64;

use super::word::Word;

/// Whose turn is when: times of a clock that nobody sets, in any one unit.
#[derive(Debug, Default)]
pub struct Turns<W = AtomicU64> {
    /// The earliest time of the next turn.
    next: W,
}

impl<W: Word> Turns<W> {
    /// Takes the next turn, which is `apart` from all others: now, or later. A turn beyond `latest`
    /// is not taken. Returns when it is.
    ///
    /// # Errors
    /// When it would be.
    pub fn take(&self, now: u64, apart: u64, latest: u64) -> Result<u64, u64> {
        let mut next = self.next.load_relaxed();
        loop {
            let turn = next.max(now);
            if turn > latest {
                return Err(turn);
            }
            // nothing else is read or written by turns: the word orders itself
            match self
                .next
                .compare_exchange_relaxed(next, turn.saturating_add(apart))
            {
                Ok(_) => return Ok(turn),
                Err(actual) => next = actual,
            }
        }
    }
}
