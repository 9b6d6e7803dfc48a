//! How an event raises what is known, by the paper: where the identity allows to make the tree
//! simpler, else where it makes it larger by the least.

use super::error::Error;
use super::identity::Identity;
use super::limits::MOST_EVENTS;
use super::tree::{At, Half, ROOT, Tree};

/// What is known after one more event.
pub(super) fn event(identity: &Identity, known: &Tree) -> Result<Tree, Error> {
    let identity = &identity.0;
    let mut filled = Tree::default();
    push_filled(&mut filled, identity, ROOT, known, ROOT)?;
    if filled != *known {
        return Ok(filled);
    }
    let (_, target) = cheapest(identity, ROOT, known, ROOT).ok_or(Error::NoIdentity)?;
    let mut grown = Tree::default();
    push_grown(&mut grown, target, identity, ROOT, known, ROOT)?;
    Ok(grown)
}

/// Raises own parts as far as the tree becomes simpler by it.
fn push_filled(
    filled: &mut Tree,
    identity: &Tree,
    at: At,
    known: &Tree,
    there: At,
) -> Result<(), Error> {
    if identity.is(at, 1) {
        return filled.leaf(known.most(there));
    }
    if identity.is_leaf(at) || known.is_leaf(there) {
        return filled.graft(known, there);
    }
    let left = filled.next() + 1;
    filled.node(0, |filled, half| {
        let right = filled.next();
        let (own, below) = (identity.half(at, half), known.half(there, half));
        push_filled(filled, identity, own, known, below)?;
        let is_own = |half| identity.is(identity.half(at, half), 1);
        if half == Half::Right && is_own(Half::Left) {
            filled.raise(left, right);
        } else if half == Half::Right && is_own(Half::Right) {
            filled.raise(right, left);
        }
        Ok(())
    })
}

/// What it costs to make a leaf a node: more than any number of levels.
const NEW_NODE: u32 = 1_024;

/// The own leaf where one more event makes the tree larger by the least, and what that costs: the
/// right one of two that cost the same.
fn cheapest(identity: &Tree, at: At, known: &Tree, there: At) -> Option<(u32, At)> {
    if identity.is_leaf(at) {
        return identity.is(at, 1).then_some((0, at));
    }
    let below = |half| {
        let (own, below) = (identity.half(at, half), known.half(there, half));
        cheapest(identity, own, known, below)
    };
    let (cost, leaf) = match (below(Half::Left), below(Half::Right)) {
        (Some(left), Some(right)) if left.0 < right.0 => left,
        (left, right) => right.or(left)?,
    };
    let level = if known.is_leaf(there) { NEW_NODE } else { 0 } + 1;
    Some((cost + level, leaf))
}

fn push_grown(
    grown: &mut Tree,
    target: At,
    identity: &Tree,
    at: At,
    known: &Tree,
    there: At,
) -> Result<(), Error> {
    if identity.is_leaf(at) {
        let next = known.most(there) + 1;
        if next > MOST_EVENTS {
            return Err(Error::TooMany);
        }
        return grown.leaf(next);
    }
    let towards = identity.towards(at, target);
    grown.node(0, |grown, half| {
        let (own, below) = (identity.half(at, half), known.half(there, half));
        if half == towards {
            push_grown(grown, target, identity, own, known, below)
        } else {
            grown.graft(known, below)
        }
    })
}
