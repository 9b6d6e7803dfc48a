//! An NTP server that the background worker asks.

use std::net::SocketAddr;

use snowflake_core::time::{
    Answer, Heard, Kiss, Moment, Restraint, Said, Sample, Selection, Span, Standing, State,
    server_name,
};
use snowflake_core::{Endpoint, seconds, signed_seconds};

use crate::host::clock;
use crate::net::deadline::Deadline;
use crate::postgres::error::{Report, sentence};
use crate::settings;
use crate::shared::bounded_text::BoundedText;
use crate::shared::clock_sources::{Record, ServerName};
use crate::shared::segment::Shared;
use crate::time::ntp::{self, Reply};

/// How long a server has to answer, in microseconds.
const TIMEOUT: i64 = 1_000_000;

/// A server that is asked.
pub struct Server {
    pub endpoint: Endpoint,
    pub record: Record,
    /// Whether the majority of servers agrees with it, if there is one.
    agrees: Option<bool>,
    /// Whether its address is to be looked up.
    pub lookup: bool,
    /// Whether it is the machine of one that is listed before it, which has the vote of both.
    is_double: bool,
    /// Whether the log was told that it is a falseticker.
    told: bool,
}

impl Server {
    /// One of which nothing is known.
    pub fn new(endpoint: Endpoint) -> Self {
        let name = ServerName::new(&server_name(&endpoint));
        Self {
            endpoint,
            record: Record {
                name,
                ..Record::default()
            },
            agrees: None,
            lookup: true,
            is_double: false,
            told: false,
        }
    }

    /// The same as if nobody had asked it yet, but for what it said.
    pub fn renewed(self) -> Self {
        Self {
            record: Record {
                restraint: Restraint::default(),
                ..self.record
            },
            lookup: true,
            ..self
        }
    }

    /// The address, if no name has to be looked up.
    pub fn literal(&self) -> Option<SocketAddr> {
        let address = self.endpoint.host.parse().ok()?;
        Some(SocketAddr::new(address, self.endpoint.port))
    }

    /// Takes whether it is the machine of one that is listed before it: it says nothing then.
    pub fn share(&mut self, with: Option<ServerName>) {
        self.is_double = with.is_some();
        if let Some(other) = with {
            self.record.samples.withdraw();
            self.fail(&format!("its address is that of {other}"));
        }
    }

    /// Asks for the time.
    pub fn ask(&mut self, shared: Shared, address: SocketAddr) {
        if self.is_double {
            // the name may become that of another machine
            self.lookup |= self.record.restraint.missed();
            return;
        }
        // it sends at once, and others that are waiting for their turn come later: they could keep
        // it from asking otherwise
        let _ = shared.ntp_turns().take(address, clock::monotonic());
        self.record.restraint.ask(clock::elapsed());
        let record = &mut self.record;
        record.polls += 1;
        let mut ignored = 0;
        let result = ntp::exchange(address, Deadline::within(TIMEOUT), &mut ignored);
        record.ignored += u64::from(ignored.unsigned_abs());
        match result {
            Ok(Some(reply)) => self.take(reply),
            Ok(None) => self.miss(&ntp::no_answer_within(TIMEOUT)),
            Err(problem) => self.miss(&problem),
        }
    }

    fn take(&mut self, reply: Reply) {
        let Reply {
            packet,
            answer,
            sent,
        } = reply;
        self.record.restraint.answered();
        self.record.latest = Some(answer.state());
        self.record.answers += 1;
        self.record.packet = Some(packet);
        if let Answer::Good(measurement) = answer {
            self.record.samples.push(Sample {
                at: sent,
                measurement,
            });
            return;
        }
        self.record.samples.miss();
        self.fail(&answer.to_string());
        if let Some(code) = packet.kiss() {
            self.obey(&code);
        }
    }

    /// No answer came.
    fn miss(&mut self, problem: &str) {
        self.record.latest = Some(State::NoAnswer);
        self.record.samples.miss();
        self.lookup |= self.record.restraint.missed();
        self.fail(problem);
    }

    fn fail(&mut self, problem: &str) {
        self.record.last_error = BoundedText::new(&ntp::problem_of(problem));
    }

    /// Does what a server asks for that refuses; the log is told once.
    fn obey(&mut self, code: &str) {
        let poll = settings::ntp_poll();
        let before = self.record.restraint;
        self.record.restraint.kissed(Kiss::new(code), poll);
        if self.record.restraint == before {
            return;
        }
        let name = self.record.name;
        let told = match self.record.restraint.interval(poll) {
            _ if self.record.restraint.from(poll).is_none() => {
                self.record.samples.withdraw();
                Report::new(format!("NTP server {name} asks to be left alone")).detail(format!(
                    "It answered {code}; it is asked again after a reload."
                ))
            }
            interval => {
                let interval = seconds(interval.unwrap_or(poll) / 1_000);
                Report::new(format!("NTP server {name} asks to be asked less often")).detail(
                    format!("It answered {code}; it is asked every {interval} from now on."),
                )
            }
        };
        told.log();
    }

    /// Looks up its address. A name server that does not answer holds this process up for seconds,
    /// whatever it is told meanwhile.
    pub fn look_up(&mut self) -> Option<SocketAddr> {
        let found = match self.literal() {
            Some(address) => Ok(address),
            None => ntp::resolve(&self.endpoint),
        };
        match found {
            Ok(address) => {
                self.record.address = Some(address);
                self.lookup = false;
            }
            Err(problem) if self.record.address.is_none() => {
                self.record.restraint.ask(clock::elapsed());
                self.record.polls += 1;
                self.miss(&problem);
            }
            // the address that it had may still be right
            Err(problem) => {
                self.lookup = false;
                self.fail(&problem);
            }
        }
        self.record.address
    }

    /// What it says of the clock at a moment.
    pub fn heard(&self, now: Moment, poll: i64) -> Heard {
        let samples = &self.record.samples;
        let interval = self.record.restraint.interval(poll).unwrap_or(poll);
        let said = samples.taken().map(|at| Said::by_poll(at, interval));
        Heard {
            says: samples.span(now).zip(said),
            asked: self.record.latest.is_some() || self.is_double,
            leap: self.announces_leap(),
        }
    }

    /// Whether its latest answer announces a leap second.
    pub fn announces_leap(&self) -> bool {
        let leap = self.record.packet.map(|packet| packet.leap);
        matches!(leap, Some(1 | 2))
    }

    /// Takes what all servers say together of the clock; `says` is what this one does.
    pub fn judge(&mut self, says: Option<Span>, agrees: bool, selection: &Selection) {
        self.agrees = (says.is_some() && selection.hull.is_some()).then_some(agrees);
        self.tell_of_falseticker(says, selection);
    }

    /// What there is to tell about it. The next round begins at `next_round`, by the elapsed time in
    /// nanoseconds, and it is asked then if it lets itself be.
    pub fn tell(&mut self, next_round: i64, poll: i64) -> &Record {
        let from = self.record.restraint.from(poll);
        self.record.next_poll = from
            .filter(|_| !self.is_double)
            .map(|from| from.max(next_round));
        self.record.standing = if self.is_double {
            Standing::SameAsAnother
        } else {
            Standing::new(self.record.latest, self.agrees)
        };
        &self.record
    }

    /// Tells the log, once for each change, whether it contradicts the majority. `says` is what it
    /// says of the clock.
    fn tell_of_falseticker(&mut self, says: Option<Span>, selection: &Selection) {
        let is_false = self.agrees == Some(false);
        // one that says nothing for a while has not changed its mind
        if self.told == is_false || self.agrees.is_none() {
            return;
        }
        self.told = is_false;
        let name = self.record.name;
        if !is_false {
            Report::new(format!("NTP server {name} agrees with the others")).log();
            return;
        }
        let (Some(says), Some(hull)) = (says, selection.hull) else {
            return;
        };
        let middle = says.low.midpoint(says.high);
        let others = selection.truechimers.iter().filter(|agrees| **agrees);
        Report::new(format!("NTP server {name} is a falseticker"))
            .detail(sentence(&format!(
                "It says {}; {} others agree on {}",
                signed_seconds(middle),
                others.count(),
                range(hull)
            )))
            .log();
    }
}

/// A span of offsets for people.
pub fn range(span: Span) -> String {
    format!(
        "{} to {}",
        signed_seconds(span.low),
        signed_seconds(span.high)
    )
}
