//! The keys of a registry:
//!
//! | key | what |
//! |---|---|
//! | `PREFIX/settings` | what the operator sets; written by nobody else |
//! | `PREFIX/terms` | the hold after lost grants, the longest lease, which cluster this is |
//! | `PREFIX/lease/LAYOUT/WORKER` | the last lease of a worker ID |
//! | `PREFIX/ticket/NAME` | the counter of a ticket |

use super::address::Address;

/// The key of a ticket's counter.
pub fn ticket_key(address: &Address, name: &str) -> String {
    format!("{}/ticket/{name}", address.prefix)
}

/// The names of the keys for a layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    prefix: String,
    folder: String,
}

impl Keys {
    /// Those of a layout, by the name under which worker IDs are leased.
    pub fn new(address: &Address, namespace: &str) -> Self {
        let prefix = address.prefix.clone();
        Self {
            folder: format!("{prefix}/lease/{namespace}/"),
            prefix,
        }
    }

    /// What the operator sets.
    pub fn settings(&self) -> String {
        format!("{}/settings", self.prefix)
    }

    /// What decisions depend on.
    pub fn terms(&self) -> String {
        format!("{}/terms", self.prefix)
    }

    /// What the keys of all leases begin with.
    pub fn leases(&self) -> &str {
        &self.folder
    }

    /// The lease of a worker ID.
    pub fn lease(&self, worker: u32) -> String {
        format!("{}{worker}", self.folder)
    }

    /// The worker ID that a key is about.
    pub(super) fn worker(&self, key: &str) -> Option<u32> {
        let digits = key.strip_prefix(&self.folder)?;
        let worker = digits.parse().ok()?;
        // one key for each
        (self.lease(worker) == key).then_some(worker)
    }
}
