//! What all backends know of this server's clock, and whether IDs wait for somebody to vouch for it.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use snowflake_core::time::{Verdict, Watch};

use crate::postgres::lock::Lock;

/// The part of shared memory that is about the clock.
#[repr(C)]
pub struct ClockGate {
    /// Held for moments only, and with no other lock taken meanwhile.
    lock: Lock,
    known: UnsafeCell<Known>,
    /// Whether the words were closed at start, and nobody has opened them yet.
    closed: AtomicBool,
    /// When the server started, by the elapsed time in nanoseconds.
    started: AtomicU64,
    /// Whether somebody has begun to measure the clock.
    measured: AtomicBool,
    refusals: AtomicU64,
    waits: AtomicU64,
}

// SAFETY: what is known is read and written under the lock
unsafe impl Sync for ClockGate {}

/// What is read and written under the lock.
#[derive(Clone, Copy)]
pub struct Known {
    pub watch: Watch,
    /// What the log was told last; at first that nothing is wrong.
    pub told: Verdict,
    /// What the clock was worth when somebody looked last, but for what is near a leap second.
    pub verdict: Option<Verdict>,
}

impl ClockGate {
    /// Nothing is known, and nothing closed. The server starts at `now` by the elapsed time in
    /// nanoseconds.
    pub fn new(tranche: i32, now: i64) -> Self {
        Self {
            lock: Lock::new(tranche),
            known: UnsafeCell::new(Known {
                watch: Watch::default(),
                told: Verdict::Right,
                verdict: None,
            }),
            closed: AtomicBool::new(false),
            started: AtomicU64::new(now as u64),
            measured: AtomicBool::new(false),
            refusals: AtomicU64::new(0),
            waits: AtomicU64::new(0),
        }
    }

    /// What is known.
    pub fn known(&self) -> Known {
        self.lock.with_shared(|| {
            // SAFETY: read and written under the lock only
            unsafe { *self.known.get() }
        })
    }

    /// Changes what is known.
    pub fn change<T: Copy>(&self, change: impl FnOnce(&mut Known) -> T) -> T {
        self.lock.with(|| {
            // SAFETY: read and written under the lock only, which is held alone
            change(unsafe { &mut *self.known.get() })
        })
    }

    /// Remembers that the words were closed at the start of the server.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// Has callers wait from `now` on for who measures the clock, who has only just begun: the
    /// server may have been busy with recovery before. Once only.
    pub fn wait_from(&self, now: i64) {
        if !self.measured.swap(true, Ordering::Relaxed) {
            self.started.store(now as u64, Ordering::Relaxed);
        }
    }

    /// Whether the words are closed since the start.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Calls with the lock held if they are closed, and remembers that they are not any more.
    pub fn open(&self, open: impl FnOnce()) {
        self.change(|_| {
            if self.is_closed() {
                open();
                self.closed.store(false, Ordering::Release);
            }
        });
    }

    /// How long the server has run, in nanoseconds.
    pub fn running(&self, now: i64) -> i64 {
        now.saturating_sub(self.started.load(Ordering::Relaxed) as i64)
    }

    /// Counts a call that was refused.
    pub fn count_refusal(&self) {
        self.refusals.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a call that waited for somebody to vouch for the clock.
    pub fn count_wait(&self) {
        self.waits.fetch_add(1, Ordering::Relaxed);
    }

    /// How many calls were refused, and how many waited.
    pub fn counts(&self) -> [u64; 2] {
        [&self.refusals, &self.waits].map(|count| count.load(Ordering::Relaxed))
    }
}
