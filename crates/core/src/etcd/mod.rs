//! A registry of worker IDs and tickets in etcd: its address, what is stored under which key, and the messages
//! of etcd's JSON gateway. Sending them is for the caller.
//!
//! Who asks decides, by [`lease::decide`](crate::lease::decide) on what it has read, and stores
//! the result in one transaction that does nothing if anything of it has changed meanwhile.

mod address;
mod counter;
mod gateway;
mod http;
mod keys;
mod origin;
mod state;

pub use address::{Address, Endpoint, is_address};
pub use counter::CounterState;
pub use gateway::{Committed, STATUS_PATH, STATUS_REQUEST, Status, TRANSACTION_PATH};
pub use http::{Response, post};
pub use keys::{Keys, ticket_key};
pub use origin::Origin;
pub use state::{Plan, Snapshot, State};
