//! Text as the paper has it: `((0,1),(2,0,(0,3,0)))` is a stamp, `(2,0,(0,3,0))` its version.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use super::encoding::Encoded;
use super::error::Error;
use super::identity::Identity;
use super::limits::{MOST_BYTES, MOST_EVENTS};
use super::stamp::{Stamp, Version};
use super::tree::{At, Half, ROOT, Tree, deeper};
use crate::causality::scanner::{Expected, Scanner};
use crate::excerpt::excerpt;

/// The most characters that a value has for each of its bytes: no bit stands for more than two.
const LONGEST_BYTE: usize = 16;

/// The most characters of a value; more of them are not read.
pub const LONGEST_TEXT: usize = LONGEST_BYTE * MOST_BYTES;

/// The most characters that a stored value has.
pub fn longest_text(stored: &[u8]) -> usize {
    LONGEST_BYTE * stored.len()
}

impl Display for Version {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write_events(formatter, &self.0, ROOT)
    }
}

impl Display for Stamp {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("(")?;
        write_identity(formatter, &self.identity.0, ROOT)?;
        write!(formatter, ",{})", self.version)
    }
}

fn write_identity(formatter: &mut Formatter<'_>, identity: &Tree, at: At) -> fmt::Result {
    if identity.is_leaf(at) {
        return write!(formatter, "{}", identity.value(at));
    }
    formatter.write_str("(")?;
    write_identity(formatter, identity, identity.half(at, Half::Left))?;
    formatter.write_str(",")?;
    write_identity(formatter, identity, identity.half(at, Half::Right))?;
    formatter.write_str(")")
}

fn write_events(formatter: &mut Formatter<'_>, events: &Tree, at: At) -> fmt::Result {
    if events.is_leaf(at) {
        return write!(formatter, "{}", events.value(at));
    }
    write!(formatter, "({},", events.value(at))?;
    write_events(formatter, events, events.half(at, Half::Left))?;
    formatter.write_str(",")?;
    write_events(formatter, events, events.half(at, Half::Right))?;
    formatter.write_str(")")
}

/// Reads trees in any form, with white space between all parts.
impl FromStr for Version {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        read(text, |scanner| {
            let mut events = Tree::default();
            read_events(scanner, &mut events, 0, 0)?;
            Ok(Self(events))
        })
    }
}

/// Reads trees in any form, with white space between all parts.
impl FromStr for Stamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        read(text, |scanner| {
            let (mut identity, mut events) = (Tree::default(), Tree::default());
            scanner.expect_token("\"(\"", b'(')?;
            read_identity(scanner, &mut identity, 0)?;
            scanner.expect_token("\",\"", b',')?;
            read_events(scanner, &mut events, 0, 0)?;
            scanner.expect_token("\")\"", b')')?;
            Ok(Self {
                identity: Identity(identity),
                version: Version(events),
            })
        })
    }
}

/// Why text is not read.
enum Problem {
    Expected(Expected),
    Other(Error),
}

impl From<Expected> for Problem {
    fn from(expected: Expected) -> Self {
        Self::Expected(expected)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

fn read<T: Encoded>(
    text: &str,
    value: impl FnOnce(&mut Scanner) -> Result<T, Problem>,
) -> Result<T, Error> {
    if text.len() > LONGEST_TEXT {
        return Err(Error::TooLarge);
    }
    let mut scanner = Scanner::new(text);
    let value = value(&mut scanner).and_then(|value| {
        scanner.expect_end()?;
        Ok(value)
    });
    value.map_err(|problem| match problem {
        Problem::Expected(expected) => Error::Text {
            name: T::NAME,
            text: excerpt(text).into(),
            problem: expected.to_string(),
        },
        Problem::Other(error) => error,
    })
}

fn read_identity(scanner: &mut Scanner, identity: &mut Tree, depth: usize) -> Result<(), Problem> {
    if scanner.accept_token(b'0') {
        return Ok(identity.leaf(0)?);
    }
    if scanner.accept_token(b'1') {
        return Ok(identity.leaf(1)?);
    }
    scanner.expect_token("0, 1 or \"(\"", b'(')?;
    let below = deeper(depth)?;
    identity.node(0, |identity, half| {
        read_identity(scanner, identity, below)?;
        end_half(scanner, half)
    })
}

/// `above`: what nodes on the way add.
fn read_events(
    scanner: &mut Scanner,
    events: &mut Tree,
    above: u64,
    depth: usize,
) -> Result<(), Problem> {
    if !scanner.accept_token(b'(') {
        let value = number(scanner, "a number or \"(\"", above)?;
        return Ok(events.leaf(value)?);
    }
    let below = deeper(depth)?;
    scanner.skip_space();
    let value = number(scanner, "a number", above)?;
    scanner.expect_token("\",\"", b',')?;
    events.node(value, |events, half| {
        read_events(scanner, events, above + value, below)?;
        end_half(scanner, half)
    })
}

fn end_half(scanner: &mut Scanner, half: Half) -> Result<(), Problem> {
    match half {
        Half::Left => scanner.expect_token("\",\"", b',')?,
        Half::Right => scanner.expect_token("\")\"", b')')?,
    }
    Ok(())
}

fn number(scanner: &mut Scanner, what: &'static str, above: u64) -> Result<u64, Problem> {
    let number = scanner.number(what)?.ok();
    let number = number.and_then(|number| u64::try_from(number).ok());
    match number {
        Some(number) if number <= MOST_EVENTS - above => Ok(number),
        _ => Err(Error::TooMany.into()),
    }
}
