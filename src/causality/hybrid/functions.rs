//! The functions that give out hybrid times.

use pgrx::prelude::*;
use snowflake_core::causality::HybridTime;

use crate::causality::hybrid::clock;
use crate::causality::hybrid::value::Value;
use crate::postgres::backend::BackendLocal;
use crate::postgres::entry::entry;
use crate::postgres::error::OrRaise;
use crate::postgres::transaction;

/// The next one: something happens, or is sent.
#[pg_extern(sql = false)]
fn hlc_next_guarded() -> Value {
    Value(clock::next().or_raise())
}

entry!(
    hlc_next_wrapper,
    pg_finfo_hlc_next_wrapper,
    or hlc_next_guarded_wrapper,
    |_| clock::try_next().map(Value::datum)
);

/// The last one that was given out or received. Nothing happens by asking.
#[pg_extern(sql = false)]
fn hlc_now() -> Value {
    Value(clock::last().or_raise())
}

/// The next one after one from elsewhere was received.
#[pg_extern(sql = false)]
fn hlc_witness_guarded(time: Value) -> Value {
    Value(clock::witness(time.0).or_raise())
}

entry!(
    hlc_witness_wrapper,
    pg_finfo_hlc_witness_wrapper,
    or hlc_witness_guarded_wrapper,
    |arguments| clock::try_witness(HybridTime::from_bits(arguments.bigint(0)?)).map(Value::datum)
);

/// The one of this transaction, taken at the first call.
#[pg_extern(sql = false)]
fn hlc_transaction() -> Value {
    static TAKEN: BackendLocal<Option<(u32, HybridTime)>> = BackendLocal::new(None);
    let transaction = transaction::number();
    if let Some((by, time)) = TAKEN.get()
        && by == transaction
    {
        return Value(time);
    }
    let time = clock::next().or_raise();
    TAKEN.set(Some((transaction, time)));
    Value(time)
}
