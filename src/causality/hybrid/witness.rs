//! The trigger by which replicated rows move the clock.

use pgrx::prelude::*;

use crate::causality::hybrid::clock;
use crate::causality::hybrid::value::Value;
use crate::extension;
use crate::postgres::backend::BackendLocal;
use crate::postgres::error::{OrRaise, Outcome};
use crate::postgres::trigger::{Arrival, TriggerResult};

/// Runs before a row is written that carries the hybrid time of another server.
#[pg_extern(sql = false)]
fn hlc_witness_row(fcinfo: pg_sys::FunctionCallInfo) -> TriggerResult {
    witness_row(fcinfo).or_raise()
}

fn witness_row(fcinfo: pg_sys::FunctionCallInfo) -> Outcome<TriggerResult> {
    const FUNCTION: &str = "hlc_witness_row()";
    let row = Arrival::of_call(fcinfo, FUNCTION)?;
    if let Some(time) = row.value(FUNCTION, is_hlc)? {
        clock::receive(Value::of(time))?;
    }
    Ok(row.allow())
}

/// Whether a type is the extension's.
fn is_hlc(type_oid: pg_sys::Oid) -> Outcome<bool> {
    static KNOWN: BackendLocal<pg_sys::Oid> = BackendLocal::new(pg_sys::InvalidOid);
    if KNOWN.get() != type_oid && extension::type_named(c"hlc")? == type_oid {
        KNOWN.set(type_oid);
    }
    Ok(KNOWN.get() == type_oid)
}
