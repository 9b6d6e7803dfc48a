//! Version vectors as text, `{1:5,2:7}`, and as JSON, `{"1": 5, "2": 7}`.

use std::fmt::{self, Display, Formatter};

use super::error::Error;
use super::version_vector::{MOST_ENTRIES, Twice, VersionVector, room, too_many};
use crate::excerpt::excerpt;

/// The most characters of an entry: two numbers of 19 digits, two quotes, colon, comma, two spaces.
const LONGEST_ENTRY: usize = 19 + 19 + 6;

/// Why something does not read as a version vector.
enum Problem {
    /// Something else was to be at this place, counted from 0.
    Expected(&'static str, usize),
    Twice(i64),
    Other(Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

fn there_twice(node: i64) -> String {
    format!("Node {node} is there twice.")
}

impl<'a> VersionVector<'a> {
    /// The room that a text or JSON needs at the most.
    ///
    /// # Errors
    /// More entries than there can be.
    pub fn room_to_parse(text: &str) -> Result<usize, Error> {
        let commas = text.bytes().filter(|byte| *byte == b',').count();
        if commas >= MOST_ENTRIES {
            return Err(too_many());
        }
        Ok(room(commas + 1))
    }

    /// Reads text: entries in any order, white space between all parts. Zeros vanish. Returns the
    /// bytes written.
    ///
    /// # Errors
    /// Other text, numbers that are out of range, a node that is there twice.
    pub fn parse(text: &str, room: &mut [u8]) -> Result<usize, Error> {
        let refused = |problem| Error::Text {
            text: excerpt(text).into(),
            problem,
        };
        read(text, false, room).map_err(|problem| match problem {
            Problem::Expected(what, place) => {
                refused(format!("Expected {what} at position {}.", place + 1))
            }
            Problem::Twice(node) => refused(there_twice(node)),
            Problem::Other(error) => error,
        })
    }

    /// The same of JSON as PostgreSQL writes it.
    ///
    /// # Errors
    /// As for text.
    pub fn parse_json(json: &str, room: &mut [u8]) -> Result<usize, Error> {
        let refused = |problem| Error::Json { problem };
        read(json, true, room).map_err(|problem| match problem {
            Problem::Expected(..) => refused(
                "Its keys are to be nodes, and its values counters, without a fraction.".into(),
            ),
            Problem::Twice(node) => refused(there_twice(node)),
            Problem::Other(error) => error,
        })
    }

    /// The most bytes that it takes as text or JSON.
    pub fn longest_text(self) -> usize {
        "{}".len() + self.len() * LONGEST_ENTRY
    }

    /// It as JSON.
    pub fn json(self) -> impl Display + 'a {
        Json(self)
    }
}

impl Display for VersionVector<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("{")?;
        for (index, (node, counter)) in self.entries().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(formatter, "{comma}{node}:{counter}")?;
        }
        formatter.write_str("}")
    }
}

struct Json<'a>(VersionVector<'a>);

impl Display for Json<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("{")?;
        for (index, (node, counter)) in self.0.entries().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(formatter, "{comma}\"{node}\": {counter}")?;
        }
        formatter.write_str("}")
    }
}

/// Reads what is in braces; in JSON nodes are in quotes.
fn read(text: &str, quoted: bool, room: &mut [u8]) -> Result<usize, Problem> {
    let mut scanner = Scanner {
        text,
        at: 0,
        quoted,
        ended: false,
    };
    scanner.expect("\"{\"", b'{')?;
    scanner.ended = scanner.accept(b'}');
    let entries = std::iter::from_fn(|| scanner.next_entry().transpose());
    let length = VersionVector::collect(entries, room)?;
    scanner.skip_space();
    if scanner.at < text.len() {
        return Err(scanner.expected("the end"));
    }
    length.map_err(|Twice(node)| Problem::Twice(node))
}

struct Scanner<'a> {
    text: &'a str,
    /// Only ASCII is before it.
    at: usize,
    quoted: bool,
    /// The closing brace was there.
    ended: bool,
}

impl Scanner<'_> {
    fn expected(&self, what: &'static str) -> Problem {
        Problem::Expected(what, self.at)
    }

    fn skip_space(&mut self) {
        while self
            .peek()
            .is_some_and(|byte| b" \t\n\x0b\x0c\r".contains(&byte))
        {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// A symbol after white space, if it is the next one.
    fn accept(&mut self, symbol: u8) -> bool {
        self.skip_space();
        let found = self.peek() == Some(symbol);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, what: &'static str, symbol: u8) -> Result<(), Problem> {
        if self.accept(symbol) {
            return Ok(());
        }
        Err(self.expected(what))
    }

    /// Digits; of more than fit, how they begin.
    fn number(&mut self, what: &'static str) -> Result<Result<i64, String>, Problem> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        let digits = &self.text[start..self.at];
        if digits.is_empty() {
            return Err(self.expected(what));
        }
        Ok(digits.parse().map_err(|_| excerpt(digits).into()))
    }

    fn next_entry(&mut self) -> Result<Option<(i64, i64)>, Problem> {
        if self.ended {
            return Ok(None);
        }
        self.skip_space();
        let quote = |scanner: &mut Self| match scanner.peek() {
            Some(b'"') if scanner.quoted => scanner.at += 1,
            _ => {}
        };
        quote(self);
        let node = self
            .number("a node")?
            .map_err(|node| Error::Node { node })?;
        quote(self);
        self.expect("\":\"", b':')?;
        self.skip_space();
        let counter = self.number("a counter")?;
        let counter = counter.map_err(|counter| Error::Counter { counter })?;
        if !self.accept(b',') {
            self.expect("\",\" or \"}\"", b'}')?;
            self.ended = true;
        }
        Ok(Some((node, counter)))
    }
}
