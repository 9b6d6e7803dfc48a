//! Contexts as text: `{1.4:5,2.9:0+3+7}` is the first five events of node 1 since epoch 4, and of node 2
//! since epoch 9 the third and the seventh.

use std::fmt::{self, Display, Formatter};

use super::context::{
    Actor, Context, MOST_ACTORS, MOST_DOTS, NAME, Writer, too_many_actors, too_many_dots,
};
use super::error::Error;
use super::leb128::LONGEST;
use super::scanner::{Expected, Scanner};
use crate::excerpt::excerpt;

/// Why something does not read as a context.
enum Problem {
    Expected(Expected),
    Actor(Actor, &'static str),
    Dot(i64),
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

impl Context<'_> {
    /// The room that a text needs at the most: an actor has 8 bytes for its node, a colon, and one byte
    /// or more for each of its numbers.
    pub fn room_to_parse(text: &str) -> usize {
        const LARGEST: usize = 16 + MOST_ACTORS * (8 + 3 * LONGEST) + MOST_DOTS * LONGEST;
        text.len().saturating_mul(2).saturating_add(2).min(LARGEST)
    }

    /// Reads text: actors, and dots of each, in their order. Returns the bytes written.
    ///
    /// # Errors
    /// Other text, numbers that are out of range, too many actors or dots.
    pub fn parse(text: &str, room: &mut [u8]) -> Result<usize, Error> {
        let refused = |problem| Error::Text {
            name: NAME,
            text: excerpt(text).into(),
            problem,
            hint: "Take values from functions; they are not meant to be written.",
        };
        let length = read(text, room).map_err(|problem| match problem {
            Problem::Expected(expected) => refused(expected.to_string()),
            Problem::Actor(Actor { node, epoch }, what) => {
                refused(format!("Actor {node}.{epoch} {what}."))
            }
            Problem::Dot(dot) => refused(format!("Dot {dot} is not above the ones before it.")),
            Problem::Other(error) => error,
        })?;
        // the number of dots, and whatever else is held of bytes from outside
        let written = room.get(..length).unwrap_or_default();
        Context::check(written).map(|_| length)
    }

    /// The most bytes that it takes as text.
    pub fn longest_text(self) -> usize {
        let number = 20;
        let of_actor = |actor: super::context::Known| 3 * number + number * actor.dots.count();
        2 + self.actors().map(of_actor).sum::<usize>()
    }
}

impl Display for Context<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str("{")?;
        for (index, known) in self.actors().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let Actor { node, epoch } = known.actor;
            write!(formatter, "{comma}{node}.{epoch}:{}", known.seen)?;
            for dot in known.dots {
                write!(formatter, "+{dot}")?;
            }
        }
        formatter.write_str("}")
    }
}

fn read(text: &str, room: &mut [u8]) -> Result<usize, Problem> {
    let commas = text.bytes().filter(|byte| *byte == b',').count();
    if commas >= MOST_ACTORS {
        return Err(too_many_actors().into());
    }
    let mut scanner = Scanner::new(text);
    scanner.expect_token("\"{\"", b'{')?;
    if scanner.accept(b'}') {
        scanner.expect_end()?;
        return Ok(Writer::new(room, 0)?.at);
    }
    let mut writer = Writer::new(room, commas as u64 + 1)?;
    let mut before = None;
    loop {
        let actor = Actor {
            node: number(&mut scanner, "a node", |node| Error::Node { node })?,
            epoch: after(&mut scanner, "\".\"", b'.', "an epoch")?,
        };
        if actor.epoch == 0 {
            return Err(Problem::Actor(actor, "has no epoch"));
        }
        if before.is_some_and(|before| before >= actor) {
            return Err(Problem::Actor(actor, "is not above the one before it"));
        }
        before = Some(actor);
        let seen = after(&mut scanner, "\":\"", b':', "a counter")?;
        let dots = dots(&mut scanner, seen)?;
        if seen == 0 && dots.is_empty() {
            return Err(Problem::Actor(actor, "has no events"));
        }
        writer.known(actor, seen, dots.len() as u64, dots.into_iter())?;
        if !scanner.accept(b',') {
            scanner.expect("\"+\", \",\" or \"}\"", b'}')?;
            scanner.expect_end()?;
            return Ok(writer.at);
        }
    }
}

/// Each above the one before, and the first one not the next after those that are known without a gap.
fn dots(scanner: &mut Scanner, seen: i64) -> Result<Vec<i64>, Problem> {
    let (mut dots, mut least) = (Vec::new(), seen.checked_add(2));
    while scanner.accept(b'+') {
        let dot = counter(scanner, "a dot")?;
        if least.is_none_or(|least| dot < least) {
            return Err(Problem::Dot(dot));
        }
        if dots.len() == MOST_DOTS {
            return Err(too_many_dots().into());
        }
        dots.push(dot);
        least = dot.checked_add(1);
    }
    Ok(dots)
}

fn after(
    scanner: &mut Scanner,
    symbol: &'static str,
    byte: u8,
    what: &'static str,
) -> Result<i64, Problem> {
    scanner.expect(symbol, byte)?;
    counter(scanner, what)
}

fn counter(scanner: &mut Scanner, what: &'static str) -> Result<i64, Problem> {
    number(scanner, what, |counter| Error::Counter { counter })
}

fn number(
    scanner: &mut Scanner,
    what: &'static str,
    refused: impl FnOnce(String) -> Error,
) -> Result<i64, Problem> {
    let number = scanner.number(what)?;
    Ok(number.map_err(refused)?)
}
