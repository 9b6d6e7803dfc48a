//! Triggers that run before a row of a table changes.

use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::prelude::*;

use crate::postgres::datum::sql_type;
use crate::postgres::error::{Failure, Outcome};
use crate::postgres::name::Relation;
use crate::postgres::sql::{self, Sql};

/// The row that a trigger lets through.
pub struct TriggerResult(pg_sys::HeapTuple);

sql_type!(TriggerResult, "trigger");

// SAFETY: a trigger returns the address of its row
unsafe impl BoxRet for TriggerResult {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        // SAFETY: the row belongs to the caller of the trigger
        unsafe { fcinfo.return_raw_datum(pg_sys::Datum::from(self.0)) }
    }
}

/// What is about to happen to a row.
pub enum RowChange {
    /// It is inserted, or takes the place of another.
    Write(pg_sys::HeapTuple),
    Delete(pg_sys::HeapTuple),
}

impl RowChange {
    /// Lets it happen.
    pub fn allow(self) -> TriggerResult {
        let (Self::Write(row) | Self::Delete(row)) = self;
        TriggerResult(row)
    }
}

/// The change that a trigger on a table of one row runs before. A row that is inserted takes the
/// place of the one that is there: a restore brings the row of the dumped database, and CREATE
/// EXTENSION has made one. Any other call than as such a trigger is an error.
pub fn before_only_row(
    fcinfo: pg_sys::FunctionCallInfo,
    function: &str,
    table: pg_sys::Oid,
    name: &Relation,
) -> Outcome<RowChange> {
    let trigger = before_row(fcinfo, function, table, name)?;
    Ok(match trigger.tg_event & pg_sys::TRIGGER_EVENT_OPMASK {
        pg_sys::TRIGGER_EVENT_UPDATE => RowChange::Write(trigger.tg_newtuple),
        pg_sys::TRIGGER_EVENT_DELETE => RowChange::Delete(trigger.tg_trigtuple),
        _ => {
            sql::run(Sql::new("DELETE FROM ").relation(name))?;
            RowChange::Write(trigger.tg_trigtuple)
        }
    })
}

/// The data of a call as trigger before rows of a table change.
fn before_row<'a>(
    fcinfo: pg_sys::FunctionCallInfo,
    function: &str,
    table: pg_sys::Oid,
    name: &Relation,
) -> Outcome<&'a pg_sys::TriggerData> {
    const BEFORE_ROW: u32 = pg_sys::TRIGGER_EVENT_ROW | pg_sys::TRIGGER_EVENT_BEFORE;
    const TIME: u32 = pg_sys::TRIGGER_EVENT_ROW | pg_sys::TRIGGER_EVENT_TIMINGMASK;
    let protocol = |message: String| {
        Failure::new(
            PgSqlErrorCode::ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
            message,
        )
    };
    // SAFETY: the call information is PostgreSQL's; a call as trigger has trigger data
    let trigger = unsafe {
        if !pgrx::trigger_support::called_as_trigger(fcinfo) {
            return Err(protocol(format!("{function} must be called as a trigger")));
        }
        &*(*fcinfo).context.cast::<pg_sys::TriggerData>()
    };
    // SAFETY: trigger data of a running trigger names an open relation
    let relation = unsafe { (*trigger.tg_relation).rd_id };
    if relation != table || trigger.tg_event & TIME != BEFORE_ROW {
        return Err(protocol(format!(
            "{function} belongs before a change of a row of {name}"
        )));
    }
    Ok(trigger)
}
