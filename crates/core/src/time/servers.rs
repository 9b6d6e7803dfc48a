//! Which NTP servers are asked, and how.

use super::error::Error;
use super::limits::{LARGEST_TIMEOUT, MOST_SAMPLES, MOST_SERVERS};
use crate::endpoint::Endpoint;
use crate::excerpt::excerpt;

/// Where NTP servers listen.
const PORT: u16 = 123;
/// The longest name of a host, in bytes. RFC 1035.
const LONGEST_NAME: usize = 255;
/// The longest that follows it: a colon and a port.
const LONGEST_REST: usize = 6;

/// Reads a server, host or host:port.
///
/// # Errors
/// It is not that.
pub fn server(text: &str) -> Result<Endpoint, Error> {
    let trimmed = text.trim();
    let invalid = |problem| Error::ServerInvalid {
        text: excerpt(trimmed).into_owned(),
        problem,
    };
    let too_long = |length| {
        invalid(format!(
            "It has {length} bytes; a name has {LONGEST_NAME} at most."
        ))
    };
    // before anything is copied
    if trimmed.len() > LONGEST_NAME + LONGEST_REST {
        return Err(too_long(trimmed.len()));
    }
    let mut endpoint = Endpoint::parse(trimmed, PORT).map_err(invalid)?;
    if endpoint.host.len() > LONGEST_NAME {
        return Err(too_long(endpoint.host.len()));
    }
    // names of hosts are the same in upper and lower case
    endpoint.host.make_ascii_lowercase();
    Ok(endpoint)
}

/// What a server is called, in a list or elsewhere: the port is there only if it is not the usual
/// one.
pub fn server_name(server: &Endpoint) -> String {
    match server.port {
        PORT => server.host.clone(),
        _ => server.to_string(),
    }
}

/// Reads a list of servers with commas between; an empty one has none.
///
/// # Errors
/// One of them is none, or there twice, or there are too many.
pub fn servers(list: &str) -> Result<Vec<Endpoint>, Error> {
    if list.trim().is_empty() {
        return Ok(Vec::new());
    }
    let count = list.split(',').count();
    if count > MOST_SERVERS {
        return Err(Error::ServersTooMany { count });
    }
    let mut servers = Vec::new();
    for text in list.split(',') {
        let server = server(text)?;
        if servers.contains(&server) {
            return Err(Error::ServerTwice {
                server: server.to_string(),
            });
        }
        servers.push(server);
    }
    Ok(servers)
}

/// How often a server is asked, and how long an answer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How often.
    pub samples: i32,
    /// How long an answer is waited for, in microseconds.
    pub timeout: i64,
}

impl Terms {
    /// Checks what somebody wants.
    ///
    /// # Errors
    /// More samples, or a longer or shorter time, than there are.
    pub fn new(samples: i32, timeout: i64) -> Result<Self, Error> {
        if !(1..=MOST_SAMPLES).contains(&samples) {
            return Err(Error::Samples { samples });
        }
        if !(1_000..=LARGEST_TIMEOUT).contains(&timeout) {
            return Err(Error::Timeout);
        }
        Ok(Self { samples, timeout })
    }
}
