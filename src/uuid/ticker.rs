//! Ticks of the UUIDs that hold a time, from words that all backends share.
//!
//! The same generator as that of Snowflake IDs, with a gentler end: a clock that went back never
//! refuses a UUID, which is unique by its random bits too, and goes on from the last tick. Where
//! the library is not preloaded every backend has a word of its own.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::sync::atomic::AtomicU64;

use pgrx::prelude::*;
use snowflake_core::uuid::Ticks;
use snowflake_core::words::{Pace, Slot, Word};
use snowflake_core::{ClockSample, Timestamp};

use crate::host::clock;
use crate::host::delay;
use crate::settings;

/// What decides how far a word may advance without a look at the clocks.
pub trait Limit: Copy {
    /// Why it may not advance.
    type Reached;

    /// Reads the clocks, if ticks may be given out by what they say.
    fn sample(self) -> Result<ClockSample, Self::Reached> {
        Ok(clock::sample())
    }

    /// Lets a word advance up to a tick, or as far as it may; `next` is the tick whose turn it is.
    fn advance<T: Ticks>(
        self,
        slot: &Slot<AtomicU64>,
        next: u64,
        tick: u64,
    ) -> Result<(), Self::Reached>;
}

/// No limit: a word that belongs to this server, or to this backend, alone.
#[derive(Clone, Copy)]
pub struct Unlimited;

impl Limit for Unlimited {
    type Reached = Infallible;

    fn advance<T: Ticks>(
        self,
        slot: &Slot<AtomicU64>,
        _next: u64,
        tick: u64,
    ) -> Result<(), Infallible> {
        slot.sampled.raise_relaxed(tick);
        Ok(())
    }
}

/// A shared word, its unit of time, and the limit of how far it may advance.
#[derive(Clone, Copy)]
pub struct Ticker<T, L = Unlimited> {
    slot: &'static Slot<AtomicU64>,
    limit: L,
    /// How many ticks the word may run ahead of the clock.
    max_lead: u64,
    /// Ticks between two samples of the clocks.
    interval: u64,
    counting: PhantomData<T>,
}

/// How far ticks may leave the clock: a millisecond at least, so that all of a unit can be used.
fn pace() -> Pace {
    let pace = settings::pace();
    Pace {
        max_lead: pace.max_lead.max(1_000),
        clock_tolerance: i64::MAX,
        ..pace
    }
}

impl<T: Ticks> Ticker<T> {
    /// Ticks of a word without a limit.
    pub fn unlimited(slot: &'static Slot<AtomicU64>) -> Self {
        Self::new(slot, Unlimited)
    }

    /// The next tick.
    pub fn next(self) -> u64 {
        let Ok(tick) = self.try_next();
        tick
    }
}

impl<T: Ticks, L: Limit> Ticker<T, L> {
    /// Ticks of a word.
    pub fn new(slot: &'static Slot<AtomicU64>, limit: L) -> Self {
        let ticks =
            |micros| T::at(Timestamp::from_micros(micros)) - T::at(Timestamp::from_micros(0));
        Self {
            slot,
            limit,
            max_lead: ticks(pace().max_lead),
            interval: ticks(1_000_000),
            counting: PhantomData,
        }
    }

    /// The next tick, if that takes none of what can fail or wait.
    #[inline(always)]
    pub fn next_at_once(self) -> Option<u64> {
        let (seconds, nanoseconds) = clock::wall_parts();
        let now = T::tick(seconds, nanoseconds);
        let allowed = (now + self.max_lead).min(T::LAST);
        let claim = self.slot.claim(&self.slot.sampled, now, allowed, 1, || 0);
        Some(claim.ok()?.first)
    }

    /// The next tick, if the limit allows one.
    pub fn try_next(self) -> Result<u64, L::Reached> {
        let pace = pace();
        loop {
            check_for_interrupts!();
            let sample = self.limit.sample()?;
            let reached = T::instant(self.slot.last.load_relaxed());
            self.slot.catch_up(&sample, reached);
            let observed = self.slot.observe(&sample, pace.max_lead);
            if observed.noticed {
                delay::log_regression(observed.regression);
            }
            let horizon = observed.horizon(&pace);
            let allowed = T::at(horizon);
            let now = T::at(sample.wall);
            match self.slot.claim(&self.slot.sampled, now, allowed, 1, || 0) {
                Ok(claim) => return Ok(claim.first),
                Err(beyond) if beyond.first <= allowed || self.slot.is_closed() => {
                    let tick = beyond.first + self.interval;
                    self.limit.advance::<T>(self.slot, beyond.first, tick)?;
                }
                Err(beyond) => {
                    let from = T::instant(beyond.first).micros();
                    delay::wait(from.saturating_sub(horizon.micros()).max(0));
                }
            }
        }
    }
}
