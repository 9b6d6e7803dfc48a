//! Strides: that nodes never meet, and that a sequence without a breach stays in its stride
//! whatever happens to it, while one with a breach can leave it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;

use proptest::prelude::*;
use snowflake_core::stride::{Alteration, Breach, Error, SequenceState, Stride};
use snowflake_core::{Kind, Refusal};

fn stride(node: i32, nodes: i32) -> Stride {
    Stride::new(node, nodes).unwrap()
}

/// The node's smallest number above another one.
fn first_above(stride: Stride, number: i64) -> Option<i64> {
    stride.first_from(number.checked_add(1)?)
}

/// `nextval()` as PostgreSQL has it, for ascending sequences; nothing at the end.
fn next(sequence: &mut SequenceState) -> Option<i64> {
    let next = if !sequence.called {
        sequence.last_value
    } else {
        let next = sequence.last_value.checked_add(sequence.increment);
        match next.filter(|next| *next <= sequence.max) {
            Some(next) => next,
            None if sequence.cycle => sequence.min,
            None => return None,
        }
    };
    (sequence.last_value, sequence.called) = (next, true);
    Some(next)
}

fn restart(sequence: &mut SequenceState) {
    (sequence.last_value, sequence.called) = (sequence.start, false);
}

fn changed(sequence: &SequenceState, alteration: Alteration) -> SequenceState {
    SequenceState {
        increment: alteration.increment,
        min: alteration.min,
        start: alteration.start,
        last_value: alteration.next,
        called: false,
        ..*sequence
    }
}

fn any_stride(most: i32) -> impl Strategy<Value = Stride> {
    (1..=most).prop_flat_map(|nodes| (1..=nodes).prop_map(move |node| stride(node, nodes)))
}

/// Ascending sequences that PostgreSQL accepts, some at the ends of what fits.
fn any_sequence() -> impl Strategy<Value = SequenceState> {
    let bounds = prop_oneof![
        (-50_i64..50, 0_i64..200).prop_map(|(min, room)| (min, min + room)),
        (0_i64..100).prop_map(|room| (i64::MAX - room, i64::MAX)),
        (0_i64..100).prop_map(|room| (i64::MIN, i64::MIN + room)),
        Just((1, i64::MAX)),
    ];
    (bounds, any::<(u64, u64, bool, bool)>(), 1_i64..12).prop_map(
        |((min, max), (start, last, cycle, called), increment)| {
            let pick = |number: u64| {
                let room = max.abs_diff(min).min(200);
                min + (number % (room + 1)) as i64
            };
            SequenceState {
                increment,
                min,
                max,
                start: pick(start),
                cycle,
                last_value: pick(last),
                called,
            }
        },
    )
}

#[test]
fn nodes_are_counted_from_one() {
    let cases = [
        (0, 0, "number of nodes 0 is out of range"),
        (1, -3, "number of nodes -3 is out of range"),
        (0, 3, "node 0 is out of range for 3 nodes"),
        (4, 3, "node 4 is out of range for 3 nodes"),
        (-1, 3, "node -1 is out of range for 3 nodes"),
        (
            i32::MIN,
            i32::MAX,
            "node -2147483648 is out of range for 2147483647 nodes",
        ),
    ];
    for (node, nodes, message) in cases {
        let error = Stride::new(node, nodes).unwrap_err();
        assert_eq!(
            (error.to_string().as_str(), error.kind()),
            (message, Kind::InvalidParameter)
        );
    }
    assert_eq!(
        (
            stride(3, 3).remainder(),
            stride(2, 3).remainder(),
            stride(1, 1).remainder()
        ),
        (0, 2, 0)
    );
    assert!(stride(3, 3).holds(0) && stride(3, 3).holds(-3) && stride(2, 3).holds(-1));
    assert!(Stride::new(i32::MAX, i32::MAX).unwrap().holds(0));
}

#[test]
fn text_of_a_stride() {
    assert_eq!(stride(2, 30).to_string(), "node=2,nodes=30");
    for text in [
        "",
        "node=1",
        "node=1,nodes=",
        "node=+1,nodes=3",
        "nodes=3,node=1",
        "node=1,nodes=3 ",
        "node=1,nodes=3000000000",
    ] {
        assert_eq!(Stride::parse(text), Err(Error::Text { text: text.into() }));
    }
    assert_eq!(
        Stride::parse("node=4,nodes=3"),
        Err(Error::Node { node: 4, nodes: 3 })
    );
}

#[test]
fn the_end_of_a_sequence() {
    let sequence = SequenceState {
        increment: 1,
        min: 1,
        max: 10,
        start: 1,
        cycle: false,
        last_value: 8,
        called: true,
    };
    assert_eq!(sequence.adopt(stride(1, 3), None).unwrap().next, 10);
    assert_eq!(sequence.adopt(stride(1, 3), Some(9)).unwrap().next, 10);
    for (stride, in_use) in [
        (stride(2, 3), None),
        (stride(1, 3), Some(10)),
        (stride(1, 1), Some(i64::MAX)),
    ] {
        let above = in_use.unwrap_or(8);
        let expected = Error::Exhausted {
            node: stride.node(),
            nodes: stride.nodes(),
            above,
            max: 10,
        };
        assert_eq!(expected.kind(), Kind::Exhausted);
        assert_eq!(sequence.adopt(stride, in_use), Err(expected));
    }
    // a number that would be below the smallest is none
    assert_eq!(
        sequence.adopt(stride(1, 50), None),
        Err(Error::Exhausted {
            node: 1,
            nodes: 50,
            above: 8,
            max: 10
        })
    );
    let fresh = SequenceState {
        last_value: 1,
        called: false,
        ..sequence
    };
    assert_eq!(fresh.adopt(stride(1, 3), Some(-7)).unwrap().next, 1);
    let down = SequenceState {
        increment: -1,
        ..sequence
    };
    assert_eq!(
        down.adopt(stride(1, 3), None),
        Err(Error::Descending { increment: -1 })
    );
    assert_eq!(
        down.breaches(stride(2, 3)),
        [Breach::Descending(-1), Breach::Start(1)]
    );
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn text_is_read_back(stride in any_stride(i32::MAX)) {
        prop_assert_eq!(Stride::parse(&stride.to_string()), Ok(stride));
    }

    #[test]
    fn every_number_belongs_to_one_node(number in any::<i64>(), nodes in 1_i32..100) {
        let owners = (1..=nodes).filter(|node| stride(*node, nodes).holds(number)).count();
        prop_assert_eq!(owners, 1);
    }

    #[test]
    fn the_first_number_is_the_smallest(
        lowest in prop_oneof![any::<i64>(), -100_i64..100, (i64::MAX - 100)..=i64::MAX],
        stride in any_stride(50),
    ) {
        // against a search
        let mut candidates = (0..50).filter_map(|step| lowest.checked_add(step));
        let found = candidates.find(|number| stride.holds(*number));
        prop_assert_eq!(stride.first_from(lowest), found);
        let above = lowest.checked_add(1).and_then(|above| stride.first_from(above));
        prop_assert_eq!(first_above(stride, lowest), above);
    }

    #[test]
    fn a_changed_sequence_goes_on_above_what_exists(
        sequence in any_sequence(),
        stride in any_stride(20),
        in_use in proptest::option::of(-100_i64..300),
    ) {
        let above = in_use.map_or(sequence.given(), |in_use| in_use.max(sequence.given()));
        match sequence.adopt(stride, in_use) {
            Ok(change) => {
                prop_assert!(change.next > above && stride.holds(change.next));
                // it is the smallest of all that would do
                let smallest = first_above(stride, above)
                    .filter(|next| *next >= sequence.min)
                    .or(stride.first_from(sequence.min));
                prop_assert_eq!(Some(change.next), smallest);
                // PostgreSQL accepts it
                prop_assert!(sequence.min <= change.min && change.min <= change.start);
                prop_assert!(change.start <= sequence.max && change.next <= sequence.max);
                prop_assert!(change.min <= change.next);
                prop_assert!(sequence.cycle || change.min == sequence.min);
                let mut changed = changed(&sequence, change);
                prop_assert_eq!(changed.breaches(stride), vec![]);
                for turn in 0..40 {
                    if turn == 20 {
                        restart(&mut changed);
                    }
                    if let Some(number) = next(&mut changed) {
                        prop_assert!(stride.holds(number), "{} of {:?}", number, changed);
                        prop_assert!(turn > 0 || number == change.next);
                    }
                }
            }
            Err(error) => {
                let (node, nodes, max) = (stride.node(), stride.nodes(), sequence.max);
                prop_assert_eq!(error, Error::Exhausted { node, nodes, above, max });
                let candidate = stride.first_from(sequence.min.max(above.saturating_add(1)));
                let none_left = candidate.is_none_or(|candidate| candidate > max);
                prop_assert!(above == i64::MAX || none_left);
            }
        }
    }

    /// No breach means that no number of another node can come; a breach, that one can, given room.
    #[test]
    fn breaches_are_what_leaves_the_stride(sequence in any_sequence(), stride in any_stride(8)) {
        let breaches = sequence.breaches(stride);
        let mut foreign = false;
        for restarts in [false, true] {
            let mut now = sequence;
            if restarts {
                restart(&mut now);
                foreign |= !stride.holds(now.last_value);
            }
            for _ in 0..250 {
                match next(&mut now) {
                    Some(number) => foreign |= !stride.holds(number),
                    None => break,
                }
            }
        }
        if breaches.is_empty() {
            prop_assert!(!foreign, "{:?}", sequence);
        }
        let room = sequence.max.abs_diff(sequence.last_value) >= 2 * sequence.increment as u64;
        let ends = sequence.max.abs_diff(sequence.min) <= 200;
        if !breaches.is_empty() && room && (ends || !sequence.cycle) {
            prop_assert!(foreign, "{:?} {:?}", sequence, breaches);
        }
    }
}

#[test]
fn breaches_in_words() {
    let sequence = SequenceState {
        increment: 1,
        min: 1,
        max: 100,
        start: 1,
        cycle: true,
        last_value: 7,
        called: true,
    };
    let words: BTreeSet<_> = sequence
        .breaches(stride(3, 3))
        .iter()
        .map(|breach| breach.describe(stride(3, 3)))
        .collect();
    let expected = [
        "INCREMENT 1 is not a multiple of 3",
        "MINVALUE 1, where CYCLE goes on, is not congruent to 3 modulo 3",
        "START 1, where a restart goes back to, is not congruent to 3 modulo 3",
        "last_value 7 is not congruent to 3 modulo 3",
    ];
    assert!(words.iter().eq(expected.iter()), "{words:?}");
    // a multiple of the number of nodes stays in the stride
    let wide = SequenceState {
        increment: 6,
        min: 3,
        start: 3,
        last_value: 9,
        ..sequence
    };
    assert_eq!(wide.breaches(stride(3, 3)), []);
}
