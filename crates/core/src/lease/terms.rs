//! What servers ask, what a registry stores, and what it tells them.

/// The longest lease that can be asked for, in milliseconds: a day.
pub const LONGEST: i64 = 86_400_000;

/// The longest lease that a registry grants before it knows of longer ones, in milliseconds: ten
/// minutes.
pub const USUAL: i64 = 600_000;

/// A worker ID for an interval of timestamps of IDs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The worker ID.
    pub worker: u32,
    /// The first millisecond of the interval.
    pub not_before: i64,
    /// The one after its last.
    pub not_after: i64,
}

/// What a server asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What its data says it is; a clone says the same.
    pub identity: String,
    /// Made by this start of the server.
    pub nonce: u128,
    /// For people.
    pub host_name: String,
    /// What its clock reads.
    pub clock: i64,
    /// How far its IDs may run ahead of its clock.
    pub max_lead: i64,
    /// How long the lease is to go on from now.
    pub length: i64,
    /// The only worker ID that will do.
    pub fixed: Option<u32>,
    /// What it holds.
    pub held: Option<Lease>,
}

/// What a registry stores about a worker ID: the last lease of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The worker ID, by which entries are told apart.
    pub worker: u32,
    /// The identity of its holder.
    pub identity: String,
    /// The nonce of its holder.
    pub nonce: u128,
    /// The host name of its holder.
    pub host_name: String,
    /// The first millisecond of the interval.
    pub not_before: i64,
    /// The one after its last.
    pub not_after: i64,
    /// When it was granted or renewed last, by the clock of the registry.
    pub renewed: i64,
    /// Whether the holder asked for this worker ID and no other.
    pub fixed: bool,
    /// Whether the holder gave it back.
    pub released: bool,
    /// The host name of another server that presented the same identity.
    pub contested_by: Option<String>,
}

/// What a decision depends on besides the entries and the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// What the registry's clock reads.
    pub now: i64,
    /// By how much a server's clock may differ from it.
    pub tolerance: i64,
    /// Until when nothing is granted anew; stored by the registry, 0 at first.
    pub hold_until: i64,
    /// The longest lease ever granted; stored by the registry, [`USUAL`] at first.
    pub longest: i64,
    /// Whether the registry may have lost its newest entries: it is not the one that stored what
    /// it finds.
    pub lost: bool,
    /// How many worker IDs the layout has.
    pub workers: u32,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What the server is told, but not before all below is durable.
    pub answer: Answer,
    /// To be stored, each in the place of the entry of that worker ID.
    pub entries: Vec<Entry>,
    /// To be stored.
    pub hold_until: i64,
    /// To be stored.
    pub longest: i64,
}

/// What a server is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It holds a lease.
    Granted {
        /// The lease; of another worker ID, or of another interval, than what the server held, or
        /// the same going on.
        lease: Lease,
        /// The host name of another server that presented the same identity.
        contested_by: Option<String>,
    },
    /// It holds no more than before.
    Refused(Denial),
}

/// Why a lease is denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The class.
    pub reason: Reason,
    /// The figures, as sentences.
    pub detail: String,
}

/// The classes of denials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The clocks of server and registry differ by more than is tolerated.
    ClockDiffers,
    /// The registry may have lost grants, and waits until their intervals are over.
    HeldBack,
    /// All worker IDs are taken.
    NoneFree,
    /// The only worker ID that would do is taken.
    Taken,
}

impl Reason {
    const ALL: [Self; 4] = [
        Self::ClockDiffers,
        Self::HeldBack,
        Self::NoneFree,
        Self::Taken,
    ];

    /// The name by which a registry gives the reason.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClockDiffers => "clock differs",
            Self::HeldBack => "held back",
            Self::NoneFree => "none free",
            Self::Taken => "taken",
        }
    }

    /// The reason of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// The entry after its holder gave back what lies at or above `mark`, which no ID of it has
/// reached; `None` if it is not the holder's.
///
/// A mark above what the registry knows to have granted comes from a renewal that it lost; only one
/// that no renewal explains is not believed.
pub fn release(entry: &Entry, nonce: u128, mark: i64) -> Option<Entry> {
    if entry.nonce != nonce || entry.released {
        return None;
    }
    let explained = mark <= entry.not_after.saturating_add(LONGEST);
    let reached = if explained { mark } else { entry.not_after };
    Some(Entry {
        not_after: reached.max(entry.not_before),
        released: true,
        contested_by: None,
        ..entry.clone()
    })
}
