//! Hybrid times as text, and as timestamps. What they have in common with bigint, order, hashes and
//! binary form, is bigint's.

use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;
use snowflake_core::causality::HybridTime;

use crate::causality::hybrid::value::Value;
use crate::postgres::base_type::{Input, Output};
use crate::postgres::error::OrRaise;
use crate::postgres::timestamp;

extension_sql_file!("../hybrid.sql", name = "hybrid", requires = ["context"]);

/// The most bytes that the text takes: a time in microseconds, its zone, and a counter.
const LONGEST_TEXT: usize = "2000-01-01 00:00:00.000000+00/1023".len();

/// Reads text.
#[pg_extern(sql = false)]
fn hlc_in(input: Input) -> Value {
    Value(input.as_str().parse().or_raise())
}

/// Writes text.
#[pg_extern(sql = false)]
fn hlc_out(time: Value) -> Output {
    Output::of(time.0, LONGEST_TEXT)
}

/// The first one at a time.
#[pg_extern(sql = false)]
fn hlc_from_timestamp(ts: TimestampWithTimeZone) -> Value {
    Value(HybridTime::at(timestamp::from_postgres(ts)).or_raise())
}

/// The time.
#[pg_extern(sql = false)]
fn hlc_timestamp(time: Value) -> TimestampWithTimeZone {
    timestamp::to_postgres(time.0.timestamp())
}

/// The counter.
#[pg_extern(sql = false)]
fn hlc_counter(time: Value) -> i32 {
    time.0.counter()
}
