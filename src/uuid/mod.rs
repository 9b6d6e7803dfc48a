//! UUIDs and snowflake128.

pub mod functions;
pub mod identity;
pub mod snowflake128;
pub mod ticker;
