//! Comparing version vectors: by causality, in a total order that extends it, and by hashes.

use std::cmp::Ordering;

use pgrx::prelude::*;

use crate::causality::version_vector::value::Argument;
use crate::postgres::hash;

/// Whether it knows all that the other does.
#[pg_extern(sql = false)]
fn version_vector_contains(left: Argument, right: Argument) -> bool {
    left.value().contains(right.value())
}

/// Whether the other knows all that it does.
#[pg_extern(sql = false)]
fn version_vector_contained(left: Argument, right: Argument) -> bool {
    right.value().contains(left.value())
}

/// Whether it knows all that the other does, and more.
#[pg_extern(sql = false)]
fn version_vector_after(left: Argument, right: Argument) -> bool {
    left.value().order(right.value()) == Some(Ordering::Greater)
}

/// Whether the other knows all that it does, and more.
#[pg_extern(sql = false)]
fn version_vector_before(left: Argument, right: Argument) -> bool {
    left.value().order(right.value()) == Some(Ordering::Less)
}

/// Whether each knows what the other does not.
#[pg_extern(sql = false)]
fn version_vector_concurrent(left: Argument, right: Argument) -> bool {
    left.value().order(right.value()).is_none()
}

/// Equal values have equal bytes.
#[pg_extern(sql = false)]
fn version_vector_eq(left: Argument, right: Argument) -> bool {
    left.bytes() == right.bytes()
}

#[pg_extern(sql = false)]
fn version_vector_ne(left: Argument, right: Argument) -> bool {
    left.bytes() != right.bytes()
}

fn order(left: &Argument, right: &Argument) -> Ordering {
    left.value().total_order(right.value())
}

#[pg_extern(sql = false)]
fn version_vector_lt(left: Argument, right: Argument) -> bool {
    order(&left, &right).is_lt()
}

#[pg_extern(sql = false)]
fn version_vector_le(left: Argument, right: Argument) -> bool {
    order(&left, &right).is_le()
}

#[pg_extern(sql = false)]
fn version_vector_gt(left: Argument, right: Argument) -> bool {
    order(&left, &right).is_gt()
}

#[pg_extern(sql = false)]
fn version_vector_ge(left: Argument, right: Argument) -> bool {
    order(&left, &right).is_ge()
}

/// The total order, for btrees.
#[pg_extern(sql = false)]
fn version_vector_cmp(left: Argument, right: Argument) -> i32 {
    order(&left, &right) as i32
}

/// For hashes.
#[pg_extern(sql = false)]
fn version_vector_hash(vector: Argument) -> i32 {
    hash::of(vector.bytes())
}

/// The same with a seed, for partitions by hash.
#[pg_extern(sql = false)]
fn version_vector_hash_extended(vector: Argument, seed: i64) -> i64 {
    hash::extended(vector.bytes(), seed)
}
