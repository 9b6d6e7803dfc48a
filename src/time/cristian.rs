//! Measures the clock of another PostgreSQL server, by a connection of its own.

use std::ffi::{CStr, CString};

use pgrx::prelude::*;
use snowflake_core::time::{Bracket, ServerTimes, Shown, Sync, Synced, check_rounds};

use crate::host::clock;
use crate::net::deadline::Deadline;
use crate::net::libpq::{self, Connection};
use crate::postgres::error::{Failure, OrRaise, Outcome};
use crate::postgres::interval;
use crate::postgres::row::Row;
use crate::postgres::text::Text;
use crate::postgres::user;
use crate::postgres::wait::Event;

extension_sql_file!(
    "cristian.sql",
    name = "cristian",
    requires = [cristian_sync]
);

/// How long connecting may take, and each round trip, in microseconds.
const PATIENCE: i64 = 10_000_000;

/// When the server noted that the statement came, and what its clock says when it is about to answer; in
/// microseconds since 1970. Names that the search path cannot turn into others. Whole microseconds of these
/// times are exact in double precision until 2106.
const TIMES: &CStr = c"SELECT (pg_catalog.date_part('epoch', pg_catalog.statement_timestamp()) \
     OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8, \
     (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) \
     OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8";

/// What the clock of another server is ahead of ours.
#[pg_extern(sql = r#"
CREATE FUNCTION cristian_sync(conninfo text, rounds int DEFAULT 8, OUT clock_offset interval, OUT error interval, OUT low interval, OUT high interval, OUT min_rtt interval, OUT rounds int)
VOLATILE STRICT PARALLEL RESTRICTED LANGUAGE c
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn cristian_sync(conninfo: Text, rounds: i32) -> Row<6> {
    let synced = measure(&conninfo, rounds).or_raise();
    let shown = Shown::new(synced.offset, synced.error);
    let bounds = synced.bounds.to_micros();
    Row([
        interval::from_micros(shown.offset).into_datum(),
        interval::from_micros(shown.distance).into_datum(),
        interval::from_micros(bounds.low).into_datum(),
        interval::from_micros(bounds.high).into_datum(),
        interval::at_most(synced.round_trip).into_datum(),
        synced.rounds.into_datum(),
    ])
}

fn measure(conninfo: &Text, rounds: i32) -> Outcome<Synced> {
    permit()?;
    check_rounds(rounds)?;
    let mut connection = connect(conninfo)?;
    let mut sync = Sync::default();
    for _ in 0..rounds {
        let sent = sent();
        let rows = connection
            .simple_query(TIMES, Deadline::within(PATIENCE))
            .map_err(|problem| {
                Failure::new(
                    PgSqlErrorCode::ERRCODE_CONNECTION_FAILURE,
                    "could not ask the other server for its time",
                )
                .detail_of(&problem)
            })?;
        let received = clock::elapsed();
        sync.add(sent, ServerTimes::read(&rows)?, received)?;
    }
    sync.result(bracket())
        .ok_or_else(|| Failure::state("the clock of the other server is out of range"))
}

/// libpq reads the password file of the server's user, and its keys: what it opens is not for everybody.
fn permit() -> Outcome<()> {
    if user::is_superuser() {
        return Ok(());
    }
    Err(Failure::new(
        PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
        "permission denied to measure the clock of another server",
    )
    .detail("Only superusers may call cristian_sync()."))
}

fn connect(conninfo: &Text) -> Outcome<Connection> {
    let invalid = |problem: &str| {
        Failure::new(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            "invalid connection string",
        )
        .detail_of(problem)
    };
    let conninfo = CString::new(conninfo.bytes()).map_err(|_| invalid("It has a zero byte"))?;
    libpq::check(&conninfo).map_err(|problem| invalid(&problem))?;
    for keyword in [c"host", c"hostaddr"] {
        let hosts = libpq::option(&conninfo, keyword).map_err(|problem| invalid(&problem))?;
        if hosts.is_some_and(|hosts| hosts.contains(',')) {
            return Err(invalid(
                "It names several servers; the clock of one is measured",
            ));
        }
    }
    let defaults = [(c"application_name", c"snowflake_pg")];
    let overrides = [(c"client_encoding", c"UTF8")];
    let deadline = Deadline::within(PATIENCE);
    Connection::open(&conninfo, &defaults, &overrides, Event::Cristian, deadline).map_err(
        |problem| {
            Failure::new(
                PgSqlErrorCode::ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION,
                "could not connect to the other server",
            )
            .detail_of(&problem)
        },
    )
}

/// When a question leaves, by the elapsed time, and not later: the second reading is right if the process
/// was held up during the first.
pub fn sent() -> i64 {
    clock::elapsed().min(clock::elapsed())
}

/// Our clocks, as close to each other as a few attempts bring them.
pub fn bracket() -> Bracket {
    let read = || Bracket {
        before: clock::wall_nanos(),
        elapsed: clock::elapsed(),
        after: clock::wall_nanos(),
    };
    let attempts = std::iter::repeat_with(read).take(4);
    // one during which the clock was set back says nothing
    attempts
        .filter(|attempt| attempt.width() >= 0)
        .min_by_key(Bracket::width)
        .unwrap_or_else(read)
}
