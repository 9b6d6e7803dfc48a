//! Arguments and results that pgrx hands over too, each by a call of PostgreSQL that is guarded
//! against errors. The guard costs more than the call: here PostgreSQL is called in ways that
//! raise none, or not at all.

use std::ffi::{c_int, c_void};

use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::prelude::*;
use pgrx::varlena;
use snowflake_core::uuid;

use crate::postgres::error::Failure;

unsafe extern "C-unwind" {
    /// PostgreSQL's own, without pgrx's guard.
    fn MemoryContextAllocExtended(
        context: pg_sys::MemoryContext,
        size: usize,
        flags: c_int,
    ) -> *mut c_void;
}

/// Says which type of PostgreSQL a type stands for as argument and result. That it does is up to
/// how it reads the one and returns the other.
macro_rules! sql_type {
    ($type:ty, $name:expr $(, const $parameter:ident: $kind:ty)? $(, of $of:ident: $bound:path)?) => {
        const _: () = {
            use pgrx::pgrx_sql_entity_graph::metadata::*;

            // SAFETY: names a type that exists; it is read and returned elsewhere
            unsafe impl $(<const $parameter: $kind>)? $(<$of: $bound>)? SqlTranslatable for $type {
                const TYPE_IDENT: &'static str = $name;
                const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
                const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> =
                    Ok(SqlMappingRef::literal($name));
                const RETURN_SQL: Result<ReturnsRef, ReturnsError> =
                    Ok(ReturnsRef::One(SqlMappingRef::literal($name)));
            }
        };
    };
}
pub(crate) use sql_type;

/// A value for `$1` and so on in a statement.
pub type Argument<'a> = pgrx::datum::DatumWithOid<'a>;

/// A UUID as argument and result.
pub struct Uuid(pub uuid::Uuid);

sql_type!(Uuid, "uuid");

// SAFETY: reads the argument as the 16 bytes that a uuid is
unsafe impl<'fcx> ArgAbi<'fcx> for Uuid {
    #[inline(always)]
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: as the caller promises; bytes are aligned anywhere
        unsafe {
            let bytes = pointer::<uuid::Bytes>(arg).read();
            Self(uuid::Uuid::from_bytes(bytes))
        }
    }
}

// SAFETY: returns the address of 16 bytes, which a uuid is
unsafe impl BoxRet for Uuid {
    #[inline(always)]
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        // SAFETY: a datum of that type
        unsafe { fcinfo.return_raw_datum(copy(&self.0.into_bytes())) }
    }
}

/// Text in ASCII as a result: it is the same in every encoding that a database can have.
pub struct Ascii<const N: usize>(pub [u8; N]);

sql_type!(Ascii<N>, "TEXT", const N: usize);

// SAFETY: returns a text
unsafe impl<const N: usize> BoxRet for Ascii<N> {
    #[inline(always)]
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        // SAFETY: a datum of that type
        unsafe { fcinfo.return_raw_datum(text(&self.0)) }
    }
}

/// A datum of type text, of bytes in ASCII.
#[inline(always)]
pub fn text(ascii: &[u8]) -> pg_sys::Datum {
    let size = pg_sys::VARHDRSZ + ascii.len();
    let memory = allocate(size);
    // SAFETY: there is room for a length, aligned as palloc aligns, and for the bytes behind it
    unsafe {
        varlena::set_varsize_4b(memory.cast(), size as i32);
        let bytes = memory.byte_add(pg_sys::VARHDRSZ).cast::<u8>();
        bytes.copy_from_nonoverlapping(ascii.as_ptr(), ascii.len());
    }
    pg_sys::Datum::from(memory)
}

/// A datum of a type that is passed by its address and has always as many bytes.
#[inline(always)]
pub fn copy<const N: usize>(bytes: &[u8; N]) -> pg_sys::Datum {
    Room(allocate(N)).fill(bytes)
}

/// Memory for a datum of `N` bytes.
pub struct Room<const N: usize>(*mut c_void);

impl<const N: usize> Room<N> {
    /// Asks for it without raising an error: `None` where there is no memory left.
    #[inline(always)]
    pub fn find() -> Option<Self> {
        let memory = try_allocate(N, 0);
        (!memory.is_null()).then_some(Self(memory))
    }

    /// The datum with these bytes.
    #[inline(always)]
    pub fn fill(self, bytes: &[u8; N]) -> pg_sys::Datum {
        // SAFETY: there is room for so many bytes
        unsafe { self.0.cast::<[u8; N]>().write(*bytes) };
        pg_sys::Datum::from(self.0)
    }
}

/// Memory of the current context. Where there is none left, the statement ends.
#[inline(always)]
fn allocate(size: usize) -> *mut c_void {
    or_raise(try_allocate(size, 0), size)
}

/// The same, all zero.
#[inline(always)]
pub fn allocate_zeroed(size: usize) -> *mut c_void {
    or_raise(try_allocate(size, pg_sys::MCXT_ALLOC_ZERO), size)
}

#[inline(always)]
fn or_raise(memory: *mut c_void, size: usize) -> *mut c_void {
    if memory.is_null() {
        // SAFETY: fails as the call before, and says so
        return unsafe { pg_sys::MemoryContextAllocZero(pg_sys::CurrentMemoryContext, size) };
    }
    memory
}

/// Memory of the current context; null where there is none left. The size is no larger than
/// PostgreSQL allows.
#[inline(always)]
fn try_allocate(size: usize, flags: u32) -> *mut c_void {
    // SAFETY: raises no error, but returns null, with this flag and a size that is no larger than
    // allowed; pgrx's form of it does raise one
    unsafe {
        let flags = flags | pg_sys::MCXT_ALLOC_NO_OOM;
        MemoryContextAllocExtended(pg_sys::CurrentMemoryContext, size, flags as c_int)
    }
}

/// The bytes of an argument of type text or bytea.
///
/// # Safety
/// The argument is one.
#[inline(always)]
pub unsafe fn bytes<'fcx>(arg: Arg<'_, 'fcx>) -> &'fcx [u8] {
    // SAFETY: as the caller promises; a value that is neither compressed nor elsewhere is read
    // where it is, as PostgreSQL would have it
    unsafe {
        let mut value = pointer::<pg_sys::varlena>(arg);
        if !is_plain(value) {
            value = pg_sys::pg_detoast_datum_packed(value);
        }
        varlena::varlena_to_byte_slice(value)
    }
}

/// Whether a varlena is neither compressed nor elsewhere.
///
/// # Safety
/// It is the address of one.
#[inline(always)]
pub unsafe fn is_plain(value: *const pg_sys::varlena) -> bool {
    // SAFETY: as the caller promises; looks at the first byte
    unsafe {
        varlena::varatt_is_4b_u(value)
            || varlena::varatt_is_1b(value) && !varlena::varatt_is_1b_e(value)
    }
}

/// The address that an argument is.
///
/// # Safety
/// The argument is an address.
#[inline(always)]
pub unsafe fn pointer<T>(arg: Arg<'_, '_>) -> *mut T {
    // SAFETY: as the caller promises
    match unsafe { arg.unbox_arg_using_from_datum::<pg_sys::Datum>() } {
        Some(datum) => datum.cast_mut_ptr(),
        None => null(),
    }
}

/// A function that is declared strict is never called with NULL, unless it was altered.
#[cold]
fn null() -> ! {
    Failure::new(
        PgSqlErrorCode::ERRCODE_NULL_VALUE_NOT_ALLOWED,
        "argument must not be NULL",
    )
    .raise()
}
