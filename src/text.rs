//! Text between PostgreSQL, in the encoding of the database, and Rust, in UTF-8.

use std::borrow::Cow;
use std::ffi::CStr;

use pgrx::callconv::{Arg, ArgAbi};
use pgrx::prelude::*;

use crate::backend::BackendLocal;
use crate::datum::{self, sql_type};
use crate::query::Argument;

/// An argument of type text. pgrx's own `&str` panics over other encodings than UTF-8.
pub struct Text<'a>(Cow<'a, [u8]>);

impl Text<'_> {
    /// Its bytes in UTF-8; those of a SQL_ASCII database as they are.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text; what is not UTF-8, as there can be in a SQL_ASCII database, is replaced.
    pub fn as_str(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

sql_type!(Text<'_>, "text");

// SAFETY: reads the argument as the varlena that a text is
unsafe impl<'fcx> ArgAbi<'fcx> for Text<'fcx> {
    #[inline(always)]
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: as the caller promises
        Self(to_utf8(unsafe { datum::bytes(arg) }))
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

    /// The text, for a message.
    pub fn to_text(self) -> String {
        String::from_utf8_lossy(&to_utf8(self.0)).into_owned()
    }

    /// The text, if it is valid in UTF-8: that of a SQL_ASCII database need not be.
    pub fn to_utf8(self) -> Option<String> {
        String::from_utf8(to_utf8(self.0).into_owned()).ok()
    }

    /// A datum of type text.
    pub fn datum(self) -> pg_sys::Datum {
        // SAFETY: copies so many bytes
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

/// A text datum, as far as it is UTF-8 or becomes so.
///
/// # Safety
/// `datum` is a text, unless `is_null`.
pub unsafe fn from_datum(datum: pg_sys::Datum, is_null: bool) -> Option<String> {
    // SAFETY: as the caller promises; text and bytea have one representation
    let bytes = unsafe { <&[u8]>::from_datum(datum, is_null) }?;
    Some(decode(bytes))
}

/// Text of the database, as far as it is UTF-8 or becomes so.
pub fn decode(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&to_utf8(bytes)).into_owned()
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

/// The encoding of the database.
fn database_encoding() -> pg_sys::pg_enc::Type {
    static ENCODING: BackendLocal<Option<pg_sys::pg_enc::Type>> = BackendLocal::new(None);
    ENCODING.get().unwrap_or_else(|| {
        // SAFETY: reads a variable of this process; settled when it connected to its database
        let encoding = unsafe { pg_sys::GetDatabaseEncoding() } as pg_sys::pg_enc::Type;
        ENCODING.set(Some(encoding));
        encoding
    })
}

/// Text of the database in UTF-8. That of a SQL_ASCII database has no encoding and stays as it is.
#[inline(always)]
fn to_utf8(bytes: &[u8]) -> Cow<'_, [u8]> {
    let unchanged = [pg_sys::pg_enc::PG_UTF8, pg_sys::pg_enc::PG_SQL_ASCII];
    if unchanged.contains(&database_encoding()) || bytes.is_ascii() {
        return Cow::Borrowed(bytes);
    }
    convert(bytes)
}

#[cold]
fn convert(bytes: &[u8]) -> Cow<'_, [u8]> {
    // SAFETY: converts so many bytes, and answers them or a C string of its own; text holds no
    // zero byte
    unsafe {
        let source = bytes.as_ptr().cast();
        let length = bytes.len() as i32;
        let converted = pg_sys::pg_server_to_any(source, length, pg_sys::pg_enc::PG_UTF8 as i32);
        if converted.cast_const() == source {
            Cow::Borrowed(bytes)
        } else {
            Cow::Owned(CStr::from_ptr(converted).to_bytes().to_vec())
        }
    }
}

/// A message in characters that every encoding has, unless the database's is UTF-8.
pub fn message(text: String) -> String {
    if text.is_ascii() || database_encoding() == pg_sys::pg_enc::PG_UTF8 {
        return text;
    }
    escape(&text)
}

/// Text in ASCII, other characters as `\u{e9}`.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for symbol in text.chars() {
        if symbol.is_ascii() {
            escaped.push(symbol);
        } else {
            escaped.extend(symbol.escape_default());
        }
    }
    escaped
}
