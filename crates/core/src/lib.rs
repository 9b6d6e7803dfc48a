//! The part of snowflake_pg that needs no PostgreSQL: layouts, the generator, text forms, the
//! rules for worker IDs and their leases, strides, tickets, UUIDs. No I/O and no globals; clocks
//! and atomic words come in as values and traits, typed errors go out.
//!
//! Each room imports from lower floors only:
//!
//! | floor | rooms |
//! |---|---|
//! | 1 | [`Refusal`], [`excerpt`], [`Timestamp`], [`probe`] |
//! | 2 | [`words`], [`stride`] |
//! | 3 | [`snowflake`], [`ticket`], [`uuid`], [`lease`] |
//! | 4 | [`etcd`] |

#![forbid(unsafe_code)]

pub mod etcd;
mod excerpt;
pub mod lease;
pub mod probe;
mod refusal;
pub mod snowflake;
pub mod stride;
pub mod ticket;
mod timestamp;
pub mod uuid;
pub mod words;

pub use excerpt::excerpt;
pub use refusal::{Kind, Refusal};
pub use timestamp::{ClockSample, Timestamp};
