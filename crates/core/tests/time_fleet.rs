//! Clocks of a fleet: who is off is named, the registry too, and nobody who is kept right.

#![allow(clippy::unwrap_used, missing_docs)]

use proptest::prelude::*;
use snowflake_core::time::{
    FEWEST_CLOCKS, Fleet, FleetVerdict, KEPT_WITHIN, Report, Span, ahead_of_member, fleet,
};

const SECOND: i64 = 1_000_000_000;
const POLL: i64 = 64 * SECOND;
/// What a measurement on a local network may be wrong.
const ERROR: i64 = 20_000;
/// Nanoseconds that the registry's clocks are read apart.
const READ_APART: i64 = 40_000;

/// What a member has just reported whose clock is so far ahead of the registry's.
fn ahead(ahead: i64) -> Report {
    Report {
        offset: Span::around(-ahead, ERROR),
        age: Some(0),
        shift: 0,
        poll: POLL,
        votes: true,
    }
}

use FleetVerdict::{Agrees, Alone, Off, Stale};

fn verdicts(fleet: &Fleet) -> Vec<FleetVerdict> {
    let mut all = vec![fleet.registry];
    all.extend(&fleet.members);
    all
}

#[test]
fn each_clock_in_turn_is_off() {
    for by in [-3 * SECOND, 3 * SECOND] {
        for member in 0..3 {
            let mut reports = [ahead(0); 3];
            reports[member] = ahead(by);
            let fleet = fleet(&reports);
            let mut expected = vec![Agrees; 4];
            expected[member + 1] = Off;
            assert_eq!(verdicts(&fleet), expected);
            assert_eq!((fleet.agreeing, fleet.clocks), (3, 4));
            // all three are needed, and the registry knows its own clock exactly
            assert_eq!(fleet.hull, Some(Span::around(0, KEPT_WITHIN)));
        }
        // all members are ahead of the registry: it is the one that is behind
        let fleet = fleet(&[ahead(by); 3]);
        assert_eq!(verdicts(&fleet), [Off, Agrees, Agrees, Agrees]);
        // true time is what the members show, as far as they may be off
        assert_eq!(
            fleet.hull,
            Some(Span::around(by, KEPT_WITHIN + ERROR + READ_APART))
        );
    }
}

#[test]
fn three_clocks_are_the_fewest() {
    assert_eq!(FEWEST_CLOCKS, 3);
    assert_eq!(verdicts(&fleet(&[])), [Alone]);
    let two = fleet(&[ahead(0)]);
    assert_eq!((verdicts(&two), two.hull), (vec![Alone, Alone], None));
    assert_eq!(verdicts(&fleet(&[ahead(3 * SECOND)])), [Alone, Alone]);
    assert_eq!(
        verdicts(&fleet(&[ahead(0), ahead(3 * SECOND)])),
        [Agrees, Agrees, Off]
    );
    // three that contradict each other
    assert_eq!(
        verdicts(&fleet(&[ahead(SECOND), ahead(3 * SECOND)])),
        [Alone, Alone, Alone]
    );
    // half of four is no majority
    assert_eq!(
        verdicts(&fleet(&[ahead(0), ahead(SECOND), ahead(SECOND)])),
        [Alone; 4]
    );
}

#[test]
fn who_is_not_heard_of_does_not_count() {
    let old = |age| Report { age, ..ahead(0) };
    assert!(old(Some(3 * POLL)).is_fresh());
    let stale = [
        old(Some(3 * POLL + 6 * SECOND)),
        old(None),
        old(Some(-1)),
        old(Some(i64::MAX)),
    ];
    for stale in stale {
        assert!(!stale.is_fresh());
        let fleet = fleet(&[stale, ahead(3 * SECOND), ahead(0)]);
        assert_eq!(verdicts(&fleet), [Agrees, Stale, Off, Agrees]);
        assert_eq!(fleet.clocks, 3);
    }
    // two that stopped leave two, which is too few
    let fleet = fleet(&[stale[0], stale[1], ahead(0)]);
    assert_eq!(verdicts(&fleet), [Alone, Stale, Stale, Alone]);
}

/// The registry's server may be a member of itself.
#[test]
fn one_clock_has_one_vote() {
    let itself = Report {
        votes: false,
        ..ahead(0)
    };
    let fleet = fleet(&[itself, ahead(3 * SECOND)]);
    assert_eq!((fleet.clocks, fleet.hull), (2, None));
    assert_eq!(verdicts(&fleet), [Alone; 3]);
    let fleet = snowflake_core::time::fleet(&[itself, ahead(3 * SECOND), ahead(3 * SECOND)]);
    assert_eq!(verdicts(&fleet), [Off, Off, Agrees, Agrees]);
}

#[test]
fn the_registry_is_set_after_the_reports() {
    // it is 3 s ahead now: all members are behind it, though none has reported that
    let set = Report {
        age: Some(10 * SECOND),
        shift: 3 * SECOND,
        ..ahead(0)
    };
    let all = fleet(&[set; 3]);
    assert_eq!(verdicts(&all), [Off, Agrees, Agrees, Agrees]);
    // one of them has
    let some = fleet(&[ahead(-3 * SECOND), set, set]);
    assert_eq!(verdicts(&some), [Off, Agrees, Agrees, Agrees]);
    // less certain by 200 ppm of 10 s on either side
    assert_eq!(
        set.offset_now(),
        Span::around(3 * SECOND, ERROR + 2_000_000 + READ_APART)
    );
}

#[test]
fn what_a_member_is_told() {
    // the registry is 3 s ahead of the member, and right
    let offset = Span::around(3 * SECOND, ERROR);
    let hull = Span::around(0, KEPT_WITHIN);
    assert_eq!(
        ahead_of_member(hull, offset),
        Span::around(3 * SECOND, KEPT_WITHIN + ERROR)
    );
    let far = Span::around(i64::MAX, 0);
    assert_eq!(ahead_of_member(far, far), far);
}

/// A member that tells what it likes.
fn liar() -> impl Strategy<Value = Report> {
    let offset = prop_oneof![
        (-10 * SECOND..10 * SECOND, 0..20 * SECOND),
        (any::<i64>(), 0..i64::MAX)
    ];
    let shown = (
        offset,
        prop::option::of(any::<i64>()),
        any::<i64>(),
        any::<bool>(),
    );
    shown.prop_map(|((middle, width), age, poll, votes)| Report {
        offset: Span::around(middle, width / 2),
        age: age.or(Some(0)),
        shift: 0,
        poll,
        votes,
    })
}

proptest! {
    /// With fewer than half of the clocks lying, true time is within what the fleet says, and no clock
    /// that is kept right is called off. Where the registry's own is not, it is one of those.
    #[test]
    fn liars_do_not_move_the_truth(
        registry in prop_oneof![-KEPT_WITHIN..=KEPT_WITHIN, -20 * SECOND..20 * SECOND],
        honest in prop::collection::vec((-KEPT_WITHIN..=KEPT_WITHIN, 0..SECOND, 0..SECOND), 1..8),
        liars in prop::collection::vec(liar(), 0..8),
    ) {
        let registry_is_right = registry.abs() <= KEPT_WITHIN;
        let right = honest.len() + usize::from(registry_is_right);
        let all = honest.len() + 1 + liars.len();
        prop_assume!(right > all / 2);
        // how far each clock is ahead of true time; that of the registry less theirs is measured
        let mut reports: Vec<_> = honest.iter().map(|(ahead, low, high)| {
            let offset = registry - ahead;
            Report { offset: Span { low: offset - low, high: offset + high }, ..self::ahead(0) }
        }).collect();
        reports.extend(liars);
        let fleet = fleet(&reports);
        let right = &fleet.members[..honest.len()];
        if fleet.clocks < FEWEST_CLOCKS {
            prop_assert_eq!(fleet.hull, None);
        } else {
            let hull = fleet.hull.unwrap();
            prop_assert!((hull.low..=hull.high).contains(&-registry));
            prop_assert!(right.iter().all(|verdict| *verdict == Agrees));
            if registry_is_right {
                prop_assert_eq!(fleet.registry, Agrees);
            }
            // what a member is told of its own clock holds
            for ((ahead, ..), report) in honest.iter().zip(&reports) {
                let told = ahead_of_member(hull, report.offset);
                prop_assert!((told.low..=told.high).contains(&-ahead));
            }
        }
    }

    /// Whatever is stored, something is said of it.
    #[test]
    fn nothing_overflows(reports in prop::collection::vec(
        (liar(), any::<i64>(), prop::option::of(any::<i64>())).prop_map(|(report, shift, age)| Report { shift, age, ..report }), 0..20
    )) {
        let count = reports.len();
        let fleet = fleet(&reports);
        prop_assert_eq!(fleet.members.len(), count);
        prop_assert!(fleet.agreeing <= fleet.clocks && fleet.clocks <= count + 1);
    }
}
