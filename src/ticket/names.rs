//! Names of tickets.

use pgrx::prelude::*;

use crate::postgres::encoding;
use crate::postgres::error::{Failure, Outcome};
use crate::postgres::text::ServerText;
use crate::shared::block_orders::{LONGEST_NAME, RegistryName};

/// A name that messages and DDL can do with.
pub fn check(name: ServerText) -> Outcome<()> {
    /// So that the name of the sequence, with its suffix, is no longer than an identifier.
    const LONGEST: usize = LONGEST_NAME;
    if (1..=LONGEST).contains(&name.bytes().len()) {
        return Ok(());
    }
    Err(invalid(name).detail(format!("It must have between 1 and {LONGEST} bytes.")))
}

/// What the sequence of a ticket is called, unless it was renamed.
pub fn of_sequence(name: ServerText) -> Vec<u8> {
    [name.bytes(), b"_ticket"].concat()
}

/// The name of a ticket as a registry knows it, which must be no other's name.
pub fn in_registry(name: ServerText) -> Outcome<RegistryName> {
    let text = name.to_utf8();
    let exact = text.and_then(|text| RegistryName::exact(&text));
    exact.ok_or_else(|| {
        invalid(name).detail(format!(
            "In a registry it must be valid in UTF-8, with up to {LONGEST_NAME} bytes."
        ))
    })
}

fn invalid(name: ServerText) -> Failure {
    Failure::new(
        PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
        format!(
            "invalid name of a ticket: \"{}\"",
            encoding::escape(&name.to_text())
        ),
    )
}
