//! Instants, in the resolution that PostgreSQL has.

use std::fmt;

/// An instant: microseconds since 1970-01-01 00:00 UTC, leap seconds not counted.
///
/// The two ends of the range stand for PostgreSQL's `-infinity` and `infinity`.
///
/// ```
/// use snowflake_core::Timestamp;
///
/// let instant = Timestamp::from_millis(1_577_836_800_250);
/// assert_eq!(instant.to_string(), "2020-01-01T00:00:00.250Z");
/// assert_eq!(Timestamp::parse("2020-01-01T01:00:00.25+01:00"), Some(instant));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Before every instant.
    pub const NEGATIVE_INFINITY: Self = Self(i64::MIN);
    /// After every instant.
    pub const INFINITY: Self = Self(i64::MAX);

    /// An instant from microseconds since 1970.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// An instant from milliseconds since 1970; saturates at the infinities.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// Microseconds since 1970.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whether this is an instant and not one of the infinities.
    pub const fn is_finite(self) -> bool {
        self.0 != i64::MIN && self.0 != i64::MAX
    }

    /// Reads RFC 3339 text such as `2020-01-01T00:00:00Z`; `None` if it is not that.
    pub fn parse(text: &str) -> Option<Self> {
        let instant = chrono::DateTime::parse_from_rfc3339(text).ok()?;
        Some(Self(instant.timestamp_micros()))
    }
}

/// RFC 3339 in UTC, as many digits of the second as the instant has.
impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NEGATIVE_INFINITY => formatter.write_str("-infinity"),
            Self::INFINITY => formatter.write_str("infinity"),
            Self(micros) => match chrono::DateTime::from_timestamp_micros(micros) {
                Some(instant) => {
                    let text = instant.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
                    // years of five digits come with a sign
                    formatter.write_str(text.trim_start_matches('+'))
                }
                // chrono ends there, PostgreSQL's timestamps in 294276
                None if micros > 0 => formatter.write_str("after the year 262142"),
                None => formatter.write_str("before the year -262143"),
            },
        }
    }
}

/// One reading of both clocks, in microseconds.
///
/// The wall clock was read between the two readings of the monotonic clock, so that a process
/// that lost the processor in between does not see a step that never was.
#[derive(Clone, Copy, Debug)]
pub struct ClockSample {
    /// The wall clock.
    pub wall: Timestamp,
    /// The monotonic clock before the wall clock was read.
    pub monotonic_before: i64,
    /// The monotonic clock after the wall clock was read.
    pub monotonic_after: i64,
}

/// A length of time for people, from microseconds that are not negative: `3600.000 s`.
pub fn seconds(micros: i64) -> String {
    format!("{}.{:03} s", micros / 1_000_000, micros % 1_000_000 / 1_000)
}

/// A difference of time for people, from nanoseconds: `+0.250000 s`.
pub fn signed_seconds(nanos: i64) -> String {
    let sign = if nanos < 0 { '-' } else { '+' };
    let micros = nanos.unsigned_abs() / 1_000;
    format!("{sign}{}.{:06} s", micros / 1_000_000, micros % 1_000_000)
}
