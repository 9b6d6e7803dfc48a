//! What an operator sees: the functions behind the views.

use std::rc::Rc;

use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::prelude::*;
use snowflake_core::Timestamp;
use snowflake_core::snowflake::{FieldKind, Layout};
use snowflake_core::words::Word;

use crate::host::clock;
use crate::postgres::error::OrRaise;
use crate::postgres::timestamp;
use crate::settings;
use crate::shared::segment;
use crate::snowflake::layouts;
use crate::snowflake::mark;
use crate::snowflake::record;

extension_sql_file!(
    "views.sql",
    name = "views",
    requires = [snowflake_pg_layouts, snowflake_pg_status]
);

/// The presets, and the layout that the database records if it is none of them.
#[allow(clippy::type_complexity)]
#[pg_extern(stable, parallel_safe)]
fn snowflake_pg_layouts() -> TableIterator<
    'static,
    (
        name!(layout, String),
        name!(ts_bits, i32),
        name!(worker_bits, i32),
        name!(sequence_bits, i32),
        name!(reserved_bits, i32),
        name!(unit, Interval),
        name!(epoch, TimestampWithTimeZone),
        name!(last_instant, TimestampWithTimeZone),
        name!(ids_per_second, i64),
    ),
> {
    let recorded = layouts::recorded().or_raise();
    let mut layouts: Vec<_> = Layout::presets().map(Rc::new).collect();
    if layouts
        .iter()
        .all(|preset| preset.name() != recorded.name())
    {
        layouts.push(recorded);
    }
    TableIterator::new(layouts.into_iter().map(|layout| {
        (
            layout.name().into(),
            layout.bits(FieldKind::Timestamp) as i32,
            layout.worker_bits() as i32,
            layout.bits(FieldKind::Sequence) as i32,
            layout.bits(FieldKind::Reserved) as i32,
            Interval::from_micros(layout.shape().unit()),
            timestamp::to_postgres(layout.epoch()),
            timestamp::to_postgres(layout.last_instant()),
            layout.ids_per_second(),
        )
    }))
}

/// A row for every worker that has given out an ID since the server started.
#[allow(clippy::type_complexity)]
#[pg_extern(volatile, parallel_restricted)]
fn snowflake_pg_status() -> TableIterator<
    'static,
    (
        name!(worker_id, i32),
        name!(last_id, Option<i64>),
        name!(last_ts, Option<TimestampWithTimeZone>),
        name!(lead, Interval),
        name!(regression, Interval),
        name!(waits, i64),
        name!(regressions, i64),
        name!(errors, i64),
        name!(mark, Option<TimestampWithTimeZone>),
        name!(layout, String),
        name!(layout_expires, TimestampWithTimeZone),
        name!(mark_waits, Option<i64>),
    ),
> {
    let shared = segment::shared().or_raise();
    let layout = settings::layout().or_raise();
    let shape = layout.shape();
    let relations = record::relations().or_raise();
    let stored = mark::stored(relations).or_raise();
    let mark_waits = shared
        .marks()
        .known(segment::key(relations.mark))
        .map(|entry| entry.mark().waits.load_relaxed() as i64);
    let mark = (stored > 0).then(|| timestamp::to_postgres(Timestamp::from_millis(stored)));
    let sample = clock::sample();
    let rows = shared
        .words()
        .slots()
        .iter()
        .enumerate()
        .filter_map(move |(worker, slot)| {
            let last = slot.given();
            if slot.is_closed() {
                return None;
            }
            let counts = [&slot.waits, &slot.regressions, &slot.errors]
                .map(|counter| counter.load_relaxed() as i64);
            if last.is_none() && counts == [0; 3] {
                return None;
            }
            let timestamp = last.map(|last| shape.instant(last));
            let lead = timestamp.map_or(0, |time| time.micros() - sample.wall.micros());
            let reached = shape.instant(slot.last.load_relaxed());
            let bits = shape.worker_bits(worker as u32);
            Some((
                worker as i32,
                last.map(|last| shape.id(last, bits)),
                timestamp.map(timestamp::to_postgres),
                Interval::from_micros(lead.max(0)),
                Interval::from_micros(slot.regression(&sample, reached)),
                counts[0],
                counts[1],
                counts[2],
                mark,
                layout.name().to_string(),
                timestamp::to_postgres(layout.last_instant()),
                mark_waits,
            ))
        });
    TableIterator::new(rows.collect::<Vec<_>>())
}
