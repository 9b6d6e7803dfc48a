//! The background worker that asks the NTP servers of snowflake_pg.ntp_servers, whenever it is time to,
//! and puts together what they say of the clock. It compares the clock with those of the fleet, too. It
//! has no database, and works on a standby.

use std::net::IpAddr;
use std::time::Duration;

use pgrx::bgworkers::{
    BackgroundWorker, BackgroundWorkerBuilder, BgWorkerStartTime, SignalWakeFlags,
};
use pgrx::prelude::*;
use snowflake_core::Endpoint;
use snowflake_core::time::{Authority, Consensus, MOST_SERVERS, Rounds};

use crate::host::{clock, random};
use crate::postgres::error::Report;
use crate::postgres::wait::{self, Event};
use crate::settings;
use crate::shared::clock_sources::{ClockSources, ServerName};
use crate::shared::segment::{self, Shared};
use crate::time::contradiction::Contradictions;
use crate::time::fleet::Fleet;
use crate::time::gate;
use crate::time::ntp_server::Server;

/// How long the worker sleeps while no server is listed, in microseconds: until it is woken.
const NOTHING_TO_DO: i64 = 86_400_000_000;

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
    let Some(sources) = shared.clock_sources() else {
        return;
    };
    // SAFETY: the latch of this process lies in shared memory
    let latch = unsafe { pg_sys::MyLatch };
    sources.set_worker_latch(latch);
    shared.clock_gate().wait_from(clock::elapsed());
    Worker::new(shared, sources).run();
    // SAFETY: the end of this process
    unsafe { pg_sys::proc_exit(1) };
}

struct Worker {
    shared: Shared,
    sources: &'static ClockSources,
    servers: Vec<Server>,
    fleet: Option<Fleet>,
    rounds: Rounds,
    contradictions: Contradictions,
    /// Whether a gate that can refuse went by these servers when the log was warned last, or need not be.
    warned: (bool, Vec<Endpoint>),
}

impl Worker {
    fn new(shared: Shared, sources: &'static ClockSources) -> Self {
        Self {
            shared,
            sources,
            servers: Vec::new(),
            fleet: Fleet::find(shared),
            rounds: Rounds::new(clock::elapsed()),
            contradictions: Contradictions::default(),
            warned: (false, Vec::new()),
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
            if self.sources.take_jump() {
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
                    fleet.poll(self.shared, now);
                    self.evaluate();
                    continue;
                }
                next = next.min(fleet.next());
            }
            wait::pause(Event::ClockWorker, next.saturating_sub(now) / 1_000);
        }
    }

    /// Goes on with what a worker before this one has learnt. The list may have changed since.
    fn take_over(&mut self) {
        let (mut count, mut listed) = (0, 0);
        for record in self.sources.records() {
            count += 1;
            let is_it = |server: &&mut Server| server.record.name == record.name;
            if let Some(server) = self.servers.iter_mut().find(is_it) {
                server.record = record;
                listed += 1;
            }
        }
        // no name is there twice
        if [count, listed] != [self.servers.len(); 2] {
            self.end_claim();
        }
        self.publish_all();
    }

    /// Reads the configuration again. All servers are looked up and may be asked again.
    fn reload(&mut self) {
        // SAFETY: reads the configuration, as every process does at this signal
        unsafe { pg_sys::ProcessConfigFile(pg_sys::GucContext::PGC_SIGHUP) };
        let before = self.endpoints();
        self.list();
        if self.endpoints() == before {
            self.rounds.hasten(clock::elapsed());
        } else {
            self.end_claim();
            self.rounds = Rounds::new(clock::elapsed());
        }
        self.warn_of_few();
        self.publish_all();
    }

    /// Who is listed, whatever the order.
    fn endpoints(&self) -> Vec<Endpoint> {
        let mut endpoints: Vec<_> = self
            .servers
            .iter()
            .map(|server| server.endpoint.clone())
            .collect();
        endpoints.sort_unstable_by(|a, b| (&a.host, a.port).cmp(&(&b.host, b.port)));
        endpoints
    }

    /// What others have said is nothing that those on the list vouch for, but it is what was said last.
    fn end_claim(&self) {
        let none_listed = self.servers.is_empty();
        self.shared.clock_gate().change(|known| {
            if none_listed {
                known.watch.forget_ntp();
            } else {
                known.watch.end_ntp();
            }
        });
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

    /// A gate that goes by NTP is only as good as the majority of the servers. The log is told once for
    /// each change of what that depends on.
    fn warn_of_few(&mut self) {
        let decides = settings::clock_sources()
            .iter()
            .any(|by| by == Authority::Ntp);
        let refuses = settings::clock_gate().can_refuse() && decides;
        let now = (refuses, self.endpoints());
        if std::mem::replace(&mut self.warned, now.clone()) == now || !refuses {
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
        // what is asked from now on counts as said after a jump that nobody has noticed yet
        gate::look(self.shared, clock::moment());
        let poll = settings::ntp_poll();
        self.rounds.begin(now, poll, random::bits());
        let is_due = |server: &Server| {
            let from = server.record.restraint.from(poll);
            from.is_some_and(|from| from <= now)
        };
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
        self.find_doubles();
        if let (Some(address), Some(server)) = (address, self.servers.get_mut(index))
            && !wait::shutdown_requested()
        {
            server.ask(self.shared, address);
        }
    }

    /// Two names of one machine have one vote, that of the one that is listed first.
    fn find_doubles(&mut self) {
        let mut seen: Vec<(IpAddr, u16, ServerName)> = Vec::new();
        for server in &mut self.servers {
            let Some(address) = server.record.address else {
                server.share(None);
                continue;
            };
            let (host, port) = (address.ip().to_canonical(), address.port());
            let first = seen
                .iter()
                .find(|(its_host, its_port, _)| (*its_host, *its_port) == (host, port))
                .map(|(_, _, name)| *name);
            server.share(first);
            if first.is_none() {
                seen.push((host, port, server.record.name));
            }
        }
    }

    /// Puts together what the servers say, and tells the gate, the views and the log.
    fn evaluate(&mut self) {
        self.find_doubles();
        // jumps, and what the kernel says
        let now = clock::moment();
        gate::look(self.shared, now);
        let poll = settings::ntp_poll();
        let heard: Vec<_> = self
            .servers
            .iter()
            .map(|server| server.heard(now, poll))
            .collect();
        let consensus = Consensus::new(&heard);
        let selection = &consensus.selection;
        let spans: Vec<_> = heard
            .iter()
            .map(|server| server.says.map(|(span, _)| span))
            .collect();
        let verdicts = spans.iter().zip(&selection.truechimers);
        for (server, (says, agrees)) in self.servers.iter_mut().zip(verdicts) {
            server.judge(*says, *agrees, selection);
        }
        // who is let pass by the gate sees in the views why
        self.publish_all();
        let gate = self.shared.clock_gate();
        let watch = gate.change(|known| {
            known.watch.ntp_says(now, &consensus);
            known.watch
        });
        if let Some(sample) = watch.kernel_sample(now) {
            self.sources.note_kernel(sample, poll);
        }
        let leap = self.servers.iter().any(Server::announces_leap);
        self.contradictions
            .tell(&watch, now, &spans, selection, leap);
        gate::report(self.shared);
    }

    /// Shows what is known of all servers.
    fn publish_all(&mut self) {
        let sources = self.sources;
        let poll = settings::ntp_poll();
        let next = self.rounds.next();
        for (index, server) in self.servers.iter_mut().enumerate() {
            sources.publish(index, server.tell(next, poll));
        }
        sources.set_count(self.servers.len().min(MOST_SERVERS));
    }
}
