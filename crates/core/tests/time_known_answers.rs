//! Measuring clocks: known answers.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use snowflake_core::time::{
    Answer, Cristian, Error, Exchange, Filter, FloatExchange, KernelClock, KernelReading,
    Measurement, NtpTime, Packet, Query, Span, State, Terms, cristian, majority, select, server,
    servers,
};
use snowflake_core::{Refusal, Timestamp};

/// 2026-11-24T16:07:31.25Z, in nanoseconds.
const NOW: i64 = 1_795_536_451_250_000_000;
const SECOND: i64 = 1_000_000_000;
const MILLISECOND: i64 = 1_000_000;

// timestamps

#[test]
fn eras_meet_in_2036() {
    // what RFC 5905 says: era 1 begins on 2036-02-07 at 06:28:16
    let instant = |text| Timestamp::parse(text).unwrap();
    let begin = instant("2036-02-07T06:28:16Z");
    let last = instant("2036-02-07T06:28:15.5Z");
    for near in [
        "2026-11-24T00:00:00Z",
        "2036-02-07T06:28:16Z",
        "2100-01-01T00:00:00Z",
    ] {
        let near = instant(near);
        assert_eq!(NtpTime(1).instant_near(near), Some(begin), "{near}");
        assert_eq!(
            NtpTime(0xffff_ffff_8000_0000).instant_near(near),
            Some(last),
            "{near}"
        );
    }
    // and the era after that in 2172
    assert_eq!(
        NtpTime(1 << 32).instant_near(instant("2170-01-01T00:00:00Z")),
        Some(instant("2172-03-15T12:56:33Z"))
    );
    assert_eq!(NtpTime(0).instant_near(begin), None);
    // where NTP begins
    assert_eq!(
        NtpTime(1 << 32).instant_near(instant("1930-01-01T00:00:00Z")),
        Some(instant("1900-01-01T00:00:01Z"))
    );
}

#[test]
fn nanoseconds_read_back() {
    for nanos in [0, 1, -1, NOW, NOW + 1, NOW + 999, 4_102_444_799_999_999_999] {
        for near in [nanos, nanos + 60 * SECOND, nanos - 60 * SECOND] {
            assert_eq!(NtpTime::from_nanos(nanos).nanos_near(near), nanos);
        }
    }
    // nothing overflows
    for near in [i64::MIN, i64::MAX] {
        for bits in [0, 1, 1 << 63, u64::MAX] {
            NtpTime(bits).nanos_near(near);
            NtpTime(bits).instant_near(Timestamp::from_micros(near));
        }
    }
}

// exchanges

#[test]
fn an_exchange() {
    let exchange = Exchange {
        t1: 950,
        t2: 1_010,
        t3: 1_015,
        t4: 975,
    };
    assert_eq!(exchange.offset(), Ok(50));
    assert_eq!(exchange.delay(), Ok(20));
    assert_eq!(exchange.bounds(), Ok((40, 60)));
    let floats = FloatExchange {
        t1: 950.0,
        t2: 1_010.0,
        t3: 1_015.0,
        t4: 975.0,
    };
    assert_eq!(floats.offset(), Ok(50.0));
    assert_eq!(floats.delay(), Ok(20.0));
    assert_eq!(floats.bounds(), Ok((40.0, 60.0)));
}

#[test]
fn an_exchange_that_cannot_be() {
    let contradiction = Exchange {
        t1: 0,
        t2: 0,
        t3: 10,
        t4: 5,
    };
    assert_eq!(contradiction.delay(), Ok(-5));
    assert_eq!(contradiction.bounds(), Err(Error::Contradiction));
    let far = Exchange {
        t1: i64::MIN,
        t2: i64::MAX,
        t3: i64::MAX,
        t4: i64::MIN,
    };
    assert_eq!(far.offset(), Err(Error::IntervalOutOfRange));
    assert_eq!(far.delay(), Ok(0));
    let large = FloatExchange {
        t1: -f64::MAX,
        t2: f64::MAX,
        t3: 0.0,
        t4: 0.0,
    };
    assert_eq!(large.offset(), Err(Error::FloatOutOfRange));
    let infinite = FloatExchange {
        t1: f64::NEG_INFINITY,
        ..large
    };
    assert_eq!(infinite.offset(), Ok(f64::INFINITY));
}

#[test]
fn cristians_algorithm() {
    let of =
        |sent, server_time, received, shortest| cristian(sent, server_time, received, shortest);
    assert_eq!(
        of(100, 160, 120, 0),
        Ok(Cristian {
            offset: 50,
            error: 10
        })
    );
    assert_eq!(
        of(100, 160, 120, 8),
        Ok(Cristian {
            offset: 50,
            error: 6
        })
    );
    assert_eq!(
        of(100, 160, 120, 20),
        Ok(Cristian {
            offset: 50,
            error: 0
        })
    );
    // half a unit more, for what is rounded
    assert_eq!(
        of(100, 160, 121, 0),
        Ok(Cristian {
            offset: 49,
            error: 11
        })
    );
    assert_eq!(of(120, 160, 119, 0), Err(Error::ReceivedBeforeSent));
    assert_eq!(of(100, 160, 120, 21), Err(Error::ShortestRoundTrip));
    assert_eq!(of(100, 160, 120, -1), Err(Error::ShortestRoundTrip));
    assert_eq!(of(i64::MIN, 0, i64::MAX, 0), Err(Error::IntervalOutOfRange));
}

// packets

/// An answer to a query, of a server that is right, 10 ms on each way.
fn answer(query: &Query) -> [u8; 48] {
    let mut bytes = [0; 48];
    bytes[..4].copy_from_slice(&[4 << 3 | 4, 2, 6, (-23_i8) as u8]);
    // 15.625 ms and 0.5 s
    bytes[4..8].copy_from_slice(&[0, 0, 4, 0]);
    bytes[8..12].copy_from_slice(&[0, 0, 0x80, 0]);
    bytes[12..16].copy_from_slice(&[192, 0, 2, 7]);
    put(&mut bytes, 16, NOW - 60 * SECOND);
    bytes[24..32].copy_from_slice(&query.packet()[40..]);
    put(&mut bytes, 32, NOW + 10 * MILLISECOND);
    put(&mut bytes, 40, NOW + 11 * MILLISECOND);
    bytes
}

fn put(bytes: &mut [u8], place: usize, nanos: i64) {
    let time = NtpTime::from_nanos(nanos).0.to_be_bytes();
    bytes[place..place + 8].copy_from_slice(&time);
}

/// What becomes of an answer that is received 21 ms after the request was sent.
fn judge(change: impl FnOnce(&mut [u8; 48])) -> Answer {
    let query = Query::new(0x0123_4567_89ab_cdef);
    let mut bytes = answer(&query);
    change(&mut bytes);
    Answer::judge(&query.accept(&bytes).unwrap(), NOW, 21 * MILLISECOND)
}

#[test]
fn a_request_says_nothing_but_random_bits() {
    let packet = Query::new(0x0123_4567_89ab_cdef).packet();
    assert_eq!(packet[0], 0x23);
    assert!(packet[1..40].iter().all(|byte| *byte == 0));
    assert_eq!(packet[40..], 0x0123_4567_89ab_cdef_u64.to_be_bytes());
    let parsed = Packet::parse(&packet).unwrap();
    assert_eq!((parsed.version, parsed.mode), (4, 3));
}

#[test]
fn the_fields_of_a_packet() {
    let packet = Packet::parse(&answer(&Query::new(1))).unwrap();
    assert_eq!((packet.leap, packet.version, packet.mode), (0, 4, 4));
    assert_eq!((packet.stratum, packet.poll, packet.precision), (2, 6, -23));
    assert_eq!(packet.root_delay(), 15_625_000);
    assert_eq!(packet.root_dispersion(), 500 * MILLISECOND);
    assert_eq!(packet.precision_nanos(), 120);
    assert_eq!(packet.reference_id(), "192.0.2.7");
    assert_eq!(packet.kiss(), None);
    assert_eq!(packet.receive.nanos_near(NOW), NOW + 10 * MILLISECOND);
    assert_eq!(packet.origin, NtpTime(1));
    for length in 0..48 {
        assert_eq!(
            Packet::parse(&vec![0; length]),
            Err(Error::PacketShort { length })
        );
    }
    let error = Error::PacketShort { length: 12 };
    assert_eq!(
        error.to_string(),
        "an NTP packet has at least 48 bytes, not 12"
    );
}

#[test]
fn reference_ids_and_kisses() {
    let code = |stratum, id: [u8; 4]| {
        let mut bytes = [0; 48];
        bytes[1] = stratum;
        bytes[12..16].copy_from_slice(&id);
        let packet = Packet::parse(&bytes).unwrap();
        (packet.reference_id(), packet.kiss())
    };
    assert_eq!(code(1, *b"GPS\0"), ("GPS".into(), None));
    assert_eq!(code(0, *b"RATE"), ("RATE".into(), Some("RATE".into())));
    // what servers make of stratum 16 is no kiss
    assert_eq!(code(0, *b"\0\0\0\0"), (String::new(), None));
    // what is no text is no text of an error either
    assert_eq!(code(0, *b"A\nB\0"), ("0x410a4200".into(), None));
    assert_eq!(code(1, [0xff, 0xfe, 0, 1]).0, "0xfffe0001");
    assert_eq!(code(2, [10, 0, 0, 1]).0, "10.0.0.1");
}

#[test]
fn a_precision_saturates() {
    for precision in i8::MIN..=i8::MAX {
        let mut bytes = [0; 48];
        bytes[3] = precision as u8;
        let nanos = Packet::parse(&bytes).unwrap().precision_nanos();
        assert!(nanos > 0, "{precision}");
    }
}

#[test]
fn a_good_answer() {
    let Answer::Good(measurement) = judge(|_| ()) else {
        panic!("not good");
    };
    assert_eq!(
        measurement,
        Measurement {
            offset: 0,
            delay: 20 * MILLISECOND,
            dispersion: 120 + 315,
            distance: 10 * MILLISECOND + 7_812_500 + 500 * MILLISECOND + 435,
        }
    );
}

#[test]
fn what_is_not_an_answer_is_ignored() {
    let query = Query::new(7);
    let bytes = answer(&query);
    assert!(query.accept(&bytes).is_some());
    let longer: Vec<u8> = bytes.iter().copied().chain([0xff; 500]).collect();
    assert!(query.accept(&longer).is_some());
    for length in 0..48 {
        assert!(query.accept(&bytes[..length]).is_none());
    }
    // version, mode, origin
    let mut changed = [bytes; 13];
    for (bytes, first) in changed.iter_mut().zip([
        0x04, 0x0c, 0x14, 0x2c, 0x34, 0x3c, 0x20, 0x21, 0x22, 0x23, 0x25, 0x26, 0x27,
    ]) {
        bytes[0] = first;
    }
    assert!(changed.iter().all(|bytes| query.accept(bytes).is_none()));
    for bit in 0..64 {
        let mut bytes = bytes;
        bytes[24 + bit / 8] ^= 1 << (bit % 8);
        assert!(query.accept(&bytes).is_none());
    }
    // a kiss is none either without the origin
    let mut kiss = bytes;
    kiss[1] = 0;
    kiss[12..16].copy_from_slice(b"DENY");
    assert!(query.accept(&kiss).is_some());
    kiss[31] ^= 1;
    assert!(query.accept(&kiss).is_none());
    // version 3
    let mut old = bytes;
    old[0] = 0x1c;
    assert!(query.accept(&old).is_some());
}

#[test]
fn what_is_wrong_with_an_answer() {
    let says = |answer: Answer| (answer.state(), answer.to_string());
    let refused = |bytes: &mut [u8; 48]| {
        bytes[1] = 0;
        bytes[12..16].copy_from_slice(b"RATE");
    };
    let kiss = judge(refused);
    assert_eq!(says(kiss), (State::Kiss, "it refuses".into()));
    // a kiss comes before all else
    assert_eq!(
        judge(|bytes| {
            refused(bytes);
            bytes[0] |= 3 << 6;
        })
        .state(),
        State::Kiss
    );
    let unsynchronised = (
        State::Unsynchronised,
        "its clock is not synchronised".into(),
    );
    assert_eq!(says(judge(|bytes| bytes[0] |= 3 << 6)), unsynchronised);
    for stratum in [0, 16, 17, 255] {
        assert_eq!(says(judge(|bytes| bytes[1] = stratum)), unsynchronised);
    }
    assert_eq!(judge(|bytes| bytes[1] = 15).state(), State::Good);
    assert_eq!(
        says(judge(|bytes| bytes[9] = 20)),
        (
            State::Unsynchronised,
            "its clock may be off by 20.507812 s".into()
        )
    );
    assert_eq!(
        says(judge(|bytes| bytes[40..48].fill(0))),
        (State::Broken, "its answer has no time".into())
    );
    assert_eq!(
        says(judge(|bytes| bytes[32..40].fill(0))),
        (State::Broken, "its answer has no time".into())
    );
    assert_eq!(
        says(judge(|bytes| put(bytes, 32, NOW + SECOND))),
        (
            State::Broken,
            "its answer left 0.989000 s before the request came".into()
        )
    );
    assert_eq!(
        says(judge(|bytes| put(bytes, 40, NOW + 281 * MILLISECOND))),
        (
            State::Broken,
            "by its timestamps, request and answer were on the way for -0.250000 s".into()
        )
    );
    // readings are only so exact
    assert_eq!(
        judge(|bytes| put(bytes, 40, NOW + 31 * MILLISECOND + 999_000)).state(),
        State::Good
    );
    assert_eq!(
        judge(|bytes| put(bytes, 40, NOW + 32 * MILLISECOND + 1_000)).state(),
        State::Broken
    );
}

#[test]
fn a_query_over_the_end_of_an_era() {
    let end = Timestamp::parse("2036-02-07T06:28:16Z").unwrap().micros() * 1_000;
    let query = Query::new(7);
    let mut bytes = answer(&query);
    put(&mut bytes, 32, end + 5 * MILLISECOND);
    put(&mut bytes, 40, end + 6 * MILLISECOND);
    let packet = query.accept(&bytes).unwrap();
    let answer = Answer::judge(&packet, end - 5 * MILLISECOND, 21 * MILLISECOND);
    assert!(matches!(
        answer,
        Answer::Good(Measurement { offset: 0, .. })
    ));
}

// the filter

#[test]
fn the_filter_takes_the_least_delay() {
    let sample = |offset, delay| Measurement {
        offset,
        delay,
        dispersion: 0,
        distance: delay / 2,
    };
    let mut filter = Filter::default();
    assert_eq!(filter.estimate(0), None);
    filter.push(sample(100, 50), 0);
    let first = filter.estimate(0).unwrap();
    assert_eq!(
        (first.measurement.offset, first.jitter, first.distance),
        (100, 0, 25)
    );
    filter.push(sample(103, 40), SECOND);
    filter.push(sample(99, 60), 2 * SECOND);
    let estimate = filter.estimate(3 * SECOND).unwrap();
    assert_eq!(estimate.measurement.offset, 103);
    // the root of (9 + 16) / 2, rounded down
    assert_eq!(estimate.jitter, 3);
    // 200 ppm of 2 s
    assert_eq!(estimate.distance, 20 + 400_000 + 3);
    // a sample goes when eight newer ones have come
    for turn in 0..7 {
        filter.push(sample(99, 60), (3 + turn) * SECOND);
    }
    assert_eq!(filter.estimate(9 * SECOND).unwrap().measurement.offset, 99);
    // and nothing overflows
    filter.push(sample(i64::MIN, -1), 0);
    filter.push(sample(i64::MAX, 0), i64::MIN);
    let worst = filter.estimate(i64::MAX).unwrap();
    assert!(worst.jitter > i64::MAX / 2 && worst.distance > worst.jitter);
}

// the selection

#[test]
fn a_majority_of_all_decides() {
    assert_eq!([0, 1, 2, 3, 4, 5].map(majority), [1, 1, 2, 2, 3, 3]);
    let says = |low, high| Some(Span { low, high });
    let hull = |clocks: &[Option<Span>]| select(clocks).hull;
    assert_eq!(hull(&[]), None);
    assert_eq!(hull(&[says(1, 2)]), says(1, 2));
    assert_eq!(hull(&[says(1, 2), says(3, 4)]), None);
    assert_eq!(hull(&[says(1, 2), says(2, 4)]), says(2, 2));
    // the one that is silent counts
    assert_eq!(hull(&[says(1, 2), None]), None);
    assert_eq!(hull(&[says(1, 2), says(1, 3), None]), says(1, 2));
    // all points that two of three cover
    assert_eq!(hull(&[says(0, 10), says(8, 20), says(18, 30)]), says(8, 20));
    // a liar that overlaps narrowly does not move it
    assert_eq!(hull(&[says(0, 10), says(0, 9), says(9, 50)]), says(0, 10));
    // a span that is none says nothing
    assert_eq!(hull(&[says(2, 1)]), None);
    let selection = select(&[says(0, 4), says(2, 6), says(250, 254), None]);
    assert_eq!(selection.hull, None);
    assert_eq!((selection.agreeing, selection.truechimers.len()), (2, 4));
    assert_eq!(Span::around(i64::MAX, 1).high, i64::MAX);
}

// the kernel

#[test]
fn what_the_kernel_says() {
    let reading = KernelReading {
        max_error: 12_345,
        est_error: 678,
        frequency: -65_536 - 32_768,
        tai: 37,
        status: 0x2001,
        state: 0,
    };
    let clock = KernelClock::from(reading);
    assert!(clock.synchronised);
    assert_eq!((clock.max_error, clock.est_error), (12_345, 678));
    assert_eq!(clock.frequency_ppm, -1.5);
    assert_eq!(clock.flags, ["pll", "nano"]);
    assert_eq!((clock.tai_offset, clock.state), (37, "ok"));
    // chrony without rtcsync: the flag alone says nothing
    let flagged = KernelReading {
        status: 0x40,
        state: 5,
        ..reading
    };
    let flagged = KernelClock::from(flagged);
    assert!(flagged.synchronised);
    assert_eq!(
        (flagged.flags.as_slice(), flagged.state),
        (["unsync"].as_slice(), "error")
    );
    // systemd-timesyncd reports no error at all
    let silent = KernelReading {
        max_error: 0,
        est_error: 0,
        ..reading
    };
    assert_eq!(KernelClock::from(silent).max_error, 400_000);
    let unsynchronised = |max_error| {
        let reading = KernelReading {
            max_error,
            ..reading
        };
        !KernelClock::from(reading).synchronised
    };
    assert!(!unsynchronised(15_999_999));
    assert!(unsynchronised(16_000_000) && unsynchronised(i64::MAX));
    let states = [0, 1, 2, 3, 4, 5, 6, -1].map(|state| {
        let reading = KernelReading { state, ..reading };
        KernelClock::from(reading).state
    });
    assert_eq!(
        states,
        [
            "ok",
            "insert",
            "delete",
            "in progress",
            "wait",
            "error",
            "error",
            "error"
        ]
    );
    let all = KernelReading {
        status: -1,
        max_error: i64::MIN,
        ..reading
    };
    let all = KernelClock::from(all);
    assert_eq!((all.flags.len(), all.max_error), (16, 0));
}

// the servers

#[test]
fn lists_of_servers() {
    let names = |list| {
        let servers = servers(list).unwrap();
        servers.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert!(names("").is_empty() && names("  ").is_empty());
    assert_eq!(
        names("ntp1.example.org, NTP2:1123 ,192.0.2.7,[2001:db8::1],[::1]:99"),
        [
            "ntp1.example.org:123",
            "ntp2:1123",
            "192.0.2.7:123",
            "[2001:db8::1]:123",
            "[::1]:99"
        ]
    );
    let eight = (0..8)
        .map(|n| format!("n{n}"))
        .collect::<Vec<_>>()
        .join(",");
    assert_eq!(names(&eight).len(), 8);
    assert_eq!(
        servers(&format!("{eight},n8")),
        Err(Error::ServersTooMany { count: 9 })
    );
    assert_eq!(
        servers(&vec!["n"; 1_000].join(",")),
        Err(Error::ServersTooMany { count: 1_000 })
    );
    assert_eq!(
        servers("n1,N1:123"),
        Err(Error::ServerTwice {
            server: "n1:123".into()
        })
    );
    for wrong in [
        ",",
        "a,,b",
        "a,",
        "::1",
        "[::1",
        "[::1]1",
        "[x]",
        "a:0",
        "a:65536",
        "a:-1",
        "a:+1",
        "a:",
        ":1",
        "a b",
        "a/b",
        "a\u{e9}",
        "a\nb",
        "user@host",
        "\"",
    ] {
        assert!(
            matches!(servers(wrong), Err(Error::ServerInvalid { .. })),
            "{wrong:?}"
        );
    }
    // the port does not count
    let longest = "n".repeat(255);
    assert_eq!(
        server(&format!("{longest}:65535")).unwrap().to_string(),
        format!("{longest}:65535")
    );
    assert_eq!(
        server(&longest).unwrap().to_string(),
        format!("{longest}:123")
    );
    assert_eq!(
        server(&format!("{longest}n:1"))
            .unwrap_err()
            .detail()
            .unwrap(),
        "It has 256 bytes; a name has 255 at most."
    );
    let long = Error::to_string(&server(&"9".repeat(10_000)).unwrap_err());
    assert!(long.len() < 200, "{long}");
    let error = server("a:65536").unwrap_err();
    assert_eq!(error.to_string(), "invalid NTP server \"a:65536\"");
    assert_eq!(error.detail().unwrap(), "\"65536\" is no port.");
}

#[test]
fn terms_have_bounds() {
    assert!(Terms::new(1, 1_000).is_ok() && Terms::new(8, 10_000_000).is_ok());
    for samples in [i32::MIN, -1, 0, 9, i32::MAX] {
        assert_eq!(Terms::new(samples, 1_000), Err(Error::Samples { samples }));
    }
    for timeout in [i64::MIN, -1, 0, 999, 10_000_001, i64::MAX] {
        assert_eq!(Terms::new(1, timeout), Err(Error::Timeout));
    }
}
