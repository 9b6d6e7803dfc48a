//! One request and its response over TCP, without blocking: the process stays open to signals while
//! it waits, and every wait has an end.
//!
//! HTTP clients on offer wait in a system call, which PostgreSQL's signals do not end, and start a
//! thread for what the system has no time limit for. A process of PostgreSQL must not have a second
//! thread: it could get the signals.

use std::io::{Error, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use pgrx::prelude::*;

use crate::net::deadline::Deadline;
use crate::net::resolver;
use crate::postgres::wait::Event;

/// How long connecting may take, in microseconds: nothing else ends it.
const CONNECT: i64 = 1_000_000;

/// Connects, sends a request, and reads until `parse` returns a response. That gets all that was
/// received so far, and whether the other side has closed the connection; it returns `None` if
/// there is more to come. It bounds what is read: once it fails nothing more is.
///
/// # Errors
/// What the system or `parse` says, or that it takes too long.
pub fn exchange<T>(
    host: &str,
    port: u16,
    request: &[u8],
    parse: impl Fn(&[u8], bool) -> Result<Option<T>, String>,
    deadline: Deadline,
) -> Result<T, String> {
    let mut stream = connect(host, port, deadline)?;
    let mut rest = request;
    while !rest.is_empty() {
        match stream.write(rest) {
            Ok(0) => return Err("the connection was closed".into()),
            Ok(sent) => rest = &rest[sent..],
            Err(error) => ready(&stream, &error, pg_sys::WL_SOCKET_WRITEABLE, deadline)?,
        }
    }
    let mut received = Vec::new();
    let mut buffer = [0; 16 << 10];
    loop {
        // also if there is always more to read
        deadline.check()?;
        match stream.read(&mut buffer) {
            Ok(length) => {
                received.extend_from_slice(&buffer[..length]);
                if let Some(response) = parse(&received, length == 0)? {
                    return Ok(response);
                }
            }
            Err(error) => ready(&stream, &error, pg_sys::WL_SOCKET_READABLE, deadline)?,
        }
    }
}

/// Waits until a socket is ready that was not.
fn ready(stream: &TcpStream, error: &Error, events: u32, deadline: Deadline) -> Result<(), String> {
    match error.kind() {
        ErrorKind::Interrupted => Ok(()),
        ErrorKind::WouldBlock => deadline.wait_for(Event::Registry, stream.as_raw_fd(), events),
        _ => Err(error.to_string()),
    }
}

/// Connects to one of the addresses of a host.
fn connect(host: &str, port: u16, deadline: Deadline) -> Result<TcpStream, String> {
    deadline.check()?;
    let mut problem = "its name has no address".to_string();
    for address in resolver::addresses(host, port)? {
        deadline.check()?;
        match connect_to(&address, deadline) {
            Ok(stream) => return Ok(stream),
            Err(error) => problem = error.to_string(),
        }
    }
    Err(problem)
}

fn connect_to(address: &SocketAddr, deadline: Deadline) -> std::io::Result<TcpStream> {
    let limit = deadline.left().clamp(1_000, CONNECT) as u64;
    let stream = TcpStream::connect_timeout(address, Duration::from_micros(limit))?;
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
