//! Snowflake IDs and UUIDs made inside PostgreSQL. Each file has one subject; an ID flows one way: SQL
//! function (`snowflake`), backend state (`session`), generator (`snowflake_core`), shared word.

mod adopt;
mod backend;
mod clock;
mod counter;
mod datum;
mod delay;
mod error;
mod etcd;
mod guc;
mod invalidation;
mod layout;
mod lease;
mod libpq;
mod line;
mod lock;
mod mark;
mod query;
mod random;
mod record;
mod registrar;
mod registry;
mod remote;
mod row;
mod sequence;
mod session;
mod shmem;
mod snowflake;
mod snowflake128;
mod status;
mod stride;
mod supply;
mod table;
mod text;
mod ticket;
mod ticket_ddl;
mod ticket_remote;
mod ticks;
mod uuid;
mod wait;
mod worker;

use pgrx::prelude::*;

pg_module_magic!(name, version);

/// Called when the library is loaded. Settings and shared memory exist only where the postmaster
/// loads it; functions that merely read their arguments work without.
#[allow(non_snake_case)]
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    stride::register_labels();
    // SAFETY: a flag that the main thread alone writes, before it loads libraries
    if unsafe { pg_sys::process_shared_preload_libraries_in_progress } {
        guc::define();
        shmem::request();
        registrar::request();
    }
}
