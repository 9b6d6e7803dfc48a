//! Why no ID can be given out under a lease, in the words of an error.

use snowflake_core::Timestamp;
use snowflake_core::lease::{Lease, Reason};

use crate::postgres::error::Failure;
use crate::registry::setting;
use crate::settings;
use crate::shared::lease_status::{Cause, LeaseStatus, Trouble};

/// The error of a caller that wants a worker ID by number, or any; `next` is the time of the next
/// ID, if that is what the lease does not reach.
pub fn refusal(status: &LeaseStatus, wanted: Option<u32>, next: Option<Timestamp>) -> Failure {
    let (message, end) = match (status.lease, wanted) {
        (Some(lease), None) => (
            format!("the lease of worker ID {} has ended", lease.worker),
            Some(describe_end(&lease, next)),
        ),
        (_, Some(wanted)) => (
            format!("worker ID {wanted} is not leased to this server"),
            None,
        ),
        (None, None) => ("no worker ID is leased to this server".into(), None),
    };
    let trouble = status.trouble.as_ref().map(describe_trouble);
    let detail: Vec<_> = end.into_iter().chain(trouble).collect();
    let mut failure = Failure::state(message);
    if !detail.is_empty() {
        failure = failure.detail(detail.join(" "));
    }
    failure.hint(way_out(status.trouble.map(|trouble| trouble.cause)))
}

fn describe_end(lease: &Lease, next: Option<Timestamp>) -> String {
    let end = Timestamp::from_millis(lease.not_after);
    match next {
        Some(next) if next < end => format!("It ends at {end}, in the unit of the next ID."),
        Some(next) => format!("It ended at {end}; the next ID would be of {next}."),
        None => format!("It ended at {end}."),
    }
}

fn describe_trouble(trouble: &Trouble) -> String {
    let text = &trouble.text;
    match trouble.cause {
        Cause::NoAnswer => {
            let since = Timestamp::from_millis(trouble.since);
            format!("The registry has not answered since {since}: {text}.")
        }
        Cause::Clock => format!("The gate refuses the clock: {text}."),
        Cause::Refused(_) | Cause::Implausible | Cause::Setting => format!("{text}."),
    }
}

/// What somebody can do about it.
fn way_out(cause: Option<Cause>) -> String {
    let listing = || match settings::registry() {
        Some(registry) => setting::listing(&registry),
        None => "The registry shows",
    };
    match cause {
        None => "The registry is being asked; if this lasts, see the view snowflake_lease and the \
             server log."
            .into(),
        Some(Cause::NoAnswer) => "IDs go on as soon as the registry answers. It is the one that \
             snowflake_pg.registry names."
            .into(),
        Some(Cause::Implausible) => "Look into the registry that snowflake_pg.registry names. IDs \
             go on as soon as it grants a lease that can be."
            .into(),
        Some(Cause::Refused(Reason::ClockDiffers)) => {
            "Correct the clock of this server or that of the registry. IDs go on without a restart."
                .into()
        }
        Some(Cause::Refused(Reason::HeldBack)) => "IDs go on without a restart.".into(),
        Some(Cause::Refused(Reason::NoneFree)) => format!(
            "{} who has them. Stop servers that are no longer needed, or use a layout with more \
             worker bits.",
            listing()
        ),
        Some(Cause::Refused(Reason::Taken)) => format!(
            "{} who has it. Give this server another number in snowflake_pg.worker_id, or set it \
             to \"lease\".",
            listing()
        ),
        Some(Cause::Clock) => "Correct the clock; IDs go on without a restart. The view \
             snowflake_clock shows what is known of it."
            .into(),
        Some(Cause::Setting) => "Correct the setting, then reload the configuration.".into(),
    }
}
