//! The SQL functions about snowflake128: Snowflake IDs with room, as UUIDs of version 8.

use std::sync::atomic::AtomicU64;

use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;
use snowflake_core::Timestamp;
use snowflake_core::uuid::{self as make, Decoded128, Ticks, UnixSequence};
use snowflake_core::words::{Slot, Word};

use crate::host::random;
use crate::postgres::backend::BackendLocal;
use crate::postgres::datum::Uuid;
use crate::postgres::error::{Failure, OrRaise, Outcome};
use crate::postgres::row::Row;
use crate::postgres::timestamp;
use crate::settings;
use crate::shared::holder::Holder;
use crate::shared::segment;
use crate::snowflake::session;
use crate::snowflake::worker;
use crate::uuid::ticker::{Fence, Ticker};

/// What this backend gives out, looked up once and after changes of settings or of the lease.
#[derive(Clone, Copy)]
struct Wide {
    ticker: Ticker<UnixSequence, Leased>,
    worker: u32,
}

static WIDE: BackendLocal<Option<Wide>> = BackendLocal::new(None);

/// Reads the settings again at the next ID.
pub fn forget() {
    WIDE.set(None);
}

/// The fence of the server's lease.
#[derive(Clone, Copy)]
struct Leased(&'static Holder);

/// Why a word may not be let on.
enum Refusal {
    /// The server has another worker ID by now.
    Over,
    Failed(Failure),
}

impl Fence for Leased {
    type Refusal = Refusal;

    fn let_on<T: Ticks>(self, slot: &Slot<AtomicU64>, next: u64, tick: u64) -> Result<(), Refusal> {
        if next > T::LAST && slot.is_closed() {
            // until whoever closed it is through
            self.0.steady(|| ());
            return Err(Refusal::Over);
        }
        // the millisecond after the one of the tick
        let bound = T::instant(tick).micros() / 1_000 + 1;
        let tick = self.0.admit(bound, |bound| {
            let tick = tick.min(T::at(Timestamp::from_millis(bound)));
            slot.sampled.raise_relaxed(tick);
            tick
        });
        if tick > next {
            return Ok(());
        }
        slot.count_error();
        Err(Refusal::Failed(self.0.ended(T::instant(next))))
    }
}

#[cold]
fn attach() -> Outcome<Wide> {
    let shared = segment::shared()?;
    session::refuse_recovery()?;
    let worker = worker::members(&settings::layout()?, shared)?.own;
    let slot = shared.wide_slot(worker).ok_or_else(|| {
        Failure::state(format!("worker ID {worker} has no place in shared memory"))
    })?;
    let wide = Wide {
        ticker: Ticker::new(slot, Leased(shared.holder())),
        worker,
    };
    WIDE.set(Some(wide));
    Ok(wide)
}

/// The next tick and the worker ID that it belongs to.
#[inline(always)]
fn next() -> Outcome<(u64, u32)> {
    loop {
        let wide = match WIDE.get() {
            Some(wide) => wide,
            None => attach()?,
        };
        match wide.ticker.try_next() {
            Ok(tick) => return Ok((tick, wide.worker)),
            Err(Refusal::Over) => forget(),
            Err(Refusal::Failed(failure)) => return Err(failure),
        }
    }
}

/// The next snowflake128.
#[pg_extern(volatile, parallel_safe)]
fn snowflake128_next() -> Uuid {
    let (tick, worker) = next().or_raise();
    Uuid(make::snowflake128(tick, worker, random::bits()))
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
        Some(timestamp::to_postgres_micros(decoded.timestamp).into()),
        Some((decoded.worker_id as i32).into()),
        Some(i32::from(decoded.sequence).into()),
    ])
}

/// The time of a snowflake128.
#[pg_extern(immutable, parallel_safe)]
fn snowflake128_timestamp(uuid: Uuid) -> TimestampWithTimeZone {
    timestamp::to_postgres(Decoded128::of(uuid.0).or_raise().timestamp)
}
