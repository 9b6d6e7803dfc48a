//! Worker IDs of a registry in another server: leasing them, giving them back.

use snowflake_core::lease::{Answer, Request};
use snowflake_core::snowflake::Layout;
use snowflake_core::uuid::Uuid;

use crate::net::deadline::Deadline;
use crate::registry::in_postgres::Postgres;
use crate::registry::lease_row;
use crate::registry::protocol::{LeaseRegistry, NoAnswer};

impl LeaseRegistry for Postgres {
    fn take(
        &mut self,
        layout: &Layout,
        request: &Request,
        deadline: Deadline,
    ) -> Result<Answer, NoAnswer> {
        const CALL: &str = "{}.snowflake_lease_take($1::pg_catalog.text, $2::pg_catalog.text, \
             $3::pg_catalog.uuid, $4::pg_catalog.text, $5::pg_catalog.int8, $6::pg_catalog.int8, \
             $7::pg_catalog.int8, $8::pg_catalog.int4, $9::pg_catalog.int4, $10::pg_catalog.int8, \
             $11::pg_catalog.int8)";
        let statement = format!("SELECT {} FROM {CALL}", lease_row::COLUMNS.join(", "));
        let held = request.held;
        let parameters = [
            Some(layout.name().to_string()),
            Some(request.identity.clone()),
            Some(Uuid::from_u128(request.nonce).to_string()),
            Some(request.host_name.clone()),
            Some(request.clock.to_string()),
            Some(request.max_lead.to_string()),
            Some(request.length.to_string()),
            request.fixed.map(|worker| worker.to_string()),
            held.map(|held| held.worker.to_string()),
            held.map(|held| held.not_before.to_string()),
            held.map(|held| held.not_after.to_string()),
        ];
        let rows = self.ask(&statement, &parameters, deadline)?;
        let answer = match rows.as_slice() {
            [row] => lease_row::read(row),
            _ => None,
        };
        answer.ok_or_else(|| "its answer cannot be read".into())
    }

    fn release(
        &mut self,
        layout: &Layout,
        worker: u32,
        nonce: u128,
        mark: i64,
        deadline: Deadline,
    ) -> Result<(), NoAnswer> {
        const STATEMENT: &str = "SELECT {}.snowflake_lease_release($1::pg_catalog.text, \
             $2::pg_catalog.int4, $3::pg_catalog.uuid, $4::pg_catalog.int8)";
        let parameters = [
            Some(layout.name().to_string()),
            Some(worker.to_string()),
            Some(Uuid::from_u128(nonce).to_string()),
            Some(mark.to_string()),
        ];
        self.ask(STATEMENT, &parameters, deadline).map(drop)
    }
}
