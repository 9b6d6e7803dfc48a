//! True time, vouched for without the wall clock.
//!
//! A measurement says what the wall clock is off. Kept as that, it would be worth nothing after the
//! next step of the clock. So it is kept as *true time = elapsed + origin ± error*, where elapsed is a
//! clock that nobody sets or slews; then the wall clock can be judged at any later moment, and a step
//! shows at once. The crystal behind the elapsed time drifts, so the error grows with age.

use super::saturated::saturated;
use super::select::Span;

/// A crystal is off by 100 ppm at the most; doubled. Nanoseconds of age that add one of error.
const PER_AGE: i64 = 5_000;

/// What one measurement says of true time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// True time when the elapsed time was 0.
    origin: i64,
    /// How far that may be wrong.
    error: i64,
    /// The elapsed time of the measurement.
    at: i64,
}

impl Anchor {
    /// From what true time was ahead of the wall clock, and both clocks at that moment; `None` if
    /// the span has no values, or figures do not fit.
    pub fn new(ahead: Span, wall: i64, elapsed: i64) -> Option<Self> {
        let [low, high] = [ahead.low, ahead.high].map(|ahead| i128::from(ahead) + i128::from(wall));
        if low > high {
            return None;
        }
        // the middle, and half the width rounded up
        let origin = (low + high).div_euclid(2) - i128::from(elapsed);
        let error = (high - low + 1).div_euclid(2);
        Some(Self {
            origin: origin.try_into().ok()?,
            error: error.try_into().ok()?,
            at: elapsed,
        })
    }

    /// The elapsed time of the measurement.
    pub fn at(&self) -> i64 {
        self.at
    }

    /// How far what it says may be wrong by now; saturates.
    pub fn error(&self, elapsed: i64) -> i64 {
        let age = elapsed.saturating_sub(self.at).max(0);
        // rounded up
        self.error.saturating_add(age / PER_AGE + 1)
    }

    /// What true time is ahead of the wall clock: below zero if the clock is ahead. Saturates.
    ///
    /// ```
    /// use snowflake_core::time::{Anchor, Span};
    ///
    /// const SECOND: i64 = 1_000_000_000;
    /// // the clock was right within 1 ms when it read 1000 s; since then somebody has set it
    /// let anchor = Anchor::new(Span::around(0, 1_000_000), 1_000 * SECOND, 0);
    /// let ahead = anchor.map(|anchor| anchor.ahead(4_610 * SECOND, 10 * SECOND));
    /// assert_eq!(ahead, Some(Span::around(-3_600 * SECOND, 1_000_000 + 2_000_001)));
    /// ```
    pub fn ahead(&self, wall: i64, elapsed: i64) -> Span {
        let middle = i128::from(self.origin) + i128::from(elapsed) - i128::from(wall);
        let error = i128::from(self.error(elapsed));
        Span {
            low: saturated(middle - error),
            high: saturated(middle + error),
        }
    }
}
