//! Hashes of bytes, for types of which equal values have equal bytes.

use std::ffi::c_int;

unsafe extern "C-unwind" {
    /// PostgreSQL's own.
    fn hash_bytes(bytes: *const u8, length: c_int) -> u32;
    fn hash_bytes_extended(bytes: *const u8, length: c_int, seed: u64) -> u64;
}

/// For hashes.
pub fn of(bytes: &[u8]) -> i32 {
    // SAFETY: reads the given number of bytes, and raises no error
    unsafe { hash_bytes(bytes.as_ptr(), bytes.len() as c_int) as i32 }
}

/// The same with a seed, for partitions by hash.
pub fn extended(bytes: &[u8], seed: i64) -> i64 {
    // SAFETY: reads the given number of bytes, and raises no error
    unsafe { hash_bytes_extended(bytes.as_ptr(), bytes.len() as c_int, seed as u64) as i64 }
}
