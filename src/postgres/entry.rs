//! Entries of functions by hand, for what is called most.
//!
//! That which pgrx makes of `#[pg_extern]` sets up a frame that turns panics into errors, and a
//! memory context, before it calls: a third of what an ID costs. An entry by hand first goes the
//! way that cannot fail. Where that leads to no result, it goes in by pgrx's entry, which begins
//! anew: refuses, waits, looks up what is not known yet.

use pgrx::pg_sys;
use pgrx::varlena;

use crate::postgres::datum;

/// Defines an entry, and the record by which PostgreSQL knows how to call it. The entry of pgrx
/// belongs to a function that is declared with the symbol of this one.
///
/// What `$attempt` calls must neither panic nor raise an ERROR, for there is no frame to catch it.
/// It returns `None` before it has changed anything that the entry of pgrx would change again.
macro_rules! entry {
    ($symbol:ident, $record:ident, or $guarded:ident, $attempt:expr) => {
        #[doc(hidden)]
        #[unsafe(no_mangle)]
        pub extern "C" fn $record() -> &'static pgrx::pg_sys::Pg_finfo_record {
            &$crate::postgres::entry::VERSION_1
        }

        #[doc(hidden)]
        #[unsafe(no_mangle)]
        pub unsafe extern "C-unwind" fn $symbol(
            call: pgrx::pg_sys::FunctionCallInfo,
        ) -> pgrx::pg_sys::Datum {
            // SAFETY: as PostgreSQL calls it
            let arguments = unsafe { $crate::postgres::entry::Arguments::new(call) };
            let attempt: fn($crate::postgres::entry::Arguments) -> Option<_> = $attempt;
            match attempt(arguments) {
                Some(result) => result,
                None => {
                    $crate::postgres::entry::seldom();
                    // SAFETY: the same call
                    unsafe { $guarded(call) }
                }
            }
        }
    };
}
pub(crate) use entry;

/// The calling convention.
pub static VERSION_1: pg_sys::Pg_finfo_record = pg_sys::Pg_finfo_record { api_version: 1 };

/// What comes after it is off the fast path.
#[cold]
pub fn seldom() {}

/// The arguments of a call.
#[derive(Clone, Copy)]
pub struct Arguments<'a>(&'a [pg_sys::NullableDatum]);

impl<'a> Arguments<'a> {
    /// Those of a call.
    ///
    /// # Safety
    /// The call goes on as long as they are used.
    #[inline(always)]
    pub unsafe fn new(call: pg_sys::FunctionCallInfo) -> Self {
        // SAFETY: as the caller promises; there are as many as the call says
        unsafe {
            let count = (*call).nargs as usize;
            Self((*call).args.as_slice(count))
        }
    }

    /// One of type integer; `None` for NULL.
    #[inline(always)]
    pub fn integer(self, index: usize) -> Option<i32> {
        let argument = self.0.get(index).filter(|argument| !argument.isnull)?;
        Some(argument.value.value() as i32)
    }

    /// One of type bigint, or one that is passed as it is; `None` for NULL.
    #[inline(always)]
    pub fn bigint(self, index: usize) -> Option<i64> {
        let argument = self.0.get(index).filter(|argument| !argument.isnull)?;
        Some(argument.value.value() as i64)
    }

    /// One of type text that is neither compressed nor elsewhere, in the encoding of the database;
    /// `None` for others.
    #[inline(always)]
    pub fn text(self, index: usize) -> Option<&'a [u8]> {
        let argument = self.0.get(index).filter(|argument| !argument.isnull)?;
        let value = argument.value.cast_mut_ptr();
        // SAFETY: the address of a varlena, which a text is
        unsafe { datum::is_plain(value).then(|| varlena::varlena_to_byte_slice(value)) }
    }
}
