//! The functions behind the views of the NTP servers that the background worker asks.

use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::prelude::*;
use snowflake_core::Timestamp;
use snowflake_core::time::{Estimate, Moment, Shown};

use crate::host::clock;
use crate::postgres::encoding;
use crate::postgres::error::OrRaise;
use crate::postgres::interval;
use crate::postgres::timestamp;
use crate::shared::clock_sources::{ClockSources, Record};
use crate::shared::segment;

extension_sql_file!(
    "source_views.sql",
    name = "clock_source_views",
    requires = [snowflake_pg_clock_sources, snowflake_pg_clock_history]
);

type SourceRow = (
    String,
    Option<String>,
    String,
    Option<Interval>,
    Option<Interval>,
    Option<Interval>,
    Option<Interval>,
    Option<Interval>,
    Option<i32>,
    Option<i32>,
    Option<String>,
    Option<String>,
    i32,
    i64,
    i64,
    i64,
    Option<TimestampWithTimeZone>,
    Option<String>,
);

/// The servers that are listed, in that order; no row without the worker. One that is the same machine
/// as one before it has a row of its own, which says nothing.
#[allow(clippy::type_complexity)]
#[pg_extern(volatile, parallel_restricted)]
fn snowflake_pg_clock_sources() -> TableIterator<
    'static,
    (
        name!(server, String),
        name!(address, Option<String>),
        name!(state, String),
        name!(clock_offset, Option<Interval>),
        name!(delay, Option<Interval>),
        name!(dispersion, Option<Interval>),
        name!(root_distance, Option<Interval>),
        name!(jitter, Option<Interval>),
        name!(stratum, Option<i32>),
        name!(leap, Option<i32>),
        name!(reference_id, Option<String>),
        name!(kiss, Option<String>),
        name!(reach, i32),
        name!(polls, i64),
        name!(answers, i64),
        name!(ignored, i64),
        name!(next_poll, Option<TimestampWithTimeZone>),
        name!(last_error, Option<String>),
    ),
> {
    let sources = segment::shared().or_raise().clock_sources();
    let now = clock::moment();
    let records = sources.into_iter().flat_map(ClockSources::records);
    TableIterator::new(records.map(move |record| source_row(&record, now)))
}

fn source_row(record: &Record, now: Moment) -> SourceRow {
    let estimate = record.samples.estimate(now);
    let length = |of: fn(Estimate) -> Interval| estimate.map(of);
    let packet = record.packet;
    let next_poll = record.next_poll.map(|next| {
        let left = next.saturating_sub(now.elapsed);
        instant(now.wall.saturating_add(left.max(0)))
    });
    let last_error = record.last_error.to_string();
    (
        record.name.to_string(),
        record.address.map(|address| address.ip().to_string()),
        record.standing.name().into(),
        length(|known| interval::from_micros(known.shown().offset)),
        length(|known| interval::nearest(known.measurement.delay)),
        length(|known| interval::at_most(known.measurement.dispersion)),
        length(|known| interval::from_micros(known.shown().distance)),
        length(|known| interval::at_most(known.jitter)),
        packet.map(|packet| packet.stratum.into()),
        packet.map(|packet| packet.leap.into()),
        packet.map(|packet| packet.reference_id()),
        packet.and_then(|packet| packet.kiss()),
        record.samples.reach().into(),
        record.polls as i64,
        record.answers as i64,
        record.ignored as i64,
        next_poll,
        (!last_error.is_empty()).then(|| encoding::message(last_error)),
    )
}

type SampleRow = (
    String,
    TimestampWithTimeZone,
    Interval,
    Option<Interval>,
    Interval,
);

/// The latest samples of each server, and of the kernel, to which there is no way.
#[pg_extern(volatile, parallel_restricted)]
fn snowflake_pg_clock_history() -> TableIterator<
    'static,
    (
        name!(server, String),
        name!(at, TimestampWithTimeZone),
        name!(clock_offset, Interval),
        name!(delay, Option<Interval>),
        name!(distance, Interval),
    ),
> {
    let sources = segment::shared().or_raise().clock_sources();
    let records = sources.into_iter().flat_map(ClockSources::records);
    let servers = records.flat_map(|record| sample_rows(&record));
    TableIterator::new(servers.chain(sources.into_iter().flat_map(kernel_rows)))
}

fn kernel_rows(sources: &ClockSources) -> Vec<SampleRow> {
    let ring = sources.kernel();
    let rows = ring.latest().map(|sample| {
        (
            "kernel".into(),
            instant(sample.at.wall),
            interval::from_micros(0),
            None,
            interval::at_most(sample.error),
        )
    });
    let mut rows: Vec<_> = rows.collect();
    // the oldest first
    rows.reverse();
    rows
}

fn sample_rows(record: &Record) -> Vec<SampleRow> {
    let name = record.name.to_string();
    let rows = record.samples.latest().map(|sample| {
        let measurement = sample.measurement;
        let shown = Shown::new(measurement.offset, measurement.distance);
        (
            name.clone(),
            instant(sample.at.wall),
            interval::from_micros(shown.offset),
            Some(interval::nearest(measurement.delay)),
            interval::from_micros(shown.distance),
        )
    });
    let mut rows: Vec<_> = rows.collect();
    // the oldest first
    rows.reverse();
    rows
}

/// Of nanoseconds since 1970.
fn instant(nanos: i64) -> TimestampWithTimeZone {
    timestamp::to_postgres(Timestamp::from_micros(nanos.div_euclid(1_000)))
}
