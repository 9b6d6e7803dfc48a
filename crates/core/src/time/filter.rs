//! The clock filter, RFC 5905, section 10: of the latest samples of a server the one with the least
//! delay is the one that waited least in queues, and so the most exact.

use super::answer::Measurement;
use super::shown::Shown;

/// Samples that are kept.
const KEPT: usize = 8;
/// What a crystal may be off, doubled: nanoseconds a sample gets worse by in so many of its age.
const PER_AGE: i64 = 5_000;

/// The latest samples of a server.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    samples: [Option<(Measurement, i64)>; KEPT],
    /// Where the next one goes.
    next: usize,
}

/// What the samples say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// The sample of the least delay.
    pub measurement: Measurement,
    /// What the offsets of the others differ from its: the root of the mean square.
    pub jitter: i64,
    /// The distance of the sample, grown by its age and the jitter.
    pub distance: i64,
}

impl Estimate {
    /// What true time is ahead, and how far that may be wrong, in microseconds.
    pub fn shown(&self) -> Shown {
        Shown::new(self.measurement.offset, self.distance)
    }
}

impl Filter {
    /// Adds a sample of a time, in the place of the oldest. Times are of a clock that nobody sets,
    /// in nanoseconds.
    pub fn push(&mut self, measurement: Measurement, at: i64) {
        if let Some(place) = self.samples.get_mut(self.next) {
            *place = Some((measurement, at));
        }
        self.next = (self.next + 1) % KEPT;
    }

    /// What the samples say at a time; `None` if there are none.
    pub fn estimate(&self, now: i64) -> Option<Estimate> {
        let samples = || self.samples.iter().flatten();
        let (best, at) = samples().min_by_key(|(sample, at)| {
            // of those that waited as long, the latest
            (sample.delay, std::cmp::Reverse(*at))
        })?;
        let squares: u128 = samples()
            .map(|(sample, _)| u128::from(sample.offset.abs_diff(best.offset)).pow(2))
            .fold(0, u128::saturating_add);
        let others = samples().count().saturating_sub(1).max(1);
        let jitter = (squares / others as u128).isqrt();
        let jitter = i64::try_from(jitter).unwrap_or(i64::MAX);
        let age = now.saturating_sub(*at).max(0);
        Some(Estimate {
            measurement: *best,
            jitter,
            distance: best
                .distance
                .saturating_add(age / PER_AGE)
                .saturating_add(jitter),
        })
    }
}
