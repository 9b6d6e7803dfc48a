//! Contexts: which single events, called dots, are known of each actor. An actor is a node since some
//! epoch; its events are numbered from 1 without a gap, but need not arrive in that order.
//!
//! What is stored is one byte for the version of the form, the number of actors, then each actor, sorted:
//! 8 bytes for its node, the most significant first, its epoch, the number up to which all its events are
//! known, how many are known above, and of each of those how many are missing before it, less one for the
//! first, which would not be above otherwise. All numbers but the node are LEB128. So equal values have
//! equal bytes, and a context is read in one pass, with no more room than the writer's.

use std::cmp::Ordering;

use super::error::{Error, Malformed};
use super::leb128;

/// The version of the stored form.
const VERSION: u8 = 1;

/// How many actors there can be.
pub const MOST_ACTORS: usize = 4_096;

/// How many events there can be above the ones that are known without a gap, of all actors.
pub const MOST_DOTS: usize = 1 << 20;

/// The name of the type.
pub(super) const NAME: &str = "crdt_context";

/// Who makes events: a node since an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor {
    /// The node, 0 to 2^63 - 1.
    pub node: i64,
    /// The epoch, 1 to 2^63 - 1.
    pub epoch: i64,
}

/// What is known of an actor.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Whose events.
    pub actor: Actor,
    /// All up to this one are known; 0 if the first is not.
    pub seen: i64,
    /// Those above.
    pub dots: Dots<'a>,
}

/// The events known above those that are known without a gap, in their order.
#[derive(Clone, Copy, Debug)]
pub struct Dots<'a> {
    bytes: &'a [u8],
    left: u64,
    /// The least that the next one can be.
    least: u64,
}

impl Dots<'_> {
    const NONE: Self = Self {
        bytes: &[],
        left: 0,
        least: 0,
    };
}

impl Iterator for Dots<'_> {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        self.left = self.left.checked_sub(1)?;
        let missing = leb128::take(&mut self.bytes)?;
        let dot = self.least.checked_add(missing)?;
        self.least = dot.saturating_add(1);
        i64::try_from(dot).ok()
    }
}

/// A context, where it is stored.
///
/// ```
/// use snowflake_core::causality::{Actor, Context};
///
/// let actor = Actor { node: 7, epoch: 1 };
/// let (mut one, mut other, mut both) = ([0; 32], [0; 32], [0; 64]);
/// let length = Context::of(actor, 1, &mut one)?;
/// let one = Context::check(&one[..length])?;
/// let length = Context::of(actor, 3, &mut other)?;
/// let other = Context::check(&other[..length])?;
/// let length = one.merge(other, &mut both)?;
/// let both = Context::check(&both[..length])?;
/// // the second event is missing
/// assert_eq!(both.to_string(), "{7.1:1+3}");
/// assert!(both.contains(one) && !both.knows(actor, 2));
/// # Ok::<(), snowflake_core::causality::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context<'a> {
    actors: u64,
    bytes: &'a [u8],
}

impl<'a> Context<'a> {
    /// Bytes that were checked when they were stored. Whatever they are, nothing here panics.
    ///
    /// # Errors
    /// Bytes of another version, or none.
    pub fn stored(bytes: &'a [u8]) -> Result<Self, Error> {
        let Some((version, mut bytes)) = bytes.split_first() else {
            return Err(malformed(Malformed::Empty));
        };
        if *version != VERSION {
            return Err(Error::Version {
                name: NAME,
                version: *version,
            });
        }
        let actors = leb128::take(&mut bytes).ok_or(malformed(Malformed::Number))?;
        Ok(Self { actors, bytes })
    }

    /// Bytes from outside.
    ///
    /// # Errors
    /// All bytes but those that a value is stored as.
    pub fn check(bytes: &'a [u8]) -> Result<Self, Error> {
        let context = Self::stored(bytes)?;
        if context.actors > MOST_ACTORS as u64 {
            return Err(too_many_actors());
        }
        let mut rest = context.bytes;
        let (mut before, mut all) = (None, 0);
        for place in 1..=context.actors as usize {
            let known = take_checked(&mut rest, place, &mut all)?;
            if before.is_some_and(|before| before >= known.actor) {
                return Err(malformed(Malformed::ActorOrder { place }));
            }
            before = Some(known.actor);
        }
        if !rest.is_empty() {
            return Err(malformed(Malformed::Rest));
        }
        Ok(context)
    }

    /// The first events of an actor that nobody knows anything else of: one, after as many that are not
    /// known as its number says. Returns the bytes written.
    ///
    /// # Errors
    /// Numbers out of range; room that is too small.
    pub fn of(actor: Actor, dot: i64, room: &mut [u8]) -> Result<usize, Error> {
        if actor.node < 0 {
            return Err(Error::Node {
                node: actor.node.to_string(),
            });
        }
        for number in [actor.epoch, dot] {
            if number < 1 {
                return Err(Error::Counter {
                    counter: number.to_string(),
                });
            }
        }
        let mut writer = Writer::new(room, 1)?;
        match dot {
            1 => writer.known(actor, 1, 0, std::iter::empty())?,
            dot => writer.known(actor, 0, 1, std::iter::once(dot))?,
        }
        Ok(writer.at)
    }

    /// Actors and what is known of them, sorted.
    pub fn actors(self) -> Actors<'a> {
        Actors {
            left: self.actors,
            bytes: self.bytes,
        }
    }

    /// Whether nothing is known.
    pub fn is_empty(self) -> bool {
        self.actors == 0
    }

    /// Whether an event is known.
    pub fn knows(self, actor: Actor, dot: i64) -> bool {
        let known = self.actors().find(|known| known.actor >= actor);
        known.is_some_and(|mut known| {
            known.actor == actor
                && dot > 0
                && (dot <= known.seen || known.dots.any(|other| other == dot))
        })
    }

    /// Whether it knows all that the other does.
    pub fn contains(self, other: Self) -> bool {
        pairs(self, other).all(|(ours, theirs)| theirs.seen <= ours.seen && has_all(ours, theirs))
    }

    /// What is known to one of them. Returns the bytes written; `room` is that of both together.
    ///
    /// # Errors
    /// More than there can be.
    pub fn merge(self, other: Self, room: &mut [u8]) -> Result<usize, Error> {
        let actors = pairs(self, other).count();
        if actors > MOST_ACTORS {
            return Err(too_many_actors());
        }
        let mut writer = Writer::new(room, actors as u64)?;
        let mut all = 0;
        for (ours, theirs) in pairs(self, other) {
            let mut seen = ours.seen.max(theirs.seen);
            let mut dots = either(ours.dots, theirs.dots).peekable();
            // what was above a gap is no more if the other fills it
            while let Some(dot) = dots.next_if(|dot| *dot <= seen.saturating_add(1)) {
                seen = seen.max(dot);
            }
            let count = dots.clone().count();
            all += count;
            if all > MOST_DOTS {
                return Err(too_many_dots());
            }
            writer.known(ours.actor, seen, count as u64, dots)?;
        }
        Ok(writer.at)
    }
}

/// The actors of a context.
#[derive(Clone, Debug)]
pub struct Actors<'a> {
    left: u64,
    bytes: &'a [u8],
}

impl<'a> Iterator for Actors<'a> {
    type Item = Known<'a>;

    fn next(&mut self) -> Option<Known<'a>> {
        self.left = self.left.checked_sub(1)?;
        let known = take(&mut self.bytes)?;
        let mut dots = known.dots;
        dots.by_ref().for_each(drop);
        self.bytes = dots.bytes;
        Some(known)
    }
}

/// What both know of each actor that one of them knows.
fn pairs<'a>(
    left: Context<'a>,
    right: Context<'a>,
) -> impl Iterator<Item = (Known<'a>, Known<'a>)> {
    let nothing = |known: Known<'a>| Known {
        seen: 0,
        dots: Dots::NONE,
        ..known
    };
    let (mut left, mut right) = (left.actors().peekable(), right.actors().peekable());
    std::iter::from_fn(move || {
        let order = match (left.peek(), right.peek()) {
            (Some(left), Some(right)) => left.actor.cmp(&right.actor),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return None,
        };
        let ours = if order.is_le() { left.next() } else { None };
        let theirs = if order.is_ge() { right.next() } else { None };
        let either = ours.or(theirs)?;
        Some((
            ours.unwrap_or(nothing(either)),
            theirs.unwrap_or(nothing(either)),
        ))
    })
}

/// Whether each dot of the other is known.
fn has_all(ours: Known, theirs: Known) -> bool {
    let mut dots = ours.dots;
    let mut above = theirs.dots.filter(|dot| *dot > ours.seen);
    above.all(|asked| dots.find(|dot| *dot >= asked) == Some(asked))
}

/// The dots of both, in their order, each once.
fn either<'a>(left: Dots<'a>, right: Dots<'a>) -> impl Iterator<Item = i64> + Clone + 'a {
    let (mut left, mut right) = (left.peekable(), right.peekable());
    std::iter::from_fn(move || {
        let least = match (left.peek(), right.peek()) {
            (Some(left), Some(right)) => *left.min(right),
            (one, other) => *one.or(other)?,
        };
        left.next_if_eq(&least);
        right.next_if_eq(&least);
        Some(least)
    })
}

/// The next actor, whose dots are still to be read.
fn take<'a>(bytes: &mut &'a [u8]) -> Option<Known<'a>> {
    let (node, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    let node = i64::from_be_bytes(*node);
    let mut number = || leb128::take(bytes);
    let (epoch, seen, left) = (number()?, number()?, number()?);
    Some(Known {
        actor: Actor {
            node,
            epoch: epoch.try_into().ok()?,
        },
        seen: seen.try_into().ok()?,
        dots: Dots {
            bytes,
            left,
            least: seen + 2,
        },
    })
}

/// The same, of bytes from outside; with `all` dots so far.
fn take_checked<'a>(
    bytes: &mut &'a [u8],
    place: usize,
    all: &mut usize,
) -> Result<Known<'a>, Error> {
    let known = take(bytes).ok_or(malformed(Malformed::Actor { place }))?;
    if known.actor.node < 0 || known.actor.epoch == 0 {
        return Err(malformed(Malformed::Actor { place }));
    }
    if known.seen == 0 && known.dots.left == 0 {
        return Err(malformed(Malformed::NoDots { place }));
    }
    let left = usize::try_from(known.dots.left).unwrap_or(usize::MAX);
    *all = all.saturating_add(left);
    if *all > MOST_DOTS {
        return Err(too_many_dots());
    }
    let mut dots = known.dots;
    if dots.by_ref().count() != left {
        return Err(malformed(Malformed::Dots { place }));
    }
    *bytes = dots.bytes;
    Ok(known)
}

/// Writes a context into room that the caller has made.
pub(super) struct Writer<'a> {
    room: &'a mut [u8],
    /// How many bytes are written.
    pub(super) at: usize,
}

impl<'a> Writer<'a> {
    pub(super) fn new(room: &'a mut [u8], actors: u64) -> Result<Self, Error> {
        let mut writer = Self { room, at: 1 };
        *writer.room.first_mut().ok_or_else(too_many_dots)? = VERSION;
        writer.put(actors)?;
        Ok(writer)
    }

    fn put(&mut self, number: u64) -> Result<(), Error> {
        leb128::put(self.room, &mut self.at, number).ok_or_else(too_many_dots)
    }

    /// An actor, and so many dots of it, sorted and above what is known without a gap.
    pub(super) fn known(
        &mut self,
        actor: Actor,
        seen: i64,
        count: u64,
        dots: impl Iterator<Item = i64>,
    ) -> Result<(), Error> {
        let room = self.room.get_mut(self.at..).ok_or_else(too_many_dots)?;
        let room = room.first_chunk_mut().ok_or_else(too_many_dots)?;
        *room = actor.node.to_be_bytes();
        self.at += room.len();
        for number in [actor.epoch as u64, seen as u64, count] {
            self.put(number)?;
        }
        let mut least = seen as u64 + 2;
        for dot in dots {
            self.put((dot as u64).saturating_sub(least))?;
            least = dot as u64 + 1;
        }
        Ok(())
    }
}

fn malformed(problem: Malformed) -> Error {
    Error::Binary {
        name: NAME,
        problem,
    }
}

pub(super) fn too_many_actors() -> Error {
    Error::TooMany {
        name: NAME,
        most: MOST_ACTORS,
        what: "actors",
    }
}

pub(super) fn too_many_dots() -> Error {
    Error::TooMany {
        name: NAME,
        most: MOST_DOTS,
        what: "dots",
    }
}
