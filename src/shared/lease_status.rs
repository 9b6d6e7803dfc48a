//! What there is to tell about the lease of a worker ID.

use snowflake_core::lease::{Lease, Reason};

use crate::shared::bounded_text::BoundedText;

/// What there is to tell about the lease; times in milliseconds since 1970.
#[derive(Clone, Copy, Default)]
pub struct LeaseStatus {
    pub lease: Option<Lease>,
    /// When the registry granted or renewed it last.
    pub renewed: i64,
    /// Why it was not granted or renewed, unless the last attempt succeeded.
    pub trouble: Option<Trouble>,
    /// The host that presents the identity of this server as well.
    pub contested_by: Option<ReasonText>,
}

/// Why there is no lease.
#[derive(Clone, Copy)]
pub struct Trouble {
    pub cause: Cause,
    /// When it began, in milliseconds since 1970.
    pub since: i64,
    pub text: ReasonText,
}

/// What kind of trouble: who is to do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The registry does not answer, or not with an answer.
    NoAnswer,
    /// The registry refuses.
    Refused(Reason),
    /// The registry grants what it cannot have decided.
    Implausible,
    /// A setting of this server.
    Setting,
    /// The clock of this server, which the gate refuses.
    Clock,
}

/// What there is room for of a reason or a host name.
pub type ReasonText = BoundedText<480>;
