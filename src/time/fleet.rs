//! The clock of this server among those that share its registry: measured against the registry's, and
//! reported to it, by a connection that nothing else waits for.

use pgrx::prelude::*;
use snowflake_core::time::{
    Authority, Majority, Rounds, Span, Sync, Synced, Watch, ahead_of_member,
};

use crate::host::clock;
use crate::host::identity;
use crate::host::random;
use crate::net::deadline::Deadline;
use crate::postgres::error::{Report, sentence};
use crate::postgres::wait;
use crate::registry::clock_row::ClockAnswer;
use crate::registry::in_postgres::Postgres;
use crate::registry::in_postgres_clocks::ClockReport;
use crate::registry::protocol::NoAnswer;
use crate::settings;
use crate::shared::bounded_text::BoundedText;
use crate::shared::fleet_status::FleetReport;
use crate::shared::segment::Shared;
use crate::time::cristian;
use crate::time::gate;

/// Round trips of one poll.
const ROUNDS: u32 = 4;
/// How long a poll may take, connecting included, in microseconds: NTP servers wait for it.
const PATIENCE: i64 = 2_000_000;
/// How long a registry that did not answer is left alone at least, in nanoseconds.
const PAUSE: i64 = 5_000_000_000;

/// Who compares this server's clock with those of its fleet.
pub struct Fleet {
    registry: Postgres,
    identity: String,
    host_name: String,
    rounds: Rounds,
    /// Not to be asked before, by the elapsed time in nanoseconds.
    not_before: i64,
}

impl Fleet {
    /// By the registry that worker IDs are leased from.
    pub fn find(shared: Shared) -> Option<Self> {
        let registry = settings::fleet()?;
        // there is something to show from now on
        shared.fleet_status().change(|_| ());
        Some(Self {
            registry: Postgres::new(&registry),
            identity: identity::system_identifier(),
            host_name: identity::host_name().unwrap_or_default(),
            rounds: Rounds::new(clock::elapsed()),
            not_before: i64::MIN,
        })
    }

    /// When the next poll begins.
    pub fn next(&self) -> i64 {
        self.rounds.next().max(self.not_before)
    }

    /// Brings it forward: the clock has jumped.
    pub fn hasten(&mut self, now: i64) {
        self.rounds.hasten(now);
    }

    /// Measures, reports, and tells the gate, the view and the log.
    pub fn poll(&mut self, shared: Shared, now: i64) {
        self.rounds.begin(now, settings::ntp_poll(), random::bits());
        // SAFETY: reads shared memory of the server
        if unsafe { pg_sys::RecoveryInProgress() } {
            // it has the identity of its primary, which reports
            return;
        }
        match self.ask(shared) {
            Ok((synced, answer)) => self.answered(shared, synced, answer),
            Err(problem) => {
                self.not_before = clock::elapsed().saturating_add(PAUSE);
                self.failed(shared, &problem);
            }
        }
    }

    /// A few round trips. The last one carries what those before it say.
    fn ask(&mut self, shared: Shared) -> Result<(Synced, ClockAnswer), String> {
        let deadline = Deadline::within(PATIENCE);
        let mut report = self.report(shared);
        let mut sync = Sync::default();
        let mut result = Err("it was not asked".into());
        for round in 1..=ROUNDS {
            if round == ROUNDS {
                report.offset = sync.result(cristian::bracket()).map(|synced| synced.bounds);
            }
            // the second reading is right if the process was held up during the first
            let sent = clock::elapsed().min(clock::elapsed());
            let answer = self.registry.report_clock(&report, deadline);
            let received = clock::elapsed();
            let answer = answer.map_err(|NoAnswer(problem)| problem)?;
            sync.add(sent, answer.times(), received)
                .map_err(|error| error.to_string())?;
            let synced = sync.result(cristian::bracket());
            result = synced
                .map(|synced| (synced, answer))
                .ok_or_else(|| "its clock is out of range".into());
        }
        result
    }

    fn report(&self, shared: Shared) -> ClockReport {
        let now = clock::moment();
        let finding = gate::look(shared, now);
        let says = |watch: &Watch, by: Authority| -> Option<Span> {
            let claim = watch.claim(by).filter(|claim| claim.is_current(now))?;
            Some(claim.offset(now))
        };
        ClockReport {
            identity: self.identity.clone(),
            nonce: shared.holder().nonce(),
            host_name: self.host_name.clone(),
            poll: settings::ntp_poll(),
            offset: None,
            ntp: says(&finding.watch, Authority::Ntp),
            kernel: says(&finding.watch, Authority::Kernel),
            state: finding.verdict.name(),
            gate: settings::clock_gate().name(),
        }
    }

    fn answered(&self, shared: Shared, synced: Synced, answer: ClockAnswer) {
        let now = clock::moment();
        let ahead = answer.hull.map(|hull| ahead_of_member(hull, synced.bounds));
        let majority = Majority::new(answer.agreeing, answer.clocks);
        let gate = shared.clock_gate();
        gate.change(|known| {
            known
                .watch
                .fleet_says(now, ahead, majority, settings::ntp_poll())
        });
        gate::report(shared);
        let trouble = match answer.accepted {
            Some(true) => "",
            _ => {
                "another server with the identity of this one reports to the registry, or did so \
                 before this one was started; its clock is the one that counts"
            }
        };
        let before = shared.fleet_status().change(|report| {
            *report = FleetReport {
                offset: Some(synced.bounds),
                fleet: ahead,
                majority,
                as_of: now.wall,
                answers: report.answers.saturating_add(1),
                trouble: BoundedText::new(trouble),
                ..*report
            };
        });
        if !trouble.is_empty() {
            tell_of_trouble(&before, trouble);
        } else if before.has_trouble() {
            Report::new("the registry compares the clock of this server with others again").log();
        }
    }

    /// What the fleet said before goes on to count for a while.
    fn failed(&self, shared: Shared, problem: &str) {
        if wait::shutdown_requested() {
            return;
        }
        shared
            .clock_gate()
            .change(|known| known.watch.fleet_is_silent());
        let before = shared.fleet_status().change(|report| {
            report.failures = report.failures.saturating_add(1);
            report.trouble = BoundedText::new(problem);
        });
        tell_of_trouble(&before, problem);
    }
}

/// Once, until all is well again.
fn tell_of_trouble(before: &FleetReport, problem: &str) {
    if !before.has_trouble() {
        Report::new("the registry does not compare the clock of this server with others")
            .detail(sentence(problem))
            .log();
    }
}
