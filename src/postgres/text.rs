//! Arguments of types text and name.

use std::borrow::Cow;
use std::ffi::CStr;

use pgrx::callconv::{Arg, ArgAbi};
use pgrx::prelude::*;
use snowflake_core::excerpt;

use crate::postgres::datum::{self, Argument, sql_type};
use crate::postgres::encoding;

/// An argument of type text. pgrx's own `&str` panics over other encodings than UTF-8.
pub struct Text<'a>(&'a [u8]);

impl Text<'_> {
    /// Its bytes in UTF-8; those of a SQL_ASCII database as they are.
    pub fn bytes(&self) -> &[u8] {
        self.0
    }

    /// The text; what is not UTF-8, as there can be in a SQL_ASCII database, is replaced.
    pub fn as_str(&self) -> Cow<'_, str> {
        match str::from_utf8(self.0) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(encoding::lossy(self.0)),
        }
    }
}

sql_type!(Text<'_>, "text");

// SAFETY: reads the argument as the varlena that a text is
unsafe impl<'fcx> ArgAbi<'fcx> for Text<'fcx> {
    #[inline(always)]
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: as the caller promises; arguments live no longer than the memory context of the
        // call
        Self(unsafe { encoding::to_utf8(datum::bytes(arg)) })
    }
}

/// An argument of type text in the encoding of the database, to hand on to PostgreSQL.
#[derive(Clone, Copy)]
pub struct ServerText<'a>(&'a [u8]);

impl ServerText<'_> {
    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        self.0
    }

    /// The text, or how it begins, for a message.
    pub fn to_text(self) -> String {
        excerpt(&encoding::decode(encoding::beginning(self.0))).into_owned()
    }

    /// The text, if it is valid in UTF-8: that of a SQL_ASCII database need not be.
    pub fn to_utf8(self) -> Option<String> {
        // SAFETY: copied at once
        let text = unsafe { encoding::to_utf8(self.0) };
        str::from_utf8(text).is_ok().then(|| encoding::lossy(text))
    }

    /// A datum of type text.
    pub fn datum(self) -> pg_sys::Datum {
        // SAFETY: copies the given number of bytes
        unsafe {
            let text =
                pg_sys::cstring_to_text_with_len(self.0.as_ptr().cast(), self.0.len() as i32);
            pg_sys::Datum::from(text)
        }
    }
}

impl From<ServerText<'_>> for Argument<'_> {
    fn from(text: ServerText<'_>) -> Self {
        // SAFETY: a datum of that type
        unsafe { Self::new(text.datum(), pg_sys::TEXTOID) }
    }
}

sql_type!(ServerText<'_>, "text");

// SAFETY: reads the argument as the varlena that a text is
unsafe impl<'fcx> ArgAbi<'fcx> for ServerText<'fcx> {
    #[inline(always)]
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: as the caller promises
        Self(unsafe { datum::bytes(arg) })
    }
}

/// An argument of type name, in the encoding of the database.
pub struct NameArgument<'a>(pub &'a CStr);

sql_type!(NameArgument<'_>, "name");

// SAFETY: reads the argument as the C string that the 64 bytes of a name begin with
unsafe impl<'fcx> ArgAbi<'fcx> for NameArgument<'fcx> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: as the caller promises
        Self(unsafe { CStr::from_ptr(datum::pointer(arg)) })
    }
}
