//! Rows as results of functions that return one, and of triggers.

use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::prelude::*;

use crate::postgres::datum::sql_type;
use crate::postgres::error::{Failure, Outcome};

/// A row for a function with OUT parameters, which pgrx returns only as a set.
pub struct Row<const N: usize>(pub [Option<pg_sys::Datum>; N]);

sql_type!(Row<N>, "record", const N: usize);

// SAFETY: returns a composite datum made for the row type that the call expects
unsafe impl<const N: usize> BoxRet for Row<N> {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        let mut nulls = self.0.map(|value| value.is_none());
        let mut values = self.0.map(|value| value.unwrap_or(pg_sys::Datum::from(0)));
        // SAFETY: the descriptor is that of the call, checked to have N columns
        unsafe {
            let mut descriptor = std::ptr::null_mut();
            let class = pg_sys::get_call_result_type(
                fcinfo.as_mut_ptr(),
                std::ptr::null_mut(),
                &mut descriptor,
            );
            if class != pg_sys::TypeFuncClass::TYPEFUNC_COMPOSITE || (*descriptor).natts != N as i32
            {
                Failure::new(
                    PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
                    "function is declared with other columns than it returns",
                )
                .raise();
            }
            let descriptor = pg_sys::BlessTupleDesc(descriptor);
            let tuple =
                pg_sys::heap_form_tuple(descriptor, values.as_mut_ptr(), nulls.as_mut_ptr());
            fcinfo.return_raw_datum(pg_sys::HeapTupleHeaderGetDatum((*tuple).t_data))
        }
    }
}

/// The row that a trigger lets through.
pub struct TriggerResult(pub pg_sys::HeapTuple);

sql_type!(TriggerResult, "trigger");

// SAFETY: a trigger returns the address of its row
unsafe impl BoxRet for TriggerResult {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        // SAFETY: the row belongs to the caller of the trigger
        unsafe { fcinfo.return_raw_datum(pg_sys::Datum::from(self.0)) }
    }
}

/// The data of a call as trigger before rows of a table change; anything else is an error.
pub fn before_row<'a>(
    fcinfo: pg_sys::FunctionCallInfo,
    function: &str,
    table: pg_sys::Oid,
    table_name: &str,
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
            "{function} belongs before a change of a row of {table_name}"
        )));
    }
    Ok(trigger)
}
