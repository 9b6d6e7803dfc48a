//! How large values can be. Whatever is beyond is refused before it is made.

/// How many levels there can be below the root of a tree: the depth of all recursion here.
pub const DEEPEST: usize = 512;

/// The largest number of events at a point.
pub const MOST_EVENTS: u64 = (1 << 62) - 1;

/// How many bytes a value can be stored in.
pub const MOST_BYTES: usize = 65_536;
