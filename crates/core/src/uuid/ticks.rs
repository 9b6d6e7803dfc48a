//! Ways to count the time of a UUID. Ticks go through the same shared words as Snowflake IDs.

use crate::timestamp::Timestamp;

/// Microseconds from 1582-10-15, where the Gregorian calendar and version 1 begin, to 1970.
const GREGORIAN_EPOCH: i64 = 12_219_292_800_000_000;
/// The last millisecond since 1970 that 48 bits hold.
pub(super) const LAST_MILLISECOND: i64 = (1 << 48) - 1;

/// A way to count time, in which a shared word is kept.
pub trait Ticks {
    /// The last tick.
    const LAST: u64;
    /// The tick that a time lies in, given as seconds since 1970 and nanoseconds of the second, 0
    /// to 999 999 999. Times before the first tick give 0, those after the last one give
    /// [`Ticks::LAST`].
    fn tick(seconds: i64, nanoseconds: i64) -> u64;
    /// The time of a tick, cut to microseconds, or to the unit of the ticks if that is longer.
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
pub(super) const FRACTION_BITS: u32 = 12;

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
