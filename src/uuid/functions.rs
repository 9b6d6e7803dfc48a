//! The SQL functions about UUIDs.

use std::sync::atomic::AtomicU64;

use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;
use snowflake_core::uuid::{self as make, Gregorian, UnixFraction};
use snowflake_core::words::Slot;

use crate::host::random;
use crate::postgres::backend::BackendLocal;
use crate::postgres::datum::{self, Room, Uuid};
use crate::postgres::entry::entry;
use crate::postgres::error::OrRaise;
use crate::postgres::row::Row;
use crate::postgres::text::Text;
use crate::postgres::timestamp;
use crate::shared::segment;
use crate::uuid::identity::Identity;
use crate::uuid::ticker::Ticker;

/// The tickers of this backend, looked up once and after changes of settings.
static GREGORIAN: BackendLocal<Option<Ticker<Gregorian>>> = BackendLocal::new(None);
static UNIX: BackendLocal<Option<Ticker<UnixFraction>>> = BackendLocal::new(None);

/// Words of a backend where the library is not preloaded.
static OWN_GREGORIAN: Slot<AtomicU64> = Slot::new();
static OWN_UNIX: Slot<AtomicU64> = Slot::new();

/// Reads the settings again at the next UUID.
pub fn forget() {
    GREGORIAN.set(None);
    UNIX.set(None);
}

/// A UUID that holds Gregorian time, if that takes none of what can fail or wait.
#[inline(always)]
fn gregorian_at_once(make: impl Fn(u64, u16, &make::Node) -> make::Uuid) -> Option<pg_sys::Datum> {
    let Identity {
        node,
        clock_sequence,
    } = Identity::known()?;
    let room = Room::find()?;
    let uuid = make(GREGORIAN.get()?.next_at_once()?, clock_sequence, &node);
    Some(room.fill(&uuid.into_bytes()))
}

fn gregorian() -> Ticker<Gregorian> {
    GREGORIAN.get().unwrap_or_else(|| {
        let shared = segment::shared().map(|shared| shared.gregorian());
        let ticker = Ticker::unlimited(shared.unwrap_or(&OWN_GREGORIAN));
        GREGORIAN.set(Some(ticker));
        ticker
    })
}

fn unix() -> Ticker<UnixFraction> {
    UNIX.get().unwrap_or_else(|| {
        let shared = segment::shared().map(|shared| shared.unix());
        let ticker = Ticker::unlimited(shared.unwrap_or(&OWN_UNIX));
        UNIX.set(Some(ticker));
        ticker
    })
}

/// Version 1: the time in 100 ns, a random node.
#[pg_extern(sql = r#"
CREATE FUNCTION "uuid_v1"() RETURNS uuid
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'uuid_v1_wrapper';
"#)]
fn uuid_v1_guarded() -> Uuid {
    let Identity {
        node,
        clock_sequence,
    } = Identity::of_server();
    Uuid(make::v1(gregorian().next(), clock_sequence, &node))
}

entry!(
    uuid_v1_wrapper,
    pg_finfo_uuid_v1_wrapper,
    or uuid_v1_guarded_wrapper,
    |_| gregorian_at_once(make::v1)
);

/// Version 6: version 1 with the fields in order.
#[pg_extern(sql = r#"
CREATE FUNCTION "uuid_v6"() RETURNS uuid
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'uuid_v6_wrapper';
"#)]
fn uuid_v6_guarded() -> Uuid {
    let Identity {
        node,
        clock_sequence,
    } = Identity::of_server();
    Uuid(make::v6(gregorian().next(), clock_sequence, &node))
}

entry!(
    uuid_v6_wrapper,
    pg_finfo_uuid_v6_wrapper,
    or uuid_v6_guarded_wrapper,
    |_| gregorian_at_once(make::v6)
);

/// Version 3: the MD5 of a name in a namespace.
#[pg_extern(immutable, parallel_safe)]
fn uuid_v3(namespace: Uuid, name: Text) -> Uuid {
    Uuid(make::v3(namespace.0, name.bytes()))
}

/// Version 3, of bytes.
#[pg_extern(immutable, parallel_safe, name = "uuid_v3")]
fn uuid_v3_bytes(namespace: Uuid, name: &[u8]) -> Uuid {
    Uuid(make::v3(namespace.0, name))
}

/// Version 4: random.
#[pg_extern(sql = r#"
CREATE FUNCTION "uuid_v4"() RETURNS uuid
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'uuid_v4_wrapper';
"#)]
fn uuid_v4_guarded() -> Uuid {
    Uuid(make::v4(random::bytes()))
}

entry!(
    uuid_v4_wrapper,
    pg_finfo_uuid_v4_wrapper,
    or uuid_v4_guarded_wrapper,
    |_| {
        let room = Room::find()?;
        let uuid = make::v4(random::try_bytes()?);
        Some(room.fill(&uuid.into_bytes()))
    }
);

/// Version 5: the SHA-1 of a name in a namespace.
#[pg_extern(immutable, parallel_safe)]
fn uuid_v5(namespace: Uuid, name: Text) -> Uuid {
    Uuid(make::v5(namespace.0, name.bytes()))
}

/// Version 5, of bytes.
#[pg_extern(immutable, parallel_safe, name = "uuid_v5")]
fn uuid_v5_bytes(namespace: Uuid, name: &[u8]) -> Uuid {
    Uuid(make::v5(namespace.0, name))
}

/// Version 7: the time in milliseconds and a fraction, and random bits.
#[pg_extern(sql = r#"
CREATE FUNCTION "uuid_v7"() RETURNS uuid
STRICT VOLATILE PARALLEL SAFE
LANGUAGE c
AS 'MODULE_PATHNAME', 'uuid_v7_wrapper';
"#)]
fn uuid_v7_guarded() -> Uuid {
    Uuid(make::v7(unix().next(), random::bits()))
}

entry!(
    uuid_v7_wrapper,
    pg_finfo_uuid_v7_wrapper,
    or uuid_v7_guarded_wrapper,
    |_| {
        let room = Room::find()?;
        let random = random::try_bits()?;
        let uuid = make::v7(UNIX.get()?.next_at_once()?, random);
        Some(room.fill(&uuid.into_bytes()))
    }
);

/// Version 7 of a given time.
#[pg_extern(volatile, parallel_safe, name = "uuid_v7")]
fn uuid_v7_at(ts: TimestampWithTimeZone) -> Uuid {
    Uuid(make::v7_at(timestamp::from_postgres(ts), random::bits()).or_raise())
}

/// The first UUID of version 7 at or after a time.
#[pg_extern(immutable, parallel_safe)]
fn uuid_v7_min(ts: TimestampWithTimeZone) -> Uuid {
    Uuid(make::v7_min(timestamp::from_postgres(ts)).or_raise())
}

/// The last UUID of version 7 at or before a time.
#[pg_extern(immutable, parallel_safe)]
fn uuid_v7_max(ts: TimestampWithTimeZone) -> Uuid {
    Uuid(make::v7_max(timestamp::from_postgres(ts)).or_raise())
}

/// Version 8: 16 bytes of the caller's making.
#[pg_extern(immutable, parallel_safe)]
fn uuid_v8(bytes: &[u8]) -> Uuid {
    Uuid(make::v8(make::bytes_of_uuid(bytes).or_raise()))
}

/// RFC 9562's namespace of domain names.
#[pg_extern(immutable, parallel_safe)]
fn uuid_namespace_dns() -> Uuid {
    Uuid(make::Uuid::NAMESPACE_DNS)
}

/// RFC 9562's namespace of URLs.
#[pg_extern(immutable, parallel_safe)]
fn uuid_namespace_url() -> Uuid {
    Uuid(make::Uuid::NAMESPACE_URL)
}

/// RFC 9562's namespace of ISO object identifiers.
#[pg_extern(immutable, parallel_safe)]
fn uuid_namespace_oid() -> Uuid {
    Uuid(make::Uuid::NAMESPACE_OID)
}

/// RFC 9562's namespace of X.500 distinguished names.
#[pg_extern(immutable, parallel_safe)]
fn uuid_namespace_x500() -> Uuid {
    Uuid(make::Uuid::NAMESPACE_X500)
}

/// The parts of a UUID; NULL where its variant or version has no such part.
#[pg_extern(sql = r#"
CREATE FUNCTION uuid_decode(uuid uuid, OUT version int, OUT variant text, OUT ts timestamptz, OUT clock_seq int, OUT node macaddr)
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn uuid_decode(uuid: Uuid) -> Row<5> {
    let decoded = make::decode(uuid.0);
    Row([
        decoded.version.map(|version| i32::from(version).into()),
        Some(datum::text(decoded.variant.name().as_bytes())),
        decoded
            .timestamp
            .map(|timestamp| timestamp::to_postgres_micros(timestamp).into()),
        decoded
            .clock_sequence
            .map(|sequence| i32::from(sequence).into()),
        // a macaddr is the same 6 bytes
        decoded.node.as_ref().map(datum::copy),
    ])
}

/// The version; NULL outside RFC 9562's variant.
#[pg_extern(immutable, parallel_safe)]
fn uuid_version(uuid: Uuid) -> Option<i32> {
    make::decode(uuid.0).version.map(i32::from)
}

/// The variant: ncs, rfc9562, microsoft or future.
#[pg_extern(immutable, parallel_safe)]
fn uuid_variant(uuid: Uuid) -> &'static str {
    make::decode(uuid.0).variant.name()
}

/// The time of versions 1, 6 and 7; NULL for others.
#[pg_extern(immutable, parallel_safe)]
fn uuid_timestamp(uuid: Uuid) -> Option<TimestampWithTimeZone> {
    make::decode(uuid.0).timestamp.map(timestamp::to_postgres)
}

/// The bytes of a Microsoft GUID: the first three fields little-endian.
#[pg_extern(immutable, parallel_safe)]
fn uuid_to_guid_bytes(uuid: Uuid) -> Vec<u8> {
    make::to_guid_bytes(uuid.0).into()
}

/// The UUID of the bytes of a Microsoft GUID.
#[pg_extern(immutable, parallel_safe)]
fn uuid_from_guid_bytes(bytes: &[u8]) -> Uuid {
    Uuid(make::from_guid_bytes(bytes).or_raise())
}
