//! Rows as results of functions that return one.

use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::prelude::*;

use crate::postgres::datum::sql_type;
use crate::postgres::error::Failure;

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
