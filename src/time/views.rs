//! What is known of the clock: the functions about it, and the one behind the view.

use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::prelude::*;
use snowflake_core::Timestamp;
use snowflake_core::time::{KernelClock, Moment, Span, Watch};

use crate::host::clock;
use crate::host::time_keepers;
use crate::postgres::error::OrRaise;
use crate::postgres::interval;
use crate::postgres::row::Row;
use crate::postgres::timestamp;
use crate::settings;
use crate::shared::segment;
use crate::time::{gate, kernel};

extension_sql_file!(
    "views.sql",
    name = "clock_view",
    requires = [snowflake_pg_clock]
);

/// What is known of this server's clock; no row without the library preloaded.
#[allow(clippy::type_complexity)]
#[pg_extern(volatile, parallel_restricted)]
fn snowflake_pg_clock() -> TableIterator<
    'static,
    (
        name!(state, String),
        name!(gate, String),
        name!(decided_by, Option<String>),
        name!(offset_low, Option<Interval>),
        name!(offset_high, Option<Interval>),
        name!(as_of, Option<TimestampWithTimeZone>),
        name!(last_jump, Option<Interval>),
        name!(last_jump_at, Option<TimestampWithTimeZone>),
        name!(kernel_synchronised, Option<bool>),
        name!(kernel_max_error, Option<Interval>),
        name!(leap, Option<String>),
        name!(daemon, Option<String>),
        name!(ptp, Option<String>),
        name!(refusals, i64),
        name!(waits, i64),
    ),
> {
    let gate = segment::shared().or_raise().clock_gate();
    let finding = gate::look(gate, clock::moment());
    let kernel = finding.watch.kernel.map(KernelClock::from);
    let jump = finding.watch.jump;
    let at = |nanos: i64| timestamp::to_postgres(Timestamp::from_micros(nanos / 1_000));
    let [refusals, waits] = gate.counts();
    TableIterator::once((
        finding.verdict.name().into(),
        settings::clock_gate().name().into(),
        finding.offset.map(|_| "kernel".into()),
        finding.offset.map(|offset| interval::nearest(offset.low)),
        finding.offset.map(|offset| interval::nearest(offset.high)),
        finding.offset.map(|_| at(finding.watch.as_of)),
        jump.map(|jump| interval::nearest(jump.by)),
        jump.map(|jump| at(jump.at)),
        kernel.as_ref().map(|clock| clock.synchronised),
        kernel
            .as_ref()
            .map(|clock| interval::from_micros(clock.max_error)),
        kernel.as_ref().map(|clock| clock.state.into()),
        time_keepers::daemon(),
        time_keepers::ptp(),
        refusals as i64,
        waits as i64,
    ))
}

/// The true time, as instants that it is not before and not after, in nanoseconds since 1970; `None`
/// if nobody says anything.
fn bounds() -> Option<Span> {
    let (now, offset) = match segment::shared() {
        Ok(shared) => {
            let finding = gate::look(shared.clock_gate(), clock::moment());
            (finding.now, finding.offset)
        }
        // every call for itself
        Err(_) => {
            let now: Moment = clock::moment();
            let mut watch = Watch::default();
            watch.kernel_says(now, kernel::read(), clock::moment());
            (now, watch.offset(now))
        }
    };
    offset.map(|offset| Span {
        low: now.wall.saturating_add(offset.low),
        high: now.wall.saturating_add(offset.high),
    })
}

/// Rounded outwards: the bounds stay bounds.
fn instants(bounds: Option<Span>) -> (Timestamp, Timestamp) {
    bounds.map_or(
        (Timestamp::NEGATIVE_INFINITY, Timestamp::INFINITY),
        |bounds| {
            (
                Timestamp::from_micros(bounds.low.div_euclid(1_000)),
                Timestamp::from_micros(bounds.high.saturating_add(999).div_euclid(1_000)),
            )
        },
    )
}

/// The true time is between these; infinite where nobody says anything.
#[pg_extern(sql = r#"
CREATE FUNCTION clock_bounds(OUT earliest timestamptz, OUT latest timestamptz)
VOLATILE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn clock_bounds() -> Row<2> {
    let (earliest, latest) = instants(bounds());
    Row([
        timestamp::to_postgres(earliest).into_datum(),
        timestamp::to_postgres(latest).into_datum(),
    ])
}

/// Whether the true time is certainly after this one.
#[pg_extern(volatile, parallel_safe)]
fn clock_after(ts: TimestampWithTimeZone) -> bool {
    instants(bounds()).0 > timestamp::from_postgres(ts)
}

/// Whether the true time is certainly before this one.
#[pg_extern(volatile, parallel_safe)]
fn clock_before(ts: TimestampWithTimeZone) -> bool {
    instants(bounds()).1 < timestamp::from_postgres(ts)
}
