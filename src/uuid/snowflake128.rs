//! The SQL functions about snowflake128: Snowflake IDs with room, as UUIDs of version 8.

use std::sync::atomic::AtomicU64;

use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;
use snowflake_core::uuid::{self as make, Decoded128, Ticks, UnixSequence};
use snowflake_core::words::{Slot, Word};
use snowflake_core::{ClockSample, Timestamp};

use crate::host::random;
use crate::postgres::backend::BackendLocal;
use crate::postgres::datum::{Room, Uuid};
use crate::postgres::entry::entry;
use crate::postgres::error::{Failure, OrRaise, Outcome};
use crate::postgres::row::Row;
use crate::postgres::timestamp;
use crate::settings;
use crate::shared::segment::{self, Shared};
use crate::snowflake::session;
use crate::snowflake::worker;
use crate::time::gate;
use crate::uuid::ticker::{Limit, Ticker};

/// What this backend gives out, looked up once and after changes of settings or of the lease.
#[derive(Clone, Copy)]
struct Source {
    ticker: Ticker<UnixSequence, Lease>,
    worker: u32,
}

static SOURCE: BackendLocal<Option<Source>> = BackendLocal::new(None);

/// Reads the settings again at the next ID.
pub fn forget() {
    SOURCE.set(None);
}

/// The end of the server's lease as a limit, and the gate.
#[derive(Clone, Copy)]
struct Lease(Shared);

/// Why a word may not advance.
enum Reached {
    /// The server has another worker ID by now.
    Over,
    Failed(Failure),
}

impl Limit for Lease {
    type Reached = Reached;

    fn sample(self) -> Result<ClockSample, Reached> {
        gate::sample(self.0).map_err(Reached::Failed)
    }

    fn advance<T: Ticks>(
        self,
        slot: &Slot<AtomicU64>,
        next: u64,
        tick: u64,
    ) -> Result<(), Reached> {
        if next > T::LAST && slot.is_closed() {
            // until the process that closed it is through
            self.0.holder().with_words_at_rest(|| ());
            return Err(Reached::Over);
        }
        // the millisecond after the one of the tick
        let bound = T::instant(tick).micros() / 1_000 + 1;
        let tick = self.0.holder().admit(bound, |bound| {
            let tick = tick.min(T::at(Timestamp::from_millis(bound)));
            slot.sampled.raise_relaxed(tick);
            tick
        });
        if tick > next {
            return Ok(());
        }
        slot.count_error();
        Err(Reached::Failed(self.0.holder().ended(T::instant(next))))
    }
}

#[cold]
fn attach() -> Outcome<Source> {
    let shared = segment::shared()?;
    session::refuse_recovery()?;
    let worker = worker::ids(&settings::layout()?, shared)?.own;
    let slot = shared.words().slot128(worker).ok_or_else(|| {
        Failure::state(format!("worker ID {worker} has no place in shared memory"))
    })?;
    let source = Source {
        ticker: Ticker::new(slot, Lease(shared)),
        worker,
    };
    SOURCE.set(Some(source));
    Ok(source)
}

/// The next tick and the worker ID that it belongs to.
fn next() -> Outcome<(u64, u32)> {
    loop {
        let source = match SOURCE.get() {
            Some(source) => source,
            None => attach()?,
        };
        match source.ticker.try_next() {
            Ok(tick) => return Ok((tick, source.worker)),
            Err(Reached::Over) => forget(),
            Err(Reached::Failed(failure)) => return Err(failure),
        }
    }
}

/// The next snowflake128.
#[pg_extern(sql = r#"
CREATE FUNCTION "snowflake128_next"() RETURNS uuid
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake128_next_wrapper';
"#)]
fn snowflake128_next_guarded() -> Uuid {
    let (tick, worker) = next().or_raise();
    Uuid(make::snowflake128(tick, worker, random::bits()))
}

entry!(
    snowflake128_next_wrapper,
    pg_finfo_snowflake128_next_wrapper,
    or snowflake128_next_guarded_wrapper,
    |_| {
        let Source { ticker, worker } = SOURCE.get()?;
        let room = Room::find()?;
        let random = random::try_bits()?;
        let uuid = make::snowflake128(ticker.next_at_once()?, worker, random);
        Some(room.fill(&uuid.into_bytes()))
    }
);

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
