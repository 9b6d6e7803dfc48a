//! The clock of this server among those that share its registry: measured against the registry's, and
//! reported to it, by a connection that nothing else waits for.

use pgrx::prelude::*;
use snowflake_core::time::{
    Authority, Majority, Rounds, Said, Span, Sync, Synced, Watch, ahead_of_member,
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

/// For how many polls who reported before a start may have its place: nobody is told of that.
const PLACE_POLLS: i64 = 4;

/// Who compares this server's clock with those of its fleet.
pub struct Fleet {
    registry: Postgres,
    identity: String,
    host_name: String,
    rounds: Rounds,
    /// When this began, by the elapsed time in nanoseconds.
    began: i64,
    /// Whether the log was told that something is wrong.
    told: bool,
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
            identity: identity::system_identifier().to_string(),
            host_name: identity::host_name().unwrap_or_default(),
            rounds: Rounds::new(clock::elapsed()),
            began: clock::elapsed(),
            told: false,
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
            Ok((synced, answer)) => self.answered(shared, now, synced, answer),
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
        let mut latest = None;
        for round in 1..=ROUNDS {
            if round == ROUNDS {
                report.offset = sync.result(cristian::bracket()).map(|synced| synced.bounds);
            }
            let sent = cristian::sent();
            let answer = self.registry.report_clock(&report, deadline);
            let received = clock::elapsed();
            let answer = answer.map_err(|NoAnswer(problem)| problem)?;
            sync.add(sent, answer.times(), received)
                .map_err(|error| error.to_string())?;
            latest = Some(answer);
        }
        sync.result(cristian::bracket())
            .zip(latest)
            .ok_or_else(|| "its clock is out of range".into())
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

    fn answered(&mut self, shared: Shared, asked: i64, synced: Synced, answer: ClockAnswer) {
        let now = clock::moment();
        let ahead = answer.hull.map(|hull| ahead_of_member(hull, synced.bounds));
        let majority = Majority::new(answer.agreeing, answer.clocks);
        let trouble = match answer.accepted {
            Some(true) => "",
            _ => {
                "another server with the identity of this one reports to the registry, or did so \
                 before this one was started; its clock is the one that counts"
            }
        };
        // who is let pass by the gate sees in the view why
        shared.fleet_status().change(|report| {
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
        let poll = settings::ntp_poll();
        let said = Said::by_poll(asked, poll);
        shared
            .clock_gate()
            .change(|known| known.watch.fleet_says(now, ahead, majority, said));
        gate::report(shared);
        if trouble.is_empty() {
            self.tell_of_none();
        } else if now.elapsed.saturating_sub(self.began) > poll.saturating_mul(PLACE_POLLS) + PAUSE
        {
            self.tell_of(trouble);
        }
    }

    /// What the fleet said before goes on to count for a while.
    fn failed(&mut self, shared: Shared, problem: &str) {
        if wait::shutdown_requested() {
            return;
        }
        shared.fleet_status().change(|report| {
            report.failures = report.failures.saturating_add(1);
            report.trouble = BoundedText::new(problem);
        });
        shared
            .clock_gate()
            .change(|known| known.watch.fleet_is_silent());
        self.tell_of(problem);
    }

    /// Tells the log, once until all is well again.
    fn tell_of(&mut self, problem: &str) {
        if !std::mem::replace(&mut self.told, true) {
            Report::new("the registry does not compare the clock of this server with others")
                .detail(sentence(problem))
                .log();
        }
    }

    fn tell_of_none(&mut self) {
        if std::mem::replace(&mut self.told, false) {
            Report::new("the registry compares the clock of this server with others again").log();
        }
    }
}
