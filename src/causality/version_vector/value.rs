//! A version vector as argument and as result.

use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::pg_sys;
use snowflake_core::causality::{self, Error, VersionVector};

use crate::postgres::base_type::{Room, Stored};
use crate::postgres::datum::sql_type;
use crate::postgres::error::OrRaise;

/// One as argument.
pub struct Argument<'a>(Stored<'a>);

impl Argument<'_> {
    pub fn vector(&self) -> VersionVector<'_> {
        VersionVector::stored(self.0.bytes()).or_raise()
    }

    /// What it is stored as.
    pub fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }
}

sql_type!(Argument<'_>, "version_vector");

// SAFETY: reads the argument as the varlena that a version vector is
unsafe impl<'fcx> ArgAbi<'fcx> for Argument<'fcx> {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: as the caller promises
        Self(unsafe { Stored::of(arg) })
    }
}

/// One as result.
pub struct Made(pg_sys::Datum);

impl Made {
    /// Makes one in room for the given number of entries, as far as there can be so many.
    pub fn of_entries(
        entries: usize,
        make: impl FnOnce(&mut [u8]) -> Result<usize, Error>,
    ) -> Result<Self, Error> {
        Self::within(causality::room(entries), make)
    }

    /// Makes one in room for the given number of bytes.
    pub fn within(
        bytes: usize,
        make: impl FnOnce(&mut [u8]) -> Result<usize, Error>,
    ) -> Result<Self, Error> {
        let mut room = Room::new(bytes);
        let length = make(room.bytes())?;
        Ok(Self(room.datum(length)))
    }

    /// The one that bytes from outside are.
    pub fn check(bytes: &[u8]) -> Result<Self, Error> {
        VersionVector::check(bytes)?;
        Self::within(bytes.len(), |room| {
            room.copy_from_slice(bytes);
            Ok(bytes.len())
        })
    }
}

sql_type!(Made, "version_vector");

// SAFETY: returns a version vector
unsafe impl BoxRet for Made {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        // SAFETY: a datum of that type
        unsafe { fcinfo.return_raw_datum(self.0) }
    }
}
