//! What holds for every UUID and every time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use snowflake_core::Timestamp;
use snowflake_core::uuid::{
    Decoded128, Gregorian, Node, Ticks, UnixFraction, UnixSequence, Uuid, Variant, decode,
    from_guid_bytes, snowflake128, to_guid_bytes, v1, v3, v4, v5, v6, v7, v7_at, v7_max, v7_min,
    v8,
};
use snowflake_core::words::Slot;

/// The last millisecond of version 7 and of snowflake128.
const LAST_MILLISECOND: i64 = (1 << 48) - 1;

fn cases(number: u32) -> ProptestConfig {
    ProptestConfig {
        cases: number,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn uuids() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

/// Two ticks, neighbours as often as not, so that fields carry into each other.
fn two_ticks<T: Ticks>() -> impl Strategy<Value = (u64, u64)> {
    prop_oneof![
        (0..=T::LAST, 0..=T::LAST),
        (0..T::LAST).prop_map(|tick| (tick, tick + 1)),
        (0..60_u32, any::<bool>()).prop_map(|(bit, up)| {
            let carry = 1_u64 << bit;
            if up {
                (carry - 1, carry)
            } else {
                (carry, carry - 1)
            }
        }),
    ]
}

/// Microseconds since 1970: what PostgreSQL has, around the ends of the UUIDs, and no time at all.
fn times() -> impl Strategy<Value = Timestamp> {
    let near = |micros: i64| (micros - 5_000..micros + 5_000).boxed();
    prop_oneof![
        -210_866_803_200_000_000_i64..i64::MAX,
        0..LAST_MILLISECOND * 1_000,
        near(0),
        near(-12_219_292_800_000_000),
        near(LAST_MILLISECOND * 1_000),
        near(103_072_857_660_684_697),
        any::<i64>(),
        Just(i64::MIN),
        Just(i64::MAX),
    ]
    .prop_map(Timestamp::from_micros)
}

/// Seconds and nanoseconds of a clock, set to whatever.
fn readings() -> impl Strategy<Value = (i64, i64)> {
    let near = |seconds: i64| (seconds - 2..seconds + 2).boxed();
    let seconds = prop_oneof![
        any::<i64>(),
        near(0),
        near(-12_219_292_800),
        near(LAST_MILLISECOND / 1_000),
        near(103_072_857_660),
        0..10_000_000_000_i64,
    ];
    (seconds, 0..1_000_000_000_i64)
}

/// The version and the variant, from the text.
fn is_version(uuid: Uuid, version: u8) -> bool {
    let text = uuid.to_string();
    let decoded = decode(uuid);
    text[14..15] == format!("{version:x}")
        && ["8", "9", "a", "b"].contains(&&text[19..20])
        && decoded.version == Some(version)
        && decoded.variant == Variant::Rfc9562
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn guid_bytes_and_back(uuid in uuids()) {
        let bytes = to_guid_bytes(uuid);
        prop_assert_eq!(from_guid_bytes(&bytes), Ok(uuid));
        // only the order differs, and that twice is none
        let twice = to_guid_bytes(Uuid::from_bytes(bytes));
        prop_assert_eq!(Uuid::from_bytes(twice), uuid);
        prop_assert_eq!(&bytes[8..], &uuid.as_bytes()[8..]);
    }

    #[test]
    fn everything_is_decoded(uuid in uuids()) {
        let decoded = decode(uuid);
        let rfc = decoded.variant == Variant::Rfc9562;
        prop_assert_eq!(decoded.version.is_some(), rfc);
        prop_assert_eq!(rfc, uuid.as_bytes()[8] & 0xc0 == 0x80);
        let version = decoded.version.unwrap_or(0);
        prop_assert!(version < 16);
        prop_assert_eq!(decoded.timestamp.is_some(), [1, 6, 7].contains(&version));
        prop_assert_eq!(decoded.clock_sequence.is_some(), [1, 6].contains(&version));
        prop_assert_eq!(decoded.node.is_some(), [1, 2, 6].contains(&version));
        prop_assert!(decoded.clock_sequence.is_none_or(|sequence| sequence < 1 << 14));
        prop_assert!(decoded.timestamp.is_none_or(Timestamp::is_finite));
        prop_assert_eq!(Decoded128::of(uuid).is_ok(), version == 8);
    }

    #[test]
    fn bytes_of_the_caller_stay_but_six_bits(bytes in any::<[u8; 16]>()) {
        for (uuid, version) in [(v4(bytes), 4), (v8(bytes), 8)] {
            prop_assert!(is_version(uuid, version));
            let mask = !(0xf_u128 << 76 | 3 << 62);
            prop_assert_eq!(uuid.as_u128() & mask, u128::from_be_bytes(bytes) & mask);
        }
    }

    #[test]
    fn names(namespace in uuids(), name in any::<Vec<u8>>(), more in any::<u8>()) {
        for (make, version) in [(v3 as fn(Uuid, &[u8]) -> Uuid, 3), (v5, 5)] {
            let uuid = make(namespace, &name);
            prop_assert!(is_version(uuid, version));
            prop_assert_eq!(make(namespace, &name), uuid);
            let mut longer = name.clone();
            longer.push(more);
            prop_assert_ne!(make(namespace, &longer), uuid);
            prop_assert_ne!(make(uuid, &name), uuid);
        }
    }

    #[test]
    fn gregorian_ticks_come_back(
        (tick, other) in two_ticks::<Gregorian>(),
        sequence in 0..1_u16 << 14,
        node in any::<Node>(),
    ) {
        let (one, six) = (v1(tick, sequence, &node), v6(tick, sequence, &node));
        for (uuid, version) in [(one, 1), (six, 6)] {
            prop_assert!(is_version(uuid, version));
            let decoded = decode(uuid);
            prop_assert_eq!(decoded.timestamp, Some(Gregorian::instant(tick)));
            prop_assert_eq!(decoded.clock_sequence, Some(sequence));
            prop_assert_eq!(decoded.node, Some(node));
        }
        prop_assert_ne!(one, v1(other, sequence, &node));
        // in the order of the ticks, whatever follows them
        prop_assert_eq!(six.cmp(&v6(other, sequence ^ 0x2aaa, &[0x55; 6])), tick.cmp(&other));
    }

    #[test]
    fn version_7_is_ordered_as_its_ticks(
        (tick, other) in two_ticks::<UnixFraction>(),
        randoms in any::<[u64; 2]>(),
    ) {
        let (uuid, second) = (v7(tick, randoms[0]), v7(other, randoms[1]));
        prop_assert!(is_version(uuid, 7));
        prop_assert_eq!(decode(uuid).timestamp, Some(UnixFraction::instant(tick)));
        prop_assert_eq!(uuid.cmp(&second), tick.cmp(&other));
        // all 62 random bits arrive
        let third = v7(tick, randoms[1]);
        prop_assert_eq!(uuid == third, randoms[0] >> 2 == randoms[1] >> 2);
    }

    #[test]
    fn limits_of_version_7_bracket_a_time(
        micros in 0..=LAST_MILLISECOND * 1_000,
        other in any::<u64>(),
        near in any::<bool>(),
        random in any::<u64>(),
    ) {
        let time = Timestamp::from_micros(micros);
        let (min, max) = (v7_min(time).unwrap(), v7_max(time).unwrap());
        prop_assert!(is_version(min, 7) && is_version(max, 7));
        let tick = if near { UnixFraction::at(time) ^ other >> 48 } else { other >> 4 };
        let uuid = v7(tick, random);
        let made = decode(uuid).timestamp.unwrap();
        // both are of the millisecond that the time lies in
        let millisecond = Timestamp::from_micros(micros / 1_000 * 1_000);
        prop_assert_eq!(uuid >= min, made >= millisecond);
        prop_assert_eq!(uuid <= max, made <= millisecond);
        // a UUID of that very time, which is cut to the millisecond
        let at = v7_at(time, random).unwrap();
        prop_assert!(is_version(at, 7));
        prop_assert_eq!(decode(at).timestamp, Some(Timestamp::from_micros(micros / 1_000 * 1_000)));
        prop_assert!(min <= at && at <= max);
    }

    #[test]
    fn version_7_takes_the_times_that_it_holds(time in times(), random in any::<u64>()) {
        let held = (0..(LAST_MILLISECOND + 1) * 1_000).contains(&time.micros());
        prop_assert_eq!(v7_at(time, random).is_ok(), held);
        prop_assert_eq!(v7_max(time).is_ok(), held);
        prop_assert_eq!(v7_min(time).is_ok(), held);
    }

    #[test]
    fn snowflake128_comes_back(
        (tick, other) in two_ticks::<UnixSequence>(),
        worker in 0..1_u32 << 20,
        randoms in any::<[u64; 2]>(),
    ) {
        let uuid = snowflake128(tick, worker, randoms[0]);
        prop_assert!(is_version(uuid, 8));
        let decoded = Decoded128::of(uuid).unwrap();
        prop_assert_eq!(decoded.worker_id, worker);
        prop_assert_eq!(u64::from(decoded.sequence), tick & 0x3fff);
        prop_assert_eq!(decoded.timestamp, UnixSequence::instant(tick));
        // ordered per worker
        let second = snowflake128(other, worker, randoms[1]);
        prop_assert_eq!(uuid.cmp(&second), tick.cmp(&other));
        // all 40 random bits arrive, and no others
        let third = snowflake128(tick, worker, randoms[1]);
        prop_assert_eq!(uuid == third, (randoms[0] ^ randoms[1]) << 24 == 0);
        prop_assert_eq!(Decoded128::of(third), Ok(decoded));
    }
}

/// What [`Ticks`] promises: ticks follow the clock, never past the last one; a tick shows the time
/// that it was made for.
fn check_clock<T: Ticks>(
    one: (i64, i64),
    other: (i64, i64),
    resolution: i64,
) -> Result<(), TestCaseError> {
    let tick = |(seconds, nanoseconds)| T::tick(seconds, nanoseconds);
    prop_assert!(tick(one) <= T::LAST, "{} is past the last tick", tick(one));
    // readings of a clock are ordered by seconds, then nanoseconds
    let (earlier, later) = (one.min(other), one.max(other));
    prop_assert!(
        tick(earlier) <= tick(later),
        "{earlier:?} has {}, {later:?} has {}",
        tick(earlier),
        tick(later)
    );
    let (begin, end) = (T::instant(0).micros(), T::instant(T::LAST).micros());
    let micros = i128::from(one.0) * 1_000_000 + i128::from(one.1 / 1_000);
    let shown = i128::from(T::instant(tick(one)).micros());
    if micros < i128::from(begin) {
        prop_assert_eq!(tick(one), 0);
    } else if micros >= i128::from(end) + i128::from(resolution) {
        prop_assert_eq!(shown, i128::from(end));
    } else {
        prop_assert!(
            (0..i128::from(resolution)).contains(&(micros - shown)),
            "{micros} as {shown}"
        );
    }
    Ok(())
}

fn check_first<T: Ticks>(time: Timestamp, tick: u64) -> Result<(), TestCaseError> {
    let micros = time.micros();
    let (seconds, rest) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let first = T::at(time);
    prop_assert_eq!(first, T::tick(seconds, rest * 1_000));
    let next = Timestamp::from_micros(micros.saturating_add(1));
    prop_assert!(first <= T::at(next), "{first} and {}", T::at(next));
    // there and back
    let tick = tick.min(T::LAST);
    let instant = T::instant(tick);
    prop_assert!(T::at(instant) <= tick);
    prop_assert_eq!(T::instant(T::at(instant)), instant);
    Ok(())
}

proptest! {
    #![proptest_config(cases(4_000))]

    #[test]
    fn gregorian_ticks_follow_the_clock(one in readings(), other in readings()) {
        check_clock::<Gregorian>(one, other, 1)?;
    }

    #[test]
    fn fractions_follow_the_clock(one in readings(), other in readings()) {
        check_clock::<UnixFraction>(one, other, 1_000)?;
    }

    #[test]
    fn sequences_follow_the_clock(one in readings(), other in readings()) {
        check_clock::<UnixSequence>(one, other, 1_000)?;
    }

    #[test]
    fn the_first_tick_of_a_time(time in times(), tick in any::<u64>(), shift in 0..32_u32) {
        let tick = tick >> shift;
        check_first::<Gregorian>(time, tick)?;
        check_first::<UnixFraction>(time, tick)?;
        check_first::<UnixSequence>(time, tick)?;
    }
}

/// A backend asks for a tick while its clock reads so.
fn next<T: Ticks>(slot: &Slot<AtomicU64>, (seconds, nanoseconds): (i64, i64)) -> u64 {
    let now = T::tick(seconds, nanoseconds);
    let claim = slot.claim(&slot.sampled, now, T::LAST, 1, || 0).unwrap();
    assert_eq!(claim.first, claim.last);
    claim.first
}

/// A slot for which no sample of the clocks falls due.
fn slot() -> Slot<AtomicU64> {
    let slot = Slot::new();
    slot.sampled.store(u64::MAX, Ordering::Relaxed);
    slot
}

/// Clocks of two backends that do not agree, and go back now and then.
fn clocks() -> impl Strategy<Value = Vec<(i64, i64)>> {
    let reading = (1_735_689_600..1_735_689_602_i64, 0..1_000_000_000_i64);
    let close = (Just(1_735_689_600_i64), 0..3_000_i64);
    prop::collection::vec(prop_oneof![reading, close], 2..100)
}

fn check_shared<T: Ticks, K: Ord + Debug>(
    readings: &[(i64, i64)],
    make: impl Fn(u64, usize) -> K,
) -> Result<(), TestCaseError> {
    let slot = slot();
    let mut made = Vec::new();
    for (turn, &reading) in readings.iter().enumerate() {
        let tick = next::<T>(&slot, reading);
        prop_assert!(tick >= T::tick(reading.0, reading.1));
        made.push(make(tick, turn % 2));
    }
    prop_assert!(made.windows(2).all(|pair| pair[0] < pair[1]), "{made:?}");
    Ok(())
}

proptest! {
    #![proptest_config(cases(300))]

    /// Two backends in turn, on one word: each UUID is above all that were made before.
    #[test]
    fn a_shared_word_gives_increasing_uuids(readings in clocks(), randoms in any::<[u64; 2]>()) {
        let node = [1, 2, 3, 4, 5, 6];
        check_shared::<Gregorian, _>(&readings, |tick, _| v6(tick, 7, &node))?;
        check_shared::<UnixFraction, _>(&readings, |tick, backend| v7(tick, randoms[backend]))?;
        check_shared::<UnixSequence, _>(&readings, |tick, backend| {
            snowflake128(tick, 0xfffff, randoms[backend])
        })?;
    }
}

/// Real threads as backends. Versions 1 and 6 take turns on one word.
#[test]
fn backends_never_make_the_same_uuid() {
    const BACKENDS: i64 = 2;
    const ROUNDS: i64 = 20_000;
    let (gregorian, unix, wide) = (slot(), slot(), slot());
    let node = [0xff; 6];
    let made: Vec<Vec<[Uuid; 4]>> = std::thread::scope(|scope| {
        let work = |backend: i64| {
            let (gregorian, unix, wide) = (&gregorian, &unix, &wide);
            scope.spawn(move || {
                (0..ROUNDS)
                    .map(|round| {
                        // the clock of one goes back from time to time
                        let nanoseconds = (round - backend * (round % 7)).max(0) * 100;
                        let reading = (1_735_689_600, nanoseconds);
                        // the same random bits everywhere: the ticks alone make them differ
                        [
                            v1(next::<Gregorian>(gregorian, reading), 0, &node),
                            v6(next::<Gregorian>(gregorian, reading), 0, &node),
                            v7(next::<UnixFraction>(unix, reading), 0),
                            snowflake128(next::<UnixSequence>(wide, reading), 9, 0),
                        ]
                    })
                    .collect()
            })
        };
        let threads: Vec<_> = (0..BACKENDS).map(work).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let mut seen = BTreeSet::new();
    let mut ticks = BTreeSet::new();
    for own in &made {
        for kind in 1..4 {
            assert!(own.windows(2).all(|pair| pair[0][kind] < pair[1][kind]));
        }
        for uuid in own.iter().flatten() {
            assert!(seen.insert(*uuid), "{uuid} twice");
        }
        for round in own {
            for uuid in &round[..2] {
                let (high, _) = uuid.as_u64_pair();
                let tick = match decode(*uuid).version {
                    Some(1) => (high & 0xfff) << 48 | (high >> 16 & 0xffff) << 32 | high >> 32,
                    _ => high >> 16 << 12 | high & 0xfff,
                };
                assert!(ticks.insert(tick), "tick {tick} for two of version 1 and 6");
            }
        }
    }
    assert_eq!(seen.len() as i64, BACKENDS * ROUNDS * 4);
}
