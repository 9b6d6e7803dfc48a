//! The SQL functions about Snowflake IDs. Each converts, calls core, and maps errors.

use pgrx::datum::{Range, RangeBound, TimestampWithTimeZone};
use pgrx::prelude::*;
use snowflake_core::snowflake::{Decoded, Layout, base32, decimal, from_base32, parse_base32};
use snowflake_core::words::Claim;

use crate::postgres::datum::Ascii;
use crate::postgres::entry::entry;
use crate::postgres::error::{Failure, OrRaise, Outcome};
use crate::postgres::row::Row;
use crate::postgres::text::Text;
use crate::postgres::timestamp;
use crate::snowflake::layouts;
use crate::snowflake::session::{self, Session};

extension_sql_file!(
    "between.sql",
    name = "between",
    requires = [snowflake_min_id, snowflake_min_id_layout]
);

/// The next ID.
#[pg_extern(sql = r#"
CREATE FUNCTION "snowflake_next"() RETURNS bigint
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_next_wrapper';
"#)]
fn snowflake_next_guarded() -> i64 {
    session::next().or_raise()
}

entry!(
    snowflake_next_wrapper,
    pg_finfo_snowflake_next_wrapper,
    or snowflake_next_guarded_wrapper,
    |_| session::try_next().map(Into::into)
);

/// The next ID of a worker that belongs to this server.
#[pg_extern(sql = r#"
CREATE FUNCTION "snowflake_next"(
	"worker_id" INT
) RETURNS bigint
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'snowflake_next_worker_wrapper';
"#)]
fn snowflake_next_worker_guarded(worker_id: i32) -> i64 {
    session::next_of(worker_id).or_raise()
}

entry!(
    snowflake_next_worker_wrapper,
    pg_finfo_snowflake_next_worker_wrapper,
    or snowflake_next_worker_guarded_wrapper,
    |arguments| session::try_next_of(arguments.integer(0)?).map(Into::into)
);

/// Many IDs, in order.
#[pg_extern(volatile, parallel_safe)]
fn snowflake_next_batch(count: i32) -> SetOfIterator<'static, i64> {
    SetOfIterator::new(Batch::new(count).or_raise())
}

/// IDs that remain to be given out, and the block that they come from at present.
struct Batch {
    remaining: u64,
    session: Session,
    block: Claim,
}

impl Batch {
    fn new(count: i32) -> Outcome<Self> {
        match u64::try_from(count) {
            Ok(remaining) if remaining > 0 => Ok(Self {
                remaining,
                session: session::current()?,
                // empty
                block: Claim { first: 1, last: 0 },
            }),
            _ => Err(Failure::new(
                PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
                format!("count must be positive, not {count}"),
            )),
        }
    }

    /// Claims the next block: no more than the worker's IDs of one unit, so that little is lost
    /// when the caller stops early.
    fn claim(&mut self) -> Outcome<()> {
        const LARGEST: u32 = 12;
        self.session = session::current()?;
        let unit = 1 << self.session.shape.sequence_bits().min(LARGEST);
        self.block = self.session.claim(self.remaining.min(unit))?;
        Ok(())
    }
}

impl Iterator for Batch {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        if self.remaining == 0 {
            return None;
        }
        if self.block.first > self.block.last {
            self.claim().or_raise();
        }
        let tick = self.block.first;
        self.block.first += 1;
        self.remaining -= 1;
        Some(self.session.id(tick))
    }
}

fn row(decoded: Decoded) -> Row<6> {
    Row([
        Some(timestamp::to_postgres_micros(decoded.timestamp).into()),
        decoded.worker_id.map(Into::into),
        decoded.datacenter_id.map(Into::into),
        decoded.machine_id.map(Into::into),
        Some(decoded.sequence.into()),
        decoded.reserved.map(Into::into),
    ])
}

/// The fields of an ID.
#[pg_extern(sql = r#"
CREATE FUNCTION snowflake_decode(id bigint, OUT ts timestamptz, OUT worker_id int, OUT datacenter_id int, OUT machine_id int, OUT sequence int, OUT reserved int)
STABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn snowflake_decode(id: i64) -> Row<6> {
    row(recorded(|layout| Ok(layout.decode(id)?)))
}

/// The fields of an ID of a layout.
#[pg_extern(sql = r#"
CREATE FUNCTION snowflake_decode(id bigint, layout text, OUT ts timestamptz, OUT worker_id int, OUT datacenter_id int, OUT machine_id int, OUT sequence int, OUT reserved int)
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn snowflake_decode_layout(id: i64, layout: Text) -> Row<6> {
    row(named(layout, |layout| Ok(layout.decode(id)?)))
}

/// Calls with the layout that the database records.
fn recorded<T>(compute: impl FnOnce(&Layout) -> Outcome<T>) -> T {
    layouts::recorded()
        .and_then(|layout| compute(&layout))
        .or_raise()
}

/// Calls with a layout by name.
fn named<T>(name: Text, compute: impl FnOnce(&Layout) -> Outcome<T>) -> T {
    layouts::named(&name.as_str())
        .and_then(|layout| compute(&layout))
        .or_raise()
}

fn timestamp_of(layout: &Layout, id: i64) -> Outcome<TimestampWithTimeZone> {
    Ok(timestamp::to_postgres(layout.timestamp(id)?))
}

/// The time of an ID.
#[pg_extern(stable, parallel_safe)]
fn snowflake_timestamp(id: i64) -> TimestampWithTimeZone {
    recorded(|layout| timestamp_of(layout, id))
}

/// The time of an ID of a layout.
#[pg_extern(immutable, parallel_safe, name = "snowflake_timestamp")]
fn snowflake_timestamp_layout(id: i64, layout: Text) -> TimestampWithTimeZone {
    named(layout, |layout| timestamp_of(layout, id))
}

/// The worker ID in an ID.
#[pg_extern(stable, parallel_safe)]
fn snowflake_worker_id(id: i64) -> Option<i32> {
    recorded(|layout| Ok(layout.decode(id)?.worker_id))
}

/// The worker ID in an ID of a layout.
#[pg_extern(immutable, parallel_safe, name = "snowflake_worker_id")]
fn snowflake_worker_id_layout(id: i64, layout: Text) -> Option<i32> {
    named(layout, |layout| Ok(layout.decode(id)?.worker_id))
}

/// The sequence in an ID.
#[pg_extern(stable, parallel_safe)]
fn snowflake_sequence(id: i64) -> i32 {
    recorded(|layout| Ok(layout.decode(id)?.sequence))
}

/// The sequence in an ID of a layout.
#[pg_extern(immutable, parallel_safe, name = "snowflake_sequence")]
fn snowflake_sequence_layout(id: i64, layout: Text) -> i32 {
    named(layout, |layout| Ok(layout.decode(id)?.sequence))
}

/// An ID from its fields.
#[pg_extern(stable, parallel_safe)]
fn snowflake_encode(ts: TimestampWithTimeZone, worker_id: i32, sequence: i32) -> i64 {
    let ts = timestamp::from_postgres(ts);
    recorded(|layout| Ok(layout.encode(ts, worker_id, sequence)?))
}

/// An ID of a layout from its fields.
#[pg_extern(immutable, parallel_safe, name = "snowflake_encode")]
fn snowflake_encode_layout(
    ts: TimestampWithTimeZone,
    worker_id: i32,
    sequence: i32,
    layout: Text,
) -> i64 {
    let ts = timestamp::from_postgres(ts);
    named(layout, |layout| Ok(layout.encode(ts, worker_id, sequence)?))
}

/// The first ID at or after a time.
#[pg_extern(stable, parallel_safe)]
fn snowflake_min_id(ts: TimestampWithTimeZone) -> i64 {
    recorded(|layout| Ok(layout.min_id(timestamp::from_postgres(ts))?))
}

/// The first ID of a layout at or after a time.
#[pg_extern(immutable, parallel_safe, name = "snowflake_min_id")]
fn snowflake_min_id_layout(ts: TimestampWithTimeZone, layout: Text) -> i64 {
    named(layout, |layout| {
        Ok(layout.min_id(timestamp::from_postgres(ts))?)
    })
}

/// The last ID at or before a time.
#[pg_extern(stable, parallel_safe)]
fn snowflake_max_id(ts: TimestampWithTimeZone) -> i64 {
    recorded(|layout| Ok(layout.max_id(timestamp::from_postgres(ts))?))
}

/// The last ID of a layout at or before a time.
#[pg_extern(immutable, parallel_safe, name = "snowflake_max_id")]
fn snowflake_max_id_layout(ts: TimestampWithTimeZone, layout: Text) -> i64 {
    named(layout, |layout| {
        Ok(layout.max_id(timestamp::from_postgres(ts))?)
    })
}

fn range_of(
    layout: &Layout,
    start: TimestampWithTimeZone,
    end: TimestampWithTimeZone,
) -> Outcome<Range<i64>> {
    let (start, end) = (
        timestamp::from_postgres(start),
        timestamp::from_postgres(end),
    );
    let (lower, upper) = layout.range(start, end)?;
    let upper = upper.map_or(RangeBound::Infinite, RangeBound::Exclusive);
    Ok(Range::new(RangeBound::Inclusive(lower), upper))
}

/// The IDs of a half-open range of time.
#[pg_extern(stable, parallel_safe)]
fn snowflake_range(start_ts: TimestampWithTimeZone, end_ts: TimestampWithTimeZone) -> Range<i64> {
    recorded(|layout| range_of(layout, start_ts, end_ts))
}

/// The IDs of a layout in a half-open range of time.
#[pg_extern(immutable, parallel_safe, name = "snowflake_range")]
fn snowflake_range_layout(
    start_ts: TimestampWithTimeZone,
    end_ts: TimestampWithTimeZone,
    layout: Text,
) -> Range<i64> {
    named(layout, |layout| range_of(layout, start_ts, end_ts))
}

/// An ID as 19 digits.
#[pg_extern(immutable, parallel_safe)]
fn snowflake_to_text(id: i64) -> Ascii<19> {
    Ascii(decimal(id).or_raise())
}

/// An ID in Crockford's base 32.
#[pg_extern(immutable, parallel_safe)]
fn snowflake_to_base32(id: i64) -> Ascii<13> {
    Ascii(base32(id).or_raise())
}

/// The ID of a text in Crockford's base 32.
#[pg_extern(immutable, parallel_safe)]
fn snowflake_from_base32(text: Text) -> i64 {
    match parse_base32(text.bytes()) {
        Some(id) => id,
        None => from_base32(&text.as_str()).or_raise(),
    }
}
