//! Stamps and versions as text and in binary form, which is what is stored.

use pgrx::prelude::*;
use snowflake_core::causality::interval_tree::{Error, longest_text};

use crate::causality::interval_tree::value::{
    Made, MadeStamp, MadeVersion, StampArgument, Value, VersionArgument,
};
use crate::postgres::base_type::{Argument, Bytea, Input, Message, Output};
use crate::postgres::error::OrRaise;

extension_sql_file!(
    "../interval_tree.sql",
    name = "interval_tree",
    requires = ["hybrid"]
);

fn read<T: Value>(input: &Input) -> Result<Made<T>, Error> {
    Made::of(&input.as_str().parse()?)
}

fn write<T: Value>(argument: &Argument<T>) -> Output {
    Output::of(argument.value(), longest_text(argument.bytes()))
}

/// Reads text.
#[pg_extern(sql = false)]
fn itc_version_in(input: Input) -> MadeVersion {
    read(&input).or_raise()
}

/// Writes text.
#[pg_extern(sql = false)]
fn itc_version_out(version: VersionArgument) -> Output {
    write(&version)
}

/// Reads the binary form from a client.
#[pg_extern(sql = false)]
fn itc_version_recv(mut message: Message) -> MadeVersion {
    Made::check(message.rest()).or_raise()
}

/// Writes the binary form; it is the cast to bytea, too.
#[pg_extern(sql = false)]
fn itc_version_send(version: VersionArgument) -> Bytea {
    Bytea::of(version.bytes())
}

/// The cast from bytea.
#[pg_extern(sql = false)]
fn itc_version_from_bytea(bytes: &[u8]) -> MadeVersion {
    Made::check(bytes).or_raise()
}

/// Reads text.
#[pg_extern(sql = false)]
fn itc_stamp_in(input: Input) -> MadeStamp {
    read(&input).or_raise()
}

/// Writes text.
#[pg_extern(sql = false)]
fn itc_stamp_out(stamp: StampArgument) -> Output {
    write(&stamp)
}

/// Reads the binary form from a client.
#[pg_extern(sql = false)]
fn itc_stamp_recv(mut message: Message) -> MadeStamp {
    Made::check(message.rest()).or_raise()
}

/// Writes the binary form; it is the cast to bytea, too.
#[pg_extern(sql = false)]
fn itc_stamp_send(stamp: StampArgument) -> Bytea {
    Bytea::of(stamp.bytes())
}

/// The cast from bytea.
#[pg_extern(sql = false)]
fn itc_stamp_from_bytea(bytes: &[u8]) -> MadeStamp {
    Made::check(bytes).or_raise()
}
