//! Names of relations, columns and schemas, to put into SQL and into messages.
//!
//! They stay in the encoding of the database, which need not be UTF-8.

use std::ffi::{CStr, CString, c_char};
use std::fmt::{self, Display, Formatter};

use pgrx::prelude::*;

use crate::postgres::encoding;

/// A name in the encoding of the database, as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(CString);

impl Name {
    /// Copies a C string that PostgreSQL returned; nothing for NULL.
    ///
    /// # Safety
    /// `name` is NULL or a C string.
    unsafe fn copy(name: *const c_char) -> Option<Self> {
        // SAFETY: as the caller promises
        (!name.is_null()).then(|| Self(unsafe { CStr::from_ptr(name) }.into()))
    }

    /// The name of a column.
    pub fn column(relation: pg_sys::Oid, number: i16) -> Option<Self> {
        // SAFETY: a catalog look-up that returns NULL for what is not there
        unsafe { Self::copy(pg_sys::get_attname(relation, number, true)) }
    }

    /// The name of a schema.
    pub fn schema(schema: pg_sys::Oid) -> Option<Self> {
        // SAFETY: as above
        unsafe { Self::copy(pg_sys::get_namespace_name(schema)) }
    }

    pub fn as_c_str(&self) -> &CStr {
        &self.0
    }
}

impl From<&CStr> for Name {
    fn from(name: &CStr) -> Self {
        Self(name.into())
    }
}

/// For messages.
impl Display for Name {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(&encoding::decode(self.0.to_bytes()))
    }
}

/// The name of a relation, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    pub schema: Name,
    pub name: Name,
}

impl Relation {
    /// Looks it up; nothing if it is gone. It stays true while the relation is locked.
    pub fn find(relation: pg_sys::Oid) -> Option<Self> {
        // SAFETY: catalog look-ups that return NULL for what is not there
        unsafe {
            let schema = pg_sys::get_namespace_name(pg_sys::get_rel_namespace(relation));
            Some(Self {
                schema: Name::copy(schema)?,
                name: Name::copy(pg_sys::get_rel_name(relation))?,
            })
        }
    }

    /// Locks a relation until the end of the transaction, and looks it up; nothing if it is gone.
    pub fn lock(relation: pg_sys::Oid, mode: u32) -> Option<Self> {
        // SAFETY: takes a lock, after which the catalogs are read anew
        unsafe { pg_sys::LockRelationOid(relation, mode as i32) };
        Self::find(relation)
    }
}

/// For messages, without the schema, as PostgreSQL's own are.
impl Display for Relation {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        self.name.fmt(formatter)
    }
}
