//! What the kernel says of its clock.

use pgrx::prelude::*;
use snowflake_core::time::{KernelClock, KernelReading};

use crate::postgres::interval;
use crate::postgres::row::Row;

/// Asks the kernel; `None` if it does not say, as in a container that may not ask.
pub fn read() -> Option<KernelReading> {
    // SAFETY: zero is a value of every field, and with no modes the call only writes the struct
    let (state, timex) = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&mut timex), timex)
    };
    (state >= 0).then_some(KernelReading {
        state,
        status: timex.status,
        max_error: timex.maxerror,
        est_error: timex.esterror,
        frequency: timex.freq,
        tai: timex.tai,
    })
}

/// What the kernel says of its clock, and whoever keeps it right.
#[pg_extern(sql = r#"
CREATE FUNCTION kernel_clock(OUT synchronised boolean, OUT max_error interval, OUT est_error interval, OUT frequency_ppm float8, OUT flags text[], OUT tai_offset int, OUT state text)
VOLATILE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn kernel_clock() -> Row<7> {
    let Some(clock) = read().map(KernelClock::from) else {
        let mut row = [None; 7];
        row[6] = "unknown".into_datum();
        return Row(row);
    };
    Row([
        clock.synchronised.into_datum(),
        interval::from_micros(clock.max_error).into_datum(),
        interval::from_micros(clock.est_error).into_datum(),
        clock.frequency_ppm.into_datum(),
        clock.flags.into_datum(),
        clock.tai_offset.into_datum(),
        clock.state.into_datum(),
    ])
}
