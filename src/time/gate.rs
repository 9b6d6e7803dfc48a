//! The gate: IDs are refused while the clock is known to be wrong, or not known to be right.
//!
//! The slow path of generating asks it before the wall clock is used for anything, so that nothing is
//! raised by a clock that is refused.

use pgrx::prelude::*;
use snowflake_core::time::{
    Authority, Decision, GateMode, Jump, KernelClock, Majority, Moment, Verdict, Watch,
};
use snowflake_core::{ClockSample, Timestamp, seconds};

use crate::host::clock;
use crate::postgres::error::{Failure, Outcome, Report};
use crate::postgres::wait::{self, Event};
use crate::settings;
use crate::shared::clock_gate::{ClockGate, Known};
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
    /// What it is off by, and who says so.
    pub decision: Option<Decision>,
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
        let refused = match judge(shared, mode, now) {
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
    judge(shared, mode, now).map(|()| sample)
}

/// Tells the log what is to be said of the clock, whether or not somebody wants an ID.
pub fn report(shared: Shared) {
    let mode = settings::clock_gate();
    if mode != GateMode::Off {
        let finding = look(shared, clock::moment());
        tell(shared.clock_gate(), mode, &finding);
    }
}

/// Whether a reading of the clock is one to go by; the log is told.
fn judge(shared: Shared, mode: GateMode, now: Moment) -> Outcome<()> {
    let gate = shared.clock_gate();
    let finding = look(shared, now);
    tell(gate, mode, &finding);
    if !mode.admits(finding.verdict) {
        return Err(refusal(&finding));
    }
    if awaits_first_round(shared, mode, &finding) {
        return Err(Failure::state("the clock of this server is not known yet")
            .detail("The first answers of those that are asked for the time are to come."));
    }
    Ok(())
}

/// Whether the words are still to be opened, by a clock that nobody knows anything of, and NTP servers or
/// the fleet are about to say something. Who asks them may fail to, so nobody waits for longer than for others.
fn awaits_first_round(shared: Shared, mode: GateMode, finding: &Finding) -> bool {
    let gate = shared.clock_gate();
    mode.can_refuse()
        && (gate.is_closed() || shared.holder().required())
        && finding.verdict == Verdict::Unknown
        && settings::clock_worker()
        && settings::clock_sources().iter().any(|by| match by {
            Authority::Ntp => finding.watch.majority.is_none(),
            Authority::Registry => {
                settings::fleet().is_some() && finding.watch.fleet_majority.is_none()
            }
            Authority::Kernel => false,
        })
        && gate.running(finding.now.elapsed) < PATIENCE
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
pub fn look(shared: Shared, now: Moment) -> Finding {
    let gate = shared.clock_gate();
    let Known {
        mut watch,
        verdict: before,
        ..
    } = gate.known();
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
            if let Some(sources) = shared.clock_sources() {
                sources.report_jump();
            }
        }
    }
    let max_error = settings::clock_max_error();
    let decision = watch.decide(now, &settings::clock_sources(), max_error);
    let offset = decision.map(|decision| decision.offset);
    let verdict = watch.verdict(now, offset, max_error, before);
    if before != Some(verdict) && !watch.is_near_leap(now) {
        gate.change(|known| known.verdict = Some(verdict));
    }
    Finding {
        watch,
        now,
        decision,
        verdict,
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

/// Where there is more to see.
fn views() -> &'static str {
    if settings::clock_worker() {
        "The views snowflake_clock and snowflake_clock_sources show who says what."
    } else {
        "The view snowflake_clock shows what is known of it."
    }
}

/// Who said something, as the middle of a sentence.
fn who_said(by: Authority, watch: &Watch) -> String {
    let (majority, are) = match by {
        Authority::Ntp => (watch.majority, "NTP servers"),
        Authority::Registry => (watch.fleet_majority, "servers of the fleet"),
        Authority::Kernel => return "the kernel".into(),
    };
    match majority {
        Some(Majority { agreeing, servers }) if agreeing > servers / 2 => {
            format!("{agreeing} of {servers} {are}")
        }
        _ => are.into(),
    }
}

fn refusal(finding: &Finding) -> Failure {
    let most = settings::clock_max_error() / 1_000_000;
    let watch = &finding.watch;
    let kernel = match watch.kernel.map(KernelClock::from) {
        None => "The kernel does not say.".to_string(),
        Some(clock) if clock.synchronised => {
            format!(
                "The kernel says synchronised, within {} us.",
                clock.max_error
            )
        }
        Some(_) => "The kernel says unsynchronised.".to_string(),
    };
    match (finding.verdict, finding.decision) {
        (Verdict::Wrong, Some(Decision { by, offset, as_of })) => {
            let (side, low, high) = if offset.low > 0 {
                ("behind", offset.low, offset.high)
            } else {
                ("ahead", -offset.high, -offset.low)
            };
            let as_of = Timestamp::from_micros(as_of / 1_000);
            Failure::state("the clock of this server is wrong")
                .detail(format!(
                    "It is {side} by {} to {}, as {} said at {as_of}; \
                     snowflake_pg.clock_max_error is {most} ms. {kernel}",
                    seconds(low / 1_000),
                    seconds(high / 1_000),
                    who_said(by, watch)
                ))
                .hint(format!(
                    "Correct the clock; IDs go on without a restart. {}",
                    views()
                ))
        }
        _ => {
            let servers = match watch.majority {
                Some(Majority { servers, agreeing }) if servers > 0 => {
                    format!("{agreeing} of {servers} NTP servers agree. ")
                }
                _ => String::new(),
            };
            Failure::state("nobody vouches for the clock of this server")
                .detail(format!(
                    "{servers}{kernel} IDs are given out only while the clock is known to be right, \
                     within snowflake_pg.clock_max_error: {most} ms."
                ))
                .hint(format!(
                    "See that a daemon keeps the clock, or set snowflake_pg.clock_gate to \"wrong\". {}",
                    views()
                ))
        }
    }
}
