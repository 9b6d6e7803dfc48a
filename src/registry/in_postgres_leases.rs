//! Worker IDs of a registry in another server: leasing them, giving them back.

use snowflake_core::lease::{Answer, Lease, Reason, Refusal, Request};
use snowflake_core::snowflake::Layout;
use snowflake_core::uuid::Uuid;

use crate::net::deadline::Deadline;
use crate::net::libpq::TextRow;
use crate::registry::in_postgres::Postgres;
use crate::registry::protocol::{LeaseRegistry, NoAnswer};

impl LeaseRegistry for Postgres {
    fn take(
        &mut self,
        layout: &Layout,
        request: &Request,
        deadline: Deadline,
    ) -> Result<Answer, NoAnswer> {
        const STATEMENT: &str = "SELECT outcome, worker_id, not_before, not_after, contested_by, \
             detail FROM {}.snowflake_lease_take($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
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
        let rows = self.ask(STATEMENT, &parameters, deadline)?;
        read(&rows).ok_or_else(|| NoAnswer("its answer cannot be read".into()))
    }

    fn release(
        &mut self,
        layout: &Layout,
        worker: u32,
        nonce: u128,
        mark: i64,
        deadline: Deadline,
    ) -> Result<(), NoAnswer> {
        const STATEMENT: &str = "SELECT {}.snowflake_lease_release($1, $2, $3, $4)";
        let parameters = [
            Some(layout.name().to_string()),
            Some(worker.to_string()),
            Some(Uuid::from_u128(nonce).to_string()),
            Some(mark.to_string()),
        ];
        self.ask(STATEMENT, &parameters, deadline).map(drop)
    }
}

/// The answer in what `snowflake_lease_take()` returns.
fn read(rows: &[TextRow]) -> Option<Answer> {
    let [row] = rows else {
        return None;
    };
    let [outcome, worker, not_before, not_after, contested_by, detail] = row.as_slice() else {
        return None;
    };
    let outcome = outcome.as_deref()?;
    if outcome == "granted" {
        return Some(Answer::Granted {
            lease: Lease {
                worker: worker.as_deref()?.parse().ok()?,
                not_before: not_before.as_deref()?.parse().ok()?,
                not_after: not_after.as_deref()?.parse().ok()?,
            },
            contested_by: contested_by.clone(),
        });
    }
    Some(Answer::Refused(Refusal {
        reason: Reason::from_name(outcome)?,
        detail: detail.clone().unwrap_or_default(),
    }))
}
