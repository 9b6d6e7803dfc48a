//! What one server has said, over many polls.
//!
//! As with an anchor, a sample says what true time is by a clock that nobody sets or slews, so that
//! a step of the wall clock spoils none. Of the latest polls the sample counts that is the most exact
//! by now: RFC 5905's filter takes the one of the least delay, however old, which suits a clock that
//! is steered meanwhile; here age is what makes a sample worse.

use super::answer::Measurement;
use super::drift::drift;
use super::filter::Estimate;
use super::moment::Moment;
use super::ring::Ring;
use super::saturated::saturated;
use super::select::Span;

/// What a crystal may be off, doubled: nanoseconds a sample gets worse by in so many of its age.
const PER_AGE: i64 = 5_000;
/// No distance counts as less: clocks are read only so exactly, and honest servers that are close
/// by would contradict each other.
const LEAST_DISTANCE: i64 = 1_000_000;

/// What one exchange with a server said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// When the request was sent.
    pub at: Moment,
    /// What came of it.
    pub measurement: Measurement,
}

impl Sample {
    /// True time when the elapsed time was 0, in nanoseconds since 1970; saturates.
    fn origin(&self) -> i64 {
        let origin = i128::from(self.at.wall) + i128::from(self.measurement.offset)
            - i128::from(self.at.elapsed);
        saturated(origin)
    }

    /// What true time is ahead of the wall clock at a moment; saturates.
    fn offset(&self, now: Moment) -> i64 {
        let offset = i128::from(self.origin()) + i128::from(now.elapsed) - i128::from(now.wall);
        saturated(offset)
    }

    /// How far that may be wrong.
    fn distance(&self, now: Moment) -> i64 {
        let age = now.elapsed.saturating_sub(self.at.elapsed).max(0);
        let distance = self.measurement.distance.max(LEAST_DISTANCE);
        distance.saturating_add(age / PER_AGE)
    }

    fn span(&self, now: Moment) -> Span {
        Span::around(self.offset(now), self.distance(now))
    }
}

/// The samples of a server.
#[derive(Clone, Copy, Debug, Default)]
pub struct Samples {
    /// To look back at.
    ring: Ring<Sample>,
    /// How many of the latest ones agree with each other.
    together: u8,
    /// The latest eight polls, the lowest bit the latest: whether each was answered with the time.
    reach: u8,
    /// What the crystal of this machine runs fast by, by those that agree.
    drift: Option<i64>,
}

impl Samples {
    /// Adds the sample of a poll. One that contradicts those before makes them void: the server's
    /// clock was set, or this machine stood still without any of its clocks noticing.
    pub fn push(&mut self, sample: Sample) {
        self.poll();
        let before = self.best(sample.at).map(|best| best.span(sample.at));
        if before.is_some_and(|before| !before.meets(sample.span(sample.at))) {
            self.together = 0;
        }
        self.ring.push(sample);
        // the ring has fewer
        self.together = self.together.saturating_add(1);
        self.reach |= 1;
        let points: Vec<_> = self
            .latest()
            .take(self.together.into())
            .map(|sample| (sample.at.elapsed, sample.origin()))
            .collect();
        self.drift = drift(&points);
    }

    /// A poll came to nothing.
    pub fn miss(&mut self) {
        self.poll();
    }

    /// None of what was said counts any more.
    pub fn withdraw(&mut self) {
        self.reach = 0;
    }

    fn poll(&mut self) {
        self.reach <<= 1;
    }

    /// The latest eight polls, the lowest bit the latest: whether each was answered with the time.
    pub fn reach(&self) -> u8 {
        self.reach
    }

    /// What the crystal of this machine runs fast by, in 10⁻⁹, if enough is known.
    pub fn drift(&self) -> Option<i64> {
        self.drift
    }

    /// The samples that are kept, the latest first.
    pub fn latest(&self) -> impl Iterator<Item = &Sample> {
        self.ring.latest()
    }

    /// When the latest one was taken, by the elapsed time.
    pub fn taken(&self) -> Option<i64> {
        self.latest().next().map(|sample| sample.at.elapsed)
    }

    /// Those of the latest eight polls, as far as they agree.
    fn counting(&self) -> impl Iterator<Item = &Sample> {
        let answered = self.reach.count_ones() as usize;
        self.latest().take(answered.min(self.together.into()))
    }

    fn best(&self, now: Moment) -> Option<&Sample> {
        // of those that are as exact, the latest
        self.counting().min_by_key(|sample| sample.distance(now))
    }

    /// What the samples of the latest eight polls say by now of the wall clock; `None` if there are
    /// none.
    pub fn estimate(&self, now: Moment) -> Option<Estimate> {
        let best = self.best(now)?;
        let (mut squares, mut others) = (0_u128, 0_u128);
        for sample in self.counting().filter(|sample| *sample != best) {
            let by = self.away(sample, best);
            squares = squares.saturating_add(u128::from(by.unsigned_abs()).pow(2));
            others += 1;
        }
        let jitter = squares.checked_div(others).unwrap_or(0).isqrt();
        let jitter = i64::try_from(jitter).unwrap_or(i64::MAX);
        Some(Estimate {
            measurement: Measurement {
                offset: best.offset(now),
                ..best.measurement
            },
            jitter,
            distance: best.distance(now).saturating_add(jitter),
        })
    }

    /// What a sample differs from another one, but for the drift of the crystal between them.
    fn away(&self, sample: &Sample, best: &Sample) -> i64 {
        let passed = i128::from(sample.at.elapsed) - i128::from(best.at.elapsed);
        let drifted = -i128::from(self.drift.unwrap_or(0)) * passed / 1_000_000_000;
        saturated(i128::from(sample.origin()) - i128::from(best.origin()) - drifted)
    }

    /// What they say true time is ahead of the wall clock; `None` if nothing.
    pub fn span(&self, now: Moment) -> Option<Span> {
        self.estimate(now)
            .map(|known| Span::around(known.measurement.offset, known.distance))
    }
}
