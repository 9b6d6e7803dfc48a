//! The functions about version vectors.

use pgrx::prelude::*;
use snowflake_core::causality::VersionVector;

use crate::causality::node;
use crate::causality::version_vector::value::{Argument, Made, of_entries};
use crate::postgres::error::OrRaise;

/// The first events of one node.
#[pg_extern(sql = false)]
fn version_vector_of(node: i64, counter: i64) -> Made {
    of_entries(1, |room| VersionVector::of(node, counter, room)).or_raise()
}

/// One more event of a node.
#[pg_extern(sql = false)]
fn version_vector_increment(vector: Argument, node: i64) -> Made {
    increment(vector, node)
}

/// One more event of the node that this database is.
#[pg_extern(sql = false)]
fn version_vector_increment_own(vector: Argument) -> Made {
    increment(vector, node::own().or_raise())
}

fn increment(vector: Argument, node: i64) -> Made {
    let vector = vector.value();
    of_entries(vector.len() + 1, |room| vector.increment(node, room)).or_raise()
}

/// The counter of a node, 0 if it has none.
#[pg_extern(sql = false)]
fn version_vector_counter(vector: Argument, node: i64) -> i64 {
    vector.value().counter(node)
}

/// The nodes that have a counter, in their order.
#[pg_extern(sql = false)]
fn version_vector_nodes(vector: Argument) -> Vec<i64> {
    let entries = vector.value().entries();
    entries.map(|(node, _)| node).collect()
}

/// The least upper bound: what is known to one of two.
#[pg_extern(sql = false)]
fn version_vector_merge(left: Argument, right: Argument) -> Made {
    let (left, right) = (left.value(), right.value());
    of_entries(left.len() + right.len(), |room| left.merge(right, room)).or_raise()
}

/// The greatest lower bound: what is known to both of two.
#[pg_extern(sql = false)]
fn version_vector_meet(left: Argument, right: Argument) -> Made {
    let (left, right) = (left.value(), right.value());
    of_entries(left.len().min(right.len()), |room| left.meet(right, room)).or_raise()
}
