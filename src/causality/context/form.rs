//! Contexts as text and in binary form. The binary form is what is stored.

use pgrx::prelude::*;
use snowflake_core::causality::Context;

use crate::causality::context::value::{Argument, Made};
use crate::postgres::base_type::{Bytea, Input, Message, Output};
use crate::postgres::error::OrRaise;

extension_sql_file!(
    "../context.sql",
    name = "context",
    requires = ["version_vector"]
);

/// Reads text.
#[pg_extern(sql = false)]
fn crdt_context_in(input: Input) -> Made {
    let text = input.as_str();
    let room = Context::room_to_parse(&text);
    Made::within(room, |room| Context::parse(&text, room)).or_raise()
}

/// Writes text.
#[pg_extern(sql = false)]
fn crdt_context_out(context: Argument) -> Output {
    let context = context.value();
    Output::of(context, context.longest_text())
}

/// Reads the binary form from a client.
#[pg_extern(sql = false)]
fn crdt_context_recv(mut message: Message) -> Made {
    Made::check(message.rest()).or_raise()
}

/// Writes the binary form; it is the cast to bytea, too.
#[pg_extern(sql = false)]
fn crdt_context_send(context: Argument) -> Bytea {
    Bytea::of(context.bytes())
}

/// The cast from bytea.
#[pg_extern(sql = false)]
fn crdt_context_from_bytea(bytes: &[u8]) -> Made {
    Made::check(bytes).or_raise()
}
