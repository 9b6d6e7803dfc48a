//! UUIDs as RFC 9562 has them.

mod decode;
mod error;
mod guid;
mod name;
mod snowflake128;
mod time;

pub use decode::{Decoded, Variant, decode};
pub use error::Error;
pub use guid::{bytes_of_uuid, from_guid_bytes, to_guid_bytes};
pub use name::{v3, v5};
pub use snowflake128::{Decoded128, UnixSequence, snowflake128};
pub use time::{Gregorian, Node, Ticks, UnixFraction, v1, v6, v7, v7_at, v7_max, v7_min};

pub use uuid::{Bytes, Uuid};

/// UUID of 16 bytes of the caller's making, with version and variant set: version 8.
pub fn v8(bytes: [u8; 16]) -> Uuid {
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// UUID of 16 random bytes, with version and variant set: version 4.
pub fn v4(random: [u8; 16]) -> Uuid {
    uuid::Builder::from_random_bytes(random).into_uuid()
}
