//! What a caller meets when the clock does not allow an ID: a wait, or a line in the log.

use pgrx::prelude::*;

#[cfg(not(any(feature = "pg15", feature = "pg16")))]
use crate::backend::BackendLocal;
use crate::error::Failure;

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
    let millis = (micros / 1_000 + 1).clamp(1, 1_000);
    let events = pg_sys::WL_LATCH_SET | pg_sys::WL_TIMEOUT | pg_sys::WL_EXIT_ON_PM_DEATH;
    // SAFETY: MyLatch belongs to this process
    unsafe {
        pg_sys::WaitLatch(pg_sys::MyLatch, events as i32, millis, wait_event());
        pg_sys::ResetLatch(pg_sys::MyLatch);
    }
}

/// The wait event: SnowflakeClock from PostgreSQL 17 on, Extension before.
fn wait_event() -> u32 {
    #[cfg(any(feature = "pg15", feature = "pg16"))]
    return pg_sys::PG_WAIT_EXTENSION;
    #[cfg(not(any(feature = "pg15", feature = "pg16")))]
    {
        static EVENT: BackendLocal<u32> = BackendLocal::new(0);
        if EVENT.get() == 0 {
            // SAFETY: registers the name, or finds it registered
            EVENT.set(unsafe { pg_sys::WaitEventExtensionNew(c"SnowflakeClock".as_ptr()) });
        }
        EVENT.get()
    }
}
