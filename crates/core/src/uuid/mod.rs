//! UUIDs as RFC 9562 has them, and snowflake128, a Snowflake ID of that form.

mod bytes;
mod decode;
mod error;
mod guid;
mod name;
mod snowflake128;
mod ticks;
mod timed;

pub use bytes::{bytes_of_uuid, v4, v8};
pub use decode::{Decoded, Variant, decode};
pub use error::Error;
pub use guid::{from_guid_bytes, to_guid_bytes};
pub use name::{v3, v5};
pub use snowflake128::{Decoded128, UnixSequence, snowflake128};
pub use ticks::{Gregorian, Ticks, UnixFraction};
pub use timed::{Node, v1, v6, v7, v7_at, v7_max, v7_min};

pub use uuid::{Bytes, Uuid};
