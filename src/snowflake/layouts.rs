//! Layouts by name, parsed once and kept.

use std::cell::RefCell;
use std::rc::Rc;

use snowflake_core::snowflake::Layout;

use crate::host::clock;
use crate::postgres::error::Outcome;
use crate::postgres::invalidation;
use crate::snowflake::record;

thread_local! {
    /// The layout named last.
    static NAMED: RefCell<Option<(String, Rc<Layout>)>> = const { RefCell::new(None) };
    /// The layout that the database records.
    static RECORDED: RefCell<Option<Rc<Layout>>> = const { RefCell::new(None) };
}

/// The layout of a name or list of fields.
pub fn named(text: &str) -> Outcome<Rc<Layout>> {
    let known = NAMED.with_borrow(|named| match named {
        Some((name, layout)) if name == text => Some(Rc::clone(layout)),
        _ => None,
    });
    if let Some(layout) = known {
        return Ok(layout);
    }
    let layout = Rc::new(Layout::parse(text, clock::wall())?);
    NAMED.set(Some((text.into(), Rc::clone(&layout))));
    Ok(layout)
}

/// The layout that the database records.
pub fn recorded() -> Outcome<Rc<Layout>> {
    if let Some(layout) = RECORDED.with_borrow(Clone::clone) {
        return Ok(layout);
    }
    let (layout, lasting) =
        invalidation::look_up(|| record::relations().and_then(record::recorded));
    let layout = Rc::new(layout?);
    if lasting {
        RECORDED.set(Some(Rc::clone(&layout)));
    }
    Ok(layout)
}

/// Reads the record again at its next use.
pub fn forget_record() {
    RECORDED.set(None);
}
