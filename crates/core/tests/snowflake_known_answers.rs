//! Published IDs, published layouts and published text forms, held against what this crate says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use snowflake_core::snowflake::{
    Decoded, Error, FieldKind, Layout, from_base32, preset_names, to_base32, to_text,
};
use snowflake_core::{Kind, Refusal, Timestamp};

fn preset(name: &str) -> Layout {
    Layout::parse(name, Timestamp::from_micros(0)).expect("a preset needs no clock")
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time in RFC 3339")
}

/// Decodes an ID, compares all fields, and encodes them back.
fn check(layout: &Layout, id: i64, expected: Decoded) {
    let name = layout.name();
    assert_eq!(layout.decode(id).unwrap(), expected, "{name} {id}");
    assert_eq!(layout.timestamp(id).unwrap(), expected.timestamp);
    let worker = expected.worker_id.unwrap_or(0);
    assert_eq!(
        layout
            .encode(expected.timestamp, worker, expected.sequence)
            .unwrap(),
        id,
        "{name}"
    );
}

#[test]
fn shared_vectors() {
    let text = include_str!("vectors/snowflake.json");
    let file: serde_json::Value = serde_json::from_str(text).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert!(vectors.len() >= 4, "only {} vectors", vectors.len());
    for vector in vectors {
        let integer = |key: &str| vector[key].as_i64().map(|value| value as i32);
        let expected = Decoded {
            timestamp: time(vector["ts"].as_str().unwrap()),
            worker_id: integer("worker_id"),
            datacenter_id: integer("datacenter_id"),
            machine_id: integer("machine_id"),
            sequence: integer("sequence").unwrap(),
            reserved: None,
        };
        let layout = preset(vector["layout"].as_str().unwrap());
        check(&layout, vector["id"].as_i64().unwrap(), expected);
    }
}

/// One ID per layout without a vector of its own, computed by hand from the published fields. The
/// one of instagram is worked out in their article, that of pgedge is in the order of its source.
#[test]
fn one_id_of_each_other_layout() {
    let whole = |timestamp: &str, worker_id, sequence| Decoded {
        timestamp: time(timestamp),
        worker_id,
        datacenter_id: None,
        machine_id: None,
        sequence,
        reserved: None,
    };
    let with_reserved = |decoded| Decoded {
        reserved: Some(0),
        ..decoded
    };
    let moment = "2023-11-14T22:13:20.123Z";
    let cases = [
        (
            "compact58",
            222_822_400_016_207_972,
            with_reserved(whole(moment, Some(21), 100)),
        ),
        (
            "instagram",
            11_637_205_501_278_089,
            whole("2011-09-09T22:28:04.721Z", Some(1341), 905),
        ),
        (
            "mastodon",
            111_411_200_008_115_249,
            whole(moment, None, 54_321),
        ),
        (
            "sonyflake",
            207_126_121_601_831_058,
            whole("2018-07-30T21:33:09.010Z", Some(4242), 200),
        ),
        (
            "pgedge",
            115_212_498_233_200_643,
            whole(moment, Some(513), 3),
        ),
        (
            "javascript",
            705_180_469_070_157,
            whole("2025-06-15T15:06:40.456Z", Some(9), 77),
        ),
    ];
    for (name, id, expected) in cases {
        check(&preset(name), id, expected);
    }
}

#[test]
fn presets_begin_and_end_as_published() {
    let expected = [
        (
            "twitter",
            "2010-11-04T01:42:54.657Z",
            "2080-07-10T17:30:30.208Z",
        ),
        (
            "compact58",
            "1970-01-01T00:00:00Z",
            "2039-09-07T15:47:35.551Z",
        ),
        (
            "discord",
            "2015-01-01T00:00:00Z",
            "2084-09-06T15:47:35.551Z",
        ),
        (
            "instagram",
            "2011-08-24T21:07:01.721Z",
            "2046-06-27T17:00:49.496Z",
        ),
        (
            "mastodon",
            "1970-01-01T00:00:00Z",
            "6429-10-17T02:45:55.327Z",
        ),
        (
            "sonyflake",
            "2014-09-01T00:00:00Z",
            "2188-11-16T03:28:58.870Z",
        ),
        ("pgedge", "2023-01-01T00:00:00Z", "2092-09-06T15:47:35.551Z"),
        (
            "javascript",
            "2020-01-01T00:00:00Z",
            "2089-09-06T15:47:35.551Z",
        ),
    ];
    let actual: Vec<_> = Layout::presets()
        .map(|layout| {
            (
                layout.name().to_owned(),
                layout.epoch().to_string(),
                layout.last_instant().to_string(),
            )
        })
        .collect();
    let expected =
        expected.map(|(name, epoch, last)| (name.to_owned(), epoch.to_owned(), last.to_owned()));
    assert_eq!(actual, expected);
}

/// Bits as published, of timestamp, worker (whole), sequence and reserved, even where they make
/// 64; and how many bits IDs really have.
#[test]
fn presets_have_the_published_fields() {
    let expected = [
        ("twitter", 41, 10, 12, 0, 63),
        ("compact58", 41, 5, 12, 6, 58),
        ("discord", 42, 10, 12, 0, 63),
        ("instagram", 41, 13, 10, 0, 63),
        ("mastodon", 48, 0, 16, 0, 63),
        ("sonyflake", 39, 16, 8, 0, 63),
        ("pgedge", 41, 10, 12, 0, 63),
        ("javascript", 41, 4, 8, 0, 53),
    ];
    assert!(preset_names().eq(expected.iter().map(|row| row.0)));
    for (name, timestamp, worker, sequence, reserved, used) in expected {
        let layout = preset(name);
        assert_eq!(layout.bits(FieldKind::Timestamp), timestamp, "{name}");
        assert_eq!(layout.worker_bits(), worker, "{name}");
        assert_eq!(layout.bits(FieldKind::Sequence), sequence, "{name}");
        assert_eq!(layout.bits(FieldKind::Reserved), reserved, "{name}");
        assert_eq!(layout.largest_id() as u64, (1 << used) - 1, "{name}");
        assert_eq!(layout.largest_worker(), (1 << worker) - 1, "{name}");
        assert_eq!(layout.largest_sequence(), (1 << sequence) - 1, "{name}");
    }
    for name in ["twitter", "discord"] {
        let layout = preset(name);
        assert_eq!(layout.bits(FieldKind::Datacenter), 5, "{name}");
        assert_eq!(layout.bits(FieldKind::Machine), 5, "{name}");
        assert_eq!(layout.bits(FieldKind::Worker), 0, "{name}");
    }
}

#[test]
fn javascript_is_a_safe_integer() {
    const MAX_SAFE_INTEGER: i64 = 9_007_199_254_740_991;
    let layout = preset("javascript");
    assert_eq!(layout.largest_id(), MAX_SAFE_INTEGER);
    assert_eq!(
        layout.encode(layout.last_instant(), 15, 255).unwrap(),
        MAX_SAFE_INTEGER
    );
}

#[test]
fn ids_per_second() {
    let expected = [
        ("twitter", 4_096_000),
        ("compact58", 4_096_000),
        ("discord", 4_096_000),
        ("instagram", 1_024_000),
        ("mastodon", 65_536_000),
        ("sonyflake", 25_600),
        ("pgedge", 4_096_000),
        ("javascript", 256_000),
    ];
    for (name, per_second) in expected {
        assert_eq!(preset(name).ids_per_second(), per_second, "{name}");
    }
}

#[test]
fn twitter_is_the_default() {
    assert_eq!(Layout::twitter(), preset("twitter"));
    assert_eq!(Layout::twitter().name(), "twitter");
}

#[test]
fn the_last_id_of_each_preset() {
    for layout in Layout::presets() {
        let name = layout.name();
        let id = layout
            .encode(
                layout.last_instant(),
                layout.largest_worker() as i32,
                layout.largest_sequence() as i32,
            )
            .unwrap();
        assert_eq!(id, layout.largest_id(), "{name}");
        match layout.largest_id().checked_add(1) {
            Some(above) => assert!(
                matches!(layout.decode(above), Err(Error::IdAboveLayout { .. })),
                "{name}"
            ),
            None => assert_eq!(id, i64::MAX, "{name}"),
        }
        for negative in [-1, i64::MIN] {
            let refused = layout.decode(negative).unwrap_err();
            assert_eq!(refused, Error::IdNegative { id: negative });
            assert_eq!(refused.kind(), Kind::NumericOutOfRange);
        }
    }
}

#[test]
fn encode_refuses_what_does_not_fit() {
    let layout = Layout::twitter();
    let now = time("2024-01-01T00:00:00Z");
    for worker in [-1, 1024, i32::MIN, i32::MAX] {
        assert_eq!(
            layout.encode(now, worker, 0).unwrap_err(),
            Error::WorkerOutOfRange {
                worker: worker.into(),
                layout: "twitter".into(),
                largest: 1023,
            }
        );
    }
    for sequence in [-1, 4096, i32::MIN, i32::MAX] {
        assert_eq!(
            layout.encode(now, 0, sequence).unwrap_err(),
            Error::SequenceOutOfRange {
                sequence: sequence.into(),
                layout: "twitter".into(),
                largest: 4095,
            }
        );
    }
    let micros = |instant: Timestamp, step| Timestamp::from_micros(instant.micros() + step);
    for outside in [
        micros(layout.epoch(), -1),
        micros(layout.last_instant(), 1),
        Timestamp::INFINITY,
        Timestamp::NEGATIVE_INFINITY,
    ] {
        let refused = layout.encode(outside, 0, 0).unwrap_err();
        assert_eq!(refused.kind(), Kind::TimestampOutOfRange, "{outside}");
    }
}

#[test]
fn decimal_text() {
    let expected = [
        (0, "0000000000000000000"),
        (7, "0000000000000000007"),
        (1_541_815_603_606_036_480, "1541815603606036480"),
        (175_928_847_299_117_063, "0175928847299117063"),
        (i64::MAX, "9223372036854775807"),
    ];
    for (id, text) in expected {
        assert_eq!(to_text(id).unwrap(), text);
    }
    assert_eq!(to_text(-1).unwrap_err(), Error::IdNegative { id: -1 });
}

#[test]
fn base32_text() {
    let expected = [
        (0, "0000000000000"),
        (1, "0000000000001"),
        (31, "000000000000Z"),
        (32, "0000000000010"),
        (1_541_815_603_606_036_480, "1ASD13XH1F800"),
        (175_928_847_299_117_063, "04W86BB0G4007"),
        (i64::MAX, "7ZZZZZZZZZZZZ"),
    ];
    for (id, text) in expected {
        assert_eq!(to_base32(id).unwrap(), text);
        assert_eq!(from_base32(text).unwrap(), id);
        assert_eq!(from_base32(&text.to_lowercase()).unwrap(), id);
    }
    assert_eq!(to_base32(-1).unwrap_err(), Error::IdNegative { id: -1 });
}

/// Each of Crockford's symbols has the value of its place in his table.
#[test]
fn base32_symbols() {
    for (value, symbol) in (0..).zip("0123456789ABCDEFGHJKMNPQRSTVWXYZ".chars()) {
        assert_eq!(from_base32(&format!("000000000000{symbol}")), Ok(value));
    }
}

#[test]
fn base32_reads_confusable_letters_and_hyphens() {
    let one = from_base32("1000000000001").unwrap();
    for text in [
        "I00000000000I",
        "i00000000000l",
        "L00000000000L",
        "lOOOOOOOOOOOi",
        "looooooooooo1",
        "1-0000-0000-0001",
        "-1000000000001-",
        "1--OOOOOOOOOOO--I",
    ] {
        assert_eq!(from_base32(text), Ok(one), "{text}");
    }
}

/// The message about a text that is refused.
fn problem(text: &str) -> String {
    match from_base32(text) {
        Err(Error::Base32 {
            text: given,
            problem,
        }) => {
            assert_eq!(given, text);
            problem
        }
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn base32_says_where_it_went_wrong() {
    let expected = [
        // not in the alphabet: U, accents, spaces, check symbols
        ("U000000000000", "Character \"U\" at position 1 "),
        ("00000u0000000", "Character \"u\" at position 6 "),
        ("000000000000*", "Character \"*\" at position 13 "),
        (" 0000000000000", "Character \" \" at position 1 "),
        ("0000000000000\n", "Character \"\n\" at position 14 "),
        // positions count characters, not bytes, and hyphens count
        ("00é0000000000", "Character \"é\" at position 3 "),
        (
            "0-0-0\u{1F600}0000000000",
            "Character \"\u{1F600}\" at position 6 ",
        ),
        ("00-00-!", "Character \"!\" at position 7 "),
        // a symbol that only lower-cases to a known one is not one: the Kelvin sign
        (
            "\u{212A}000000000000",
            "Character \"\u{212A}\" at position 1 ",
        ),
        // too long
        (
            "00000000000000",
            "There is a symbol too many at position 14",
        ),
        (
            "0-000000000000-0",
            "There is a symbol too many at position 16",
        ),
        // too large
        ("8000000000000", "Symbol \"8\" at position 1 "),
        ("-z000000000000", "Symbol \"z\" at position 2 "),
        ("ZZZZZZZZZZZZZ", "Symbol \"Z\" at position 1 "),
        // too short
        ("", "The text ends after 0 symbols"),
        ("---", "The text ends after 0 symbols"),
        ("000000000000", "The text ends after 12 symbols"),
        ("0-00000000000-", "The text ends after 12 symbols"),
    ];
    for (text, beginning) in expected {
        let problem = problem(text);
        assert!(problem.starts_with(beginning), "{text}: {problem}");
    }
    let refused = from_base32("!").unwrap_err();
    assert_eq!(refused.kind(), Kind::InvalidText);
    assert_eq!(refused.to_string(), "invalid base 32 text \"!\"");
}
