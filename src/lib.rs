//! Snowflake IDs and UUIDs made inside PostgreSQL. CONTRIBUTING.md has the map of the rooms.

mod causality;
mod extension;
mod host;
mod lease;
mod net;
mod postgres;
mod registry;
mod settings;
mod shared;
mod snowflake;
mod stride;
mod ticket;
mod time;
mod uuid;

use pgrx::prelude::*;

pg_module_magic!(name, version);

/// Called when the library is loaded. Settings and shared memory exist only where the postmaster
/// loads it; functions that merely read their arguments work without.
#[allow(non_snake_case)]
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    postgres::error::keep_from_panic_hook();
    stride::label::offer_provider();
    // SAFETY: a flag that the main thread alone writes, before it loads libraries
    if unsafe { pg_sys::process_shared_preload_libraries_in_progress } {
        settings::define(&[
            snowflake::session::forget,
            uuid::functions::forget,
            uuid::snowflake128::forget,
            causality::hybrid::clock::forget,
        ]);
        shared::segment::request();
        shared::places::watch();
        host::counter::start();
        lease::registrar::request();
        time::worker::request();
    }
}
