//! Durations in messages.

/// A duration for people, to the microsecond: `-0.250000 s`.
pub fn exact_seconds(nanos: i64) -> String {
    let micros = nanos.unsigned_abs() / 1_000;
    let sign = if nanos < 0 { "-" } else { "" };
    format!("{sign}{}.{:06} s", micros / 1_000_000, micros % 1_000_000)
}
