//! The clocks of the servers that share a registry, in this database: what each reports of its own, and
//! who is off. What is made of the reports is in `snowflake_core::time`.
//!
//! The functions act with the rights of the extension's owner, as those that lease worker IDs do. The
//! table is not logged: what is lost with a crash is reported again at the next poll.

use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::prelude::*;
use snowflake_core::Timestamp;
use snowflake_core::time::{Fleet, FleetVerdict, GateMode, Moment, Report, Span, Verdict, fleet};

use crate::extension;
use crate::host::clock;
use crate::host::identity;
use crate::postgres::datum::{Argument, Uuid};
use crate::postgres::error::{OrRaise, Outcome};
use crate::postgres::interval;
use crate::postgres::name::Relation;
use crate::postgres::row::Row;
use crate::postgres::sql::{self, ResultRow, Sql};
use crate::postgres::text::Text;
use crate::postgres::time_limit;
use crate::postgres::timestamp;
use crate::registry::clock_row::{self, ClockAnswer};
use crate::registry::proof;
use crate::registry::served;
use crate::registry::served_tables::{LONGEST_HOLD, altered};

extension_sql_file!(
    "served_clocks.sql",
    name = "registry_clocks",
    requires = [
        "registry",
        snowflake_clock_report,
        snowflake_pg_fleet_clocks
    ]
);

/// The member that the registry itself is shown as.
const REGISTRY: &str = "registry";
/// How often a member may say that it reports, in microseconds.
const POLLS: [i64; 2] = [1_000_000, 3_600_000_000];
/// The most that a clock may be off, in microseconds: some thousand years.
const MOST: i64 = 1 << 56;

/// What a member reports. All in microseconds; what is ahead of its clock.
struct Reported {
    identity: String,
    nonce: u128,
    host_name: String,
    poll: i64,
    offset: Option<[i64; 2]>,
    ntp: Option<[i64; 2]>,
    kernel: Option<[i64; 2]>,
    state: String,
    gate: String,
}

/// Takes what a member has measured, unless it has measured nothing yet, and answers with the time and
/// with what the fleet says.
#[allow(clippy::too_many_arguments)]
#[pg_extern(sql = r#"
CREATE FUNCTION snowflake_clock_report(identity text, nonce uuid, host_name text, poll bigint, offset_low bigint, offset_high bigint, ntp_low bigint, ntp_high bigint, kernel_low bigint, kernel_high bigint, state text, gate text, OUT received bigint, OUT sent bigint, OUT fleet_low bigint, OUT fleet_high bigint, OUT agreeing integer, OUT clocks integer, OUT accepted boolean)
VOLATILE PARALLEL UNSAFE SECURITY DEFINER SET search_path TO pg_catalog, pg_temp LANGUAGE c
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn snowflake_clock_report(
    identity: Option<Text>,
    nonce: Option<Uuid>,
    host_name: Option<Text>,
    poll: Option<i64>,
    offset_low: Option<i64>,
    offset_high: Option<i64>,
    ntp_low: Option<i64>,
    ntp_high: Option<i64>,
    kernel_low: Option<i64>,
    kernel_high: Option<i64>,
    state: Option<Text>,
    gate: Option<Text>,
) -> Row<{ clock_row::COLUMNS.len() }> {
    let report = || -> Outcome<ClockAnswer> {
        served::check_caller(c"snowflake_clock_report()")?;
        let states = [
            Verdict::Unknown,
            Verdict::Right,
            Verdict::Unsure,
            Verdict::Wrong,
        ];
        let gates = [
            GateMode::Off,
            GateMode::Warn,
            GateMode::Wrong,
            GateMode::Unsure,
        ];
        let reported = Reported {
            identity: member(identity)?,
            nonce: proof::of(served::present(nonce, "nonce")?.0),
            host_name: served::name(host_name, "host_name")?,
            poll: within(served::present(poll, "poll")?, "poll", POLLS)?,
            offset: span(offset_low, offset_high, "offset")?,
            ntp: span(ntp_low, ntp_high, "ntp")?,
            kernel: span(kernel_low, kernel_high, "kernel")?,
            state: one_of(state, "state", states.map(Verdict::name))?,
            gate: one_of(gate, "gate", gates.map(GateMode::name))?,
        };
        let clocks = Clocks::find()?;
        let accepted = match reported.offset {
            Some(offset) => Some(clocks.store(&reported, offset)?),
            None => None,
        };
        let Fleet {
            hull,
            agreeing,
            clocks,
            ..
        } = clocks.compare()?.1;
        // SAFETY: reads a variable of this process
        let received = unsafe { pg_sys::GetCurrentStatementStartTimestamp() };
        Ok(ClockAnswer {
            received: timestamp::from_postgres_micros(received).micros(),
            hull,
            agreeing,
            clocks,
            accepted,
            // at last
            sent: clock::wall().micros(),
        })
    };
    clock_row::write(&report().or_raise())
}

/// Who reports: not somebody whom the view shows as the registry.
fn member(identity: Option<Text>) -> Outcome<String> {
    let member = served::name(identity, "identity")?;
    if member == REGISTRY {
        return Err(served::invalid("invalid identity".into())
            .detail(format!("\"{REGISTRY}\" is the registry itself.")));
    }
    Ok(member)
}

fn within(value: i64, name: &str, [least, most]: [i64; 2]) -> Outcome<i64> {
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(served::invalid(format!("{name} {value} is out of range"))
        .detail(format!("It is {least} to {most} microseconds.")))
}

/// Two bounds, or none.
fn span(low: Option<i64>, high: Option<i64>, name: &str) -> Outcome<Option<[i64; 2]>> {
    match (low, high) {
        (None, None) => Ok(None),
        (Some(low), Some(high)) => {
            let range = [-MOST, MOST];
            let bounds = [
                within(low, &format!("{name}_low"), range)?,
                within(high, &format!("{name}_high"), range)?,
            ];
            if low > high {
                return Err(served::invalid(format!(
                    "{name}_low must not be above {name}_high"
                )));
            }
            Ok(Some(bounds))
        }
        _ => Err(served::invalid(format!(
            "{name}_low and {name}_high must be given together"
        ))),
    }
}

fn one_of<const N: usize>(
    argument: Option<Text>,
    name: &str,
    names: [&'static str; N],
) -> Outcome<String> {
    let text = served::present(argument, name)?.as_str().into_owned();
    if names.contains(&text.as_str()) {
        return Ok(text);
    }
    Err(served::invalid(format!("invalid {name}"))
        .detail(format!("It is one of {}.", names.join(", "))))
}

/// The table of clocks, by its name with the schema.
struct Clocks(Relation);

/// A row of it.
struct Clock {
    identity: String,
    nonce: u128,
    host_name: String,
    report: Report,
    reported_at: TimestampWithTimeZone,
    state: String,
    gate: String,
    ntp: [Option<i64>; 2],
    kernel: [Option<i64>; 2],
}

impl Clocks {
    /// Finds it, wherever the extension is.
    fn find() -> Outcome<Self> {
        let schema = extension::find()?.schema;
        let table = extension::relation(schema, c"snowflake_clocks")?;
        Ok(Self(extension::name(table)?))
    }

    /// Stores what a member reports in the place of what it reported before. False if another server has
    /// reported by that identity: one identity has one vote, and who cannot prove that it is the same
    /// waits until the other is not heard of any more.
    fn store(&self, reported: &Reported, [low, high]: [i64; 2]) -> Outcome<bool> {
        // who reports by the same identity waits from here on
        time_limit::limit_transaction(LONGEST_HOLD);
        let before = self
            .rows(
                " WHERE identity = $1 FOR UPDATE",
                &[reported.identity.as_str().into()],
            )?
            .into_iter()
            .next();
        let nonce = |nonce: u128| pgrx::Uuid::from_bytes(nonce.to_be_bytes());
        let replaced = match before {
            Some(before) if before.nonce == reported.nonce || !before.report.is_fresh() => {
                before.nonce
            }
            Some(_) => return Ok(false),
            None => reported.nonce,
        };
        let now: Moment = clock::moment();
        let insert = Sql::new("INSERT INTO ").relation(&self.0).text(
            " AS known (identity, nonce, host_name, poll, offset_low, offset_high, ntp_low, ntp_high,
                kernel_low, kernel_high, state, gate, reported_at, elapsed, server_start)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,
                timestamptz 'epoch' + $13 * interval '1 microsecond', $14, pg_postmaster_start_time())
             ON CONFLICT (identity) DO UPDATE SET
                nonce = EXCLUDED.nonce, host_name = EXCLUDED.host_name, poll = EXCLUDED.poll,
                offset_low = EXCLUDED.offset_low, offset_high = EXCLUDED.offset_high,
                ntp_low = EXCLUDED.ntp_low, ntp_high = EXCLUDED.ntp_high,
                kernel_low = EXCLUDED.kernel_low, kernel_high = EXCLUDED.kernel_high,
                state = EXCLUDED.state, gate = EXCLUDED.gate, reported_at = EXCLUDED.reported_at,
                elapsed = EXCLUDED.elapsed, server_start = EXCLUDED.server_start
             WHERE known.nonce = $15",
        );
        let bound = |span: Option<[i64; 2]>, place: usize| span.map(|span| span[place]);
        let arguments = [
            reported.identity.as_str().into(),
            nonce(reported.nonce).into(),
            reported.host_name.as_str().into(),
            reported.poll.into(),
            low.into(),
            high.into(),
            bound(reported.ntp, 0).into(),
            bound(reported.ntp, 1).into(),
            bound(reported.kernel, 0).into(),
            bound(reported.kernel, 1).into(),
            reported.state.as_str().into(),
            reported.gate.as_str().into(),
            (now.wall / 1_000).into(),
            (now.elapsed / 1_000).into(),
            nonce(replaced).into(),
        ];
        let stored = sql::change(insert, &arguments)? > 0;
        // those that have left
        let delete = Sql::new("DELETE FROM ")
            .relation(&self.0)
            .text(" WHERE identity IN (SELECT identity FROM ")
            .relation(&self.0)
            .text(
                " WHERE reported_at < clock_timestamp() - interval '1 day' FOR UPDATE SKIP LOCKED)",
            );
        sql::change(delete, &[])?;
        Ok(stored)
    }

    /// Members, and what the fleet says.
    fn compare(&self) -> Outcome<(Vec<Clock>, Fleet)> {
        let rows = self.rows(" ORDER BY identity", &[])?;
        let reports: Vec<_> = rows.iter().map(|row| row.report).collect();
        Ok((rows, fleet(&reports)))
    }

    fn rows(&self, which: &str, arguments: &[Argument]) -> Outcome<Vec<Clock>> {
        let sql = Sql::new(
            "SELECT identity, nonce, host_name, poll, offset_low, offset_high, ntp_low, ntp_high,
                kernel_low, kernel_high, state, gate, reported_at, elapsed,
                server_start = pg_postmaster_start_time()
             FROM ",
        );
        let sql = sql.relation(&self.0).text(which);
        let itself = identity::system_identifier().to_string();
        let rows = sql::rows(sql, arguments, |row| read(row, &itself))?;
        let rows: Option<_> = rows.into_iter().collect();
        rows.ok_or_else(altered)
    }
}

fn read(row: &ResultRow, itself: &str) -> Option<Clock> {
    // not sooner: a report that comes meanwhile is not from the future
    let now = clock::moment();
    let identity = row.text(1)?;
    let nanos = |micros: i64| micros.saturating_mul(1_000);
    let reported_at: TimestampWithTimeZone = row.value(13)?;
    let then = Moment {
        wall: nanos(timestamp::from_postgres(reported_at).micros()),
        elapsed: nanos(row.long(14)?),
    };
    let passed = now.elapsed.saturating_sub(then.elapsed);
    // the elapsed time of another start may be that of another machine
    let is_of_now = row.value::<bool>(15)? && passed >= 0;
    let report = Report {
        offset: Span {
            low: nanos(row.long(5)?),
            high: nanos(row.long(6)?),
        },
        age: is_of_now.then_some(passed),
        shift: now.wall.saturating_sub(then.wall).saturating_sub(passed),
        poll: nanos(row.long(4)?),
        // the registry's clock is counted as such
        votes: identity != itself,
    };
    Some(Clock {
        identity,
        nonce: u128::from_be_bytes(*row.value::<pgrx::Uuid>(2)?),
        host_name: row.text(3)?,
        report,
        reported_at,
        state: row.text(11)?,
        gate: row.text(12)?,
        ntp: [row.long(7), row.long(8)],
        kernel: [row.long(9), row.long(10)],
    })
}

/// The columns of the view, in the order of the function's.
type FleetRow = (
    String,
    String,
    Interval,
    Interval,
    &'static str,
    TimestampWithTimeZone,
    Option<String>,
    Option<String>,
    Option<Interval>,
    Option<Interval>,
    Option<Interval>,
    Option<Interval>,
);

/// The clocks of the fleet, the registry's first.
#[allow(clippy::type_complexity)]
#[pg_extern(sql = r#"
CREATE FUNCTION snowflake_pg_fleet_clocks() RETURNS TABLE (member text, host_name text, offset_low interval, offset_high interval, verdict text, reported_at timestamptz, state text, gate text, ntp_low interval, ntp_high interval, kernel_low interval, kernel_high interval)
STRICT VOLATILE PARALLEL RESTRICTED SECURITY DEFINER SET search_path TO pg_catalog, pg_temp LANGUAGE c
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn snowflake_pg_fleet_clocks() -> TableIterator<
    'static,
    (
        name!(member, String),
        name!(host_name, String),
        name!(offset_low, Interval),
        name!(offset_high, Interval),
        name!(verdict, &'static str),
        name!(reported_at, TimestampWithTimeZone),
        name!(state, Option<String>),
        name!(gate, Option<String>),
        name!(ntp_low, Option<Interval>),
        name!(ntp_high, Option<Interval>),
        name!(kernel_low, Option<Interval>),
        name!(kernel_high, Option<Interval>),
    ),
> {
    let rows = || -> Outcome<Vec<FleetRow>> {
        let (members, fleet) = Clocks::find()?.compare()?;
        let registry = std::iter::once(registry_row(fleet.registry));
        let members = members.into_iter().zip(fleet.members);
        Ok(registry
            .chain(members.map(|(row, verdict)| member_row(row, verdict)))
            .collect())
    };
    TableIterator::new(rows().or_raise())
}

fn registry_row(verdict: FleetVerdict) -> FleetRow {
    (
        REGISTRY.into(),
        identity::host_name().unwrap_or_default(),
        interval::from_micros(0),
        interval::from_micros(0),
        verdict.name(),
        timestamp::to_postgres(Timestamp::from_micros(clock::wall().micros())),
        None,
        None,
        None,
        None,
        None,
        None,
    )
}

fn member_row(row: Clock, verdict: FleetVerdict) -> FleetRow {
    let offset = match verdict {
        // as it was when it was heard of last
        FleetVerdict::Stale => row.report.offset,
        _ => row.report.offset_now(),
    }
    .to_micros();
    let length = |micros: Option<i64>| micros.map(interval::from_micros);
    let ([ntp_low, ntp_high], [kernel_low, kernel_high]) =
        (row.ntp.map(length), row.kernel.map(length));
    (
        row.identity,
        row.host_name,
        interval::from_micros(offset.low),
        interval::from_micros(offset.high),
        verdict.name(),
        row.reported_at,
        Some(row.state),
        Some(row.gate),
        ntp_low,
        ntp_high,
        kernel_low,
        kernel_high,
    )
}
