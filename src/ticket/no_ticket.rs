//! Why there is no ticket. What the caller is told, with the name of the ticket in it, is made in
//! one place, when a SQL function ends.

use pgrx::prelude::*;

use crate::postgres::error::Failure;
use crate::postgres::name::Relation;
use crate::postgres::text::ServerText;
use crate::shared::block_orders::REGISTRY_TICKETS;
use crate::shared::counters::COUNTERS;

/// Why there is no ticket.
#[derive(Debug)]
pub enum NoTicket {
    /// No ticket has that name.
    Missing,
    /// Its sequence was dropped.
    Dropped,
    /// What has the OID of its sequence is another relation.
    Foreign(Relation),
    /// Numbers must not be drawn from its sequence: why, as a sentence.
    Unfit(&'static str),
    /// The caller has no privilege on its sequence.
    Denied,
    /// There are no further numbers.
    Exhausted,
    /// It comes from a registry, and there is no room for its blocks in shared memory.
    NoRoomForBlocks,
    /// It comes from a registry, and there is no room for its orders in shared memory.
    NoRoomForOrders,
    /// The registry gave no block: why.
    NoBlock(String),
    /// Another server asks for its numbers, but they come from yet another registry.
    Elsewhere,
    /// What has nothing to do with the name.
    Other(Failure),
}

impl From<Failure> for NoTicket {
    fn from(failure: Failure) -> Self {
        Self::Other(failure)
    }
}

impl NoTicket {
    /// The error that the caller of a SQL function is told.
    #[cold]
    pub fn failure(self, name: ServerText) -> Failure {
        let name = name.to_text();
        let cannot_draw = || format!("cannot draw ticket \"{name}\"");
        match self {
            Self::Missing => Failure::new(
                PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
                format!("ticket \"{name}\" does not exist"),
            ),
            Self::Dropped => Failure::state(cannot_draw())
                .detail("Its sequence was dropped.")
                .hint("Drop the ticket by ticket_drop()."),
            Self::Foreign(relation) => Failure::state(cannot_draw())
                .detail(format!(
                    "Its sequence was dropped before it was dumped, and relation \"{relation}\" \
                     has the OID now."
                ))
                .hint(
                    "Drop the ticket by ticket_drop(), which leaves that one alone. If it is the \
                     ticket's sequence all the same, and was renamed: set \"confirmed\" of the \
                     ticket's row in table snowflake_ticket to true.",
                ),
            Self::Unfit(problem) => Failure::state(cannot_draw()).detail(problem),
            Self::Denied => Failure::new(
                PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
                format!("permission denied for ticket \"{name}\""),
            )
            .hint("USAGE on its sequence is needed; table snowflake_ticket names it."),
            Self::Exhausted => Failure::new(
                PgSqlErrorCode::ERRCODE_SEQUENCE_GENERATOR_LIMIT_EXCEEDED,
                format!("ticket \"{name}\" has no numbers left"),
            ),
            Self::NoRoomForBlocks => full(cannot_draw(), COUNTERS, "tickets in blocks"),
            Self::NoRoomForOrders => full(cannot_draw(), REGISTRY_TICKETS, "tickets of registries"),
            Self::NoBlock(trouble) => Failure::new(
                PgSqlErrorCode::ERRCODE_CONNECTION_EXCEPTION,
                format!("no block of ticket \"{name}\" can be had"),
            )
            .detail_of(&trouble)
            .hint(
                "It comes from the registry that snowflake_pg.ticket_registry or \
                 snowflake_pg.registry names. Tickets go on as soon as that answers.",
            ),
            Self::Elsewhere => Failure::state(format!("cannot claim ticket \"{name}\""))
                .detail("Its numbers come from another registry."),
            Self::Other(failure) => failure,
        }
    }
}

/// Shared memory has room for `most` tickets of a kind, and none is left.
fn full(message: String, most: usize, tickets: &str) -> Failure {
    Failure::new(
        PgSqlErrorCode::ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
        message,
    )
    .detail(format!(
        "This server can draw {most} {tickets}, and draws as many already."
    ))
    .hint("Drop one by ticket_drop().")
}
