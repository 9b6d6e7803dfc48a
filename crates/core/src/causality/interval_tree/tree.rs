//! A function on the interval [0, 1) that is constant on parts of it, each a half of a half and so
//! on: a binary tree in normal form, of which equal functions have the same one.

use super::error::Error;
use super::limits::{DEEPEST, MOST_BYTES};

/// The most nodes and leaves that there can be: each pair of them takes two bits or more of what is
/// stored.
const MOST_PARTS: usize = MOST_BYTES * u8::BITS as usize;

/// A leaf, or a node with both its halves behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    /// What it adds on the whole part.
    value: u64,
    /// How many parts its left half has; 0 of a leaf.
    left: u32,
}

impl Part {
    fn is_leaf(self) -> bool {
        self.left == 0
    }
}

/// Which half of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Left,
    Right,
}

/// A place in a tree, and what is added on the way to it. A half of a leaf is the leaf again.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    place: usize,
    above: u64,
}

/// One level more.
pub(super) fn deeper(depth: usize) -> Result<usize, Error> {
    if depth == DEEPEST {
        return Err(Error::TooDeep);
    }
    Ok(depth + 1)
}

/// The root of every tree.
pub(super) const ROOT: At = At { place: 0, above: 0 };

/// Nodes before their halves, the left one first. In normal form one of the halves has a point with
/// value 0, and they are not equal leaves. The halves of a node that is being made are not there yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tree {
    parts: Vec<Part>,
}

impl Tree {
    /// The same value everywhere.
    pub(super) fn flat(value: u64) -> Result<Self, Error> {
        let mut tree = Self::default();
        tree.leaf(value)?;
        Ok(tree)
    }

    /// The same tree, or an error if there is no memory for it.
    pub(super) fn copy(&self) -> Result<Self, Error> {
        let mut tree = Self::default();
        tree.graft(self, ROOT)?;
        Ok(tree)
    }

    pub(super) fn is_leaf(&self, at: At) -> bool {
        self.parts[at.place].is_leaf()
    }

    /// The least value there.
    pub(super) fn least(&self, at: At) -> u64 {
        at.above + self.parts[at.place].value
    }

    /// The largest value there.
    pub(super) fn most(&self, at: At) -> u64 {
        if self.is_leaf(at) {
            return self.least(at);
        }
        let of = |half| self.most(self.half(at, half));
        of(Half::Left).max(of(Half::Right))
    }

    /// What the part itself adds.
    pub(super) fn value(&self, at: At) -> u64 {
        self.parts[at.place].value
    }

    /// Whether it is a leaf with this value of its own.
    pub(super) fn is(&self, at: At, value: u64) -> bool {
        self.parts[at.place] == Part { value, left: 0 }
    }

    pub(super) fn half(&self, at: At, half: Half) -> At {
        let part = self.parts[at.place];
        if part.is_leaf() {
            return at;
        }
        let skipped = match half {
            Half::Left => 0,
            Half::Right => part.left as usize,
        };
        At {
            place: at.place + 1 + skipped,
            above: at.above + part.value,
        }
    }

    /// The half of a node that has a place below it.
    pub(super) fn towards(&self, at: At, below: At) -> Half {
        if below.place < self.half(at, Half::Right).place {
            Half::Left
        } else {
            Half::Right
        }
    }

    /// Whether it is nowhere above the other.
    pub(super) fn is_within(&self, at: At, other: &Self, there: At) -> bool {
        if self.least(at) > other.least(there) {
            return false;
        }
        let half = |half| self.is_within(self.half(at, half), other, other.half(there, half));
        self.is_leaf(at) || half(Half::Left) && half(Half::Right)
    }

    /// The larger of the two at each point.
    pub(super) fn join(&self, other: &Self) -> Result<Self, Error> {
        let mut joined = Self::default();
        joined.push_joined(self, ROOT, other, ROOT)?;
        Ok(joined)
    }

    fn push_joined(&mut self, one: &Self, at: At, other: &Self, there: At) -> Result<(), Error> {
        if one.is_leaf(at) && other.is_leaf(there) {
            return self.leaf(one.least(at).max(other.least(there)));
        }
        self.node(0, |tree, half| {
            tree.push_joined(one, one.half(at, half), other, other.half(there, half))
        })
    }

    /// Adds a leaf.
    pub(super) fn leaf(&mut self, value: u64) -> Result<(), Error> {
        self.push(Part { value, left: 0 })
    }

    /// Adds a node, each half by a call, and brings it into normal form, its halves being so. Halves
    /// may be made with what is above them, if the node adds nothing.
    pub(super) fn node<E: From<Error>>(
        &mut self,
        value: u64,
        mut add: impl FnMut(&mut Self, Half) -> Result<(), E>,
    ) -> Result<(), E> {
        let node = self.parts.len();
        self.leaf(value)?;
        add(self, Half::Left)?;
        let right = self.parts.len();
        add(self, Half::Right)?;
        self.parts[node].left = (right - node - 1) as u32;
        self.normalise(node, right);
        Ok(())
    }

    fn normalise(&mut self, node: usize, right: usize) {
        let left = node + 1;
        if self.parts[left].is_leaf() && self.parts[left] == self.parts[right] {
            let value = self.parts[node].value + self.parts[left].value;
            self.parts.truncate(left);
            self.parts[node] = Part { value, left: 0 };
            return;
        }
        let least = self.parts[left].value.min(self.parts[right].value);
        self.parts[node].value += least;
        self.parts[left].value -= least;
        self.parts[right].value -= least;
    }

    /// Adds a copy of what is there in another tree, with what is above it there.
    pub(super) fn graft(&mut self, other: &Self, at: At) -> Result<(), Error> {
        let mut last = at.place;
        while !other.parts[last].is_leaf() {
            last += 1 + other.parts[last].left as usize;
        }
        let (root, parts) = (self.parts.len(), &other.parts[at.place..=last]);
        self.reserve(parts.len())?;
        self.parts.extend_from_slice(parts);
        self.parts[root].value += at.above;
        Ok(())
    }

    /// The place that the next part will have.
    pub(super) fn next(&self) -> usize {
        self.parts.len()
    }

    /// Raises a part, the left half of a node that is being made, to the least value of the right
    /// one.
    pub(super) fn raise(&mut self, left: usize, right: usize) {
        let least = self.parts[right].value;
        let part = &mut self.parts[left];
        part.value = part.value.max(least);
    }

    fn push(&mut self, part: Part) -> Result<(), Error> {
        self.reserve(1)?;
        self.parts.push(part);
        Ok(())
    }

    fn reserve(&mut self, parts: usize) -> Result<(), Error> {
        if parts > MOST_PARTS - self.parts.len() {
            return Err(Error::TooLarge);
        }
        self.parts
            .try_reserve(parts)
            .map_err(|_| Error::OutOfMemory)
    }
}
