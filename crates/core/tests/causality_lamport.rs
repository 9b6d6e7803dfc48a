//! Lamport's clock: a cause has a smaller number than its effects, numbers of one clock are distinct
//! and rise, and none is above the mark, whatever is stored and lost.
#![allow(clippy::unwrap_used, missing_docs)]

mod causal_history;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use causal_history::{Clock, REPLICAS, Step, run, steps};
use proptest::prelude::*;
use snowflake_core::causality::LamportError;
use snowflake_core::causality::lamport::{
    AHEAD, LAST, LONGEST_STEP, Lamport, Raise, next, witnessed,
};

/// A database: its clock in shared memory, and the mark that is stored.
#[derive(Default)]
struct Database {
    clock: Lamport<AtomicU64>,
    stored: Mutex<u64>,
}

impl Database {
    /// A number, as a backend gets it; the stored mark is durable at once.
    fn advance(&self, witnessed: u64) -> Result<u64, LamportError> {
        let clock = &self.clock;
        loop {
            if let Some(number) = clock.advance(&clock.confirmed, witnessed) {
                assert!(number <= *self.stored.lock().unwrap(), "above the mark");
                return Ok(number);
            }
            let number = next(clock.last.load(Ordering::Relaxed), witnessed)?;
            self.raise(Some(number));
        }
    }

    fn raise(&self, needed: Option<u64>) -> Raise {
        let clock = &self.clock;
        let mut stored = self.stored.lock().unwrap();
        let raise = clock.decide(&clock.confirmed, needed, *stored);
        if let Raise::Store { mark } = raise {
            clock.storing(mark);
            *stored = mark;
        }
        drop(stored);
        let mark = match raise {
            Raise::Published => return raise,
            Raise::Adopt { mark, foreign } => {
                if foreign {
                    clock.resume(mark);
                }
                mark
            }
            Raise::Store { mark } => mark,
        };
        clock.publish_durable(mark);
        clock.publish_confirmed(mark);
        raise
    }

    /// Shared memory is gone, what is stored is not. As a backend that begins, it reads the mark.
    fn restart(self) -> Self {
        let database = Self {
            clock: Lamport::default(),
            stored: self.stored,
        };
        database.raise(None);
        database
    }
}

/// The clock of a replica in the model of causal histories.
#[derive(Clone, Default)]
struct Number {
    last: u64,
    /// Whether the latest number is that of an event of the model, which hearing of others is not.
    is_event: bool,
}

impl Clock for Number {
    fn beginning() -> Vec<Self> {
        vec![Self::default(); REPLICAS]
    }

    fn event(&mut self, _replica: usize) {
        self.last = next(self.last, 0).unwrap();
        self.is_event = true;
    }

    fn receive(&mut self, message: &Self) {
        self.last = next(self.last, message.last).unwrap();
        self.is_event = false;
    }
}

proptest! {
    #[test]
    fn a_cause_has_a_smaller_number(steps in steps(60)) {
        let mut events = run::<Number>(&steps);
        events.retain(|(number, _)| number.is_event);
        for (cause, known) in &events {
            for (effect, known_then) in &events {
                if known.is_subset(known_then) && known != known_then {
                    prop_assert!(cause.last < effect.last, "{:?} {:?}", known, known_then);
                }
            }
        }
    }

    #[test]
    fn the_words_follow_the_rule_over_restarts(
        steps in steps(80),
        restarts in prop::collection::vec(0..REPLICAS, 0..5),
    ) {
        let mut replicas: Vec<Database> = (0..REPLICAS).map(|_| Database::default()).collect();
        let mut last = [0; REPLICAS];
        let mut messages = Vec::new();
        for (place, step) in steps.iter().enumerate() {
            if let Some(replica) = restarts.get(place / 16) && place % 16 == 8 {
                let database = std::mem::take(&mut replicas[*replica]);
                replicas[*replica] = database.restart();
            }
            let (replica, heard) = match step {
                Step::Event(replica) => (*replica, 0),
                Step::Send(replica) => {
                    messages.push(last[*replica]);
                    continue;
                }
                Step::Receive(_, _) if messages.is_empty() => continue,
                Step::Receive(replica, message) => (*replica, *message.get(&messages)),
                Step::Fork(_, _) | Step::Join(_, _) => continue,
            };
            let number = replicas[replica].advance(heard).unwrap();
            prop_assert!(number > last[replica] && number > heard);
            last[replica] = number;
        }
    }

    #[test]
    fn witnessing_is_a_step_above_both(last in 0..LAST, ahead in 0..=LONGEST_STEP) {
        let heard = last + ahead;
        match next(last, heard) {
            Ok(number) => prop_assert_eq!(number, last.max(heard) + 1),
            Err(error) => {
                prop_assert!(heard >= LAST);
                prop_assert_eq!(error, LamportError::Exhausted { largest: LAST });
            }
        }
        prop_assert_eq!(next(heard, last).is_ok(), heard < LAST);
    }
}

#[test]
fn a_restart_skips_what_was_raised_ahead() {
    let database = Database::default();
    assert_eq!(database.advance(0), Ok(1));
    assert_eq!(database.advance(0), Ok(2));
    assert_eq!(*database.stored.lock().unwrap(), AHEAD);
    let database = database.restart();
    // to be asked without an event, too
    assert_eq!(database.clock.last.load(Ordering::Relaxed), AHEAD);
    assert_eq!(database.advance(0), Ok(AHEAD + 1));
    assert_eq!(*database.stored.lock().unwrap(), 2 * AHEAD);
}

#[test]
fn one_raise_is_for_a_whole_block() {
    let database = Database::default();
    for number in 1..=AHEAD {
        assert_eq!(database.advance(0), Ok(number));
    }
    assert_eq!(*database.stored.lock().unwrap(), AHEAD);
    assert_eq!(database.advance(0), Ok(AHEAD + 1));
    assert_eq!(*database.stored.lock().unwrap(), 2 * AHEAD);
    // far ahead: the block begins there
    assert_eq!(database.advance(10 * AHEAD), Ok(10 * AHEAD + 1));
    assert_eq!(*database.stored.lock().unwrap(), 11 * AHEAD);
}

#[test]
fn a_mark_from_elsewhere_is_gone_on_from_and_one_that_was_lost_is_stored_again() {
    let database = Database::default();
    database.advance(0).unwrap();
    *database.stored.lock().unwrap() = 5 * AHEAD;
    assert_eq!(
        database.raise(None),
        Raise::Adopt {
            mark: 5 * AHEAD,
            foreign: true
        }
    );
    assert_eq!(database.advance(0), Ok(5 * AHEAD + 1));
    *database.stored.lock().unwrap() = 7;
    assert_eq!(database.raise(None), Raise::Store { mark: 6 * AHEAD });
    assert_eq!(database.raise(None), Raise::Published);
    assert_eq!(database.advance(0), Ok(5 * AHEAD + 2));
    // noticed by a raise as well, which does not fall back
    *database.stored.lock().unwrap() = 7;
    let needed = 5 * AHEAD + 3;
    assert_eq!(
        database.raise(Some(needed)),
        Raise::Store {
            mark: needed - 1 + AHEAD
        }
    );
}

#[test]
fn sessions_that_do_without_standbys_do_not_count_for_others() {
    let clock = Lamport::<AtomicU64>::new();
    let store = Raise::Store { mark: AHEAD };
    assert_eq!(clock.decide(&clock.durable, Some(1), 0), store);
    clock.storing(AHEAD);
    clock.publish_durable(AHEAD);
    assert_eq!(clock.advance(&clock.durable, 0), Some(1));
    assert_eq!(clock.advance(&clock.confirmed, 0), None);
    // what is stored will do, once standbys have it; the clock goes on where it is
    assert_eq!(
        clock.decide(&clock.confirmed, Some(2), AHEAD),
        Raise::Adopt {
            mark: AHEAD,
            foreign: false
        }
    );
    clock.publish_confirmed(AHEAD);
    assert_eq!(clock.advance(&clock.confirmed, 0), Some(2));
}

#[test]
fn the_ends() {
    for number in [-1, i64::MIN, LAST as i64 + 1, i64::MAX] {
        let largest = LAST;
        assert_eq!(
            witnessed(number),
            Err(LamportError::OutOfRange { number, largest })
        );
    }
    assert_eq!(witnessed(0), Ok(0));
    assert_eq!(witnessed(LAST as i64), Ok(LAST));
    assert_eq!(next(LAST - 1, 0), Ok(LAST));
    let end = Err(LamportError::Exhausted { largest: LAST });
    assert_eq!(next(LAST, 0), end);
    assert_eq!(next(LAST - 1, LAST), end);
    assert_eq!(next(5, 5 + LONGEST_STEP), Ok(6 + LONGEST_STEP));
    assert_eq!(
        next(5, 6 + LONGEST_STEP),
        Err(LamportError::TooFar {
            witnessed: 6 + LONGEST_STEP,
            last: 5,
            longest: LONGEST_STEP
        })
    );
    // the mark goes up to the end and not beyond
    let database = Database::default();
    *database.stored.lock().unwrap() = LAST - 2;
    let database = database.restart();
    assert_eq!(database.advance(0), Ok(LAST - 1));
    assert_eq!(*database.stored.lock().unwrap(), LAST);
    assert_eq!(database.advance(0), Ok(LAST));
    assert_eq!(database.advance(0), end);
}

#[test]
fn numbers_of_eight_threads_are_distinct_and_rise() {
    const EACH: usize = 200_000;
    let database = Database::default();
    let all: Vec<Vec<u64>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8_u64)
            .map(|thread| {
                let database = &database;
                scope.spawn(move || {
                    // some hear of numbers somewhat ahead
                    (0..EACH as u64)
                        .map(|turn| {
                            let heard = if turn % 1_000 == thread { turn * 9 } else { 0 };
                            let number = database.advance(heard).unwrap();
                            assert!(number > heard);
                            number
                        })
                        .collect()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    for own in &all {
        assert!(own.is_sorted_by(|a, b| a < b));
    }
    let distinct: BTreeSet<u64> = all.iter().flatten().copied().collect();
    assert_eq!(distinct.len(), 8 * EACH);
}
