//! What other servers have given out: the words of this one go on after it.

use std::sync::atomic::AtomicU64;

use super::slot::Slot;
use super::word::Word;

/// The tick that all words of a server are known to be past, as they were raised to it.
///
/// ```
/// use std::sync::atomic::AtomicU64;
///
/// use snowflake_core::words::{Slot, Witnessed};
///
/// let (slots, mark) = ([Slot::new(), Slot::new()], AtomicU64::new(1_000));
/// let witnessed = Witnessed::default();
/// assert!(!witnessed.covers(70));
/// witnessed.raise(&slots, 70);
/// assert!(witnessed.covers(70));
/// // by a clock that is behind
/// let claim = slots[1].claim(&mark, 50, 1_000, 1, || 0).unwrap();
/// assert_eq!(claim.first, 71);
/// ```
#[derive(Debug, Default)]
pub struct Witnessed<W = AtomicU64>(W);

impl<W: Word> Witnessed<W> {
    /// Whether all words are past a tick, as far as is known without a look at them.
    #[inline]
    pub fn covers(&self, tick: u64) -> bool {
        self.0.load_acquire() >= tick
    }

    /// Raises all words to a tick. The next one of each is after it, once this returns to anybody,
    /// or [`Witnessed::covers`] says so.
    pub fn raise(&self, slots: &[Slot<W>], tick: u64) {
        for slot in slots {
            slot.pass(tick);
        }
        // last: it promises what was done before
        self.0.raise_release(tick);
    }
}
