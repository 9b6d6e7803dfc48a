//! As much of HTTP/1.1 as an exchange of two JSON texts needs: one request for each connection.

use chrono::DateTime;

use super::Endpoint;

/// More headers than an answer of etcd or of a proxy has.
const HEADERS: usize = 64;
/// The longest answer, in bytes: several times all worker IDs of the widest usual layout.
const LONGEST: usize = 64 << 20;

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

/// The answer to a request.
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
    /// The answer in what was received so far; `None` if there is more to come. `ended` says that
    /// there is not: the server has closed the connection.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(received: &[u8], ended: bool) -> Result<Option<Self>, String> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut head = httparse::Response::new(&mut headers);
        let length = match head.parse(received) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if received.len() <= LONGEST => {
                return unless(ended);
            }
            Ok(httparse::Status::Partial) => return Err("its answer is too long".into()),
            Err(error) => return Err(format!("its answer is not HTTP: {error}")),
        };
        let rest = &received[length..];
        let header = |name: &str| {
            let found = head
                .headers
                .iter()
                .find(|header| header.name.eq_ignore_ascii_case(name));
            found.and_then(|header| std::str::from_utf8(header.value).ok())
        };
        if rest.len() > LONGEST {
            return Err("its answer is too long".into());
        }
        let body = if let Some(coding) = header("Transfer-Encoding") {
            if !coding.trim().eq_ignore_ascii_case("chunked") {
                return Err("its answer is encoded".into());
            }
            chunks(rest)?
        } else if let Some(length) = header("Content-Length") {
            let length: usize = length
                .trim()
                .parse()
                .map_err(|_| "its answer has no length")?;
            rest.get(..length).map(<[u8]>::to_vec)
        } else {
            ended.then(|| rest.to_vec())
        };
        let Some(body) = body else {
            return unless(ended);
        };
        let date = header("Date").and_then(|date| DateTime::parse_from_rfc2822(date.trim()).ok());
        Ok(Some(Self {
            status: head.code.unwrap_or_default(),
            date: date.map(|date| date.timestamp_millis()),
            body,
        }))
    }
}

/// An answer that is not complete yet.
fn unless(ended: bool) -> Result<Option<Response>, String> {
    if ended {
        return Err("it closed the connection without an answer".into());
    }
    Ok(None)
}

/// The text that was sent in chunks; `None` if the last one is not there.
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
        let Some(chunk) = rest.get(start..start + size) else {
            return Ok(None);
        };
        body.extend_from_slice(chunk);
        match rest.get(start + size..start + size + 2) {
            Some(b"\r\n") => rest = &rest[start + size + 2..],
            Some(_) => return Err(WRONG.into()),
            None => return Ok(None),
        }
    }
}
