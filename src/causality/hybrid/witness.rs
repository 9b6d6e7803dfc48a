//! The trigger by which replicated rows move the clock.

use pgrx::prelude::*;

use crate::causality::hybrid::clock;
use crate::causality::hybrid::value::Value;
use crate::extension;
use crate::postgres::backend::BackendLocal;
use crate::postgres::error::{Failure, OrRaise, Outcome};
use crate::postgres::trigger::{self, TriggerResult};

/// Runs before a row is written that carries the hybrid time of another server.
#[pg_extern(sql = false)]
fn hlc_witness_row(fcinfo: pg_sys::FunctionCallInfo) -> TriggerResult {
    witness_row(fcinfo).or_raise()
}

fn witness_row(fcinfo: pg_sys::FunctionCallInfo) -> Outcome<TriggerResult> {
    let written = trigger::before_written_column(fcinfo, "hlc_witness_row()")?;
    if !is_hlc(written.type_oid)? {
        return Err(Failure::new(
            PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
            format!("column \"{}\" is not of type hlc", written.name()),
        ));
    }
    if let Some(datum) = written.value {
        clock::receive(Value::of(datum))?;
    }
    Ok(written.row)
}

/// Whether a type is the extension's.
fn is_hlc(type_oid: pg_sys::Oid) -> Outcome<bool> {
    static KNOWN: BackendLocal<pg_sys::Oid> = BackendLocal::new(pg_sys::InvalidOid);
    if KNOWN.get() != type_oid && extension::type_named(c"hlc")? == type_oid {
        KNOWN.set(type_oid);
    }
    Ok(KNOWN.get() == type_oid)
}
