//! Triggers that run before a row of a table changes.

use std::ffi::CStr;
use std::ptr::null_mut;

use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::prelude::*;

use crate::postgres::datum::sql_type;
use crate::postgres::error::{Failure, Outcome};
use crate::postgres::name::{Name, Relation};
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
    let trigger = data(fcinfo, function)?;
    if self::table(trigger) != table || trigger.tg_event & TIME != BEFORE_ROW {
        return Err(misused(format!(
            "{function} belongs before a change of a row of {name}"
        )));
    }
    Ok(trigger)
}

/// The table of a trigger.
fn table(trigger: &pg_sys::TriggerData) -> pg_sys::Oid {
    // SAFETY: trigger data of a running trigger names an open relation
    unsafe { (*trigger.tg_relation).rd_id }
}

const BEFORE_ROW: u32 = pg_sys::TRIGGER_EVENT_ROW | pg_sys::TRIGGER_EVENT_BEFORE;
/// The part of an event that says when the trigger runs.
const TIME: u32 = pg_sys::TRIGGER_EVENT_ROW | pg_sys::TRIGGER_EVENT_TIMINGMASK;

/// The data of a call as trigger.
fn data<'a>(fcinfo: pg_sys::FunctionCallInfo, function: &str) -> Outcome<&'a pg_sys::TriggerData> {
    // SAFETY: the call information is PostgreSQL's; a call as trigger has trigger data
    unsafe {
        if !pgrx::trigger_support::called_as_trigger(fcinfo) {
            return Err(misused(format!("{function} must be called as a trigger")));
        }
        Ok(&*(*fcinfo).context.cast::<pg_sys::TriggerData>())
    }
}

fn misused(message: String) -> Failure {
    Failure::new(
        PgSqlErrorCode::ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
        message,
    )
}

/// A row that came by replication and is about to be written, and the column of it that the trigger
/// was created for.
pub struct Arrival<'a> {
    trigger: &'a pg_sys::TriggerData,
    row: pg_sys::HeapTuple,
}

impl<'a> Arrival<'a> {
    /// The row of a trigger that runs for replication alone. Others run for rows that anybody may
    /// write, with whatever they like in the column.
    pub fn of_call(fcinfo: pg_sys::FunctionCallInfo, function: &str) -> Outcome<Self> {
        let trigger = data(fcinfo, function)?;
        let row = match trigger.tg_event & pg_sys::TRIGGER_EVENT_OPMASK {
            pg_sys::TRIGGER_EVENT_INSERT => trigger.tg_trigtuple,
            pg_sys::TRIGGER_EVENT_UPDATE => trigger.tg_newtuple,
            _ => null_mut(),
        };
        if row.is_null() || trigger.tg_event & TIME != BEFORE_ROW {
            return Err(misused(format!(
                "{function} belongs before an INSERT or UPDATE of a row"
            )));
        }
        // SAFETY: a variable of this process
        let role = unsafe { pg_sys::SessionReplicationRole } as u32;
        if role != pg_sys::SESSION_REPLICATION_ROLE_REPLICA {
            return Err(
                misused(format!("{function} is for rows that are replicated")).hint(
                    "ALTER TABLE ... ENABLE REPLICA TRIGGER ..., so that it runs for those alone.",
                ),
            );
        }
        Ok(Self { trigger, row })
    }

    /// The value of the column, whose type is a right one; `None` for NULL.
    pub fn value(
        &self,
        function: &str,
        is_right: impl FnOnce(pg_sys::Oid) -> Outcome<bool>,
    ) -> Outcome<Option<pg_sys::Datum>> {
        let (column, table) = (self.column(function)?, table(self.trigger));
        let told = |code, problem: String| {
            let name = Relation::find(table).map_or_else(String::new, |table| table.to_string());
            let column = Name::from(column);
            Failure::new(code, format!("column {column} of {name} {problem}"))
        };
        // SAFETY: a catalog look-up by a valid C string
        let number = unsafe { pg_sys::get_attnum(table, column.as_ptr()) };
        if number <= 0 {
            let code = PgSqlErrorCode::ERRCODE_UNDEFINED_COLUMN;
            return Err(told(code, "does not exist".into()));
        }
        // SAFETY: a catalog look-up
        if !is_right(unsafe { pg_sys::get_atttype(table, number) })? {
            let code = PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH;
            return Err(told(
                code,
                format!("has another type than {function} is for"),
            ));
        }
        let mut is_null = false;
        // SAFETY: a row of the relation, which is open
        let value = unsafe {
            let descriptor = (*self.trigger.tg_relation).rd_att;
            pg_sys::heap_getattr(self.row, number.into(), descriptor, &mut is_null)
        };
        Ok((!is_null).then_some(value))
    }

    /// The name of the column: the argument in CREATE TRIGGER.
    fn column(&self, function: &str) -> Outcome<&'a CStr> {
        // SAFETY: the trigger has as many arguments as it says, all of them C strings
        unsafe {
            let trigger = &*self.trigger.tg_trigger;
            if trigger.tgnargs != 1 {
                return Err(misused(format!(
                    "{function} takes one argument, the name of a column"
                )));
            }
            Ok(CStr::from_ptr(*trigger.tgargs))
        }
    }

    /// Lets it be written.
    pub fn allow(self) -> TriggerResult {
        TriggerResult(self.row)
    }
}
