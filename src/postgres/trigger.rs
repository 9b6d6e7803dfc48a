//! Triggers that run before a row of a table changes.

use std::ffi::{CStr, c_char};

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

/// A column of a row that is about to be written.
pub struct WrittenColumn {
    /// What the trigger returns to let the row through.
    pub row: TriggerResult,
    pub type_oid: pg_sys::Oid,
    /// Nothing for NULL.
    pub value: Option<pg_sys::Datum>,
    name: *const c_char,
}

impl WrittenColumn {
    /// Its name, for messages.
    pub fn name(&self) -> String {
        // SAFETY: the argument of a trigger that runs
        unsafe { CStr::from_ptr(self.name) }
            .to_string_lossy()
            .into_owned()
    }
}

/// The column that the argument of a trigger names, of the row that is inserted or comes of an
/// update. Any other call than as a trigger before that, with one argument, is an error.
pub fn before_written_column(
    fcinfo: pg_sys::FunctionCallInfo,
    function: &str,
) -> Outcome<WrittenColumn> {
    let trigger = data_of(fcinfo, function)?;
    let row = match trigger.tg_event & pg_sys::TRIGGER_EVENT_OPMASK {
        pg_sys::TRIGGER_EVENT_INSERT => trigger.tg_trigtuple,
        pg_sys::TRIGGER_EVENT_UPDATE => trigger.tg_newtuple,
        _ => std::ptr::null_mut(),
    };
    if row.is_null() || trigger.tg_event & TIME != BEFORE_ROW {
        return Err(protocol(format!(
            "{function} belongs before an INSERT or UPDATE of a row"
        )));
    }
    // SAFETY: trigger data of a running trigger names it, its arguments and an open relation, whose
    // row this is
    unsafe {
        if (*trigger.tg_trigger).tgnargs != 1 {
            return Err(protocol(format!("{function} takes the name of one column")));
        }
        let name = *(*trigger.tg_trigger).tgargs;
        let descriptor = (*trigger.tg_relation).rd_att;
        let column = pg_sys::SPI_fnumber(descriptor, name);
        if column <= 0 {
            return Err(Failure::new(
                PgSqlErrorCode::ERRCODE_UNDEFINED_COLUMN,
                format!(
                    "column \"{}\" of the argument of {function} does not exist",
                    CStr::from_ptr(name).to_string_lossy()
                ),
            ));
        }
        let mut is_null = false;
        let value = pg_sys::heap_getattr(row, column, descriptor, &mut is_null);
        Ok(WrittenColumn {
            row: TriggerResult(row),
            type_oid: pg_sys::SPI_gettypeid(descriptor, column),
            value: (!is_null).then_some(value),
            name,
        })
    }
}

const BEFORE_ROW: u32 = pg_sys::TRIGGER_EVENT_ROW | pg_sys::TRIGGER_EVENT_BEFORE;
const TIME: u32 = pg_sys::TRIGGER_EVENT_ROW | pg_sys::TRIGGER_EVENT_TIMINGMASK;

fn protocol(message: String) -> Failure {
    Failure::new(
        PgSqlErrorCode::ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
        message,
    )
}

/// The data of a call as trigger.
fn data_of<'a>(
    fcinfo: pg_sys::FunctionCallInfo,
    function: &str,
) -> Outcome<&'a pg_sys::TriggerData> {
    // SAFETY: the call information is PostgreSQL's; a call as trigger has trigger data
    unsafe {
        if !pgrx::trigger_support::called_as_trigger(fcinfo) {
            return Err(protocol(format!("{function} must be called as a trigger")));
        }
        Ok(&*(*fcinfo).context.cast::<pg_sys::TriggerData>())
    }
}

/// The data of a call as trigger before rows of a table change.
fn before_row<'a>(
    fcinfo: pg_sys::FunctionCallInfo,
    function: &str,
    table: pg_sys::Oid,
    name: &Relation,
) -> Outcome<&'a pg_sys::TriggerData> {
    let trigger = data_of(fcinfo, function)?;
    // SAFETY: trigger data of a running trigger names an open relation
    let relation = unsafe { (*trigger.tg_relation).rd_id };
    if relation != table || trigger.tg_event & TIME != BEFORE_ROW {
        return Err(protocol(format!(
            "{function} belongs before a change of a row of {name}"
        )));
    }
    Ok(trigger)
}
