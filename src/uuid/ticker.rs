//! Ticks of the UUIDs that hold a time, from words that all backends share.
//!
//! The same generator as that of Snowflake IDs, with a gentler end: a clock that went back never
//! refuses a UUID, which is unique by its random bits too, and goes on from the last tick. Where
//! the library is not preloaded every backend has a word of its own.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::sync::atomic::AtomicU64;

use pgrx::prelude::*;
use snowflake_core::Timestamp;
use snowflake_core::uuid::{Node, Ticks};
use snowflake_core::words::{Pace, Slot, Word};

use crate::host::clock;
use crate::host::delay;
use crate::host::random;
use crate::postgres::backend::BackendLocal;
use crate::settings;
use crate::shared::segment;

/// What decides how far a word may be let on without a look at the clocks.
pub trait Fence: Copy {
    /// Why it may not.
    type Refusal;

    /// Lets a word on up to a tick, or as far as it may; `next` is the tick whose turn it is.
    fn let_on<T: Ticks>(
        self,
        slot: &Slot<AtomicU64>,
        next: u64,
        tick: u64,
    ) -> Result<(), Self::Refusal>;
}

/// No fence: a word that belongs to this server, or to this backend, alone.
#[derive(Clone, Copy)]
pub struct Unfenced;

impl Fence for Unfenced {
    type Refusal = Infallible;

    fn let_on<T: Ticks>(
        self,
        slot: &Slot<AtomicU64>,
        _next: u64,
        tick: u64,
    ) -> Result<(), Infallible> {
        slot.sampled.raise_relaxed(tick);
        Ok(())
    }
}

/// A word, how it counts time, and what it is let on by.
#[derive(Clone, Copy)]
pub struct Ticker<T, F = Unfenced> {
    slot: &'static Slot<AtomicU64>,
    fence: F,
    /// How far ticks may run ahead of the clock.
    lead: u64,
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
    /// Ticks of a word without a fence.
    pub fn unfenced(slot: &'static Slot<AtomicU64>) -> Self {
        Self::new(slot, Unfenced)
    }

    /// The next tick.
    #[inline(always)]
    pub fn next(self) -> u64 {
        let Ok(tick) = self.try_next();
        tick
    }
}

impl<T: Ticks, F: Fence> Ticker<T, F> {
    /// Ticks of a word.
    pub fn new(slot: &'static Slot<AtomicU64>, fence: F) -> Self {
        let ticks =
            |micros| T::at(Timestamp::from_micros(micros)) - T::at(Timestamp::from_micros(0));
        Self {
            slot,
            fence,
            lead: ticks(pace().max_lead),
            interval: ticks(1_000_000),
            counting: PhantomData,
        }
    }

    /// The next tick, if the fence allows one.
    #[inline(always)]
    pub fn try_next(self) -> Result<u64, F::Refusal> {
        let (seconds, nanoseconds) = clock::wall_parts();
        let now = T::tick(seconds, nanoseconds);
        let allowed = (now + self.lead).min(T::LAST);
        match self.slot.claim(&self.slot.sampled, now, allowed, 1, || 0) {
            Ok(claim) => Ok(claim.first),
            Err(_) => self.next_slow(),
        }
    }

    #[cold]
    #[inline(never)]
    fn next_slow(self) -> Result<u64, F::Refusal> {
        let pace = pace();
        loop {
            check_for_interrupts!();
            let sample = clock::sample();
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
                    self.fence.let_on::<T>(self.slot, beyond.first, tick)?;
                }
                Err(beyond) => {
                    let from = T::instant(beyond.first).micros();
                    delay::wait(from.saturating_sub(horizon.micros()).max(0));
                }
            }
        }
    }
}

/// What versions 1 and 6 have beside the time. Node ID and clock sequence are random for every
/// start of the server, so that UUIDs of before and after never meet, whatever the clock does;
/// an own node ID is never that of a network card (RFC 9562, section 6.10).
#[derive(Clone, Copy)]
pub struct Identity {
    pub node: Node,
    pub clock_sequence: u16,
}

impl Identity {
    /// The identity of 64 random bits.
    pub fn new(random: u64) -> Self {
        let [high, low, node @ ..] = random.to_be_bytes();
        let mut node: Node = node;
        // the multicast bit, which no network card has
        node[0] |= 1;
        Self {
            node,
            clock_sequence: u16::from_be_bytes([high, low]) & 0x3fff,
        }
    }

    /// That of this server; of this backend, where the library is not preloaded.
    pub fn of_server() -> Self {
        static IDENTITY: BackendLocal<Option<Identity>> = BackendLocal::new(None);
        IDENTITY.get().unwrap_or_else(|| {
            let random =
                segment::shared().map_or_else(|_| random::bits(), |shared| shared.identity());
            let identity = Self::new(random);
            IDENTITY.set(Some(identity));
            identity
        })
    }
}
