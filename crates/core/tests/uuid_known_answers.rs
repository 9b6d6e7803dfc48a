//! UUIDs that others published, held against what this crate says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use serde_json::Value;
use snowflake_core::uuid::{
    Decoded, Decoded128, Error, Gregorian, Node, Ticks, UnixFraction, UnixSequence, Uuid, Variant,
    bytes_of_uuid, decode, from_guid_bytes, snowflake128, to_guid_bytes, v1, v3, v4, v5, v6, v7,
    v7_at, v7_max, v7_min, v8,
};
use snowflake_core::{Kind, Refusal, Timestamp};

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a time in RFC 3339")
}

/// The last millisecond of 48 bits; RFC 3339 has no such year.
const LAST_MILLISECOND: Timestamp = Timestamp::from_millis((1 << 48) - 1);

fn after(instant: Timestamp, micros: i64) -> Timestamp {
    Timestamp::from_micros(instant.micros() + micros)
}

fn uuid(text: &str) -> Uuid {
    text.parse().expect("a UUID")
}

fn vectors(text: &str, at_least: usize) -> Vec<Value> {
    let mut file: Value = serde_json::from_str(text).unwrap();
    let Value::Array(vectors) = file["vectors"].take() else {
        panic!("no vectors");
    };
    assert!(vectors.len() >= at_least, "only {} vectors", vectors.len());
    vectors
}

fn text<'a>(vector: &'a Value, key: &str) -> &'a str {
    vector[key].as_str().expect("text")
}

fn namespace(vector: &Value) -> Uuid {
    match text(vector, "namespace") {
        "dns" => Uuid::NAMESPACE_DNS,
        "url" => Uuid::NAMESPACE_URL,
        "oid" => Uuid::NAMESPACE_OID,
        "x500" => Uuid::NAMESPACE_X500,
        other => panic!("unknown namespace {other}"),
    }
}

fn node(text: &str) -> Node {
    let bytes: Vec<u8> = text
        .split(':')
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect();
    bytes.try_into().unwrap()
}

#[test]
fn names_as_python_hashes_them() {
    for vector in vectors(include_str!("vectors/uuid_name_based.json"), 72) {
        let (namespace, name) = (namespace(&vector), text(&vector, "name"));
        let by_md5 = v3(namespace, name.as_bytes());
        let by_sha1 = v5(namespace, name.as_bytes());
        assert_eq!(by_md5, uuid(text(&vector, "v3")), "{vector}");
        assert_eq!(by_sha1, uuid(text(&vector, "v5")), "{vector}");
        for (uuid, version) in [(by_md5, 3), (by_sha1, 5)] {
            let decoded = decode(uuid);
            assert_eq!(decoded.version, Some(version));
            assert_eq!(decoded.variant, Variant::Rfc9562);
        }
    }
}

/// Every part that the appendices of RFC 9562 list, and the UUID made of these parts again.
#[test]
fn examples_of_the_rfc() {
    let mut versions = Vec::new();
    for vector in vectors(include_str!("vectors/rfc9562.json"), 8) {
        let uuid = uuid(text(&vector, "uuid"));
        let version = vector["version"].as_u64().unwrap() as u8;
        let expected = Decoded {
            version: Some(version),
            variant: Variant::Rfc9562,
            timestamp: vector["ts"].as_str().map(time),
            clock_sequence: vector["clock_seq"].as_u64().map(|number| number as u16),
            node: vector["node"].as_str().map(node),
        };
        assert_eq!(decode(uuid), expected, "{vector}");
        let again = match version {
            1 | 6 => {
                let make = if version == 1 { v1 } else { v6 };
                let tick = Gregorian::at(expected.timestamp.unwrap());
                let (sequence, node) = (expected.clock_sequence, expected.node);
                make(tick, sequence.unwrap(), &node.unwrap())
            }
            3 | 5 => {
                let make = if version == 3 { v3 } else { v5 };
                make(namespace(&vector), text(&vector, "name").as_bytes())
            }
            4 => v4(uuid.into_bytes()),
            7 => {
                // the fraction is random in this example
                let (high, low) = uuid.as_u64_pair();
                v7(high >> 16 << 12 | high & 0xfff, low << 2)
            }
            8 => v8(uuid.into_bytes()),
            other => panic!("version {other}"),
        };
        assert_eq!(again, uuid, "{vector}");
        versions.push(version);
    }
    versions.dedup();
    assert_eq!(versions, [1, 3, 4, 5, 6, 7, 8]);
}

/// What the RFC starts from: appendix A.3 has the random bits, appendix B.2 a SHA-256.
#[test]
fn version_and_variant_replace_six_bits() {
    let random = 0x919108f7_52d1_3320_5bac_f847db4148a8_u128;
    assert_eq!(
        v4(random.to_be_bytes()),
        uuid("919108f7-52d1-4320-9bac-f847db4148a8")
    );
    let hash = 0x5c146b14_3c52_4afd_938a_375d0df1fbf6_u128;
    assert_eq!(
        v8(hash.to_be_bytes()),
        uuid("5c146b14-3c52-8afd-938a-375d0df1fbf6")
    );
    for (make, zeros, ones) in [
        (
            v4 as fn([u8; 16]) -> Uuid,
            "00000000-0000-4000-8000-000000000000",
            "ffffffff-ffff-4fff-bfff-ffffffffffff",
        ),
        (
            v8,
            "00000000-0000-8000-8000-000000000000",
            "ffffffff-ffff-8fff-bfff-ffffffffffff",
        ),
    ] {
        assert_eq!(make([0; 16]), uuid(zeros));
        assert_eq!(make([255; 16]), uuid(ones));
    }
}

#[test]
fn namespaces() {
    let expected = [
        (Uuid::NAMESPACE_DNS, "6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
        (Uuid::NAMESPACE_URL, "6ba7b811-9dad-11d1-80b4-00c04fd430c8"),
        (Uuid::NAMESPACE_OID, "6ba7b812-9dad-11d1-80b4-00c04fd430c8"),
        (Uuid::NAMESPACE_X500, "6ba7b814-9dad-11d1-80b4-00c04fd430c8"),
    ];
    for (namespace, published) in expected {
        assert_eq!(namespace, uuid(published));
    }
    // they are UUIDs of version 1 themselves, of a morning in 1998
    let decoded = decode(Uuid::NAMESPACE_DNS);
    assert_eq!(decoded.version, Some(1));
    assert_eq!(decoded.timestamp, Some(time("1998-02-04T22:13:53.151182Z")));
    assert_eq!(decoded.clock_sequence, Some(0xb4));
    assert_eq!(decoded.node, Some([0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8]));
}

fn nothing_but(variant: Variant) -> Decoded {
    Decoded {
        version: None,
        variant,
        timestamp: None,
        clock_sequence: None,
        node: None,
    }
}

#[test]
fn nil_and_max() {
    assert_eq!(decode(Uuid::nil()), nothing_but(Variant::Ncs));
    assert_eq!(decode(Uuid::max()), nothing_but(Variant::Future));
}

/// All 16 beginnings of the byte that holds the variant. Only one variant has versions.
#[test]
fn variants() {
    let expected = [
        (0x0..=0x7, Variant::Ncs, "ncs"),
        (0x8..=0xb, Variant::Rfc9562, "rfc9562"),
        (0xc..=0xd, Variant::Microsoft, "microsoft"),
        (0xe..=0xf, Variant::Future, "future"),
    ];
    for (digits, variant, name) in expected {
        assert_eq!(variant.name(), name);
        for digit in digits {
            let example = uuid(&format!("c232ab00-9414-11ec-{digit:x}3c8-9f6bdeced846"));
            let decoded = decode(example);
            assert_eq!(decoded.variant, variant, "{example}");
            if variant == Variant::Rfc9562 {
                assert_eq!(decoded.version, Some(1), "{example}");
            } else {
                assert_eq!(decoded, nothing_but(variant), "{example}");
            }
        }
    }
}

/// Those of no RFC, too; which parts each has.
#[test]
fn versions() {
    for version in 0..16 {
        let example = uuid(&format!("c232ab00-9414-{version:x}1ec-b3c8-9f6bdeced846"));
        let decoded = decode(example);
        assert_eq!(decoded.version, Some(version));
        assert_eq!(decoded.timestamp.is_some(), [1, 6, 7].contains(&version));
        assert_eq!(decoded.clock_sequence.is_some(), [1, 6].contains(&version));
        assert_eq!(decoded.node.is_some(), [1, 2, 6].contains(&version));
    }
}

/// The first and the last tick of each way to count time.
#[test]
fn ends_of_time() {
    let node = [255; 6];
    let last = time("5236-03-31T21:21:00.684697Z");
    for (make, first_uuid, last_uuid) in [
        (
            v1 as fn(u64, u16, &Node) -> Uuid,
            "00000000-0000-1000-8000-000000000000",
            "ffffffff-ffff-1fff-bfff-ffffffffffff",
        ),
        (
            v6,
            "00000000-0000-6000-8000-000000000000",
            "ffffffff-ffff-6fff-bfff-ffffffffffff",
        ),
    ] {
        assert_eq!(make(0, 0, &[0; 6]), uuid(first_uuid));
        assert_eq!(make(Gregorian::LAST, 0x3fff, &node), uuid(last_uuid));
        let instant = |text| decode(uuid(text)).timestamp.unwrap();
        assert_eq!(instant(first_uuid), time("1582-10-15T00:00:00Z"));
        assert_eq!(instant(last_uuid), last);
    }
    assert_eq!(Gregorian::at(last) / 10, Gregorian::LAST / 10);

    let last = LAST_MILLISECOND;
    assert_eq!(last.to_string(), "10889-08-02T05:31:50.655Z");
    let first = Timestamp::from_micros(0);
    assert_eq!(UnixFraction::at(first), 0);
    assert_eq!(UnixFraction::at(last), UnixFraction::LAST & !0xfff);
    assert_eq!(UnixFraction::instant(UnixFraction::LAST), last);
    assert_eq!(UnixSequence::at(first), 0);
    assert_eq!(UnixSequence::at(last), UnixSequence::LAST & !0x3fff);
    assert_eq!(UnixSequence::instant(UnixSequence::LAST), last);
}

/// RFC 9562, section 6.2, method 3: the fraction of the millisecond in 12 bits, rounded down.
#[test]
fn fractions_of_a_millisecond() {
    let expected = [
        (0, 0),
        (244, 0),
        (245, 1),
        (250_000, 0x400),
        (500_000, 0x800),
        (999_755, 0xffe),
        (999_756, 0xfff),
        (999_999, 0xfff),
    ];
    for (nanoseconds, fraction) in expected {
        let millisecond = 1_645_557_742_000_u64 << 12;
        let tick = UnixFraction::tick(1_645_557_742, nanoseconds);
        assert_eq!(tick, millisecond | fraction, "{nanoseconds}");
    }
    assert_eq!(
        v7_at(time("2022-02-22T19:22:22.0005Z"), 0),
        Ok(uuid("017f22e2-79b0-7800-8000-000000000000"))
    );
    assert_eq!(
        v7_at(time("2022-02-22T19:22:22.999999Z"), u64::MAX),
        Ok(uuid("017f22e2-7d97-7ffb-bfff-ffffffffffff"))
    );
}

/// To the millisecond, as version 7 is decoded: at or after, at or before.
#[test]
fn limits_of_version_7() {
    let expected = [
        (
            time("1970-01-01T00:00:00Z"),
            "00000000-0000-7000-8000-000000000000",
            "00000000-0000-7fff-bfff-ffffffffffff",
        ),
        (
            time("2022-02-22T19:22:22Z"),
            "017f22e2-79b0-7000-8000-000000000000",
            "017f22e2-79b0-7fff-bfff-ffffffffffff",
        ),
        // between two milliseconds: of the one before
        (
            time("2022-02-22T19:22:22.000001Z"),
            "017f22e2-79b0-7000-8000-000000000000",
            "017f22e2-79b0-7fff-bfff-ffffffffffff",
        ),
        (
            time("2022-02-22T19:22:22.000999Z"),
            "017f22e2-79b0-7000-8000-000000000000",
            "017f22e2-79b0-7fff-bfff-ffffffffffff",
        ),
        (
            LAST_MILLISECOND,
            "ffffffff-ffff-7000-8000-000000000000",
            "ffffffff-ffff-7fff-bfff-ffffffffffff",
        ),
    ];
    for (at, min, max) in expected {
        assert_eq!(v7_min(at), Ok(uuid(min)), "{at}");
        assert_eq!(v7_max(at), Ok(uuid(max)), "{at}");
    }
}

#[test]
fn times_that_version_7_does_not_hold() {
    for outside in [
        Timestamp::NEGATIVE_INFINITY,
        Timestamp::from_micros(i64::MIN + 1),
        Timestamp::from_micros(-1),
        after(LAST_MILLISECOND, 1_000),
        Timestamp::from_micros(i64::MAX - 1),
        Timestamp::INFINITY,
    ] {
        let refused = Error::TimestampOutOfRange { timestamp: outside };
        assert_eq!(refused.kind(), Kind::TimestampOutOfRange);
        assert_eq!(v7_at(outside, 0), Err(refused.clone()), "{outside}");
        assert_eq!(v7_min(outside), Err(refused.clone()), "{outside}");
        assert_eq!(v7_max(outside), Err(refused), "{outside}");
    }
    let within = after(LAST_MILLISECOND, 1);
    assert!(v7_min(within).is_ok());
    assert!(v7_max(within).is_ok());
    assert!(v7_at(within, 0).is_ok());
}

#[test]
fn guid_bytes() {
    let example = uuid("00112233-4455-6677-8899-aabbccddeeff");
    let bytes = [
        0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee,
        0xff,
    ];
    assert_eq!(to_guid_bytes(example), bytes);
    assert_eq!(from_guid_bytes(&bytes), Ok(example));
}

#[test]
fn a_uuid_has_16_bytes() {
    let bytes: Vec<u8> = (0..40).collect();
    for length in [0, 1, 15, 17, 32, 36] {
        let refused = Error::Length { length };
        assert_eq!(bytes_of_uuid(&bytes[..length]), Err(refused.clone()));
        assert_eq!(from_guid_bytes(&bytes[..length]), Err(refused.clone()));
        assert_eq!(refused.kind(), Kind::InvalidParameter);
        assert_eq!(
            refused.to_string(),
            format!("a UUID has 16 bytes, not {length}")
        );
    }
    let whole: [u8; 16] = bytes[..16].try_into().unwrap();
    assert_eq!(bytes_of_uuid(&whole), Ok(whole));
}

/// Put together by hand: 48 bits of milliseconds, 20 of worker, 14 of sequence, 40 random.
#[test]
fn snowflake128_by_hand() {
    let tick = UnixSequence::at(time("2022-02-22T19:22:22Z")) + 0x1234;
    let made = snowflake128(tick, 0xabcde, 0xfe_dcba_9876);
    // worker abcde: abc, then de in 8 bits; sequence 1234 in 14: 10 11011110 01001000110100
    assert_eq!(made, uuid("017f22e2-79b0-8abc-b792-34fedcba9876"));
    let expected = Decoded128 {
        timestamp: time("2022-02-22T19:22:22Z"),
        worker_id: 0xabcde,
        sequence: 0x1234,
    };
    assert_eq!(Decoded128::of(made), Ok(expected));

    let last = snowflake128(UnixSequence::LAST, 0xfffff, u64::MAX);
    assert_eq!(last, uuid("ffffffff-ffff-8fff-bfff-ffffffffffff"));
    let first = snowflake128(0, 0, 0);
    assert_eq!(first, uuid("00000000-0000-8000-8000-000000000000"));
}

#[test]
fn what_is_no_snowflake128() {
    for other in [
        Uuid::nil(),
        Uuid::max(),
        uuid("017f22e2-79b0-7abc-b792-34fedcba9876"),
        uuid("017f22e2-79b0-8abc-7792-34fedcba9876"),
        uuid("017f22e2-79b0-8abc-c792-34fedcba9876"),
    ] {
        let refused = Decoded128::of(other).unwrap_err();
        assert_eq!(refused.kind(), Kind::InvalidParameter);
        assert_eq!(
            refused.to_string(),
            format!("UUID {other} is not a snowflake128")
        );
    }
}
