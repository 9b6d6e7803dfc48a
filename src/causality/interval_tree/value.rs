//! A stamp and a version as argument and as result.

use std::fmt::Display;
use std::str::FromStr;

use snowflake_core::causality::interval_tree::{Encoded, Error, Stamp, Version};

use crate::postgres::base_type::{self, Argument, ByBytes};

/// What both types have in common.
pub trait Value:
    Encoded + Display + FromStr<Err = Error> + for<'a> ByBytes<Value<'a> = Self, Error = Error>
{
}

impl Value for Stamp {}
impl Value for Version {}

impl ByBytes for Stamp {
    const NAME: &'static str = <Self as Encoded>::NAME;
    type Value<'a> = Self;
    type Error = Error;

    fn stored(bytes: &[u8]) -> Result<Self, Error> {
        Encoded::stored(bytes)
    }

    fn check(bytes: &[u8]) -> Result<Self, Error> {
        Encoded::check(bytes)
    }
}

impl ByBytes for Version {
    const NAME: &'static str = <Self as Encoded>::NAME;
    type Value<'a> = Self;
    type Error = Error;

    fn stored(bytes: &[u8]) -> Result<Self, Error> {
        Encoded::stored(bytes)
    }

    fn check(bytes: &[u8]) -> Result<Self, Error> {
        Encoded::check(bytes)
    }
}

/// A stamp as argument.
pub type StampArgument<'a> = Argument<'a, Stamp>;
/// A version as argument.
pub type VersionArgument<'a> = Argument<'a, Version>;

/// A value as result.
pub type Made<T> = base_type::Made<T>;
/// A stamp as result.
pub type MadeStamp = Made<Stamp>;
/// A version as result.
pub type MadeVersion = Made<Version>;

impl<T: Value> Made<T> {
    pub fn of(value: &T) -> Result<Self, Error> {
        Ok(Self::copy(&value.encode()?))
    }
}
