//! Layouts of one's own: how they are written, what is refused and why, and which IDs a time has.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use snowflake_core::snowflake::{Error, FieldKind, Layout, MAX_WORKER_BITS};
use snowflake_core::{Kind, Refusal, Timestamp};

/// 2025-01-01.
const NOW: Timestamp = Timestamp::from_millis(1_735_689_600_000);

fn parse(spec: &str) -> Result<Layout, Error> {
    Layout::parse(spec, NOW)
}

fn layout(spec: &str) -> Layout {
    parse(spec).unwrap_or_else(|error| panic!("{spec}: {:?}", error.detail()))
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time in RFC 3339")
}

fn later(instant: Timestamp, micros: i64) -> Timestamp {
    Timestamp::from_micros(instant.micros() + micros)
}

/// Asserts that a spec is refused for `field`, with `problem` somewhere in the detail.
#[track_caller]
fn refused(spec: &str, field: &str, problem: &str) {
    let error = match parse(spec) {
        Err(error) => error,
        Ok(layout) => panic!("{spec} reads as {}", layout.name()),
    };
    assert_eq!(error.kind(), Kind::InvalidParameter, "{spec}");
    let Error::LayoutInvalid {
        spec: given,
        field: named,
        ..
    } = &error
    else {
        panic!("{spec}: {error:?}");
    };
    assert_eq!(given, spec.trim());
    let detail = error.detail().unwrap();
    assert_eq!(*named, field, "{spec}: {detail}");
    assert!(
        detail.starts_with(&format!("Field \"{field}\" ")),
        "{detail}"
    );
    assert!(detail.contains(problem), "{spec}: {detail}");
    assert!(detail.ends_with('.'), "{detail}");
}

#[test]
fn the_example() {
    let layout = layout("ts=41,worker=10,seq=12,unit=1ms,epoch=2020-01-01T00:00:00Z");
    assert_eq!(layout.bits(FieldKind::Timestamp), 41);
    assert_eq!(layout.bits(FieldKind::Worker), 10);
    assert_eq!(layout.bits(FieldKind::Sequence), 12);
    assert_eq!(layout.shape().unit(), 1_000);
    assert_eq!(layout.epoch(), time("2020-01-01T00:00:00Z"));
    assert_eq!(layout.largest_id(), i64::MAX);
    let id = layout.encode(time("2020-01-01T00:00:00.001Z"), 2, 3);
    assert_eq!(id, Ok((1 << 22) | (2 << 12) | 3));
}

#[test]
fn a_name_that_is_no_layout() {
    for name in ["", "nonsense", "Twitter", "twitter 2", "41,10,12"] {
        let error = parse(name).unwrap_err();
        assert_eq!(error, Error::LayoutUnknown { name: name.into() });
        assert_eq!(error.kind(), Kind::InvalidParameter);
        let detail = error.detail().unwrap();
        assert!(detail.contains("twitter, compact58, discord"), "{detail}");
        assert!(error.hint().unwrap().contains("ts=41"));
    }
    assert_eq!(parse(" twitter "), Ok(Layout::twitter()));
}

#[test]
fn fields_that_are_missing() {
    refused("worker=10,seq=12,epoch=0", "ts", "is missing");
    refused("ts=41,worker=10,epoch=0", "seq", "is missing");
    refused("ts=41,seq=12", "epoch", "is missing");
    refused("unit=1ms", "ts", "is missing");
}

#[test]
fn fields_that_are_given_twice() {
    refused("ts=20,ts=21,seq=12,epoch=0", "ts", "twice");
    refused("ts=41,seq=6,seq=6,epoch=0", "seq", "twice");
    refused("ts=41,worker=5,worker=5,seq=12,epoch=0", "worker", "twice");
    refused(
        "ts=41,datacenter=2,machine=2,datacenter=2,seq=9,epoch=0",
        "datacenter",
        "twice",
    );
    refused(
        "reserved=1,ts=41,reserved=1,seq=12,epoch=0",
        "reserved",
        "twice",
    );
    refused("ts=41,seq=12,unit=1ms,unit=1ms,epoch=0", "unit", "twice");
    refused("ts=41,seq=12,epoch=0,epoch=0", "epoch", "twice");
}

#[test]
fn parts_nobody_knows() {
    for (part, field) in [
        ("foo=3", "foo"),
        ("TS=3", "TS"),
        ("process=5", "process"),
        ("=5", ""),
    ] {
        let spec = format!("ts=41,seq=12,epoch=0,{part}");
        refused(&spec, field, "is unknown");
    }
    for part in ["foo", "seq", ""] {
        let spec = format!("ts=41,seq=12,epoch=0,{part}");
        refused(&spec, part, "is not of the form name=value");
    }
}

#[test]
fn bits_out_of_range() {
    for bits in ["0", "-1", "64", "4294967297", "", "x", "4.5"] {
        refused(&format!("ts={bits},seq=12,epoch=0"), "ts", "1 to 62");
    }
    refused("ts=20,seq=32,epoch=0", "seq", "1 to 31");
    refused("reserved=32,ts=20,seq=8,epoch=0", "reserved", "1 to 31");
    refused("ts=20,seq=,epoch=0", "seq", "1 to 31");
    assert_eq!(MAX_WORKER_BITS, 16);
    for field in ["worker", "datacenter", "machine"] {
        refused(&format!("ts=20,{field}=17,seq=8,epoch=0"), field, "1 to 16");
    }
    refused(
        "ts=20,datacenter=9,machine=8,seq=8,epoch=0",
        "datacenter",
        "17 bits with machine",
    );
    let widest = layout("ts=20,datacenter=8,machine=8,seq=8,epoch=0");
    assert_eq!(widest.largest_worker(), 65_535);
}

#[test]
fn more_than_63_bits() {
    refused("ts=41,worker=11,seq=12,epoch=0", "ts", "64 bits");
    refused(
        "ts=10,worker=16,seq=31,reserved=7,epoch=0",
        "seq",
        "64 bits",
    );
    refused("ts=62,seq=2,epoch=0", "ts", "64 bits");
    assert_eq!(
        layout("ts=41,worker=10,seq=12,epoch=0").largest_id(),
        i64::MAX
    );
}

#[test]
fn ids_are_ordered_by_time() {
    let problem = "must come before";
    refused("worker=10,ts=41,seq=12,epoch=0", "ts", problem);
    refused("seq=12,ts=41,worker=10,epoch=0", "ts", problem);
    refused("reserved=2,seq=12,ts=41,epoch=0", "ts", problem);
    refused("datacenter=5,machine=5,ts=41,seq=12,epoch=0", "ts", problem);
    layout("reserved=2,ts=41,seq=12,epoch=0");
    layout("ts=41,reserved=2,seq=12,epoch=0");
}

#[test]
fn datacenter_and_machine_are_a_pair() {
    refused(
        "ts=41,datacenter=5,seq=12,epoch=0",
        "datacenter",
        "without machine",
    );
    refused(
        "ts=41,machine=5,seq=12,epoch=0",
        "machine",
        "without datacenter",
    );
    for order in [
        "machine=5,datacenter=5,seq=12",
        "datacenter=5,seq=12,machine=5",
        "datacenter=5,reserved=1,machine=5,seq=12",
    ] {
        refused(
            &format!("ts=38,{order},epoch=0"),
            "machine",
            "right after datacenter",
        );
    }
    for order in [
        "worker=2,datacenter=2,machine=2",
        "datacenter=2,worker=2,machine=2",
        "worker=2,machine=2",
        "worker=2,datacenter=2",
    ] {
        refused(&format!("ts=41,{order},seq=12,epoch=0"), "worker", "beside");
    }
}

#[test]
fn a_split_only_changes_what_is_shown() {
    let split = layout("ts=41,datacenter=3,machine=7,seq=12,epoch=0");
    let whole = layout("ts=41,worker=10,seq=12,epoch=0");
    assert_ne!(split, whole);
    let id = split.encode(NOW, 0b101_0000011, 9).unwrap();
    assert_eq!(whole.encode(NOW, 0b101_0000011, 9).unwrap(), id);
    let (shown, other) = (split.decode(id).unwrap(), whole.decode(id).unwrap());
    assert_eq!(shown.worker_id, Some(0b101_0000011));
    assert_eq!(shown.datacenter_id, Some(0b101));
    assert_eq!(shown.machine_id, Some(0b11));
    assert_eq!(other.worker_id, shown.worker_id);
    assert_eq!((other.datacenter_id, other.machine_id), (None, None));
}

#[test]
fn units() {
    for (unit, micros, canonical) in [
        ("1us", 1, "1us"),
        ("1000us", 1_000, "1ms"),
        ("1500us", 1_500, "1500us"),
        ("1ms", 1_000, "1ms"),
        ("10ms", 10_000, "10ms"),
        (" 10 ms ", 10_000, "10ms"),
        ("1000ms", 1_000_000, "1s"),
        ("1s", 1_000_000, "1s"),
        ("1000000us", 1_000_000, "1s"),
    ] {
        let layout = layout(&format!("ts=30,seq=12,unit={unit},epoch=0"));
        assert_eq!(layout.shape().unit(), micros, "{unit}");
        let expected = format!("ts=30,seq=12,unit={canonical},epoch=1970-01-01T00:00:00Z");
        assert_eq!(layout.name(), expected);
    }
    assert_eq!(layout("ts=30,seq=12,epoch=0").shape().unit(), 1_000);
    for unit in [
        "",
        "ms",
        "10",
        "0ms",
        "-1ms",
        "1.5ms",
        "1MS",
        "1m",
        "1h",
        "1ns",
        "1msec",
        "1ms 2",
        "2s",
        "1001ms",
        "1000001us",
        "99999999999999999999s",
    ] {
        refused(
            &format!("ts=30,seq=12,unit={unit},epoch=0"),
            "unit",
            "whole number of us, ms or s",
        );
    }
}

#[test]
fn epochs() {
    for (epoch, canonical) in [
        ("0", "1970-01-01T00:00:00Z"),
        ("1577836800000", "2020-01-01T00:00:00Z"),
        ("1577836800123", "2020-01-01T00:00:00.123Z"),
        ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"),
        ("2020-01-01T02:00:00+02:00", "2020-01-01T00:00:00Z"),
        ("2020-01-01T00:00:00.000007Z", "2020-01-01T00:00:00.000007Z"),
        ("2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
    ] {
        let layout = layout(&format!("ts=41,seq=12,unit=1ms,epoch={epoch}"));
        assert_eq!(layout.epoch(), time(canonical), "{epoch}");
        assert_eq!(
            layout.name(),
            format!("ts=41,seq=12,unit=1ms,epoch={canonical}")
        );
    }
    let with = |epoch: &str| format!("ts=41,seq=12,epoch={epoch}");
    let future = "is in the future";
    refused(&with("2025-01-01T00:00:00.000001Z"), "epoch", future);
    refused(&with("1735689600001"), "epoch", future);
    refused(&with("9999-12-31T23:59:59Z"), "epoch", future);
    let early = "cannot be before 1970";
    refused(&with("-1"), "epoch", early);
    refused(&with("1969-12-31T23:59:59.999999Z"), "epoch", early);
    refused(&with("-9223372036854775808"), "epoch", early);
    for epoch in ["", "yesterday", "2020-01-01", "2020-01-01 00:00", "1.5"] {
        refused(&with(epoch), "epoch", "give a time such as");
    }
}

/// Milliseconds that microseconds cannot hold lie in the future, not before 1970.
#[test]
fn an_epoch_beyond_representable_time_is_in_the_future() {
    for epoch in ["9223372036854776", "9223372036854775807"] {
        refused(
            &format!("ts=41,seq=12,epoch={epoch}"),
            "epoch",
            "is in the future",
        );
    }
}

#[test]
fn times_past_the_representable() {
    let problem = "reaches past the year";
    refused("ts=54,seq=8,epoch=0", "ts", problem);
    refused("ts=62,seq=1,epoch=0", "ts", problem);
    refused("ts=44,seq=8,unit=1s,epoch=0", "ts", problem);
    let long = layout("ts=53,seq=10,unit=1ms,epoch=2020-01-01T00:00:00Z");
    assert!(long.last_instant().is_finite());
    assert_eq!(long.timestamp(long.largest_id()), Ok(long.last_instant()));
    let fine = layout("ts=62,seq=1,unit=1us,epoch=2020-01-01T00:00:00Z");
    let last = fine.encode(fine.last_instant(), 0, 1);
    assert_eq!(last, Ok(fine.largest_id()));
}

#[test]
fn the_name_reads_back() {
    for spec in [
        "ts=41,worker=10,seq=12,unit=1ms,epoch=2020-01-01T00:00:00Z",
        " epoch = 1577836800000 , ts = 41 , seq = 12 ",
        "unit=10ms,ts=39,seq=8,worker=16,epoch=1409529600000",
        "reserved=6,ts=40,worker=5,seq=12,epoch=0",
        "ts=30,reserved=3,seq=5,datacenter=4,machine=1,unit=1s,epoch=2024-02-29T12:34:56.789012Z",
        "ts=62,seq=1,unit=1us,epoch=0",
    ] {
        let first = layout(spec);
        let again = layout(first.name());
        assert_eq!(first, again, "{spec}");
        assert_eq!(first.name(), again.name());
    }
    for preset in Layout::presets() {
        let again = layout(preset.name());
        assert_eq!(preset, again);
        assert_eq!(preset.name(), again.name());
    }
}

#[test]
fn equal_layouts_may_have_two_names() {
    let spelled = layout("ts=41,datacenter=5,machine=5,seq=12,epoch=1288834974657");
    assert_eq!(spelled, Layout::twitter());
    assert_ne!(spelled.name(), "twitter");
    assert_ne!(spelled, layout("pgedge"));
    assert_ne!(
        spelled,
        layout("ts=41,datacenter=5,machine=5,seq=12,unit=2ms,epoch=1288834974657")
    );
    assert_ne!(
        spelled,
        layout("ts=41,datacenter=5,machine=5,seq=12,epoch=1288834974656")
    );
}

#[test]
fn reserved_bits() {
    // leading: an ID that has one of them is not of this layout
    let leading = layout("reserved=3,ts=40,seq=12,epoch=0");
    assert_eq!(leading.largest_id(), (1 << 52) - 1);
    let above = leading.largest_id() + 1;
    assert_eq!(
        leading.decode(above),
        Err(Error::IdAboveLayout {
            id: above,
            layout: leading.name().into(),
            largest: leading.largest_id(),
        })
    );
    assert_eq!(leading.decode(0).unwrap().reserved, Some(0));
    // in the middle and at the end: shown
    let inner = layout("ts=41,reserved=3,seq=12,epoch=0");
    let id = inner.encode(NOW, 0, 1).unwrap();
    assert_eq!(inner.decode(id).unwrap().reserved, Some(0));
    assert_eq!(inner.decode(id | 0b101 << 12).unwrap().reserved, Some(5));
    let last = layout("ts=41,seq=12,reserved=3,epoch=0");
    let id = last.encode(NOW, 0, 1).unwrap();
    assert_eq!(id & 0b1111, 0b1000);
    assert_eq!(last.decode(id | 0b110).unwrap().reserved, Some(6));
}

/// 10 ms, four workers and four sequences: every unit has 16 IDs.
fn coarse() -> Layout {
    layout("ts=20,worker=2,seq=2,unit=10ms,epoch=2020-01-01T00:00:00Z")
}

#[test]
fn min_rounds_up_and_max_rounds_down() {
    let layout = coarse();
    let unit = |number: i64| later(layout.epoch(), number * 10_000);
    // on the boundary of a unit: its first and its last ID
    assert_eq!(layout.min_id(unit(7)), Ok(7 * 16));
    assert_eq!(layout.max_id(unit(7)), Ok(7 * 16 + 15));
    // inside it: the first of the next one, the last of this one
    for inside in [1, 5_000, 9_999] {
        assert_eq!(layout.min_id(later(unit(7), inside)), Ok(8 * 16));
        assert_eq!(layout.max_id(later(unit(7), inside)), Ok(7 * 16 + 15));
    }
    assert_eq!(layout.min_id(layout.epoch()), Ok(0));
    assert_eq!(layout.max_id(layout.epoch()), Ok(15));
}

#[test]
fn min_and_max_at_the_ends() {
    for layout in Layout::presets().chain([coarse()]) {
        let name = layout.name();
        let (first, last) = (layout.epoch(), layout.last_instant());
        let largest = layout.largest_id();
        assert_eq!(layout.max_id(last), Ok(largest), "{name}");
        assert_eq!(
            layout.timestamp(layout.min_id(last).unwrap()),
            Ok(last),
            "{name}"
        );
        for limit in [Layout::min_id, Layout::max_id] {
            assert_eq!(limit(&layout, Timestamp::NEGATIVE_INFINITY), Ok(0));
            assert_eq!(limit(&layout, Timestamp::INFINITY), Ok(largest));
            for outside in [
                later(first, -1),
                later(last, 1),
                Timestamp::from_micros(i64::MIN + 1),
                Timestamp::from_micros(i64::MAX - 1),
            ] {
                assert_eq!(
                    limit(&layout, outside),
                    Err(Error::TimestampOutOfRange {
                        timestamp: outside,
                        layout: name.into(),
                        epoch: first,
                        last_instant: last,
                    })
                );
            }
        }
    }
}

#[test]
fn ranges_are_half_open() {
    let layout = coarse();
    let at = |micros: i64| later(layout.epoch(), micros);
    assert_eq!(layout.range(at(0), at(10_000)), Ok((0, Some(16))));
    assert_eq!(layout.range(at(1), at(10_001)), Ok((16, Some(32))));
    assert_eq!(layout.range(at(70_000), at(70_000)), Ok((112, Some(112))));
    assert_eq!(layout.range(at(70_001), at(70_002)), Ok((128, Some(128))));
    assert_eq!(
        layout.range(Timestamp::NEGATIVE_INFINITY, at(70_000)),
        Ok((0, Some(112)))
    );
    assert_eq!(
        layout.range(at(70_000), Timestamp::INFINITY),
        Ok((112, None))
    );
    assert_eq!(
        layout.range(Timestamp::NEGATIVE_INFINITY, Timestamp::INFINITY),
        Ok((0, None))
    );
    let before_all = Timestamp::NEGATIVE_INFINITY;
    assert_eq!(layout.range(before_all, before_all), Ok((0, Some(0))));
    assert_eq!(
        layout.range(at(1), at(0)),
        Err(Error::RangeReversed {
            start: at(1),
            end: at(0),
        })
    );
    assert_eq!(
        layout.range(Timestamp::INFINITY, at(0)).unwrap_err().kind(),
        Kind::InvalidParameter
    );
    for (start, end) in [(at(-1), at(0)), (at(0), later(layout.last_instant(), 1))] {
        let refused = layout.range(start, end).unwrap_err();
        assert_eq!(refused.kind(), Kind::TimestampOutOfRange);
    }
}

/// No time is at or after `infinity` and before it.
#[test]
fn a_range_that_begins_at_infinity_is_empty() {
    let layout = coarse();
    let (lower, upper) = layout
        .range(Timestamp::INFINITY, Timestamp::INFINITY)
        .unwrap();
    let holds_an_id = lower <= layout.largest_id() && upper.is_none_or(|upper| lower < upper);
    assert!(!holds_an_id, "[{lower}, {upper:?}) holds IDs");
}

#[test]
fn an_epoch_that_is_no_whole_unit() {
    let layout = layout("ts=20,seq=4,unit=1s,epoch=2020-01-01T00:00:00.250Z");
    let id = layout
        .encode(time("2020-01-01T00:00:01.249999Z"), 0, 3)
        .unwrap();
    assert_eq!(id, 3);
    assert_eq!(layout.timestamp(id), Ok(layout.epoch()));
    assert_eq!(layout.min_id(time("2020-01-01T00:00:01Z")), Ok(16));
}

#[test]
fn one_namespace_for_all_spellings_of_a_layout() {
    for (spec, namespace) in [
        ("twitter", "twitter"),
        ("ts=41,worker=10,seq=12,epoch=1288834974657", "twitter"),
        (
            "reserved=1,ts=40,worker=10,seq=12,epoch=1288834974657",
            "ts=40,worker=10,seq=12,unit=1ms,epoch=2010-11-04T01:42:54.657Z",
        ),
        ("ts=41,worker=5,seq=12,epoch=0", "compact58"),
        (
            "ts=41,datacenter=5,machine=5,seq=12,epoch=1420070400000",
            "discord",
        ),
        (
            "ts=41,datacenter=2,machine=6,seq=12,epoch=1420070400000,unit=1ms",
            "ts=41,worker=8,seq=12,unit=1ms,epoch=2015-01-01T00:00:00Z",
        ),
        (
            "ts=41,worker=8,reserved=1,seq=12,epoch=0",
            "ts=41,worker=8,reserved=1,seq=12,unit=1ms,epoch=1970-01-01T00:00:00Z",
        ),
    ] {
        let layout = layout(spec);
        assert_eq!(layout.namespace(), namespace, "{spec}");
        // and it gives the same IDs
        assert_eq!(parse(namespace).unwrap().shape(), layout.shape(), "{spec}");
    }
    let mut names: Vec<_> = Layout::presets().map(|preset| preset.namespace()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Layout::presets().count());
    for preset in Layout::presets() {
        assert_eq!(preset.namespace(), preset.name());
    }
}

/// What anybody can pass is not copied, whatever its length, and a message quotes how it begins.
#[test]
fn layouts_of_any_length() {
    let spaces = " ".repeat(1_024 - "twitter".len());
    assert_eq!(layout(&format!("{spaces}twitter")).name(), "twitter");
    for (text, begins) in [
        (format!("{spaces} twitter"), "twitter".to_string()),
        ("9".repeat(2_000), "9".repeat(100) + "..."),
        (
            "ts=".to_string() + &"\u{e9}".repeat(600),
            "ts=".to_string() + &"\u{e9}".repeat(97) + "...",
        ),
    ] {
        let error = Layout::parse(&text, NOW).unwrap_err();
        assert_eq!(error.to_string(), format!("invalid layout \"{begins}\""));
        let detail = format!("It has {} bytes; a layout has 1024 at most.", text.len());
        assert_eq!(error.detail(), Some(detail));
    }
    let bits = "9".repeat(900);
    let error = Layout::parse(&format!("ts={bits}"), NOW).unwrap_err();
    assert!(error.to_string().len() < 150 && error.detail().unwrap().len() < 200);
}

#[test]
fn ids_do_not_begin_after_the_end_while_the_clock_is_before_it() {
    let shape = Layout::twitter().shape();
    let end = shape.instant(shape.last_tick()).micros() + shape.unit();
    let at = |offset: i64| Timestamp::from_micros(end + offset);
    let hour = 3_600_000_000;
    // the clock, where IDs should begin, where they do
    for (wall, first, expected) in [
        (-2 * hour, -hour, -hour),
        (-hour, -1, -1),
        (-1, hour, -1),
        (-hour, 0, -hour),
        (0, hour, hour),
        (hour, 2 * hour, 2 * hour),
    ] {
        assert_eq!(shape.beginning(at(first), at(wall)), at(expected));
    }
}
