//! The role whose members may move a clock by what others say.

use std::ffi::CStr;

use pgrx::prelude::*;

use crate::postgres::error::OrRaise;
use crate::postgres::role;

extension_sql_file!(
    "clock_role.sql",
    name = "clock_role",
    requires = [snowflake_pg_create_clock_role, "node", "hybrid", "witness"]
);

const CLOCK: &CStr = c"snowflake_clock";

/// Creates the role unless it exists.
#[pg_extern(volatile, parallel_unsafe)]
fn snowflake_pg_create_clock_role() {
    role::create_unless_exists(CLOCK).or_raise();
}
