//! The client library of PostgreSQL, used without blocking: the process stays open to signals while
//! it waits, and every wait has an end.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;

use pgrx::prelude::*;

use crate::net::deadline::Deadline;
use crate::net::resolver::Hurry;
use crate::postgres::wait::Event;

// From libpq-fe.h, which is stable: the library has had one major version since 2005.

#[repr(C)]
struct PGconn {
    _opaque: [u8; 0],
}

#[repr(C)]
struct PGresult {
    _opaque: [u8; 0],
}

const CONNECTION_BAD: c_int = 1;
const PGRES_POLLING_FAILED: c_int = 0;
const PGRES_POLLING_READING: c_int = 1;
const PGRES_POLLING_OK: c_int = 3;
const PGRES_TUPLES_OK: c_int = 2;
const PGRES_SINGLE_TUPLE: c_int = 9;
const PQTRANS_IDLE: c_int = 0;

#[allow(non_snake_case)]
unsafe extern "C" {
    fn PQconnectStartParams(
        keywords: *const *const c_char,
        values: *const *const c_char,
        expand_dbname: c_int,
    ) -> *mut PGconn;
    fn PQconnectPoll(connection: *mut PGconn) -> c_int;
    fn PQstatus(connection: *const PGconn) -> c_int;
    fn PQsocket(connection: *const PGconn) -> c_int;
    fn PQhost(connection: *const PGconn) -> *const c_char;
    fn PQport(connection: *const PGconn) -> *const c_char;
    fn PQerrorMessage(connection: *const PGconn) -> *const c_char;
    fn PQfinish(connection: *mut PGconn);
    fn PQsetNoticeProcessor(
        connection: *mut PGconn,
        processor: Option<unsafe extern "C" fn(*mut c_void, *const c_char)>,
        argument: *mut c_void,
    ) -> *const c_void;
    fn PQsetnonblocking(connection: *mut PGconn, nonblocking: c_int) -> c_int;
    fn PQsendQuery(connection: *mut PGconn, command: *const c_char) -> c_int;
    fn PQsendQueryParams(
        connection: *mut PGconn,
        command: *const c_char,
        count: c_int,
        types: *const u32,
        values: *const *const c_char,
        lengths: *const c_int,
        formats: *const c_int,
        result_format: c_int,
    ) -> c_int;
    fn PQsetSingleRowMode(connection: *mut PGconn) -> c_int;
    fn PQtransactionStatus(connection: *const PGconn) -> c_int;
    fn PQflush(connection: *mut PGconn) -> c_int;
    fn PQconsumeInput(connection: *mut PGconn) -> c_int;
    fn PQisBusy(connection: *mut PGconn) -> c_int;
    fn PQgetResult(connection: *mut PGconn) -> *mut PGresult;
    fn PQresultStatus(result: *const PGresult) -> c_int;
    fn PQresultErrorMessage(result: *const PGresult) -> *const c_char;
    fn PQntuples(result: *const PGresult) -> c_int;
    fn PQnfields(result: *const PGresult) -> c_int;
    fn PQgetisnull(result: *const PGresult, row: c_int, column: c_int) -> c_int;
    fn PQgetlength(result: *const PGresult, row: c_int, column: c_int) -> c_int;
    fn PQgetvalue(result: *const PGresult, row: c_int, column: c_int) -> *const c_char;
    fn PQclear(result: *mut PGresult);
    fn PQconninfoParse(conninfo: *const c_char, message: *mut *mut c_char) -> *mut ConninfoOption;
    fn PQconninfoFree(options: *mut ConninfoOption);
    fn PQfreemem(memory: *mut c_void);
}

/// PQconninfoOption.
#[repr(C)]
struct ConninfoOption {
    keyword: *const c_char,
    environment: *const c_char,
    compiled: *const c_char,
    value: *const c_char,
    label: *const c_char,
    display: *const c_char,
    size: c_int,
}

// Another server is not believed to send what it should: these are several times what it has to say.

/// Most rows of a result.
const MOST_ROWS: usize = 16;
/// Most columns of a row.
const MOST_COLUMNS: c_int = 64;
/// The longest value, in bytes.
const LONGEST_VALUE: c_int = 8 << 10;
/// The longest message, in bytes.
const LONGEST_MESSAGE: usize = 2 << 10;
/// After how many bytes reading for a statement is given up, whatever they are. libpq may have read
/// more by then: it reads on as long as more comes.
const MOST_INPUT: usize = 1 << 20;

/// A connection, closed when it is dropped.
pub struct Connection {
    inner: *mut PGconn,
    /// What is waited for, when it waits.
    event: Event,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: made by PQconnectStartParams; nothing else has the pointer
        unsafe { PQfinish(self.inner) };
    }
}

/// A result, freed when it is dropped.
struct QueryResult(*mut PGresult);

impl Drop for QueryResult {
    fn drop(&mut self) {
        // SAFETY: made by PQgetResult; nothing else has the pointer
        unsafe { PQclear(self.0) };
    }
}

impl QueryResult {
    /// A row that the result has; `None` if it is too long.
    fn row(&self, row: c_int) -> Option<TextRow> {
        // SAFETY: a result
        let columns = unsafe { PQnfields(self.0) };
        let value = |column| {
            // SAFETY: within the bounds of the result, whose values are C strings
            unsafe {
                if PQgetisnull(self.0, row, column) != 0 {
                    return Some(None);
                }
                if PQgetlength(self.0, row, column) > LONGEST_VALUE {
                    return None;
                }
                let value = CStr::from_ptr(PQgetvalue(self.0, row, column));
                Some(Some(value.to_string_lossy().into_owned()))
            }
        };
        (columns <= MOST_COLUMNS)
            .then(|| (0..columns).map(value).collect())
            .flatten()
    }
}

/// A row of a result, all of it text.
pub type TextRow = Vec<Option<String>>;

/// A message of libpq as one line, cut to [`LONGEST_MESSAGE`].
///
/// # Safety
/// `message` is a C string.
unsafe fn line(message: *const c_char) -> String {
    // SAFETY: as the caller promises
    let bytes = unsafe { CStr::from_ptr(message) }.to_bytes();
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST_MESSAGE)]);
    let lines: Vec<_> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join(" ")
}

/// Checks that a text is a connection string whose host and port are not part of a password.
///
/// # Errors
/// What is wrong with it, without what it says.
pub fn check(conninfo: &CStr) -> Result<(), String> {
    let option = |keyword| Ok::<_, String>(option(conninfo, keyword)?.unwrap_or_default());
    // where part of a password ends up that was not encoded in a URI; errors name both
    let (host, port) = (option(c"host")?, option(c"port")?);
    let is_port = |port: &str| port.is_empty() || port.parse::<u16>().is_ok();
    if host.contains('@') || !port.split(',').all(is_port) {
        return Err("Its host has an @, or its port is not a number.".into());
    }
    Ok(())
}

/// A message about a connection string without what it quotes: that may be part of a password.
fn unquoted(problem: &str) -> String {
    let parts = problem.split('"').step_by(2);
    parts.collect::<Vec<_>>().join("\"...\"")
}

/// The value of an option in a connection string, `None` if it is not there.
///
/// # Errors
/// What libpq says about a string that is not a connection string, without what it quotes of it.
pub fn option(conninfo: &CStr, keyword: &CStr) -> Result<Option<String>, String> {
    let mut message = ptr::null_mut();
    // SAFETY: a C string; what is allocated is freed below
    let options = unsafe { PQconninfoParse(conninfo.as_ptr(), &mut message) };
    if options.is_null() {
        if message.is_null() {
            return Err("out of memory".into());
        }
        // SAFETY: libpq made the message, and frees it
        return Err(unsafe {
            let text = line(message);
            PQfreemem(message.cast());
            unquoted(&text)
        });
    }
    let mut found = None;
    // SAFETY: an array that ends with an entry without keyword
    unsafe {
        let mut entry = options;
        while !(*entry).keyword.is_null() {
            if CStr::from_ptr((*entry).keyword) == keyword && !(*entry).value.is_null() {
                let value = CStr::from_ptr((*entry).value).to_string_lossy();
                found = Some(value.into_owned()).filter(|value| !value.is_empty());
            }
            entry = entry.add(1);
        }
        PQconninfoFree(options);
    }
    Ok(found)
}

impl Connection {
    /// Connects by a connection string. `defaults` count where the string says nothing,
    /// `overrides` in any case. Waits for the server by way of the event.
    ///
    /// # Errors
    /// What libpq says, or that it takes too long.
    pub fn open(
        conninfo: &CStr,
        defaults: &[(&CStr, &CStr)],
        overrides: &[(&CStr, &CStr)],
        event: Event,
        deadline: Deadline,
    ) -> Result<Self, String> {
        let expanded = [(c"dbname", conninfo)];
        let parameters = || defaults.iter().chain(&expanded).chain(overrides);
        let end = [ptr::null()];
        let keywords: Vec<_> = parameters()
            .map(|(key, _)| key.as_ptr())
            .chain(end)
            .collect();
        let values: Vec<_> = parameters()
            .map(|(_, value)| value.as_ptr())
            .chain(end)
            .collect();
        // after the last host, which may have taken long to resolve
        deadline.check()?;
        // this resolves the name of a host; libpq is told of one at a time
        let hurry = Hurry::begin();
        // SAFETY: two arrays of C strings, each with a NULL at its end
        let connection = unsafe { PQconnectStartParams(keywords.as_ptr(), values.as_ptr(), 1) };
        drop(hurry);
        if connection.is_null() {
            return Err("out of memory".into());
        }
        let connection = Self {
            inner: connection,
            event,
        };
        // SAFETY: the connection is open or has failed
        unsafe {
            if PQstatus(connection.inner) == CONNECTION_BAD {
                return Err(connection.message());
            }
            PQsetNoticeProcessor(connection.inner, Some(ignore_notice), ptr::null_mut());
        }
        let mut direction = pg_sys::WL_SOCKET_WRITEABLE;
        let mut input = MOST_INPUT;
        loop {
            connection.wait(direction, &mut input, deadline)?;
            // SAFETY: the connection was started and has not failed
            direction = match unsafe { PQconnectPoll(connection.inner) } {
                PGRES_POLLING_OK => break,
                PGRES_POLLING_FAILED => return Err(connection.message()),
                PGRES_POLLING_READING => pg_sys::WL_SOCKET_READABLE,
                _ => pg_sys::WL_SOCKET_WRITEABLE,
            };
        }
        // SAFETY: the connection is open
        if unsafe { PQsetnonblocking(connection.inner, 1) } != 0 {
            return Err(connection.message());
        }
        Ok(connection)
    }

    /// Runs a statement and returns its rows.
    ///
    /// # Errors
    /// What the server or libpq says, that it takes too long, or that it sends more than anybody
    /// asked for. The connection is of no use then.
    pub fn query(
        &mut self,
        statement: &CStr,
        parameters: &[Option<String>],
        deadline: Deadline,
    ) -> Result<Vec<TextRow>, String> {
        let texts: Vec<Option<CString>> = parameters
            .iter()
            .map(|value| value.as_deref().map(CString::new).transpose())
            .collect::<Result<_, _>>()
            .map_err(|_| "a value with a zero byte")?;
        let values: Vec<_> = texts
            .iter()
            .map(|text| text.as_ref().map_or(ptr::null(), |text| text.as_ptr()))
            .collect();
        // SAFETY: an array of C strings or NULL, of the given length; types, lengths and formats
        // may be NULL
        let sent = unsafe {
            PQsendQueryParams(
                self.inner,
                statement.as_ptr(),
                values.len() as c_int,
                ptr::null(),
                values.as_ptr(),
                ptr::null(),
                ptr::null(),
                0,
            )
        };
        self.rows(sent, deadline)
    }

    /// Runs a statement by the simple protocol, in which the server notes when it came as it reads it, and
    /// returns its rows.
    ///
    /// # Errors
    /// As for [`query`](Self::query).
    pub fn simple_query(
        &mut self,
        statement: &CStr,
        deadline: Deadline,
    ) -> Result<Vec<TextRow>, String> {
        // SAFETY: the connection is open; a C string
        let sent = unsafe { PQsendQuery(self.inner, statement.as_ptr()) };
        self.rows(sent, deadline)
    }

    /// The rows of a statement that was sent, if it was.
    fn rows(&mut self, sent: c_int, deadline: Deadline) -> Result<Vec<TextRow>, String> {
        if sent != 1 {
            return Err(self.message());
        }
        // one at a time, or libpq would collect them all
        // SAFETY: a statement was sent, and none of its results was asked for
        if unsafe { PQsetSingleRowMode(self.inner) } != 1 {
            return Err(self.message());
        }
        let mut rows = Vec::new();
        let mut input = MOST_INPUT;
        while let Some(result) = self.next_result(&mut input, deadline)? {
            // SAFETY: a result; its message is a C string
            let status = unsafe { PQresultStatus(result.0) };
            if ![PGRES_TUPLES_OK, PGRES_SINGLE_TUPLE].contains(&status) {
                // SAFETY: the same
                let problem = unsafe { line(PQresultErrorMessage(result.0)) };
                // a result that is no error is none that was asked for
                return Err(match problem.as_str() {
                    "" => "its answer has no rows".into(),
                    _ => problem,
                });
            }
            // SAFETY: the same
            for row in 0..unsafe { PQntuples(result.0) } {
                if rows.len() == MOST_ROWS {
                    return Err(self.too_long());
                }
                rows.push(result.row(row).ok_or_else(|| self.too_long())?);
            }
        }
        // rows are sent before the commit
        // SAFETY: the connection is open
        if unsafe { PQtransactionStatus(self.inner) } != PQTRANS_IDLE {
            return Err("the statement was not completed".into());
        }
        Ok(rows)
    }

    /// The next result of a statement, `None` after the last. Reads no more than about `input`
    /// bytes, and takes from it what it reads.
    fn next_result(
        &mut self,
        input: &mut usize,
        deadline: Deadline,
    ) -> Result<Option<QueryResult>, String> {
        loop {
            // SAFETY: the connection is open
            let (unsent, busy) = unsafe {
                let unsent = PQflush(self.inner);
                (unsent, PQisBusy(self.inner))
            };
            if unsent < 0 {
                return Err(self.message());
            }
            if busy == 0 {
                // SAFETY: the connection is open, and this does not block
                let result = unsafe { PQgetResult(self.inner) };
                return Ok((!result.is_null()).then(|| QueryResult(result)));
            }
            let mut events = pg_sys::WL_SOCKET_READABLE;
            if unsent > 0 {
                events |= pg_sys::WL_SOCKET_WRITEABLE;
            }
            self.wait(events, input, deadline)?;
            // SAFETY: the connection is open
            if unsafe { PQconsumeInput(self.inner) } != 1 {
                return Err(self.message());
            }
        }
    }

    /// Waits until the socket is ready. What is there to be read then is taken from `input`, which
    /// must be enough.
    fn wait(&self, events: u32, input: &mut usize, deadline: Deadline) -> Result<(), String> {
        // SAFETY: the connection is open or opening
        let socket = unsafe { PQsocket(self.inner) };
        deadline.wait_for(self.event, socket, events)?;
        let left = input.checked_sub(waiting_input(socket));
        *input = left.ok_or_else(|| self.too_long())?;
        Ok(())
    }

    fn too_long(&self) -> String {
        // SAFETY: the connection exists, and has both as C strings
        let (host, port) = unsafe { (line(PQhost(self.inner)), line(PQport(self.inner))) };
        format!("the answer of host \"{host}\", port \"{port}\" is too long")
    }

    fn message(&self) -> String {
        // SAFETY: the connection exists; its message is a C string
        unsafe { line(PQerrorMessage(self.inner)) }
    }
}

/// How many bytes a socket has to be read.
fn waiting_input(socket: c_int) -> usize {
    let mut length: c_int = 0;
    // SAFETY: the system checks the socket, and writes a number
    let failed = unsafe { libc::ioctl(socket, libc::FIONREAD, &mut length) } != 0;
    // reading shows what is wrong with a socket that does not say
    if failed { 0 } else { length.max(0) as usize }
}

/// What another server notes does not belong in this server's log.
unsafe extern "C" fn ignore_notice(_argument: *mut c_void, _message: *const c_char) {}
