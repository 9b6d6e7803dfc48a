//! snowflake128: a Snowflake ID with room, as a UUID of version 8.
//!
//! From the most significant bit: 48 bits of milliseconds since 1970; 4 of version (8); the upper
//! 12 of the worker ID; 2 of variant; the lower 8 of the worker ID; 14 of sequence; 40 random.

use uuid::Uuid;

use super::error::Error;
use super::ticks::{LAST_MILLISECOND, Ticks};
use crate::timestamp::Timestamp;

/// Bits of the sequence.
const SEQUENCE_BITS: u32 = 14;

/// Ticks of snowflake128: milliseconds since 1970, and 14 bits of sequence.
#[derive(Clone, Copy, Debug)]
pub struct UnixSequence;

impl Ticks for UnixSequence {
    const LAST: u64 = (1 << 62) - 1;

    #[inline(always)]
    fn tick(seconds: i64, nanoseconds: i64) -> u64 {
        let millis = seconds
            .saturating_mul(1_000)
            .saturating_add(nanoseconds / 1_000_000)
            .clamp(0, LAST_MILLISECOND);
        (millis as u64) << SEQUENCE_BITS
    }

    fn instant(tick: u64) -> Timestamp {
        Timestamp::from_millis((tick >> SEQUENCE_BITS) as i64)
    }
}

/// The UUID of a tick of [`UnixSequence`], a worker ID of 20 bits and 40 random bits, the lower
/// ones of `random`.
///
/// ```
/// use snowflake_core::Timestamp;
/// use snowflake_core::uuid::{Decoded128, Ticks, UnixSequence, snowflake128};
///
/// let instant = Timestamp::from_millis(1_735_689_600_000);
/// let uuid = snowflake128(UnixSequence::at(instant) + 3, 5, 0);
/// let decoded = Decoded128::of(uuid)?;
/// assert_eq!(decoded.timestamp, instant);
/// assert_eq!((decoded.worker_id, decoded.sequence), (5, 3));
/// # Ok::<(), snowflake_core::uuid::Error>(())
/// ```
#[inline]
pub const fn snowflake128(tick: u64, worker: u32, random: u64) -> Uuid {
    const VERSION: u64 = 8 << 12;
    const VARIANT: u64 = 1 << 63;
    const RANDOM: u64 = (1 << 40) - 1;
    let (millis, sequence) = (tick >> SEQUENCE_BITS, tick & 0x3fff);
    let worker = worker as u64;
    Uuid::from_u64_pair(
        millis << 16 | VERSION | worker >> 8 & 0xfff,
        VARIANT | (worker & 0xff) << 54 | sequence << 40 | random & RANDOM,
    )
}

/// The fields of a snowflake128.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded128 {
    /// To the millisecond.
    pub timestamp: Timestamp,
    /// 20 bits.
    pub worker_id: u32,
    /// 14 bits.
    pub sequence: u16,
}

impl Decoded128 {
    /// Takes a UUID of [`snowflake128`] apart. That it is one cannot be told from other UUIDs of
    /// version 8.
    ///
    /// # Errors
    /// Another version or variant.
    pub fn of(uuid: Uuid) -> Result<Self, Error> {
        let (high, low) = uuid.as_u64_pair();
        if high >> 12 & 0xf != 8 || low >> 62 != 2 {
            return Err(Error::NotSnowflake128 {
                uuid: uuid.to_string(),
            });
        }
        Ok(Self {
            timestamp: Timestamp::from_millis((high >> 16) as i64),
            worker_id: ((high & 0xfff) << 8 | low >> 54 & 0xff) as u32,
            sequence: (low >> 40 & 0x3fff) as u16,
        })
    }
}
