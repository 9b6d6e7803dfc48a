//! The clocks, and PostgreSQL's form of time.
//!
//! The clocks are read through libc, whose call needs no system call.

use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys;
use snowflake_core::{ClockSample, Timestamp};

/// Microseconds from 1970, where Unix time begins, to 2000, where PostgreSQL's does.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

/// Seconds and nanoseconds of a clock.
#[inline(always)]
fn read(clock: libc::clockid_t) -> (i64, i64) {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a valid timespec; with it and a clock that always exists the call
    // cannot fail.
    unsafe { libc::clock_gettime(clock, &mut time) };
    (time.tv_sec, time.tv_nsec)
}

#[inline(always)]
const fn micros((seconds, nanoseconds): (i64, i64)) -> i64 {
    // nanoseconds of a second fit into 32 bits, in which division is cheaper
    seconds * 1_000_000 + (nanoseconds as u32 / 1_000) as i64
}

/// The wall clock, as seconds and nanoseconds since 1970.
#[inline(always)]
pub fn wall_parts() -> (i64, i64) {
    read(libc::CLOCK_REALTIME)
}

/// The wall clock.
#[inline(always)]
pub fn wall() -> Timestamp {
    Timestamp::from_micros(micros(wall_parts()))
}

/// How far [`coarse`] is behind [`wall`] at the most, in microseconds: two ticks of the slowest
/// kernel, 100 a second.
pub const COARSE_ERROR: i64 = 20_000;

/// The wall clock as the kernel last noted it: never ahead of [`wall`], and several times cheaper.
#[inline(always)]
pub fn coarse() -> Timestamp {
    Timestamp::from_micros(micros(read(libc::CLOCK_REALTIME_COARSE)))
}

/// The monotonic clock, in microseconds.
pub fn monotonic() -> i64 {
    micros(read(libc::CLOCK_MONOTONIC))
}

/// Both clocks, read as close to each other as a few attempts bring them.
pub fn sample() -> ClockSample {
    /// Microseconds within which the readings count as simultaneous.
    const CLOSE: i64 = 20;
    let mut best: Option<ClockSample> = None;
    let width = |sample: &ClockSample| sample.monotonic_after - sample.monotonic_before;
    for _ in 0..4 {
        let monotonic_before = monotonic();
        let wall = wall();
        let sample = ClockSample {
            wall,
            monotonic_before,
            monotonic_after: monotonic(),
        };
        if width(&sample) <= CLOSE {
            return sample;
        }
        if best.is_none_or(|best| width(&sample) < width(&best)) {
            best = Some(sample);
        }
    }
    best.unwrap_or(ClockSample {
        wall: wall(),
        monotonic_before: monotonic(),
        monotonic_after: monotonic(),
    })
}

/// A PostgreSQL timestamp as an instant. Times past the year 294246, which core does not hold,
/// become its last finite one: no layout reaches that far.
pub fn from_postgres(timestamp: TimestampWithTimeZone) -> Timestamp {
    match pg_sys::TimestampTz::from(timestamp) {
        i64::MIN => Timestamp::NEGATIVE_INFINITY,
        i64::MAX => Timestamp::INFINITY,
        micros => Timestamp::from_micros(micros.saturating_add(POSTGRES_EPOCH).min(i64::MAX - 1)),
    }
}

/// An instant as a PostgreSQL timestamp, as its raw value.
pub fn to_postgres_micros(timestamp: Timestamp) -> pg_sys::TimestampTz {
    match timestamp {
        Timestamp::NEGATIVE_INFINITY => i64::MIN,
        Timestamp::INFINITY => i64::MAX,
        finite => finite.micros().saturating_sub(POSTGRES_EPOCH),
    }
}

/// An instant as a PostgreSQL timestamp.
pub fn to_postgres(timestamp: Timestamp) -> TimestampWithTimeZone {
    // the conversion refuses only what lies outside PostgreSQL's range, which saturation above
    // keeps an instant of a layout away from
    TimestampWithTimeZone::try_from(to_postgres_micros(timestamp))
        .unwrap_or_else(|_| TimestampWithTimeZone::positive_infinity())
}
