//! Which stride a sequence was given, as its security label of the provider "snowflake_pg".
//!
//! A label is what PostgreSQL has for extensions that say something about objects of others: it
//! goes with the sequence when that is renamed or dropped, pg_dump writes it with the sequence, and
//! only the owner of the sequence can set it. A table of the extension would keep the OIDs of
//! sequences that are gone. It needs no provider that PostgreSQL knows of, but for dumps that set
//! labels: they name it.

use std::ffi::{CStr, CString, c_char};

use pgrx::prelude::*;
use snowflake_core::stride::Stride;

use crate::postgres::encoding;
use crate::postgres::error::{Failure, OrRaise};
use crate::postgres::label_provider;

/// The name of the label provider.
const PROVIDER: &CStr = c"snowflake_pg";

/// The label of the sequence `$1`, as a column of a query.
pub const LABEL: &str = "(SELECT label FROM pg_seclabel
    WHERE objoid = $1 AND classoid = 'pg_class'::regclass AND objsubid = 0
      AND provider = 'snowflake_pg')";

/// Lets a restore record strides.
pub fn offer_provider() {
    label_provider::offer(PROVIDER, check_label);
}

/// Checks a label that SECURITY LABEL sets, as a restore does; NULL removes it.
#[pg_guard]
unsafe extern "C-unwind" fn check_label(
    object: *const pg_sys::ObjectAddress,
    label: *const c_char,
) {
    // SAFETY: PostgreSQL calls it with an object that exists and a C string or NULL
    let (object, label) = unsafe {
        let label = (!label.is_null()).then(|| encoding::decode(CStr::from_ptr(label).to_bytes()));
        (&*object, label)
    };
    let Some(label) = label else { return };
    // SAFETY: a catalog look-up
    let is_sequence = object.classId == pg_sys::RelationRelationId
        && object.objectSubId == 0
        && unsafe { pg_sys::get_rel_relkind(object.objectId) } as u8 == pg_sys::RELKIND_SEQUENCE;
    if !is_sequence {
        Failure::new(
            PgSqlErrorCode::ERRCODE_FEATURE_NOT_SUPPORTED,
            "label provider \"snowflake_pg\" labels sequences only",
        )
        .raise();
    }
    Stride::parse(&label).or_raise();
}

/// Records a stride of a sequence that the caller may alter, and has locked. A sequence of one node
/// is like any other and has none.
pub fn record(sequence: pg_sys::Oid, stride: Stride) {
    let object = pg_sys::ObjectAddress {
        classId: pg_sys::RelationRelationId,
        objectId: sequence,
        objectSubId: 0,
    };
    // without a zero byte, as it is made of numbers
    let label = CString::new(stride.to_string()).ok();
    let label = label.filter(|_| stride.nodes() > 1);
    label_provider::set(&object, PROVIDER, label.as_deref());
}
