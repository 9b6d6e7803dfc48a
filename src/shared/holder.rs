//! The lease of a worker ID, as all backends share it: for which interval of ID timestamps this
//! server has which worker ID, and why it has none.
//!
//! The registrar alone takes, renews and gives up leases. Backends ask the fence how far a worker's
//! word may advance, and look up the worker ID again once its words are closed.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use pgrx::prelude::*;
use snowflake_core::lease::Lease;
use snowflake_core::snowflake::{Fence, Shape};
use snowflake_core::words::Pace;
use snowflake_core::{ClockSample, Timestamp};

use crate::postgres::error::{self, Failure, Outcome};
use crate::postgres::lock::Lock;
use crate::shared::lease_status::{Cause, LeaseStatus, ReasonText, Trouble};
use crate::shared::refusal;
use crate::shared::words::{Beginning, Words};

/// The part of shared memory that is about the lease.
#[repr(C, align(64))]
pub struct Holder {
    /// Whether this server gives out IDs under a lease only: a registry is set.
    required: bool,
    /// Known to this start of the postmaster alone: proves that a lease is its own.
    nonce: u128,
    /// Whether shared memory was lost in a crash of a backend: how far IDs went before is unknown.
    restarted: bool,
    /// Counts changes of the worker ID.
    generation: AtomicU64,
    fence: Fence<AtomicU64>,
    /// What wakes the registrar.
    registrar: AtomicPtr<pg_sys::Latch>,
    /// Serialises moving the fence and advancing words; covers `status` too.
    lock: Lock,
    status: UnsafeCell<LeaseStatus>,
}

impl Holder {
    /// The lease of a server that has none yet, or needs none.
    pub fn new(tranche: i32, required: bool, nonce: u128, restarted: bool) -> Self {
        Self {
            required,
            nonce,
            restarted,
            generation: AtomicU64::new(0),
            fence: if required {
                Fence::closed()
            } else {
                Fence::none()
            },
            registrar: AtomicPtr::new(std::ptr::null_mut()),
            lock: Lock::new(tranche),
            status: UnsafeCell::new(LeaseStatus::default()),
        }
    }

    /// Whether this server gives out IDs under a lease only.
    pub fn required(&self) -> bool {
        self.required
    }

    /// What proves that a lease is this server's.
    pub fn nonce(&self) -> u128 {
        self.nonce
    }

    /// Changes with the worker ID.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// No ID has a timestamp at or above this one, in milliseconds since 1970.
    pub fn end(&self) -> i64 {
        self.fence.end()
    }

    /// What there is to tell.
    pub fn status(&self) -> LeaseStatus {
        self.read(|status| status)
    }

    /// Calls with what there is to tell, while it does not change.
    fn read<T: Copy>(&self, read: impl FnOnce(LeaseStatus) -> T) -> T {
        self.lock.with_shared(|| {
            // SAFETY: read and written under the lock only
            read(unsafe { *self.status.get() })
        })
    }

    /// Runs `change` on the status under the exclusive lock; meanwhile no word advances.
    fn change<T: Copy>(&self, change: impl FnOnce(&mut LeaseStatus) -> T) -> T {
        self.lock.with(|| {
            // SAFETY: read and written under the lock only, which is held alone
            change(unsafe { &mut *self.status.get() })
        })
    }

    /// Calls with how far words may advance that should reach `bound`, in milliseconds since 1970.
    pub fn admit<T: Copy>(&self, bound: i64, advance: impl FnOnce(i64) -> T) -> T {
        if !self.required {
            return advance(bound);
        }
        self.lock.with_shared(|| advance(self.fence.admit(bound)))
    }

    /// Calls while no word is opened or closed.
    pub fn with_words_at_rest<T: Copy>(&self, call: impl FnOnce() -> T) -> T {
        if !self.required {
            return call();
        }
        self.lock.with_shared(call)
    }

    /// The worker ID that this server has at present, and the generation it belongs to.
    pub fn worker(&self, wanted: Option<u32>) -> Outcome<(u32, u64)> {
        let (status, generation) = self.read(|status| (status, self.generation()));
        match status.lease {
            Some(grant) if wanted.is_none_or(|wanted| wanted == grant.worker) => {
                Ok((grant.worker, generation))
            }
            _ => {
                self.wake_registrar();
                Err(refusal::refusal(&status, wanted, None))
            }
        }
    }

    /// Whether IDs can be given out from an instant on.
    pub fn check(&self, shape: &Shape, instant: Timestamp) -> Outcome<()> {
        let end = self.end();
        let unit_end = instant.micros().saturating_add(shape.unit());
        if unit_end <= end.saturating_mul(1_000) {
            return Ok(());
        }
        Err(self.ended(instant))
    }

    /// The error that the lease ends before an instant.
    pub fn ended(&self, instant: Timestamp) -> Failure {
        self.wake_registrar();
        refusal::refusal(&self.status(), None, Some(instant))
    }

    /// Wakes the registrar: a caller needs the lease, or tickets. Returns whether it was ever
    /// there.
    pub fn wake_registrar(&self) -> bool {
        let latch = self.registrar.load(Ordering::Acquire);
        if !latch.is_null() {
            // SAFETY: a latch in shared memory, which is there as long as the server; who has it by
            // now looks why it was woken and finds nothing
            unsafe { pg_sys::SetLatch(latch) };
        }
        !latch.is_null()
    }

    // What follows is for the registrar alone.

    /// Says which latch wakes the registrar.
    pub fn set_registrar_latch(&self, latch: *mut pg_sys::Latch) {
        self.registrar.store(latch, Ordering::Release);
    }

    /// Goes on with a lease that was granted or renewed.
    pub fn enter(
        &self,
        words: Words,
        shape: &Shape,
        grant: Lease,
        pace: &Pace,
        sample: &ClockSample,
    ) {
        self.change(|status| {
            let mut grant = grant;
            let same = |before: Lease| {
                (before.worker, before.not_before) == (grant.worker, grant.not_before)
            };
            if let Some(before) = status.lease.filter(|&before| same(before)) {
                grant.not_after = grant.not_after.max(before.not_after);
                self.fence.extend(grant.not_after);
            } else {
                if let Some(before) = status.lease {
                    words.close(before.worker);
                }
                // where IDs of this worker from before a crash may have ended
                let led = Beginning::after_lead(shape, sample, pace.max_lead);
                let begin = grant.not_before.max(led.first.micros() / 1_000);
                let begin = self.fence.enter(begin, grant.not_after);
                if self.restarted && self.generation() == 0 {
                    // nothing of it is to be handed back
                    self.fence.admit(grant.not_after);
                }
                let instant = Timestamp::from_millis(begin);
                let mut beginning = Beginning::at_start(instant, pace, shape.unit(), sample);
                beginning.first128 = beginning.first128.max(led.first128);
                words.open(grant.worker, shape, &beginning);
                self.generation.fetch_add(1, Ordering::Release);
            }
            status.lease = Some(grant);
            status.renewed = sample.wall.micros() / 1_000;
            status.trouble = None;
        });
    }

    /// Gives the lease up, if there is one: no ID is given out at or above the instant that this
    /// returns, in milliseconds since 1970.
    pub fn leave(&self, words: Words) -> Option<(Lease, i64)> {
        self.change(|status| {
            let grant = status.lease.take()?;
            let reached = self.fence.leave();
            words.close(grant.worker);
            self.generation.fetch_add(1, Ordering::Release);
            Some((grant, reached))
        })
    }

    /// Tells why there is no lease, or none for longer; returns whether that is news.
    pub fn set_trouble(&self, cause: Cause, text: &str, now: i64) -> bool {
        let text = ReasonText::new(error::without_full_stop(text));
        self.change(|status| {
            let known = status.trouble.filter(|known| known.cause == cause);
            status.trouble = Some(Trouble {
                cause,
                since: known.map_or(now, |known| known.since),
                text,
            });
            known.is_none()
        })
    }

    /// Tells which host presents the identity of this server as well; returns whether that is
    /// news.
    pub fn set_contested_by(&self, host: Option<&str>) -> bool {
        let host = host.map(ReasonText::new);
        self.change(|status| {
            let known = std::mem::replace(&mut status.contested_by, host);
            host.is_some() && known != host
        })
    }
}
