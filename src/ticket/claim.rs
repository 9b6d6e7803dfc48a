//! The registry's side of `ticket_next()`: another server claims numbers here, and draws them.

use pgrx::prelude::*;

use crate::postgres::error::{Failure, OrRaise};
use crate::postgres::row::Row;
use crate::postgres::text::ServerText;
use crate::ticket::counter::{self, refuse_recovery};
use crate::ticket::known;
use crate::ticket::no_ticket::NoTicket;

/// The largest block that another server may claim.
pub const LARGEST_CLAIM: u32 = 1 << 24;

/// Numbers for another server, which draws them.
#[pg_extern(sql = r#"
CREATE FUNCTION snowflake_ticket_claim(name text, count int, OUT first bigint, OUT step bigint, OUT claimed int)
VOLATILE STRICT PARALLEL UNSAFE LANGUAGE c
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn snowflake_ticket_claim(name: ServerText, count: i32) -> Row<3> {
    claim(name, count)
        .map_err(|no_ticket| no_ticket.failure(name))
        .or_raise()
}

fn claim(name: ServerText, count: i32) -> Result<Row<3>, NoTicket> {
    let allowed = u32::try_from(count).ok();
    let allowed = allowed.filter(|count| (1..=LARGEST_CLAIM).contains(count));
    let wanted = allowed.ok_or_else(|| {
        Failure::new(
            PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("count must be between 1 and {LARGEST_CLAIM}, not {count}"),
        )
    })?;
    refuse_recovery()?;
    let named = known::named(name)?.ok_or(NoTicket::Missing)?;
    named.check(name)?;
    counter::check_privilege(named.sequence)?;
    if named.registry {
        return Err(NoTicket::Elsewhere);
    }
    let sequence = counter::open_to_raise(named.sequence)?;
    // SAFETY: gives the transaction an ID: with one, its commit waits for synchronous standbys
    unsafe { pg_sys::GetTopTransactionId() };
    let block = counter::claim_durably(sequence, wanted)?;
    Ok(Row([
        Some(block.first.into()),
        Some(block.step.into()),
        Some((block.count as i32).into()),
    ]))
}
