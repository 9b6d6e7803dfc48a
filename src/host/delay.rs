//! What a caller meets when the clock does not allow an ID: a wait, or a line in the log.

use snowflake_core::seconds;

use crate::postgres::error::Report;
use crate::postgres::wait::{self, Event};

/// Logs that the clock went back by the given number of microseconds.
pub fn log_regression(regression: i64) {
    Report::new(format!("the clock went back by {}", seconds(regression)))
        .detail(
            "IDs go on from the last one given out; beyond snowflake_pg.clock_tolerance, \
         snowflake_next() refuses.",
        )
        .log_warning();
}

/// Waits the given number of microseconds for the clock; ends early at an interrupt. Long waits are
/// cut short, in case the clock is corrected meanwhile.
pub fn wait(micros: i64) {
    wait::pause(Event::Clock, micros.min(1_000_000));
}
