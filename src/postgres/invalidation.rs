//! What a backend has looked up and keeps, until a relation that it depends on changes.

use std::collections::BTreeMap;

use pgrx::prelude::*;

use crate::postgres::backend::BackendLocal;
use crate::postgres::error::Outcome;

/// A value of this backend that depends on relations: looked up once, and again after one of them
/// has changed.
pub struct Kept<T: 'static> {
    value: BackendLocal<Option<T>>,
    /// Whether the value depends on a relation.
    depends: fn(&T, pg_sys::Oid) -> bool,
    is_listed: BackendLocal<bool>,
}

/// What is told of changed relations.
trait Watcher {
    /// Drops what depends on a relation; `InvalidOid` stands for any.
    fn relation_changed(&self, relation: pg_sys::Oid);
}

static IS_REGISTERED: BackendLocal<bool> = BackendLocal::new(false);
/// How many messages have come in.
static MESSAGES: BackendLocal<u64> = BackendLocal::new(0);
static WATCHERS: BackendLocal<Vec<&'static dyn Watcher>> = BackendLocal::new(Vec::new());

impl<T> Kept<T> {
    /// Nothing yet; `depends` says whether a value depends on a relation.
    pub const fn new(depends: fn(&T, pg_sys::Oid) -> bool) -> Self {
        Self {
            value: BackendLocal::new(None),
            depends,
            is_listed: BackendLocal::new(false),
        }
    }

    /// Looks it up again at its next use.
    pub fn forget(&self) {
        self.value.set(None);
    }

    /// Looks something up; returns as well whether that may be kept. A message that comes in
    /// meanwhile, with any lock that is taken, tells of a change once: what was looked up before it
    /// and kept after it would stay out of date.
    fn find<F, E>(&'static self, find: impl FnOnce() -> Result<F, E>) -> Result<(F, bool), E> {
        if !self.is_listed.replace(true) {
            watch(self);
        }
        let before = MESSAGES.get();
        let found = find()?;
        Ok((found, MESSAGES.get() == before))
    }

    /// Calls with the value, which is where it was afterwards: `look` must not end in an ERROR.
    fn look<R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        let value = self.value.replace(None)?;
        let result = look(&value);
        self.value.set(Some(value));
        Some(result)
    }
}

impl<T: Copy> Kept<T> {
    /// The value, if it is known.
    #[inline(always)]
    pub fn get(&self) -> Option<T> {
        self.value.get()
    }
}

impl<T: Clone> Kept<T> {
    /// The value, looked up unless it is known.
    pub fn get_or(&'static self, find: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        match self.look(T::clone) {
            Some(value) => Ok(value),
            None => self.renew(find),
        }
    }

    /// The value, looked up in any case. One that fails leaves none.
    pub fn renew<E>(&'static self, find: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.forget();
        let (value, lasting) = self.find(find)?;
        if lasting {
            self.value.set(Some(value.clone()));
        }
        Ok(value)
    }
}

/// Values by name. A change of one that any of them depends on drops all.
impl<V: Copy> Kept<BTreeMap<Box<[u8]>, V>> {
    /// The value of a name, looked up unless it is known.
    pub fn get_or_find<E>(
        &'static self,
        name: &[u8],
        find: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, E> {
        let known = self.look(|map| map.get(name).copied());
        if let Some(value) = known.flatten() {
            return Ok(value);
        }
        let (value, lasting) = self.find(find)?;
        if lasting {
            let mut map = self.value.replace(None).unwrap_or_default();
            map.insert(name.into(), value);
            self.value.set(Some(map));
        }
        Ok(value)
    }
}

impl<T> Watcher for Kept<T> {
    fn relation_changed(&self, relation: pg_sys::Oid) {
        let any = relation == pg_sys::InvalidOid;
        if any || self.look(|value| (self.depends)(value, relation)) == Some(true) {
            self.forget();
        }
    }
}

/// How many messages have come in about what roles may do: about roles, their members, and owners
/// of databases, whom a role stands for. Relations, and who may do what with them, are none of it.
#[inline(always)]
pub fn role_changes() -> u64 {
    ROLES.get()
}

static ROLES: BackendLocal<u64> = BackendLocal::new(0);

/// Counts them from now on; to be called before `role_changes`.
pub fn count_role_changes() {
    static IS_COUNTING: BackendLocal<bool> = BackendLocal::new(false);
    if IS_COUNTING.replace(true) {
        return;
    }
    use pg_sys::SysCacheIdentifier::{AUTHMEMMEMROLE, AUTHMEMROLEMEM, AUTHOID, DATABASEOID};
    for cache in [AUTHOID, AUTHMEMROLEMEM, AUTHMEMMEMROLE, DATABASEOID] {
        // SAFETY: the callback stays valid as long as the process; it is registered once
        unsafe {
            let argument = pg_sys::Datum::from(0);
            pg_sys::CacheRegisterSyscacheCallback(cache as i32, Some(on_role_message), argument);
        }
    }
}

/// A role, a membership or a database has changed.
#[pg_guard]
unsafe extern "C-unwind" fn on_role_message(_argument: pg_sys::Datum, _cache: i32, _hash: u32) {
    ROLES.set(ROLES.get().wrapping_add(1));
}

/// Tells a watcher of changes from now on.
fn watch(watcher: &'static dyn Watcher) {
    if !IS_REGISTERED.replace(true) {
        // SAFETY: the callback stays valid as long as the process; it is registered once
        unsafe {
            pg_sys::CacheRegisterRelcacheCallback(Some(on_message), pg_sys::Datum::from(0));
        }
    }
    let mut watchers = WATCHERS.replace(Vec::new());
    watchers.push(watcher);
    WATCHERS.set(watchers);
}

/// A relation has changed; `InvalidOid` stands for any.
#[pg_guard]
unsafe extern "C-unwind" fn on_message(_argument: pg_sys::Datum, relation: pg_sys::Oid) {
    MESSAGES.set(MESSAGES.get().wrapping_add(1));
    // nothing in between looks anything up, so the list is the same afterwards
    let watchers = WATCHERS.replace(Vec::new());
    for watcher in &watchers {
        watcher.relation_changed(relation);
    }
    WATCHERS.set(watchers);
}
