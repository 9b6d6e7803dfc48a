//! What a type needs that is made by hand: the arguments and results of the functions by which
//! PostgreSQL reads, writes, and keeps it.

use std::borrow::Cow;
use std::ffi::CStr;
use std::fmt::{Display, Write};
use std::marker::PhantomData;

use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::prelude::*;
use pgrx::varlena;

use crate::postgres::datum::{self, sql_type};
use crate::postgres::encoding;
use crate::postgres::error::{Failure, OrRaise};
use crate::postgres::memory;

/// Text as an input function gets it.
pub struct Input<'a>(&'a CStr);

impl<'a> Input<'a> {
    /// What an output function returned.
    ///
    /// # Safety
    /// A C string that lives as long.
    pub unsafe fn of(text: pg_sys::Datum) -> Self {
        // SAFETY: as the caller promises
        Self(unsafe { CStr::from_ptr(text.cast_mut_ptr()) })
    }

    /// The text; what is not UTF-8, as there can be in a SQL_ASCII database, is replaced.
    pub fn as_str(&self) -> Cow<'_, str> {
        // SAFETY: lives as long as the argument, which is as long as the call
        let text = unsafe { encoding::to_utf8(self.0.to_bytes()) };
        match str::from_utf8(text) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(encoding::lossy(text)),
        }
    }
}

sql_type!(Input<'_>, "cstring");

// SAFETY: reads the argument as the C string that it is
unsafe impl<'fcx> ArgAbi<'fcx> for Input<'fcx> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: as the caller promises
        Self(unsafe { CStr::from_ptr(datum::pointer(arg)) })
    }
}

/// What an output function returns, in ASCII.
pub struct Output(pg_sys::Datum);

impl Output {
    /// What is displayed, of at most the given number of bytes.
    pub fn of(value: impl Display, longest: usize) -> Self {
        let mut text = String::new();
        memory::or_raise(text.try_reserve_exact(longest + 1));
        // a String takes all that it is given
        let _ = write!(text, "{value}\0");
        let copy = datum::allocate_zeroed(text.len());
        // SAFETY: there is room for so many bytes
        unsafe {
            copy.cast::<u8>()
                .copy_from_nonoverlapping(text.as_ptr(), text.len())
        };
        Self(pg_sys::Datum::from(copy))
    }

    /// The C string.
    pub fn datum(self) -> pg_sys::Datum {
        self.0
    }
}

sql_type!(Output, "cstring");

// SAFETY: returns a C string
unsafe impl BoxRet for Output {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        // SAFETY: a datum of that type
        unsafe { fcinfo.return_raw_datum(self.0) }
    }
}

/// Bytes as a result.
pub struct Bytea(pg_sys::Datum);

impl Bytea {
    pub fn of(bytes: &[u8]) -> Self {
        let mut room = Room::new(bytes.len());
        room.bytes().copy_from_slice(bytes);
        Self(room.datum(bytes.len()))
    }
}

sql_type!(Bytea, "bytea");

// SAFETY: returns a bytea
unsafe impl BoxRet for Bytea {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        // SAFETY: a datum of that type
        unsafe { fcinfo.return_raw_datum(self.0) }
    }
}

/// A message from a client as a receiving function gets it.
pub struct Message<'a> {
    message: pg_sys::StringInfo,
    call: PhantomData<&'a [u8]>,
}

impl Message<'_> {
    /// All bytes that are left of it.
    pub fn rest(&mut self) -> &[u8] {
        // SAFETY: the message of this call, whose cursor is not beyond its length; what is left is
        // taken as PostgreSQL's pq_getmsgbytes() takes it
        unsafe {
            let message = &mut *self.message;
            let start = message.cursor;
            message.cursor = message.len;
            let length = usize::try_from(message.len - start).unwrap_or(0);
            std::slice::from_raw_parts(message.data.add(start as usize).cast(), length)
        }
    }
}

sql_type!(Message<'_>, "internal");

// SAFETY: reads the argument as the address of a StringInfoData, which receiving functions get
unsafe impl<'fcx> ArgAbi<'fcx> for Message<'fcx> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        Self {
            // SAFETY: as the caller promises
            message: unsafe { datum::pointer(arg) },
            call: PhantomData,
        }
    }
}

/// The bytes of a varlena, where it is, or a copy that is neither compressed nor elsewhere. Functions
/// of indexes and sorts are called without end in one memory context: the copy goes with this.
pub struct Stored<'a> {
    bytes: &'a [u8],
    copy: *mut pg_sys::varlena,
}

impl<'a> Stored<'a> {
    /// Those of an argument.
    ///
    /// # Safety
    /// The argument is a varlena.
    pub unsafe fn of(arg: Arg<'_, 'a>) -> Self {
        // SAFETY: as the caller promises
        unsafe {
            let value = datum::pointer::<pg_sys::varlena>(arg);
            let copy = if datum::is_plain(value) {
                std::ptr::null_mut()
            } else {
                pg_sys::pg_detoast_datum_packed(value)
            };
            let plain = if copy.is_null() { value } else { copy };
            Self {
                bytes: varlena::varlena_to_byte_slice(plain),
                copy,
            }
        }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes
    }
}

impl Drop for Stored<'_> {
    fn drop(&mut self) {
        if !self.copy.is_null() {
            // SAFETY: made for this, and nothing else knows it
            unsafe { pg_sys::pfree(self.copy.cast()) };
        }
    }
}

/// A varlena that is being made.
pub struct Room {
    varlena: *mut pg_sys::varlena,
    length: usize,
}

impl Room {
    /// Room for the given number of bytes.
    pub fn new(length: usize) -> Self {
        let varlena = datum::allocate_zeroed(pg_sys::VARHDRSZ + length).cast();
        Self { varlena, length }
    }

    /// The bytes.
    pub fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: there are as many behind the length, all of them written
        unsafe {
            let bytes = self.varlena.byte_add(pg_sys::VARHDRSZ).cast();
            std::slice::from_raw_parts_mut(bytes, self.length)
        }
    }

    /// The varlena of the first of the bytes.
    pub fn datum(self, length: usize) -> pg_sys::Datum {
        let size = pg_sys::VARHDRSZ + length.min(self.length);
        // SAFETY: there are at least as many bytes
        unsafe { varlena::set_varsize_4b(self.varlena, size as i32) };
        pg_sys::Datum::from(self.varlena)
    }
}

/// A type that is stored as bytes of one form only, which are checked when they come from outside.
pub trait ByBytes {
    /// As it is called in SQL.
    const NAME: &'static str;
    /// A value where it is stored.
    type Value<'a>;
    /// Why bytes are none.
    type Error: Into<Failure>;

    /// Bytes that were checked when they were stored.
    ///
    /// # Errors
    /// Those that it would not read.
    fn stored(bytes: &[u8]) -> Result<Self::Value<'_>, Self::Error>;

    /// Bytes from outside.
    ///
    /// # Errors
    /// All bytes but those that a value is stored as.
    fn check(bytes: &[u8]) -> Result<Self::Value<'_>, Self::Error>;
}

/// A value as argument.
pub struct Argument<'a, T> {
    stored: Stored<'a>,
    of: PhantomData<T>,
}

impl<T: ByBytes> Argument<'_, T> {
    pub fn value(&self) -> T::Value<'_> {
        T::stored(self.bytes()).or_raise()
    }

    /// What it is stored as.
    pub fn bytes(&self) -> &[u8] {
        self.stored.bytes()
    }
}

/// A value as result.
pub struct Made<T> {
    datum: pg_sys::Datum,
    of: PhantomData<T>,
}

impl<T: ByBytes> Made<T> {
    /// Makes one in room for the given number of bytes.
    pub fn within(
        bytes: usize,
        make: impl FnOnce(&mut [u8]) -> Result<usize, T::Error>,
    ) -> Result<Self, T::Error> {
        let mut room = Room::new(bytes);
        let length = make(room.bytes())?;
        Ok(Self {
            datum: room.datum(length),
            of: PhantomData,
        })
    }

    /// The one with these bytes, of which it is known that they are one.
    pub fn copy(bytes: &[u8]) -> Self {
        let mut room = Room::new(bytes.len());
        room.bytes().copy_from_slice(bytes);
        Self {
            datum: room.datum(bytes.len()),
            of: PhantomData,
        }
    }

    /// The datum.
    pub fn datum(self) -> pg_sys::Datum {
        self.datum
    }

    /// The one that bytes from outside are.
    pub fn check(bytes: &[u8]) -> Result<Self, T::Error> {
        T::check(bytes)?;
        Ok(Self::copy(bytes))
    }
}

sql_type!(Argument<'_, T>, T::NAME, of T: ByBytes);
sql_type!(Made<T>, T::NAME, of T: ByBytes);

// SAFETY: reads the argument as the varlena that such a type is
unsafe impl<'fcx, T> ArgAbi<'fcx> for Argument<'fcx, T> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        Self {
            // SAFETY: as the caller promises
            stored: unsafe { Stored::of(arg) },
            of: PhantomData,
        }
    }
}

// SAFETY: returns a varlena of the type
unsafe impl<T> BoxRet for Made<T> {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        // SAFETY: a datum of that type
        unsafe { fcinfo.return_raw_datum(self.datum) }
    }
}
