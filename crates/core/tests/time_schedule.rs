//! When NTP servers are asked.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use proptest::prelude::*;
use snowflake_core::time::{Kiss, Restraint, Rounds};

const SECOND: i64 = 1_000_000_000;
const POLL: i64 = 64 * SECOND;

#[test]
fn four_rounds_and_then_one_for_each_interval() {
    let mut rounds = Rounds::new(5 * SECOND);
    let mut begun = Vec::new();
    for _ in 0..6 {
        begun.push(rounds.next() / SECOND);
        // the middle of the random bits is no time more or less
        rounds.begin(rounds.next(), POLL, 1 << 63);
    }
    assert_eq!(begun, [5, 7, 9, 11, 75, 139]);
}

proptest! {
    #[test]
    fn give_or_take_a_tenth(poll in SECOND..=3_600 * SECOND, random: u64, now in 0..1_000_000 * SECOND) {
        let mut rounds = Rounds::new(now);
        for _ in 0..4 {
            rounds.begin(now, poll, random);
        }
        let apart = rounds.next() - now;
        prop_assert!((apart - poll).abs() <= poll / 10 + 1, "{apart}");
    }

    #[test]
    fn nothing_overflows(now: i64, later: i64, poll in 0..=i64::MAX, random: u64, kisses in 0..100_usize) {
        let mut rounds = Rounds::new(now);
        for _ in 0..5 {
            rounds.begin(later, poll, random);
        }
        rounds.hasten(now);
        let mut restraint = Restraint::default();
        restraint.ask(now);
        for _ in 0..kisses {
            restraint.kissed(Kiss::Slower, poll);
        }
        restraint.from(poll);
    }
}

#[test]
fn the_ends_of_the_tenth() {
    let apart = |random| {
        let mut rounds = Rounds::new(0);
        for _ in 0..4 {
            rounds.begin(0, 10 * SECOND, random);
        }
        rounds.next()
    };
    assert_eq!(apart(0), 9 * SECOND);
    assert!((11 * SECOND - apart(u64::MAX)).abs() <= 1);
}

#[test]
fn a_jump_brings_a_round_forward() {
    let mut rounds = Rounds::new(0);
    // before the first one nothing is to be brought forward
    rounds.hasten(SECOND);
    assert_eq!(rounds.next(), 0);
    for n in 0..4 {
        rounds.begin(n * 2 * SECOND, POLL, 1 << 63);
    }
    assert_eq!(rounds.next(), 70 * SECOND);
    // at once if the latest one is long over
    let mut late = rounds;
    late.hasten(30 * SECOND);
    assert_eq!(late.next(), 30 * SECOND);
    // however often somebody wants one, they are 10 s apart
    for n in 7..16 {
        rounds.hasten(n * SECOND);
        assert_eq!(rounds.next(), 16 * SECOND);
    }
    rounds.begin(16 * SECOND, POLL, 1 << 63);
    rounds.hasten(16 * SECOND);
    assert_eq!(rounds.next(), 26 * SECOND);
    // never later than it would have been
    rounds.begin(26 * SECOND, SECOND, 1 << 63);
    rounds.hasten(26 * SECOND);
    assert_eq!(rounds.next(), 27 * SECOND);
}

#[test]
fn rate_doubles_the_interval() {
    let mut restraint = Restraint::default();
    assert_eq!(restraint.from(POLL), Some(i64::MIN));
    restraint.ask(100 * SECOND);
    assert_eq!(
        (restraint.interval(POLL), restraint.from(POLL)),
        (None, Some(100 * SECOND))
    );
    let intervals: Vec<_> = (0..6)
        .map(|_| {
            restraint.kissed(Kiss::Slower, POLL);
            restraint.interval(POLL).unwrap() / SECOND
        })
        .collect();
    assert_eq!(intervals, [128, 256, 512, 1_024, 1_024, 1_024]);
    assert_eq!(restraint.from(POLL), Some(1_124 * SECOND));
    // what it has learnt holds for the server, whatever it answers next
    restraint.answered();
    assert_eq!(restraint.interval(POLL), Some(1_024 * SECOND));
    // who polls less often anyway goes on as before
    let mut seldom = Restraint::default();
    seldom.kissed(Kiss::Slower, 3_600 * SECOND);
    assert_eq!(seldom.interval(3_600 * SECOND), Some(3_600 * SECOND));
}

#[test]
fn who_refuses_is_not_asked() {
    for code in ["DENY", "RSTR"] {
        let mut restraint = Restraint::default();
        restraint.kissed(Kiss::new(code), POLL);
        assert_eq!(restraint.from(POLL), None);
    }
    for code in ["STEP", "INIT", "rate", ""] {
        let mut restraint = Restraint::default();
        restraint.kissed(Kiss::new(code), POLL);
        assert_eq!(restraint, Restraint::default());
    }
}

#[test]
fn eight_without_an_answer_are_looked_up_again() {
    let mut restraint = Restraint::default();
    let lookups: Vec<_> = (1..=20).filter(|_| restraint.missed()).collect();
    assert_eq!(lookups, [8, 16]);
    let mut restraint = Restraint::default();
    for _ in 0..3 {
        for _ in 0..7 {
            assert!(!restraint.missed());
        }
        restraint.answered();
    }
}
