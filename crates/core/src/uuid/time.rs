//! UUIDs that hold a time. Their ticks go through the same shared words as Snowflake IDs.

use uuid::{Builder, Uuid};

use super::Error;
use crate::Timestamp;

/// Microseconds from 1582-10-15, where the Gregorian calendar and version 1 begin, to 1970.
const GREGORIAN_EPOCH: i64 = 12_219_292_800_000_000;
/// The last millisecond that version 7 holds.
const LAST_MILLISECOND: i64 = (1 << 48) - 1;

/// A node ID: 6 bytes.
pub type Node = [u8; 6];

/// A way to count time, in which a shared word is kept.
pub trait Ticks {
    /// The last tick.
    const LAST: u64;
    /// The tick that a time lies in, given as seconds and nanoseconds since 1970.
    fn tick(seconds: i64, nanoseconds: i64) -> u64;
    /// The time of a tick, cut to what SQL shows.
    fn instant(tick: u64) -> Timestamp;
    /// The tick that an instant lies in.
    fn at(instant: Timestamp) -> u64 {
        let micros = instant.micros();
        Self::tick(
            micros.div_euclid(1_000_000),
            micros.rem_euclid(1_000_000) * 1_000,
        )
    }
}

/// Ticks of version 1 and 6: 100 ns since 1582-10-15, 60 bits.
#[derive(Clone, Copy, Debug)]
pub struct Gregorian;

impl Ticks for Gregorian {
    const LAST: u64 = (1 << 60) - 1;

    #[inline(always)]
    fn tick(seconds: i64, nanoseconds: i64) -> u64 {
        let since = seconds.saturating_add(GREGORIAN_EPOCH / 1_000_000);
        since
            .saturating_mul(10_000_000)
            .saturating_add(nanoseconds / 100)
            .clamp(0, Self::LAST as i64) as u64
    }

    fn instant(tick: u64) -> Timestamp {
        Timestamp::from_micros((tick / 10) as i64 - GREGORIAN_EPOCH)
    }
}

/// Ticks of version 7: milliseconds since 1970, and 12 bits of fraction: about 244 ns.
#[derive(Clone, Copy, Debug)]
pub struct UnixFraction;

/// Bits of the fraction of [`UnixFraction`].
const FRACTION_BITS: u32 = 12;

impl Ticks for UnixFraction {
    const LAST: u64 = (1 << 60) - 1;

    #[inline(always)]
    fn tick(seconds: i64, nanoseconds: i64) -> u64 {
        let millis = seconds
            .saturating_mul(1_000)
            .saturating_add(nanoseconds / 1_000_000);
        // RFC 9562, section 6.2, method 3
        let fraction = ((nanoseconds % 1_000_000) << FRACTION_BITS) / 1_000_000;
        match millis {
            ..0 => 0,
            0..=LAST_MILLISECOND => ((millis << FRACTION_BITS) + fraction) as u64,
            _ => Self::LAST,
        }
    }

    fn instant(tick: u64) -> Timestamp {
        Timestamp::from_millis((tick >> FRACTION_BITS) as i64)
    }
}

/// Version 1, of a tick of [`Gregorian`].
pub fn v1(tick: u64, clock_sequence: u16, node: &Node) -> Uuid {
    Builder::from_gregorian_timestamp(tick, clock_sequence, node).into_uuid()
}

/// Version 6, of a tick of [`Gregorian`]: version 1 with the fields in order.
pub fn v6(tick: u64, clock_sequence: u16, node: &Node) -> Uuid {
    Builder::from_sorted_gregorian_timestamp(tick, clock_sequence, node).into_uuid()
}

/// Version 7, of a tick of [`UnixFraction`] and 62 random bits, the lower ones of `random`.
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
    let micros = check(timestamp)?;
    Ok(v7(UnixFraction::at(Timestamp::from_micros(micros)), random))
}

/// The first UUID of version 7 of the millisecond that a time lies in: not after any that was made
/// at that time or later.
///
/// # Errors
/// As [`v7_at`].
pub fn v7_min(timestamp: Timestamp) -> Result<Uuid, Error> {
    let millis = check(timestamp)? / 1_000;
    Ok(v7((millis as u64) << FRACTION_BITS, 0))
}

/// The last UUID of version 7 of the millisecond that a time lies in.
///
/// # Errors
/// As [`v7_at`].
pub fn v7_max(timestamp: Timestamp) -> Result<Uuid, Error> {
    let millis = check(timestamp)? / 1_000;
    let tick = (millis as u64) << FRACTION_BITS | ((1 << FRACTION_BITS) - 1);
    Ok(v7(tick, u64::MAX))
}

/// The microseconds of a time that version 7 holds.
fn check(timestamp: Timestamp) -> Result<i64, Error> {
    let micros = timestamp.micros();
    if micros < 0 || micros / 1_000 > LAST_MILLISECOND {
        return Err(Error::TimestampOutOfRange { timestamp });
    }
    Ok(micros)
}
