//! Text as the paper has it: `((0,1),(2,0,(0,3,0)))` is a stamp, `(2,0,(0,3,0))` its version.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use super::encoding::Encoded;
use super::error::Error;
use super::identity::Identity;
use super::limits::{MOST_BYTES, MOST_EVENTS};
use super::stamp::{Stamp, Version};
use super::tree::{At, Half, ROOT, Tree, deeper};
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
            scanner.events(&mut events, 0, 0)?;
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
            scanner.expect("\"(\"", b'(')?;
            scanner.identity(&mut identity, 0)?;
            scanner.expect("\",\"", b',')?;
            scanner.events(&mut events, 0, 0)?;
            scanner.expect("\")\"", b')')?;
            Ok(Self {
                identity: Identity(identity),
                version: Version(events),
            })
        })
    }
}

/// Why text is not read.
enum Problem {
    /// Something else was to be at this place, counted from 0.
    Expected(&'static str, usize),
    Other(Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

fn read<T: Encoded>(
    text: &str,
    value: impl FnOnce(&mut Scanner<'_>) -> Result<T, Problem>,
) -> Result<T, Error> {
    if text.len() > LONGEST_TEXT {
        return Err(Error::TooLarge);
    }
    let mut scanner = Scanner {
        text: text.as_bytes(),
        at: 0,
    };
    let value = value(&mut scanner).and_then(|value| {
        scanner.skip_space();
        match scanner.peek() {
            None => Ok(value),
            Some(_) => Err(scanner.expected("the end")),
        }
    });
    value.map_err(|problem| match problem {
        Problem::Expected(what, place) => Error::Text {
            name: T::NAME,
            text: excerpt(text).into(),
            problem: format!("Expected {what} at position {}.", place + 1),
        },
        Problem::Other(error) => error,
    })
}

struct Scanner<'a> {
    text: &'a [u8],
    /// Only ASCII is before it.
    at: usize,
}

impl Scanner<'_> {
    fn expected(&self, what: &'static str) -> Problem {
        Problem::Expected(what, self.at)
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self
            .peek()
            .is_some_and(|byte| b" \t\n\x0b\x0c\r".contains(&byte))
        {
            self.at += 1;
        }
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

    fn identity(&mut self, identity: &mut Tree, depth: usize) -> Result<(), Problem> {
        if self.accept(b'0') {
            return Ok(identity.leaf(0)?);
        }
        if self.accept(b'1') {
            return Ok(identity.leaf(1)?);
        }
        self.expect("0, 1 or \"(\"", b'(')?;
        let below = deeper(depth)?;
        identity.node(0, |identity, half| {
            self.identity(identity, below)?;
            self.end_half(half)
        })
    }

    /// `above`: what nodes on the way add.
    fn events(&mut self, events: &mut Tree, above: u64, depth: usize) -> Result<(), Problem> {
        if !self.accept(b'(') {
            let value = self.number("a number or \"(\"", above)?;
            return Ok(events.leaf(value)?);
        }
        let below = deeper(depth)?;
        self.skip_space();
        let value = self.number("a number", above)?;
        self.expect("\",\"", b',')?;
        events.node(value, |events, half| {
            self.events(events, above + value, below)?;
            self.end_half(half)
        })
    }

    fn end_half(&mut self, half: Half) -> Result<(), Problem> {
        match half {
            Half::Left => self.expect("\",\"", b','),
            Half::Right => self.expect("\")\"", b')'),
        }
    }

    fn number(&mut self, what: &'static str, above: u64) -> Result<u64, Problem> {
        let mut number: u64 = 0;
        let start = self.at;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            number = number
                .saturating_mul(10)
                .saturating_add(u64::from(digit - b'0'));
            if number > MOST_EVENTS - above {
                return Err(Error::TooMany.into());
            }
            self.at += 1;
        }
        if self.at == start {
            return Err(self.expected(what));
        }
        Ok(number)
    }
}
