//! A registry in another server, as those that ask it see it: the connection.

use std::ffi::{CStr, CString};

use crate::net::deadline::Deadline;
use crate::net::libpq::{self, Connection, TextRow};
use crate::postgres::wait::Event;
use crate::registry::protocol::NoAnswer;

/// A registry in a PostgreSQL database that has the extension.
pub struct Postgres {
    conninfo: CString,
    session: Option<OpenSession>,
    /// Whether it names several hosts.
    several: bool,
    /// Whether the last attempt to connect failed.
    unreachable: bool,
    /// The backend that was left behind with a statement last.
    abandoned: Option<Backend>,
}

/// An open connection.
struct OpenSession {
    connection: Connection,
    /// The schema of the extension, quoted.
    schema: String,
    backend: Backend,
}

/// A server process of the registry.
struct Backend {
    pid: Option<String>,
    /// When it began: another one may have its number by now. Unknown if the role may not see it.
    start: Option<String>,
}

/// What is asked first. The settings may differ for the role or database, the search path as well:
/// no statement goes by it, nor by what others have made in the schema of the extension. A member's
/// statements are short, write, and each is a transaction of its own.
const GREETING: &CStr = c"SELECT extnamespace::pg_catalog.regnamespace, \
     pg_catalog.set_config('default_transaction_isolation', 'read committed', false), \
     pg_catalog.set_config('default_transaction_read_only', 'off', false), \
     pg_catalog.set_config('statement_timeout', $1, false), \
     pid, pg_catalog.date_part('epoch', backend_start) \
     FROM pg_catalog.pg_extension, pg_catalog.pg_stat_activity \
     WHERE extname OPERATOR(pg_catalog.=) 'snowflake_pg' \
     AND pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()";

/// Ends what a process is doing that waits for a synchronous standby: it would do so for as long
/// as there is none, whether its client is there or not, and each attempt would leave one more.
const CANCEL: &CStr = c"SELECT pg_catalog.pg_cancel_backend(pid) FROM pg_catalog.pg_stat_activity \
     WHERE pid OPERATOR(pg_catalog.=) $1::pg_catalog.int4 \
     AND usename OPERATOR(pg_catalog.=) current_user \
     AND pg_catalog.date_part('epoch', backend_start) \
     OPERATOR(pg_catalog.=) $2::pg_catalog.float8";

impl Postgres {
    /// The registry that a connection string names, not yet connected.
    pub fn new(setting: &str) -> Self {
        let conninfo = CString::new(setting).unwrap_or_default();
        let several = [c"host", c"hostaddr"].into_iter().any(|keyword| {
            libpq::option(&conninfo, keyword)
                .is_ok_and(|value| value.is_some_and(|hosts| hosts.contains(',')))
        });
        Self {
            conninfo,
            session: None,
            several,
            unreachable: false,
            abandoned: None,
        }
    }

    /// Whether the last attempt to connect failed, which is not for the statement's sake.
    pub fn last_failed(&self) -> bool {
        self.unreachable
    }

    /// Runs a statement. `{}` in it stands for the schema of the extension.
    pub fn ask(
        &mut self,
        statement: &str,
        parameters: &[Option<String>],
        deadline: Deadline,
    ) -> Result<Vec<TextRow>, NoAnswer> {
        // a session whose server is gone without a word, or hangs, leaves time to ask another
        let kept = if self.several {
            deadline.half()
        } else {
            deadline
        };
        self.ask_kept(kept, statement, parameters, deadline)
    }

    /// The same, with an earlier deadline for a session that was kept.
    pub fn ask_kept(
        &mut self,
        kept: Deadline,
        statement: &str,
        parameters: &[Option<String>],
        deadline: Deadline,
    ) -> Result<Vec<TextRow>, NoAnswer> {
        if let Some(session) = self.session.take() {
            // one that was lost meanwhile is replaced at once
            if let Ok(rows) = self.ask_in(session, statement, parameters, kept) {
                return Ok(rows);
            }
        }
        let session = self.connect(deadline);
        self.unreachable = session.is_err();
        let mut session = session?;
        if let Some(Backend { pid, start }) = self.abandoned.take() {
            // elsewhere or gone, if it is not found
            session.connection.query(CANCEL, &[pid, start], deadline)?;
        }
        self.ask_in(session, statement, parameters, deadline)
    }

    /// The same in a session, which is kept if the statement succeeds.
    fn ask_in(
        &mut self,
        mut session: OpenSession,
        statement: &str,
        parameters: &[Option<String>],
        deadline: Deadline,
    ) -> Result<Vec<TextRow>, NoAnswer> {
        let statement = statement.replace("{}", &session.schema);
        let statement = CString::new(statement).map_err(|error| error.to_string())?;
        match session.connection.query(&statement, parameters, deadline) {
            Ok(rows) => {
                self.session = Some(session);
                Ok(rows)
            }
            Err(problem) => {
                if deadline.is_over() {
                    self.abandoned = Some(session.backend);
                }
                Err(problem.into())
            }
        }
    }

    /// Connects to the first host that answers and takes writes. libpq tries one host after the
    /// other by itself, but without blocking it would wait for the first one forever.
    fn connect(&self, deadline: Deadline) -> Result<OpenSession, NoAnswer> {
        let conninfo = &self.conninfo;
        let list = |keyword| -> Result<Vec<CString>, String> {
            let value = libpq::option(conninfo, keyword)?.unwrap_or_default();
            let items = value.split(',').map(CString::new).collect::<Result<_, _>>();
            items.map_err(|error| error.to_string())
        };
        let (hosts, addresses, ports) = (list(c"host")?, list(c"hostaddr")?, list(c"port")?);
        let count = hosts.len().max(addresses.len());
        if count == 1 {
            return self.connect_to(&[], deadline);
        }
        let mut problems = Vec::new();
        for index in 0..count {
            let mut place = Vec::new();
            for (keyword, list) in [(c"host", &hosts), (c"hostaddr", &addresses)] {
                if list.len() == count {
                    place.push((keyword, list[index].as_c_str()));
                }
            }
            // one port counts for all hosts
            if let Some(port) = ports.get(index).filter(|_| ports.len() == count) {
                place.push((c"port", port.as_c_str()));
            }
            let left = (count - index) as i64;
            match self.connect_to(&place, deadline.and_within(deadline.left() / left)) {
                Ok(session) => return Ok(session),
                Err(NoAnswer(problem)) => problems.push(problem),
            }
        }
        Err(problems.join("; ").into())
    }

    fn connect_to(
        &self,
        place: &[(&CStr, &CStr)],
        deadline: Deadline,
    ) -> Result<OpenSession, NoAnswer> {
        let defaults = [
            (c"application_name", c"snowflake_pg"),
            (c"target_session_attrs", c"read-write"),
        ];
        let mut overrides = place.to_vec();
        overrides.push((c"client_encoding", c"UTF8"));
        let mut connection = Connection::open(
            &self.conninfo,
            &defaults,
            &overrides,
            Event::Registry,
            deadline,
        )?;
        let timeout = Some((deadline.left() / 1_000).max(1).to_string());
        let rows = connection.query(GREETING, &[timeout], deadline)?;
        // the settings lie between
        let [Some(schema), .., pid, start] = rows
            .first()
            .ok_or("extension snowflake_pg is not installed in its database")?
            .as_slice()
        else {
            return Err("its answer cannot be read".into());
        };
        Ok(OpenSession {
            connection,
            schema: schema.clone(),
            backend: Backend {
                pid: pid.clone(),
                start: start.clone(),
            },
        })
    }
}
