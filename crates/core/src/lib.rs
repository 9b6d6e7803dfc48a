//! The part of snowflake_pg that needs no PostgreSQL: layouts, the generator, text forms, the
//! rules for worker IDs and their leases, strides, tickets, UUIDs, how clocks are measured, and which
//! event could have caused which. No I/O and no globals; clocks and atomic words come in as values
//! and traits, typed errors go out.
//!
//! Each room imports from lower floors only:
//!
//! | floor | rooms |
//! |---|---|
//! | 1 | [`Refusal`], [`excerpt`], [`Timestamp`], [`probe`] |
//! | 2 | [`Endpoint`], [`words`], [`stride`] |
//! | 3 | [`snowflake`], [`ticket`], [`uuid`], [`lease`], [`time`], [`causality`] |
//! | 4 | [`etcd`] |

#![forbid(unsafe_code)]

pub mod causality;
mod endpoint;
pub mod etcd;
mod excerpt;
pub mod lease;
pub mod probe;
mod refusal;
pub mod snowflake;
pub mod stride;
pub mod ticket;
pub mod time;
mod timestamp;
pub mod uuid;
pub mod words;

pub use endpoint::Endpoint;
pub use excerpt::excerpt;
pub use refusal::{Kind, Refusal};
pub use timestamp::{ClockSample, Timestamp, seconds, signed_seconds};
