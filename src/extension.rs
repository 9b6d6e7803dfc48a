//! Where the extension's own objects are: found by way of its schema and not of the search path.

use std::ffi::CStr;

use pgrx::prelude::*;

use crate::postgres::error::{Failure, Outcome};
use crate::postgres::name::Relation;
use crate::postgres::table::Table;

/// A relation of the extension by its name in the extension's schema.
pub fn relation(schema: pg_sys::Oid, name: &CStr) -> Outcome<pg_sys::Oid> {
    // SAFETY: a catalog look-up by a valid C string
    let oid = unsafe { pg_sys::get_relname_relid(name.as_ptr(), schema) };
    if oid == pg_sys::InvalidOid {
        return Err(Failure::new(
            PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE,
            format!(
                "relation \"{}\" of extension snowflake_pg is missing",
                name.to_string_lossy()
            ),
        ));
    }
    Ok(oid)
}

/// A type by its name in the extension's schema; `InvalidOid` if it is not there.
pub fn type_named(name: &CStr) -> Outcome<pg_sys::Oid> {
    let schema = find()?.schema;
    let (name, schema) = (name.as_ptr().into(), schema.into());
    let none = pg_sys::Datum::from(0);
    let (cache, column) = (
        pg_sys::SysCacheIdentifier::TYPENAMENSP as i32,
        pg_sys::Anum_pg_type_oid as i16,
    );
    // SAFETY: a look-up in the system cache by a valid C string and an OID
    Ok(unsafe { pg_sys::GetSysCacheOid(cache, column, name, schema, none, none) })
}

/// Whether the extension has that OID.
pub fn has_oid(oid: pg_sys::Oid) -> bool {
    // SAFETY: a catalog look-up by a valid C string
    unsafe { pg_sys::get_extension_oid(c"snowflake_pg".as_ptr(), true) == oid }
}

/// The extension's row in pg_extension.
pub struct Extension {
    /// The schema that its objects are in.
    pub schema: pg_sys::Oid,
    /// The transaction that wrote it.
    pub writer: pg_sys::TransactionId,
}

/// Looks the extension up.
pub fn find() -> Outcome<Extension> {
    // SAFETY: a catalog look-up by a valid C string
    let extension = unsafe { pg_sys::get_extension_oid(c"snowflake_pg".as_ptr(), true) };
    let catalog = Table::open(pg_sys::ExtensionRelationId, "pg_extension")?;
    let found = catalog.find(None, |row| {
        if row.oid(pg_sys::Anum_pg_extension_oid as i16)? != extension {
            return None;
        }
        Some(Extension {
            schema: row.oid(pg_sys::Anum_pg_extension_extnamespace as i16)?,
            writer: row.writer(),
        })
    });
    catalog.close();
    found.ok_or_else(|| {
        Failure::new(
            PgSqlErrorCode::ERRCODE_UNDEFINED_OBJECT,
            "extension \"snowflake_pg\" is not installed in this database",
        )
        .hint("Run CREATE EXTENSION snowflake_pg.")
    })
}

/// The name of a relation of the extension.
pub fn name(relation: pg_sys::Oid) -> Outcome<Relation> {
    Relation::find(relation).ok_or_else(|| {
        Failure::new(
            PgSqlErrorCode::ERRCODE_UNDEFINED_TABLE,
            "extension snowflake_pg was dropped",
        )
    })
}
