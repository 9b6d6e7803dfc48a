//! Leases of a worker ID: taking one, renewing it in good time, giving it back, and what the log is
//! told of that.

use snowflake_core::lease::{Answer, Lease, Request, check_grant};
use snowflake_core::snowflake::Layout;
use snowflake_core::{ClockSample, Timestamp};

use crate::host::clock;
use crate::host::identity;
use crate::host::random;
use crate::net::deadline::Deadline;
use crate::postgres::error::{self, Outcome, Report};
use crate::postgres::wait;
use crate::registry::protocol::{LeaseRegistry, NoAnswer};
use crate::registry::setting;
use crate::settings;
use crate::shared::holder::Holder;
use crate::shared::lease_status::Cause;
use crate::shared::segment::Shared;
use crate::snowflake::worker;
use crate::time::gate;

/// The shortest and the longest pause between two attempts, in microseconds.
pub const SHORTEST_PAUSE: i64 = 200_000;
pub const LONGEST_PAUSE: i64 = 5_000_000;
/// How long giving a lease back may hold up a shutdown, in microseconds.
pub const FAREWELL: i64 = 3_000_000;

/// The lease of this server, from its registry.
pub struct Leases {
    shared: Shared,
    holder: &'static Holder,
    identity: String,
    host_name: String,
    layout: Layout,
    registry: Box<dyn LeaseRegistry>,
    /// The next pause after an attempt that failed, in microseconds.
    pause: i64,
}

impl Leases {
    /// For the server that its data and its host say.
    pub fn new(shared: Shared, layout: Layout, registry: Box<dyn LeaseRegistry>) -> Self {
        Self {
            shared,
            holder: shared.holder(),
            identity: identity::system_identifier().to_string(),
            host_name: identity::host_name().unwrap_or_default(),
            layout,
            registry,
            pause: SHORTEST_PAUSE,
        }
    }

    /// Whether the lease is at its end, by a clock that was not foreseen, while nothing is known
    /// to be wrong with the registry.
    pub fn is_pressing(&self) -> bool {
        let status = self.holder.status();
        let ended = |lease: Lease| lease.not_after.saturating_mul(1_000) <= clock::wall().micros();
        status.trouble.is_none() && status.lease.is_none_or(ended)
    }

    /// Takes or renews the lease; returns in how many microseconds to do so again.
    pub fn attempt(&mut self) -> i64 {
        let fixed = match self.wanted() {
            Ok(fixed) => fixed,
            Err(failure) => {
                self.give_up(Deadline::within(FAREWELL));
                let now = clock::wall().micros() / 1_000;
                if self
                    .holder
                    .set_trouble(Cause::Setting, &failure.line(), now)
                {
                    Report::from(failure).log();
                }
                return LONGEST_PAUSE;
            }
        };
        let held = self.holder.status().lease;
        if let (Some(fixed), Some(held)) = (fixed, held)
            && fixed != held.worker
        {
            self.give_up(Deadline::within(FAREWELL));
        }
        let length = settings::lease_length();
        let lasts = |held: Lease| held.not_after.saturating_mul(1_000) > clock::wall().micros();
        let sample = if self.holder.status().lease.is_some_and(lasts) {
            // what is only renewed begins where it began
            Ok(clock::sample())
        } else {
            gate::sample_at_once(self.shared)
        };
        let sample = match sample {
            Ok(sample) => sample,
            Err(failure) => {
                self.trouble(Cause::Clock, failure.line());
                return self.next_pause();
            }
        };
        let request = Request {
            identity: self.identity.clone(),
            nonce: self.holder.nonce(),
            host_name: self.host_name.clone(),
            clock: sample.wall.micros() / 1_000,
            max_lead: settings::pace().max_lead / 1_000,
            length: length / 1_000,
            fixed,
            held: self.holder.status().lease,
        };
        let deadline = Deadline::within((length / 6).clamp(1_000_000, 10_000_000));
        match self.registry.take(&self.layout, &request, deadline) {
            Ok(Answer::Granted {
                lease,
                contested_by,
            }) => {
                let workers = self.layout.largest_worker() + 1;
                if let Err(implausible) = check_grant(&request, workers, &lease) {
                    let place = settings::registry().map(|setting| setting::place(&setting));
                    let place = place.unwrap_or_default();
                    let text = format!("The registry{place} {implausible}");
                    self.trouble(Cause::Implausible, text);
                    return self.next_pause();
                }
                self.pause = SHORTEST_PAUSE;
                self.granted(request.held, lease, &sample);
                self.contested(contested_by.as_deref());
                self.until_renewal(lease, length, &sample)
            }
            Ok(Answer::Refused(denial)) => {
                let cause = Cause::Refused(denial.reason);
                self.trouble(cause, denial.detail);
                self.next_pause()
            }
            Err(NoAnswer(_)) if wait::shutdown_requested() => 0,
            Err(NoAnswer(problem)) => {
                self.trouble(Cause::NoAnswer, problem);
                self.next_pause()
            }
        }
    }

    /// The only worker ID that will do, if the setting names one.
    fn wanted(&self) -> Outcome<Option<u32>> {
        worker::wanted(&self.layout, self.shared)
    }

    /// A third of the lease. What was granted may be shorter than what was asked for.
    fn until_renewal(&self, lease: Lease, length: i64, sample: &ClockSample) -> i64 {
        let left = (lease.not_after.saturating_mul(1_000)).saturating_sub(sample.wall.micros());
        (length.min(left) / 3).max(SHORTEST_PAUSE)
    }

    /// The pause after a failure: longer each time, and not the same for all servers.
    fn next_pause(&mut self) -> i64 {
        let pause = self.pause;
        self.pause = (2 * pause).min(LONGEST_PAUSE);
        pause / 2 + (random::bits() % pause as u64) as i64 / 2
    }

    fn granted(&self, held: Option<Lease>, lease: Lease, sample: &ClockSample) {
        let trouble = self.holder.status().trouble;
        let shape = self.layout.shape();
        let pace = settings::pace();
        self.holder
            .enter(self.shared.words(), &shape, lease, &pace, sample);
        if let Some(trouble) = trouble
            && trouble.cause == Cause::NoAnswer
        {
            let since = Timestamp::from_millis(trouble.since);
            Report::new("the registry of worker IDs answers again")
                .detail(format!("It had not answered since {since}."))
                .log();
        }
        let until = Timestamp::from_millis(lease.not_after);
        let from = Timestamp::from_millis(lease.not_before);
        let worker = lease.worker;
        match held {
            Some(held) if held.worker != worker => Report::new(format!(
                "the worker ID of this server is {worker} now, and was {}",
                held.worker
            ))
            .detail(format!(
                "Its lease had ended, and the registry gave worker ID {} away. That of {worker} \
                 is for IDs from {from} to {until}.",
                held.worker
            ))
            .log(),
            Some(held) if held.not_before == lease.not_before => {}
            _ => Report::new(format!("worker ID {worker} is leased to this server"))
                .detail(format!("The lease is for IDs from {from} to {until}."))
                .log(),
        }
    }

    fn contested(&self, by: Option<&str>) {
        if !self.holder.set_contested_by(by) {
            return;
        }
        let host = by.unwrap_or_default();
        Report::new(format!(
            "another server with the identity of this one holds a worker ID, on host \"{host}\""
        ))
        .detail(format!(
            "It has system identifier {} as well: one is a clone of the other, or it is an earlier \
             start of this server that was not stopped cleanly. Each has a worker ID of its own.",
            self.identity
        ))
        .log();
    }

    /// Notes that an attempt failed; the log is told once for each kind of trouble.
    fn trouble(&self, cause: Cause, text: String) {
        let now = clock::wall();
        if !self.holder.set_trouble(cause, &text, now.micros() / 1_000) {
            return;
        }
        let message = match cause {
            Cause::NoAnswer => "the registry of worker IDs does not answer",
            Cause::Implausible => "the registry of worker IDs grants what cannot be",
            Cause::Clock => "no lease of a worker ID is taken by the clock of this server",
            _ => "the registry of worker IDs refuses a lease",
        };
        let last = match self.holder.status().lease {
            Some(lease) => {
                let end = Timestamp::from_millis(lease.not_after);
                let left = end.micros().saturating_sub(now.micros()).max(0) / 1_000_000;
                let worker = lease.worker;
                format!("IDs of worker ID {worker} go on for {left} s, until {end}.")
            }
            None if cause == Cause::Clock => "No ID is given out until it is right.".into(),
            None => "No ID is given out until it grants one.".into(),
        };
        Report::new(message)
            .detail(format!("{} {last}", error::sentence(&text)))
            .log();
    }

    /// Gives the lease back, if there is one.
    pub fn give_up(&mut self, deadline: Deadline) {
        let Some((lease, mark)) = self.holder.leave(self.shared.words()) else {
            return;
        };
        let Lease {
            worker, not_after, ..
        } = lease;
        let nonce = self.holder.nonce();
        let released = self
            .registry
            .release(&self.layout, worker, nonce, mark, deadline);
        match released {
            Ok(()) => Report::new(format!("worker ID {worker} was given back")).log(),
            Err(NoAnswer(problem)) => Report::new(format!("worker ID {worker} was not given back"))
                .detail(format!(
                    "The registry does not answer: {problem}. The lease ends at {}.",
                    Timestamp::from_millis(not_after)
                ))
                .log(),
        }
    }
}
