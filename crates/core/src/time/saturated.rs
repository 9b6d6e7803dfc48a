//! Sums of times, which stay within the range of times.

/// The nearest value in range.
pub(super) fn saturated(value: i128) -> i64 {
    let bounded = value.clamp(i64::MIN.into(), i64::MAX.into());
    // within the range by now
    i64::try_from(bounded).unwrap_or(0)
}
