//! The registrar: the background worker that takes a lease of a worker ID, renews it in good time
//! and gives it back when the server stops; callers of `snowflake_next()` never wait for it. It
//! fetches blocks of tickets from a registry as well, when callers ask for them.

use std::time::Duration;

use pgrx::bgworkers::{
    BackgroundWorker, BackgroundWorkerBuilder, BgWorkerStartTime, SignalWakeFlags,
};
use pgrx::prelude::*;
use snowflake_core::lease::{Answer, Lease, Request};
use snowflake_core::snowflake::Layout;
use snowflake_core::ticket::{Block, Queued};
use snowflake_core::{ClockSample, Timestamp};

use crate::host::clock;
use crate::host::random;
use crate::net::deadline::Deadline;
use crate::postgres::error::{Failure, Outcome};
use crate::postgres::wait::{self, Event};
use crate::registry::protocol::{Registry, Tickets, Unreachable};
use crate::registry::setting as registry_setting;
use crate::settings;
use crate::shared::block_orders::{Index, Order};
use crate::shared::holder::{Cause, Holder};
use crate::shared::segment::{self, Shared};
use crate::snowflake::worker;

/// The shortest and the longest pause between two attempts, in microseconds.
const SHORTEST_PAUSE: i64 = 200_000;
const LONGEST_PAUSE: i64 = 5_000_000;
/// How long giving a lease back may hold up a shutdown, in microseconds.
const FAREWELL: i64 = 3_000_000;
/// How long a block of tickets may take, in microseconds: callers wait for it.
const BLOCK: i64 = 3_000_000;

/// Asks for the background worker, from `_PG_init`, if a registry is set.
pub fn request() {
    if settings::registry().is_none() && settings::ticket_registry().is_none() {
        return;
    }
    BackgroundWorkerBuilder::new("snowflake_pg registrar")
        .set_type("snowflake_pg registrar")
        .set_library("snowflake_pg")
        .set_function("snowflake_pg_registrar")
        .enable_shmem_access(None)
        .set_start_time(BgWorkerStartTime::RecoveryFinished)
        .set_restart_time(Some(Duration::from_secs(1)))
        .load();
}

/// What the postmaster starts. It ends with status 1, so that it is started again if somebody else
/// than a shutdown ends it.
#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn snowflake_pg_registrar(_argument: pg_sys::Datum) {
    BackgroundWorker::attach_signal_handlers(SignalWakeFlags::SIGHUP | SignalWakeFlags::SIGTERM);
    let (Ok(shared), Ok(layout)) = (segment::shared(), settings::layout()) else {
        return;
    };
    let holder = shared.holder();
    // SAFETY: the latch of this process lies in shared memory
    holder.serve(unsafe { pg_sys::MyLatch });
    shared.block_orders().take_over();
    let tickets = settings::ticket_registry().map(|setting| registry_setting::tickets(&setting));
    let leases = settings::registry().map(|setting| Leases {
        shared,
        holder,
        identity: identity(),
        host_name: host_name(),
        layout,
        registry: registry_setting::registry(&setting),
        pause: SHORTEST_PAUSE,
    });
    Registrar {
        shared,
        leases,
        tickets,
        latest: None,
    }
    .run();
    // SAFETY: the end of this process
    unsafe { pg_sys::proc_exit(1) };
}

/// What the data says that this server is; a clone says the same.
pub fn identity() -> String {
    // SAFETY: reads shared memory of the server
    unsafe { pg_sys::GetSystemIdentifier() }.to_string()
}

fn host_name() -> String {
    hostname::get().map_or_else(
        |_| String::new(),
        |name| name.to_string_lossy().into_owned(),
    )
}

struct Registrar {
    shared: Shared,
    leases: Option<Leases>,
    tickets: Option<Box<dyn Tickets>>,
    /// The ticket that a block was fetched for last.
    latest: Option<Index>,
}

impl Registrar {
    fn run(mut self) {
        let mut due = 0;
        while !wait::shutdown_requested() {
            if wait::take_reload_request() {
                // SAFETY: reads the configuration, as every process does at this signal
                unsafe { pg_sys::ProcessConfigFile(pg_sys::GucContext::PGC_SIGHUP) };
                due = 0;
            }
            let now = clock::monotonic();
            if let Some(leases) = &mut self.leases
                && now >= due
            {
                let pause = leases.attempt();
                due = clock::monotonic().saturating_add(pause);
                continue;
            }
            // one at a time, so that a lease does not wait for all of them
            if self.fetch_block() {
                continue;
            }
            let Some(leases) = &self.leases else {
                wait::pause(Event::Registrar, LONGEST_PAUSE);
                continue;
            };
            wait::pause(Event::Registrar, due - now);
            // a caller may have woken it that found the lease at its end by the clock
            if leases.is_pressing() {
                due = due.min(now.saturating_add(SHORTEST_PAUSE));
            }
        }
        if let Some(leases) = &mut self.leases {
            leases.give_up(Deadline::of_shutdown(FAREWELL));
        }
    }

    /// Fetches a block of tickets that is asked for; answers whether there was one.
    fn fetch_block(&mut self) -> bool {
        let orders = self.shared.block_orders();
        let Some(order) = orders.begin(self.latest) else {
            return false;
        };
        self.latest = Some(order.index);
        let result = self.deliver(&order);
        if result.is_err() && wait::shutdown_requested() {
            // for the registrar after this one, if only the registrar is to end
            return true;
        }
        if let Err(trouble) = &result
            && self
                .tickets
                .as_ref()
                .is_some_and(|tickets| tickets.is_unreachable())
        {
            orders.fail_all(trouble);
        }
        orders.end(&order, result);
        true
    }

    /// Queues the block behind the current one of its ticket.
    fn deliver(&mut self, order: &Order) -> Result<(), String> {
        let entry = self.shared.counters().known(order.key);
        let Some(entry) = entry else {
            return Ok(()); // dropped meanwhile
        };
        let cache = &entry.cache;
        if entry.lock.with(|| cache.queued().is_some()) {
            return Ok(());
        }
        let Some(tickets) = &mut self.tickets else {
            return Err("no registry of tickets is set".into());
        };
        let patience = match &self.leases {
            // a lease must not end for a ticket
            Some(_) => (settings::lease_length() / 6).clamp(SHORTEST_PAUSE, BLOCK),
            None => BLOCK,
        };
        let deadline = Deadline::within(patience);
        let block = tickets
            .claim(&order.name, order.count, deadline)
            .map_err(|Unreachable(problem)| problem)?;
        if !self.shared.block_orders().is_new(order, &block) {
            let Block { first, .. } = block;
            return Err(format!(
                "the registry gave out {first}, which it gave out before: it lost its newest state"
            ));
        }
        let now = clock::monotonic();
        entry.lock.with(|| {
            if entry.belongs_to(order.key) && cache.queued().is_none() {
                // durable where it comes from
                cache.queue(Queued { block, position: 0 });
                cache.sized(order.count, now);
                cache.advance(0);
            }
        });
        Ok(())
    }
}

/// Leases of a worker ID.
struct Leases {
    shared: Shared,
    holder: &'static Holder,
    identity: String,
    host_name: String,
    layout: Layout,
    registry: Box<dyn Registry>,
    /// The next pause after an attempt that failed, in microseconds.
    pause: i64,
}

impl Leases {
    /// Whether the lease is at its end, by a clock that was not foreseen, while nothing is known
    /// to be wrong with the registry.
    fn is_pressing(&self) -> bool {
        let record = self.holder.record();
        let ended = |lease: Lease| lease.not_after.saturating_mul(1_000) <= clock::wall().micros();
        record.trouble.is_none() && record.lease.is_none_or(ended)
    }

    /// Takes or renews the lease, and answers in how many microseconds to do so again.
    fn attempt(&mut self) -> i64 {
        let fixed = match self.wanted() {
            Ok(fixed) => fixed,
            Err(failure) => {
                self.give_up(Deadline::within(FAREWELL));
                let now = clock::wall().micros() / 1_000;
                if self.holder.note(Cause::Setting, &failure.line(), now) {
                    failure.report(PgLogLevel::LOG);
                }
                return LONGEST_PAUSE;
            }
        };
        let held = self.holder.record().lease;
        if let (Some(fixed), Some(held)) = (fixed, held)
            && fixed != held.worker
        {
            self.give_up(Deadline::within(FAREWELL));
        }
        let length = settings::lease_length();
        let sample = clock::sample();
        let request = Request {
            identity: self.identity.clone(),
            nonce: self.holder.nonce(),
            host_name: self.host_name.clone(),
            clock: sample.wall.micros() / 1_000,
            max_lead: settings::pace().max_lead / 1_000,
            length: length / 1_000,
            fixed,
            held: self.holder.record().lease,
        };
        let deadline = Deadline::within((length / 6).clamp(1_000_000, 10_000_000));
        match self.registry.take(&self.layout, &request, deadline) {
            Ok(Answer::Granted {
                lease,
                contested_by,
            }) => {
                self.pause = SHORTEST_PAUSE;
                self.granted(request.held, lease, &sample);
                self.contested(contested_by.as_deref());
                self.until_renewal(lease, length, &sample)
            }
            Ok(Answer::Refused(refusal)) => {
                let cause = Cause::Refused(refusal.reason);
                self.trouble(cause, refusal.detail);
                self.next_pause()
            }
            Err(Unreachable(_)) if wait::shutdown_requested() => 0,
            Err(Unreachable(problem)) => {
                self.trouble(Cause::Unreachable, problem);
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
        let left = lease.not_after.saturating_mul(1_000) - sample.wall.micros();
        (length.min(left) / 3).max(SHORTEST_PAUSE)
    }

    /// The pause after a failure: longer each time, and not the same for all servers.
    fn next_pause(&mut self) -> i64 {
        let pause = self.pause;
        self.pause = (2 * pause).min(LONGEST_PAUSE);
        pause / 2 + (random::bits() % pause as u64) as i64 / 2
    }

    fn granted(&self, held: Option<Lease>, lease: Lease, sample: &ClockSample) {
        let trouble = self.holder.record().trouble;
        let shape = self.layout.shape();
        let max_lead = settings::pace().max_lead;
        self.holder
            .enter(self.shared, &shape, lease, max_lead, sample);
        if let Some(trouble) = trouble
            && trouble.cause == Cause::Unreachable
        {
            let since = Timestamp::from_millis(trouble.since);
            log("the registry of worker IDs answers again")
                .detail(format!("It had not answered since {since}."))
                .report(PgLogLevel::LOG);
        }
        let until = Timestamp::from_millis(lease.not_after);
        let from = Timestamp::from_millis(lease.not_before);
        let worker = lease.worker;
        match held {
            Some(held) if held.worker != worker => log(format!(
                "the worker ID of this server is {worker} now, and was {}",
                held.worker
            ))
            .detail(format!(
                "Its lease had ended, and the registry gave worker ID {} away. That of {worker} \
                 is for IDs from {from} to {until}.",
                held.worker
            ))
            .report(PgLogLevel::LOG),
            Some(held) if held.not_before == lease.not_before => {}
            _ => log(format!("worker ID {worker} is leased to this server"))
                .detail(format!("The lease is for IDs from {from} to {until}."))
                .report(PgLogLevel::LOG),
        }
    }

    fn contested(&self, by: Option<&str>) {
        if !self.holder.contested(by) {
            return;
        }
        let host = by.unwrap_or_default();
        log(format!(
            "another server with the identity of this one holds a worker ID, on host \"{host}\""
        ))
        .detail(format!(
            "It has system identifier {} as well: one is a clone of the other, or it is an earlier \
             start of this server that was not stopped cleanly. Each has a worker ID of its own.",
            self.identity
        ))
        .report(PgLogLevel::LOG);
    }

    /// Tells about an attempt that failed; the log is told once for each kind of trouble.
    fn trouble(&self, cause: Cause, text: String) {
        let now = clock::wall();
        if !self.holder.note(cause, &text, now.micros() / 1_000) {
            return;
        }
        let message = match cause {
            Cause::Unreachable => "the registry of worker IDs does not answer",
            _ => "the registry of worker IDs refuses a lease",
        };
        let text = text.trim_end().trim_end_matches('.');
        let last = match self.holder.record().lease {
            Some(lease) => {
                let end = Timestamp::from_millis(lease.not_after);
                let left = (end.micros() - now.micros()).max(0) / 1_000_000;
                let worker = lease.worker;
                format!("IDs of worker ID {worker} go on for {left} s, until {end}.")
            }
            None => "No ID is given out until it grants one.".into(),
        };
        log(message)
            .detail(format!("{text}. {last}"))
            .report(PgLogLevel::LOG);
    }

    /// Gives the lease back, if there is one.
    fn give_up(&mut self, deadline: Deadline) {
        let Some((lease, mark)) = self.holder.leave(self.shared) else {
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
            Ok(()) => log(format!("worker ID {worker} was given back")).report(PgLogLevel::LOG),
            Err(Unreachable(problem)) => log(format!("worker ID {worker} was not given back"))
                .detail(format!(
                    "The registry does not answer: {problem}. The lease ends at {}.",
                    Timestamp::from_millis(not_after)
                ))
                .report(PgLogLevel::LOG),
        }
    }
}

/// A line for the log.
fn log(message: impl Into<String>) -> Failure {
    Failure::new(PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION, message)
}
