//! What the samples of a server say over many polls, and how the crystal drifts by them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use proptest::prelude::*;
use snowflake_core::time::{Measurement, Moment, Sample, Samples, Standing, State, drift};

const MICROSECOND: i64 = 1_000;
const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1_000_000_000;
const TRUTH: i64 = 1_700_000_000 * SECOND;

/// A sample of true time, by a wall clock that is ahead of the elapsed time by as much as it is set.
fn sample(elapsed: i64, set: i64, truth: i64, error: i64, distance: i64) -> Sample {
    let wall = TRUTH + elapsed + set;
    Sample {
        at: Moment { wall, elapsed },
        measurement: Measurement {
            offset: truth + error - wall,
            delay: 2 * distance,
            dispersion: 0,
            distance,
        },
    }
}

/// Both clocks, the wall clock set to as much ahead.
fn moment(elapsed: i64, set: i64) -> Moment {
    Moment {
        wall: TRUTH + elapsed + set,
        elapsed,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// However the crystal drifts and the wall clock is set, and whichever polls fail.
    #[test]
    fn the_truth_is_in_the_span(
        polls in prop::collection::vec(
            (SECOND..1_000 * SECOND, -7_200 * SECOND..7_200 * SECOND, 0..300 * MILLISECOND, -100..=100_i64, any::<bool>()),
            1..80,
        ),
        ppm in -100..=100_i64,
    ) {
        let mut samples = Samples::default();
        let (mut elapsed, mut truth) = (0, TRUTH);
        for (passed, set, distance, part, is_answered) in polls {
            // by the crystal, and in truth
            elapsed += passed;
            truth += passed - passed / 1_000_000 * ppm;
            if is_answered {
                samples.push(sample(elapsed, set, truth, distance / 100 * part, distance));
            } else {
                samples.miss();
            }
            let now = moment(elapsed, -set);
            if let Some(span) = samples.span(now) {
                let ahead = truth - now.wall;
                prop_assert!(span.low <= ahead && ahead <= span.high, "{ahead} is not in {span:?}");
            }
        }
    }

    /// By the definition, in floating point.
    #[test]
    fn drift_is_the_median_of_all_slopes(
        points in prop::collection::vec((0..100_000 * SECOND, -SECOND..SECOND), 0..64),
    ) {
        let mut slopes = Vec::new();
        for (index, later) in points.iter().enumerate() {
            for earlier in &points[..index] {
                if later.0 != earlier.0 {
                    slopes.push((later.1 - earlier.1) as f64 / (later.0 - earlier.0) as f64 * 1e9);
                }
            }
        }
        slopes.sort_by(f64::total_cmp);
        match drift(&points) {
            None => prop_assert!(points.len() < 8 || slopes.is_empty()),
            Some(found) => {
                let (low, high) = (slopes[(slopes.len() - 1) / 2], slopes[slopes.len() / 2]);
                let median = -(low + high) / 2.0;
                prop_assert!((found as f64 - median).abs() <= 2.0 + median.abs() * 1e-9, "{found} is not {median}");
            }
        }
    }

    /// As long as most pairs are of good points, the result is what these say.
    #[test]
    fn outliers_do_not_move_it(
        ppb in -500_000..500_000_i64,
        outliers in prop::collection::btree_map(0..64_usize, any::<i64>(), 0..=18),
    ) {
        let mut points: Vec<(i64, i64)> = (0..64).map(|n| (n * 64 * SECOND, -n * 64 * ppb)).collect();
        for (index, value) in outliers {
            points[index].1 = value;
        }
        prop_assert_eq!(drift(&points), Some(ppb));
    }

    #[test]
    fn nothing_overflows(
        values in prop::collection::vec((any::<i64>(), any::<i64>(), any::<i64>(), any::<i64>(), any::<i64>()), 0..70),
        wall: i64,
        elapsed: i64,
    ) {
        let mut samples = Samples::default();
        for (wall, elapsed, offset, delay, distance) in &values {
            samples.push(Sample {
                at: Moment { wall: *wall, elapsed: *elapsed },
                measurement: Measurement { offset: *offset, delay: *delay, dispersion: 0, distance: *distance },
            });
            samples.estimate(Moment { wall: *elapsed, elapsed: *wall });
        }
        samples.span(Moment { wall, elapsed });
        let points: Vec<_> = values.iter().map(|value| (value.0, value.1)).collect();
        drift(&points);
    }
}

#[test]
fn the_most_exact_by_now_counts() {
    let mut samples = Samples::default();
    assert_eq!(samples.estimate(moment(0, 0)), None);
    samples.push(sample(0, 0, TRUTH, 3 * MILLISECOND, 5 * MILLISECOND));
    samples.push(sample(
        SECOND,
        0,
        TRUTH + SECOND,
        9 * MILLISECOND,
        20 * MILLISECOND,
    ));
    // of the first one, a second old
    let known = samples.estimate(moment(SECOND, 0)).unwrap();
    assert_eq!(known.measurement.offset, 3 * MILLISECOND);
    assert_eq!(known.jitter, 6 * MILLISECOND);
    assert_eq!(known.distance, 11 * MILLISECOND + 200 * MICROSECOND);
    // 200 ppm make the first one worse than one that is measured now
    let later = 100 * SECOND;
    samples.push(sample(
        later,
        0,
        TRUTH + later,
        -MILLISECOND,
        20 * MILLISECOND,
    ));
    let known = samples.estimate(moment(later, 0)).unwrap();
    assert_eq!(known.measurement.offset, -MILLISECOND);
    // the wall clock was set meanwhile
    let known = samples.estimate(moment(later, -3_600 * SECOND)).unwrap();
    assert_eq!(known.measurement.offset, 3_600 * SECOND - MILLISECOND);
    // no distance is below 1 ms
    samples.push(sample(later, 0, TRUTH + later, 0, 10));
    assert!(samples.estimate(moment(later, 0)).unwrap().distance >= MILLISECOND);
}

#[test]
fn who_is_not_reached_eight_times_says_nothing() {
    let mut samples = Samples::default();
    samples.push(sample(0, 0, TRUTH, 0, MILLISECOND));
    for n in 1..8 {
        samples.miss();
        assert_eq!(samples.reach(), 1 << n);
        assert!(samples.span(moment(SECOND, 0)).is_some());
    }
    samples.miss();
    assert_eq!(
        (samples.reach(), samples.span(moment(SECOND, 0))),
        (0, None)
    );
    // to look back at
    assert_eq!(samples.latest().count(), 1);
    samples.push(sample(2 * SECOND, 0, TRUTH + 2 * SECOND, 0, MILLISECOND));
    assert_eq!(samples.reach(), 1);
    assert_eq!(samples.latest().count(), 2);
    samples.withdraw();
    assert_eq!(samples.span(moment(2 * SECOND, 0)), None);
}

/// The machine stood still, or the server's clock was set: not the most exact counts, but the latest.
#[test]
fn what_contradicts_the_past_replaces_it() {
    let mut samples = Samples::default();
    for n in 0..30 {
        samples.push(sample(
            n * SECOND,
            0,
            TRUTH + n * SECOND,
            0,
            100 * MICROSECOND,
        ));
    }
    assert_eq!(samples.drift(), Some(0));
    let now = moment(30 * SECOND, 0);
    let paused = TRUTH + 630 * SECOND;
    samples.push(sample(30 * SECOND, 0, paused, 0, 100 * MILLISECOND));
    let known = samples.estimate(now).unwrap();
    assert_eq!((known.measurement.offset, known.jitter), (600 * SECOND, 0));
    assert_eq!(samples.drift(), None);
    assert_eq!(samples.latest().count(), 31);
}

#[test]
fn jitter_knows_of_drift() {
    let mut samples = Samples::default();
    // the crystal loses 50 µs in each second
    for n in 0..20 {
        let elapsed = n * 64 * SECOND;
        let truth = TRUTH + elapsed + n * 64 * 50 * MICROSECOND;
        samples.push(sample(elapsed, 0, truth, 0, MILLISECOND));
    }
    assert_eq!(samples.drift(), Some(-50_000));
    let now = moment(19 * 64 * SECOND, 0);
    assert_eq!(samples.estimate(now).unwrap().jitter, 0);
}

#[test]
fn the_ring_keeps_the_latest_64() {
    let mut samples = Samples::default();
    for n in 0..200 {
        samples.push(sample(n * SECOND, 0, TRUTH + n * SECOND, 0, MILLISECOND));
    }
    let kept: Vec<_> = samples
        .latest()
        .map(|sample| sample.at.elapsed / SECOND)
        .collect();
    assert_eq!(kept, (136..200).rev().collect::<Vec<_>>());
}

#[test]
fn what_a_server_is_worth() {
    let name = |latest, agrees| Standing::new(latest, agrees).name();
    assert_eq!(name(None, None), "new");
    assert_eq!(name(Some(State::Good), None), "good");
    assert_eq!(name(Some(State::Good), Some(true)), "agrees");
    assert_eq!(name(Some(State::Good), Some(false)), "falseticker");
    assert_eq!(name(Some(State::NoAnswer), Some(true)), "no answer");
    assert_eq!(name(Some(State::Kiss), None), "kiss");
    assert_eq!(Standing::SameAsAnother.name(), "same as another");
}
