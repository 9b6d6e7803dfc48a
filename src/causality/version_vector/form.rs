//! Version vectors as text, in binary form, and as JSON. The binary form is what is stored.

use pgrx::prelude::*;
use snowflake_core::causality::{Error, VersionVector};

use crate::causality::version_vector::value::{Argument, Made};
use crate::postgres::base_type::{Bytea, Input, Message, Output};
use crate::postgres::error::OrRaise;
use crate::postgres::jsonb::{Jsonb, JsonbArgument};

extension_sql_file!("../version_vector.sql", name = "version_vector");

/// Reads text.
#[pg_extern(sql = false)]
fn version_vector_in(input: Input) -> Made {
    let text = input.as_str();
    read(&text, VersionVector::parse).or_raise()
}

fn read(
    text: &str,
    parse: impl FnOnce(&str, &mut [u8]) -> Result<usize, Error>,
) -> Result<Made, Error> {
    let room = VersionVector::room_to_parse(text)?;
    Made::within(room, |room| parse(text, room))
}

/// Writes text.
#[pg_extern(sql = false)]
fn version_vector_out(vector: Argument) -> Output {
    let vector = vector.value();
    Output::of(vector, vector.longest_text())
}

/// Reads the binary form from a client.
#[pg_extern(sql = false)]
fn version_vector_recv(mut message: Message) -> Made {
    Made::check(message.rest()).or_raise()
}

/// Writes the binary form; it is the cast to bytea, too.
#[pg_extern(sql = false)]
fn version_vector_send(vector: Argument) -> Bytea {
    Bytea::of(vector.bytes())
}

/// The cast from bytea.
#[pg_extern(sql = false)]
fn version_vector_from_bytea(bytes: &[u8]) -> Made {
    Made::check(bytes).or_raise()
}

/// The cast to jsonb.
#[pg_extern(sql = false)]
fn version_vector_to_jsonb(vector: Argument) -> Jsonb {
    let vector = vector.value();
    Jsonb::parse(Output::of(vector.json(), vector.longest_text())).or_raise()
}

/// The cast from jsonb.
#[pg_extern(sql = false)]
fn version_vector_from_jsonb(jsonb: JsonbArgument) -> Made {
    let text = jsonb.text().or_raise();
    read(&text.as_str(), VersionVector::parse_json).or_raise()
}
