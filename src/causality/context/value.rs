//! A context as argument and as result.

use snowflake_core::causality::{Context, Error};

use crate::postgres::base_type::{self, ByBytes};

/// The type.
pub struct Type;

impl ByBytes for Type {
    const NAME: &'static str = "crdt_context";
    type Value<'a> = Context<'a>;
    type Error = Error;

    fn stored(bytes: &[u8]) -> Result<Context<'_>, Error> {
        Context::stored(bytes)
    }

    fn check(bytes: &[u8]) -> Result<Context<'_>, Error> {
        Context::check(bytes)
    }
}

/// One as argument.
pub type Argument<'a> = base_type::Argument<'a, Type>;

/// One as result.
pub type Made = base_type::Made<Type>;
