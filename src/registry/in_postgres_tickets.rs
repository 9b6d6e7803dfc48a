//! Tickets of a registry in another server: making a counter there, claiming blocks of it.

use snowflake_core::ticket::Block;

use crate::net::deadline::Deadline;
use crate::registry::in_postgres::Postgres;
use crate::registry::protocol::{Definition, NoAnswer, TicketRegistry};

/// What a registry in PostgreSQL knows about a ticket.
#[derive(Clone, Copy)]
struct RemoteTicket {
    /// Its numbers come from yet another registry.
    elsewhere: bool,
    /// This server may draw it.
    allowed: bool,
}

impl TicketRegistry for Postgres {
    fn define(
        &mut self,
        name: &str,
        definition: Definition,
        deadline: Deadline,
    ) -> Result<bool, NoAnswer> {
        const DEFINE: &str = "SELECT {}.snowflake_ticket_define($1::pg_catalog.text, \
             $2::pg_catalog.int8, $3::pg_catalog.int4, $4::pg_catalog.int4)";
        let known = self.find_ticket(name, deadline)?;
        let found = match known {
            Some(found) => found,
            None => {
                let parameters = [
                    Some(name.to_string()),
                    Some(definition.start.to_string()),
                    Some(definition.block.to_string()),
                    Some(definition.step.to_string()),
                ];
                let refused = self.ask(DEFINE, &parameters, deadline).err();
                // another server may have been first
                match (self.find_ticket(name, deadline)?, refused) {
                    (Some(found), _) => found,
                    (None, Some(refused)) => return Err(refused),
                    (None, None) => return Err("it was dropped meanwhile".into()),
                }
            }
        };
        if found.elsewhere {
            return Err("it comes from yet another registry".into());
        }
        if !found.allowed {
            return Err("permission denied for its sequence".into());
        }
        Ok(known.is_some())
    }

    fn claim(&mut self, name: &str, count: u32, deadline: Deadline) -> Result<Block, NoAnswer> {
        const CLAIM: &str = "SELECT first, step, claimed \
             FROM {}.snowflake_ticket_claim($1::pg_catalog.text, $2::pg_catalog.int4)";
        let parameters = [Some(name.to_string()), Some(count.to_string())];
        // with time left to connect: that tells a registry that hangs from a locked counter
        let rows = self.ask_kept(deadline.half(), CLAIM, &parameters, deadline)?;
        let number = |column: usize| -> Option<i64> {
            let row = rows.first()?;
            row.get(column)?.as_deref()?.parse().ok()
        };
        let block = || Block::received(number(0)?, number(1)?, number(2)?, count);
        block().ok_or_else(|| NoAnswer("its answer is no block of tickets".into()))
    }

    fn is_unreachable(&self) -> bool {
        self.last_failed()
    }
}

impl Postgres {
    /// Looks a ticket up; `None` if its name is free.
    fn find_ticket(
        &mut self,
        name: &str,
        deadline: Deadline,
    ) -> Result<Option<RemoteTicket>, NoAnswer> {
        const FIND: &str = "SELECT registry, \
             pg_catalog.has_sequence_privilege(sequence, 'USAGE, UPDATE') \
             FROM {}.snowflake_ticket WHERE name OPERATOR(pg_catalog.=) $1::pg_catalog.text";
        let rows = self.ask(FIND, &[Some(name.to_string())], deadline)?;
        // NULL: its sequence was dropped, which leaves the name free
        let Some([Some(registry), Some(allowed)]) = rows.first().map(Vec::as_slice) else {
            return Ok(None);
        };
        Ok(Some(RemoteTicket {
            elsewhere: registry == "t",
            allowed: allowed == "t",
        }))
    }
}
