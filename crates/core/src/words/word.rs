//! The atomic word that generators share, as a trait so that loom can stand in for the real one.

use std::sync::atomic::{AtomicU64, Ordering};

/// A 64-bit atomic word. Each method says which ordering it has: what a generator relies on is
/// part of the protocol, not the caller's choice.
pub trait Word {
    /// Reads the word; no ordering.
    fn load_relaxed(&self) -> u64;
    /// Reads the word; what was written before the matching write with release is visible.
    fn load_acquire(&self) -> u64;
    /// Replaces `current` by `new`, or returns what stands there; may fail spuriously; no ordering.
    fn compare_exchange_relaxed(&self, current: u64, new: u64) -> Result<u64, u64>;
    /// As [`Word::compare_exchange_relaxed`], with acquire, and on success release: what was read
    /// and written before stays before.
    fn compare_exchange_release(&self, current: u64, new: u64) -> Result<u64, u64>;
    /// Writes the word; no ordering.
    fn store_relaxed(&self, value: u64);
    /// Writes the word, publishing what was written before.
    fn store_release(&self, value: u64);
    /// Raises the word to `value` unless it is higher already, and returns what stood there; no
    /// ordering.
    fn raise_relaxed(&self, value: u64) -> u64;
    /// As [`Word::raise_relaxed`], publishing what was written before.
    fn raise_release(&self, value: u64) -> u64;
}

/// Counts one more.
pub(crate) fn add_one<W: Word>(counter: &W) {
    let mut current = counter.load_relaxed();
    while let Err(actual) = counter.compare_exchange_relaxed(current, current + 1) {
        current = actual;
    }
}

impl Word for AtomicU64 {
    #[inline(always)]
    fn load_relaxed(&self) -> u64 {
        self.load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn load_acquire(&self) -> u64 {
        self.load(Ordering::Acquire)
    }

    #[inline(always)]
    fn compare_exchange_relaxed(&self, current: u64, new: u64) -> Result<u64, u64> {
        self.compare_exchange_weak(current, new, Ordering::Relaxed, Ordering::Relaxed)
    }

    #[inline(always)]
    fn compare_exchange_release(&self, current: u64, new: u64) -> Result<u64, u64> {
        self.compare_exchange_weak(current, new, Ordering::AcqRel, Ordering::Acquire)
    }

    #[inline]
    fn store_relaxed(&self, value: u64) {
        self.store(value, Ordering::Relaxed);
    }

    #[inline]
    fn store_release(&self, value: u64) {
        self.store(value, Ordering::Release);
    }

    #[inline]
    fn raise_relaxed(&self, value: u64) -> u64 {
        self.fetch_max(value, Ordering::Relaxed)
    }

    #[inline]
    fn raise_release(&self, value: u64) -> u64 {
        self.fetch_max(value, Ordering::Release)
    }
}
