//! Waiting, open to signals; and what the registrar is told by signals.

use pgrx::prelude::*;

#[cfg(not(any(feature = "pg15", feature = "pg16")))]
use crate::postgres::backend::BackendLocal;

/// What is waited for, by the name of its wait event from PostgreSQL 17 on.
#[derive(Clone, Copy)]
#[cfg_attr(any(feature = "pg15", feature = "pg16"), allow(dead_code))]
pub enum Event {
    /// SnowflakeClock.
    Clock,
    /// SnowflakeClockGate: somebody who vouches for the clock.
    ClockGate,
    /// SnowflakeClockWorker: the worker that asks NTP servers, until it is time to.
    ClockWorker,
    /// SnowflakeRegistrar: the registrar, until there is something to do.
    Registrar,
    /// SnowflakeRegistry: an answer of the registry.
    Registry,
    /// SnowflakeTicket: a block of tickets, which the registrar fetches.
    Ticket,
    /// SnowflakeCristian: the answer of another server that is asked for its time.
    Cristian,
    /// SnowflakeNtp: the answer of an NTP server, or the turn to ask it. The last one.
    Ntp,
}

impl Event {
    /// The number of the event; Extension before PostgreSQL 17.
    fn number(self) -> u32 {
        #[cfg(any(feature = "pg15", feature = "pg16"))]
        return pg_sys::PG_WAIT_EXTENSION;
        #[cfg(not(any(feature = "pg15", feature = "pg16")))]
        {
            const COUNT: usize = Event::Ntp as usize + 1;
            static EVENTS: BackendLocal<[u32; COUNT]> = BackendLocal::new([0; COUNT]);
            let mut events = EVENTS.get();
            let event = &mut events[self as usize];
            if *event == 0 {
                let name = match self {
                    Self::Clock => c"SnowflakeClock",
                    Self::ClockGate => c"SnowflakeClockGate",
                    Self::ClockWorker => c"SnowflakeClockWorker",
                    Self::Registrar => c"SnowflakeRegistrar",
                    Self::Registry => c"SnowflakeRegistry",
                    Self::Ticket => c"SnowflakeTicket",
                    Self::Cristian => c"SnowflakeCristian",
                    Self::Ntp => c"SnowflakeNtp",
                };
                // SAFETY: registers the name, or finds it registered
                *event = unsafe { pg_sys::WaitEventExtensionNew(name.as_ptr()) };
                EVENTS.set(events);
            }
            events[self as usize]
        }
    }
}

const EVENTS: u32 = pg_sys::WL_LATCH_SET | pg_sys::WL_TIMEOUT | pg_sys::WL_EXIT_ON_PM_DEATH;

/// Microseconds as the milliseconds that a latch waits.
fn millis(micros: i64) -> i64 {
    (micros / 1_000 + 1).clamp(1, i64::from(i32::MAX))
}

/// Waits the given number of microseconds; ends early at an interrupt or when the latch is set.
pub fn pause(event: Event, micros: i64) {
    let millis = millis(micros);
    // SAFETY: MyLatch belongs to this process
    unsafe {
        pg_sys::WaitLatch(pg_sys::MyLatch, EVENTS as i32, millis, event.number());
        pg_sys::ResetLatch(pg_sys::MyLatch);
    }
}

/// Waits until a socket is ready, at most the given number of microseconds, or until the latch is
/// set; returns whether the socket is ready.
pub fn for_socket(event: Event, socket: i32, socket_events: u32, micros: i64) -> bool {
    let events = (EVENTS | socket_events) as i32;
    // SAFETY: MyLatch belongs to this process, and the socket is open
    let happened = unsafe {
        let (latch, number) = (pg_sys::MyLatch, event.number());
        let happened = pg_sys::WaitLatchOrSocket(latch, events, socket, millis(micros), number);
        pg_sys::ResetLatch(latch);
        happened
    };
    check_for_interrupts!();
    happened as u32 & socket_events != 0
}

/// Waits, at most the given number of microseconds, until a condition variable is told, for which
/// this process has prepared itself.
pub fn for_variable(event: Event, variable: *mut pg_sys::ConditionVariable, micros: i64) {
    // SAFETY: the variable is in shared memory and initialised
    unsafe { pg_sys::ConditionVariableTimedSleep(variable, millis(micros), event.number()) };
}

/// Whether this process was asked to end.
pub fn shutdown_requested() -> bool {
    // SAFETY: a flag of this process, set by its signal handler
    unsafe { std::ptr::read_volatile(&raw const pg_sys::ShutdownRequestPending) != 0 }
}

/// Whether this process was asked to read the configuration again; only once for each time.
pub fn take_reload_request() -> bool {
    // SAFETY: a flag of this process, set by its signal handler
    unsafe {
        let pending = &raw mut pg_sys::ConfigReloadPending;
        let requested = std::ptr::read_volatile(pending) != 0;
        std::ptr::write_volatile(pending, 0);
        requested
    }
}
