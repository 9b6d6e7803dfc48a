//! What is known of the clock: the functions about it, and the one behind the view.

use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::prelude::*;
use snowflake_core::Timestamp;
use snowflake_core::time::{Authorities, KernelClock, Moment, Samples, Span, Standing, Watch};

use crate::host::clock;
use crate::host::time_keepers;
use crate::postgres::error::OrRaise;
use crate::postgres::interval;
use crate::postgres::row::Row;
use crate::postgres::timestamp;
use crate::settings;
use crate::shared::segment::{self, Shared};
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
        name!(drift_ppm, Option<f64>),
        name!(last_jump, Option<Interval>),
        name!(last_jump_at, Option<TimestampWithTimeZone>),
        name!(kernel_synchronised, Option<bool>),
        name!(kernel_max_error, Option<Interval>),
        name!(kernel_frequency_ppm, Option<f64>),
        name!(leap, Option<String>),
        name!(daemon, Option<String>),
        name!(ptp, Option<String>),
        name!(refusals, i64),
        name!(waits, i64),
    ),
> {
    let shared = segment::shared().or_raise();
    let gate = shared.clock_gate();
    let finding = gate::look(shared, clock::moment());
    let decision = finding.decision;
    // they are bounds, and stay bounds
    let offset = decision.map(|decision| decision.offset.to_micros());
    let kernel = finding.watch.kernel.map(KernelClock::from);
    let jump = finding.watch.jump;
    let at = |nanos: i64| timestamp::to_postgres(Timestamp::from_micros(nanos / 1_000));
    let [refusals, waits] = gate.counts();
    TableIterator::once((
        finding.verdict.name().into(),
        settings::clock_gate().name().into(),
        decision.map(|decision| decision.by.name().into()),
        offset.map(|offset| interval::from_micros(offset.low)),
        offset.map(|offset| interval::from_micros(offset.high)),
        decision.map(|decision| at(decision.as_of)),
        drift_ppm(shared, finding.now),
        jump.map(|jump| interval::nearest(jump.by)),
        jump.map(|jump| at(jump.at)),
        kernel.as_ref().map(|clock| clock.synchronised),
        kernel
            .as_ref()
            .map(|clock| interval::from_micros(clock.max_error)),
        kernel.as_ref().map(|clock| clock.frequency_ppm),
        kernel.as_ref().map(|clock| clock.state.into()),
        time_keepers::daemon(),
        time_keepers::ptp(),
        refusals as i64,
        waits as i64,
    ))
}

/// What the crystal of this machine runs fast by, in ppm: by the server of those that agree that says
/// it the most exactly.
fn drift_ppm(shared: Shared, now: Moment) -> Option<f64> {
    let agree = |samples: Samples, standing: Standing| {
        let known = samples.estimate(now)?;
        (standing == Standing::Agrees).then_some((known.distance, samples.drift()))
    };
    let records = shared.clock_sources()?.records();
    let (_, drift) = records
        .filter_map(|record| agree(record.samples, record.standing))
        .min_by_key(|(distance, _)| *distance)?;
    Some(drift? as f64 / 1_000.0)
}

/// The true time, as instants that it is not before and not after, in nanoseconds since 1970; `None`
/// if nobody says anything.
fn bounds() -> Option<Span> {
    let (now, decision) = match segment::shared() {
        Ok(shared) => {
            let finding = gate::look(shared, clock::moment());
            (finding.now, finding.decision)
        }
        // every call for itself
        Err(_) => {
            let now: Moment = clock::moment();
            let mut watch = Watch::default();
            watch.kernel_says(now, kernel::read(), clock::moment());
            (now, watch.decide(now, &Authorities::default(), i64::MAX))
        }
    };
    decision.map(|decision| Span {
        low: now.wall.saturating_add(decision.offset.low),
        high: now.wall.saturating_add(decision.offset.high),
    })
}

/// The bounds stay bounds.
fn instants(bounds: Option<Span>) -> (Timestamp, Timestamp) {
    bounds.map_or(
        (Timestamp::NEGATIVE_INFINITY, Timestamp::INFINITY),
        |bounds| {
            let Span { low, high } = bounds.to_micros();
            (Timestamp::from_micros(low), Timestamp::from_micros(high))
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
