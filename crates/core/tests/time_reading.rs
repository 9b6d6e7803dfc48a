//! How long a reading of the clock stands by a counter, against the clock itself.

#![allow(clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;
use snowflake_core::Timestamp;
use snowflake_core::snowflake::Layout;
use snowflake_core::time::{CounterRate, Reading};

/// Nanoseconds that a rate is measured over.
const SPAN: i64 = 1_000_000_000;

/// Ticks of a counter within so many nanoseconds; `speed` is its ticks in a microsecond.
fn ticks(nanos: i64, speed: u64) -> u64 {
    (nanos as u128 * u128::from(speed) / 1_000) as u64
}

#[test]
fn a_reading_stands_for_seven_eighths_of_the_rest_of_a_unit() {
    let rate = CounterRate::between(ticks(SPAN, 3_000), SPAN).unwrap();
    // of 401 microseconds, the first of which may be nearly over
    let reading = Reading::new(77, 401, 1_000, rate);
    assert!(reading.is_some());
    let lasts = ticks(400_000, 3_000) * 7 / 8;
    assert_eq!(reading.tick(1_000), Some(77));
    assert_eq!(reading.tick(1_000 + lasts - 2), Some(77));
    assert_eq!(reading.tick(1_000 + lasts), None);
    assert_eq!(reading.tick(999), None, "a counter that went back");
}

#[test]
fn a_reading_stands_for_a_millisecond_at_the_most() {
    let rate = CounterRate::between(ticks(SPAN, 1_000), SPAN).unwrap();
    let reading = Reading::new(1, 1_000_000, 0, rate);
    assert_eq!(reading.tick(874_000), Some(1));
    assert_eq!(reading.tick(875_000), None);
}

#[test]
fn a_reading_at_the_end_of_a_unit_stands_for_nothing() {
    let rate = CounterRate::between(ticks(SPAN, 3_000), SPAN).unwrap();
    assert!(!Reading::new(1, 1, 0, rate).is_some());
    assert_eq!(Reading::new(1, 1, 0, rate).tick(0), None);
    assert!(!Reading::NONE.is_some());
    assert_eq!(Reading::NONE.tick(0), None);
}

#[test]
fn a_rate_needs_time_and_a_counter_that_is_one() {
    assert_eq!(CounterRate::between(30_000_000, 9_999_999), None);
    assert!(CounterRate::between(30_000_000, 10_000_000).is_some());
    assert_eq!(CounterRate::between(0, SPAN), None);
    assert_eq!(CounterRate::between(17 * SPAN as u64, SPAN), None);
    assert_eq!(CounterRate::between(SPAN as u64 / 17, SPAN), None);
    assert_eq!(CounterRate::between(1, -SPAN), None);
    assert_eq!(
        CounterRate::between(u64::MAX, i64::MAX),
        CounterRate::between(2 << 60, 1 << 60)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// The clock is slewed by up to a tenth, and the counter was measured for at least as long as a
    /// server runs before it makes an ID; readings are held up at any place.
    #[test]
    fn a_reading_never_outlasts_its_unit(
        at in 0..3_600_000_000_000i64,
        later in prop_oneof![0..2_000_000i64, 0..20_000i64, 0..20_000_000_000i64],
        held_up in prop_oneof![Just(0i64), 0..3_000_000i64],
        speed in 100..10_000u64,
        slew in -100..=100i64,
        counter in any::<u64>(),
        layout in prop_oneof![Just("twitter"), Just("sonyflake"), Just("ts=31,worker=10,seq=22,unit=1s,epoch=2020-01-01T00:00:00Z")],
    ) {
        let layout = match layout {
            "twitter" => Layout::twitter(),
            other => Layout::parse(other, Timestamp::from_millis(1_735_689_600_000)).unwrap(),
        };
        let shape = layout.shape();
        let begin = Timestamp::from_millis(1_800_000_000_000).micros();
        // true nanoseconds from `begin` on to what the clock shows
        let wall = |nanos: i64| {
            let slewed = at + (nanos - at) * (1_000 + slew) / 1_000;
            Timestamp::from_micros(begin + slewed.div_euclid(1_000))
        };
        let count = |nanos: i64| counter.wrapping_add(ticks(nanos - at, speed));

        let rate = CounterRate::between(ticks(SPAN, speed), SPAN).unwrap();
        let (first, rest) = shape.first_tick_and_rest(wall(at + held_up)).unwrap();
        prop_assert_eq!(Some(first), shape.first_tick_within(wall(at + held_up)));
        prop_assert!(rest > 0 && rest <= shape.unit() as u64);
        let reading = Reading::new(first, rest, count(at), rate);
        let moment = at + held_up + later;
        if let Some(stands) = reading.tick(count(moment)) {
            prop_assert_eq!(Some(stands), shape.first_tick_within(wall(moment)));
        }
    }
}
