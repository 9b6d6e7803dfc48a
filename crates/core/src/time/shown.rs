//! Times as they are shown, in microseconds.

use super::saturated::saturated;
use super::select::Span;

/// An offset and how far it may be wrong.
///
/// ```
/// use snowflake_core::time::Shown;
///
/// let shown = Shown::new(1_499, 10_000);
/// assert_eq!((shown.offset, shown.distance), (1, 11));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The nearest microsecond.
    pub offset: i64,
    /// So that the offset as it is shown is wrong by no more than this.
    pub distance: i64,
}

impl Shown {
    /// Of nanoseconds.
    pub fn new(offset: i64, distance: i64) -> Self {
        let offset = i128::from(offset);
        let shown = (offset + 500).div_euclid(1_000);
        let rounded = (shown * 1_000 - offset).abs();
        let distance = i128::from(distance) + rounded;
        Self {
            offset: saturated(shown),
            distance: saturated((distance + 999).div_euclid(1_000)),
        }
    }
}

impl Span {
    /// Nanoseconds as microseconds, with nothing of the span outside.
    ///
    /// ```
    /// use snowflake_core::time::Span;
    ///
    /// let span = Span { low: -1_000_001, high: 1_000_001 };
    /// assert_eq!(span.to_micros(), Span { low: -1_001, high: 1_001 });
    /// ```
    pub fn to_micros(self) -> Self {
        let up = self.high.div_euclid(1_000) + i64::from(self.high.rem_euclid(1_000) > 0);
        Self {
            low: self.low.div_euclid(1_000),
            high: up,
        }
    }
}
