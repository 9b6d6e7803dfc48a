//! Measuring clocks: the truth is never excluded, whatever the ways take and whoever lies.

#![allow(clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;
use snowflake_core::time::{
    Anchor, Answer, Exchange, Filter, Measurement, NtpTime, Query, Selection, Shown, Span,
    cristian, majority, select,
};

const SECOND: i64 = 1_000_000_000;
/// 1970 to 2200, in nanoseconds.
const INSTANTS: std::ops::Range<i64> = 0..7_258_118_400 * SECOND;

/// An exchange with a clock that is ahead by `offset`, whose ways take what they take.
fn exchange(t1: i64, offset: i64, [there, held, back]: [i64; 3]) -> Exchange {
    Exchange {
        t1,
        t2: t1 + there + offset,
        t3: t1 + there + held + offset,
        t4: t1 + there + held + back,
    }
}

fn times() -> impl Strategy<Value = [i64; 3]> {
    [0..10 * SECOND, 0..SECOND, 0..10 * SECOND]
}

/// The definition: every point is looked at.
fn by_brute_force(clocks: &[Option<Span>]) -> Selection {
    let covers = |span: &Span, point| (span.low..=span.high).contains(&point);
    let counts = |point| {
        clocks
            .iter()
            .flatten()
            .filter(|span| covers(span, point))
            .count()
    };
    let points = || -40..=40_i64;
    let wanted = majority(clocks.len());
    let covered: Vec<i64> = points().filter(|point| counts(*point) >= wanted).collect();
    let hull = covered.first().zip(covered.last()).map(|(low, high)| Span {
        low: *low,
        high: *high,
    });
    Selection {
        hull,
        agreeing: points().map(counts).max().unwrap(),
        truechimers: clocks
            .iter()
            .map(|clock| match (clock, hull) {
                (Some(span), Some(hull)) => (hull.low..=hull.high).any(|point| covers(span, point)),
                _ => false,
            })
            .collect(),
    }
}

fn spans(count: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Vec<Option<Span>>> {
    let span = (-30..=30_i64, -2..=10_i64).prop_map(|(low, width)| Span {
        low,
        high: low + width,
    });
    proptest::collection::vec(proptest::option::weighted(0.9, span), count)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_shown_has_all_that_may_be(offset: i64, distance in 0..=i64::MAX) {
        let shown = Shown::new(offset, distance);
        let [offset, distance, middle, around] = [offset, distance, shown.offset, shown.distance].map(i128::from);
        let (low, high) = ((middle - around) * 1_000, (middle + around) * 1_000);
        prop_assert!(low <= offset - distance && offset + distance <= high);
        // and no more than that needs
        prop_assert!((middle * 1_000 - offset).abs() <= 500);
        prop_assert!(around * 1_000 < distance + 500 + 1_000);
    }

    #[test]
    fn a_span_in_microseconds_leaves_nothing_outside(low: i64, high: i64) {
        let shown = Span { low, high }.to_micros();
        let [low, high, shown_low, shown_high] = [low, high, shown.low, shown.high].map(i128::from);
        prop_assert!((0..1_000).contains(&(low - shown_low * 1_000)));
        prop_assert!((0..1_000).contains(&(shown_high * 1_000 - high)));
    }

    #[test]
    fn the_truth_is_within_the_bounds(t1 in INSTANTS, offset in -SECOND..SECOND, times in times()) {
        let exchange = exchange(t1, offset, times);
        let (low, high) = exchange.bounds().unwrap();
        prop_assert!(low <= offset && offset <= high);
        // as wide as the delay, with the estimate in the middle
        prop_assert_eq!(high - low, exchange.delay().unwrap());
        prop_assert_eq!(exchange.delay().unwrap(), times[0] + times[2]);
        let estimate = exchange.offset().unwrap();
        prop_assert!((estimate - offset).abs() <= (high - low + 1) / 2);
    }

    #[test]
    fn cristians_error_is_a_bound(
        sent in INSTANTS, offset in -SECOND..SECOND, shortest in 0..1_000_i64, extra in [0..SECOND, 0..SECOND],
    ) {
        // each way takes half of the shortest round trip at least
        let ways = [shortest / 2 + extra[0], shortest - shortest / 2 + extra[1]];
        let result = cristian(sent, sent + ways[0] + offset, sent + ways[0] + ways[1], shortest).unwrap();
        prop_assert!((result.offset - offset).abs() <= result.error + shortest % 2);
        let widest = cristian(sent, sent + ways[0] + offset, sent + ways[0] + ways[1], 0).unwrap();
        prop_assert!((widest.offset - offset).abs() <= widest.error);
    }

    #[test]
    fn nothing_overflows(values in any::<[i64; 4]>()) {
        let [t1, t2, t3, t4] = values;
        let exchange = Exchange { t1, t2, t3, t4 };
        let _ = (exchange.offset(), exchange.delay(), exchange.bounds());
        let _ = cristian(t1, t2, t3, t4);
        let _ = NtpTime(t1 as u64).nanos_near(t2);
        let mut filter = Filter::default();
        filter.push(Measurement { offset: t1, delay: t2, dispersion: t3, distance: t4 }, t3);
        filter.push(Measurement { offset: t4, delay: t3, dispersion: t2, distance: t1 }, t1);
        let _ = filter.estimate(t2);
        let _ = select(&[Some(Span::around(t1, t2)), Some(Span::around(t3, t4))]);
    }

    #[test]
    fn an_honest_answer_is_good_and_its_distance_a_bound(
        sent in INSTANTS, offset in -SECOND..SECOND, times in times(), random in any::<u64>(),
    ) {
        let exchange = exchange(sent, offset, times);
        let query = Query::new(random);
        let mut bytes = [0; 48];
        bytes[..4].copy_from_slice(&[0x24, 1, 6, (-24_i8) as u8]);
        bytes[24..32].copy_from_slice(&query.packet()[40..]);
        bytes[32..40].copy_from_slice(&NtpTime::from_nanos(exchange.t2).0.to_be_bytes());
        bytes[40..].copy_from_slice(&NtpTime::from_nanos(exchange.t3).0.to_be_bytes());
        let packet = query.accept(&bytes).unwrap();
        let Answer::Good(measurement) = Answer::judge(&packet, sent, exchange.t4 - exchange.t1) else {
            return Err(TestCaseError::fail("not good"));
        };
        prop_assert_eq!(measurement.offset, exchange.offset().unwrap());
        prop_assert_eq!(measurement.delay, exchange.delay().unwrap());
        prop_assert!((measurement.offset - offset).abs() <= measurement.distance);
    }

    #[test]
    fn the_selection_is_as_defined(clocks in spans(0..=8)) {
        prop_assert_eq!(select(&clocks), by_brute_force(&clocks));
    }

    /// Fewer than half of all lie, as they please; others may be silent as long as a majority of
    /// all is honest.
    #[test]
    fn liars_do_not_move_the_hull_off_the_truth(
        mut clocks in spans(1..=8), truth in -20..20_i64, honest in proptest::collection::vec([0..20_i64, 0..20_i64], 8),
        places in Just(Vec::from_iter(0..8_usize)).prop_shuffle(),
    ) {
        let places = places.iter().filter(|place| **place < clocks.len()).copied().collect::<Vec<_>>();
        for (place, [below, above]) in places.iter().take(majority(clocks.len())).zip(&honest) {
            clocks[*place] = Some(Span { low: truth - below, high: truth + above });
        }
        let selection = select(&clocks);
        let hull = selection.hull.unwrap();
        prop_assert!(hull.low <= truth && truth <= hull.high);
        prop_assert!(selection.agreeing >= majority(clocks.len()));
        // every point of a majority is one of an honest clock: no wider than they are
        let honest_spans = || places.iter().take(majority(clocks.len())).filter_map(|place| clocks[*place]);
        prop_assert!(hull.low >= honest_spans().map(|span| span.low).min().unwrap());
        prop_assert!(hull.high <= honest_spans().map(|span| span.high).max().unwrap());
        for place in places.iter().take(majority(clocks.len())) {
            prop_assert!(selection.truechimers[*place]);
        }
    }
}

/// What happens between two looks at the clocks.
#[derive(Clone, Debug)]
enum Event {
    /// So much true time passes, while the wall clock is slewed by parts in a million.
    Pass { nanos: i64, slew: i64 },
    /// Somebody sets the wall clock by so much.
    Step(i64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let pass = (
        0..100_000 * SECOND,
        prop_oneof![Just(0), -83_333..=83_333_i64],
    )
        .prop_map(|(nanos, slew)| Event::Pass { nanos, slew });
    // up to 400 days, or a leap second
    let step = prop_oneof![
        Just(SECOND),
        Just(-SECOND),
        -34_560_000 * SECOND..34_560_000 * SECOND
    ];
    proptest::collection::vec(
        prop_oneof![3 => pass, 1 => step.prop_map(Event::Step)],
        1..20,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever becomes of the wall clock, and however the machine sleeps: elapsed time is that of a
    /// crystal, off by 100 ppm at the most.
    #[test]
    fn an_anchor_never_excludes_the_truth(
        begin in INSTANTS, off in -SECOND..SECOND, [below, above] in [0..SECOND, 0..SECOND], uptime in 0..1_000_000 * SECOND,
        crystal in -100..=100_i64, events in events(),
    ) {
        let (mut truth, mut wall, mut elapsed) = (begin, begin - off, uptime);
        let anchor = Anchor::new(Span { low: off - below, high: off + above }, wall, elapsed).unwrap();
        prop_assert!(anchor.error(elapsed) <= (below + above) / 2 + 2);
        for event in events {
            match event {
                Event::Pass { nanos, slew } => {
                    let share = |ppm: i64| (i128::from(nanos) * i128::from(ppm) / 1_000_000) as i64;
                    truth += nanos;
                    wall += nanos + share(slew);
                    elapsed += nanos + share(crystal);
                }
                Event::Step(by) => wall += by,
            }
            let ahead = anchor.ahead(wall, elapsed);
            prop_assert!(ahead.low <= truth - wall && truth - wall <= ahead.high);
            prop_assert!(ahead.high - ahead.low <= 2 * anchor.error(elapsed));
        }
    }

    #[test]
    fn an_anchor_overflows_nowhere(values in any::<[i64; 6]>()) {
        let [low, high, wall, elapsed, later_wall, later] = values;
        if let Some(anchor) = Anchor::new(Span { low, high }, wall, elapsed) {
            let ahead = anchor.ahead(later_wall, later);
            prop_assert!(ahead.low <= ahead.high);
        }
    }
}
