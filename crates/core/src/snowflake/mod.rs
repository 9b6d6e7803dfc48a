//! Snowflake IDs: 64-bit integers made of a timestamp, a worker ID and a sequence.

mod divisor;
mod error;
mod fence;
mod layout;
mod mark;
mod preset;
mod spec;
mod text;
mod worker;

pub use error::Error;
pub use fence::{Fence, first_whole_tick};
pub use layout::{Decoded, Field, FieldKind, Layout, MAX_WORKER_BITS, Shape};
pub use mark::{Found, Mark, Need, Raise};
pub use preset::preset_names;
pub use text::{from_base32, to_base32, to_text};
pub use worker::{Worker, host_name_ordinal, worker_from_address};
