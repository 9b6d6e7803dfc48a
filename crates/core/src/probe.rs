//! Which place of a table has a key: open addressing with linear probing, where what is in a place
//! cannot move to another.
//!
//! Places hold a key, [`NEVER`] or [`FREED`]. A search ends at a place that holds none
//! and that nobody went past to one further on; a place that was freed and may have been passed by is
//! gone past as before.

/// A place that no search needs to go past.
pub const NEVER: u64 = 0;
/// A place that is free, and that a search goes past.
pub const FREED: u64 = u64::MAX;

/// What a search has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The place of the key.
    Taken(usize),
    /// It has none. It may take this one.
    Free(usize),
    /// It has none, and there is none for it.
    Full,
}

/// Looks for a key, neither [`NEVER`] nor [`FREED`], in a table of `size` places; `at` returns what
/// one of them holds.
///
/// ```
/// use std::cell::Cell;
///
/// use snowflake_core::probe::{Found, NEVER, find, free};
///
/// let table = [const { Cell::new(NEVER) }; 8];
/// let at = |place: usize| table[place].get();
/// let Found::Free(place) = find(8, 7, at) else {
///     panic!("all are free");
/// };
/// table[place].set(7);
/// assert_eq!(find(8, 7, at), Found::Taken(place));
/// free(8, place, at, |place, key| table[place].set(key));
/// assert_eq!(find(8, 7, at), Found::Free(place));
/// ```
pub fn find(size: usize, key: u64, at: impl Fn(usize) -> u64) -> Found {
    let mut free = None;
    for place in places(size, key) {
        match at(place) {
            held if held == key => return Found::Taken(place),
            NEVER => return Found::Free(free.unwrap_or(place)),
            FREED => free = free.or(Some(place)),
            _ => {}
        }
    }
    free.map_or(Found::Full, Found::Free)
}

/// The places of a table in the order in which a key tries them.
fn places(size: usize, key: u64) -> impl Iterator<Item = usize> {
    let first = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize % size.max(1);
    (first..size).chain(0..first)
}

/// Frees a place: `set` stores what it and those before it hold from now on.
pub fn free(size: usize, place: usize, at: impl Fn(usize) -> u64, set: impl Fn(usize, u64)) {
    let after = (place + 1) % size.max(1);
    if at(after) != NEVER {
        // somebody may have gone past it
        return set(place, FREED);
    }
    set(place, NEVER);
    // nor did anybody go past those before it for what lies behind
    let before = (0..place).rev().chain((place + 1..size).rev());
    for place in before.take_while(|place| at(*place) == FREED) {
        set(place, NEVER);
    }
}
