//! Hybrid times: the packed word does what the paper's two numbers do, follows causality, keeps to
//! the clock, and whatever comes from outside is read or refused.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod causal_history;
#[path = "../../../fuzz/targets/hlc.rs"]
mod target;

use std::sync::atomic::{AtomicU64, Ordering};

use causal_history::{History, REPLICAS, Step, steps};
use proptest::prelude::*;
use snowflake_core::causality::{
    COUNTER_BITS, EPOCH, HybridError, HybridTime, LARGEST_COUNTER, TIME_BITS,
};
use snowflake_core::snowflake::{Found, Mark, Need, Raise, Shape};
use snowflake_core::words::{Pace, Slot};
use snowflake_core::{Kind, Refusal, Timestamp};

fn shape() -> Shape {
    Shape::of_microseconds(TIME_BITS, COUNTER_BITS, EPOCH)
}

/// The algorithm as the paper has it, figure 5: `l` is the largest physical time heard of, `c` a
/// counter without a bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Kulkarni {
    l: i64,
    c: i64,
}

impl Kulkarni {
    fn send_or_local(self, pt: i64) -> Self {
        let l = self.l.max(pt);
        let c = if l == self.l { self.c + 1 } else { 0 };
        Self { l, c }
    }

    fn receive(self, m: Self, pt: i64) -> Self {
        let l = self.l.max(m.l).max(pt);
        let c = if l == self.l && l == m.l {
            self.c.max(m.c) + 1
        } else if l == self.l {
            self.c + 1
        } else if l == m.l {
            m.c + 1
        } else {
            0
        };
        Self { l, c }
    }
}

/// The word of a server, with nothing in its way.
struct Server {
    slot: Slot<AtomicU64>,
    mark: AtomicU64,
}

impl Server {
    fn new() -> Self {
        Self {
            slot: Slot::new(),
            mark: AtomicU64::new(u64::MAX),
        }
    }

    fn claim(&self, due: u64) -> HybridTime {
        let claim = self.slot.claim(&self.mark, due, u64::MAX, 1, || 0);
        HybridTime::of_tick(claim.unwrap().first)
    }

    fn next(&self, wall: Timestamp) -> HybridTime {
        self.claim(shape().first_tick(wall))
    }

    fn witness(&self, message: HybridTime, wall: Timestamp) -> HybridTime {
        self.claim(message.due(shape().first_tick(wall)))
    }
}

fn at(micros_since_2000: i64) -> Timestamp {
    Timestamp::from_micros(EPOCH + micros_since_2000)
}

fn packed(time: Kulkarni) -> HybridTime {
    HybridTime::from_bits((time.l << COUNTER_BITS) + time.c)
}

/// What happens at one server, with what its clock says, in microseconds since 2000.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Event(i64),
    Message(Kulkarni, i64),
}

/// Few instants, so that clocks, words and messages meet in all branches.
fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let message = (0..30i64, 0..40i64).prop_map(|(l, c)| Kulkarni { l, c });
    let happening = prop_oneof![
        (1..30i64).prop_map(Happening::Event),
        (message, 1..30i64).prop_map(|(message, pt)| Happening::Message(message, pt)),
    ];
    prop::collection::vec(happening, 0..200)
}

proptest! {
    /// Counters stay below their bound in so short a run, so the results are the same, branch by
    /// branch.
    #[test]
    fn the_packed_word_is_the_papers(happenings in happenings()) {
        let server = Server::new();
        let mut paper = Kulkarni::default();
        for happening in happenings {
            let (next, got) = match happening {
                Happening::Event(pt) => (paper.send_or_local(pt), server.next(at(pt))),
                Happening::Message(m, pt) => {
                    (paper.receive(m, pt), server.witness(packed(m), at(pt)))
                }
            };
            prop_assert_eq!(got, packed(next));
            prop_assert_eq!(got.timestamp(), at(next.l));
            prop_assert_eq!(i64::from(got.counter()), next.c);
            paper = next;
        }
    }

    /// A counter that is full carries into the time.
    #[test]
    fn the_counter_carries(micros in 0..1_000_000i64, events in 1..3_000i64) {
        let server = Server::new();
        for _ in 0..events {
            server.next(at(micros));
        }
        let last = server.next(at(micros));
        prop_assert_eq!(last.bits(), (micros << COUNTER_BITS) + events);
    }

    /// What may have been the cause has the smaller time, whatever the clocks say.
    #[test]
    fn times_follow_causality(
        steps in steps(100),
        clocks in prop::collection::vec(prop::collection::vec(1..1_000_000i64, 100), REPLICAS),
    ) {
        let servers: Vec<Server> = (0..REPLICAS).map(|_| Server::new()).collect();
        let mut known = vec![History::new(); REPLICAS];
        let mut messages: Vec<(HybridTime, History)> = Vec::new();
        // of each event its time, and all that it may have been caused by, itself among it
        let mut events: Vec<(HybridTime, History)> = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            let (replica, time) = match step {
                Step::Receive(_, _) if messages.is_empty() => continue,
                Step::Receive(replica, message) => {
                    let (sent, heard): &(HybridTime, History) = message.get(&messages);
                    known[*replica].extend(heard);
                    (*replica, servers[*replica].witness(*sent, at(clocks[*replica][number])))
                }
                Step::Event(replica) | Step::Send(replica) => {
                    (*replica, servers[*replica].next(at(clocks[*replica][number])))
                }
                Step::Fork(_, _) | Step::Join(_, _) => continue,
            };
            known[replica].insert((replica, number as u32));
            events.push((time, known[replica].clone()));
            if matches!(step, Step::Send(_)) {
                messages.push((time, known[replica].clone()));
            }
        }
        for (number, (before, causes)) in events.iter().enumerate() {
            for (after, all) in &events[number + 1..] {
                prop_assert!(!causes.is_subset(all) || before < after);
            }
        }
    }

    /// However far ahead the peers of a server are, what it takes from them is within the bound.
    #[test]
    fn what_is_too_far_ahead_is_refused(
        wall in 0..1i64 << 52,
        ahead in -5_000_000..5_000_000i64,
        counter in 0..=LARGEST_COUNTER,
        most in 0..4_000_000i64,
    ) {
        let first = HybridTime::at(at(wall + ahead)).unwrap();
        let time = HybridTime::from_bits(first.bits() + i64::from(counter));
        match time.check_offset(at(wall), most) {
            Ok(()) => {
                prop_assert!(ahead <= most);
                // at most a counter further
                let next = Server::new().witness(time, at(wall));
                prop_assert!(next.timestamp().micros() - at(wall).micros() <= most.max(0) + 1);
            }
            Err(error) => {
                prop_assert!(ahead > most);
                prop_assert_eq!(error.kind(), Kind::Clock);
            }
        }
    }

    /// A word is a tick of the shape that the mark is kept by.
    #[test]
    fn ticks_are_times(micros in 0..1i64 << 53, counter in 0..=LARGEST_COUNTER) {
        let shape = shape();
        let tick = shape.first_tick(at(micros)) + counter as u64;
        let time = HybridTime::of_tick(tick);
        prop_assert_eq!((time.timestamp(), time.counter()), (at(micros), counter));
        prop_assert_eq!((time.tick(), shape.instant(tick)), (tick, at(micros)));
    }

    #[test]
    fn text_is_read_back(bits in any::<i64>()) {
        let time = HybridTime::from_bits(bits);
        let text = time.to_string();
        prop_assert!(text.len() <= 34, "{}", text);
        prop_assert_eq!(text.parse(), Ok(time));
        prop_assert_eq!(&time.to_string(), &text);
        let (instant, _) = text.split_once('/').unwrap();
        prop_assert_eq!(instant.parse(), HybridTime::at(time.timestamp()));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*|[0-9:. +/TZ-]{0,40}") {
        target::run(text.as_bytes());
    }

    /// As `hlc >> 10` is a timestamptz.
    #[test]
    fn the_upper_bits_are_the_time(bits in any::<i64>()) {
        let time = HybridTime::from_bits(bits);
        prop_assert_eq!(bits >> 10, time.timestamp().micros() - EPOCH);
        prop_assert_eq!(HybridTime::at(time.timestamp()).unwrap().bits(), bits & !0x3ff);
    }
}

#[test]
fn text_as_people_write_it() {
    let time: HybridTime = "2026-11-24 16:05:34.123456+00/17".parse().unwrap();
    assert_eq!(time.to_string(), "2026-11-24 16:05:34.123456+00/17");
    let whole: HybridTime = " 2026-11-24T16:05:34Z ".parse().unwrap();
    assert_eq!(whole.to_string(), "2026-11-24 16:05:34.000000+00/0");
    let tenth: HybridTime = "2026-11-24 16:05:34.1+00/1023".parse().unwrap();
    assert_eq!(tenth.to_string(), "2026-11-24 16:05:34.100000+00/1023");
    assert_eq!(
        HybridTime::MIN.to_string(),
        "1714-07-29 00:12:25.259008+00/0"
    );
    assert_eq!(
        HybridTime::MAX.to_string(),
        "2285-06-04 23:47:34.740991+00/1023"
    );
    for refused in [
        "",
        "now",
        "/",
        "/17",
        "2026-11-24",
        "2026-11-24 16:05:34",
        "2026-11-24 16:05:34/17",
        "2026-11-24 16:05:34+01/17",
        "2026-11-24 16:05:34+00:30",
        "2026-11-24 16:05:34+00/",
        "2026-11-24 16:05:34+00/-1",
        "2026-11-24 16:05:34+00/+1",
        "2026-11-24 16:05:34+00/1/2",
        "2026-11-24 16:05:34+00/0x1",
        "2026-11-24 16:05:34+00/9999999999",
        "2026-11-24 16:05:34.1234567+00",
        "2026-11-24 16:05:34.+00",
        "2026-13-24 16:05:34+00",
        "2026-02-30 16:05:34+00",
        "2026-11-24 25:05:34+00",
        "infinity",
        "-infinity",
    ] {
        let error = refused.parse::<HybridTime>().unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidText, "{refused}");
    }
    let error = "2026-11-24 16:05:34+00/1024"
        .parse::<HybridTime>()
        .unwrap_err();
    assert_eq!(error.kind(), Kind::NumericOutOfRange);
    for out_of_range in ["1700-01-01 00:00:00+00", "2300-01-01 00:00:00+00/5"] {
        let error = out_of_range.parse::<HybridTime>().unwrap_err();
        assert_eq!(error.kind(), Kind::TimestampOutOfRange);
    }
    for instant in [Timestamp::INFINITY, Timestamp::NEGATIVE_INFINITY] {
        assert!(matches!(
            HybridTime::at(instant),
            Err(HybridError::Time { .. })
        ));
    }
}

/// The mark goes a window beyond the clock and no further, so that what a crash brings back is not
/// too far ahead for others; from a tick that is itself ahead it goes on by little.
#[test]
fn a_mark_stays_near_the_clock() {
    let pace = Pace {
        max_lead: 2_000_000,
        clock_tolerance: 1_000_000_000,
        window: 1_000_000,
    };
    let shape = shape();
    let now = EPOCH + 800_000_000_000_000;
    let wall = Timestamp::from_micros(now);
    let decide = |mark: &Mark<AtomicU64>, ahead: i64| {
        let first = shape.first_tick(Timestamp::from_micros(now + ahead));
        let found = Found {
            stored: 0,
            native: 0,
            wall,
            end: i64::MAX,
        };
        match mark.decide_near(&shape, Need::Now(first), found, &pace) {
            Raise::Store { mark } => mark * 1_000 - now,
            other => panic!("{other:?}"),
        }
    };
    let mark = Mark::new();
    assert_eq!(decide(&mark, 0), 1_000_000);
    assert_eq!(decide(&mark, 900_000), 1_000_000);
    // a microsecond, and up to whole milliseconds
    assert_eq!(decide(&mark, 990_000), 1_001_000);
    assert_eq!(decide(&mark, 2_000_000), 2_011_000);
    // nor because flushes take long
    mark.flush.store(3_000_000, Ordering::Relaxed);
    assert_eq!(decide(&mark, 0), 1_000_000);
    assert_eq!(decide(&mark, 2_000_000), 2_011_000);
}
