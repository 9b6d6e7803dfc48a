//! A registry of worker IDs and tickets in etcd: its address, what is stored under which key, and
//! the messages of etcd's JSON gateway. Sending them is for the caller.
//!
//! The server that asks decides, by [`lease::decide`](crate::lease::decide) on what it has read,
//! and stores the result in one transaction, which does nothing if anything of that has changed
//! meanwhile.

// what a registry says is computed with: a release build would wrap
#![deny(clippy::arithmetic_side_effects)]

mod address;
mod counter;
mod digits;
mod gateway;
mod http;
mod keys;
mod origin;
mod snapshot;
mod state;
mod stored;

pub use address::{Address, is_address};
pub use counter::CounterState;
pub use gateway::{Committed, STATUS_PATH, STATUS_REQUEST, Status, TRANSACTION_PATH};
pub use http::{Response, post};
pub use keys::{Keys, ticket_key};
pub use origin::Origin;
pub use snapshot::{Plan, Snapshot};
pub use state::State;
