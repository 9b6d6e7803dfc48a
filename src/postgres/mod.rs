//! The server's own facilities, in Rust: it knows no subject of the extension.

pub mod backend;
pub mod datum;
pub mod encoding;
pub mod error;
pub mod existence;
pub mod invalidation;
pub mod label_provider;
pub mod lock;
pub mod memory;
pub mod name;
pub mod objects;
pub mod owner;
pub mod parameter;
pub mod row;
pub mod sequence;
pub mod sql;
pub mod table;
pub mod text;
pub mod time_limit;
pub mod timestamp;
pub mod transaction;
pub mod transaction_end;
pub mod trigger;
pub mod user;
pub mod wait;
pub mod wal;
