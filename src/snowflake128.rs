//! The SQL functions about snowflake128: Snowflake IDs with room, as UUIDs of version 8.

use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;
use snowflake_core::uuid::{self as make, Decoded128, UnixSequence};

use crate::backend::BackendLocal;
use crate::datum::Uuid;
use crate::error::{Failure, OrRaise, Outcome};
use crate::row::Row;
use crate::ticks::Ticker;
use crate::{clock, guc, random, session, shmem, worker};

/// The ticker and worker ID of this backend, looked up once and after changes of settings.
static TICKER: BackendLocal<Option<(Ticker<UnixSequence>, u32)>> = BackendLocal::new(None);

/// Reads the settings again at the next ID.
pub fn forget() {
    TICKER.set(None);
}

#[inline(always)]
fn ticker() -> Outcome<(Ticker<UnixSequence>, u32)> {
    match TICKER.get() {
        Some(ticker) => Ok(ticker),
        None => attach(),
    }
}

#[cold]
fn attach() -> Outcome<(Ticker<UnixSequence>, u32)> {
    let shared = shmem::shared()?;
    session::refuse_recovery()?;
    let worker = worker::members(&guc::layout()?, shared)?.own;
    let slot = shared.wide_slot(worker).ok_or_else(|| {
        Failure::state(format!("worker ID {worker} has no place in shared memory"))
    })?;
    let ticker = (Ticker::new(slot), worker);
    TICKER.set(Some(ticker));
    Ok(ticker)
}

/// The next snowflake128.
#[pg_extern(volatile, parallel_safe)]
fn snowflake128_next() -> Uuid {
    let (ticker, worker) = ticker().or_raise();
    Uuid(make::snowflake128(ticker.next(), worker, random::bits()))
}

/// The fields of a snowflake128.
#[pg_extern(sql = r#"
CREATE FUNCTION snowflake128_decode(uuid uuid, OUT ts timestamptz, OUT worker_id int, OUT sequence int)
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn snowflake128_decode(uuid: Uuid) -> Row<3> {
    let decoded = Decoded128::of(uuid.0).or_raise();
    Row([
        Some(clock::to_postgres_micros(decoded.timestamp).into()),
        Some((decoded.worker_id as i32).into()),
        Some(i32::from(decoded.sequence).into()),
    ])
}

/// The time of a snowflake128.
#[pg_extern(immutable, parallel_safe)]
fn snowflake128_timestamp(uuid: Uuid) -> TimestampWithTimeZone {
    clock::to_postgres(Decoded128::of(uuid.0).or_raise().timestamp)
}
