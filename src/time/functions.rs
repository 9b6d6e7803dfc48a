//! The SQL functions that only work on their arguments.

use pgrx::datum::{Array, Interval, TimestampWithTimeZone};
use pgrx::prelude::*;
use snowflake_core::Timestamp;
use snowflake_core::time::{
    Error, Exchange, FloatExchange, NtpTime, Packet, Span, cristian, select,
};

use crate::postgres::error::{OrRaise, Outcome};
use crate::postgres::interval;
use crate::postgres::row::Row;
use crate::postgres::timestamp;

/// Microseconds of a time that is finite. Since when does not matter: they are subtracted.
fn finite(timestamp: TimestampWithTimeZone) -> Outcome<i64> {
    match pg_sys::TimestampTz::from(timestamp) {
        i64::MIN | i64::MAX => Err(Error::TimestampInfinite.into()),
        micros => Ok(micros),
    }
}

fn exchange([t1, t2, t3, t4]: [TimestampWithTimeZone; 4]) -> Outcome<Exchange> {
    Ok(Exchange {
        t1: finite(t1)?,
        t2: finite(t2)?,
        t3: finite(t3)?,
        t4: finite(t4)?,
    })
}

/// What the server's clock is ahead of ours: sent at t1, received by the server at t2, answered at
/// t3, received at t4.
#[pg_extern(immutable, parallel_safe)]
fn ntp_offset(
    t1: TimestampWithTimeZone,
    t2: TimestampWithTimeZone,
    t3: TimestampWithTimeZone,
    t4: TimestampWithTimeZone,
) -> Interval {
    let exchange = exchange([t1, t2, t3, t4]).or_raise();
    interval::from_micros(exchange.offset().or_raise())
}

/// The same in any unit.
#[pg_extern(immutable, parallel_safe, name = "ntp_offset")]
fn ntp_offset_float(t1: f64, t2: f64, t3: f64, t4: f64) -> f64 {
    FloatExchange { t1, t2, t3, t4 }.offset().or_raise()
}

/// How long the messages of an exchange were on the way.
#[pg_extern(immutable, parallel_safe)]
fn ntp_delay(
    t1: TimestampWithTimeZone,
    t2: TimestampWithTimeZone,
    t3: TimestampWithTimeZone,
    t4: TimestampWithTimeZone,
) -> Interval {
    let exchange = exchange([t1, t2, t3, t4]).or_raise();
    interval::from_micros(exchange.delay().or_raise())
}

/// The same in any unit.
#[pg_extern(immutable, parallel_safe, name = "ntp_delay")]
fn ntp_delay_float(t1: f64, t2: f64, t3: f64, t4: f64) -> f64 {
    FloatExchange { t1, t2, t3, t4 }.delay().or_raise()
}

/// What the server's clock is ahead of ours at least and at the most.
#[pg_extern(sql = r#"
CREATE FUNCTION ntp_bounds(t1 timestamptz, t2 timestamptz, t3 timestamptz, t4 timestamptz, OUT low interval, OUT high interval)
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn ntp_bounds(
    t1: TimestampWithTimeZone,
    t2: TimestampWithTimeZone,
    t3: TimestampWithTimeZone,
    t4: TimestampWithTimeZone,
) -> Row<2> {
    let exchange = exchange([t1, t2, t3, t4]).or_raise();
    let (low, high) = exchange.bounds().or_raise();
    Row([low, high].map(|end| interval::from_micros(end).into_datum()))
}

/// The same in any unit.
#[pg_extern(sql = r#"
CREATE FUNCTION ntp_bounds(t1 float8, t2 float8, t3 float8, t4 float8, OUT low float8, OUT high float8)
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn ntp_bounds_float(t1: f64, t2: f64, t3: f64, t4: f64) -> Row<2> {
    let (low, high) = FloatExchange { t1, t2, t3, t4 }.bounds().or_raise();
    Row([low, high].map(IntoDatum::into_datum))
}

/// What a server's clock is ahead of ours by Cristian's algorithm, and how far that may be wrong.
#[pg_extern(sql = r#"
CREATE FUNCTION cristian_offset(sent timestamptz, server_time timestamptz, received timestamptz, min_rtt interval DEFAULT '0', OUT clock_offset interval, OUT error interval)
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn cristian_offset(
    sent: TimestampWithTimeZone,
    server_time: TimestampWithTimeZone,
    received: TimestampWithTimeZone,
    min_rtt: Interval,
) -> Row<2> {
    let result = (|| {
        let [sent, server_time, received] = [sent, server_time, received].map(finite);
        let shortest = interval::micros(min_rtt)?;
        Outcome::Ok(cristian(sent?, server_time?, received?, shortest)?)
    })()
    .or_raise();
    Row([result.offset, result.error].map(|micros| interval::from_micros(micros).into_datum()))
}

/// Which of several clocks to believe.
#[pg_extern(sql = r#"
CREATE FUNCTION ntp_select(offsets interval[], distances interval[], OUT low interval, OUT high interval, OUT agreeing int, OUT truechimers boolean[])
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn ntp_select(offsets: Array<Interval>, distances: Array<Interval>) -> Row<4> {
    let spans = spans(&offsets, &distances).or_raise();
    let selection = select(&spans);
    let end = |end: fn(Span) -> i64| {
        let hull = selection.hull?;
        interval::from_micros(end(hull)).into_datum()
    };
    Row([
        end(|hull| hull.low),
        end(|hull| hull.high),
        i32::try_from(selection.agreeing).ok().into_datum(),
        selection.truechimers.into_datum(),
    ])
}

/// The span of each clock; none of one whose offset or distance is NULL.
fn spans(
    offsets: &Array<'_, Interval>,
    distances: &Array<'_, Interval>,
) -> Outcome<Vec<Option<Span>>> {
    if offsets.len() != distances.len() {
        let (offsets, distances) = (offsets.len(), distances.len());
        return Err(Error::CountsDiffer { offsets, distances }.into());
    }
    let pairs = offsets.iter().zip(distances.iter()).enumerate();
    pairs
        .map(|(index, (offset, distance))| {
            let distance = distance.map(interval::micros).transpose()?;
            if distance.is_some_and(|distance| distance < 0) {
                return Err(Error::DistanceNegative { place: index + 1 }.into());
            }
            let offset = offset.map(interval::micros).transpose()?;
            Ok(offset
                .zip(distance)
                .map(|(offset, distance)| Span::around(offset, distance)))
        })
        .collect()
}

/// The fields of an NTP packet, its times read as those nearest to another one.
#[pg_extern(sql = r#"
CREATE FUNCTION ntp_decode(packet bytea, near timestamptz, OUT leap int, OUT version int, OUT mode int, OUT stratum int, OUT poll int, OUT "precision" int, OUT root_delay interval, OUT root_dispersion interval, OUT reference_id text, OUT reference_ts timestamptz, OUT origin_ts timestamptz, OUT receive_ts timestamptz, OUT transmit_ts timestamptz, OUT kiss text)
IMMUTABLE STRICT PARALLEL SAFE LANGUAGE c
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn ntp_decode(packet: &[u8], near: TimestampWithTimeZone) -> Row<14> {
    let packet = Packet::parse(packet).or_raise();
    let near = timestamp::from_postgres(near);
    if !near.is_finite() {
        return Err(Error::TimestampInfinite).or_raise();
    }
    let number = |value: u8| Some(i32::from(value).into());
    let time = |time: NtpTime| {
        let instant: Option<Timestamp> = time.instant_near(near);
        instant.map(|instant| timestamp::in_range(instant).or_raise().into())
    };
    Row([
        number(packet.leap),
        number(packet.version),
        number(packet.mode),
        number(packet.stratum),
        Some(i32::from(packet.poll).into()),
        Some(i32::from(packet.precision).into()),
        interval::nearest(packet.root_delay()).into_datum(),
        interval::nearest(packet.root_dispersion()).into_datum(),
        packet.reference_id().into_datum(),
        time(packet.reference),
        time(packet.origin),
        time(packet.receive),
        time(packet.transmit),
        packet.kiss().into_datum(),
    ])
}
