//! Version vectors as text, `{1:5,2:7}`, and as JSON, `{"1": 5, "2": 7}`.

use std::fmt::{self, Display, Formatter};

use super::error::Error;
use super::scanner::{Expected, Scanner};
use super::version_vector::{MOST_ENTRIES, NAME, Twice, VersionVector, room, too_many};
use crate::excerpt::excerpt;

/// The most characters of an entry: two numbers of 19 digits, two quotes, colon, comma, two spaces.
const LONGEST_ENTRY: usize = 19 + 19 + 6;

/// Why something does not read as a version vector.
enum Problem {
    Expected(Expected),
    Twice(i64),
    Other(Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<Expected> for Problem {
    fn from(expected: Expected) -> Self {
        Self::Expected(expected)
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
            name: NAME,
            text: excerpt(text).into(),
            problem,
            hint: "Write it as {1:5,2:7}: a counter for each node.",
        };
        read(text, false, room).map_err(|problem| match problem {
            Problem::Expected(expected) => refused(expected.to_string()),
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
    let mut scanner = Scanner::new(text);
    scanner.expect_token("\"{\"", b'{')?;
    let ended = scanner.accept_token(b'}');
    let mut entries = Entries {
        scanner,
        quoted,
        ended,
    };
    let length = VersionVector::collect(std::iter::from_fn(|| entries.next().transpose()), room)?;
    entries.scanner.expect_end()?;
    length.map_err(|Twice(node)| Problem::Twice(node))
}

struct Entries<'a> {
    scanner: Scanner<'a>,
    quoted: bool,
    /// The closing brace was there.
    ended: bool,
}

impl Entries<'_> {
    fn next(&mut self) -> Result<Option<(i64, i64)>, Problem> {
        if self.ended {
            return Ok(None);
        }
        let Self {
            scanner, quoted, ..
        } = self;
        scanner.skip_space();
        if *quoted {
            scanner.accept(b'"');
        }
        let node = scanner.number("a node")?;
        let node = node.map_err(|node| Error::Node { node })?;
        if *quoted {
            scanner.accept(b'"');
        }
        scanner.expect_token("\":\"", b':')?;
        scanner.skip_space();
        let counter = scanner.number("a counter")?;
        let counter = counter.map_err(|counter| Error::Counter { counter })?;
        if !scanner.accept_token(b',') {
            scanner.expect("\",\" or \"}\"", b'}')?;
            self.ended = true;
        }
        Ok(Some((node, counter)))
    }
}
