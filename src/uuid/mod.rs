//! UUIDs and snowflake128.

pub mod functions;
pub mod snowflake128;
pub mod ticker;
