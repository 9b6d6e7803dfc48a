//! The byte order of a Microsoft GUID: the first three fields little-endian, the rest as they are.

use uuid::Uuid;

use super::Error;

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

/// 16 bytes.
///
/// # Errors
/// Another number of bytes.
pub fn bytes_of_uuid(bytes: &[u8]) -> Result<[u8; 16], Error> {
    bytes.try_into().map_err(|_| Error::Length {
        length: bytes.len(),
    })
}
