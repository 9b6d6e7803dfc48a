//! Leases as the generator meets them: an end for the mark, an interval for the words.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::atomic::AtomicU64;

use proptest::prelude::*;
use snowflake_core::Timestamp;
use snowflake_core::snowflake::{Fence, Found, Layout, Mark, Need, Raise, Shape, first_whole_tick};
use snowflake_core::words::{Beyond, Pace, Slot};

fn parse(layout: &str) -> Layout {
    Layout::parse(layout, Timestamp::from_micros(0)).unwrap()
}

/// Milliseconds since 1970, and two sequences.
fn shape() -> Shape {
    parse("ts=41,seq=1,epoch=0").shape()
}

const PACE: Pace = Pace {
    max_lead: 2_000,
    clock_tolerance: 0,
    window: 5_000,
};

#[test]
fn the_mark_ends_with_the_lease() {
    let shape = shape();
    let mark = Mark::<AtomicU64>::default();
    let decide = |need, stored, end| {
        let found = Found {
            stored,
            native: 0,
            wall: Timestamp::from_millis(1_000_000),
            end,
        };
        mark.decide(&shape, need, found, &PACE)
    };
    let first = Need::Now(200);
    // the window is 5 ms: it ends at 106, or with the lease
    assert_eq!(decide(first, 0, 106), Raise::Store { mark: 106 });
    assert_eq!(decide(first, 0, 104), Raise::Store { mark: 104 });
    assert_eq!(decide(first, 0, 101), Raise::Store { mark: 101 });
    assert_eq!(decide(first, 0, 100), Raise::Ended);
    assert_eq!(decide(first, 0, 0), Raise::Ended);
    // a mark from elsewhere is adopted, whatever the lease
    let adopt = |mark, foreign| Raise::Adopt { mark, foreign };
    assert_eq!(decide(first, 300, 100), adopt(300, true));
    // one that another backend stored lasts, but not beyond the lease
    mark.storing(106);
    assert_eq!(decide(first, 106, 101), adopt(106, false));
    assert_eq!(decide(first, 106, 100), Raise::Ended);
    // ahead: what is durable lasts, and nothing is stored for the rest
    mark.publish(&shape, 104, &PACE);
    assert_eq!(mark.need(207), Need::Ahead(207));
    assert_eq!(decide(Need::Ahead(207), 106, 103), Raise::Published);
    assert_eq!(decide(Need::Now(208), 106, 104), Raise::Ended);
    assert_eq!(decide(Need::Intact, 0, 0), Raise::Store { mark: 106 });
}

#[test]
fn units_that_do_not_begin_with_the_lease() {
    let shape = parse("ts=39,worker=16,seq=8,unit=10ms,epoch=0").shape();
    let tick = |millis| first_whole_tick(&shape, Timestamp::from_millis(millis)) >> 8;
    assert_eq!(
        [tick(0), tick(1), tick(9), tick(10), tick(11)],
        [0, 1, 1, 1, 2]
    );
    // before the epoch
    assert_eq!(tick(-100), 0);
}

#[test]
fn what_was_admitted_is_handed_over() {
    let fence = Fence::<AtomicU64>::closed();
    assert_eq!(fence.admit(5), 0);
    assert_eq!(fence.leave(), 0);
    assert_eq!(fence.enter(10, 20), 10);
    assert_eq!(fence.leave(), 10);
    assert_eq!(fence.enter(10, 20), 10);
    assert_eq!(fence.admit(15), 15);
    assert_eq!(fence.admit(25), 20);
    fence.extend(30);
    assert_eq!(
        [fence.admit(25), fence.admit(12), fence.end()],
        [25, 12, 30]
    );
    // an interval that ends before what was admitted in another one
    assert_eq!(fence.enter(10, 24), 25);
    assert_eq!(fence.enter(10, 25), 10);
    assert_eq!([fence.leave(), fence.admit(11), fence.leave()], [25, 0, 25]);
    let none = Fence::<AtomicU64>::none();
    assert_eq!(none.admit(1 << 60), 1 << 60);
}

#[test]
fn a_closed_word_gives_out_nothing() {
    let slot = Slot::<AtomicU64>::default();
    let mark = AtomicU64::new(1_000);
    let instant = Timestamp::from_micros(0);
    let claim = |now| {
        slot.claim(&mark, now, u64::MAX >> 2, 1, || 0)
            .map(|claim| claim.first)
    };
    assert_eq!(claim(100), Ok(100));
    slot.close();
    slot.close();
    assert!(slot.is_closed());
    assert_eq!(slot.given(), None);
    assert!(claim(200).is_err());
    assert_eq!(slot.claim_ahead(&mark, 0, u64::MAX >> 2, 1), None);
    // a mark that is adopted meanwhile counts when the word is opened
    slot.resume(50, instant, 0);
    assert!(slot.is_closed());
    slot.open(20, instant, 0);
    assert_eq!(
        (slot.is_closed(), slot.given(), claim(0)),
        (false, None, Ok(101))
    );
    slot.close();
    slot.resume(300, instant, 0);
    slot.open(20, instant, 0);
    assert_eq!(claim(0), Ok(301));
    // one that is open is only let on
    slot.open(20, instant, 0);
    assert_eq!(claim(0), Ok(302));
    slot.open(400, instant, 0);
    assert_eq!(claim(0), Ok(401));
    mark.store(402, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(
        slot.claim(&mark, 0, 1_000, 1, || 0),
        Err(Beyond { first: 402 })
    );
}

proptest! {
    /// One server after the other has a worker ID, each from where the one before gave it back or
    /// its lease ended, and no tick comes twice.
    #[test]
    fn holders_in_turn(
        turns in prop::collection::vec(
            (0..20i64, any::<bool>(), prop::collection::vec((0..400u64, 1..8u64), 0..20)),
            1..10,
        ),
        unit in prop::sample::select(vec!["1ms", "4ms", "10ms"]),
    ) {
        let shape = parse(&format!("ts=41,seq=2,unit={unit},epoch=0")).shape();
        let pace = Pace { max_lead: 10_000, ..PACE };
        let mut begin = 0;
        let mut given = std::collections::BTreeSet::new();
        for (length, returns, requests) in turns {
            let fence = Fence::<AtomicU64>::closed();
            let slot = Slot::<AtomicU64>::default();
            let mark = Mark::<AtomicU64>::default();
            slot.close();
            let end = begin + length;
            let start = Timestamp::from_millis(fence.enter(begin, end));
            slot.open(first_whole_tick(&shape, start), start, 0);
            let mut page = 0;
            'lease: for (now, count) in requests {
                let claim = loop {
                    match slot.claim(&mark.bound, now, shape.last_tick(), count, || 0) {
                        Ok(claim) => break claim,
                        Err(Beyond { first }) => {
                            let need = mark.need(first);
                            let end = fence.end();
                            let found = Found { stored: page, native: 0, wall: start, end };
                            match mark.decide(&shape, need, found, &pace) {
                                Raise::Ended => continue 'lease,
                                Raise::Store { mark: value } => {
                                    mark.storing(value);
                                    page = value;
                                    mark.publish(&shape, fence.admit(value), &pace);
                                }
                                _ => {}
                            }
                            if let Need::Ahead(first) = need {
                                mark.step(&shape, first, &pace);
                            }
                        }
                    }
                };
                for tick in claim.first..=claim.last {
                    prop_assert!(given.insert(tick), "tick {tick} twice");
                    let unit = shape.instant(tick).micros();
                    prop_assert!(unit >= begin * 1_000 && unit + shape.unit() <= end * 1_000);
                }
            }
            let reached = fence.leave();
            prop_assert!(reached <= end);
            begin = if returns { reached.max(begin) } else { end };
        }
    }
}
