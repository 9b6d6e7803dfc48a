//! JSON as PostgreSQL stores it, read and written as text: pgrx's own goes by a tree in Rust's memory,
//! and panics over other encodings than UTF-8.

use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::fcinfo::direct_function_call_as_datum;
use pgrx::prelude::*;

use crate::postgres::base_type::{Input, Output};
use crate::postgres::datum::{self, sql_type};
use crate::postgres::error::{Failure, Outcome};

/// A jsonb as argument.
pub struct JsonbArgument<'a> {
    jsonb: &'a pg_sys::varlena,
}

impl<'a> JsonbArgument<'a> {
    /// Its text.
    pub fn text(&self) -> Outcome<Input<'a>> {
        let jsonb = pg_sys::Datum::from(std::ptr::from_ref(self.jsonb));
        // SAFETY: an output function, given a value of its type; its text is in the memory of the call
        unsafe {
            let text = direct_function_call_as_datum(pg_sys::jsonb_out, &[Some(jsonb)]);
            Ok(Input::of(text.ok_or_else(null)?))
        }
    }
}

sql_type!(JsonbArgument<'_>, "jsonb");

// SAFETY: reads the argument as the address of a varlena, which a jsonb is
unsafe impl<'fcx> ArgAbi<'fcx> for JsonbArgument<'fcx> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        Self {
            // SAFETY: as the caller promises
            jsonb: unsafe { &*datum::pointer(arg) },
        }
    }
}

/// A jsonb as result.
pub struct Jsonb(pg_sys::Datum);

impl Jsonb {
    /// The one that a text is.
    pub fn parse(text: Output) -> Outcome<Self> {
        let text = text.datum();
        // SAFETY: an input function, given a C string
        let jsonb = unsafe { direct_function_call_as_datum(pg_sys::jsonb_in, &[Some(text)]) };
        Ok(Self(jsonb.ok_or_else(null)?))
    }
}

sql_type!(Jsonb, "jsonb");

// SAFETY: returns a jsonb
unsafe impl BoxRet for Jsonb {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        // SAFETY: a datum of that type
        unsafe { fcinfo.return_raw_datum(self.0) }
    }
}

/// Input and output functions return no NULL.
fn null() -> Failure {
    Failure::new(
        PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
        "jsonb was read or written as NULL",
    )
}
