//! What a registry in PostgreSQL stores of a nonce: enough to recognise it, not enough to present it.
//! Whoever dumps the database reads it.

use snowflake_core::uuid::{self, Uuid, Variant};

/// The proof of a nonce: its UUID of version 5.
pub fn of(nonce: Uuid) -> u128 {
    uuid::v5(Uuid::nil(), nonce.as_bytes()).as_u128()
}

/// The proof that is stored. Version 0.2.0 stored nonces as they were; a dump of it may still bring
/// some. Of those one in 64 looks like a proof: its holder is then taken for another.
pub fn stored(value: Uuid) -> u128 {
    if value.get_version_num() == 5 && uuid::decode(value).variant == Variant::Rfc9562 {
        value.as_u128()
    } else {
        of(value)
    }
}
