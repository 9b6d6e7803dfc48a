//! A table of keys: found as long as they are there, wherever others come and go, and what is not
//! there is found missing without a look at all places.

#![allow(clippy::unwrap_used)]

use std::cell::Cell;
use std::collections::BTreeSet;

use proptest::prelude::*;
use snowflake_core::probe::{FREED, Found, NEVER, find, free};

/// A table that counts how many places are looked at.
struct Table {
    places: Vec<Cell<u64>>,
    looks: Cell<usize>,
}

impl Table {
    fn new(size: usize) -> Self {
        Self {
            places: vec![Cell::new(NEVER); size],
            looks: Cell::new(0),
        }
    }

    fn find(&self, key: u64) -> Found {
        self.looks.set(0);
        find(self.places.len(), key, |place| {
            self.looks.set(self.looks.get() + 1);
            self.places[place].get()
        })
    }

    fn take(&self, key: u64) -> bool {
        match self.find(key) {
            Found::Taken(_) => true,
            Found::Free(place) => {
                let held = self.places[place].replace(key);
                assert!([NEVER, FREED].contains(&held), "{place} is taken");
                true
            }
            Found::Full => false,
        }
    }

    fn free(&self, key: u64) {
        if let Found::Taken(place) = self.find(key) {
            let at = |place: usize| self.places[place].get();
            free(self.places.len(), place, at, |place, held| {
                self.places[place].set(held);
            });
        }
    }
}

#[test]
fn what_is_missing_is_found_missing_at_once() {
    // the keys of databases: their OID, and that of a sequence in each
    let key = |database: u64| database << 32 | (16_384 + database);
    let table = Table::new(1_024);
    let looks = |databases: std::ops::Range<u64>| {
        let looks = databases.map(|database| {
            table.find(key(database));
            table.looks.get()
        });
        looks.max().unwrap()
    };
    assert_eq!(looks(0..1_024), 1);
    (0..64).for_each(|database| assert!(table.take(key(database))));
    assert!(looks(64..4_096) <= 16, "{}", looks(64..4_096));
    // when all are gone it is as in the beginning
    for round in 1..100 {
        (0..64).for_each(|database| assert!(table.take(key(64 * round + database))));
        (0..64).for_each(|database| table.free(key(64 * (round - 1) + database)));
    }
    (0..64).for_each(|database| table.free(key(64 * 99 + database)));
    assert_eq!(looks(0..4_096), 1);
}

#[test]
fn a_full_table_has_no_place() {
    let table = Table::new(8);
    (1..=8).for_each(|key| assert!(table.take(key)));
    assert_eq!(table.find(9), Found::Full);
    table.free(3);
    assert!(table.take(9));
    assert_eq!(table.find(3), Found::Full);
    assert_eq!(find(0, 1, |_| NEVER), Found::Full);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn keys_are_found_while_they_are_there(
        size in 1..12_usize,
        steps in proptest::collection::vec((any::<bool>(), 1..24_u64), 0..200),
    ) {
        let table = Table::new(size);
        let mut keys = BTreeSet::new();
        for (takes, key) in steps {
            if takes {
                let room = keys.contains(&key) || keys.len() < size;
                prop_assert_eq!(table.take(key), room);
                if room {
                    keys.insert(key);
                }
            } else {
                table.free(key);
                keys.remove(&key);
            }
            for key in 1..24 {
                let found = matches!(table.find(key), Found::Taken(place) if table.places[place].get() == key);
                prop_assert_eq!(found, keys.contains(&key));
            }
        }
    }
}
