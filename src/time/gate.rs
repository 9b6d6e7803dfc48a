//! The gate: IDs are refused while the clock is known to be wrong, or not known to be right.
//!
//! The slow path of generating asks it before the wall clock is used for anything, so that nothing is
//! raised by a clock that is refused.

use pgrx::prelude::*;
use snowflake_core::time::{GateMode, Jump, KernelClock, Moment, Span, Verdict, Watch};
use snowflake_core::{ClockSample, Timestamp, seconds};

use crate::host::clock;
use crate::postgres::error::{Failure, Outcome, Report};
use crate::postgres::wait::{self, Event};
use crate::settings;
use crate::shared::clock_gate::ClockGate;
use crate::shared::segment::Shared;
use crate::shared::words::Beginning;
use crate::time::kernel;

/// How long after the start of the server callers wait for somebody to vouch for its clock, in
/// nanoseconds: a machine that starts may learn the time a little later.
const PATIENCE: i64 = 5_000_000_000;
/// How often they look, in microseconds.
const PAUSE: i64 = 100_000;

/// What is known of the clock at a moment.
#[derive(Clone, Copy)]
pub struct Finding {
    pub watch: Watch,
    pub now: Moment,
    /// What true time is ahead of the wall clock, in nanoseconds.
    pub offset: Option<Span>,
    pub verdict: Verdict,
}

/// Reads the clock for IDs, which may be given out by what it says: that very reading was judged. By
/// another one they might be of a clock that was wrong a moment before. The words are open then, unless
/// a lease opens them.
///
/// # Errors
/// The clock is refused.
#[inline]
pub fn sample(shared: Shared) -> Outcome<ClockSample> {
    let gate = shared.clock_gate();
    let mode = settings::clock_gate();
    if mode == GateMode::Off && !gate.is_closed() {
        return Ok(clock::sample());
    }
    wait_for_sample(shared, gate, mode)
}

#[cold]
fn wait_for_sample(shared: Shared, gate: &ClockGate, mode: GateMode) -> Outcome<ClockSample> {
    let mut waited = false;
    loop {
        let (sample, now) = clock::sample_and_moment();
        let refused = match judge(gate, mode, now) {
            Ok(()) => {
                if gate.is_closed() {
                    open(shared, gate, &sample);
                }
                return Ok(sample);
            }
            Err(refused) => refused,
        };
        if !gate.is_closed() || gate.running(now.elapsed) >= PATIENCE {
            gate.count_refusal();
            return Err(refused);
        }
        if !waited {
            waited = true;
            gate.count_wait();
        }
        wait::pause(Event::ClockGate, PAUSE);
        check_for_interrupts!();
    }
}

/// The same without waiting, for the registrar, to which the words are no matter.
///
/// # Errors
/// The clock is refused.
pub fn sample_at_once(shared: Shared) -> Outcome<ClockSample> {
    let mode = settings::clock_gate();
    if mode == GateMode::Off {
        return Ok(clock::sample());
    }
    let (sample, now) = clock::sample_and_moment();
    judge(shared.clock_gate(), mode, now).map(|()| sample)
}

/// Whether a reading of the clock is one to go by; the log is told.
fn judge(gate: &ClockGate, mode: GateMode, now: Moment) -> Outcome<()> {
    let finding = look(gate, now);
    tell(gate, mode, &finding);
    if mode.admits(finding.verdict) {
        return Ok(());
    }
    Err(refusal(&finding))
}

/// Opens the words that were closed at the start of the server.
fn open(shared: Shared, gate: &ClockGate, sample: &ClockSample) {
    let Ok(layout) = settings::layout() else {
        return;
    };
    let shape = layout.shape();
    let beginning = Beginning::after_lead(&shape, sample, settings::pace().max_lead);
    gate.open(|| shared.words().open_all(&shape, &beginning));
}

/// What is known of a reading of the clock. The kernel is asked once a second at the most, and after a
/// jump.
pub fn look(gate: &ClockGate, now: Moment) -> Finding {
    let mut watch = gate.known().watch;
    if watch.is_due(now) {
        let kernel = kernel::read();
        let after = clock::moment();
        let (jump, changed) = gate.change(|known| {
            let jump = known.watch.see(now);
            known.watch.kernel_says(now, kernel, after);
            (jump, known.watch)
        });
        watch = changed;
        if let Some(jump) = jump {
            log_jump(jump);
        }
    }
    let offset = watch.offset(now);
    Finding {
        watch,
        now,
        offset,
        verdict: Verdict::new(offset, settings::clock_max_error()),
    }
}

fn log_jump(jump: Jump) {
    let direction = if jump.by > 0 { "forward" } else { "back" };
    let by = seconds(jump.by.saturating_abs() / 1_000);
    Report::new(format!("the clock jumped {direction} by {by}")).log();
}

/// Tells the log once for each change: when the clock is refused, or would be, and when it is right again.
fn tell(gate: &ClockGate, mode: GateMode, finding: &Finding) {
    let verdict = finding.verdict;
    let is_bad = |verdict: Verdict| {
        verdict == Verdict::Wrong || mode == GateMode::Unsure && verdict != Verdict::Right
    };
    if !is_bad(verdict) && verdict != Verdict::Right || gate.known().told == verdict {
        return;
    }
    let before = gate.change(|known| std::mem::replace(&mut known.told, verdict));
    if before == verdict {
        return;
    }
    if is_bad(verdict) {
        Report::from(refusal(finding)).log();
    } else if before != Verdict::Right {
        Report::new("the clock is right again").log();
    }
}

fn refusal(finding: &Finding) -> Failure {
    let most = settings::clock_max_error() / 1_000_000;
    let kernel = match finding.watch.kernel.map(KernelClock::from) {
        None => "The kernel does not say.".to_string(),
        Some(clock) if clock.synchronised => {
            format!(
                "The kernel says synchronised, within {} us.",
                clock.max_error
            )
        }
        Some(_) => "The kernel says unsynchronised.".to_string(),
    };
    match (finding.verdict, finding.offset) {
        (Verdict::Wrong, Some(offset)) => {
            let (side, low, high) = if offset.low > 0 {
                ("behind", offset.low, offset.high)
            } else {
                ("ahead", -offset.high, -offset.low)
            };
            let as_of = Timestamp::from_micros(finding.watch.as_of / 1_000);
            Failure::state("the clock of this server is wrong")
                .detail(format!(
                    "It is {side} by {} to {}, as the kernel said at {as_of}; \
                     snowflake_pg.clock_max_error is {most} ms. {kernel}",
                    seconds(low / 1_000),
                    seconds(high / 1_000)
                ))
                .hint(
                    "Correct the clock; IDs go on without a restart. The view snowflake_clock shows \
                     what is known of it.",
                )
        }
        _ => Failure::state("nobody vouches for the clock of this server")
            .detail(format!(
                "{kernel} IDs are given out only while the clock is known to be right, within \
                 snowflake_pg.clock_max_error: {most} ms."
            ))
            .hint(
                "See that a daemon keeps the clock, or set snowflake_pg.clock_gate to \"wrong\". The \
                 view snowflake_clock shows what is known of it.",
            ),
    }
}
