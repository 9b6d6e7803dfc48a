//! Random bits: ChaCha with 12 rounds, as rand's standard generator has it, one per backend.
//!
//! It is seeded from the kernel at its first use in a process, so never in the postmaster, and
//! again after every 64 kB, so that a state that leaks says little of what came before and after.
//! A process that finds the generator of its parent seeds its own.

use std::cell::RefCell;

use chacha20::ChaCha12Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use pgrx::prelude::*;

use crate::postgres::error::{Failure, OrRaise};

/// Bytes after which the generator is seeded again.
const RESEED: u32 = 64 * 1_024;

struct Generator {
    stream: ChaCha12Rng,
    /// Bytes until it is seeded again.
    left: u32,
    /// The process that seeded it.
    process: i32,
}

thread_local! {
    static GENERATOR: RefCell<Option<Generator>> = const { RefCell::new(None) };
}

/// Calls with a generator that has at least the given number of bytes left.
#[inline]
fn with<T>(bytes: u32, take: impl FnOnce(&mut ChaCha12Rng) -> T) -> T {
    GENERATOR.with_borrow_mut(|generator| {
        // SAFETY: a variable of this process
        let process = unsafe { pg_sys::MyProcPid };
        match generator {
            Some(present) if present.left >= bytes && present.process == process => {
                present.left -= bytes;
                take(&mut present.stream)
            }
            _ => take(&mut generator.insert(seeded(process)).stream),
        }
    })
}

/// The same where the generator need not be seeded first, which can fail; `None` otherwise.
#[inline]
fn try_with<T>(bytes: u32, take: impl FnOnce(&mut ChaCha12Rng) -> T) -> Option<T> {
    let with = |generator: &RefCell<Option<Generator>>| {
        let mut generator = generator.try_borrow_mut().ok()?;
        // SAFETY: a variable of this process
        let process = unsafe { pg_sys::MyProcPid };
        let present = generator.as_mut()?;
        if present.left < bytes || present.process != process {
            return None;
        }
        present.left -= bytes;
        Some(take(&mut present.stream))
    };
    GENERATOR.try_with(with).ok()?
}

#[cold]
fn seeded(process: i32) -> Generator {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(failure).or_raise();
    Generator {
        stream: ChaCha12Rng::from_seed(seed),
        left: RESEED,
        process,
    }
}

/// The kernel gave no random bytes.
pub fn failure(error: getrandom::Error) -> Failure {
    Failure::new(
        PgSqlErrorCode::ERRCODE_SYSTEM_ERROR,
        format!("could not get random bytes: {error}"),
    )
}

/// 128 random bits.
#[inline]
pub fn bytes() -> [u8; 16] {
    with(16, sixteen)
}

#[inline]
fn sixteen(stream: &mut ChaCha12Rng) -> [u8; 16] {
    let mut bytes = [0; 16];
    stream.fill_bytes(&mut bytes);
    bytes
}

/// 128 random bits, where none of what can fail has to be done first.
#[inline]
pub fn try_bytes() -> Option<[u8; 16]> {
    try_with(16, sixteen)
}

/// 64 random bits.
#[inline]
pub fn bits() -> u64 {
    with(8, Rng::next_u64)
}

/// 64 random bits, where none of what can fail has to be done first.
#[inline]
pub fn try_bits() -> Option<u64> {
    try_with(8, Rng::next_u64)
}

/// A random number below a power of two. Out of line, to keep thread-local storage off the fast
/// path of those who seldom need it.
#[inline(never)]
pub fn below(power_of_two: u64) -> u64 {
    bits() & (power_of_two - 1)
}
