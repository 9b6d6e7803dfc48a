//! A version vector as argument and as result.

use snowflake_core::causality::{self, Error, VersionVector};

use crate::postgres::base_type::{self, ByBytes};

/// The type.
pub struct Type;

impl ByBytes for Type {
    const NAME: &'static str = "version_vector";
    type Value<'a> = VersionVector<'a>;
    type Error = Error;

    fn stored(bytes: &[u8]) -> Result<VersionVector<'_>, Error> {
        VersionVector::stored(bytes)
    }

    fn check(bytes: &[u8]) -> Result<VersionVector<'_>, Error> {
        VersionVector::check(bytes)
    }
}

/// One as argument.
pub type Argument<'a> = base_type::Argument<'a, Type>;

/// One as result.
pub type Made = base_type::Made<Type>;

/// Makes one in room for the given number of entries, as far as there can be so many.
pub fn of_entries(
    entries: usize,
    make: impl FnOnce(&mut [u8]) -> Result<usize, Error>,
) -> Result<Made, Error> {
    Made::within(causality::room(entries), make)
}
