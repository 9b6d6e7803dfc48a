//! Identities: functions that are 1 in the part of the interval that a replica has to itself.

use super::error::Error;
use super::tree::{At, Half, ROOT, Tree, deeper};

/// Whose events somebody may record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity(pub(super) Tree);

impl Identity {
    /// The one that all others come from.
    pub(super) fn whole() -> Result<Self, Error> {
        Tree::flat(1).map(Self)
    }

    /// Nobody's.
    pub(super) fn none() -> Result<Self, Error> {
        Tree::flat(0).map(Self)
    }

    pub(super) fn is_none(&self) -> bool {
        self.0.is(ROOT, 0)
    }

    /// Two that have nothing in common and are the whole of it.
    pub(super) fn split(&self) -> Result<(Self, Self), Error> {
        let share = |of| -> Result<Self, Error> {
            let mut share = Tree::default();
            push_share(&mut share, of, &self.0, ROOT, 0)?;
            Ok(Self(share))
        };
        Ok((share(Half::Left)?, share(Half::Right)?))
    }

    /// Whether they have a part in common.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        overlap(&self.0, ROOT, &other.0, ROOT)
    }

    /// Both as one.
    pub(super) fn join(&self, other: &Self) -> Result<Self, Error> {
        if self.overlaps(other) {
            return Err(Error::Overlap);
        }
        self.0.join(&other.0).map(Self)
    }
}

/// Halves the first part from the root that can be halved: one half for each of the two, or a leaf.
fn push_share(
    share: &mut Tree,
    of: Half,
    identity: &Tree,
    at: At,
    depth: usize,
) -> Result<(), Error> {
    if identity.is(at, 0) {
        return share.leaf(0);
    }
    let deeper = deeper(depth)?;
    if identity.is_leaf(at) {
        return share.node(0, |share, half| share.leaf(u64::from(half == of)));
    }
    let is_empty = |half| identity.is(identity.half(at, half), 0);
    let passes_down = is_empty(Half::Left) || is_empty(Half::Right);
    share.node(0, |share, half| {
        let below = identity.half(at, half);
        if passes_down {
            push_share(share, of, identity, below, deeper)
        } else if half == of {
            share.graft(identity, below)
        } else {
            share.leaf(0)
        }
    })
}

fn overlap(one: &Tree, at: At, other: &Tree, there: At) -> bool {
    if one.is(at, 0) || other.is(there, 0) {
        return false;
    }
    let below = |half| overlap(one, one.half(at, half), other, other.half(there, half));
    one.is_leaf(at) || other.is_leaf(there) || below(Half::Left) || below(Half::Right)
}
