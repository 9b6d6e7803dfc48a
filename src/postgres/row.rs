//! Rows as results of functions that return one.

use std::ffi::c_char;
use std::mem::offset_of;
use std::ptr::null_mut;

use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::prelude::*;
use pgrx::varlena;

use crate::postgres::datum::{self, sql_type};
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
            let descriptor = descriptor::<N>(fcinfo.as_mut_ptr());
            fcinfo.return_raw_datum(form(descriptor, &mut values, &mut nulls))
        }
    }
}

unsafe extern "C-unwind" {
    // PostgreSQL's own, without pgrx's guard: they raise no error about columns of its own types.
    fn heap_compute_data_size(
        descriptor: pg_sys::TupleDesc,
        values: *mut pg_sys::Datum,
        nulls: *mut bool,
    ) -> usize;
    fn heap_fill_tuple(
        descriptor: pg_sys::TupleDesc,
        values: *mut pg_sys::Datum,
        nulls: *mut bool,
        data: *mut c_char,
        size: usize,
        flags: *mut u16,
        bitmap: *mut u8,
    );
}

/// A composite datum. PostgreSQL's heap_form_tuple() does the same, with a call that can fail to be
/// guarded.
///
/// # Safety
/// The descriptor has N columns, of which the values are. None of these is kept elsewhere, to be
/// fetched first.
unsafe fn form<const N: usize>(
    descriptor: pg_sys::TupleDesc,
    values: &mut [pg_sys::Datum; N],
    nulls: &mut [bool; N],
) -> pg_sys::Datum {
    const FIXED: usize = offset_of!(pg_sys::HeapTupleHeaderData, t_bits);
    let bitmap = if nulls.contains(&true) {
        N.div_ceil(8)
    } else {
        0
    };
    let head = (FIXED + bitmap).next_multiple_of(pg_sys::MAXIMUM_ALIGNOF as usize);
    // SAFETY: as the caller promises. The memory has the size of the head, which is written whole
    // or zero, and that which PostgreSQL computes for the data.
    unsafe {
        let (values, nulls) = (values.as_mut_ptr(), nulls.as_mut_ptr());
        let size = heap_compute_data_size(descriptor, values, nulls);
        let row = datum::allocate_zeroed(head + size).cast::<pg_sys::HeapTupleHeaderData>();
        varlena::set_varsize_4b(row.cast(), (head + size) as i32);
        (*row).t_choice.t_datum.datum_typeid = (*descriptor).tdtypeid;
        (*row).t_choice.t_datum.datum_typmod = (*descriptor).tdtypmod;
        // no place in a table
        (*row).t_ctid.ip_blkid.bi_hi = u16::MAX;
        (*row).t_ctid.ip_blkid.bi_lo = u16::MAX;
        (*row).t_infomask2 = N as u16;
        (*row).t_hoff = head as u8;
        let start = row.cast::<c_char>();
        let places = if bitmap > 0 {
            start.add(FIXED).cast()
        } else {
            null_mut()
        };
        let flags = &raw mut (*row).t_infomask;
        heap_fill_tuple(
            descriptor,
            values,
            nulls,
            start.add(head),
            size,
            flags,
            places,
        );
        pg_sys::Datum::from(row)
    }
}

/// The row type that a call expects, looked up once for the place in a statement that it is called
/// from, and kept as long as that.
///
/// # Safety
/// As PostgreSQL calls a function that keeps nothing else in `fn_extra`.
#[inline(always)]
unsafe fn descriptor<const N: usize>(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::TupleDesc {
    // SAFETY: as the caller promises
    unsafe {
        let known = (*(*fcinfo).flinfo).fn_extra;
        if known.is_null() {
            look_up(fcinfo, N as i32)
        } else {
            known.cast()
        }
    }
}

/// # Safety
/// As for `descriptor`.
#[cold]
unsafe fn look_up(fcinfo: pg_sys::FunctionCallInfo, columns: i32) -> pg_sys::TupleDesc {
    // SAFETY: as the caller promises. The copy is in the memory of the place that the function is
    // called from, as `fn_extra` is. An ERROR in between leaves `fn_extra` as it was, and the
    // memory context to PostgreSQL.
    unsafe {
        let mut found = null_mut();
        let class = pg_sys::get_call_result_type(fcinfo, null_mut(), &mut found);
        if class != pg_sys::TypeFuncClass::TYPEFUNC_COMPOSITE || (*found).natts != columns {
            Failure::new(
                PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
                "function is declared with other columns than it returns",
            )
            .raise();
        }
        let flinfo = (*fcinfo).flinfo;
        let before = pg_sys::MemoryContextSwitchTo((*flinfo).fn_mcxt);
        let descriptor = pg_sys::BlessTupleDesc(pg_sys::CreateTupleDescCopy(found));
        pg_sys::MemoryContextSwitchTo(before);
        (*flinfo).fn_extra = descriptor.cast();
        descriptor
    }
}
