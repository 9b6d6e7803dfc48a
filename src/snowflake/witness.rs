//! Following IDs from elsewhere: what is made here afterwards is larger.
//!
//! The words of all workers are raised, those of workers that are taken later too. The mark is not: a
//! server that starts begins `max_lead` ahead of its clock, and no further than that is followed.

use std::rc::Rc;

use pgrx::prelude::*;
use snowflake_core::Timestamp;
use snowflake_core::snowflake::{Error, Layout};

use crate::postgres::backend::BackendLocal;
use crate::postgres::error::{Failure, OrRaise, Outcome, Report};
use crate::postgres::invalidation::Kept;
use crate::postgres::trigger::{Arrival, TriggerResult};
use crate::settings;
use crate::shared::segment::{self, Shared};
use crate::snowflake::record::{self, Relations};
use crate::snowflake::session;
use crate::time::gate;

extension_sql_file!(
    "witness.sql",
    name = "witness",
    requires = [snowflake_witness]
);

/// What following needs, looked up once per backend and after changes.
#[derive(Clone)]
struct Follower {
    layout: Rc<Layout>,
    relations: Relations,
    shared: Shared,
}

static FOLLOWER: Kept<Follower> = Kept::new(|follower, changed| follower.relations.have(changed));

/// Has all IDs made here from now on be larger than one from elsewhere.
#[pg_extern(volatile, parallel_safe)]
fn snowflake_witness(id: i64) {
    witness(id).or_raise();
}

fn witness(id: i64) -> Outcome<()> {
    match follow(id)? {
        Some(refused) => Err(refused),
        None => Ok(()),
    }
}

/// The same of an ID in a row that is about to be written. Replication does not stop for one that
/// cannot be followed: it is a name, and no value hangs on it.
#[pg_extern(sql = r#"
CREATE FUNCTION snowflake_witness_row() RETURNS trigger LANGUAGE c
AS 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn snowflake_witness_row(fcinfo: pg_sys::FunctionCallInfo) -> TriggerResult {
    witness_row(fcinfo).or_raise()
}

fn witness_row(fcinfo: pg_sys::FunctionCallInfo) -> Outcome<TriggerResult> {
    const FUNCTION: &str = "snowflake_witness_row()";
    static IS_LOGGED: BackendLocal<bool> = BackendLocal::new(false);
    let row = Arrival::of_call(fcinfo, FUNCTION)?;
    if let Some(id) = row.value(FUNCTION, |kind| Ok(kind == pg_sys::INT8OID))?
        && let Some(refused) = follow(id.value() as i64)?
        && !IS_LOGGED.replace(true)
    {
        Report::from(refused).log();
    }
    Ok(row.allow())
}

fn attach() -> Outcome<Follower> {
    let shared = segment::shared()?;
    session::refuse_recovery()?;
    let relations = record::relations()?;
    Ok(Follower {
        layout: Rc::new(record::check(relations)?),
        relations,
        shared,
    })
}

/// Raises the words past an ID, as far as they may go ahead of the clock. Returns why that is not
/// past it, if so.
fn follow(id: i64) -> Outcome<Option<Failure>> {
    let Follower { layout, shared, .. } = FOLLOWER.get_or(attach)?;
    let instant = match layout.timestamp(id) {
        Ok(instant) => instant,
        Err(error) => return Ok(Some(error.into())),
    };
    let shape = layout.shape();
    let tick = shape.last_tick_of(instant);
    let witnessed = shared.witnessed();
    if witnessed.covers(tick) {
        return Ok(None);
    }
    // the words are open then, unless a lease opens them
    let wall = match gate::sample(shared) {
        Ok(sample) => sample.wall,
        Err(refused) => return Ok(Some(refused)),
    };
    let most = settings::pace().max_lead;
    let horizon = Timestamp::from_micros(wall.micros().saturating_add(most));
    let reached = tick.min(shape.last_tick_of(horizon));
    if !witnessed.covers(reached) {
        let raise = || witnessed.raise(shared.words().slots(), reached);
        shared.holder().with_words_at_rest(raise);
    }
    Ok((reached < tick).then(|| {
        let ahead = instant.micros().saturating_sub(wall.micros());
        Failure::from(Error::IdAhead {
            id,
            ahead,
            most,
            wall,
        })
    }))
}
