//! UUIDs from 16 bytes.

use uuid::{Builder, Uuid};

use super::error::Error;

/// UUID of 16 random bytes, with version and variant set: version 4.
pub fn v4(random: [u8; 16]) -> Uuid {
    Builder::from_random_bytes(random).into_uuid()
}

/// UUID of 16 bytes of the caller's making, with version and variant set: version 8.
pub fn v8(bytes: [u8; 16]) -> Uuid {
    Builder::from_custom_bytes(bytes).into_uuid()
}

/// The bytes as an array.
///
/// # Errors
/// Another number of bytes.
pub fn bytes_of_uuid(bytes: &[u8]) -> Result<[u8; 16], Error> {
    bytes.try_into().map_err(|_| Error::Length {
        length: bytes.len(),
    })
}
