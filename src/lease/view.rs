//! What an operator sees of the lease: the function behind the view.

use pgrx::datum::{Interval, TimestampWithTimeZone};
use pgrx::prelude::*;
use snowflake_core::Timestamp;

use crate::host::clock;
use crate::host::identity;
use crate::postgres::encoding;
use crate::postgres::error::OrRaise;
use crate::postgres::timestamp;
use crate::registry::setting;
use crate::settings;
use crate::shared::lease_status::Cause;
use crate::shared::segment;

extension_sql_file!(
    "view.sql",
    name = "lease_view",
    requires = [snowflake_pg_lease]
);

/// The lease of this server's worker ID, or why there is none; no row without a registry.
#[allow(clippy::type_complexity)]
#[pg_extern(volatile, parallel_restricted)]
fn snowflake_pg_lease() -> TableIterator<
    'static,
    (
        name!(worker_id, Option<i32>),
        name!(identity, String),
        name!(registry, String),
        name!(not_before, Option<TimestampWithTimeZone>),
        name!(not_after, Option<TimestampWithTimeZone>),
        name!(remaining, Option<Interval>),
        name!(renewed, Option<TimestampWithTimeZone>),
        name!(last_error, Option<String>),
        name!(contested_by, Option<String>),
    ),
> {
    let holder = segment::shared().or_raise().holder();
    let row = settings::registry().map(|registry| {
        let status = holder.status();
        let lease = status.lease;
        let time = |millis| timestamp::to_postgres(Timestamp::from_millis(millis));
        let left = |end: i64| (end.saturating_mul(1_000)).saturating_sub(clock::wall().micros());
        let trouble = status.trouble.map(|trouble| {
            let since = Timestamp::from_millis(trouble.since);
            match trouble.cause {
                Cause::NoAnswer => format!("no answer since {since}: {}", trouble.text),
                _ => trouble.text.to_string(),
            }
        });
        (
            lease.map(|lease| lease.worker as i32),
            identity::system_identifier().to_string(),
            setting::kind(&registry).to_string(),
            lease.map(|lease| time(lease.not_before)),
            lease.map(|lease| time(lease.not_after)),
            lease.map(|lease| Interval::from_micros(left(lease.not_after).max(0))),
            (status.renewed > 0).then(|| time(status.renewed)),
            trouble.map(encoding::message),
            status
                .contested_by
                .map(|host| encoding::message(host.to_string())),
        )
    });
    TableIterator::new(row)
}
