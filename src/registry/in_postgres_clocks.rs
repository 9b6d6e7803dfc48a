//! The clocks of a fleet, of a registry in another server: reporting this server's.

use snowflake_core::time::Span;
use snowflake_core::uuid::Uuid;

use crate::net::deadline::Deadline;
use crate::registry::clock_row::{self, ClockAnswer};
use crate::registry::in_postgres::Postgres;
use crate::registry::protocol::NoAnswer;

/// What a server reports of its clock.
pub struct ClockReport {
    pub identity: String,
    pub nonce: u128,
    pub host_name: String,
    /// How often it reports, in nanoseconds.
    pub poll: i64,
    /// What the registry's clock is ahead of its own, in nanoseconds; `None` if that is not known yet.
    pub offset: Option<Span>,
    /// What true time is ahead of its own, as its NTP servers say.
    pub ntp: Option<Span>,
    /// The same, as its kernel says.
    pub kernel: Option<Span>,
    pub state: &'static str,
    pub gate: &'static str,
}

impl Postgres {
    /// Reports what is known so far, and asks for the time.
    ///
    /// # Errors
    /// No answer.
    pub fn report_clock(
        &mut self,
        report: &ClockReport,
        deadline: Deadline,
    ) -> Result<ClockAnswer, NoAnswer> {
        const CALL: &str = "{}.snowflake_clock_report($1::pg_catalog.text, $2::pg_catalog.uuid, \
             $3::pg_catalog.text, $4::pg_catalog.int8, $5::pg_catalog.int8, $6::pg_catalog.int8, \
             $7::pg_catalog.int8, $8::pg_catalog.int8, $9::pg_catalog.int8, $10::pg_catalog.int8, \
             $11::pg_catalog.text, $12::pg_catalog.text)";
        let statement = format!("SELECT {} FROM {CALL}", clock_row::COLUMNS.join(", "));
        let low = |span: Option<Span>| span.map(|span| span.to_micros().low.to_string());
        let high = |span: Option<Span>| span.map(|span| span.to_micros().high.to_string());
        let parameters = [
            Some(report.identity.clone()),
            Some(Uuid::from_u128(report.nonce).to_string()),
            Some(report.host_name.clone()),
            Some((report.poll / 1_000).to_string()),
            low(report.offset),
            high(report.offset),
            low(report.ntp),
            high(report.ntp),
            low(report.kernel),
            high(report.kernel),
            Some(report.state.into()),
            Some(report.gate.into()),
        ];
        let rows = self.ask(&statement, &parameters, deadline)?;
        let answer = match rows.as_slice() {
            [row] => clock_row::read(row),
            _ => None,
        };
        answer.ok_or_else(|| "its answer cannot be read".into())
    }
}
