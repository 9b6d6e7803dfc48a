//! Round trips with another server: the truth is within what they say, whatever they take, and what the
//! server sends is taken only if it can be.

#![allow(clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;
use snowflake_core::time::{
    Bracket, Error, MOST_ROUNDS, ServerTimes, Span, Sync, Synced, check_rounds,
};
use snowflake_core::{Kind, Refusal};

const SECOND: i64 = 1_000_000_000;
const MILLISECOND: i64 = 1_000_000;
/// 2026-11-24T16:07:31.25Z, in nanoseconds.
const NOW: i64 = 1_795_536_451_250_000_000;

/// A bracket without a width: our wall clock and the elapsed time at one moment.
fn at(wall: i64, elapsed: i64) -> Bracket {
    Bracket {
        before: wall,
        elapsed,
        after: wall,
    }
}

fn row(values: &[Option<&str>]) -> Vec<Option<String>> {
    values.iter().map(|value| value.map(Into::into)).collect()
}

// known answers

#[test]
fn two_rounds() {
    let mut sync = Sync::default();
    assert_eq!(sync.result(at(NOW, 0)), None);
    // the server is 3 s ahead; we have been up for 100 s
    let up = 100 * SECOND;
    let times = |received, sent| ServerTimes {
        received: NOW + 3 * SECOND + received,
        sent: NOW + 3 * SECOND + sent,
    };
    // 4 ms there, 1 ms held, 6 ms back
    sync.add(
        up,
        times(4 * MILLISECOND, 5 * MILLISECOND),
        up + 11 * MILLISECOND,
    )
    .unwrap();
    let first = sync
        .result(at(NOW + 11 * MILLISECOND, up + 11 * MILLISECOND))
        .unwrap();
    // 1 us that PostgreSQL cuts off, and what clocks drift apart in the time: 11 us + 1 ns of the round trip, and 1 ns
    assert_eq!(
        first.bounds,
        Span {
            low: 3 * SECOND - 6 * MILLISECOND - 1,
            high: 3 * SECOND + 4 * MILLISECOND + 1_000 + 11_001 + 1
        }
    );
    assert_eq!(first.offset, 3 * SECOND - MILLISECOND + 6_000);
    assert_eq!(first.error, 5 * MILLISECOND + 6_002);
    // a minute later, when somebody has set our clock back by an hour: 1 ms there, 1 ms back
    let later = 60 * SECOND;
    sync.add(
        up + later,
        times(later + MILLISECOND, later + MILLISECOND),
        up + later + 2 * MILLISECOND,
    )
    .unwrap();
    let now = at(
        NOW + later + 2 * MILLISECOND - 3_600 * SECOND,
        up + later + 2 * MILLISECOND,
    );
    assert_eq!(
        sync.result(now).unwrap(),
        Synced {
            offset: 3_603 * SECOND + 1_500,
            error: MILLISECOND + 1_502,
            bounds: Span {
                low: 3_603 * SECOND - MILLISECOND - 1,
                high: 3_603 * SECOND + MILLISECOND + 1_000 + 2_001 + 1
            },
            round_trip: 2 * MILLISECOND + 3_001,
            rounds: 2
        }
    );
}

#[test]
fn a_clock_that_is_set_meanwhile() {
    let mut sync = Sync::default();
    let same = |time| ServerTimes {
        received: time,
        sent: time,
    };
    sync.add(0, same(NOW), 100_000).unwrap();
    let before = sync.result(at(NOW, 100_000));
    for by in [SECOND, -SECOND] {
        let error = sync
            .add(
                MILLISECOND,
                same(NOW + MILLISECOND + by),
                MILLISECOND + 100_000,
            )
            .unwrap_err();
        assert!(
            matches!(error, Error::ServerClock { by } if (SECOND - MILLISECOND..SECOND).contains(&by))
        );
        assert_eq!(error.kind(), Kind::Clock);
        assert!(
            error.detail().unwrap().contains("by 0.99"),
            "{:?}",
            error.detail()
        );
        // nothing was changed
        assert_eq!(sync.result(at(NOW, 100_000)), before);
    }
}

#[test]
fn times_that_cannot_be() {
    let mut sync = Sync::default();
    let mut add = |received, sent, back| sync.add(0, ServerTimes { received, sent }, back);
    // answered before it came; held for longer than the round trip; back before it was sent
    for (received, sent, back) in [
        (NOW, NOW - 1_000, SECOND),
        (NOW, NOW + SECOND + 2_000, SECOND),
        (NOW, NOW, -1),
        (i64::MAX, i64::MIN, 0),
        (i64::MIN, i64::MAX, i64::MAX),
    ] {
        let error = add(received, sent, back).unwrap_err();
        assert!(matches!(error, Error::ServerTimes { .. }), "{error:?}");
        assert_eq!(error.kind(), Kind::Clock);
    }
    // by less than PostgreSQL's times are exact
    add(NOW, NOW + SECOND + 1_000, SECOND).unwrap();
    // out of range
    let mut far = Sync::default();
    let times = ServerTimes {
        received: i64::MIN,
        sent: i64::MIN,
    };
    assert_eq!(
        far.add(SECOND, times, SECOND),
        Err(Error::IntervalOutOfRange)
    );
}

#[test]
fn what_another_server_sends() {
    let read = |rows: &[Vec<Option<String>>]| ServerTimes::read(rows);
    assert_eq!(
        read(&[row(&[Some("1795536451250000"), Some("1795536451250017")])]),
        Ok(ServerTimes {
            received: NOW,
            sent: NOW + 17_000
        })
    );
    let good = row(&[Some("1"), Some("2")]);
    let nines = "9".repeat(8_000);
    for (rows, problem) in [
        (vec![], "The number of rows in its answer is 0."),
        (
            vec![good.clone(), good],
            "The number of rows in its answer is 2.",
        ),
        (vec![row(&[])], "The number of columns in its answer is 0."),
        (
            vec![row(&[Some("1")])],
            "The number of columns in its answer is 1.",
        ),
        (
            vec![row(&[Some("1"); 3])],
            "The number of columns in its answer is 3.",
        ),
        (vec![row(&[None, Some("1")])], "It says NULL."),
        (vec![row(&[Some("1"), None])], "It says NULL."),
        (vec![row(&[Some(""), Some("1")])], "It says \"\"."),
        (vec![row(&[Some("1"), Some(" 1")])], "It says \" 1\"."),
        (vec![row(&[Some("now"), Some("1")])], "It says \"now\"."),
        (vec![row(&[Some("1.5"), Some("1")])], "It says \"1.5\"."),
        (vec![row(&[Some("1e9"), Some("1")])], "It says \"1e9\"."),
        (
            vec![row(&[Some("9223372036854776"), Some("1")])],
            "It says \"9223372036854776\".",
        ),
        (
            vec![row(&[Some("1"), Some("-9223372036854776")])],
            "It says \"-9223372036854776\".",
        ),
        (
            vec![row(&[Some(&nines), Some("1")])],
            &format!("It says \"{}...\".", &nines[..100]),
        ),
    ] {
        let error = read(&rows).unwrap_err();
        assert_eq!(error.detail().as_deref(), Some(problem), "{rows:?}");
        assert_eq!(error.kind(), Kind::Protocol);
    }
}

#[test]
fn how_many_rounds() {
    for rounds in [1, 8, MOST_ROUNDS] {
        assert_eq!(check_rounds(rounds), Ok(()));
    }
    for rounds in [0, -1, MOST_ROUNDS + 1, i32::MIN, i32::MAX] {
        assert_eq!(check_rounds(rounds), Err(Error::Rounds { rounds }));
    }
}

// properties

/// A round trip, and what happens before it.
#[derive(Clone, Debug)]
struct Round {
    pause: i64,
    there: i64,
    held: i64,
    back: i64,
    /// By how much our wall clock is set.
    step: i64,
}

fn rounds() -> impl Strategy<Value = Vec<Round>> {
    let time = || prop_oneof![0..200_000_i64, 0..2 * SECOND];
    let step = prop_oneof![3 => Just(0), 1 => -4_000 * SECOND..4_000 * SECOND];
    let round = (time(), time(), time(), time(), step);
    let round = round.prop_map(|(pause, there, held, back, step)| Round {
        pause,
        there,
        held,
        back,
        step,
    });
    proptest::collection::vec(round, 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// However long the ways take, whenever our clock is set, and while the server's is slewed by 500 ppm and our
    /// crystal is off by 100; and wherever the process is held up between readings of our clocks.
    #[test]
    fn the_truth_is_within(
        rounds in rounds(), begin in 0..4_102_444_800 * SECOND, ahead in -4_000 * SECOND..4_000 * SECOND,
        slew in -500..=500_i64, crystal in -100..=100_i64, [late, width] in [0..1_000_000_i64, 0..1_000_000_i64],
    ) {
        // true time since the begin, our wall clock less true time, and clocks that run at other rates
        let (mut now, mut wall) = (0, begin - ahead);
        let rate = |time: i64, ppm: i64| time + (i128::from(time) * i128::from(ppm) / 1_000_000) as i64;
        let elapsed = |time: i64| 5 * SECOND + rate(time, crystal);
        let server = |time: i64| begin + rate(time, slew);
        let cut = |time: i64| time.div_euclid(1_000) * 1_000;
        let mut sync = Sync::default();
        for round in &rounds {
            now += round.pause;
            let sent = now;
            wall += round.step;
            let times = ServerTimes { received: cut(server(now + round.there)), sent: cut(server(now + round.there + round.held)) };
            now += round.there + round.held + round.back;
            // what clocks that run at different rates make of an answer that was held for long
            let all = elapsed(now) - elapsed(sent);
            if times.sent - times.received > all + 1_000 {
                prop_assert!(sync.add(elapsed(sent), times, elapsed(now)).is_err());
                continue;
            }
            prop_assert_eq!(sync.add(elapsed(sent), times, elapsed(now)), Ok(()));
        }
        let truth = server(now) - (wall + now);
        let late = late.min(width);
        let bracket = Bracket { before: wall + now, elapsed: elapsed(now) + late, after: wall + now + width };
        let Some(synced) = sync.result(bracket) else {
            return Ok(());
        };
        prop_assert!(synced.bounds.low <= truth && truth <= synced.bounds.high, "{} is not in {:?}", truth, synced);
        prop_assert!((synced.offset - truth).abs() <= synced.error, "{} is not in {:?}", truth, synced);
        // all of them together are at least as good as the shortest of them, but for a nanosecond of each
        let slack = synced.error + rounds.len() as i64;
        prop_assert!(synced.bounds.low >= synced.offset - slack && synced.bounds.high <= synced.offset + slack);
    }

    #[test]
    fn nothing_overflows(values in any::<[i64; 9]>()) {
        let [sent, received, there, back, next, before, elapsed, after, later] = values;
        let mut sync = Sync::default();
        let times = ServerTimes { received: there, sent: back };
        let _ = sync.add(sent, times, received);
        let _ = sync.add(received, times, next);
        let _ = sync.add(sent, ServerTimes { received: 0, sent: 0 }, later);
        let _ = sync.result(Bracket { before, elapsed, after });
        if let Err(error) = sync.add(later, times, sent) {
            prop_assert!(error.detail().is_none_or(|detail| detail.len() < 200));
        }
    }

    #[test]
    fn any_text_is_a_time_or_refused(values in proptest::collection::vec(proptest::option::of(".{0,40}|-?[0-9]{1,20}"), 0..4)) {
        let rows = [values];
        match ServerTimes::read(&rows) {
            Ok(_) => prop_assert_eq!(rows[0].len(), 2),
            Err(error) => prop_assert!(error.detail().is_some()),
        }
    }
}
