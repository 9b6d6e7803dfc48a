//! The background worker that asks the NTP servers of snowflake_pg.ntp_servers, whenever it is time to,
//! and puts together what they say of the clock. It has no database, and works on a standby, too.

use std::net::SocketAddr;
use std::time::Duration;

use pgrx::bgworkers::{
    BackgroundWorker, BackgroundWorkerBuilder, BgWorkerStartTime, SignalWakeFlags,
};
use pgrx::prelude::*;
use snowflake_core::time::{
    Answer, Authority, Kiss, MOST_SERVERS, Moment, Restraint, Rounds, Sample, Selection, Span,
    Standing, State, majority, select, server_name,
};
use snowflake_core::{Endpoint, seconds, signed_seconds};

use crate::host::{clock, random};
use crate::net::deadline::Deadline;
use crate::postgres::error::{Report, sentence};
use crate::postgres::wait::{self, Event};
use crate::settings;
use crate::shared::bounded_text::BoundedText;
use crate::shared::clock_sources::{Record, ServerName};
use crate::shared::segment::{self, Shared};
use crate::time::gate;
use crate::time::ntp::{self, Reply};

/// How long a server has to answer, in microseconds.
const TIMEOUT: i64 = 1_000_000;
/// How long the worker sleeps while no server is listed, in microseconds: until it is woken.
const NOTHING_TO_DO: i64 = 86_400_000_000;
/// For how many poll intervals what the servers said counts as said now, and for how many nanoseconds
/// more: servers that do not answer take their time.
const LASTS_POLLS: i64 = 3;
const LASTS: i64 = 30_000_000_000;

/// Asks for the background worker, from `_PG_init`, if it is wanted.
pub fn request() {
    if !settings::clock_worker() {
        return;
    }
    BackgroundWorkerBuilder::new("snowflake_pg clock")
        .set_type("snowflake_pg clock")
        .set_library("snowflake_pg")
        .set_function("snowflake_pg_clock_worker")
        .enable_shmem_access(None)
        .set_start_time(BgWorkerStartTime::ConsistentState)
        .set_restart_time(Some(Duration::from_secs(1)))
        .load();
}

/// What the postmaster starts. It ends with status 1, so that it is started again unless the server
/// shuts down.
#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn snowflake_pg_clock_worker(_argument: pg_sys::Datum) {
    BackgroundWorker::attach_signal_handlers(SignalWakeFlags::SIGHUP | SignalWakeFlags::SIGTERM);
    let Ok(shared) = segment::shared() else {
        return;
    };
    // SAFETY: the latch of this process lies in shared memory
    let latch = unsafe { pg_sys::MyLatch };
    shared.clock_sources().set_worker_latch(latch);
    shared.clock_gate().wait_from(clock::elapsed());
    Worker::new(shared).run();
    // SAFETY: the end of this process
    unsafe { pg_sys::proc_exit(1) };
}

/// A server that is asked.
struct Server {
    endpoint: Endpoint,
    record: Record,
    restraint: Restraint,
    /// What came of asking it last.
    latest: Option<State>,
    /// Whether the majority of servers agrees with it, if there is one.
    agrees: Option<bool>,
    /// Whether its address is to be looked up.
    lookup: bool,
    /// Whether the log was told that it is a falseticker.
    told: bool,
}

impl Server {
    /// One of which nothing is known.
    fn new(endpoint: Endpoint) -> Self {
        let name = ServerName::new(&server_name(&endpoint));
        Self {
            endpoint,
            record: Record {
                name,
                ..Record::default()
            },
            restraint: Restraint::default(),
            latest: None,
            agrees: None,
            lookup: true,
            told: false,
        }
    }

    /// The same as if nobody had asked it yet, but for what it said.
    fn renewed(self) -> Self {
        Self {
            restraint: Restraint::default(),
            lookup: true,
            ..self
        }
    }

    /// The address, if no name has to be looked up.
    fn literal(&self) -> Option<SocketAddr> {
        let address = self.endpoint.host.parse().ok()?;
        Some(SocketAddr::new(address, self.endpoint.port))
    }

    /// Asks for the time.
    fn ask(&mut self, shared: Shared, address: SocketAddr) {
        // it sends at once, and others that are waiting for their turn come later: they could keep
        // it from asking otherwise
        let _ = shared.ntp_turns().take(address, clock::monotonic());
        self.restraint.ask(clock::elapsed());
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
        self.restraint.answered();
        self.latest = Some(answer.state());
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
        self.latest = Some(State::NoAnswer);
        self.record.samples.miss();
        self.lookup |= self.restraint.missed();
        self.fail(problem);
    }

    fn fail(&mut self, problem: &str) {
        self.record.last_error = BoundedText::new(&ntp::problem_of(problem));
    }

    /// Does what a server asks for that refuses; the log is told once.
    fn obey(&mut self, code: &str) {
        let poll = settings::ntp_poll();
        let before = self.restraint;
        self.restraint.kissed(Kiss::new(code), poll);
        if self.restraint == before {
            return;
        }
        let name = self.record.name;
        let told = match self.restraint.interval(poll) {
            _ if self.restraint.from(poll).is_none() => {
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
    fn look_up(&mut self) -> Option<SocketAddr> {
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
                self.restraint.ask(clock::elapsed());
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
    fn span(&self, now: Moment) -> Option<Span> {
        self.record.samples.span(now)
    }
}

/// What the log was told of who contradicts whom.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Contradiction {
    None,
    /// NTP servers each other.
    Servers,
    /// The NTP servers the kernel.
    Kernel,
}

struct Worker {
    shared: Shared,
    servers: Vec<Server>,
    rounds: Rounds,
    told: Contradiction,
}

impl Worker {
    fn new(shared: Shared) -> Self {
        Self {
            shared,
            servers: Vec::new(),
            rounds: Rounds::new(clock::elapsed()),
            told: Contradiction::None,
        }
    }

    fn run(mut self) {
        self.list();
        self.take_over();
        self.warn_of_few();
        while !wait::shutdown_requested() {
            if wait::take_reload_request() {
                self.reload();
            }
            if self.servers.is_empty() {
                self.evaluate();
                wait::pause(Event::ClockWorker, NOTHING_TO_DO);
                continue;
            }
            let now = clock::elapsed();
            if self.shared.clock_sources().take_jump() {
                self.rounds.hasten(now);
            }
            let left = self.rounds.next().saturating_sub(now);
            if left <= 0 {
                self.round(now);
            } else {
                wait::pause(Event::ClockWorker, left / 1_000);
            }
        }
    }

    /// Goes on with what a worker before this one has learnt.
    fn take_over(&mut self) {
        for record in self.shared.clock_sources().records() {
            let is_it = |server: &&mut Server| server.record.name == record.name;
            if let Some(server) = self.servers.iter_mut().find(is_it) {
                server.record = record;
            }
        }
        self.publish_all();
    }

    /// Reads the configuration again. All servers are looked up and may be asked again.
    fn reload(&mut self) {
        // SAFETY: reads the configuration, as every process does at this signal
        unsafe { pg_sys::ProcessConfigFile(pg_sys::GucContext::PGC_SIGHUP) };
        let endpoints = |servers: &[Server]| -> Vec<Endpoint> {
            servers
                .iter()
                .map(|server| server.endpoint.clone())
                .collect()
        };
        let before = endpoints(&self.servers);
        self.list();
        if endpoints(&self.servers) == before {
            self.rounds.hasten(clock::elapsed());
        } else {
            // what others have said is nothing that those on the list vouch for
            let gate = self.shared.clock_gate();
            gate.change(|known| known.watch.forget_ntp());
            self.rounds = Rounds::new(clock::elapsed());
            self.warn_of_few();
        }
        self.publish_all();
    }

    /// Goes on with the servers that are listed. What is known of those that were is kept.
    fn list(&mut self) {
        let mut before = std::mem::take(&mut self.servers);
        // checked when it was set
        let endpoints = settings::ntp_servers().unwrap_or_default();
        self.servers = endpoints
            .into_iter()
            .map(|endpoint| {
                let place = before.iter().position(|server| server.endpoint == endpoint);
                match place.map(|place| before.swap_remove(place)) {
                    Some(server) => server.renewed(),
                    None => Server::new(endpoint),
                }
            })
            .collect();
    }

    /// A gate that goes by NTP is only as good as the majority of the servers.
    fn warn_of_few(&self) {
        let decides = settings::clock_sources()
            .iter()
            .any(|by| by == Authority::Ntp);
        if !settings::clock_gate().can_refuse() || !decides {
            return;
        }
        match self.servers.len() {
            1 => Report::new("one NTP server cannot be outvoted").detail(
                "IDs stop, or go on, as it says. List three or more in snowflake_pg.ntp_servers.",
            ),
            2 => Report::new("two NTP servers cannot outvote each other").detail(
                "Nobody knows the time while they disagree, or one does not answer. List three or \
                 more in snowflake_pg.ntp_servers.",
            ),
            _ => return,
        }
        .log_warning();
    }

    /// Asks all servers that may be asked. Those whose addresses are known come first: looking up
    /// others may take long.
    fn round(&mut self, now: i64) {
        let poll = settings::ntp_poll();
        self.rounds.begin(now, poll, random::bits());
        let is_due = |server: &Server| server.restraint.from(poll).is_some_and(|from| from <= now);
        let due: Vec<_> = (0..self.servers.len())
            .filter(|index| self.servers.get(*index).is_some_and(is_due))
            .collect();
        let (unknown, known): (Vec<_>, Vec<_>) = due.into_iter().partition(|index| {
            let server = self.servers.get(*index);
            server.is_some_and(|server| server.lookup && server.literal().is_none())
        });
        for part in [known, unknown] {
            for index in &part {
                self.ask(*index);
                if wait::shutdown_requested() {
                    return;
                }
            }
            if !part.is_empty() {
                self.evaluate();
            }
        }
        self.publish_all();
    }

    fn ask(&mut self, index: usize) {
        let Some(server) = self.servers.get_mut(index) else {
            return;
        };
        let address = match server.record.address.filter(|_| !server.lookup) {
            Some(address) => Some(address),
            None => server.look_up(),
        };
        if let Some(address) = address
            && !wait::shutdown_requested()
        {
            server.ask(self.shared, address);
        }
    }

    /// Puts together what the servers say, and tells the gate, the views and the log.
    fn evaluate(&mut self) {
        // jumps, and what the kernel says
        let now = clock::moment();
        let watch = gate::look(self.shared, now).watch;
        let spans: Vec<_> = self.servers.iter().map(|server| server.span(now)).collect();
        let selection = select(&spans);
        let lasts = settings::ntp_poll() * LASTS_POLLS + LASTS;
        let gate = self.shared.clock_gate();
        gate.change(|known| known.watch.ntp_says(now, &selection, lasts));
        let verdicts = spans.iter().zip(&selection.truechimers);
        for (server, (span, agrees)) in self.servers.iter_mut().zip(verdicts) {
            server.agrees = match (span, selection.hull) {
                (Some(_), Some(_)) => Some(*agrees),
                _ => None,
            };
            tell_of_falseticker(server, *span, &selection);
        }
        let kernel = watch
            .claim(Authority::Kernel)
            .filter(|claim| claim.is_current(now))
            .map(|claim| claim.offset(now));
        self.tell_of_contradiction(&spans, &selection, kernel);
        gate::report(self.shared);
        self.publish_all();
    }

    fn tell_of_contradiction(
        &mut self,
        spans: &[Option<Span>],
        selection: &Selection,
        kernel: Option<Span>,
    ) {
        let telling = spans.iter().flatten().count();
        let count = spans.len();
        let wanted = majority(count);
        let (contradiction, detail) = match (selection.hull, kernel) {
            (Some(hull), Some(kernel)) if !hull.meets(kernel) => {
                let detail = format!(
                    "What is to be added to this clock is {} by the NTP servers, and {} by the \
                     kernel.",
                    range(hull),
                    range(kernel)
                );
                (Contradiction::Kernel, detail)
            }
            (None, _) if telling >= wanted => {
                let detail = format!(
                    "{telling} of {count} NTP servers tell the time, and no {wanted} of them agree."
                );
                (Contradiction::Servers, detail)
            }
            // too few to say whether they do
            (None, _) => return,
            _ => (Contradiction::None, String::new()),
        };
        if contradiction == self.told {
            return;
        }
        self.told = contradiction;
        if contradiction == Contradiction::None {
            Report::new("the sources of time do not contradict each other any more").log();
            return;
        }
        let announces = |server: &Server| {
            let leap = server.record.packet.map(|packet| packet.leap);
            matches!(leap, Some(1 | 2))
        };
        let leap = if self.servers.iter().any(announces) {
            " A leap second is announced."
        } else {
            ""
        };
        Report::new("the sources of time contradict each other")
            .detail(format!("{detail}{leap}"))
            .log();
    }

    /// Shows what is known of all servers.
    fn publish_all(&mut self) {
        let sources = self.shared.clock_sources();
        let poll = settings::ntp_poll();
        let next = self.rounds.next();
        for (index, server) in self.servers.iter_mut().enumerate() {
            let from = server.restraint.from(poll);
            server.record.next_poll = from.map(|from| from.max(next));
            server.record.standing = Standing::new(server.latest, server.agrees);
            sources.publish(index, &server.record);
        }
        sources.set_count(self.servers.len().min(MOST_SERVERS));
    }
}

fn tell_of_falseticker(server: &mut Server, span: Option<Span>, selection: &Selection) {
    let is_false = server.agrees == Some(false);
    // one that says nothing for a while has not changed its mind
    if server.told == is_false || server.agrees.is_none() {
        return;
    }
    server.told = is_false;
    let name = server.record.name;
    if !is_false {
        Report::new(format!("NTP server {name} agrees with the others")).log();
        return;
    }
    let (Some(span), Some(hull)) = (span, selection.hull) else {
        return;
    };
    let middle = span.low.midpoint(span.high);
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

fn range(span: Span) -> String {
    format!(
        "{} to {}",
        signed_seconds(span.low),
        signed_seconds(span.high)
    )
}
