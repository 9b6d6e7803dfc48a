//! What a caller meets when the clock does not allow an ID: a wait, or a line in the log.

use pgrx::prelude::*;

use crate::postgres::error::Failure;
use crate::postgres::wait::{self, Event};

/// Logs that the clock went back, so many microseconds.
pub fn log_regression(regression: i64) {
    Failure::new(
        PgSqlErrorCode::ERRCODE_WARNING,
        format!(
            "the clock went back by {}.{:03} s",
            regression / 1_000_000,
            regression % 1_000_000 / 1_000
        ),
    )
    .detail(
        "IDs go on from the last one given out; beyond snowflake_pg.clock_tolerance, \
         snowflake_next() refuses.",
    )
    .report(PgLogLevel::LOG);
}

/// Waits for the clock, so many microseconds; ends early at an interrupt. Long waits are cut, in
/// case the clock is corrected meanwhile.
pub fn wait(micros: i64) {
    wait::pause(Event::Clock, micros.min(1_000_000));
}
