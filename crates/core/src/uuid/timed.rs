//! UUIDs that hold a time: versions 1, 6 and 7.

use uuid::{Builder, Uuid};

use super::error::Error;
use super::ticks::{FRACTION_BITS, LAST_MILLISECOND, Ticks, UnixFraction};
use crate::timestamp::Timestamp;

/// A node ID: 6 bytes.
pub type Node = [u8; 6];

/// Version 1, of a tick of [`Gregorian`](super::Gregorian) and a clock sequence of 14 bits.
pub fn v1(tick: u64, clock_sequence: u16, node: &Node) -> Uuid {
    Builder::from_gregorian_timestamp(tick, clock_sequence, node).into_uuid()
}

/// Version 6, of a tick of [`Gregorian`](super::Gregorian): version 1 with the fields in order.
pub fn v6(tick: u64, clock_sequence: u16, node: &Node) -> Uuid {
    Builder::from_sorted_gregorian_timestamp(tick, clock_sequence, node).into_uuid()
}

/// Version 7, of a tick of [`UnixFraction`] and 62 random bits, the upper ones of `random`.
///
/// ```
/// use snowflake_core::Timestamp;
/// use snowflake_core::uuid::{Ticks, UnixFraction, v7};
///
/// let instant = Timestamp::from_millis(1_735_689_600_000);
/// let uuid = v7(UnixFraction::at(instant), 0);
/// assert_eq!(uuid.to_string(), "01941f29-7c00-7000-8000-000000000000");
/// ```
#[inline]
pub const fn v7(tick: u64, random: u64) -> Uuid {
    const VERSION: u64 = 7 << 12;
    const VARIANT: u64 = 1 << 63;
    let high = tick >> 12 << 16 | VERSION | tick & 0xfff;
    Uuid::from_u64_pair(high, VARIANT | random >> 2)
}

/// Version 7 of a given time, for back-fills.
///
/// # Errors
/// Infinity, and times before 1970 or after the last millisecond.
pub fn v7_at(timestamp: Timestamp, random: u64) -> Result<Uuid, Error> {
    let micros = micros(timestamp)?;
    Ok(v7(UnixFraction::at(Timestamp::from_micros(micros)), random))
}

/// The first UUID of version 7 of the millisecond that a time lies in: not after any that was made
/// at that time or later.
///
/// # Errors
/// As [`v7_at`].
pub fn v7_min(timestamp: Timestamp) -> Result<Uuid, Error> {
    let millis = micros(timestamp)? / 1_000;
    Ok(v7((millis as u64) << FRACTION_BITS, 0))
}

/// The last UUID of version 7 of the millisecond that a time lies in.
///
/// # Errors
/// As [`v7_at`].
pub fn v7_max(timestamp: Timestamp) -> Result<Uuid, Error> {
    let millis = micros(timestamp)? / 1_000;
    let tick = (millis as u64) << FRACTION_BITS | ((1 << FRACTION_BITS) - 1);
    Ok(v7(tick, u64::MAX))
}

/// The microseconds since 1970 of a time that version 7 holds.
fn micros(timestamp: Timestamp) -> Result<i64, Error> {
    let micros = timestamp.micros();
    if micros < 0 || micros / 1_000 > LAST_MILLISECOND {
        return Err(Error::TimestampOutOfRange { timestamp });
    }
    Ok(micros)
}
