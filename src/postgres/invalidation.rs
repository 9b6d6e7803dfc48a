//! Messages that a relation has changed, after which a backend looks its facts up again.

use pgrx::prelude::*;

use crate::postgres::backend::BackendLocal;
use crate::snowflake::record;
use crate::ticket::draw;

static WATCHING: BackendLocal<bool> = BackendLocal::new(false);
/// How many messages have come in.
static COUNT: BackendLocal<u64> = BackendLocal::new(0);

/// Calls to look something up; answers as well whether that may be kept. A message that comes in
/// meanwhile, with any lock that is taken, tells of a change once: what was looked up before it and
/// kept after it would stay out of date.
pub fn look_up<T>(call: impl FnOnce() -> T) -> (T, bool) {
    if !WATCHING.replace(true) {
        // SAFETY: the callback stays valid as long as the process; it is registered once
        unsafe {
            pg_sys::CacheRegisterRelcacheCallback(Some(on_message), pg_sys::Datum::from(0));
        }
    }
    let before = COUNT.get();
    let result = call();
    (result, COUNT.get() == before)
}

/// `InvalidOid` stands for any relation.
#[pg_guard]
unsafe extern "C-unwind" fn on_message(_argument: pg_sys::Datum, relation: pg_sys::Oid) {
    COUNT.set(COUNT.get().wrapping_add(1));
    record::relation_changed(relation);
    draw::relation_changed(relation);
}
