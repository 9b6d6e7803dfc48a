//! The lease of a worker ID, as all backends share it: for which interval of ID timestamps this
//! server has which worker ID, and why it has none.
//!
//! The registrar alone takes, renews and gives up leases. Backends ask the fence how far they may
//! let words on, and look the worker ID up again when its words have been closed.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use pgrx::prelude::*;
use snowflake_core::lease::{Lease, Reason};
use snowflake_core::snowflake::{Fence, Shape, first_whole_tick};
use snowflake_core::uuid::{Ticks, UnixSequence};
use snowflake_core::{ClockSample, Timestamp};

use crate::postgres::error::{Failure, Outcome};
use crate::postgres::lock::Lock;
use crate::registry::setting;
use crate::settings;
use crate::shared::bounded_text::BoundedText;
use crate::shared::segment::Shared;

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
    /// Serialises moving the fence and letting words on; covers `record` too.
    lock: Lock,
    record: UnsafeCell<Record>,
}

/// What there is to tell about the lease; times in milliseconds since 1970.
#[derive(Clone, Copy, Default)]
pub struct Record {
    pub lease: Option<Lease>,
    /// When the registry granted or renewed it last.
    pub renewed: i64,
    /// Why it was not granted or renewed, unless the last attempt succeeded.
    pub trouble: Option<Trouble>,
    /// The host that presents the identity of this server as well.
    pub contested_by: Option<LeaseText>,
}

/// Why there is no lease.
#[derive(Clone, Copy)]
pub struct Trouble {
    pub cause: Cause,
    /// When it began, in milliseconds since 1970.
    pub since: i64,
    pub text: LeaseText,
}

/// What kind of trouble: who is to do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The registry does not answer, or not with an answer.
    Unreachable,
    /// The registry refuses.
    Refused(Reason),
    /// A setting of this server.
    Setting,
}

/// What there is room for of a reason or a host name.
type LeaseText = BoundedText<480>;

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
            record: UnsafeCell::new(Record::default()),
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
    pub fn record(&self) -> Record {
        self.read(|record| record)
    }

    /// Calls with what there is to tell, while it does not change.
    fn read<T>(&self, read: impl FnOnce(Record) -> T) -> T {
        self.lock.with_shared(|| {
            // SAFETY: read and written under the lock only
            read(unsafe { *self.record.get() })
        })
    }

    /// Calls with what there is to tell, while no word is let on and nothing else changes it.
    fn change<T>(&self, change: impl FnOnce(&mut Record) -> T) -> T {
        self.lock.with(|| {
            // SAFETY: read and written under the lock only, which is held alone
            change(unsafe { &mut *self.record.get() })
        })
    }

    /// Calls with how far words may be let on, of `bound` in milliseconds since 1970.
    pub fn admit<T>(&self, bound: i64, let_on: impl FnOnce(i64) -> T) -> T {
        if !self.required {
            return let_on(bound);
        }
        self.lock.with_shared(|| let_on(self.fence.admit(bound)))
    }

    /// Calls while no word is opened or closed.
    pub fn steady<T>(&self, call: impl FnOnce() -> T) -> T {
        if !self.required {
            return call();
        }
        self.lock.with_shared(call)
    }

    /// The worker ID that this server has at present, and the generation it belongs to.
    pub fn worker(&self, wanted: Option<u32>) -> Outcome<(u32, u64)> {
        let (record, generation) = self.read(|record| (record, self.generation()));
        match record.lease {
            Some(grant) if wanted.is_none_or(|wanted| wanted == grant.worker) => {
                Ok((grant.worker, generation))
            }
            _ => Err(self.refusal(wanted, &record, None)),
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
        self.refusal(None, &self.record(), Some(instant))
    }

    fn refusal(&self, wanted: Option<u32>, record: &Record, next: Option<Timestamp>) -> Failure {
        self.wake_registrar();
        let mut detail = Vec::new();
        let message = match (record.lease, wanted) {
            (Some(grant), None) => {
                let end = Timestamp::from_millis(grant.not_after);
                detail.push(match next {
                    Some(next) if next < end => {
                        format!("It ends at {end}, in the unit of the next ID.")
                    }
                    Some(next) => format!("It ended at {end}; the next ID would be of {next}."),
                    None => format!("It ended at {end}."),
                });
                format!("the lease of worker ID {} has ended", grant.worker)
            }
            (_, Some(wanted)) => format!("worker ID {wanted} is not leased to this server"),
            (None, None) => "no worker ID is leased to this server".into(),
        };
        if let Some(trouble) = record.trouble {
            let since = Timestamp::from_millis(trouble.since);
            detail.push(match trouble.cause {
                Cause::Unreachable => {
                    format!(
                        "The registry has not answered since {since}: {}.",
                        trouble.text
                    )
                }
                _ => format!("{}.", trouble.text),
            });
        }
        let mut failure = Failure::state(message);
        if !detail.is_empty() {
            failure = failure.detail(detail.join(" "));
        }
        let listing =
            settings::registry().map_or("The registry shows", |setting| setting::listing(&setting));
        let hint: String = match record.trouble.map(|trouble| trouble.cause) {
            None => {
                "The registry is being asked; if this lasts, see the view snowflake_lease and the \
                 server log."
                    .into()
            }
            Some(Cause::Unreachable) => {
                "IDs go on as soon as the registry answers. It is the one that \
                 snowflake_pg.registry names."
                    .into()
            }
            Some(Cause::Refused(Reason::ClockDiffers)) => {
                "Correct the clock of this server or that of the registry. IDs go on without a \
                 restart."
                    .into()
            }
            Some(Cause::Refused(Reason::HeldBack)) => "IDs go on without a restart.".into(),
            Some(Cause::Refused(Reason::NoneFree)) => {
                format!(
                    "{listing} who has them. Stop servers that are no longer needed, or use a \
                     layout with more worker bits."
                )
            }
            Some(Cause::Refused(Reason::Taken)) => {
                format!(
                    "{listing} who has it. Give this server another number in \
                     snowflake_pg.worker_id, or set it to \"lease\"."
                )
            }
            Some(Cause::Setting) => "Correct the setting, then reload the configuration.".into(),
        };
        failure.hint(hint)
    }

    /// Wakes the registrar: a caller needs the lease, or tickets. Answers whether it was ever there.
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
    pub fn serve(&self, latch: *mut pg_sys::Latch) {
        self.registrar.store(latch, Ordering::Release);
    }

    /// Goes on with a lease that was granted or renewed.
    pub fn enter(
        &self,
        shared: Shared,
        shape: &Shape,
        grant: Lease,
        max_lead: i64,
        sample: &ClockSample,
    ) {
        self.change(|record| {
            let mut grant = grant;
            let same = |before: Lease| {
                (before.worker, before.not_before) == (grant.worker, grant.not_before)
            };
            if let Some(before) = record.lease.filter(|&before| same(before)) {
                grant.not_after = grant.not_after.max(before.not_after);
                self.fence.extend(grant.not_after);
            } else {
                if let Some(before) = record.lease {
                    close(shared, before.worker);
                }
                // where IDs of this worker from before a crash may have ended
                let lead = sample.wall.micros().saturating_add(max_lead) / 1_000;
                let begin = grant.not_before.max(lead);
                let begin = self.fence.enter(begin, grant.not_after);
                if self.restarted && self.generation() == 0 {
                    // nothing of it is to be handed back
                    self.fence.admit(grant.not_after);
                }
                let instant = Timestamp::from_millis(begin);
                let clock = Timestamp::from_micros(instant.micros().saturating_sub(max_lead));
                let monotonic = sample.monotonic_after;
                if let Some(slot) = shared.slot(grant.worker) {
                    slot.open(first_whole_tick(shape, instant), clock, monotonic);
                }
                if let Some(slot) = shared.wide_slot(grant.worker) {
                    slot.open(UnixSequence::at(instant), clock, monotonic);
                }
                self.generation.fetch_add(1, Ordering::Release);
            }
            record.lease = Some(grant);
            record.renewed = sample.wall.micros() / 1_000;
            record.trouble = None;
        });
    }

    /// Gives the lease up, if there is one: no ID is given out at or above the instant that this
    /// answers, in milliseconds since 1970.
    pub fn leave(&self, shared: Shared) -> Option<(Lease, i64)> {
        self.change(|record| {
            let grant = record.lease.take()?;
            let reached = self.fence.leave();
            close(shared, grant.worker);
            self.generation.fetch_add(1, Ordering::Release);
            Some((grant, reached))
        })
    }

    /// Tells why there is no lease, or none for longer; answers whether that is news.
    pub fn note(&self, cause: Cause, text: &str, now: i64) -> bool {
        self.change(|record| {
            let known = record.trouble.filter(|known| known.cause == cause);
            record.trouble = Some(Trouble {
                cause,
                since: known.map_or(now, |known| known.since),
                text: LeaseText::new(text.trim_end().trim_end_matches('.')),
            });
            known.is_none()
        })
    }

    /// Tells which host presents the identity of this server as well; answers whether that is
    /// news.
    pub fn contested(&self, host: Option<&str>) -> bool {
        self.change(|record| {
            let known = record.contested_by.map(|known| known.to_string());
            record.contested_by = host.map(LeaseText::new);
            host.is_some() && known.as_deref() != host
        })
    }
}

/// Closes the words of a worker.
fn close(shared: Shared, worker: u32) {
    let slots = [shared.slot(worker), shared.wide_slot(worker)];
    for slot in slots.into_iter().flatten() {
        slot.close();
    }
}
