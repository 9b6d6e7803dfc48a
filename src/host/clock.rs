//! The clocks of this machine, read through libc, whose call needs no system call.

use snowflake_core::time::Moment;
use snowflake_core::{ClockSample, Timestamp};

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

/// Saturates.
pub const fn nanos((seconds, nanoseconds): (i64, i64)) -> i64 {
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(nanoseconds)
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

/// The monotonic clock as the kernel last noted it, at the same time as the wall clock, in
/// microseconds: never ahead of [`monotonic`].
#[inline(always)]
pub fn coarse_monotonic() -> i64 {
    micros(read(libc::CLOCK_MONOTONIC_COARSE))
}

/// The monotonic clock, in microseconds.
#[inline(always)]
pub fn monotonic() -> i64 {
    micros(read(libc::CLOCK_MONOTONIC))
}

/// The wall clock, in nanoseconds since 1970.
pub fn wall_nanos() -> i64 {
    nanos(wall_parts())
}

/// The wall clock in nanoseconds since 1970, from the kernel itself: what stands in for libc, as a
/// library that fakes the clock does, does not stand in for this. For comparing with the kernel's
/// own timestamps.
pub fn wall_of_kernel() -> i64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a valid timespec; with it and a clock that always exists the call
    // cannot fail.
    unsafe { libc::syscall(libc::SYS_clock_gettime, libc::CLOCK_REALTIME, &raw mut time) };
    nanos((time.tv_sec, time.tv_nsec))
}

/// Nanoseconds that have passed, by a clock that nobody sets or slews and that goes on while the
/// machine sleeps. chrony slews CLOCK_MONOTONIC by up to 8 %.
pub fn elapsed() -> i64 {
    elapsed_beside(|| ()).0
}

/// Nanoseconds for which the machine has slept since it was started.
pub fn asleep() -> i64 {
    let awake = nanos(read(libc::CLOCK_MONOTONIC));
    nanos(read(libc::CLOCK_BOOTTIME)).saturating_sub(awake)
}

/// The wall clock beside the elapsed time.
pub fn moment() -> Moment {
    let (elapsed, wall) = elapsed_beside(wall_nanos);
    Moment { wall, elapsed }
}

/// A sample of the clocks, and the same reading of the wall clock beside the elapsed time.
pub fn sample_and_moment() -> (ClockSample, Moment) {
    let (elapsed, sample) = elapsed_beside(sample);
    let wall = sample.wall.micros().saturating_mul(1_000);
    (sample, Moment { wall, elapsed })
}

/// The elapsed time and something else, read as close to each other as a few attempts bring them: a
/// process that is held up in between must not take that for a step of a clock.
fn elapsed_beside<T>(read_other: impl Fn() -> T) -> (i64, T) {
    /// Nanoseconds within which the readings count as simultaneous.
    const CLOSE: i64 = 20_000;
    let attempt = || {
        let before = nanos(read(libc::CLOCK_MONOTONIC));
        let boot = nanos(read(libc::CLOCK_BOOTTIME));
        let raw = nanos(read(libc::CLOCK_MONOTONIC_RAW));
        let other = read_other();
        let width = nanos(read(libc::CLOCK_MONOTONIC)).saturating_sub(before);
        let elapsed = raw.saturating_add(boot.saturating_sub(before));
        (width, elapsed, other)
    };
    let mut best = attempt();
    for _ in 0..3 {
        if best.0 <= CLOSE {
            break;
        }
        let next = attempt();
        if next.0 < best.0 {
            best = next;
        }
    }
    (best.1, best.2)
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
