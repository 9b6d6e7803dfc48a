//! How long asking another machine may take.

use crate::host::clock;
use crate::postgres::wait;

/// When to give up.
#[derive(Clone, Copy)]
pub struct Deadline {
    /// By the monotonic clock, in microseconds.
    at: i64,
    /// Whether a request to shut down ends it as well.
    until_shutdown: bool,
}

impl Deadline {
    /// So many microseconds from now, or at a request to shut down.
    pub fn within(micros: i64) -> Self {
        Self {
            at: clock::monotonic().saturating_add(micros),
            until_shutdown: true,
        }
    }

    /// So many microseconds from now, for what is done while shutting down.
    pub fn of_shutdown(micros: i64) -> Self {
        Self {
            until_shutdown: false,
            ..Self::within(micros)
        }
    }

    /// The same, but earlier than so many microseconds from now.
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
}
