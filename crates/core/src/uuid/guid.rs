//! The byte order of a Microsoft GUID: the first three fields little-endian, the rest as they are.

use uuid::Uuid;

use super::bytes::bytes_of_uuid;
use super::error::Error;

/// The UUID in mixed-endian bytes.
pub fn to_guid_bytes(uuid: Uuid) -> [u8; 16] {
    uuid.to_bytes_le()
}

/// The UUID of mixed-endian bytes.
///
/// # Errors
/// Other than 16 bytes.
pub fn from_guid_bytes(bytes: &[u8]) -> Result<Uuid, Error> {
    Ok(Uuid::from_bytes_le(bytes_of_uuid(bytes)?))
}
