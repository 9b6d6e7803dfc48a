//! A hybrid time as argument and as result: 8 bytes that are passed by value.

use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::pg_sys;
use snowflake_core::causality::HybridTime;

use crate::postgres::datum::sql_type;

/// One as argument and as result.
pub struct Value(pub HybridTime);

impl Value {
    /// The one that a datum is.
    pub fn of(datum: pg_sys::Datum) -> HybridTime {
        HybridTime::from_bits(datum.value() as i64)
    }

    /// The datum that it is.
    #[inline(always)]
    pub fn datum(time: HybridTime) -> pg_sys::Datum {
        pg_sys::Datum::from(time.bits())
    }
}

sql_type!(Value, "hlc");

// SAFETY: reads the argument as the 8 bytes that a hybrid time is
unsafe impl<'fcx> ArgAbi<'fcx> for Value {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: as the caller promises; passed as a bigint is
        Self(HybridTime::from_bits(unsafe {
            i64::unbox_arg_unchecked(arg)
        }))
    }
}

// SAFETY: returns a hybrid time
unsafe impl BoxRet for Value {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        // SAFETY: a datum of that type
        unsafe { fcinfo.return_raw_datum(Self::datum(self.0)) }
    }
}
