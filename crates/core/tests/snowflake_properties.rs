//! What holds for every layout, every ID, every clock and every crash.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use proptest::sample::select;
use snowflake_core::snowflake::{
    Allowance, Error, FieldKind, Found, Layout, Mark, Need, Raise, Shape, from_base32, to_base32,
    to_text,
};
use snowflake_core::words::{self, Beyond, Claim, Pace, Slot, Word};
use snowflake_core::{ClockSample, Refusal, Timestamp};

/// 2025-01-01, in milliseconds.
const NOW: i64 = 1_735_689_600_000;

fn cases(number: u32) -> ProptestConfig {
    ProptestConfig {
        cases: number,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn parse(spec: &str) -> Layout {
    Layout::parse(spec, Timestamp::from_millis(NOW))
        .unwrap_or_else(|error| panic!("{spec}: {:?}", error.detail()))
}

/// Any sound list of fields: at most `total` bits, all orders, units and epochs.
fn custom(total: u32) -> impl Strategy<Value = Layout> {
    let units = [1_i64, 7, 1_000, 1_500, 10_000, 1_000_000, 1_000_000];
    let size = any::<u32>;
    let sizes = [size(), size(), size(), size(), size()];
    let orders = Just([0, 1, 2]).prop_shuffle();
    (
        select(units.to_vec()),
        sizes,
        0..3,
        orders,
        any::<bool>(),
        0..NOW * 1_000,
    )
        .prop_map(move |(unit, sizes, split, order, leading, epoch)| {
            let pick = |size: u32, least: u32, most: u32| least + size % (most - least + 1);
            // what microseconds can hold, less the epoch
            let longest = (9_000_000_000_000_000_000 / unit).ilog2();
            let mut rest = total;
            let mut take = |size, least: u32, most: u32| {
                let bits = pick(size, least, most.min(rest).max(least));
                rest -= bits;
                bits
            };
            let timestamp = take(sizes[0], 1, longest.min(total - 1));
            let sequence = take(sizes[1], 1, 31);
            let worker = take(sizes[2], 0, 16);
            let reserved = take(sizes[3], 0, 31);
            let worker = match (split, worker) {
                (_, 0) => String::new(),
                (1, 2..) => {
                    let datacenter = pick(sizes[4], 1, worker - 1);
                    format!("datacenter={datacenter},machine={},", worker - datacenter)
                }
                _ => format!("worker={worker},"),
            };
            let sequence = format!("seq={sequence},");
            let reserved = match reserved {
                0 => String::new(),
                bits => format!("reserved={bits},"),
            };
            let (front, inner) = if leading {
                (reserved.as_str(), "")
            } else {
                ("", reserved.as_str())
            };
            let parts = order.map(|part: usize| [worker.as_str(), sequence.as_str(), inner][part]);
            let epoch = Timestamp::from_micros(epoch);
            parse(&format!(
                "{front}ts={timestamp},{}unit={unit}us,epoch={epoch}",
                parts.concat()
            ))
        })
}

fn preset() -> impl Strategy<Value = Layout> {
    select(Layout::presets().collect::<Vec<_>>())
}

fn layouts() -> impl Strategy<Value = Layout> {
    prop_oneof![preset(), custom(63)]
}

/// The largest number of units since the epoch.
fn last_unit(shape: &Shape) -> u64 {
    shape.last_tick() >> shape.sequence_bits()
}

/// The instant `micros` after a layout's unit begins.
fn instant(layout: &Layout, unit: u64, micros: i64) -> Timestamp {
    let begin = layout.epoch().micros() + unit as i64 * layout.shape().unit();
    Timestamp::from_micros(begin + micros)
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn the_name_of_a_layout_reads_back(layout in custom(63)) {
        let again = parse(layout.name());
        prop_assert_eq!(&again, &layout);
        prop_assert_eq!(again.name(), layout.name());
    }

    #[test]
    fn encoding_and_decoding_are_inverse(
        layout in layouts(),
        (unit, inside, worker, sequence) in any::<(u64, u64, u32, u64)>(),
    ) {
        let shape = layout.shape();
        let unit = unit % (last_unit(&shape) + 1);
        // the layout ends as its last unit begins
        let inside = if unit == last_unit(&shape) { 0 } else { inside % shape.unit() as u64 };
        let worker = (worker % (layout.largest_worker() + 1)) as i32;
        let sequence = (sequence % (layout.largest_sequence() + 1)) as i32;
        let id = layout.encode(instant(&layout, unit, inside as i64), worker, sequence).unwrap();
        prop_assert!((0..=layout.largest_id()).contains(&id));
        let decoded = layout.decode(id).unwrap();
        prop_assert_eq!(decoded.timestamp, instant(&layout, unit, 0));
        prop_assert_eq!(layout.timestamp(id).unwrap(), decoded.timestamp);
        prop_assert_eq!(decoded.worker_id.unwrap_or(0), worker);
        prop_assert_eq!(decoded.worker_id.is_some(), layout.worker_bits() > 0);
        prop_assert_eq!(decoded.sequence, sequence);
        prop_assert_eq!(decoded.reserved.unwrap_or(0), 0);
        prop_assert_eq!(decoded.reserved.is_some(), layout.bits(FieldKind::Reserved) > 0);
        let machine_bits = layout.bits(FieldKind::Machine);
        prop_assert_eq!(decoded.datacenter_id.is_some(), machine_bits > 0);
        if let (Some(datacenter), Some(machine)) = (decoded.datacenter_id, decoded.machine_id) {
            prop_assert_eq!(datacenter << machine_bits | machine, worker);
            prop_assert!(machine < 1 << machine_bits);
        }
    }

    #[test]
    fn decoding_takes_every_id_of_the_layout(layout in layouts(), id in any::<i64>()) {
        let id = id & i64::MAX;
        prop_assert_eq!(layout.decode(id).is_ok(), id <= layout.largest_id());
        let id = id & layout.largest_id();
        let decoded = layout.decode(id).unwrap();
        prop_assert!(decoded.timestamp >= layout.epoch());
        prop_assert!(decoded.timestamp <= layout.last_instant());
        let again = layout
            .encode(decoded.timestamp, decoded.worker_id.unwrap_or(0), decoded.sequence)
            .unwrap();
        // all but the reserved bits
        prop_assert_eq!(again & !id, 0);
        prop_assert_eq!((id ^ again) == 0, decoded.reserved.unwrap_or(0) == 0);
    }

    #[test]
    fn ids_of_a_worker_are_ordered_as_their_ticks(
        layout in layouts(),
        (one, other, worker) in any::<(u64, u64, u32)>(),
        near in any::<bool>(),
    ) {
        let shape = layout.shape();
        let one = one & shape.last_tick();
        // neighbours carry from the sequence into the time
        let other = if near { (one + 1) & shape.last_tick() } else { other & shape.last_tick() };
        let worker = worker % (layout.largest_worker() + 1);
        let id = |tick| shape.id(tick, shape.worker_bits(worker));
        prop_assert_eq!(id(one).cmp(&id(other)), one.cmp(&other));
        let key = |tick| {
            let decoded = layout.decode(id(tick)).unwrap();
            assert_eq!(decoded.worker_id.unwrap_or(0) as u32, worker);
            assert_eq!(decoded.reserved.unwrap_or(0), 0);
            assert_eq!(decoded.timestamp, shape.instant(tick));
            (decoded.timestamp, decoded.sequence)
        };
        prop_assert_eq!(key(one).cmp(&key(other)), one.cmp(&other));
    }

    #[test]
    fn first_tick_inverts_instant(
        layout in layouts(),
        (tick, inside) in any::<(u64, u64)>(),
    ) {
        let shape = layout.shape();
        let tick = tick & shape.last_tick();
        let begin = shape.instant(tick).micros();
        let inside = begin.saturating_add((inside % shape.unit() as u64) as i64);
        let first = tick >> shape.sequence_bits() << shape.sequence_bits();
        prop_assert_eq!(shape.first_tick(Timestamp::from_micros(inside)), first);
        prop_assert_eq!(shape.first_tick(Timestamp::from_micros(begin - 1)) < first, first > 0);
        prop_assert_eq!(shape.first_tick(Timestamp::INFINITY), shape.last_tick() + 1);
        prop_assert_eq!(shape.first_tick(Timestamp::NEGATIVE_INFINITY), 0);
    }

    #[test]
    fn min_and_max_are_neighbours_of_the_time(
        layout in layouts(),
        (unit, inside) in any::<(u64, u64)>(),
    ) {
        let shape = layout.shape();
        let unit = unit % (last_unit(&shape) + 1);
        let inside = if unit == last_unit(&shape) { 0 } else { inside % shape.unit() as u64 };
        let time = instant(&layout, unit, inside as i64);
        let (min, max) = (layout.min_id(time).unwrap(), layout.max_id(time).unwrap());
        let of = |id| layout.timestamp(id).unwrap();
        prop_assert!(of(min) >= time);
        prop_assert!(min == 0 || of(min - 1) < time);
        prop_assert!(of(max) <= time);
        prop_assert!(max == layout.largest_id() || of(max + 1) > time);
    }

    #[test]
    fn text_sorts_as_the_number_does(one in 0..=i64::MAX, other in 0..=i64::MAX, shift in 0..63) {
        // numbers of all lengths
        let (one, other) = (one >> shift, other >> (shift / 2));
        for form in [to_text, to_base32] {
            let (first, second) = (form(one).unwrap(), form(other).unwrap());
            prop_assert_eq!(first.len(), second.len());
            prop_assert_eq!(first.cmp(&second), one.cmp(&other));
        }
        prop_assert_eq!(to_text(one).unwrap().parse::<i64>().unwrap(), one);
        let text = to_base32(one).unwrap();
        prop_assert_eq!(text.len(), 13);
        prop_assert_eq!(from_base32(&text).unwrap(), one);
        prop_assert_eq!(from_base32(&text.to_lowercase()).unwrap(), one);
    }

    #[test]
    fn base32_takes_only_what_it_writes(text in "[0-9A-Za-z-]{12,15}") {
        let plain: String = text.chars().filter(|&symbol| symbol != '-').collect();
        let plain = plain.to_uppercase().replace(['I', 'L'], "1").replace('O', "0");
        match from_base32(&text) {
            Ok(id) => prop_assert_eq!(to_base32(id).unwrap(), plain),
            Err(_) => prop_assert!(
                plain.len() != 13 || plain.contains('U') || plain.as_bytes()[0] > b'7'
            ),
        }
    }
}

proptest! {
    #![proptest_config(cases(60))]

    /// Small layouts: every ID is looked at.
    #[test]
    fn limits_select_exactly_the_ids_of_a_time(
        layout in custom(9),
        times in [any::<u64>(), any::<u64>()],
        ends in [0..8, 0..8],
    ) {
        let duration = (layout.last_instant().micros() - layout.epoch().micros()) as u64;
        let pick = |time: u64, end| match end {
            0 => Timestamp::NEGATIVE_INFINITY,
            1 => Timestamp::INFINITY,
            // on the boundary of a unit
            2 => layout.timestamp((time % (layout.largest_id() as u64 + 1)) as i64).unwrap(),
            _ => Timestamp::from_micros(
                layout.epoch().micros() + (time % (duration + 1)) as i64
            ),
        };
        let (start, end) = (pick(times[0], ends[0]), pick(times[1], ends[1]));
        let all = || (0..=layout.largest_id()).map(|id| (id, layout.timestamp(id).unwrap()));
        if start.is_finite() {
            let at_or_after = all().find(|&(_, time)| time >= start).unwrap().0;
            prop_assert_eq!(layout.min_id(start).unwrap(), at_or_after);
            let at_or_before = all().rfind(|&(_, time)| time <= start).unwrap().0;
            prop_assert_eq!(layout.max_id(start).unwrap(), at_or_before);
        }
        if start > end {
            let expected = Err(Error::RangeReversed { start, end });
            prop_assert_eq!(layout.range(start, end), expected);
        } else if start != Timestamp::INFINITY {
            let (lower, upper) = layout.range(start, end).unwrap();
            for (id, time) in all() {
                let inside = id >= lower && upper.is_none_or(|upper| id < upper);
                prop_assert_eq!(inside, start <= time && time < end, "ID {}", id);
            }
        }
    }
}

/// A word that holds a tick, and what a claim is asked for.
#[derive(Clone, Copy, Debug)]
struct Request {
    current: u64,
    mark: u64,
    now: u64,
    allowed: u64,
    count: u64,
    start: u64,
}

/// Requests whose figures lie close together, so that all bounds come into play.
fn requests() -> impl Strategy<Value = Request> {
    let near = 0..200_u64;
    (
        any::<u64>(),
        near.clone(),
        near.clone(),
        near.clone(),
        near,
        1..100_u64,
        0..16_u64,
    )
        .prop_map(|(base, current, mark, now, allowed, count, start)| {
            let base = base >> 3;
            Request {
                current: base + current,
                mark: base + mark,
                now: (base + now) & !15,
                allowed: base + allowed,
                count,
                start,
            }
        })
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn a_claim_keeps_all_bounds(request in requests()) {
        let Request { current, mark, now, allowed, count, start } = request;
        let slot = Slot::<AtomicU64>::default();
        slot.last.store(current, Ordering::Relaxed);
        let claimed = slot.claim(&AtomicU64::new(mark), now, allowed, count, || start);
        let word = slot.last.load(Ordering::Relaxed);
        // whose turn it is
        let turn = if now > current { now + start } else { current + 1 };
        match claimed {
            Ok(Claim { first, last }) => {
                prop_assert_eq!(first, turn);
                prop_assert!(first > current && first >= now);
                prop_assert!(first <= last && last <= allowed && last < mark);
                prop_assert_eq!(word, last);
                let size = last - first + 1;
                let cut = last == allowed || last == mark - 1;
                prop_assert!(size == count || size < count && cut);
            }
            Err(Beyond { first }) => {
                prop_assert_eq!(first, turn);
                prop_assert!(first > allowed || first >= mark);
                prop_assert_eq!(word, current);
            }
        }
    }

    #[test]
    fn nothing_is_given_out_before_the_mark_is_read(request in requests()) {
        let Request { current, now, allowed, count, start, .. } = request;
        let slot = Slot::<AtomicU64>::default();
        slot.last.store(current, Ordering::Relaxed);
        prop_assert!(slot.claim(&AtomicU64::new(0), now, allowed, count, || start).is_err());
        let fresh = Slot::<AtomicU64>::default();
        prop_assert!(fresh.claim(&AtomicU64::new(0), 0, allowed, count, || 0).is_err());
    }
}

/// Batches that cross units continue with sequence 0 of the next one and miss no tick.
#[test]
fn a_batch_carries_across_units() {
    let layout = parse("ts=30,worker=3,seq=2,unit=10ms,epoch=0");
    let shape = layout.shape();
    let slot = Slot::<AtomicU64>::default();
    let mark = AtomicU64::new(shape.last_tick() + 1);
    let begin = shape.first_tick(Timestamp::from_micros(1_000_000));
    let mut keys = Vec::new();
    for (count, start) in [(3, 2), (1, 0), (9, 3)] {
        let claim = slot
            .claim(&mark, begin, begin + 100, count, || start)
            .unwrap();
        assert_eq!(claim.last - claim.first + 1, count);
        for tick in claim.first..=claim.last {
            let decoded = layout.decode(shape.id(tick, shape.worker_bits(5))).unwrap();
            assert_eq!(decoded.worker_id, Some(5));
            keys.push(decoded.timestamp.micros() / 10_000 * 4 + i64::from(decoded.sequence));
        }
    }
    // from sequence 2 of unit 100 on
    assert_eq!(keys, (402..415).collect::<Vec<_>>());
}

fn assess(
    slot: &Slot<AtomicU64>,
    shape: &Shape,
    sample: &ClockSample,
    pace: &Pace,
) -> Result<Allowance, words::Error> {
    let observed = slot.observe(sample, pace.unremarkable(shape.unit()));
    shape.allow(&observed, pace)
}

#[test]
fn the_last_id_of_a_layout_is_the_last() {
    for layout in Layout::presets() {
        let shape = layout.shape();
        let slot = Slot::<AtomicU64>::default();
        let pace = Pace {
            max_lead: 500_000,
            clock_tolerance: 0,
            window: 1_000_000,
        };
        let wall = layout.last_instant();
        let sample = ClockSample {
            wall,
            monotonic_before: 0,
            monotonic_after: 0,
        };
        let allowed = assess(&slot, &shape, &sample, &pace).unwrap().last;
        assert_eq!(allowed, shape.last_tick());
        let mark = Mark::<AtomicU64>::default();
        let now = shape.first_tick(wall);
        assert_eq!(
            slot.claim(&mark.bound, now, allowed, 1, || 0),
            Err(Beyond { first: now })
        );
        let found = Found {
            stored: 0,
            native: 0,
            wall,
            end: i64::MAX,
        };
        let Raise::Store { mark: stored } = mark.decide(&shape, mark.need(now), found, &pace)
        else {
            panic!("nothing is stored yet");
        };
        mark.publish(&shape, stored, &pace);
        // half a window before the mark it may be raised, but the layout ends first
        assert_eq!(mark.need(now), Need::Ahead(now));
        mark.step(&shape, now, &pace);
        slot.last.store(shape.last_tick() - 2, Ordering::Relaxed);
        let claim = slot.claim(&mark.bound, now, allowed, 100, || 0).unwrap();
        assert_eq!(claim.last, shape.last_tick());
        assert_eq!(claim.last - claim.first, 1);
        let id = shape.id(claim.last, shape.worker_bits(layout.largest_worker()));
        assert_eq!(id, layout.largest_id());
        let first = shape.last_tick() + 1;
        assert_eq!(
            slot.claim(&mark.bound, now, allowed, 1, || 0),
            Err(Beyond { first })
        );
    }
}

/// What is done about a stored mark, case by case. A tick is a millisecond here, times two.
#[test]
fn decisions_about_a_mark() {
    let shape = parse("ts=41,seq=1,epoch=0").shape();
    let mark = Mark::<AtomicU64>::default();
    let pace = Pace {
        max_lead: 2_000,
        clock_tolerance: 0,
        window: 5_000,
    };
    let decide_at = |millis, need, stored| {
        let found = Found {
            stored,
            native: 0,
            wall: Timestamp::from_millis(millis),
            end: i64::MAX,
        };
        mark.decide(&shape, need, found, &pace)
    };
    let decide = |first, stored| decide_at(1_000_000, Need::Now(first), stored);
    let ahead = |first, stored| decide_at(1_000_000, Need::Ahead(first), stored);
    let intact = |stored| decide_at(1_000_000, Need::Intact, stored);
    let store = |mark| Raise::Store { mark };
    let adopt = |mark, foreign| Raise::Adopt { mark, foreign };
    let bounds = || [mark.bound.load_relaxed(), mark.durable.load_relaxed()];
    // never raised: the end of the unit and the window
    assert_eq!(mark.need(200), Need::Now(200));
    assert_eq!(decide(200, 0), store(106));
    assert_eq!(decide(201, 0), store(106));
    // not beyond where the clock lets IDs go in a window, unless the clock went back
    assert_eq!(decide_at(100, Need::Now(200), 0), store(106));
    assert_eq!(decide_at(100, Need::Now(212), 0), store(107));
    assert_eq!(decide_at(100, Need::Now(214), 0), store(113));
    // found at the start: adopted even if it is too low
    assert_eq!(decide(200, 300), adopt(300, true));
    assert_eq!(decide(200, 50), adopt(50, true));
    assert_eq!(intact(50), adopt(50, true));
    // stored by another backend that has not published it
    mark.storing(106);
    assert_eq!(decide(200, 106), adopt(106, false));
    assert_eq!(intact(106), Raise::Published);
    // published: callers look again half a window before it
    mark.publish(&shape, 106, &pace);
    assert_eq!(bounds(), [206, 212]);
    assert_eq!(decide(211, 106), Raise::Published);
    assert_eq!(mark.need(211), Need::Ahead(211));
    assert_eq!(mark.need(212), Need::Now(212));
    assert_eq!(decide(212, 106), store(112));
    // ahead: raised, and not published before it is durable; meanwhile callers go on in steps
    assert_eq!(ahead(206, 106), store(109));
    mark.storing(109);
    assert_eq!(ahead(206, 109), Raise::Raised { mark: 109 });
    mark.step(&shape, 206, &pace);
    assert_eq!(bounds(), [208, 212]);
    mark.step(&shape, 211, &pace);
    assert_eq!(bounds(), [212, 212]);
    assert_eq!(decide(212, 109), adopt(109, false));
    mark.publish(&shape, 109, &pace);
    assert_eq!(bounds(), [212, 218]);
    // as far ahead as the clock allows already
    assert_eq!(decide_at(102, Need::Ahead(212), 109), Raise::Published);
    // restored above what this server has stored
    assert_eq!(decide(218, 110), adopt(110, true));
    assert_eq!(ahead(213, 1_000), adopt(1_000, true));
    assert_eq!(intact(1_000), adopt(1_000, true));
    // lost or lowered: stored anew, also where a caller needs nothing
    assert_eq!(ahead(213, 108), store(112));
    assert_eq!(intact(108), store(109));
    assert_eq!(intact(0), store(109));
    // noted and then not written: the next one is not lower
    mark.storing(500);
    assert_eq!(decide(218, 109), store(500));
    assert_eq!(decide(218, 0), store(500));
    // without a place in shared memory: other backends of this server store marks as well
    let found = Found {
        stored: 600,
        native: 600,
        wall: Timestamp::from_millis(1_000_000),
        end: i64::MAX,
    };
    let decide = |need| mark.decide(&shape, need, found, &pace);
    assert_eq!(decide(Need::Now(218)), adopt(600, false));
    assert_eq!(decide(Need::Ahead(213)), Raise::Raised { mark: 600 });
    // a late publisher lowers nothing
    mark.publish(&shape, 120, &pace);
    mark.publish(&shape, 106, &pace);
    assert_eq!(bounds(), [234, 240]);
}

/// Real threads with real atomics, on one word.
#[test]
fn threads_never_get_the_same_tick() {
    const THREADS: u64 = 4;
    const ROUNDS: u64 = 3_000;
    let slot = Slot::<AtomicU64>::default();
    let mark = AtomicU64::new(u64::MAX);
    let claims: Vec<Vec<Claim>> = std::thread::scope(|scope| {
        let work = |thread: u64| {
            let (slot, mark) = (&slot, &mark);
            scope.spawn(move || {
                let claim = |round: u64| {
                    // clocks of all sorts, in steps of a unit with 64 sequences
                    let now = (round / 7 + thread * (round % 3)) << 6;
                    let count = 1 + (round + thread) % 5;
                    slot.claim(mark, now, u64::MAX, count, || round % 32)
                        .unwrap()
                };
                (0..ROUNDS).map(claim).collect()
            })
        };
        let threads: Vec<_> = (0..THREADS).map(work).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let mut seen = BTreeSet::new();
    for own in &claims {
        assert!(own.windows(2).all(|pair| pair[0].last < pair[1].first));
        for claim in own {
            for tick in claim.first..=claim.last {
                assert!(seen.insert(tick), "tick {tick} twice");
            }
        }
    }
    assert_eq!(seen.len() as u64, THREADS * ROUNDS * 3);
}

#[test]
fn counters_count() {
    let slot = Slot::<AtomicU64>::default();
    for _ in 0..3 {
        slot.count_wait();
    }
    slot.count_error();
    assert_eq!(slot.waits.load(Ordering::Relaxed), 3);
    assert_eq!(slot.regressions.load(Ordering::Relaxed), 0);
}

/// A regression within a lead, a window and the rounding of the mark is no news; a larger one is
/// counted once until the clock is back; one beyond the tolerance is refused.
#[test]
fn a_clock_that_goes_back() {
    let shape = parse("ts=41,seq=12,epoch=0").shape();
    let slot = Slot::<AtomicU64>::default();
    let pace = Pace {
        max_lead: 1_000,
        clock_tolerance: 10_000,
        window: 2_000,
    };
    // since the monotonic clock stood at 0 the wall clock went on by `elapsed`, less what it
    // went back
    let sample = |elapsed: i64, back: i64| ClockSample {
        wall: Timestamp::from_micros(NOW * 1_000 + elapsed - back),
        monotonic_before: elapsed,
        monotonic_after: elapsed,
    };
    assert_eq!(slot.regression(&sample(0, 50), Timestamp::INFINITY), 0);
    assert_eq!(pace.unremarkable(shape.unit()), 5_000);
    let unremarkable = pace.unremarkable(shape.unit());
    let observe = |elapsed, back| slot.observe(&sample(elapsed, back), unremarkable);
    let figures = |elapsed, back| {
        let observed = observe(elapsed, back);
        let allowance = shape.allow(&observed, &pace).unwrap();
        assert_eq!(allowance.now, sample(elapsed, 0).wall);
        assert_eq!(allowance.regression, observed.regression);
        (observed.regression, observed.noticed)
    };
    assert_eq!(figures(0, 0), (0, false));
    assert_eq!(figures(1_000, 5_000), (5_000, false));
    assert_eq!(figures(2_000, 5_001), (5_001, true));
    assert_eq!(figures(3_000, 10_000), (10_000, false));
    assert_eq!(slot.regressions.load(Ordering::Relaxed), 1);
    assert_eq!(
        shape.allow(&observe(4_000, 10_001), &pace),
        Err(words::Error::ClockWentBack {
            regression: 10_001,
            tolerance: 10_000,
            wall: sample(4_000, 10_001).wall,
        })
    );
    assert_eq!(
        slot.regression(&sample(4_000, 10_001), Timestamp::INFINITY),
        10_001
    );
    // corrected, then back again, and a further step back
    assert_eq!(figures(5_000, 0), (0, false));
    assert_eq!(figures(6_000, 5_002), (5_002, true));
    assert_eq!(figures(7_000, 10_000), (10_000, false));
    assert!(observe(8_000, 10_003).noticed);
    assert!(!observe(9_000, 10_003).noticed);
    assert_eq!(slot.regressions.load(Ordering::Relaxed), 3);
    // behind the last ID nothing is forgotten; past it all is, and the next step back is a new one
    slot.catch_up(&sample(9_000, 10_003), sample(9_000, 10_002).wall);
    assert_eq!(observe(9_000, 10_003).regression, 10_003);
    slot.catch_up(&sample(9_000, 10_003), sample(9_000, 10_003).wall);
    assert_eq!(observe(9_000, 10_003).regression, 0);
    assert_eq!(observe(9_000, 10_003 + 10_000).regression, 10_000);
    assert_eq!(slot.regressions.load(Ordering::Relaxed), 4);
}

/// One of the two backends of a server: what it has still to do of a raise.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Task {
    #[default]
    Idle,
    Flush {
        mark: i64,
        foreign: bool,
    },
    Publish {
        mark: i64,
        foreign: bool,
    },
}

/// What happens next.
#[derive(Clone, Debug)]
enum Event {
    /// A backend goes one step further: to an ID, or along a raise of the mark.
    Step {
        backend: usize,
        worker: usize,
        count: u64,
        start: u64,
        /// Microseconds that pass between the readings of a sample.
        pause: i64,
    },
    /// Both clocks go on.
    Pass(i64),
    /// The wall clock is set.
    Jump(i64),
    /// An error ends what a backend is doing.
    Abandon(usize),
    /// A backend fails between noting and writing a mark.
    FailedStore,
    /// All of shared memory is lost, and of the page what was not flushed, unless by chance it
    /// was; after a while the server starts, with another monotonic clock if the machine did.
    Crash {
        flushed: bool,
        down: i64,
        reboot: bool,
    },
    /// Somebody restores a higher mark.
    Restore(i64),
    /// What was written to the log becomes durable.
    WalWriter,
}

fn events() -> impl Strategy<Value = Event> {
    let step = (
        0..2_usize,
        0..2_usize,
        1..40_u64,
        any::<u64>(),
        0..2_000_i64,
    );
    prop_oneof![
        30 => step.prop_map(|(backend, worker, count, start, pause)| Event::Step {
            backend, worker, count, start, pause,
        }),
        5 => (0..3_000_000_i64).prop_map(Event::Pass),
        2 => (-20_000_000..20_000_000_i64).prop_map(Event::Jump),
        1 => (-4_000_000_000..4_000_000_000_i64).prop_map(Event::Jump),
        1 => (0..2_usize).prop_map(Event::Abandon),
        1 => Just(Event::FailedStore),
        2 => (any::<bool>(), -10_000_000..10_000_000_i64, any::<bool>())
            .prop_map(|(flushed, down, reboot)| Event::Crash { flushed, down, reboot }),
        1 => (1..100_000_i64).prop_map(Event::Restore),
        4 => Just(Event::WalWriter),
    ]
}

/// A server, its disk and its clocks; and what it must remember to be found out.
struct Server {
    shape: Shape,
    pace: Pace,
    slots: [Slot<AtomicU64>; 2],
    mark: Mark<AtomicU64>,
    tasks: [Task; 2],
    /// The mark on the sequence's page, and what of it is sure to survive.
    page: i64,
    durable: i64,
    /// Microseconds.
    wall: i64,
    monotonic: i64,
    /// For each worker the last tick given out.
    given: [u64; 2],
    /// Ticks below this belong to a restored mark that was adopted.
    adopted: u64,
    /// For each worker the highest difference of the clocks it has been shown since the start.
    offset: [i64; 2],
    claims: u32,
}

impl Server {
    fn new(shape: Shape, pace: Pace) -> Self {
        let mut server = Self {
            shape,
            pace,
            slots: Default::default(),
            mark: Mark::default(),
            tasks: Default::default(),
            page: 0,
            durable: 0,
            wall: NOW * 1_000,
            monotonic: 5_000_000,
            given: [0; 2],
            adopted: 0,
            offset: [i64::MIN; 2],
            claims: 0,
        };
        server.start();
        server
    }

    fn tick(&self, micros: i64) -> u64 {
        self.shape.first_tick(Timestamp::from_micros(micros))
    }

    /// The last tick of the unit that a time lies in.
    fn until(&self, micros: i64) -> u64 {
        let last = self.tick(micros) | ((1 << self.shape.sequence_bits()) - 1);
        last.min(self.shape.last_tick())
    }

    /// Begins with empty shared memory.
    fn start(&mut self) {
        self.slots = Default::default();
        self.mark = Mark::default();
        self.tasks = Default::default();
        self.offset = [i64::MIN; 2];
        self.resume(self.wall + self.pace.max_lead, self.wall);
    }

    /// Goes on with IDs from `from` on, and with a clock that has been at `clock`.
    fn resume(&mut self, from: i64, clock: i64) {
        let tick = self.tick(from);
        for (slot, offset) in self.slots.iter().zip(&mut self.offset) {
            slot.resume(tick, Timestamp::from_micros(clock), self.monotonic);
            *offset = (*offset).max(clock - self.monotonic);
        }
    }

    fn happen(&mut self, event: &Event) {
        match *event {
            Event::Step {
                backend,
                worker,
                count,
                start,
                pause,
            } => match std::mem::take(&mut self.tasks[backend]) {
                Task::Idle => self.next(backend, worker, count, start, pause),
                Task::Flush { mark, foreign } => {
                    self.durable = self.durable.max(mark);
                    self.tasks[backend] = Task::Publish { mark, foreign };
                }
                Task::Publish { mark, foreign } => self.publish(mark, foreign),
            },
            Event::Pass(micros) => {
                self.wall += micros;
                self.monotonic += micros;
            }
            Event::Jump(micros) => self.wall += micros,
            Event::Abandon(backend) => self.tasks[backend] = Task::Idle,
            Event::FailedStore => {
                let first = self.slots[0].last.load(Ordering::Relaxed) + 1;
                if let Raise::Store { mark } = self.decide(self.mark.need(first)) {
                    self.mark.storing(mark);
                }
            }
            Event::Crash {
                flushed,
                down,
                reboot,
            } => {
                if flushed {
                    self.durable = self.page;
                }
                self.page = self.durable;
                self.wall += down;
                self.monotonic = if reboot {
                    1_000_000
                } else {
                    self.monotonic + down.abs()
                };
                self.start();
            }
            Event::Restore(millis) => {
                self.page = self.page.max(self.wall / 1_000) + millis;
                self.durable = self.page;
            }
            Event::WalWriter => self.durable = self.page,
        }
    }

    /// What a call for an ID does until it has to wait, to write or to give up.
    fn next(&mut self, backend: usize, worker: usize, count: u64, start: u64, pause: i64) {
        let (now, allowed) = (
            self.tick(self.wall),
            self.until(self.wall + self.pace.max_lead),
        );
        let Err(Beyond { first }) = self.claim(worker, now, allowed, count, start) else {
            return;
        };
        let mut allowed = allowed;
        if first > allowed {
            match self.assess(worker, pause) {
                // as far as the clock would be, had it not gone back
                Some(further) => allowed = further,
                None => return,
            }
            if first > allowed {
                return;
            }
            if self.claim(worker, now, allowed, count, start).is_ok() {
                return;
            }
        }
        // what is left is the mark
        let bound = self.mark.bound.load(Ordering::Relaxed);
        assert!(first >= bound, "{first} is allowed and below the mark");
        let need = self.mark.need(first);
        let ahead = need == Need::Ahead(first);
        self.tasks[backend] = match self.decide(need) {
            Raise::Published => {
                assert!(ahead, "nobody else has raised the mark");
                Task::Idle
            }
            Raise::Ended => panic!("there is no end here"),
            Raise::Raised { mark } => {
                assert!(ahead && mark == self.page);
                if self.durable >= mark {
                    Task::Publish {
                        mark,
                        foreign: false,
                    }
                } else {
                    Task::Idle
                }
            }
            Raise::Adopt { mark, foreign } => {
                assert_eq!(mark, self.page);
                Task::Flush { mark, foreign }
            }
            Raise::Store { mark } => {
                assert!(mark >= self.page, "a mark never decreases");
                let instant = self.shape.instant(first).micros();
                let Pace {
                    max_lead, window, ..
                } = self.pace;
                let needed = (instant + window).min(self.wall + max_lead + window);
                assert!(mark * 1_000 >= needed, "not raised by the window");
                assert!(
                    self.tick(mark * 1_000) > first,
                    "the mark is not above the ID"
                );
                self.mark.storing(mark);
                self.page = mark;
                if ahead {
                    Task::Idle
                } else {
                    Task::Flush {
                        mark,
                        foreign: false,
                    }
                }
            }
        };
        if ahead && self.tasks[backend] == Task::Idle {
            self.mark.step(&self.shape, first, &self.pace);
            self.check_bounds();
            let claim = self.claim(worker, now, allowed, count, start);
            assert_eq!(claim, Ok(()), "a caller below the mark does not wait");
        }
    }

    fn decide(&self, need: Need) -> Raise {
        let found = Found {
            stored: self.page,
            native: 0,
            wall: Timestamp::from_micros(self.wall),
            end: i64::MAX,
        };
        self.mark.decide(&self.shape, need, found, &self.pace)
    }

    fn check_bounds(&self) {
        let [bound, published] =
            [&self.mark.bound, &self.mark.durable].map(|word| word.load(Ordering::Relaxed));
        assert!(bound <= published);
        assert!(
            published <= self.tick(self.durable * 1_000),
            "published before durable"
        );
    }

    fn publish(&mut self, mark: i64, foreign: bool) {
        if foreign {
            let micros = mark * 1_000;
            self.resume(micros, micros - self.pace.max_lead);
            self.mark.storing(mark);
            self.adopted = self.adopted.max(self.tick(micros));
        }
        self.mark.publish(&self.shape, mark, &self.pace);
        self.check_bounds();
    }

    fn claim(
        &mut self,
        worker: usize,
        now: u64,
        allowed: u64,
        count: u64,
        start: u64,
    ) -> Result<(), Beyond> {
        let sequences = 1 << self.shape.sequence_bits();
        let slot = &self.slots[worker];
        let claim = slot.claim(&self.mark.bound, now, allowed, count, || start % sequences)?;
        let Claim { first, last } = claim;
        assert!(first <= last && last - first < count);
        assert!(first > self.given[worker], "{first} repeats or is smaller");
        assert!(first >= self.adopted, "{first} is below an adopted mark");
        assert!(last <= allowed, "{last} is ahead of time");
        let mark = Timestamp::from_millis(self.durable);
        assert!(
            self.shape.instant(last) < mark,
            "{last} is above the durable mark"
        );
        self.given[worker] = last;
        self.claims += 1;
        Ok(())
    }

    /// What the clocks allow, held against the clocks; `None` if they allow nothing.
    fn assess(&mut self, worker: usize, pause: i64) -> Option<u64> {
        let sample = ClockSample {
            wall: Timestamp::from_micros(self.wall),
            monotonic_before: self.monotonic - pause,
            monotonic_after: self.monotonic + pause / 2,
        };
        let slot = &self.slots[worker];
        let reached = self.shape.instant(slot.last.load(Ordering::Relaxed));
        let difference = self.wall - self.monotonic;
        // a clock that is past the last tick has nothing to make up for
        let highest = if self.wall >= reached.micros() {
            difference
        } else {
            self.offset[worker].max(difference)
        };
        self.offset[worker] = highest;
        let truth = highest - difference;
        slot.catch_up(&sample, reached);
        let assessed = assess(slot, &self.shape, &sample, &self.pace);
        let regression = slot.regression(&sample, reached);
        assert!(regression <= truth, "{regression} is more than {truth}");
        // both this and an earlier sample may have been paused
        assert!(
            regression >= truth - 4_000,
            "{regression} is less than {truth}"
        );
        match assessed {
            Ok(allowance) => {
                assert_eq!(allowance.regression, regression);
                assert!(
                    regression <= self.pace.clock_tolerance
                        || regression <= self.pace.unremarkable(self.shape.unit())
                );
                assert_eq!(allowance.now.micros(), self.wall + regression);
                let horizon = self.wall + regression + self.pace.max_lead;
                assert_eq!(allowance.last, self.until(horizon));
                // waiting ends when the tick is allowed, and not before
                for first in [allowance.last, allowance.last + 1] {
                    let wait = allowance.wait(&self.shape, first, &self.pace);
                    assert_eq!(wait > 0, first > allowance.last);
                    assert!(first <= self.until(horizon + wait));
                    assert!(wait == 0 || first > self.until(horizon + wait - 1));
                }
                Some(allowance.last)
            }
            Err(words::Error::ClockWentBack { regression, .. }) => {
                assert!(truth >= regression);
                assert!(regression > self.pace.clock_tolerance);
                assert!(regression > self.pace.unremarkable(self.shape.unit()));
                None
            }
        }
    }
}

/// Layouts that run out of sequences soon, of all kinds of units.
fn tight() -> impl Strategy<Value = Layout> {
    let units = ["1us", "7us", "300us", "1ms", "1500us", "10ms", "1s"];
    let epochs = ["0", "1577836800000", "2020-01-01T00:00:00.000123Z"];
    let orders = [
        ("worker=2,", ""),
        ("", ",worker=2"),
        ("reserved=1,worker=2,", ""),
    ];
    (
        select(units.to_vec()),
        1..12_u32,
        select(epochs.to_vec()),
        select(orders.to_vec()),
    )
        .prop_map(|(unit, sequence, epoch, (before, after))| {
            // far enough for the times tried here
            let bits = match unit {
                "1us" => 52,
                "7us" | "300us" => 48,
                _ => 42,
            };
            parse(&format!(
                "ts={bits},{before}seq={}{after},unit={unit},epoch={epoch}",
                sequence.min(60 - bits)
            ))
        })
}

fn paces() -> impl Strategy<Value = Pace> {
    let lead = prop_oneof![Just(0), Just(500_000), 0..2_000_000_i64];
    let tolerance = prop_oneof![Just(0), Just(1_000_000_000), 0..10_000_000_i64];
    let window = prop_oneof![Just(0), Just(1_000_000), 0..3_000_000_i64];
    (lead, tolerance, window).prop_map(|(max_lead, clock_tolerance, window)| Pace {
        max_lead,
        clock_tolerance,
        window,
    })
}

proptest! {
    #![proptest_config(cases(300))]

    /// Clocks that jump, crashes at any step of a raise, two backends, two workers: no ID twice,
    /// each larger than all before, none ahead of time, none at or above the durable mark.
    #[test]
    fn never_twice(
        layout in tight(),
        pace in paces(),
        events in proptest::collection::vec(events(), 1..300),
    ) {
        let mut server = Server::new(layout.shape(), pace);
        for event in &events {
            server.happen(event);
        }
        // and it goes on: with a correct clock there is an ID in a few steps
        let highest = server.offset.into_iter().max().unwrap();
        server.wall = server.wall.max(highest + server.monotonic);
        server.happen(&Event::Pass(200_000_000));
        server.wall += 4_000_000_000_000;
        server.tasks = Default::default();
        let before = server.claims;
        for _ in 0..8 {
            let pause = 0;
            server.happen(&Event::Step { backend: 0, worker: 0, count: 1, start: 0, pause });
        }
        prop_assert!(server.claims > before);
    }

    /// With a good clock a server that crashed gives out an ID without a wait, refuses none, and
    /// says nothing about the clock.
    #[test]
    fn a_restart_does_not_wait(
        layout in tight(),
        busy in 1..200_usize,
        count in 1..40_u64,
        flushed in any::<bool>(),
        down in 0..1_000_000_i64,
    ) {
        let pace = Pace { max_lead: 3_000_000, clock_tolerance: 0, window: 1_000_000 };
        let mut server = Server::new(layout.shape(), pace);
        let step = |backend| Event::Step { backend, worker: 0, count, start: 0, pause: 0 };
        for round in 0..busy {
            server.happen(&step(round % 2));
        }
        server.happen(&Event::Crash { flushed, down, reboot: flushed });
        let before = server.claims;
        // read and adopt the mark; store, flush and publish a higher one; claim
        for _ in 0..7 {
            server.happen(&step(0));
        }
        prop_assert!(server.claims > before);
        for slot in &server.slots {
            prop_assert_eq!(slot.errors.load(Ordering::Relaxed), 0);
            prop_assert_eq!(slot.regressions.load(Ordering::Relaxed), 0);
        }
    }
}

/// A lossy restart is found out: the model itself can fail.
#[test]
#[should_panic(expected = "above the durable mark")]
fn the_model_notices_a_mark_that_is_not_durable() {
    let shape = Layout::twitter().shape();
    let pace = Pace {
        max_lead: 500_000,
        clock_tolerance: 0,
        window: 1_000_000,
    };
    let mut server = Server::new(shape, pace);
    server.mark.publish(&shape, NOW + 10_000, &pace);
    let step = Event::Step {
        backend: 0,
        worker: 0,
        count: 1,
        start: 0,
        pause: 0,
    };
    server.happen(&step);
}

#[test]
#[should_panic(expected = "repeats or is smaller")]
fn the_model_notices_a_repeat() {
    let shape = Layout::twitter().shape();
    let pace = Pace {
        max_lead: 500_000,
        clock_tolerance: 0,
        window: 1_000_000,
    };
    let mut server = Server::new(shape, pace);
    let step = Event::Step {
        backend: 0,
        worker: 0,
        count: 1,
        start: 0,
        pause: 0,
    };
    for _ in 0..4 {
        server.happen(&step);
    }
    assert_eq!(server.claims, 1);
    server.slots = Default::default();
    server.wall -= 10_000_000;
    server.happen(&step);
}

proptest! {
    /// Without the exact clock the same ticks are claimed as with it, whatever it says within the
    /// bound, or none.
    #[test]
    fn ahead_of_the_clock_the_next_tick_does_not_depend_on_it(
        last in 0..200u64,
        reached in 0..200u64,
        behind in 0..50u64,
        allowed in 0..300u64,
        bound in 0..300u64,
        count in 1..20u64,
    ) {
        let slots: [Slot<AtomicU64>; 2] = Default::default();
        slots.iter().for_each(|slot| slot.last.store(last, Ordering::Relaxed));
        let mark = AtomicU64::new(bound);
        let exact = slots[1].claim(&mark, reached.saturating_sub(behind), allowed, count, || 0);
        match slots[0].claim_ahead(&mark, reached, allowed, count) {
            Some(claim) => {
                prop_assert_eq!(Ok(claim), exact);
                prop_assert!(claim.first > reached);
            }
            None => {
                prop_assert_eq!(slots[0].last.load(Ordering::Relaxed), last);
                prop_assert!(last < reached || exact.is_err());
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(20_000))]

    /// Ahead of a clock that went back, who has looked at the clocks and finds them as they were
    /// claims by coarse readings what a caller that looks again would claim, or nothing; and that
    /// caller would have nothing to tell or to refuse.
    #[test]
    fn behind_a_clock_that_went_back_the_next_tick_needs_no_second_look(
        layout in tight(),
        pace in paces(),
        regressed in 0..20_000_000_i64,
        percent in -20..110_i64,
        explained in prop_oneof![Just(0), 0..20_000_000_i64],
        sloppy in 0..30_i64,
        later in 0..3_000_000_i64,
        step in prop_oneof![3 => Just(0), 1 => -20_000_000..20_000_000_i64, 2 => -200..200_i64],
        resumed in prop_oneof![4 => Just(0), 1 => 0..20_000_000_i64],
        lag in 0..20_000_i64,
        bound in 0..8_u64,
    ) {
        /// Of coarse readings.
        const ERROR: i64 = 20_000;
        let shape = layout.shape();
        let sequences = 1 << shape.sequence_bits();
        let unremarkable = pace.unremarkable(shape.unit());
        let instant = Timestamp::from_micros;
        let sample = |wall: i64, monotonic: i64| ClockSample {
            wall: instant(wall),
            monotonic_before: monotonic - sloppy,
            monotonic_after: monotonic + sloppy,
        };
        // where the clock was, by a monotonic one that begins with 0, and what it says now
        let (right, wall) = (NOW * 1_000, NOW * 1_000 - regressed);
        let ahead = pace.max_lead / 100 * percent;
        let last = shape.first_tick(instant(right + ahead)) + sequences / 2;
        let slot = Slot::<AtomicU64>::default();
        slot.resume(last, instant(right), 0);
        slot.explain(explained);
        let far = shape.first_tick(instant(right + 30_000_000));
        let mark = AtomicU64::new([last + 1, last + 2, last + sequences, far][bound.min(3) as usize]);

        // how claim_slow goes about it
        let look = |slot: &Slot<AtomicU64>, sample: &ClockSample| {
            slot.catch_up(sample, shape.instant(slot.last.load(Ordering::Relaxed)));
            let observed = slot.observe(sample, unremarkable);
            let allowance = shape.allow(&observed, &pace).ok()?;
            let now = shape.first_tick(sample.wall);
            let claim = slot.claim(&mark, now, allowance.last, 1, || 0).ok()?;
            Some((claim, observed.noticed))
        };
        let first = sample(wall, 0);
        let claimed = look(&slot, &first);
        let (Some(_), Some(standing)) = (claimed, slot.standing(&first)) else {
            return Ok(());
        };
        // another backend adopts a mark meanwhile
        if resumed > 0 {
            slot.resume(0, instant(right + resumed), 0);
        }
        let words = |slot: &Slot<AtomicU64>| {
            [&slot.last, &slot.offset, &slot.regressed, &slot.regressions]
                .map(|word| word.load(Ordering::Relaxed))
        };
        let other = Slot::<AtomicU64>::default();
        for (copy, word) in [&other.last, &other.offset, &other.regressed, &other.regressions]
            .into_iter()
            .zip(words(&slot))
        {
            copy.store(word, Ordering::Relaxed);
        }

        let (monotonic, wall) = (later, wall + later + step);
        let coarse = (instant(wall - lag), monotonic - lag);
        let claim = slot.still(standing, coarse.0, coarse.1).and_then(|offset| {
            let error = (ERROR / shape.unit() + 2) as u64 * sequences;
            let lead = (pace.max_lead / shape.unit()) as u64 * sequences + (sequences - 1);
            let reached = shape.first_tick_within(coarse.0)? + error;
            let now = shape.first_tick_within(instant(coarse.1 + offset))?;
            slot.claim_ahead(&mark, reached, now + lead, 1)
        });
        match claim {
            Some(claim) => {
                let before = words(&other);
                // neither after a glance that took long nor at once is there more to be seen
                let looked = look(&other, &sample(wall, monotonic + sloppy));
                prop_assert_eq!(looked, Some((claim, false)));
                prop_assert_eq!(&before[2..], &words(&other)[2..]);
                prop_assert!(step.abs() <= 100 + 2 * sloppy);
            }
            None => prop_assert_eq!(words(&slot), words(&other)),
        }
    }
}

/// It is not in vain: by far the most IDs of a server that starts again need no second look.
#[test]
fn behind_a_clock_that_went_back_nothing_but_a_set_clock_needs_a_second_look() {
    let slot = Slot::<AtomicU64>::default();
    let hour = 3_600_000_000;
    let at = |wall: i64, monotonic: i64| ClockSample {
        wall: Timestamp::from_micros(wall),
        monotonic_before: monotonic,
        monotonic_after: monotonic,
    };
    let wall = NOW * 1_000;
    slot.resume(0, Timestamp::from_micros(wall + hour), 0);
    let standing = slot.standing(&at(wall, 0)).unwrap();
    let still =
        |wall: i64, monotonic| slot.still(standing, Timestamp::from_micros(wall), monotonic);
    assert_eq!(still(wall, 0), Some(wall + hour));
    assert_eq!(still(wall + 1_000_000, 1_000_000), Some(wall + hour));
    // set by less than readings differ, or by more, to and fro
    assert_eq!(still(wall + 1_000_100, 1_000_000), Some(wall + hour));
    assert_eq!(still(wall + 1_000_101, 1_000_000), None);
    assert_eq!(still(wall + 999_899, 1_000_000), None);
    // the word was put elsewhere
    slot.resume(0, Timestamp::from_micros(wall + 2 * hour), 0);
    assert_eq!(still(wall, 0), None);
    // a clock that is right stands in no particular way
    assert_eq!(slot.standing(&at(wall + 2 * hour, 0)), None);
    assert_eq!(slot.standing(&at(wall + 3 * hour, 0)), None);
    assert_eq!(Slot::<AtomicU64>::default().standing(&at(wall, 0)), None);
}

/// What flushes taught, step by step: how far the mark leads.
#[test]
fn the_mark_leads_by_what_flushes_take() {
    let mark = Mark::<AtomicU64>::default();
    let pace = Pace {
        max_lead: 500_000,
        clock_tolerance: 0,
        window: 1_000_000,
    };
    let reach = || mark.reach(&pace);
    // nothing was asked for
    mark.not_yet_durable(9_000_000);
    mark.found_durable(9_000_000, true);
    assert_eq!(reach(), 1_000_000);
    mark.asking(10_000_000);
    mark.not_yet_durable(10_100_000);
    assert_eq!(reach(), 1_000_000);
    // there is room for it in half a window, by which a raise comes early
    mark.not_yet_durable(10_500_000);
    assert_eq!(reach(), 1_000_000);
    mark.not_yet_durable(10_600_000);
    assert_eq!(reach(), 4_800_000);
    mark.found_durable(11_500_000, true);
    assert_eq!(reach(), 12_000_000);
    // another caller has asked just before: its own wait says how long it was
    let beside = Mark::<AtomicU64>::default();
    beside.asking(10_000_000);
    beside.asking(11_400_000);
    beside.found_durable(11_500_000, true);
    assert_eq!(beside.reach(&pace), 1_000_000);
    beside.waited(1_500_000);
    assert_eq!(beside.reach(&pace), 12_000_000);
    // learned once
    mark.found_durable(99_000_000, true);
    assert_eq!(reach(), 12_000_000);
    // when it became durable is not known: a bit less
    mark.asking(20_000_000);
    mark.found_durable(29_000_000, false);
    assert_eq!(reach(), 9_000_000);
    mark.asking(30_000_000);
    mark.found_durable(400_000_000, true);
    assert_eq!(reach(), words::LONGEST_REACH);
    for raise in 1.. {
        mark.asking(raise * 1_000_000_000);
        mark.found_durable(raise * 1_000_000_000, true);
        if reach() == 1_000_000 {
            assert!(raise < 15);
            break;
        }
    }
}

proptest! {
    #![proptest_config(cases(200))]

    /// Callers that take turns, on a disk whose flushes take `flush`: each that waits for one gets
    /// an ID after it, later ones hardly ever wait if flushes are longer than callers pause, and a
    /// start after a crash says nothing about the clock, unless less than that is tolerated.
    #[test]
    fn a_slow_disk(
        layout in tight(),
        pace in paces(),
        flush in 0..3_000_000_i64,
        pauses in proptest::collection::vec(0..400_000_i64, 200),
    ) {
        let shape = layout.shape();
        let (slot, mark) = (Slot::<AtomicU64>::default(), Mark::<AtomicU64>::default());
        let last = |wall: i64| shape.first_tick(Timestamp::from_micros(wall + pace.max_lead))
            | ((1 << shape.sequence_bits()) - 1);
        let (mut wall, mut stored, mut durable) = (NOW * 1_000, 0, 0);
        // when what was stored becomes durable
        let mut due = 0;
        let mut late_waits = 0;
        for (turn, pause) in pauses.iter().enumerate() {
            wall += pause;
            let asked = wall;
            let mut waits = 0;
            for step in 0.. {
                prop_assert!(step < 6, "no ID, and no wait for a flush");
                if wall >= due {
                    durable = stored;
                }
                let now = shape.first_tick(Timestamp::from_micros(asked));
                let claim = slot.claim(&mark.bound, now, last(asked), 1, || 0);
                let first = match claim {
                    Ok(claim) => {
                        prop_assert!(shape.instant(claim.last) < Timestamp::from_millis(durable));
                        break;
                    }
                    Err(beyond) => beyond.first,
                };
                if first > last(asked) {
                    // waits for the clock
                    break;
                }
                let need = mark.need(first);
                let found = Found {
                    stored,
                    native: 0,
                    wall: Timestamp::from_micros(asked),
                    end: i64::MAX,
                };
                let raise = mark.decide(&shape, need, found, &pace);
                if let Raise::Store { mark: next } = raise {
                    let lead = next * 1_000 - asked - pace.max_lead;
                    let most = pace.window.max(words::LONGEST_REACH) + 2 * shape.unit().max(1_000);
                    prop_assert!(lead <= most, "{lead}");
                    mark.storing(next);
                    mark.asking(wall);
                    stored = next;
                    due = wall + flush;
                }
                if need == Need::Ahead(first) {
                    if wall >= due {
                        durable = stored;
                        mark.found_durable(wall, false);
                        mark.publish(&shape, stored, &pace);
                    } else {
                        mark.not_yet_durable(wall);
                    }
                    mark.step(&shape, first, &pace);
                    continue;
                }
                if raise == Raise::Published {
                    continue;
                }
                waits += 1;
                prop_assert!(waits < 2, "a second flush for one ID");
                let waited = wall < due;
                // what a window has room for, be it narrow, changes little
                if waited && turn > 20 && flush > 800_000.max(pace.window) {
                    late_waits += 1;
                }
                wall = wall.max(due);
                durable = stored;
                mark.found_durable(wall, waited);
                mark.publish(&shape, stored, &pace);
            }
        }
        // where a unit of time may be longer than a flush, a few more
        let most = if shape.unit() < 1_000_000 { 6 } else { 9 };
        prop_assert!(late_waits <= most, "{late_waits}");
        // a crash: what is found then is no step of the clock
        let ahead = stored * 1_000 - pace.max_lead - wall;
        let unit = shape.unit();
        let next = Slot::<AtomicU64>::default();
        let instant = Timestamp::from_millis(stored);
        let monotonic = 1_000_000;
        let strict = Pace { clock_tolerance: 29_999_999, ..pace };
        prop_assert_eq!(strict.unremarkable_at_start(unit), strict.unremarkable(unit));
        let lenient = Pace { clock_tolerance: 30_000_000, ..pace };
        prop_assert!(ahead <= lenient.unremarkable_at_start(unit));
        next.resume(shape.first_tick(instant), Timestamp::from_micros(wall + ahead), monotonic);
        next.explain(ahead);
        let sample = |back| ClockSample {
            wall: Timestamp::from_micros(wall - back),
            monotonic_before: monotonic,
            monotonic_after: monotonic,
        };
        let observe = |back| next.observe(&sample(back), pace.unremarkable(unit));
        prop_assert!(!observe(0).remarkable);
        // a step beyond that is one
        let back = pace.unremarkable(unit) + 1;
        let observed = observe(back);
        prop_assert!(ahead < 0 || (observed.remarkable && observed.noticed));
    }
}

/// Two workers of a server, one of which was idle while the clock was ahead: what the other may make
/// ahead of the corrected clock, it may not.
#[test]
fn a_worker_that_never_saw_a_clock_ahead_gets_no_lead_from_one_that_did() {
    let (wall, hour) = (NOW * 1_000, 3_600_000_000);
    let sample = ClockSample {
        wall: Timestamp::from_micros(wall),
        monotonic_before: 0,
        monotonic_after: 0,
    };
    let (saw, idle) = (Slot::<AtomicU64>::default(), Slot::<AtomicU64>::default());
    saw.resume(1_000, Timestamp::from_micros(wall + hour), 0);
    idle.resume(1_000, Timestamp::from_micros(wall), 0);
    let standing = saw.standing(&sample).unwrap();
    let mark = AtomicU64::new(u64::MAX);
    let claim = |slot: &Slot<AtomicU64>| slot.claim_behind(standing, &mark, 10, 2_000);
    let (first, last) = (1_001, 1_001);
    assert_eq!(claim(&saw), Some(Claim { first, last }));
    assert_eq!(claim(&idle), None);
    assert_eq!(idle.last.load(Ordering::Relaxed), 1_000);
    // nor the other one, once the clock has caught up
    let caught_up = ClockSample {
        wall: Timestamp::from_micros(wall + 2 * hour),
        ..sample
    };
    saw.catch_up(&caught_up, Timestamp::from_micros(wall + hour));
    saw.observe(&caught_up, 0);
    assert_eq!(claim(&saw), None);
}

/// Two clocks that are both cut to microseconds differ by one more or less at any time.
#[test]
fn rounding_is_no_clock_that_went_back() {
    let slot = Slot::<AtomicU64>::default();
    let at = |wall: i64, monotonic: i64| ClockSample {
        wall: Timestamp::from_micros(wall),
        monotonic_before: monotonic,
        monotonic_after: monotonic,
    };
    let wall = NOW * 1_000;
    slot.resume(0, Timestamp::from_micros(wall), 0);
    assert_eq!(slot.standing(&at(wall - 2, 0)), None);
    assert!(slot.standing(&at(wall - 3, 0)).is_some());
}

proptest! {
    /// Readings are rounded down to microseconds, each by itself.
    #[test]
    fn a_clock_that_goes_evenly_has_not_gone_back(
        ahead in 0_i64..1_000_000_000,
        times in prop::collection::vec((0_i64..1_000_000_000, 0_i64..2_000, 0_i64..2_000), 1..50),
    ) {
        let slot = Slot::<AtomicU64>::default();
        for (before, until_wall, until_after) in times {
            let wall = before + until_wall + ahead;
            let sample = ClockSample {
                wall: Timestamp::from_micros(NOW * 1_000 + wall / 1_000),
                monotonic_before: before / 1_000,
                monotonic_after: (before + until_wall + until_after) / 1_000,
            };
            prop_assert_eq!(slot.observe(&sample, 1).regression, 0);
            // as the view shows it, with IDs ahead of the clock
            prop_assert_eq!(slot.regression(&sample, Timestamp::from_micros(i64::MAX)), 0);
        }
    }
}
