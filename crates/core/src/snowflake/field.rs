//! Fields: runs of bits in an ID.

/// Most bits that a worker field may have: shared memory holds a cache line for every worker ID.
pub const MAX_WORKER_BITS: u32 = 16;
/// Bits of an ID: a bigint without its sign.
pub(super) const ID_BITS: u32 = 63;

/// What a field of an ID holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// Always zero in generated IDs.
    Reserved,
    /// Units since the epoch.
    Timestamp,
    /// The worker ID.
    Worker,
    /// The upper part of a worker ID that is shown in two.
    Datacenter,
    /// The lower part of a worker ID that is shown in two.
    Machine,
    /// Distinguishes the IDs of one worker and unit.
    Sequence,
}

impl FieldKind {
    pub(super) const ALL: [Self; 6] = [
        Self::Reserved,
        Self::Timestamp,
        Self::Worker,
        Self::Datacenter,
        Self::Machine,
        Self::Sequence,
    ];

    /// The field's name in a list of fields.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Timestamp => "ts",
            Self::Worker => "worker",
            Self::Datacenter => "datacenter",
            Self::Machine => "machine",
            Self::Sequence => "seq",
        }
    }
}

/// A run of bits in an ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// What it holds.
    pub kind: FieldKind,
    /// How many bits it has, as published.
    pub bits: u32,
}

/// Where a run of bits stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// How many bits of the ID are below it.
    pub(super) shift: u32,
    /// How many bits it has, at most those of an ID.
    pub(super) bits: u32,
}

impl Place {
    /// The largest number that it holds.
    pub(super) const fn largest(self) -> u64 {
        (1 << self.bits) - 1
    }

    /// What it holds of an ID.
    pub(super) const fn take(self, id: u64) -> u64 {
        id >> self.shift & self.largest()
    }
}
