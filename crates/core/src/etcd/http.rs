//! As much of HTTP/1.1 as an exchange of two JSON texts needs: one request for each connection.

use chrono::DateTime;

use crate::endpoint::Endpoint;

/// More headers than a response of etcd or of a proxy has.
const HEADERS: usize = 64;
/// The longest status line with headers, in bytes.
const LONGEST_HEAD: usize = 64 << 10;
/// The longest body, in bytes: several times all worker IDs of the widest usual layout.
const LONGEST: usize = 64 << 20;

const TOO_LONG: &str = "its answer is too long";

/// A request that sends a JSON text.
pub fn post(endpoint: &Endpoint, path: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\n\
         Host: {endpoint}\r\n\
         User-Agent: snowflake_pg\r\n\
         Content-Type: application/json\r\n\
         Content-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// The response to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// What the clock of the server read, in milliseconds since 1970, cut to a second.
    pub date: Option<i64>,
    /// The text.
    pub body: Vec<u8>,
}

impl Response {
    /// The response in what was received so far; `None` if there is more to come. `ended` says that
    /// there is not: the server has closed the connection.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(received: &[u8], ended: bool) -> Result<Option<Self>, String> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut head = httparse::Response::new(&mut headers);
        let body = match head.parse(received) {
            Ok(httparse::Status::Complete(length)) => &received[length..],
            Ok(httparse::Status::Partial) if received.len() <= LONGEST_HEAD => {
                return incomplete(ended);
            }
            Ok(httparse::Status::Partial) => return Err(TOO_LONG.into()),
            Err(error) => return Err(format!("its answer is not HTTP: {error}")),
        };
        if body.len() > LONGEST {
            return Err(TOO_LONG.into());
        }
        let Some(body) = whole(body, head.headers, ended)? else {
            return incomplete(ended);
        };
        let date = header(head.headers, "Date");
        let date = date.and_then(|date| DateTime::parse_from_rfc2822(date.trim()).ok());
        Ok(Some(Self {
            status: head.code.unwrap_or_default(),
            date: date.map(|date| date.timestamp_millis()),
            body,
        }))
    }
}

/// The value of a header.
fn header<'a>(headers: &[httparse::Header<'a>], name: &str) -> Option<&'a str> {
    let found = headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case(name));
    found.and_then(|header| std::str::from_utf8(header.value).ok())
}

/// The whole body, of which `rest` was received so far; `None` if it is not all there.
///
/// # Errors
/// What is wrong with its headers or its chunks.
fn whole(
    rest: &[u8],
    headers: &[httparse::Header<'_>],
    ended: bool,
) -> Result<Option<Vec<u8>>, String> {
    if let Some(coding) = header(headers, "Transfer-Encoding") {
        if !coding.trim().eq_ignore_ascii_case("chunked") {
            return Err("its answer is encoded".into());
        }
        chunks(rest)
    } else if let Some(length) = header(headers, "Content-Length") {
        let length: usize = length
            .trim()
            .parse()
            .map_err(|_| "its answer has no length")?;
        if length > LONGEST {
            return Err(TOO_LONG.into());
        }
        Ok(rest.get(..length).map(<[u8]>::to_vec))
    } else {
        Ok(ended.then(|| rest.to_vec()))
    }
}

/// The result of reading a response that is not all there.
fn incomplete(ended: bool) -> Result<Option<Response>, String> {
    if ended {
        return Err("it closed the connection without an answer".into());
    }
    Ok(None)
}

/// The body that was sent in chunks; `None` if the last one is not there.
fn chunks(mut rest: &[u8]) -> Result<Option<Vec<u8>>, String> {
    const WRONG: &str = "its answer is in chunks that cannot be read";
    let mut body = Vec::new();
    loop {
        let (start, size) = match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(WRONG.into()),
        };
        if size == 0 {
            return Ok(Some(body));
        }
        let size = usize::try_from(size)
            .ok()
            .filter(|&size| size <= LONGEST)
            .ok_or(WRONG)?;
        let after = rest
            .get(start..)
            .and_then(|after| after.split_at_checked(size));
        let Some((chunk, after)) = after else {
            return Ok(None);
        };
        body.extend_from_slice(chunk);
        match after.split_at_checked(2) {
            Some((b"\r\n", next)) => rest = next,
            Some(_) => return Err(WRONG.into()),
            None => return Ok(None),
        }
    }
}
