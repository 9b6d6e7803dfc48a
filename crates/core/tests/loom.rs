//! The generator and the mark under every order of steps that threads can take, by loom:
//! `RUSTFLAGS="--cfg loom" cargo test -p snowflake_core --release --test loom`
//!
//! Loom runs the steps of each thread in the order of the program, so what it cannot show is a
//! release or an acquire that is missing between two words.
#![cfg(loom)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64 as Plain, Ordering};

use loom::sync::atomic::AtomicU64;
use loom::sync::{Arc, Mutex, RwLock};
use loom::thread;
use snowflake_core::causality::lamport::{self, Lamport};
use snowflake_core::snowflake::{Fence, Found, Layout, Mark, Need, Raise, Shape};
use snowflake_core::ticket::{Block, Cache, Queued};
use snowflake_core::words::{Claim, Pace, Slot, Standing, Turns, Witnessed, Word};
use snowflake_core::{ClockSample, Timestamp};

/// Loom's word in the place of the real one.
#[derive(Debug, Default)]
struct Watched(AtomicU64);

impl Word for Watched {
    fn load_relaxed(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn load_acquire(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    fn compare_exchange_relaxed(&self, current: u64, new: u64) -> Result<u64, u64> {
        let order = Ordering::Relaxed;
        self.0.compare_exchange_weak(current, new, order, order)
    }

    fn compare_exchange_release(&self, current: u64, new: u64) -> Result<u64, u64> {
        let (success, failure) = (Ordering::AcqRel, Ordering::Acquire);
        self.0.compare_exchange_weak(current, new, success, failure)
    }

    fn store_relaxed(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    fn store_release(&self, value: u64) {
        self.0.store(value, Ordering::Release);
    }

    fn raise_relaxed(&self, value: u64) -> u64 {
        self.0.fetch_max(value, Ordering::Relaxed)
    }

    fn raise_release(&self, value: u64) -> u64 {
        self.0.fetch_max(value, Ordering::Release)
    }
}

/// Runs a model in all orders, or in those that take the processor away from a thread at most so
/// often in the middle of its work.
fn explore(preemptions: Option<usize>, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(model);
}

/// Runs one thread for each task, the last of them on the model's own, and returns what each of
/// them got.
fn run<S, T, O>(shared: &Arc<S>, tasks: Vec<T>, work: fn(&S, T) -> O) -> Vec<O>
where
    S: Send + Sync + 'static,
    T: Send + 'static,
    O: Send + 'static,
{
    let mut tasks = tasks;
    let own = tasks.pop().unwrap();
    let threads: Vec<_> = tasks
        .into_iter()
        .map(|task| {
            let shared = Arc::clone(shared);
            thread::spawn(move || work(&shared, task))
        })
        .collect();
    let own = work(shared, own);
    let others = threads.into_iter().map(|thread| thread.join().unwrap());
    others.chain([own]).collect()
}

/// All ticks of all threads; panics if a tick is there twice or a thread's are out of order.
fn distinct(claims: &[Vec<Claim>]) -> BTreeSet<u64> {
    let mut ticks = BTreeSet::new();
    for own in claims {
        assert!(own.windows(2).all(|pair| pair[0].last < pair[1].first));
        for claim in own {
            for tick in claim.first..=claim.last {
                assert!(ticks.insert(tick), "tick {tick} twice");
            }
        }
    }
    ticks
}

/// One word and a mark that is in nobody's way, unless it is.
struct Single {
    slot: Slot<Watched>,
    mark: Watched,
}

impl Single {
    fn new(last: u64, mark: u64) -> Arc<Self> {
        let single = Self {
            slot: Slot::default(),
            mark: Watched::default(),
        };
        single.slot.last.raise_relaxed(last);
        single.mark.raise_relaxed(mark);
        Arc::new(single)
    }

    /// Claims in turn, each given as `now` and `count`; ends early where the mark does not allow
    /// more.
    fn claims(&self, requests: Vec<(u64, u64)>) -> Vec<Claim> {
        let claim = |(now, count)| {
            let claim = self
                .slot
                .claim(&self.mark, now, u64::MAX, count, || 0)
                .ok()?;
            assert!(claim.first >= now);
            Some(claim)
        };
        requests.into_iter().map_while(claim).collect()
    }
}

// Ticks here have one bit of sequence: the unit `u` has the ticks 2u and 2u + 1.

#[test]
fn over_a_unit_boundary() {
    explore(None, || {
        let single = Single::new(9, u64::MAX);
        let tasks = vec![vec![(10, 1), (12, 1)], vec![(10, 1), (12, 1)]];
        let ticks = distinct(&run(&single, tasks, Single::claims));
        assert_eq!(ticks.len(), 4);
        assert!(ticks.iter().all(|tick| (10..=14).contains(tick)));
    });
}

#[test]
fn a_full_sequence_carries() {
    explore(None, || {
        let single = Single::new(9, u64::MAX);
        let tasks = vec![vec![(10, 1)], vec![(10, 1)], vec![(10, 1)]];
        let ticks = distinct(&run(&single, tasks, Single::claims));
        assert!(ticks.into_iter().eq(10..=12));
    });
}

#[test]
fn a_clock_that_steps_back() {
    explore(None, || {
        let single = Single::new(9, u64::MAX);
        let tasks = vec![vec![(16, 1), (12, 1)], vec![(14, 1), (10, 1)]];
        let ticks = distinct(&run(&single, tasks, Single::claims));
        assert_eq!(ticks.len(), 4);
        assert!(ticks.first() >= Some(&14) && ticks.contains(&16));
    });
}

#[test]
fn a_clock_that_steps_back_before_three_threads() {
    explore(Some(3), || {
        let single = Single::new(9, u64::MAX);
        let tasks = vec![vec![(16, 1)], vec![(12, 1)], vec![(14, 1), (10, 1)]];
        let ticks = distinct(&run(&single, tasks, Single::claims));
        assert_eq!(ticks.len(), 4);
        assert!(ticks.contains(&16));
    });
}

#[test]
fn batches_beside_single_claims() {
    explore(None, || {
        let single = Single::new(9, u64::MAX);
        let tasks = vec![vec![(10, 5), (10, 2)], vec![(10, 1), (12, 1)]];
        let claims = run(&single, tasks, Single::claims);
        let sizes: Vec<_> = claims[0].iter().map(|own| own.last - own.first).collect();
        assert_eq!(sizes, [4, 1]);
        assert_eq!(distinct(&claims).len(), 9);
    });
}

#[test]
fn claims_without_the_clock_beside_claims_with_it() {
    explore(None, || {
        let single = Single::new(19, 24);
        let work = |single: &Single, (ahead, now): (bool, u64)| -> Vec<Claim> {
            if ahead {
                // the second one may find that the clock could have come too close
                let claim = |reached| single.slot.claim_ahead(&single.mark, reached, u64::MAX, 1);
                [claim(now), claim(now + 2)].into_iter().flatten().collect()
            } else {
                single.claims(vec![(now, 1), (now, 2)])
            }
        };
        let claims = run(&single, vec![(true, 18), (false, 20)], work);
        let ticks = distinct(&claims);
        // 20 to 23 are below the mark
        assert!(ticks.iter().all(|tick| (20..=23).contains(tick)));
        assert!(ticks.len() >= 3);
    });
}

#[test]
fn claims_behind_a_clock_beside_a_word_that_is_put_elsewhere() {
    explore(Some(3), || {
        let single = Single::new(19, u64::MAX);
        // as many microseconds as ticks, and the clock 10 behind
        single.slot.resume(19, Timestamp::from_micros(20), 0);
        let sample = ClockSample {
            wall: Timestamp::from_micros(10),
            monotonic_before: 0,
            monotonic_after: 0,
        };
        let standing = single.slot.standing(&sample).unwrap();
        // who adopts a mark has not looked at the clocks
        let work = |single: &Single, looked: Option<Standing>| -> Vec<Claim> {
            let Some(standing) = looked else {
                single.slot.resume(30, Timestamp::from_micros(31), 0);
                return single.claims(vec![(10, 1), (10, 2)]);
            };
            let claim = || {
                let offset = single.slot.still(standing, Timestamp::from_micros(11), 1)?;
                let allowed = 1 + offset as u64 + 5;
                single.slot.claim_ahead(&single.mark, 12, allowed, 1)
            };
            [claim(), claim()].into_iter().flatten().collect()
        };
        let claims = run(&single, vec![Some(standing), None, Some(standing)], work);
        let ticks = distinct(&claims);
        // no look again, no tick that is allowed only after one
        for own in [&claims[0], &claims[2]] {
            assert!(own.iter().all(|claim| claim.first <= 26));
        }
        assert!(claims[1].iter().all(|claim| claim.first > 30));
        assert!(ticks.len() >= 3);
    });
}

#[test]
fn batches_that_end_at_the_mark() {
    explore(Some(3), || {
        let single = Single::new(9, 15);
        let tasks = vec![vec![(10, 3)], vec![(10, 3)], vec![(10, 1)]];
        let ticks = distinct(&run(&single, tasks, Single::claims));
        // 10 to 14 are below the mark, and wanted
        assert!(ticks.into_iter().eq(10..=14));
    });
}

#[test]
fn a_step_back_is_noticed_once() {
    explore(None, || {
        let slot: Arc<Slot<Watched>> = Arc::new(Slot::default());
        let pace = Pace {
            max_lead: 0,
            clock_tolerance: 1_000_000,
            window: 0,
        };
        let assess = |slot: &Slot<Watched>, (wall, pace): (i64, Pace)| {
            let sample = ClockSample {
                wall: Timestamp::from_micros(wall),
                monotonic_before: 0,
                monotonic_after: 0,
            };
            slot.count_wait();
            let unremarkable = pace.unremarkable(shape().unit());
            slot.observe(&sample, unremarkable).noticed
        };
        assert!(!assess(&slot, (900_000, pace)));
        let noticed = run(&slot, vec![(100_000, pace), (101_000, pace)], assess);
        let once = noticed.iter().filter(|&&noticed| noticed).count();
        assert_eq!(once, 1);
        assert_eq!(slot.regressions.load_relaxed(), 1);
        assert_eq!(slot.waits.load_relaxed(), 3);
    });
}

/// Milliseconds since 1970, and two sequences.
fn shape() -> Shape {
    let layout = Layout::parse("ts=40,seq=1,epoch=0", Timestamp::from_micros(0));
    layout.unwrap().shape()
}

/// How a backend goes about a mark: as it should, or with two steps the wrong way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Right,
    PublishBeforeFlush,
    AdoptWithoutFlush,
    PublishBeforeWords,
    SwapBeforeMark,
    PublishAheadBeforeFlush,
    StepPastTheMark,
    NewClockAfterFlush,
    OldClockWithoutFlush,
}

/// A database with one worker.
struct Database {
    shape: Shape,
    protocol: Protocol,
    slot: Slot<Watched>,
    mark: Mark<Watched>,
    /// A mark that stops nobody.
    unbounded: Watched,
    /// The sequence's page under the lock of its buffer: the stored mark.
    page: Mutex<i64>,
    /// What a flush writes to.
    disk: AtomicU64,
    /// What is on the disk, for the check alone: not a step that loom sees.
    durable: Plain,
    /// IDs below this milliseconds were given out before the start.
    floor: i64,
    pace: Pace,
}

impl Database {
    /// A server that starts with a mark on disk, or with 0 for none.
    fn new(shape: Shape, protocol: Protocol, stored: i64) -> Self {
        Self {
            shape,
            protocol,
            slot: Slot::default(),
            mark: Mark::default(),
            unbounded: Watched(AtomicU64::new(u64::MAX)),
            page: Mutex::new(stored),
            disk: AtomicU64::new(stored as u64),
            durable: Plain::new(stored),
            floor: stored,
            pace: Pace {
                max_lead: 1_000_000,
                clock_tolerance: 0,
                window: 0,
            },
        }
    }

    /// With a mark that was raised to `mark` and published, and is raised again a millisecond
    /// before it.
    fn running(self, mark: i64) -> Self {
        let pace = Pace {
            window: 2_000,
            ..self.pace
        };
        *self.page.lock().unwrap() = mark;
        self.flush(mark);
        self.mark.publish(&self.shape, mark, &pace);
        Self { pace, ..self }
    }

    fn bound(&self, mark: i64) -> u64 {
        self.shape.first_tick(Timestamp::from_millis(mark))
    }

    fn flush(&self, mark: i64) {
        self.disk.fetch_max(mark as u64, Ordering::Relaxed);
        self.durable.fetch_max(mark, Ordering::Relaxed);
    }

    fn raise_words(&self, mark: i64) {
        let instant = Timestamp::from_millis(mark);
        self.slot.resume(self.bound(mark), instant, 0);
        self.mark.storing(mark);
    }

    /// Gets the mark above `first`, or above a later one in good time.
    fn raise(&self, first: u64) {
        let need = self.mark.need(first);
        self.settle(need);
        if need == Need::Ahead(first) {
            if self.protocol == Protocol::StepPastTheMark {
                self.mark.bound.raise_release(first + 4);
            }
            self.mark.step(&self.shape, first, &self.pace);
        }
    }

    fn settle(&self, need: Need) {
        let ahead = matches!(need, Need::Ahead(_));
        let mut page = if ahead {
            let Ok(page) = self.page.try_lock() else {
                return;
            };
            page
        } else {
            self.page.lock().unwrap()
        };
        let found = Found {
            stored: *page,
            native: 0,
            wall: Timestamp::from_micros(0),
            end: i64::MAX,
        };
        let raise = self.mark.decide(&self.shape, need, found, &self.pace);
        if let Raise::Store { mark } = raise {
            self.mark.storing(mark);
            *page = mark;
        }
        drop(page);
        let (mark, foreign, adopted) = match raise {
            Raise::Published | Raise::Ended => return,
            Raise::Adopt { mark, foreign } => (mark, foreign, true),
            Raise::Raised { mark } | Raise::Store { mark } if ahead => {
                let durable = self.disk.load(Ordering::Relaxed) >= mark as u64;
                if durable || self.protocol == Protocol::PublishAheadBeforeFlush {
                    self.publish(mark);
                }
                return;
            }
            Raise::Raised { mark } | Raise::Store { mark } => (mark, false, false),
        };
        if self.protocol == Protocol::PublishBeforeFlush {
            self.publish(mark);
        }
        if !(adopted && self.protocol == Protocol::AdoptWithoutFlush) {
            self.flush(mark);
        }
        if self.protocol == Protocol::PublishBeforeWords {
            self.publish(mark);
        }
        if foreign {
            self.raise_words(mark);
        }
        self.publish(mark);
    }

    fn publish(&self, mark: i64) {
        self.mark.publish(&self.shape, mark, &self.pace);
    }

    /// What the WAL writer does now and then.
    fn flush_page(&self) {
        let page = *self.page.lock().unwrap();
        self.flush(page);
    }

    /// Takes a tick first and then asks whether it may.
    fn swap_before_mark(&self, now: u64) -> Result<Claim, u64> {
        let claim = self
            .slot
            .claim(&self.unbounded, now, u64::MAX, 1, || 0)
            .unwrap();
        if self.mark.bound.load_acquire() > claim.last {
            Ok(claim)
        } else {
            Err(claim.first)
        }
    }

    /// A claim, or the tick whose turn it is.
    fn attempt(&self, now: u64, count: u64) -> Result<Claim, u64> {
        if self.protocol == Protocol::SwapBeforeMark {
            return self.swap_before_mark(now);
        }
        self.slot
            .claim(&self.mark.bound, now, u64::MAX, count, || 0)
            .map_err(|beyond| beyond.first)
    }

    fn check(&self, claim: Claim) {
        let durable = self.durable.load(Ordering::Relaxed);
        assert!(claim.last < self.bound(durable), "above the durable mark");
        assert!(claim.first >= self.bound(self.floor), "given out before");
    }

    fn next(&self, now: u64, count: u64) -> Claim {
        loop {
            match self.attempt(now, count) {
                Ok(claim) => {
                    self.check(claim);
                    return claim;
                }
                Err(first) => self.raise(first),
            }
        }
    }

    fn claims(&self, requests: Vec<(u64, u64)>) -> Vec<Claim> {
        let claim = |(now, count)| self.next(now, count);
        requests.into_iter().map(claim).collect()
    }
}

/// Each thread claims so often, and so many at once, at the time `now`; the mark is raised for
/// every unit.
fn raises(protocol: Protocol, stored: i64, preemptions: usize, tasks: Vec<Vec<(u64, u64)>>) {
    let shape = shape();
    explore(Some(preemptions), move || {
        let database = Arc::new(Database::new(shape, protocol, stored));
        distinct(&run(&database, tasks.clone(), Database::claims));
    });
}

/// Two threads that need two raises between them.
fn two_threads() -> Vec<Vec<(u64, u64)>> {
    vec![vec![(10, 1), (12, 1)], vec![(10, 1), (10, 1)]]
}

/// Two threads that both find a mark to adopt.
fn single_claims() -> Vec<Vec<(u64, u64)>> {
    vec![vec![(10, 1)], vec![(10, 1)]]
}

#[test]
fn the_first_marks() {
    raises(Protocol::Right, 0, 3, two_threads());
}

#[test]
fn the_first_marks_with_three_threads() {
    raises(
        Protocol::Right,
        0,
        2,
        vec![vec![(10, 1)], vec![(10, 2)], vec![(12, 1)]],
    );
}

/// The clock is behind the mark that a server finds when it starts.
#[test]
fn a_mark_from_before_the_start() {
    raises(Protocol::Right, 8, 2, single_claims());
}

#[test]
fn a_mark_from_before_the_start_with_three_threads() {
    let [first, second] = <[_; 2]>::try_from(single_claims()).unwrap();
    raises(Protocol::Right, 8, 1, vec![first, second, vec![(18, 1)]]);
}

/// Threads that claim across half a window before a mark, and the WAL writer as one of them if a
/// task is empty. The mark is at 8 milliseconds, tick 16, and is raised again from tick 14 on.
fn raises_ahead(protocol: Protocol, preemptions: usize, tasks: Vec<Vec<(u64, u64)>>) {
    let shape = shape();
    explore(Some(preemptions), move || {
        let database = Database::new(shape, protocol, 0).running(8);
        let work = |database: &Database, requests: Vec<(u64, u64)>| {
            if requests.is_empty() {
                database.flush_page();
            }
            database.claims(requests)
        };
        distinct(&run(&Arc::new(database), tasks.clone(), work));
    });
}

/// Two threads that need the mark raised, one of them past the mark, and the WAL writer.
fn two_and_the_wal_writer() -> Vec<Vec<(u64, u64)>> {
    vec![vec![(14, 1), (14, 1)], vec![(14, 1), (16, 1)], vec![]]
}

#[test]
fn raising_ahead() {
    let tasks = vec![vec![(14, 1), (14, 1)], vec![(14, 1), (16, 1)]];
    raises_ahead(Protocol::Right, 3, tasks);
}

#[test]
fn raising_ahead_beside_the_wal_writer() {
    raises_ahead(Protocol::Right, 2, two_and_the_wal_writer());
}

#[test]
fn raising_ahead_with_three_threads() {
    let tasks = vec![vec![(14, 1)], vec![(14, 2)], vec![(16, 1)]];
    raises_ahead(Protocol::Right, 1, tasks);
}

/// A disk whose flushes take two milliseconds: longer than what a mark is raised by here.
struct SlowDisk {
    database: Database,
    /// Milliseconds, not a step that loom sees.
    clock: Plain,
}

impl SlowDisk {
    fn new(protocol: Protocol) -> Arc<Self> {
        Arc::new(Self {
            database: Database::new(shape(), protocol, 0),
            clock: Plain::new(5),
        })
    }

    fn now(&self) -> u64 {
        2 * self.clock.load(Ordering::Relaxed) as u64
    }

    /// Claims one ID after the other as a backend does, by the clock as it was before the flush
    /// that was waited for. What is wrong is told and not asserted here, where other threads may
    /// not have begun.
    fn claims(&self, count: usize) -> Vec<Result<Claim, &'static str>> {
        (0..count).map(|_| self.next()).collect()
    }

    fn next(&self) -> Result<Claim, &'static str> {
        let (database, protocol) = (&self.database, self.database.protocol);
        let mut now = self.now();
        // more raises than one where the other takes what it was for, or is about to publish
        for _ in 0..5 {
            let first = match database.attempt(now, 1) {
                Err(first) => first,
                Ok(claim) => {
                    let durable = database.durable.load(Ordering::Relaxed);
                    return if claim.last < database.bound(durable) {
                        Ok(claim)
                    } else {
                        Err("above the durable mark")
                    };
                }
            };
            if protocol == Protocol::OldClockWithoutFlush {
                database.mark.bound.raise_release(first + 1);
            } else {
                database.raise(first);
            }
            self.clock.fetch_add(2, Ordering::Relaxed);
            if protocol == Protocol::NewClockAfterFlush {
                now = self.now();
            }
        }
        Err("no ID after a flush")
    }
}

fn by_a_slow_disk(protocol: Protocol) {
    explore(Some(3), move || {
        let disk = SlowDisk::new(protocol);
        let claims = run(&disk, vec![1, 1], SlowDisk::claims);
        let claims: Vec<Vec<_>> = claims
            .into_iter()
            .map(|own| own.into_iter().map(|claim| claim.unwrap()).collect())
            .collect();
        distinct(&claims);
    });
}

#[test]
fn an_id_after_each_flush() {
    by_a_slow_disk(Protocol::Right);
}

// What the protocol forbids, and that these models would find it.

#[test]
#[should_panic(expected = "no ID after a flush")]
fn going_by_the_clock_of_after_the_flush() {
    by_a_slow_disk(Protocol::NewClockAfterFlush);
}

#[test]
#[should_panic(expected = "above the durable mark")]
fn going_by_the_old_clock_without_the_flush() {
    by_a_slow_disk(Protocol::OldClockWithoutFlush);
}

#[test]
#[should_panic(expected = "above the durable mark")]
fn publishing_a_raise_ahead_before_it_is_flushed() {
    raises_ahead(
        Protocol::PublishAheadBeforeFlush,
        2,
        two_and_the_wal_writer(),
    );
}

#[test]
#[should_panic(expected = "above the durable mark")]
fn stepping_past_the_mark() {
    raises_ahead(Protocol::StepPastTheMark, 2, two_and_the_wal_writer());
}

#[test]
#[should_panic(expected = "above the durable mark")]
fn publishing_before_the_flush() {
    raises(Protocol::PublishBeforeFlush, 0, 4, two_threads());
}

#[test]
#[should_panic(expected = "above the durable mark")]
fn adopting_a_page_that_is_not_flushed() {
    raises(Protocol::AdoptWithoutFlush, 0, 3, two_threads());
}

#[test]
#[should_panic(expected = "given out before")]
fn publishing_before_the_words_are_raised() {
    raises(Protocol::PublishBeforeWords, 8, 2, single_claims());
}

/// One thread adopts the mark from before the start while another asks for a tick, once.
fn adopts_while_claiming(protocol: Protocol) {
    let shape = shape();
    explore(None, move || {
        let database = Arc::new(Database::new(shape, protocol, 8));
        run(&database, vec![None, Some(10)], |database, now| match now {
            None => database.raise(10),
            Some(now) => {
                if let Ok(claim) = database.attempt(now, 1) {
                    database.check(claim);
                }
            }
        });
    });
}

#[test]
fn looking_at_the_mark_before_swapping() {
    adopts_while_claiming(Protocol::Right);
}

#[test]
#[should_panic(expected = "given out before")]
fn swapping_before_looking_at_the_mark() {
    adopts_while_claiming(Protocol::SwapBeforeMark);
}

/// The cached blocks of a ticket counter, and its page: the next number and the end of the log.
struct Tickets {
    cache: Cache<Watched>,
    /// The lock of the cache, with the next number of the counter.
    page: Mutex<i64>,
    /// How far the log is durable, and the numbers with it, for the check alone.
    durable: Plain,
    /// The wrong way: a block is used before the log is durable.
    hasty: bool,
}

impl Tickets {
    fn new(hasty: bool) -> Arc<Self> {
        Arc::new(Self {
            cache: Cache::default(),
            page: Mutex::new(1),
            durable: Plain::new(0),
            hasty,
        })
    }

    /// Claims a block of two numbers unless one is queued; the position in the log is its last
    /// number.
    fn fill(&self, next: &mut i64) -> u64 {
        if self.cache.queued().is_none() {
            let block = Block {
                first: *next,
                step: 1,
                count: 2,
            };
            *next += 2;
            let position = block.last() as u64;
            self.cache.queue(Queued { block, position });
        }
        let queued = self.cache.queued().unwrap();
        let durable = self.durable.load(Ordering::Relaxed) as u64;
        self.cache
            .advance(if self.hasty { u64::MAX } else { durable });
        queued.position
    }

    /// Draws the given number of tickets, as a backend does.
    fn draw(&self, count: usize) -> Vec<i64> {
        let mut numbers = Vec::new();
        while numbers.len() < count {
            if let Some(ticket) = self.cache.draw(|| true) {
                let durable = self.durable.load(Ordering::Relaxed);
                assert!(ticket.number <= durable, "not durable");
                if ticket.low
                    && let Ok(mut next) = self.page.try_lock()
                    && self.cache.queued().is_none()
                {
                    self.fill(&mut next);
                }
                numbers.push(ticket.number);
                continue;
            }
            let mut next = self.page.lock().unwrap();
            if self.cache.left() > 0 {
                continue;
            }
            let position = self.fill(&mut next);
            drop(next);
            self.durable.fetch_max(position as i64, Ordering::Relaxed);
            let _lock = self.page.lock().unwrap();
            self.cache.advance(position);
        }
        numbers
    }

    /// Empties the cache.
    fn discard(&self) {
        let _lock = self.page.lock().unwrap();
        self.cache.discard();
    }

    fn distinct(numbers: &[Vec<i64>]) {
        let mut all = BTreeSet::new();
        for own in numbers {
            assert!(own.windows(2).all(|pair| pair[0] < pair[1]), "out of order");
            assert!(own.iter().all(|number| all.insert(*number)), "twice");
        }
    }
}

#[test]
fn tickets_of_two_backends() {
    explore(Some(2), || {
        let tickets = Tickets::new(false);
        Tickets::distinct(&run(&tickets, vec![3, 3], Tickets::draw));
    });
}

#[test]
fn tickets_of_three_backends() {
    explore(Some(1), || {
        let tickets = Tickets::new(false);
        Tickets::distinct(&run(&tickets, vec![2, 1, 1], Tickets::draw));
    });
}

#[test]
fn tickets_beside_a_counter_that_is_altered() {
    explore(Some(2), || {
        let tickets = Tickets::new(false);
        let work = |tickets: &Tickets, count| match count {
            0 => {
                tickets.discard();
                Vec::new()
            }
            count => tickets.draw(count),
        };
        Tickets::distinct(&run(&tickets, vec![2, 0, 1], work));
    });
}

#[test]
#[should_panic(expected = "not durable")]
fn tickets_before_the_flush() {
    explore(Some(2), || {
        let tickets = Tickets::new(true);
        Tickets::distinct(&run(&tickets, vec![2, 2], Tickets::draw));
    });
}

/// How words under a lease are let on: as they should be, or wrongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Discipline {
    Right,
    AdmitWithoutLock,
    LetOnBeforeAdmitting,
    LeaveWithoutLock,
    EnterAtTheBeginning,
    KeepOpen,
}

/// A server with a lease of worker 0, that may get one of worker 1 instead. A tick is a
/// millisecond, times two.
struct Member {
    discipline: Discipline,
    slots: [Slot<Watched>; 2],
    mark: Watched,
    fence: Fence<Watched>,
    /// The lock of the fence, and the worker of the server.
    worker: RwLock<usize>,
}

/// The end of the lease of worker 0, and the interval of that of worker 1: shorter than what was
/// leased before, which the mark may have reached.
const FIRST_END: i64 = 8;
const SECOND: (i64, i64) = (5, 6);

impl Member {
    /// A member that has given out tick 9, the last below its mark.
    fn new(discipline: Discipline) -> Arc<Self> {
        let member = Self {
            discipline,
            slots: Default::default(),
            mark: Watched::default(),
            fence: Fence::default(),
            worker: RwLock::new(0),
        };
        member.fence.enter(0, FIRST_END);
        member.fence.admit(5);
        member.mark.raise_relaxed(10);
        member.slots[0].last.raise_relaxed(9);
        member.slots[1].close();
        Arc::new(member)
    }

    /// Lets words on to a millisecond, or as far as the fence allows.
    fn let_on(&self, bound: i64) -> u64 {
        let publish = |bound: i64| {
            self.mark.raise_release(2 * bound as u64);
            2 * bound as u64
        };
        match self.discipline {
            Discipline::AdmitWithoutLock => publish(self.fence.admit(bound)),
            Discipline::LetOnBeforeAdmitting => {
                let tick = publish(bound.min(self.fence.end()));
                let _lock = self.worker.read().unwrap();
                self.fence.admit(bound);
                tick
            }
            _ => {
                let _lock = self.worker.read().unwrap();
                publish(self.fence.admit(bound))
            }
        }
    }

    /// Claims `count` ticks, one after the other, as far as there is a lease; returns them with
    /// their workers.
    fn claims(&self, count: usize) -> Vec<(usize, Claim)> {
        let mut claims = Vec::new();
        let mut worker = *self.worker.read().unwrap();
        while claims.len() < count {
            let slot = &self.slots[worker];
            match slot.claim(&self.mark, 10, u64::MAX, 1, || 0) {
                Ok(claim) => claims.push((worker, claim)),
                Err(_) if slot.is_closed() => {
                    let now = *self.worker.read().unwrap();
                    if now == worker {
                        break;
                    }
                    worker = now;
                }
                Err(beyond) => {
                    if self.let_on((beyond.first / 2 + 1) as i64) <= beyond.first {
                        break;
                    }
                }
            }
        }
        claims
    }

    /// Gives the lease back, and returns from which millisecond on the next holder has it.
    fn leave(&self) -> i64 {
        if self.discipline == Discipline::LeaveWithoutLock {
            return self.fence.leave();
        }
        let _lock = self.worker.write().unwrap();
        self.fence.leave()
    }

    /// Goes on with a lease of worker 1.
    fn change(&self) {
        let mut worker = self.worker.write().unwrap();
        if self.discipline != Discipline::KeepOpen {
            self.slots[0].close();
        }
        let (begin, end) = SECOND;
        let entered = self.fence.enter(begin, end);
        let begin = match self.discipline {
            Discipline::EnterAtTheBeginning => begin,
            _ => entered,
        };
        self.slots[1].open(2 * begin as u64, Timestamp::from_micros(0), 0);
        *worker = 1;
    }
}

/// Two backends claim while the lease is given back; the next holder begins at once.
fn gives_back(discipline: Discipline) {
    explore(Some(3), move || {
        let member = Member::new(discipline);
        let claims = run(&member, vec![2, 2, 0], |member, count| match count {
            0 => {
                let first = 2 * member.leave() as u64;
                vec![(
                    0,
                    Claim {
                        first,
                        last: first + 3,
                    },
                )]
            }
            count => member.claims(count),
        });
        let claims: Vec<Vec<_>> = claims
            .into_iter()
            .map(|own| own.into_iter().map(|(_, claim)| claim).collect())
            .collect();
        distinct(&claims);
    });
}

/// Two backends claim while the server gets another worker; that of before belongs to another
/// server afterwards, from the end of its lease on.
fn changes_worker(discipline: Discipline) {
    explore(Some(3), move || {
        let member = Member::new(discipline);
        let claims = run(&member, vec![2, 2, 0], |member, count| match count {
            0 => {
                member.change();
                Vec::new()
            }
            count => member.claims(count),
        });
        let mut ticks = BTreeSet::new();
        for (worker, claim) in claims.into_iter().flatten() {
            assert!(ticks.insert((worker, claim.first)), "twice");
            let (begin, end) = [(0, FIRST_END), SECOND][worker];
            let lease = 2 * begin as u64..2 * end as u64;
            assert!(lease.contains(&claim.last), "outside the lease");
        }
        // nobody goes on with the worker of before
        let bound = member.mark.load_relaxed();
        let slot = &member.slots[0];
        assert!(
            slot.claim(&member.mark, bound - 1, u64::MAX, 1, || 0)
                .is_err(),
            "not closed"
        );
    });
}

#[test]
fn a_lease_is_given_back() {
    gives_back(Discipline::Right);
}

#[test]
fn a_server_gets_another_worker() {
    changes_worker(Discipline::Right);
}

#[test]
#[should_panic(expected = "twice")]
fn admitting_without_the_lock() {
    gives_back(Discipline::AdmitWithoutLock);
}

#[test]
#[should_panic(expected = "twice")]
fn letting_on_before_admitting() {
    gives_back(Discipline::LetOnBeforeAdmitting);
}

#[test]
#[should_panic(expected = "twice")]
fn leaving_without_the_lock() {
    gives_back(Discipline::LeaveWithoutLock);
}

#[test]
#[should_panic(expected = "outside the lease")]
fn entering_below_what_was_reached() {
    changes_worker(Discipline::EnterAtTheBeginning);
}

#[test]
#[should_panic(expected = "not closed")]
fn leaving_the_words_of_before_open() {
    changes_worker(Discipline::KeepOpen);
}

/// Turns are apart, whoever takes them at once, and one that would be too late is not taken.
#[test]
fn turns_are_apart() {
    const APART: u64 = 10;
    explore(None, || {
        let turns = Arc::new(Turns::<Watched>::default());
        let taken = run(&turns, vec![100, 105, 109], |turns, now| {
            turns.take(now, APART, now + 15)
        });
        let mut times: Vec<u64> = taken.iter().flatten().copied().collect();
        times.sort_unstable();
        assert!(times.len() >= 2, "{taken:?}");
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= APART));
        for late in taken.iter().filter_map(|turn| turn.err()) {
            assert!(late > 115);
        }
    });
}

/// How a backend goes about the mark of a Lamport clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counting {
    Right,
    PublishBeforeFlush,
    AdoptWithoutFlush,
    PublishBeforeResuming,
}

/// The Lamport clock of a database. Marks are raised by blocks that no model uses up: what needs a
/// raise is witnessed.
struct Lamports {
    counting: Counting,
    clock: Lamport<Watched>,
    /// The sequence's page under the lock of its buffer: the stored mark.
    page: Mutex<u64>,
    /// What is on the disk. Who goes by a mark that was published sees what was flushed before.
    disk: AtomicU64,
    /// Numbers up to this one were given out before the start.
    floor: u64,
}

impl Lamports {
    fn new(counting: Counting, stored: u64) -> Arc<Self> {
        Arc::new(Self {
            counting,
            clock: Lamport::default(),
            page: Mutex::new(stored),
            disk: AtomicU64::new(stored),
            floor: stored,
        })
    }

    fn flush(&self, mark: u64) {
        self.disk.fetch_max(mark, Ordering::Relaxed);
    }

    fn publish(&self, mark: u64) {
        self.clock.publish_durable(mark);
        self.clock.publish_confirmed(mark);
    }

    fn raise(&self, needed: Option<u64>) {
        let mut page = self.page.lock().unwrap();
        let raise = self.clock.decide(&self.clock.confirmed, needed, *page);
        if let lamport::Raise::Store { mark } = raise {
            self.clock.storing(mark);
            *page = mark;
        }
        drop(page);
        let (mark, adopted, foreign) = match raise {
            lamport::Raise::Published => return,
            lamport::Raise::Adopt { mark, foreign } => (mark, true, foreign),
            lamport::Raise::Store { mark } => (mark, false, false),
        };
        if self.counting == Counting::PublishBeforeFlush {
            self.publish(mark);
        }
        if !(adopted && self.counting == Counting::AdoptWithoutFlush) {
            self.flush(mark);
        }
        if self.counting == Counting::PublishBeforeResuming {
            self.publish(mark);
        }
        if foreign {
            self.clock.resume(mark);
        }
        self.publish(mark);
    }

    /// Numbers of events, each of which knows of another.
    fn numbers(&self, heard: Vec<u64>) -> Vec<Claim> {
        let clock = &self.clock;
        let next = |heard: u64| {
            loop {
                if let Some(number) = clock.advance(&clock.confirmed, heard) {
                    assert!(number > heard, "not above its cause");
                    let durable = self.disk.load(Ordering::Relaxed);
                    assert!(number <= durable, "above the durable mark");
                    assert!(number > self.floor, "given out before");
                    return Claim {
                        first: number,
                        last: number,
                    };
                }
                let last = clock.last.load_relaxed();
                self.raise(Some(lamport::next(last, heard).unwrap()));
            }
        };
        heard.into_iter().map(next).collect()
    }
}

/// Threads, of which each takes a number for each number that it has heard of, 0 for none.
fn counts(counting: Counting, stored: u64, preemptions: usize, tasks: Vec<Vec<u64>>) {
    explore(Some(preemptions), move || {
        let lamports = Lamports::new(counting, stored);
        distinct(&run(&lamports, tasks.clone(), Lamports::numbers));
    });
}

/// Numbers beyond what the first raise is for.
const FAR: u64 = lamport::AHEAD + 7;

#[test]
fn the_first_numbers_of_a_clock() {
    counts(Counting::Right, 0, 3, vec![vec![0, 0], vec![0, 0]]);
}

#[test]
fn a_number_that_is_heard_of_beside_others() {
    counts(Counting::Right, 0, 2, vec![vec![0, FAR], vec![0, 3]]);
    counts(
        Counting::Right,
        0,
        1,
        vec![vec![FAR], vec![2 * FAR], vec![0, 0]],
    );
}

#[test]
fn a_clock_from_before_the_start() {
    counts(Counting::Right, 8, 2, vec![vec![0], vec![0, 4]]);
    counts(Counting::Right, 8, 1, vec![vec![0], vec![FAR], vec![0]]);
}

#[test]
#[should_panic(expected = "above the durable mark")]
fn publishing_a_clock_before_the_flush() {
    counts(
        Counting::PublishBeforeFlush,
        0,
        3,
        vec![vec![0, 0], vec![0]],
    );
}

#[test]
#[should_panic(expected = "above the durable mark")]
fn adopting_a_clock_that_is_not_flushed() {
    counts(Counting::AdoptWithoutFlush, 0, 3, vec![vec![0], vec![0]]);
}

#[test]
#[should_panic(expected = "given out before")]
fn publishing_a_clock_before_it_is_resumed() {
    counts(
        Counting::PublishBeforeResuming,
        8,
        3,
        vec![vec![0], vec![0]],
    );
}

// Hybrid times: a tick that is received is a claim that begins after it, so the model of the mark is
// that of IDs. What is new is that the words of all workers follow a tick from elsewhere.

/// Two backends that raise the mark, one of which has received a tick beyond it.
#[test]
fn a_tick_that_is_received_beside_a_raise() {
    let shape = shape();
    explore(Some(3), move || {
        let database = Arc::new(Database::new(shape, Protocol::Right, 0));
        let received = 15;
        let work = |database: &Database, due: u64| database.claims(vec![(due, 1), (10, 1)]);
        let claims = run(&database, vec![10, received + 1], work);
        let ticks = distinct(&claims);
        assert_eq!(ticks.len(), 4);
        assert!(claims[1].iter().all(|claim| claim.first > received));
    });
}

/// The words of two workers, and up to where they follow others.
#[derive(Default)]
struct Followers {
    slots: [Slot<Watched>; 2],
    mark: Watched,
    witnessed: Witnessed<Watched>,
}

#[test]
fn what_is_witnessed_is_followed_by_all_workers() {
    explore(Some(2), || {
        let followers = Followers::default();
        followers.mark.raise_relaxed(u64::MAX);
        let work = |all: &Followers, (received, worker): (u64, usize)| {
            if !all.witnessed.covers(received) {
                all.witnessed.raise(&all.slots, received);
            }
            // the clock is behind
            let claim = |worker: usize| {
                let slot: &Slot<Watched> = &all.slots[worker];
                slot.claim(&all.mark, 3, u64::MAX, 1, || 0).unwrap()
            };
            let own = [claim(worker), claim(1 - worker)];
            assert!(own.iter().all(|claim| claim.first > received));
            own
        };
        let claims = run(&Arc::new(followers), vec![(20, 0), (20, 1), (30, 0)], work);
        for worker in 0..2 {
            let of_worker = [claims[0][worker], claims[1][1 - worker], claims[2][worker]];
            let ticks: BTreeSet<u64> = of_worker.iter().map(|claim| claim.first).collect();
            assert_eq!(ticks.len(), 3);
        }
    });
}
