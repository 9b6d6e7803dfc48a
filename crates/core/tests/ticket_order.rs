//! Blocks that come from a registry: every caller that waits is told, and no number comes twice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use proptest::prelude::*;
use snowflake_core::ticket::{Asked, Block, OrderState, PAUSE};

fn block(first: i64, step: i64, count: u32) -> Block {
    Block { first, step, count }
}

/// Whether an attempt has begun and not ended: if so, the latest that has begun has no outcome.
fn is_under_way(orders: &OrderState) -> bool {
    // of a copy, because asking changes it
    let mut orders = *orders;
    let Asked::Attempt(next) = orders.ask(1, i64::MAX) else {
        panic!("no pause after a failure lasts for ever");
    };
    orders.outcome(next - 1, 1, i64::MAX).is_none()
}

#[test]
fn an_attempt_answers_those_who_asked_before_it() {
    let mut orders = OrderState::default();
    assert_eq!(orders.ask(10, 0), Asked::Attempt(1));
    assert!(orders.is_wanted());
    assert_eq!(orders.begin(), 10);
    assert!(!orders.is_wanted() && is_under_way(&orders));
    assert_eq!(orders.outcome(1, 10, 0), None);
    orders.succeed();
    assert_eq!(orders.outcome(1, 10, 0), Some(false));
    assert!(!orders.is_wanted() && !is_under_way(&orders));
}

#[test]
fn who_comes_late_waits_for_the_next_attempt() {
    let mut orders = OrderState::default();
    orders.ask(10, 0);
    orders.begin();
    assert_eq!(orders.ask(20, 0), Asked::Attempt(2));
    orders.succeed();
    assert_eq!(orders.outcome(2, 20, 0), None);
    assert_eq!(orders.begin(), 20);
    orders.succeed();
    assert_eq!(orders.outcome(2, 20, 0), Some(false));
}

#[test]
fn a_failure_answers_for_a_moment() {
    let mut orders = OrderState::default();
    orders.ask(10, 1_000);
    orders.begin();
    assert_eq!(orders.ask(10, 1_000), Asked::Attempt(2));
    orders.fail(2_000);
    assert!(orders.has_failed() && !orders.is_wanted());
    assert_eq!(orders.outcome(1, 10, 2_000), Some(true));
    // a caller that waits for the attempt after it is told, too: that one may never begin
    assert_eq!(orders.outcome(2, 10, 2_000), Some(true));
    assert_eq!(orders.ask(10, 2_000 + PAUSE - 1), Asked::Failed);
    assert_eq!(orders.ask(10, 2_000 + PAUSE), Asked::Attempt(2));
    orders.begin();
    orders.succeed();
    assert!(!orders.has_failed());
}

#[test]
fn an_attempt_that_is_withdrawn_is_asked_for_again() {
    let mut orders = OrderState::default();
    assert_eq!(orders.ask(10, 0), Asked::Attempt(1));
    orders.begin();
    assert_eq!(orders.ask(20, 0), Asked::Attempt(2));
    orders.withdraw();
    assert!(!is_under_way(&orders) && !orders.has_failed());
    // that of the late caller was not begun and is wanted still
    assert!(orders.is_wanted());
    assert_eq!(orders.outcome(1, 10, 0), None);
    assert_eq!(orders.begin(), 10);
    orders.succeed();
    assert_eq!(orders.outcome(1, 10, 0), Some(false));
    assert_eq!(orders.outcome(2, 20, 0), None);
    assert_eq!(orders.begin(), 20);
    orders.succeed();
    assert_eq!(orders.outcome(2, 20, 0), Some(false));
    // nothing to take back
    orders.withdraw();
    assert_eq!(orders.outcome(2, 20, 0), Some(false));
}

#[test]
fn numbers_that_were_had_are_refused() {
    let mut orders = OrderState::default();
    assert!(orders.is_new(&block(1, 1, 10)));
    assert!(orders.is_new(&block(21, 1, 10)));
    assert!(!orders.is_new(&block(11, 1, 10)));
    assert!(!orders.is_new(&block(30, 1, 1)));
    assert!(orders.is_new(&block(31, 1, 1)));
    // another step counts anew, as is known to the one who changes it
    assert!(orders.is_new(&block(1, 5, 1)));
    let mut orders = OrderState::default();
    assert!(orders.is_new(&block(i64::MIN, i64::MAX, 3)));
    assert!(orders.is_new(&block(i64::MAX, i64::MAX, 1)));
}

#[test]
fn odd_and_even_numbers_do_not_get_into_each_others_way() {
    let mut orders = OrderState::default();
    for turn in 0..100 {
        assert!(orders.is_new(&block(1 + 20 * turn, 2, 10)));
        assert!(orders.is_new(&block(2 + 2 * turn, 2, 1)));
        assert!(!orders.is_new(&block(1 + 20 * turn, 2, 10)));
        assert!(!orders.is_new(&block(2 + 2 * turn, 2, 1)));
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
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Several callers, one fetcher, attempts that end in any way: as long as attempts end, every
    /// caller is told at last.
    #[test]
    fn nobody_waits_for_ever(
        steps in prop::collection::vec((0..4usize, 0..3, 0..2 * PAUSE), 1..100),
    ) {
        let mut orders = OrderState::default();
        let mut waiting: [Option<u64>; 4] = [None; 4];
        let mut now = 0;
        for (caller, end, passes) in steps {
            now += passes;
            match waiting[caller] {
                None => if let Asked::Attempt(attempt) = orders.ask(1, now) {
                    waiting[caller] = Some(attempt);
                },
                Some(attempt) => if orders.outcome(attempt, 1, now).is_some() {
                    waiting[caller] = None;
                },
            }
            if is_under_way(&orders) {
                match end {
                    0 => orders.succeed(),
                    1 => orders.fail(now),
                    _ => orders.withdraw(),
                }
            } else if orders.is_wanted() {
                prop_assert_eq!(orders.begin(), 1);
            }
        }
        // from here on everybody looks, in turn, and each attempt that is wanted is made
        for _ in 0..3 {
            for caller in &mut waiting {
                if caller.is_some_and(|attempt| orders.outcome(attempt, 1, now).is_some()) {
                    *caller = None;
                }
            }
            if is_under_way(&orders) { orders.succeed() }
            if orders.is_wanted() {
                orders.begin();
                orders.succeed();
            }
        }
        for caller in waiting {
            prop_assert!(caller.is_none_or(|attempt| orders.outcome(attempt, 1, now).is_some()));
        }
    }
}
