//! The functions about contexts.

use pgrx::prelude::*;

use crate::causality::context::value::{Argument, Made};
use crate::postgres::error::OrRaise;

/// What is known to one of two.
#[pg_extern(sql = false)]
fn crdt_context_merge(left: Argument, right: Argument) -> Made {
    let room = left.bytes().len() + right.bytes().len();
    Made::within(room, |room| left.value().merge(right.value(), room)).or_raise()
}
