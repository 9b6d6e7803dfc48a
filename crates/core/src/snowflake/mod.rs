//! Snowflake IDs: 64-bit integers made of a timestamp, a worker ID and a sequence.

mod divisor;
mod error;
mod fence;
mod field;
mod layout;
mod mark;
mod naming;
mod preset;
mod shape;
mod spec;
mod text;
mod worker;

pub use error::Error;
pub use fence::{Fence, first_whole_tick};
pub use field::{Field, FieldKind, MAX_WORKER_BITS};
pub use layout::{Decoded, Layout};
pub use mark::{Found, Mark, Need, Raise};
pub use preset::preset_names;
pub use shape::{Allowance, Shape};
pub use text::{base32, decimal, from_base32, parse_base32, to_base32, to_text};
pub use worker::{Worker, host_name_ordinal, worker_from_address};
