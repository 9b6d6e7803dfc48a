//! Interval tree clocks (Almeida, Baquero, Fonte 2008): for replicas that come and go.
//!
//! An identity is a part of the interval [0, 1), and what is known is a function on it: how many
//! events there are at each point. To fork is to halve the identity. An event raises the function
//! somewhere in the own part, and as what is raised evenly becomes flat again, it takes the less
//! room the more parts are joined.

mod encoding;
mod error;
mod events;
mod identity;
mod limits;
mod stamp;
mod text;
mod tree;

pub use encoding::Encoded;
pub use error::{Error, Malformed};
pub use limits::{DEEPEST, MOST_BYTES, MOST_EVENTS};
pub use stamp::{Stamp, Version};
pub use text::{LONGEST_TEXT, longest_text};
