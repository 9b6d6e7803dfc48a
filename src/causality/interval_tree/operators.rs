//! Comparing versions by causality; both types by equality and hashes.

use std::cmp::Ordering;

use pgrx::prelude::*;

use crate::causality::interval_tree::value::{StampArgument, VersionArgument};
use crate::postgres::hash;

/// Whether it knows all that the other does.
#[pg_extern(sql = false)]
fn itc_version_contains(left: VersionArgument, right: VersionArgument) -> bool {
    left.value().contains(&right.value())
}

/// Whether the other knows all that it does.
#[pg_extern(sql = false)]
fn itc_version_contained(left: VersionArgument, right: VersionArgument) -> bool {
    right.value().contains(&left.value())
}

/// Whether it knows all that the other does, and more.
#[pg_extern(sql = false)]
fn itc_version_after(left: VersionArgument, right: VersionArgument) -> bool {
    left.value().order(&right.value()) == Some(Ordering::Greater)
}

/// Whether the other knows all that it does, and more.
#[pg_extern(sql = false)]
fn itc_version_before(left: VersionArgument, right: VersionArgument) -> bool {
    left.value().order(&right.value()) == Some(Ordering::Less)
}

/// Whether each knows what the other does not.
#[pg_extern(sql = false)]
fn itc_version_concurrent(left: VersionArgument, right: VersionArgument) -> bool {
    left.value().order(&right.value()).is_none()
}

/// Equal values have equal bytes.
#[pg_extern(sql = false)]
fn itc_version_eq(left: VersionArgument, right: VersionArgument) -> bool {
    left.bytes() == right.bytes()
}

#[pg_extern(sql = false)]
fn itc_version_ne(left: VersionArgument, right: VersionArgument) -> bool {
    left.bytes() != right.bytes()
}

/// For hashes.
#[pg_extern(sql = false)]
fn itc_version_hash(version: VersionArgument) -> i32 {
    hash::of(version.bytes())
}

/// The same with a seed, for partitions by hash.
#[pg_extern(sql = false)]
fn itc_version_hash_extended(version: VersionArgument, seed: i64) -> i64 {
    hash::extended(version.bytes(), seed)
}

/// Equal values have equal bytes.
#[pg_extern(sql = false)]
fn itc_stamp_eq(left: StampArgument, right: StampArgument) -> bool {
    left.bytes() == right.bytes()
}

#[pg_extern(sql = false)]
fn itc_stamp_ne(left: StampArgument, right: StampArgument) -> bool {
    left.bytes() != right.bytes()
}

/// For hashes.
#[pg_extern(sql = false)]
fn itc_stamp_hash(stamp: StampArgument) -> i32 {
    hash::of(stamp.bytes())
}

/// The same with a seed, for partitions by hash.
#[pg_extern(sql = false)]
fn itc_stamp_hash_extended(stamp: StampArgument, seed: i64) -> i64 {
    hash::extended(stamp.bytes(), seed)
}
