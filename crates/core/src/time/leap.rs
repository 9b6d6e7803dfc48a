//! Leap seconds: when clocks that are right may differ by a second.

use chrono::{DateTime, Datelike};

/// How far from a leap second a clock may still, or already, count it, in nanoseconds.
const NEAR: u128 = 2_000_000_000;
const SECOND: i64 = 1_000_000_000;
/// In seconds.
const DAY: i64 = 86_400;

/// Whether an announced leap second may be about to come, or have just gone, by the wall clock in
/// nanoseconds since 1970. They come at the end of the last day of a month, by UTC.
///
/// ```
/// use snowflake_core::Timestamp;
/// use snowflake_core::time::is_near_leap;
///
/// let at = |text| Timestamp::parse(text).map(|instant| is_near_leap(instant.micros() * 1_000));
/// assert_eq!(at("2016-12-31T23:59:59Z"), Some(true));
/// assert_eq!(at("2016-12-30T23:59:59Z"), Some(false));
/// ```
pub fn is_near_leap(wall: i64) -> bool {
    let midnight = (wall.div_euclid(SECOND) + DAY / 2).div_euclid(DAY) * DAY;
    let away = i128::from(wall) - i128::from(midnight) * i128::from(SECOND);
    let is_first_of_month = |day: DateTime<_>| day.day() == 1;
    away.unsigned_abs() <= NEAR
        && DateTime::from_timestamp(midnight, 0).is_some_and(is_first_of_month)
}
