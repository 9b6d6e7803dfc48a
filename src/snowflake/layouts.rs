//! Layouts by name, parsed once and kept.

use std::cell::RefCell;
use std::rc::Rc;

use snowflake_core::Timestamp;
use snowflake_core::snowflake::Layout;

use crate::postgres::error::Outcome;
use crate::postgres::invalidation::Kept;
use crate::snowflake::record::{self, Relations};

thread_local! {
    /// The layout named last.
    static NAMED: RefCell<Option<(String, Rc<Layout>)>> = const { RefCell::new(None) };
}

/// The layout that the database records, and where.
static RECORDED: Kept<(Relations, Rc<Layout>)> =
    Kept::new(|(relations, _), changed| relations.have(changed));

/// The layout of a name or list of fields. Its epoch may be yet to come: what reads IDs, in indexes
/// and generated columns too, does not depend on the clock.
pub fn named(text: &str) -> Outcome<Rc<Layout>> {
    let known = NAMED.with_borrow(|named| match named {
        Some((name, layout)) if name == text => Some(Rc::clone(layout)),
        _ => None,
    });
    if let Some(layout) = known {
        return Ok(layout);
    }
    let layout = Rc::new(Layout::parse(text, Timestamp::INFINITY)?);
    NAMED.set(Some((text.into(), Rc::clone(&layout))));
    Ok(layout)
}

/// The layout that the database records.
pub fn recorded() -> Outcome<Rc<Layout>> {
    let (_, layout) = RECORDED.get_or(|| {
        let relations = record::relations()?;
        Ok((relations, Rc::new(record::recorded(relations)?)))
    })?;
    Ok(layout)
}
