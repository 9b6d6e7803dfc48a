//! Text between PostgreSQL, in the encoding of the database, and Rust, in UTF-8.

use std::ffi::CStr;

use pgrx::prelude::*;

use crate::postgres::backend::BackendLocal;
use crate::postgres::memory;

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
    // SAFETY: copied at once
    lossy(unsafe { to_utf8(bytes) })
}

/// A copy of a text, in which what is not UTF-8 is replaced.
pub fn lossy(bytes: &[u8]) -> String {
    let mut text = String::new();
    memory::or_raise(text.try_reserve_exact(bytes.len()));
    for chunk in bytes.utf8_chunks() {
        memory::or_raise(text.try_reserve(chunk.valid().len()));
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            let replacement = char::REPLACEMENT_CHARACTER;
            memory::or_raise(text.try_reserve(replacement.len_utf8()));
            text.push(replacement);
        }
    }
    text
}

/// Whole characters from the beginning of a text of the database: more of them than messages quote.
pub fn beginning(bytes: &[u8]) -> &[u8] {
    const ENOUGH: usize = 512;
    if bytes.len() <= ENOUGH {
        return bytes;
    }
    // SAFETY: reads no more than the given number of bytes
    let length =
        unsafe { pg_sys::pg_mbcliplen(bytes.as_ptr().cast(), bytes.len() as i32, ENOUGH as i32) };
    &bytes[..length as usize]
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

/// Text of the database in UTF-8, where it is or in PostgreSQL's memory. That of a SQL_ASCII database
/// has no encoding and stays as it is.
///
/// # Safety
/// The result is not used beyond the current memory context.
#[inline(always)]
pub unsafe fn to_utf8(bytes: &[u8]) -> &[u8] {
    let unchanged = [pg_sys::pg_enc::PG_UTF8, pg_sys::pg_enc::PG_SQL_ASCII];
    if unchanged.contains(&database_encoding()) || bytes.is_ascii() {
        return bytes;
    }
    // SAFETY: as the caller promises
    unsafe { convert(bytes) }
}

/// # Safety
/// As for `to_utf8`.
#[cold]
unsafe fn convert(bytes: &[u8]) -> &[u8] {
    // SAFETY: converts the given number of bytes, and returns their address or a C string of its
    // own; text holds no zero byte
    unsafe {
        let source = bytes.as_ptr().cast();
        let length = bytes.len() as i32;
        let converted = pg_sys::pg_server_to_any(source, length, pg_sys::pg_enc::PG_UTF8 as i32);
        if converted.cast_const() == source {
            bytes
        } else {
            CStr::from_ptr(converted).to_bytes()
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
