//! What came of comparing this server's clock with those of its fleet: the function behind the view.

use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::prelude::*;
use snowflake_core::Timestamp;
use snowflake_core::time::Span;

use crate::postgres::encoding;
use crate::postgres::error::OrRaise;
use crate::postgres::interval;
use crate::postgres::timestamp;
use crate::shared::segment;

extension_sql_file!(
    "fleet_view.sql",
    name = "clock_fleet_view",
    requires = [snowflake_pg_clock_fleet]
);

/// What this server reported last, and what the fleet said; no row without the worker, or without a
/// registry in PostgreSQL.
#[allow(clippy::type_complexity)]
#[pg_extern(volatile, parallel_restricted)]
fn snowflake_pg_clock_fleet() -> TableIterator<
    'static,
    (
        name!(registry_low, Option<Interval>),
        name!(registry_high, Option<Interval>),
        name!(fleet_low, Option<Interval>),
        name!(fleet_high, Option<Interval>),
        name!(agreeing, Option<i32>),
        name!(clocks, Option<i32>),
        name!(as_of, Option<TimestampWithTimeZone>),
        name!(answers, i64),
        name!(failures, i64),
        name!(last_error, Option<String>),
    ),
> {
    let report = segment::shared().or_raise().fleet_status().report();
    TableIterator::new(report.map(|report| {
        let [offset, fleet] = [report.offset, report.fleet].map(|span| span.map(Span::to_micros));
        let known = offset.is_some();
        let as_of = Timestamp::from_micros(report.as_of.div_euclid(1_000));
        let trouble = report.has_trouble().then(|| report.trouble.to_string());
        (
            offset.map(|offset| interval::from_micros(offset.low)),
            offset.map(|offset| interval::from_micros(offset.high)),
            fleet.map(|fleet| interval::from_micros(fleet.low)),
            fleet.map(|fleet| interval::from_micros(fleet.high)),
            known.then(|| report.majority.agreeing.into()),
            known.then(|| report.majority.servers.into()),
            known.then(|| timestamp::to_postgres(as_of)),
            report.answers as i64,
            report.failures as i64,
            trouble.map(encoding::message),
        )
    }))
}
