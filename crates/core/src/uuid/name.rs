//! UUIDs from a name in a namespace: the same name gives the same UUID everywhere.

use uuid::{Builder, Uuid};

/// Version 3: MD5.
pub fn v3(namespace: Uuid, name: &[u8]) -> Uuid {
    Uuid::new_v3(&namespace, name)
}

/// Version 5: the first 16 bytes of the SHA-1 of namespace and name.
///
/// ```
/// use snowflake_core::uuid::{Uuid, v5};
///
/// let uuid = v5(Uuid::NAMESPACE_DNS, b"www.example.com");
/// assert_eq!(uuid.to_string(), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
/// ```
pub fn v5(namespace: Uuid, name: &[u8]) -> Uuid {
    let mut hash = sha1_smol::Sha1::new();
    hash.update(namespace.as_bytes());
    hash.update(name);
    let digest = hash.digest().bytes();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Builder::from_sha1_bytes(bytes).into_uuid()
}
