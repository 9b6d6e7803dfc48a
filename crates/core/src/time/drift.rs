//! How fast a crystal runs, by measurements of true time.

use super::saturated::saturated;

/// Fewer points say nothing: what each is wrong by would be taken for drift.
const FEWEST: usize = 8;

/// What a crystal runs fast by, in nanoseconds a second (10⁻⁹); below zero if it runs slow. `None`
/// if there are fewer than 8 points, or all are of one moment. Saturates.
///
/// Each point is the time by the crystal, and by how much true time was ahead of it, both in
/// nanoseconds. The estimator of Theil and Sen, the median of the slopes of all pairs: up to 29 % of
/// the points can be anything without moving it further than the others are apart.
///
/// ```
/// use snowflake_core::time::drift;
///
/// // 20 µs lost in each second, and one measurement that is off by a second
/// let mut points: Vec<(i64, i64)> = (0..10).map(|n| (n * 1_000_000_000, n * 20_000)).collect();
/// points[4].1 += 1_000_000_000;
/// assert_eq!(drift(&points), Some(-20_000));
/// assert_eq!(drift(&points[..7]), None);
/// ```
pub fn drift(points: &[(i64, i64)]) -> Option<i64> {
    if points.len() < FEWEST {
        return None;
    }
    let mut slopes = Vec::with_capacity(points.len() * (points.len() - 1) / 2);
    for (index, later) in points.iter().enumerate() {
        for earlier in points.iter().take(index) {
            let passed = i128::from(later.0) - i128::from(earlier.0);
            let gained = i128::from(later.1) - i128::from(earlier.1);
            if let Some(slope) = (gained * 1_000_000_000).checked_div(passed) {
                slopes.push(saturated(slope));
            }
        }
    }
    if slopes.is_empty() {
        return None;
    }
    let is_even = slopes.len().is_multiple_of(2);
    let middle = slopes.len() / 2;
    let (below, upper, _) = slopes.select_nth_unstable(middle);
    let lower = below.iter().max().filter(|_| is_even).unwrap_or(upper);
    Some(lower.midpoint(*upper).saturating_neg())
}
