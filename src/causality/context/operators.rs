//! Comparing contexts: by what they know, and by hashes.

use pgrx::prelude::*;

use crate::causality::context::value::Argument;
use crate::postgres::hash;

/// Whether it knows all that the other does.
#[pg_extern(sql = false)]
fn crdt_context_contains(left: Argument, right: Argument) -> bool {
    left.value().contains(right.value())
}

/// Whether the other knows all that it does.
#[pg_extern(sql = false)]
fn crdt_context_contained(left: Argument, right: Argument) -> bool {
    right.value().contains(left.value())
}

/// Equal values have equal bytes.
#[pg_extern(sql = false)]
fn crdt_context_eq(left: Argument, right: Argument) -> bool {
    left.bytes() == right.bytes()
}

#[pg_extern(sql = false)]
fn crdt_context_ne(left: Argument, right: Argument) -> bool {
    left.bytes() != right.bytes()
}

/// For hashes.
#[pg_extern(sql = false)]
fn crdt_context_hash(context: Argument) -> i32 {
    hash::of(context.bytes())
}

/// The same with a seed, for partitions by hash.
#[pg_extern(sql = false)]
fn crdt_context_hash_extended(context: Argument, seed: i64) -> i64 {
    hash::extended(context.bytes(), seed)
}
