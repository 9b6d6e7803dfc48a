//! The registrar: the background worker that takes a lease of a worker ID, renews it in good time
//! and gives it back when the server stops; callers of `snowflake_next()` never wait for it. It
//! fetches blocks of tickets from a registry as well, when callers ask for them.

use std::time::Duration;

use pgrx::bgworkers::{
    BackgroundWorker, BackgroundWorkerBuilder, BgWorkerStartTime, SignalWakeFlags,
};
use pgrx::prelude::*;

use crate::host::clock;
use crate::lease::leases::{FAREWELL, LONGEST_PAUSE, Leases, SHORTEST_PAUSE};
use crate::net::deadline::Deadline;
use crate::postgres::wait::{self, Event};
use crate::registry::protocol::TicketRegistry;
use crate::registry::setting;
use crate::settings;
use crate::shared::segment;
use crate::ticket::delivery::{self, Delivery};

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

/// What the postmaster starts. It ends with status 1, so that it is started again unless the server
/// shuts down.
#[pg_guard]
#[unsafe(no_mangle)]
pub extern "C-unwind" fn snowflake_pg_registrar(_argument: pg_sys::Datum) {
    BackgroundWorker::attach_signal_handlers(SignalWakeFlags::SIGHUP | SignalWakeFlags::SIGTERM);
    let (Ok(shared), Ok(layout)) = (segment::shared(), settings::layout()) else {
        return;
    };
    // SAFETY: the latch of this process lies in shared memory
    shared
        .holder()
        .set_registrar_latch(unsafe { pg_sys::MyLatch });
    shared.block_orders().take_over();
    let leases =
        settings::registry().map(|setting| Leases::new(shared, layout, setting::open(&setting)));
    let tickets = settings::ticket_registry()
        .map(|setting| -> Box<dyn TicketRegistry> { setting::open(&setting) });
    let delivery = Delivery::new(shared, tickets);
    Registrar { leases, delivery }.run();
    // SAFETY: the end of this process
    unsafe { pg_sys::proc_exit(1) };
}

struct Registrar {
    leases: Option<Leases>,
    delivery: Delivery,
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
            if self.delivery.fetch_block(self.patience()) {
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

    /// How long a block of tickets may take, in microseconds: a lease must not end for one.
    fn patience(&self) -> i64 {
        match &self.leases {
            Some(_) => (settings::lease_length() / 6).clamp(SHORTEST_PAUSE, delivery::PATIENCE),
            None => delivery::PATIENCE,
        }
    }
}
