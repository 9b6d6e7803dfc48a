//! Version vectors: of each node, how many of its events are known.
//!
//! What is stored is one byte for the version of the form, then 16 bytes for each node with a
//! counter above 0, sorted by node: 8 for the node and 8 for the counter, the most significant
//! first. So equal values have equal bytes, an entry read as one number is ordered by node, and of
//! two entries of a node the larger has the larger counter. Everything here works on these bytes,
//! in one pass, and writes into room that the caller has made.

use std::cmp::Ordering;
use std::slice;

use super::error::{Error, Malformed};

/// The name of the type.
pub(super) const NAME: &str = "version_vector";

/// The version of the stored form.
const VERSION: u8 = 1;

/// Node and counter.
type Entry = [u8; 16];

/// How many entries there can be: a value of half a megabyte.
pub const MOST_ENTRIES: usize = 32_768;

/// The most bytes that a value with so many entries takes.
pub const fn room(entries: usize) -> usize {
    let entries = if entries < MOST_ENTRIES {
        entries
    } else {
        MOST_ENTRIES
    };
    size_of::<u8>() + entries * size_of::<Entry>()
}

/// A version vector, where it is stored.
///
/// ```
/// use snowflake_core::causality::{VersionVector, room};
///
/// let (mut left, mut right, mut both) = ([0; room(2)], [0; room(2)], [0; room(4)]);
/// let length = VersionVector::parse("{1:5, 2:7}", &mut left)?;
/// let left = VersionVector::check(&left[..length])?;
/// let length = VersionVector::parse("{2:8}", &mut right)?;
/// let right = VersionVector::check(&right[..length])?;
/// assert_eq!(left.order(right), None); // each knows what the other does not
/// let length = left.merge(right, &mut both)?;
/// let both = VersionVector::check(&both[..length])?;
/// assert_eq!(both.to_string(), "{1:5,2:8}");
/// assert!(both.contains(left) && both.contains(right));
/// # Ok::<(), snowflake_core::causality::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionVector<'a> {
    entries: &'a [Entry],
}

impl<'a> VersionVector<'a> {
    /// Bytes that were checked when they were stored. Whatever they are, nothing here panics.
    ///
    /// # Errors
    /// Bytes of another version or of no such length.
    pub fn stored(bytes: &'a [u8]) -> Result<Self, Error> {
        let malformed = |problem| Err(malformed(problem));
        let Some((version, rest)) = bytes.split_first() else {
            return malformed(Malformed::Empty);
        };
        if *version != VERSION {
            return Err(Error::Version {
                name: NAME,
                version: *version,
            });
        }
        match rest.as_chunks() {
            (entries, []) => Ok(Self { entries }),
            _ => malformed(Malformed::Length {
                length: bytes.len(),
            }),
        }
    }

    /// Bytes from outside.
    ///
    /// # Errors
    /// All bytes but those that a value is stored as.
    pub fn check(bytes: &'a [u8]) -> Result<Self, Error> {
        let vector = Self::stored(bytes)?;
        if vector.entries.len() > MOST_ENTRIES {
            return Err(too_many());
        }
        let mut before = None;
        for (index, (node, counter)) in vector.entries().enumerate() {
            let place = index + 1;
            let problem = if node < 0 {
                Malformed::Node { place }
            } else if counter <= 0 {
                Malformed::Counter { place }
            } else if before.is_some_and(|before| before >= node) {
                Malformed::Order { place }
            } else {
                before = Some(node);
                continue;
            };
            return Err(malformed(problem));
        }
        Ok(vector)
    }

    /// How many nodes have a counter.
    pub fn len(self) -> usize {
        self.entries.len()
    }

    /// Whether no event is known.
    pub fn is_empty(self) -> bool {
        self.entries.is_empty()
    }

    /// Nodes and their counters, by node.
    pub fn entries(self) -> impl ExactSizeIterator<Item = (i64, i64)> + 'a {
        let parts = |entry| (node_of(entry) as i64, entry as i64);
        self.entries.iter().map(number).map(parts)
    }

    /// The counter of a node; 0 if it has none.
    pub fn counter(self, node: i64) -> i64 {
        let entry = |place: usize| number(&self.entries[place]);
        self.place_of(node).map_or(0, |place| entry(place) as i64)
    }

    /// The place of a node's entry, or the one that it would have.
    fn place_of(self, node: i64) -> Result<usize, usize> {
        self.entries
            .binary_search_by_key(&(node as u64), |entry| node_of(number(entry)))
    }

    /// Whether it knows all that the other does.
    pub fn contains(self, other: Self) -> bool {
        let mut known = self.entries.iter().map(number);
        let mut asked = other.entries.iter().map(number);
        asked.all(|asked| {
            let known = known.find(|known| node_of(*known) >= node_of(asked));
            known.is_some_and(|known| node_of(known) == node_of(asked) && known >= asked)
        })
    }

    /// The order of causality: whether it knows less than the other, as much or more; `None` if
    /// each knows what the other does not.
    pub fn order(self, other: Self) -> Option<Ordering> {
        let (mut less, mut more) = (false, false);
        let (mut i, mut j) = (0, 0);
        while let (Some(left), Some(right)) = (self.entries.get(i), other.entries.get(j)) {
            let (left, right) = (number(left), number(right));
            match node_of(left).cmp(&node_of(right)) {
                Ordering::Less => {
                    more = true;
                    i += 1;
                }
                Ordering::Greater => {
                    less = true;
                    j += 1;
                }
                Ordering::Equal => {
                    less |= left < right;
                    more |= left > right;
                    i += 1;
                    j += 1;
                }
            }
            if less && more {
                return None;
            }
        }
        less |= j < other.len();
        more |= i < self.len();
        match (less, more) {
            (false, false) => Some(Ordering::Equal),
            (true, false) => Some(Ordering::Less),
            (false, true) => Some(Ordering::Greater),
            (true, true) => None,
        }
    }

    /// A total order in which whatever knows more is larger: by the counters of the first node in
    /// which they differ, where a missing one is 0.
    pub fn total_order(self, other: Self) -> Ordering {
        let pairs = self.entries.iter().zip(other.entries);
        for (left, right) in pairs.map(|(left, right)| (number(left), number(right))) {
            if left == right {
                continue;
            }
            return if node_of(left) == node_of(right) {
                left.cmp(&right)
            } else {
                // the one with the smaller node has a counter where the other has none
                right.cmp(&left)
            };
        }
        self.len().cmp(&other.len())
    }

    /// The least upper bound: what is known to one of them. Returns the bytes written; `room` is
    /// that of all entries of both.
    ///
    /// # Errors
    /// More entries than there can be.
    pub fn merge(self, other: Self, room: &mut [u8]) -> Result<usize, Error> {
        let mut writer = Writer::new(room)?;
        let (mut i, mut j) = (0, 0);
        while let (Some(left), Some(right)) = (self.entries.get(i), other.entries.get(j)) {
            let (left, right) = (number(left), number(right));
            let (of_left, of_right) = (node_of(left), node_of(right));
            // that both have the same nodes is the rule; which of two nodes is next cannot be foretold
            if of_left == of_right {
                let (ours, theirs) = (&self.entries[i..], &other.entries[j..]);
                let differs = |(left, right): (&Entry, &Entry)| left[..8] != right[..8];
                let same = ours.iter().zip(theirs).position(differs);
                let same = same.unwrap_or(ours.len().min(theirs.len()));
                writer.larger(&ours[..same], &theirs[..same])?;
                i += same;
                j += same;
            } else {
                let first = of_left < of_right;
                writer.push(if first { left } else { right })?;
                i += usize::from(first);
                j += usize::from(!first);
            }
        }
        writer.copy(&self.entries[i..])?;
        writer.copy(&other.entries[j..])?;
        Ok(writer.finish())
    }

    /// The greatest lower bound: what is known to both of them. Returns the bytes written; `room`
    /// is that of the entries of either.
    ///
    /// # Errors
    /// Room that is too small.
    pub fn meet(self, other: Self, room: &mut [u8]) -> Result<usize, Error> {
        let mut writer = Writer::new(room)?;
        let (mut i, mut j) = (0, 0);
        while let (Some(left), Some(right)) = (self.entries.get(i), other.entries.get(j)) {
            let (left, right) = (number(left), number(right));
            let (of_left, of_right) = (node_of(left), node_of(right));
            if of_left == of_right {
                writer.push(left.min(right))?;
            }
            i += usize::from(of_left <= of_right);
            j += usize::from(of_right <= of_left);
        }
        Ok(writer.finish())
    }

    /// One more event of a node. Returns the bytes written; `room` is that of one entry more.
    ///
    /// # Errors
    /// A negative node, a counter at its end, more entries than there can be.
    pub fn increment(self, node: i64, room: &mut [u8]) -> Result<usize, Error> {
        in_range(node, |node| Error::Node { node })?;
        let next = self.counter(node).checked_add(1);
        let next = next.filter(|next| *next > 0);
        let next = next.ok_or(Error::Exhausted { node })?;
        let (before, after) = match self.place_of(node) {
            Ok(place) => (place, place + 1),
            Err(place) => (place, place),
        };
        let mut writer = Writer::new(room)?;
        writer.copy(&self.entries[..before])?;
        writer.push(entry(node, next))?;
        writer.copy(&self.entries[after..])?;
        Ok(writer.finish())
    }

    /// The first events of one node; none if the counter is 0. Returns the bytes written; `room`
    /// is that of one entry.
    ///
    /// # Errors
    /// A node or a counter that is negative.
    pub fn of(node: i64, counter: i64, room: &mut [u8]) -> Result<usize, Error> {
        in_range(node, |node| Error::Node { node })?;
        in_range(counter, |counter| Error::Counter { counter })?;
        let mut writer = Writer::new(room)?;
        if counter > 0 {
            writer.push(entry(node, counter))?;
        }
        Ok(writer.finish())
    }

    /// Writes entries that come in any order. Returns the bytes written; `room` is that of all of
    /// them.
    ///
    /// # Errors
    /// Those of the iterator; more entries than there is room for.
    ///
    /// A node that is there twice is returned as the inner error.
    pub(super) fn collect<E: From<Error>>(
        entries: impl Iterator<Item = Result<(i64, i64), E>>,
        room: &mut [u8],
    ) -> Result<Result<usize, Twice>, E> {
        let mut writer = Writer::new(room)?;
        for pair in entries {
            let (node, counter) = pair?;
            writer.push(entry(node, counter))?;
        }
        let count = writer.written();
        let (_, rest) = room.split_at_mut(1);
        let (entries, _) = rest.as_chunks_mut();
        let entries: &mut [Entry] = &mut entries[..count];
        entries.sort_unstable();
        let nodes = |pair: &[Entry]| [number(&pair[0]), number(&pair[1])].map(node_of);
        let twice = entries
            .windows(2)
            .map(nodes)
            .find(|pair| pair[0] == pair[1]);
        if let Some([node, _]) = twice {
            return Ok(Err(Twice(node as i64)));
        }
        let mut kept = 0;
        for index in 0..count {
            if number(&entries[index]) as i64 != 0 {
                entries[kept] = entries[index];
                kept += 1;
            }
        }
        Ok(Ok(self::room(kept)))
    }
}

/// A node that has two entries.
pub(super) struct Twice(pub(super) i64);

/// An entry as one number.
#[inline]
fn number(entry: &Entry) -> u128 {
    u128::from_be_bytes(*entry)
}

#[inline]
fn node_of(entry: u128) -> u64 {
    (entry >> 64) as u64
}

fn entry(node: i64, counter: i64) -> u128 {
    (node as u128) << 64 | u128::from(counter as u64)
}

fn in_range(number: i64, refused: impl FnOnce(String) -> Error) -> Result<(), Error> {
    if number < 0 {
        return Err(refused(number.to_string()));
    }
    Ok(())
}

fn malformed(problem: Malformed) -> Error {
    Error::Binary {
        name: NAME,
        problem,
    }
}

pub(super) const fn too_many() -> Error {
    Error::TooMany {
        name: NAME,
        most: MOST_ENTRIES,
        what: "entries",
    }
}

/// Writes entries into room that the caller has made.
struct Writer<'a> {
    slots: slice::IterMut<'a, Entry>,
    places: usize,
}

impl<'a> Writer<'a> {
    fn new(room: &'a mut [u8]) -> Result<Self, Error> {
        let (version, rest) = room.split_first_mut().ok_or_else(too_many)?;
        *version = VERSION;
        let (slots, _) = rest.as_chunks_mut();
        Ok(Self {
            places: slots.len(),
            slots: slots.iter_mut(),
        })
    }

    #[inline]
    fn push(&mut self, entry: u128) -> Result<(), Error> {
        let slot = self.slots.next().ok_or_else(too_many)?;
        *slot = entry.to_be_bytes();
        Ok(())
    }

    fn copy(&mut self, entries: &[Entry]) -> Result<(), Error> {
        let slots = std::mem::take(&mut self.slots).into_slice();
        let (filled, rest) = slots
            .split_at_mut_checked(entries.len())
            .ok_or_else(too_many)?;
        filled.copy_from_slice(entries);
        self.slots = rest.iter_mut();
        Ok(())
    }

    /// Of entries of the same nodes those with the larger counters.
    fn larger(&mut self, left: &[Entry], right: &[Entry]) -> Result<(), Error> {
        let slots = std::mem::take(&mut self.slots).into_slice();
        let (filled, rest) = slots
            .split_at_mut_checked(left.len())
            .ok_or_else(too_many)?;
        for (slot, (left, right)) in filled.iter_mut().zip(left.iter().zip(right)) {
            *slot = *(if number(left) < number(right) {
                right
            } else {
                left
            });
        }
        self.slots = rest.iter_mut();
        Ok(())
    }

    /// How many entries.
    fn written(&self) -> usize {
        self.places - self.slots.len()
    }

    /// How many bytes.
    fn finish(self) -> usize {
        room(self.written())
    }
}
