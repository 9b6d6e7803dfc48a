//! The SQL functions about the Lamport clock.

use pgrx::prelude::*;
use snowflake_core::causality::lamport;

use crate::causality::lamport::clock;
use crate::postgres::entry::entry;
use crate::postgres::error::{OrRaise, Outcome};
use crate::postgres::trigger::{Arrival, TriggerResult};

extension_sql_file!(
    "../lamport.sql",
    name = "lamport",
    requires = ["itc_stamps", lamport_witness]
);

/// The number of an event.
#[pg_extern(sql = r#"
CREATE FUNCTION "lamport_next"() RETURNS bigint
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'lamport_next_wrapper';
"#)]
fn lamport_next_guarded() -> i64 {
    clock::advance(0).or_raise()
}

entry!(
    lamport_next_wrapper,
    pg_finfo_lamport_next_wrapper,
    or lamport_next_guarded_wrapper,
    |_| clock::try_next().map(Into::into)
);

/// The number of hearing of an event elsewhere, above its number.
#[pg_extern(volatile, parallel_safe)]
fn lamport_witness(number: i64) -> i64 {
    witness(number).or_raise()
}

fn witness(number: i64) -> Outcome<i64> {
    clock::advance(lamport::witnessed(number)?)
}

/// The last number given out.
#[pg_extern(volatile, parallel_safe)]
fn lamport_now() -> i64 {
    clock::now().or_raise()
}

/// Runs before a row is written that came by replication: witnesses the number in a column of it.
#[pg_extern(sql = r#"
CREATE FUNCTION lamport_witness_row() RETURNS trigger LANGUAGE c
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn lamport_witness_row(fcinfo: pg_sys::FunctionCallInfo) -> TriggerResult {
    witness_row(fcinfo).or_raise()
}

fn witness_row(fcinfo: pg_sys::FunctionCallInfo) -> Outcome<TriggerResult> {
    const FUNCTION: &str = "lamport_witness_row()";
    let row = Arrival::of_call(fcinfo, FUNCTION)?;
    if let Some(number) = row.value(FUNCTION, |kind| Ok(kind == pg_sys::INT8OID))? {
        witness(number.value() as i64)?;
    }
    Ok(row.allow())
}
