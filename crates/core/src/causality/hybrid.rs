//! Hybrid times: what a clock says, and a counter that goes on where the clock does not.
//!
//! The algorithm is that of Kulkarni, Demirbas, Madappa, Avva and Leone, "Logical Physical Clocks"
//! (2014), with time and counter packed into one number: where the counter is full it carries into
//! the time. The next time of a server is `max(last + 1, now)`, which is what
//! [`Slot::claim`](crate::words::Slot::claim) does, and with a message `max(last + 1, message + 1,
//! now)`.

use std::fmt;

use chrono::DateTime;

use super::error::HybridError;
use crate::excerpt::excerpt;
use crate::timestamp::Timestamp;

/// Bits of the counter.
pub const COUNTER_BITS: u32 = 10;
/// The largest counter.
pub const LARGEST_COUNTER: i32 = (1 << COUNTER_BITS) - 1;
/// Bits of the time where it is not negative.
pub const TIME_BITS: u32 = 63 - COUNTER_BITS;
/// Microseconds from 1970, where Unix time begins, to 2000, where hybrid times and PostgreSQL's do.
pub const EPOCH: i64 = 946_684_800_000_000;

/// A hybrid time: microseconds since 2000 in the upper 54 bits, negative before, and a counter in
/// the lower 10.
///
/// ```
/// use snowflake_core::Timestamp;
/// use snowflake_core::causality::HybridTime;
///
/// let time: HybridTime = "2026-11-24 16:05:34.123456+00/17".parse()?;
/// assert_eq!(time.counter(), 17);
/// assert_eq!(time.timestamp(), Timestamp::parse("2026-11-24T16:05:34.123456Z").unwrap());
/// assert!(time > HybridTime::at(time.timestamp())?);
/// # Ok::<(), snowflake_core::causality::HybridError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HybridTime(i64);

impl HybridTime {
    /// The earliest.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest.
    pub const MAX: Self = Self(i64::MAX);

    /// The one with these bits: there is one for any.
    pub const fn from_bits(bits: i64) -> Self {
        Self(bits)
    }

    /// Time and counter in one number, which orders as the times do.
    pub const fn bits(self) -> i64 {
        self.0
    }

    /// The first one at an instant: its counter is 0.
    ///
    /// # Errors
    /// An instant outside the range, or none.
    pub fn at(instant: Timestamp) -> Result<Self, HybridError> {
        let micros = instant.micros().saturating_sub(EPOCH);
        let bits = micros.saturating_mul(1 << COUNTER_BITS);
        if bits >> COUNTER_BITS != micros || !instant.is_finite() {
            let range = [Self::MIN.timestamp(), Self::MAX.timestamp()];
            return Err(HybridError::Time { instant, range });
        }
        Ok(Self(bits))
    }

    /// What the clock said.
    pub const fn timestamp(self) -> Timestamp {
        Timestamp::from_micros((self.0 >> COUNTER_BITS) + EPOCH)
    }

    /// The counter.
    pub const fn counter(self) -> i32 {
        (self.0 & LARGEST_COUNTER as i64) as i32
    }

    /// What a word that all backends share has of it; 0 before 2000.
    #[inline(always)]
    pub const fn tick(self) -> u64 {
        if self.0 < 0 { 0 } else { self.0 as u64 }
    }

    /// The one that a tick of the word is, up to the last one.
    #[inline(always)]
    pub const fn of_tick(tick: u64) -> Self {
        Self(tick as i64)
    }

    /// The first tick that is due by a clock at the tick `now` after this time was received.
    #[inline(always)]
    pub const fn due(self, now: u64) -> u64 {
        let next = self.tick() + 1;
        if next > now { next } else { now }
    }

    /// That there is none after the last one.
    pub fn exhausted() -> HybridError {
        HybridError::Exhausted {
            last: Self::MAX.to_string(),
        }
    }

    /// Refuses one that is further ahead of the clock than a right clock can be, in microseconds.
    ///
    /// # Errors
    /// Such a time.
    pub fn check_offset(self, wall: Timestamp, most: i64) -> Result<(), HybridError> {
        let ahead = self.timestamp().micros().saturating_sub(wall.micros());
        if ahead > most {
            return Err(HybridError::Ahead {
                time: self.to_string(),
                ahead,
                most,
                wall,
            });
        }
        Ok(())
    }
}

/// `2026-11-24 16:05:34.123456+00/17`: always in UTC, with the counter behind.
impl fmt::Display for HybridTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // no year is out of chrono's range
        let time = DateTime::from_timestamp_micros(self.timestamp().micros()).unwrap_or_default();
        let time = time.format("%Y-%m-%d %H:%M:%S%.6f");
        write!(formatter, "{time}+00/{}", self.counter())
    }
}

/// Reads what is written, also without a fraction or without a counter, and with the T and the Z
/// of RFC 3339.
impl std::str::FromStr for HybridTime {
    type Err = HybridError;

    fn from_str(text: &str) -> Result<Self, HybridError> {
        let refused = || HybridError::Text {
            text: excerpt(text).into_owned(),
        };
        let trimmed = text.trim_ascii();
        let (time, counter) = match trimmed.split_once('/') {
            Some((time, counter)) => (time, read_counter(counter).ok_or_else(refused)?),
            None => (trimmed, 0),
        };
        let instant = read_utc(time).ok_or_else(refused)?;
        if counter > LARGEST_COUNTER {
            return Err(HybridError::Counter {
                counter,
                largest: LARGEST_COUNTER,
            });
        }
        Ok(Self(Self::at(instant)?.0 | i64::from(counter)))
    }
}

fn read_counter(text: &str) -> Option<i32> {
    let digits =
        !text.is_empty() && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// An instant in UTC, of which nothing would be rounded away.
fn read_utc(text: &str) -> Option<Timestamp> {
    const SHORTEST: usize = "2000-01-01 00:00:00".len();
    const LONGEST: usize = "2000-01-01 00:00:00.000000".len();
    let time = text
        .strip_suffix("+00")
        .or_else(|| text.strip_suffix('Z'))?;
    if !(SHORTEST..=LONGEST).contains(&time.len()) {
        return None;
    }
    Timestamp::parse(&format!("{time}Z"))
}
