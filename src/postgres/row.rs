//! Rows as results of functions that return one.

use std::ffi::c_char;
use std::mem::{offset_of, size_of};
use std::ptr::null_mut;

use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::prelude::*;
use pgrx::tupdesc::PgTupleDesc;
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
        // SAFETY: what is known of the row type is of that of the call, checked to have N columns
        unsafe {
            let known = row_type::<N>(fcinfo.as_mut_ptr());
            let row = match &(*known).widths {
                Some(widths) => form_plain(known, widths, &values, &nulls),
                None => form((*known).descriptor, &mut values, &mut nulls),
            };
            fcinfo.return_raw_datum(row)
        }
    }
}

/// A row type that a call expects.
struct RowType<const N: usize> {
    descriptor: pg_sys::TupleDesc,
    /// How many bytes each column takes, if all are numbers of 4 or 8 bytes, aligned to these.
    widths: Option<[u8; N]>,
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
    // SAFETY: as the caller promises. The memory has the size of the head, and that which PostgreSQL
    // computes for the data.
    unsafe {
        let (values, nulls) = (values.as_mut_ptr(), nulls.as_mut_ptr());
        let size = heap_compute_data_size(descriptor, values, nulls);
        let row = head_of::<N>(descriptor, head, head + size);
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

/// The same of columns that are numbers only, without a look at each one's type.
///
/// # Safety
/// As for `form`; each column has the width given, which is 4 or 8.
unsafe fn form_plain<const N: usize>(
    row_type: *const RowType<N>,
    widths: &[u8; N],
    values: &[pg_sys::Datum; N],
    nulls: &[bool; N],
) -> pg_sys::Datum {
    const FIXED: usize = offset_of!(pg_sys::HeapTupleHeaderData, t_bits);
    let has_nulls = nulls.contains(&true);
    let bitmap = if has_nulls { N.div_ceil(8) } else { 0 };
    let head = (FIXED + bitmap).next_multiple_of(pg_sys::MAXIMUM_ALIGNOF as usize);
    // SAFETY: as the caller promises. The memory has the size of the head and of N of the widest
    // columns, and each is written where it belongs, aligned to its width.
    unsafe {
        let row = head_of::<N>((*row_type).descriptor, head, head + 8 * N);
        let start = row.cast::<u8>();
        let mut at = head;
        for (column, value) in values.iter().enumerate() {
            if nulls[column] {
                continue;
            }
            if has_nulls {
                // a bit for each column that is there
                *start.add(FIXED + column / 8) |= 1 << (column % 8);
            }
            let width = usize::from(widths[column]);
            at = (at + width - 1) & !(width - 1);
            if width == 8 {
                start.add(at).cast::<u64>().write(value.value() as u64);
            } else {
                start.add(at).cast::<u32>().write(value.value() as u32);
            }
            at += width;
        }
        if has_nulls {
            (*row).t_infomask |= pg_sys::HEAP_HASNULL as u16;
        }
        varlena::set_varsize_4b(row.cast(), at as i32);
        pg_sys::Datum::from(row)
    }
}

/// Memory for a composite datum of a size, all zero but for the head.
///
/// # Safety
/// The descriptor is one of N columns, and the size is not below that of the head.
#[inline(always)]
unsafe fn head_of<const N: usize>(
    descriptor: pg_sys::TupleDesc,
    head: usize,
    size: usize,
) -> pg_sys::HeapTupleHeader {
    // SAFETY: as the caller promises; the head is written whole or zero
    unsafe {
        let row = datum::allocate_zeroed(size).cast::<pg_sys::HeapTupleHeaderData>();
        varlena::set_varsize_4b(row.cast(), size as i32);
        (*row).t_choice.t_datum.datum_typeid = (*descriptor).tdtypeid;
        (*row).t_choice.t_datum.datum_typmod = (*descriptor).tdtypmod;
        // no place in a table
        (*row).t_ctid.ip_blkid.bi_hi = u16::MAX;
        (*row).t_ctid.ip_blkid.bi_lo = u16::MAX;
        (*row).t_infomask2 = N as u16;
        (*row).t_hoff = head as u8;
        row
    }
}

/// The row type that a call expects, looked up once for the place in a statement that it is called
/// from, and kept as long as that.
///
/// # Safety
/// As PostgreSQL calls a function that keeps nothing else in `fn_extra`.
#[inline(always)]
unsafe fn row_type<const N: usize>(fcinfo: pg_sys::FunctionCallInfo) -> *const RowType<N> {
    // SAFETY: as the caller promises
    unsafe {
        let known = (*(*fcinfo).flinfo).fn_extra;
        if known.is_null() {
            look_up(fcinfo)
        } else {
            known.cast()
        }
    }
}

/// # Safety
/// As for `row_type`.
#[cold]
unsafe fn look_up<const N: usize>(fcinfo: pg_sys::FunctionCallInfo) -> *const RowType<N> {
    // SAFETY: as the caller promises. What is kept is in the memory of the place that the function is
    // called from, as `fn_extra` is. An ERROR in between leaves `fn_extra` as it was, and the
    // memory context to PostgreSQL.
    unsafe {
        let mut found = null_mut();
        let class = pg_sys::get_call_result_type(fcinfo, null_mut(), &mut found);
        if class != pg_sys::TypeFuncClass::TYPEFUNC_COMPOSITE || (*found).natts as usize != N {
            Failure::new(
                PgSqlErrorCode::ERRCODE_DATATYPE_MISMATCH,
                "function is declared with other columns than it returns",
            )
            .raise();
        }
        let flinfo = (*fcinfo).flinfo;
        let before = pg_sys::MemoryContextSwitchTo((*flinfo).fn_mcxt);
        let descriptor = pg_sys::BlessTupleDesc(pg_sys::CreateTupleDescCopy(found));
        let known = pg_sys::palloc(size_of::<RowType<N>>()).cast::<RowType<N>>();
        pg_sys::MemoryContextSwitchTo(before);
        known.write(RowType {
            descriptor,
            widths: widths(&PgTupleDesc::from_pg_unchecked(descriptor)),
        });
        (*flinfo).fn_extra = known.cast();
        known
    }
}

/// The widths of columns that are numbers.
fn widths<const N: usize>(descriptor: &PgTupleDesc) -> Option<[u8; N]> {
    let mut widths = [0; N];
    for (column, width) in widths.iter_mut().enumerate() {
        let column = descriptor.get(column)?;
        *width = match (column.attbyval, column.attlen, column.attalign as u8) {
            (true, 4, pg_sys::TYPALIGN_INT) => 4,
            (true, 8, pg_sys::TYPALIGN_DOUBLE) => 8,
            _ => return None,
        };
    }
    Some(widths)
}
