//! Nodes: what is drawn at random, and the fingerprint of where.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::HashSet;

use proptest::prelude::*;
use snowflake_core::causality::{LAST_NODE, fingerprint, node};

#[test]
fn the_fingerprint_stays_the_same() {
    // stored in databases
    assert_eq!(
        fingerprint(7_577_123_456_789_012_345, 1, 16_384),
        7_230_667_174_048_165_575
    );
    assert_eq!(
        fingerprint(7_577_123_456_789_012_345, 2, 16_384),
        5_436_525_244_517_830_609
    );
    // 0 is what setval() leaves
    assert_eq!(fingerprint(0, 0, 0), 1);
}

#[test]
fn the_ends_of_nodes() {
    assert_eq!(node(0), None);
    assert_eq!(node(3 << 62), None);
    assert_eq!(node(1), Some(1));
    assert_eq!(node(u64::MAX), Some(LAST_NODE));
}

proptest! {
    #[test]
    fn a_copy_has_another_fingerprint(
        system: u64,
        other: u64,
        timeline in 1..1_000_u32,
        database in 1..100_000_u32,
    ) {
        prop_assume!(system != other);
        let places = [
            (system, timeline, database),
            (system, timeline + 1, database),
            (system, timeline, database + 1),
            // the timeline of one is the database of the other
            (system, database + 100_000, timeline),
            (other, timeline, database),
        ];
        let fingerprints: HashSet<i64> = places
            .into_iter()
            .map(|(system, timeline, database)| fingerprint(system, timeline, database))
            .collect();
        prop_assert_eq!(fingerprints.len(), places.len());
        prop_assert!(fingerprints.iter().all(|fingerprint| *fingerprint > 0));
    }

    #[test]
    fn nodes_have_62_bits(random: u64) {
        if let Some(node) = node(random) {
            prop_assert!((1..=LAST_NODE).contains(&node));
            prop_assert_eq!(node as u64, random << 2 >> 2);
        }
    }
}
