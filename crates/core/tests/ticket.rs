//! What holds for every ticket counter, whatever its servers do and however they end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicU64;

use proptest::prelude::*;
use snowflake_core::ticket::{Block, Cache, Counter, LARGEST_GROWTH, Queued, Ticket, block_size};

fn cases(number: u32) -> ProptestConfig {
    ProptestConfig {
        cases: number,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn fresh(start: i64, step: i64, largest: i64) -> Counter {
    Counter {
        value: start,
        claimed: false,
        step,
        largest,
    }
}

#[test]
fn blocks_of_a_counter() {
    let counter = fresh(1, 2, 8);
    assert_eq!(
        counter.claim(3),
        Some(Block {
            first: 1,
            step: 2,
            count: 3
        })
    );
    let counter = Counter {
        value: 5,
        claimed: true,
        ..counter
    };
    let last = counter.claim(3).unwrap();
    assert_eq!((last.first, last.count, last.last()), (7, 1, 7));
    let counter = Counter {
        value: 7,
        ..counter
    };
    assert_eq!(counter.claim(1), None);
    assert_eq!(fresh(9, 2, 8).claim(1), None);
}

#[test]
fn counters_at_the_end_of_their_range() {
    let whole = fresh(i64::MIN, 1, i64::MAX).claim(u32::MAX).unwrap();
    assert_eq!(whole.count, u32::MAX);
    let wide = fresh(i64::MIN, i64::MAX, i64::MAX).claim(10).unwrap();
    assert_eq!((wide.count, wide.last()), (3, i64::MAX - 1));
    let end = Counter {
        claimed: true,
        ..fresh(i64::MAX - 1, 2, i64::MAX)
    };
    assert_eq!(end.claim(1), None);
}

#[test]
fn counters_that_cannot_be_have_no_numbers() {
    for step in [0, i64::MIN] {
        for start in [i64::MIN, 0, i64::MAX] {
            let counter = fresh(start, step, i64::MAX).claim(u32::MAX);
            assert!(counter.is_none_or(|block| block.count > 0));
        }
    }
    assert!(fresh(1, 0, 10).claim(1).is_none());
    assert_eq!(fresh(11, 1, 10).claim(1), None);
    let nothing = Block {
        first: i64::MAX,
        step: i64::MAX,
        count: 0,
    };
    assert_eq!(nothing.last(), i64::MAX);
}

#[test]
fn blocks_grow_with_demand_and_shrink_without() {
    let mut size = 10;
    for _ in 0..20 {
        size = block_size(10, size, 1_000);
    }
    assert_eq!(size, 10 * LARGEST_GROWTH);
    // a block that lasts for one second is right
    assert_eq!(block_size(10, size, 1_000_000), size);
    assert_eq!(block_size(10, size, 2_000_000), size);
    assert_eq!(block_size(10, size, 3_000_000), size / 2);
    assert_eq!(block_size(10, size, 3_600_000_000), 10);
    // the base was changed meanwhile
    assert_eq!(block_size(100_000, size, 1_000_000), 100_000);
    assert_eq!(block_size(1, size, 1_000_000), LARGEST_GROWTH);
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn sizes_stay_within_limits(
        base in 1..=u32::MAX / LARGEST_GROWTH,
        before in 1..=u32::MAX,
        lasted in 0..i64::MAX,
    ) {
        let size = block_size(base, before, lasted);
        prop_assert!((base..=base * LARGEST_GROWTH).contains(&size));
        // longer is never larger
        prop_assert!(block_size(base, before, lasted.saturating_mul(2)) <= size);
    }

    #[test]
    fn a_block_is_what_the_counter_has(
        start in any::<i64>(),
        step in 1..=i64::MAX,
        largest in any::<i64>(),
        claimed in any::<bool>(),
        count in 1..=u32::MAX,
    ) {
        let counter = Counter { value: start, claimed, step, largest };
        let exact = |index: u32| i128::from(start) + i128::from(step)
            * (i128::from(index) + i128::from(claimed));
        match counter.claim(count) {
            None => prop_assert!(exact(0) > largest.into()),
            Some(block) => {
                prop_assert!((1..=count).contains(&block.count));
                prop_assert_eq!(i128::from(block.first), exact(0));
                prop_assert_eq!(i128::from(block.last()), exact(block.count - 1));
                prop_assert!(block.last() <= largest);
                prop_assert!(block.count == count || exact(block.count) > largest.into());
            }
        }
    }
}

/// What a server, or the world around it, does.
#[derive(Clone, Debug)]
enum Step {
    /// A backend of a server draws.
    Draw(usize),
    /// The log of the database becomes durable.
    Flush,
    /// A server crashes: its cache is empty, and the database what was durable.
    Crash,
    /// Somebody else claims numbers, as nextval() does.
    Other(u32),
    /// A cache is thrown away, as when its counter is altered.
    Discard(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        60 => (0..2_usize).prop_map(Step::Draw),
        10 => Just(Step::Flush),
        3 => Just(Step::Crash),
        5 => (1..5_u32).prop_map(Step::Other),
        2 => (0..2_usize).prop_map(Step::Discard),
    ]
}

/// A database, with two caches of blocks of one counter.
struct World {
    counter: Counter,
    /// What a crash brings back, and up to which position.
    durable: Counter,
    /// Where the log ends, and how far it is durable.
    written: u64,
    flushed: u64,
    /// The last number that is claimed at each position.
    claims: BTreeMap<u64, i64>,
    caches: [Cache<AtomicU64>; 2],
    base: u32,
    clock: i64,
}

impl World {
    fn claim(&mut self, count: u32) -> Option<Queued> {
        let block = self.counter.claim(count)?;
        self.counter.value = block.last();
        self.counter.claimed = true;
        self.written += 1;
        self.claims.insert(self.written, block.last());
        Some(Queued {
            block,
            position: self.written,
        })
    }

    fn flush(&mut self) {
        self.flushed = self.written;
        self.durable = self.counter;
    }

    fn fill(&mut self, cache: usize) -> bool {
        if self.caches[cache].queued().is_none() {
            let size = self.caches[cache].size(self.base, self.clock);
            let Some(queued) = self.claim(size) else {
                return false;
            };
            self.caches[cache].queue(queued);
            self.caches[cache].sized(size, self.clock);
        }
        self.caches[cache].advance(self.flushed);
        true
    }

    fn draw(&mut self, cache: usize) -> Option<i64> {
        loop {
            if let Some(ticket) = self.caches[cache].draw(|| true) {
                if ticket.low {
                    self.fill(cache);
                }
                return Some(ticket.number);
            }
            if !self.fill(cache) {
                return None;
            }
            if self.caches[cache].left() == 0 {
                self.flush();
                self.caches[cache].advance(self.flushed);
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn never_twice_and_always_rising(
        steps in prop::collection::vec(step(), 1..400),
        start in -10..10_i64,
        distance in 1..4_i64,
        base in 1..6_u32,
        tempo in prop::sample::select(vec![1_000_i64, 300_000, 10_000_000]),
    ) {
        let counter = fresh(start, distance, 500);
        let mut world = World {
            counter,
            durable: counter,
            written: 0,
            flushed: 0,
            claims: BTreeMap::new(),
            caches: [Cache::new(), Cache::new()],
            base,
            clock: 0,
        };
        let mut given = BTreeSet::new();
        let mut newest = [i64::MIN; 2];
        let mut undisturbed = true;
        for step in steps {
            world.clock += tempo;
            match step {
                Step::Draw(cache) => {
                    let Some(number) = world.draw(cache) else { continue };
                    prop_assert!(given.insert(number), "{} twice", number);
                    prop_assert!(number > newest[cache]);
                    newest[cache] = number;
                    prop_assert_eq!((number - start).rem_euclid(distance), 0);
                    // what a crash now would leave is above it
                    prop_assert!(world.durable.claimed && number <= world.durable.value);
                    // and so is what a server has that has the log up to the cache's position
                    let position = world.caches[cache].position();
                    prop_assert!(number <= world.claims[&position], "{number} at {position}");
                    undisturbed &= cache == 0;
                    if undisturbed {
                        // one server and no crash: no gap
                        prop_assert_eq!(number, start + distance * (given.len() as i64 - 1));
                    }
                }
                Step::Flush => world.flush(),
                Step::Crash => {
                    undisturbed = false;
                    world.counter = world.durable;
                    world.written = world.flushed;
                    world.caches = [Cache::new(), Cache::new()];
                }
                Step::Other(count) => {
                    undisturbed = false;
                    let other = world.claim(count);
                    world.flush();
                    for index in 0..other.map_or(0, |other| other.block.count) {
                        let number = other.unwrap().block.first + distance * i64::from(index);
                        prop_assert!(given.insert(number), "{} twice", number);
                    }
                }
                Step::Discard(cache) => {
                    undisturbed = false;
                    world.caches[cache].discard();
                    prop_assert_eq!(world.caches[cache].left(), 0);
                }
            }
        }
    }
}

#[test]
fn a_cache_that_changes_hands_gives_nothing() {
    let cache = Cache::<AtomicU64>::new();
    cache.queue(Queued {
        block: Block {
            first: 1,
            step: 1,
            count: 10,
        },
        position: 7,
    });
    cache.advance(6);
    assert_eq!(cache.draw(|| true), None);
    cache.advance(7);
    assert_eq!(cache.draw(|| false), None);
    assert_eq!(cache.draw(|| true).unwrap().number, 1);
    // it is emptied between the look at the word and the swap
    let late = cache.draw(|| {
        cache.discard();
        true
    });
    assert_eq!(late, None);
}

#[test]
fn the_next_block_is_asked_for_in_time() {
    let cache = Cache::<AtomicU64>::new();
    let block = |first| Queued {
        block: Block {
            first,
            step: 1,
            count: 4,
        },
        position: 0,
    };
    cache.queue(block(1));
    cache.advance(0);
    let low: Vec<_> = (0..3).map(|_| cache.draw(|| true).unwrap().low).collect();
    assert_eq!(low, [false, true, true]);
    cache.queue(block(5));
    assert!(!cache.draw(|| true).unwrap().low);
    cache.advance(0);
    assert_eq!(cache.draw(|| true).unwrap().number, 5);
}

#[test]
fn who_cannot_fetch_the_next_block_draws_only_while_nobody_need() {
    let cache = Cache::<AtomicU64>::new();
    let block = |first| Queued {
        block: Block {
            first,
            step: 1,
            count: 4,
        },
        position: 0,
    };
    cache.queue(block(1));
    cache.advance(0);
    let mine = || true;
    assert_eq!(cache.draw_of_many(|| false), None);
    assert_eq!(cache.draw_of_many(mine), Some(1));
    // half of it is left, and nothing behind it
    assert_eq!(cache.draw_of_many(mine), None);
    assert_eq!(cache.left(), 3);
    let ticket = Ticket {
        number: 2,
        low: true,
    };
    assert_eq!(cache.draw(mine), Some(ticket));
    cache.queue(block(5));
    assert_eq!(cache.draw_of_many(mine), Some(3));
    assert_eq!(cache.draw_of_many(mine), Some(4));
    assert_eq!(cache.draw_of_many(mine), None);
    cache.advance(0);
    assert_eq!(cache.draw_of_many(mine), Some(5));
}
