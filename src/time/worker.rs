//! The background worker that asks the NTP servers of snowflake_pg.ntp_servers, whenever it is time to,
//! and puts together what they say of the clock; it compares that with those of the fleet, too. It has no database, and works on a standby, too.

use std::time::Duration;

use pgrx::bgworkers::{
    BackgroundWorker, BackgroundWorkerBuilder, BgWorkerStartTime, SignalWakeFlags,
};
use pgrx::prelude::*;
use snowflake_core::Endpoint;
use snowflake_core::time::{Authority, MOST_SERVERS, Rounds, Selection, Span, majority, select};

use crate::host::{clock, random};
use crate::postgres::error::Report;
use crate::postgres::wait::{self, Event};
use crate::settings;
use crate::shared::segment::{self, Shared};
use crate::time::fleet::Fleet;
use crate::time::gate;
use crate::time::ntp_server::{Server, range};

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

/// For how many nanoseconds what is measured counts as said now.
fn lasts() -> i64 {
    settings::ntp_poll() * LASTS_POLLS + LASTS
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
    fleet: Option<Fleet>,
    rounds: Rounds,
    told: Contradiction,
}

impl Worker {
    fn new(shared: Shared) -> Self {
        Self {
            shared,
            servers: Vec::new(),
            fleet: Fleet::find(shared),
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
            let now = clock::elapsed();
            if self.shared.clock_sources().take_jump() {
                self.rounds.hasten(now);
                if let Some(fleet) = &mut self.fleet {
                    fleet.hasten(now);
                }
            }
            let mut next = now.saturating_add(NOTHING_TO_DO * 1_000);
            if self.servers.is_empty() {
                self.evaluate();
            } else {
                next = self.rounds.next();
                if next <= now {
                    self.round(now);
                    continue;
                }
            }
            if let Some(fleet) = &mut self.fleet {
                if fleet.next() <= now {
                    fleet.poll(self.shared, now, lasts());
                    continue;
                }
                next = next.min(fleet.next());
            }
            wait::pause(Event::ClockWorker, next.saturating_sub(now) / 1_000);
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
        let gate = self.shared.clock_gate();
        gate.change(|known| known.watch.ntp_says(now, &selection, lasts()));
        let verdicts = spans.iter().zip(&selection.truechimers);
        for (server, (says, agrees)) in self.servers.iter_mut().zip(verdicts) {
            server.judge(*says, *agrees, &selection);
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
            sources.publish(index, server.tell(next, poll));
        }
        sources.set_count(self.servers.len().min(MOST_SERVERS));
    }
}
