//! The clock: one word for all databases of the server, and in each of them a durable mark that it
//! stays below, the sequence `hlc_mark`.
//!
//! A database goes on from its own mark. What was given out or received in another one was no more
//! than `max_clock_offset` ahead of the clock, which is where the word begins at the start of the
//! server.

use std::sync::atomic::AtomicU64;

use pgrx::prelude::*;
use snowflake_core::causality::{COUNTER_BITS, EPOCH, HybridTime, TIME_BITS};
use snowflake_core::snowflake::Shape;
use snowflake_core::words::{Claim, Pace, Slot, Word};
use snowflake_core::{ClockSample, Timestamp};

use crate::extension;
use crate::host::{clock, delay};
use crate::postgres::error::Outcome;
use crate::postgres::invalidation::Kept;
use crate::postgres::transaction;
use crate::settings;
use crate::shared::segment::{self, Shared};
use crate::snowflake::mark::{Bounds, MarkWords, OwnMark, StoredMark};
use crate::time::gate;

/// Everything that the clock needs, looked up once per backend and after changes.
#[derive(Clone, Copy)]
struct Clock {
    slot: &'static Slot<AtomicU64>,
    mark: MarkWords,
    /// How many ticks it may run ahead of the machine's clock.
    max_lead: u64,
    shape: Shape,
    pace: Pace,
    shared: Shared,
    /// The sequence `hlc_mark`.
    sequence: pg_sys::Oid,
}

static CLOCK: Kept<Clock> = Kept::new(|clock, changed| clock.sequence == changed);
static OWN_MARK: OwnMark = OwnMark::new();

/// Looks everything up again at the next use: a setting has changed.
pub fn forget() {
    CLOCK.forget();
}

/// The next time, if that takes none of what can fail or wait.
#[inline(always)]
pub fn try_next() -> Option<HybridTime> {
    let clock = CLOCK.get()?;
    let now = ticks(clock::wall())?;
    clock.try_claim(now, now)
}

/// The same after a time was received.
#[inline(always)]
pub fn try_witness(received: HybridTime) -> Option<HybridTime> {
    let clock = CLOCK.get()?;
    let now = ticks(clock::wall())?;
    clock.try_claim(received.due(now), now)
}

/// The tick of an instant after 2000.
#[inline(always)]
fn ticks(wall: Timestamp) -> Option<u64> {
    let since = wall.micros().wrapping_sub(EPOCH) as u64;
    (since < 1 << (TIME_BITS - 1)).then_some(since << COUNTER_BITS)
}

/// The next time.
pub fn next() -> Outcome<HybridTime> {
    current()?.claim(None)
}

/// The next time after one was received.
pub fn witness(received: HybridTime) -> Outcome<HybridTime> {
    current()?.claim(Some(received))
}

/// Receives a time: all that are given out afterwards are above it, after a crash too.
pub fn receive(received: HybridTime) -> Outcome<()> {
    let clock = current()?;
    let tick = received.tick();
    let is_covered =
        tick <= clock.slot.last.load_relaxed() && tick < clock.mark.words.bound.load_acquire();
    if !is_covered || clock.slot.is_closed() {
        clock.claim(Some(received))?;
    }
    Ok(())
}

/// The last time that was given out or received.
pub fn last() -> Outcome<HybridTime> {
    let clock = current()?;
    loop {
        check_for_interrupts!();
        if clock.slot.is_closed() {
            clock.open(&gate::sample(clock.shared)?);
        }
        let last = clock.slot.last.load_relaxed();
        // other databases move the word too, below marks of their own
        if last < clock.mark.words.durable.load_acquire() {
            return Ok(HybridTime::of_tick(last));
        }
        clock
            .stored_mark()
            .raise(last, &gate::sample(clock.shared)?)?;
    }
}

fn current() -> Outcome<Clock> {
    match CLOCK.get() {
        Some(clock) if !clock.is_over() => Ok(clock),
        _ => CLOCK.renew(|| {
            let clock = attach()?;
            clock.stored_mark().verify()?;
            Ok(clock)
        }),
    }
}

fn attach() -> Outcome<Clock> {
    let shared = segment::shared()?;
    transaction::refuse_recovery(
        "generate hybrid times",
        "Generate them on the primary; comparing and decoding them works here.",
    )?;
    let sequence = extension::relation(extension::find()?.schema, c"hlc_mark")?;
    let pace = Pace {
        max_lead: settings::max_clock_offset(),
        ..settings::pace()
    };
    Ok(Clock {
        slot: shared.hybrid(),
        mark: MarkWords::find(shared, sequence, &OWN_MARK)?,
        max_lead: (pace.max_lead as u64) << COUNTER_BITS,
        shape: Shape::of_microseconds(TIME_BITS, COUNTER_BITS, EPOCH),
        pace,
        shared,
        sequence,
    })
}

impl Clock {
    /// Whether the session is to have another mark by now.
    fn is_over(&self) -> bool {
        self.mark.are_over(self.shared, self.sequence)
    }

    /// Claims the next tick if clock and mark allow it without a second look.
    #[inline(always)]
    fn try_claim(&self, due: u64, now: u64) -> Option<HybridTime> {
        let allowed = now + self.max_lead;
        let claim = self
            .slot
            .claim(&self.mark.words.bound, due, allowed, 1, || 0);
        Some(HybridTime::of_tick(claim.ok()?.first))
    }

    /// The stored mark, for a caller that needs it above a time.
    fn stored_mark(&self) -> StoredMark<'_> {
        StoredMark {
            mark: self.mark,
            bounds: Bounds::HybridTimes {
                sequence: self.sequence,
            },
            shape: &self.shape,
            pace: &self.pace,
            shared: self.shared,
            slot: self.slot,
        }
    }

    /// Puts the word where it begins after the start of the server, for the first caller for whom
    /// the clock is right.
    fn open(&self, sample: &ClockSample) {
        let gate = self.shared.clock_gate();
        // what was given out before the start is no further than this ahead of the start
        let since_start = gate.running(clock::elapsed()) / 1_000;
        let lead = self.pace.max_lead.saturating_sub(since_start.max(0)).max(0);
        let beginning = Timestamp::from_micros(sample.wall.micros().saturating_add(lead));
        gate.change(|_| {
            if self.slot.is_closed() {
                let tick = self.shape.first_tick(beginning);
                self.slot.open(tick, sample.wall, sample.monotonic_after);
            }
        });
    }

    #[cold]
    #[inline(never)]
    fn claim(mut self, received: Option<HybridTime>) -> Outcome<HybridTime> {
        let mut waited = false;
        // for a caller that has raised the mark since, as if it had not been held up by that
        let mut before_raise: Option<ClockSample> = None;
        loop {
            check_for_interrupts!();
            if self.is_over() {
                self = current()?;
                before_raise = None;
            }
            let is_old = before_raise.is_some();
            let sample = match before_raise.take() {
                Some(sample) => sample,
                None => gate::sample(self.shared).inspect_err(|_| self.slot.count_error())?,
            };
            if self.slot.is_closed() {
                self.open(&sample);
            }
            let last = self.slot.last.load_relaxed();
            self.slot.catch_up(&sample, self.shape.instant(last));
            let observed = self
                .slot
                .observe(&sample, self.pace.unremarkable(self.shape.unit()));
            if observed.noticed {
                delay::log_regression(observed.regression);
            }
            let allowance = self
                .shape
                .allow(&observed, &self.pace)
                .inspect_err(|_| self.slot.count_error())?;
            let mut due = self.shape.first_tick(sample.wall);
            if let Some(received) = received.filter(|received| received.tick() > last) {
                received
                    .check_offset(sample.wall, self.pace.max_lead)
                    .inspect_err(|_| self.slot.count_error())?;
                due = received.due(due);
            }
            let mark = &self.mark.words.bound;
            let first = match self.slot.claim(mark, due, allowance.last, 1, || 0) {
                Ok(Claim { first, .. }) => return Ok(HybridTime::of_tick(first)),
                Err(beyond) => beyond.first,
            };
            if first > self.shape.last_tick() {
                self.slot.count_error();
                return Err(HybridTime::exhausted().into());
            }
            if first <= allowance.last {
                self.stored_mark().raise(first, &sample)?;
                before_raise = Some(sample);
                continue;
            }
            if is_old {
                continue;
            }
            if !waited {
                waited = true;
                self.slot.count_wait();
            }
            delay::wait(allowance.wait(&self.shape, first, &self.pace));
        }
    }
}
