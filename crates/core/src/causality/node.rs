//! Nodes: a node is a database, and has a number of its own, drawn at random.
//!
//! What a copy of the database brings along is another node's number, so the number is stored with a
//! fingerprint of where it was drawn.

/// Nodes are 1 to this, 62 bits.
pub const LAST_NODE: i64 = (1 << 62) - 1;

/// The node that random bits make; `None` for 62 zeros.
pub fn node(random: u64) -> Option<i64> {
    let node = random as i64 & LAST_NODE;
    (node > 0).then_some(node)
}

/// A fingerprint, 63 bits and never 0, of what tells a database from its copies: a dump that was
/// restored has another system identifier, a promoted standby and a restored backup another
/// timeline, a copy on the same server another OID.
///
/// It is stored, so it stays the same in all versions.
pub fn fingerprint(system: u64, timeline: u32, database: u32) -> i64 {
    let place = u64::from(timeline) << 32 | u64::from(database);
    let mixed = mix(mix(system) ^ place) >> 1;
    mixed.max(1) as i64
}

/// Spreads each bit over all others, and maps no two numbers to the same: the finalizer of SplitMix64.
fn mix(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}
