//! How long asking another machine may take, and waiting for it.

use std::ffi::c_int;

use pgrx::prelude::*;

use crate::host::clock;
use crate::postgres::wait::{self, Event};

/// When to give up.
#[derive(Clone, Copy)]
pub struct Deadline {
    /// By the monotonic clock, in microseconds.
    at: i64,
    /// Whether a request to shut down ends it as well.
    until_shutdown: bool,
}

impl Deadline {
    /// The given number of microseconds from now, or at a request to shut down.
    pub fn within(micros: i64) -> Self {
        Self {
            at: clock::monotonic().saturating_add(micros),
            until_shutdown: true,
        }
    }

    /// The given number of microseconds from now, for what is done while shutting down.
    pub fn of_shutdown(micros: i64) -> Self {
        Self {
            until_shutdown: false,
            ..Self::within(micros)
        }
    }

    /// The same, but not later than the given number of microseconds from now.
    pub fn and_within(self, micros: i64) -> Self {
        Self {
            at: self.at.min(clock::monotonic().saturating_add(micros)),
            ..self
        }
    }

    /// The same, with half the time.
    pub fn half(self) -> Self {
        self.and_within(self.left() / 2)
    }

    /// Microseconds that are left.
    pub fn left(self) -> i64 {
        self.at.saturating_sub(clock::monotonic()).max(0)
    }

    /// Whether it is time to give up.
    pub fn is_over(self) -> bool {
        clock::monotonic() >= self.at || (self.until_shutdown && wait::shutdown_requested())
    }

    /// Waits until a socket is ready for one of the events.
    ///
    /// # Errors
    /// It takes too long.
    pub fn wait_for(self, event: Event, socket: c_int, events: u32) -> Result<(), String> {
        loop {
            self.check()?;
            if wait::for_socket(event, socket, events, self.left()) {
                return Ok(());
            }
        }
    }

    /// Refuses to go on once it is time to give up. A statement that was cancelled ends here.
    ///
    /// # Errors
    /// It takes too long.
    pub fn check(self) -> Result<(), String> {
        check_for_interrupts!();
        if self.is_over() {
            return Err("it takes too long".into());
        }
        Ok(())
    }
}
