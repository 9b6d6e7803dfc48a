//! Blocks that come from a registry: whoever waits is told, and no number comes twice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use proptest::prelude::*;
use snowflake_core::ticket::Block;
use snowflake_core::ticket::{Asked, PAUSE, Supply};

fn block(first: i64, step: i64, count: u32) -> Block {
    Block { first, step, count }
}

#[test]
fn an_attempt_answers_those_who_asked_before_it() {
    let mut supply = Supply::default();
    assert_eq!(supply.ask(10, 0), Asked::Attempt(1));
    assert!(supply.is_wanted());
    assert_eq!(supply.begin(), 10);
    assert!(!supply.is_wanted() && supply.is_under_way());
    assert_eq!(supply.outcome(1, 10, 0), None);
    supply.succeed();
    assert_eq!(supply.outcome(1, 10, 0), Some(false));
    assert!(!supply.is_wanted() && !supply.is_under_way());
}

#[test]
fn who_comes_late_waits_for_the_next_attempt() {
    let mut supply = Supply::default();
    supply.ask(10, 0);
    supply.begin();
    assert_eq!(supply.ask(20, 0), Asked::Attempt(2));
    supply.succeed();
    assert_eq!(supply.outcome(2, 20, 0), None);
    assert_eq!(supply.begin(), 20);
    supply.succeed();
    assert_eq!(supply.outcome(2, 20, 0), Some(false));
}

#[test]
fn a_failure_answers_for_a_moment() {
    let mut supply = Supply::default();
    supply.ask(10, 1_000);
    supply.begin();
    assert_eq!(supply.ask(10, 1_000), Asked::Attempt(2));
    supply.fail(2_000);
    assert!(supply.has_failed() && !supply.is_wanted());
    assert_eq!(supply.outcome(1, 10, 2_000), Some(true));
    // who waits for the attempt after it is told, too, and not left waiting for one that never begins
    assert_eq!(supply.outcome(2, 10, 2_000), Some(true));
    assert_eq!(supply.ask(10, 2_000 + PAUSE - 1), Asked::Failed);
    assert_eq!(supply.ask(10, 2_000 + PAUSE), Asked::Attempt(2));
    supply.begin();
    supply.succeed();
    assert!(!supply.has_failed());
}

#[test]
fn an_attempt_that_is_withdrawn_is_asked_for_again() {
    let mut supply = Supply::default();
    assert_eq!(supply.ask(10, 0), Asked::Attempt(1));
    supply.begin();
    assert_eq!(supply.ask(20, 0), Asked::Attempt(2));
    supply.withdraw();
    assert!(!supply.is_under_way() && !supply.has_failed());
    // that of the late caller was not begun and is wanted still
    assert!(supply.is_wanted());
    assert_eq!(supply.outcome(1, 10, 0), None);
    assert_eq!(supply.begin(), 10);
    supply.succeed();
    assert_eq!(supply.outcome(1, 10, 0), Some(false));
    assert_eq!(supply.outcome(2, 20, 0), None);
    assert_eq!(supply.begin(), 20);
    supply.succeed();
    assert_eq!(supply.outcome(2, 20, 0), Some(false));
    // nothing to take back
    supply.withdraw();
    assert_eq!(supply.outcome(2, 20, 0), Some(false));
}

#[test]
fn numbers_that_were_had_are_refused() {
    let mut supply = Supply::default();
    assert!(supply.is_new(&block(1, 1, 10)));
    assert!(supply.is_new(&block(21, 1, 10)));
    assert!(!supply.is_new(&block(11, 1, 10)));
    assert!(!supply.is_new(&block(30, 1, 1)));
    assert!(supply.is_new(&block(31, 1, 1)));
    // another step counts anew: whoever changes it knows
    assert!(supply.is_new(&block(1, 5, 1)));
    let mut supply = Supply::default();
    assert!(supply.is_new(&block(i64::MIN, i64::MAX, 3)));
    assert!(supply.is_new(&block(i64::MAX, i64::MAX, 1)));
}

#[test]
fn odd_and_even_numbers_do_not_get_into_each_others_way() {
    let mut supply = Supply::default();
    for turn in 0..100 {
        assert!(supply.is_new(&block(1 + 20 * turn, 2, 10)));
        assert!(supply.is_new(&block(2 + 2 * turn, 2, 1)));
        assert!(!supply.is_new(&block(1 + 20 * turn, 2, 10)));
        assert!(!supply.is_new(&block(2 + 2 * turn, 2, 1)));
    }
}

#[test]
fn blocks_as_others_describe_them() {
    assert_eq!(Block::received(5, 2, 3, 3), Some(block(5, 2, 3)));
    assert_eq!(Block::received(5, 2, 4, 3), None);
    assert_eq!(Block::received(5, 2, 0, 3), None);
    assert_eq!(Block::received(5, 2, -1, 3), None);
    assert_eq!(Block::received(5, 0, 1, 3), None);
    assert_eq!(Block::received(5, -2, 1, 3), None);
    assert_eq!(
        Block::received(i64::MAX - 1, 1, 2, 3),
        Some(block(i64::MAX - 1, 1, 2))
    );
    assert_eq!(Block::received(i64::MAX - 1, 1, 3, 3), None);
    let wide = block(i64::MIN, i64::MAX, 3);
    assert_eq!(Block::received(i64::MIN, i64::MAX, 3, 3), Some(wide));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Several callers, one fetcher, attempts that end in any way: as long as attempts end, every
    /// caller is told at last.
    #[test]
    fn nobody_waits_for_ever(steps in prop::collection::vec((0..4usize, 0..3, 0..2 * PAUSE), 1..100)) {
        let mut supply = Supply::default();
        let mut waiting: [Option<u64>; 4] = [None; 4];
        let mut now = 0;
        for (caller, end, passes) in steps {
            now += passes;
            match waiting[caller] {
                None => if let Asked::Attempt(attempt) = supply.ask(1, now) {
                    waiting[caller] = Some(attempt);
                },
                Some(attempt) => if supply.outcome(attempt, 1, now).is_some() {
                    waiting[caller] = None;
                },
            }
            if supply.is_under_way() {
                match end {
                    0 => supply.succeed(),
                    1 => supply.fail(now),
                    _ => supply.withdraw(),
                }
            } else if supply.is_wanted() {
                prop_assert_eq!(supply.begin(), 1);
            }
        }
        // from here on everybody looks, in turn, and each attempt that is wanted is made
        for _ in 0..3 {
            for caller in &mut waiting {
                if caller.is_some_and(|attempt| supply.outcome(attempt, 1, now).is_some()) {
                    *caller = None;
                }
            }
            if supply.is_under_way() { supply.succeed() }
            if supply.is_wanted() {
                supply.begin();
                supply.succeed();
            }
        }
        for caller in waiting {
            prop_assert!(caller.is_none_or(|attempt| supply.outcome(attempt, 1, now).is_some()));
        }
    }
}
