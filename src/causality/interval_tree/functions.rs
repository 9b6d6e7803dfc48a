//! The steps of an interval tree clock on values: nothing keeps an identity from being copied.

use pgrx::prelude::*;
use snowflake_core::causality::interval_tree::{Error, Stamp};

use crate::causality::interval_tree::value::{
    Made, MadeStamp, MadeVersion, StampArgument, VersionArgument,
};
use crate::postgres::error::OrRaise;
use crate::postgres::row::Row;

fn made(stamp: Result<Stamp, Error>) -> MadeStamp {
    stamp.and_then(|stamp| Made::of(&stamp)).or_raise()
}

/// The stamp that all others come from.
#[pg_extern(sql = false)]
fn itc_seed() -> MadeStamp {
    made(Stamp::seed())
}

/// Two in the place of one.
#[pg_extern(sql = false)]
fn itc_fork(stamp: StampArgument) -> Row<2> {
    let (left, right) = stamp.value().fork().or_raise();
    Row([left, right].map(|half| Some(Made::of(&half).or_raise().datum())))
}

/// After one more event.
#[pg_extern(sql = false)]
fn itc_event(stamp: StampArgument) -> MadeStamp {
    made(stamp.value().event())
}

/// One in the place of two.
#[pg_extern(sql = false)]
fn itc_join(left: StampArgument, right: StampArgument) -> MadeStamp {
    made(left.value().join(&right.value()))
}

/// After hearing of a version, which is an event.
#[pg_extern(sql = false)]
fn itc_receive(stamp: StampArgument, version: VersionArgument) -> MadeStamp {
    made(stamp.value().receive(&version.value()))
}

/// What it knows.
#[pg_extern(sql = false)]
fn itc_peek(stamp: StampArgument) -> MadeVersion {
    Made::of(stamp.value().version()).or_raise()
}

/// What is known to one of two versions.
#[pg_extern(sql = false)]
fn itc_version_join(left: VersionArgument, right: VersionArgument) -> MadeVersion {
    let joined = left.value().join(&right.value()).or_raise();
    Made::of(&joined).or_raise()
}
