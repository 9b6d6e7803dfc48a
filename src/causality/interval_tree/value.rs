//! A stamp and a version as argument and as result.

use std::fmt::Display;
use std::marker::PhantomData;
use std::str::FromStr;

use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::pg_sys;
use snowflake_core::causality::interval_tree::{Encoded, Error, Stamp, Version};

use crate::postgres::base_type::{Room, Stored};
use crate::postgres::datum::sql_type;
use crate::postgres::error::OrRaise;

/// What both types have in common.
pub trait Value: Encoded + Display + FromStr<Err = Error> {}

impl Value for Stamp {}
impl Value for Version {}

/// One as argument.
pub struct Argument<'a, T>(Stored<'a>, PhantomData<T>);

/// A stamp as argument.
pub type StampArgument<'a> = Argument<'a, Stamp>;
/// A version as argument.
pub type VersionArgument<'a> = Argument<'a, Version>;

impl<T: Value> Argument<'_, T> {
    pub fn value(&self) -> T {
        T::stored(self.bytes()).or_raise()
    }

    /// What it is stored as.
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }
}

sql_type!(Argument<'_, Stamp>, "itc_stamp");
sql_type!(Argument<'_, Version>, "itc_version");

// SAFETY: reads the argument as the varlena that both types are
unsafe impl<'fcx, T> ArgAbi<'fcx> for Argument<'fcx, T> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: as the caller promises
        Self(unsafe { Stored::of(arg) }, PhantomData)
    }
}

/// One as result.
pub struct Made<T>(pg_sys::Datum, PhantomData<T>);

/// A stamp as result.
pub type MadeStamp = Made<Stamp>;
/// A version as result.
pub type MadeVersion = Made<Version>;

impl<T: Value> Made<T> {
    pub fn of(value: &T) -> Result<Self, Error> {
        Ok(Self::copy(&value.encode()?))
    }

    /// The one that bytes from outside are.
    pub fn check(bytes: &[u8]) -> Result<Self, Error> {
        T::check(bytes)?;
        Ok(Self::copy(bytes))
    }

    fn copy(bytes: &[u8]) -> Self {
        let mut room = Room::new(bytes.len());
        room.bytes().copy_from_slice(bytes);
        Self(room.datum(bytes.len()), PhantomData)
    }

    /// The datum.
    pub fn datum(self) -> pg_sys::Datum {
        self.0
    }
}

sql_type!(Made<Stamp>, "itc_stamp");
sql_type!(Made<Version>, "itc_version");

// SAFETY: returns a value of the type
unsafe impl<T> BoxRet for Made<T> {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        // SAFETY: a datum of that type
        unsafe { fcinfo.return_raw_datum(self.0) }
    }
}
