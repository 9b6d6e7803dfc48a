//! The segment of shared memory: what it is made of, and how it begins. docs/shared-memory.md
//! draws it.

use std::sync::atomic::{AtomicU64, Ordering};

use pgrx::prelude::*;
use snowflake_core::snowflake::Layout;
use snowflake_core::words::{Slot, Witnessed};

use crate::host::clock;
use crate::host::random;
use crate::postgres::backend::{self, BackendLocal};
use crate::postgres::error::{Failure, OrRaise, Outcome};
use crate::postgres::lock::{self, Lock};
use crate::settings;
use crate::shared::block_orders::BlockOrders;
use crate::shared::clock_gate::ClockGate;
use crate::shared::clock_sources::ClockSources;
use crate::shared::counters::{COUNTERS, CounterEntry, Counters};
use crate::shared::fleet_status::FleetStatus;
use crate::shared::holder::Holder;
use crate::shared::marks::{Marks, StoredMarks};
use crate::shared::ntp_turns::NtpTurns;
use crate::shared::words::{Beginning, Words};

/// What comes before the slots.
#[repr(C, align(64))]
struct Header {
    /// Slots that follow: one per worker ID of the layout.
    workers: u32,
    /// How many backends have had a turn in a range of worker IDs.
    turns: AtomicU64,
    /// The worker ID taken from address or host name that was logged last, plus one.
    logged_worker: AtomicU64,
    /// What this server has stored, in whatever database.
    stored_marks: StoredMarks,
    /// 64 random bits of this start of the server: node ID and clock sequence of versions 1 and 6.
    identity: u64,
    /// The word of UUID versions 1 and 6.
    gregorian: Slot<AtomicU64>,
    /// The word of UUID version 7.
    unix: Slot<AtomicU64>,
    /// The word of hybrid times.
    hybrid: Slot<AtomicU64>,
    /// What this server has stored of their marks.
    stored_hybrid_marks: StoredMarks,
    /// Up to where the words follow IDs of other servers.
    witnessed: Witnessed,
    /// The lease of the worker ID.
    holder: Holder,
    marks: Marks,
    /// The tranche of the locks.
    tranche: i32,
    /// Held while an entry of a counter is looked up, taken or freed.
    counters_lock: Lock,
    counters: [CounterEntry; COUNTERS],
    /// Tickets whose blocks come from a registry.
    block_orders: BlockOrders,
    clock_gate: ClockGate,
    ntp_turns: NtpTurns,
    /// Where the worker is wanted that asks them.
    clock_sources: Option<&'static ClockSources>,
    fleet_status: FleetStatus,
}

/// Shared memory as a backend sees it.
#[derive(Clone, Copy)]
pub struct Shared {
    header: &'static Header,
    words: Words,
}

static SHARED: BackendLocal<Option<Shared>> = BackendLocal::new(None);
/// Of this start of the postmaster, in whose memory it survives a crash of a backend.
static NONCE: BackendLocal<Option<u128>> = BackendLocal::new(None);
static PREVIOUS_REQUEST: BackendLocal<pg_sys::shmem_request_hook_type> = BackendLocal::new(None);
static PREVIOUS_STARTUP: BackendLocal<pg_sys::shmem_startup_hook_type> = BackendLocal::new(None);

/// Asks for shared memory, from `_PG_init`.
pub fn request() {
    // SAFETY: hooks are set while the postmaster loads libraries, and call their predecessors
    unsafe {
        PREVIOUS_REQUEST.set(pg_sys::shmem_request_hook);
        pg_sys::shmem_request_hook = Some(on_request);
        PREVIOUS_STARTUP.set(pg_sys::shmem_startup_hook);
        pg_sys::shmem_startup_hook = Some(on_startup);
    }
}

/// The memory, or the error that the library is not preloaded.
pub fn shared() -> Outcome<Shared> {
    SHARED.get().ok_or_else(Failure::not_preloaded)
}

impl Shared {
    /// The words of all workers.
    #[inline(always)]
    pub fn words(self) -> Words {
        self.words
    }

    /// The word of UUID versions 1 and 6.
    pub fn gregorian(self) -> &'static Slot<AtomicU64> {
        &self.header.gregorian
    }

    /// The word of UUID version 7.
    pub fn unix(self) -> &'static Slot<AtomicU64> {
        &self.header.unix
    }

    /// The word of hybrid times.
    #[inline(always)]
    pub fn hybrid(self) -> &'static Slot<AtomicU64> {
        &self.header.hybrid
    }

    /// What this server has stored of their marks, in whatever database.
    pub fn stored_hybrid_marks(self) -> &'static StoredMarks {
        &self.header.stored_hybrid_marks
    }

    /// Up to where the words follow IDs of other servers.
    pub fn witnessed(self) -> &'static Witnessed {
        &self.header.witnessed
    }

    /// What this server has stored, in whatever database.
    pub fn stored_marks(self) -> &'static StoredMarks {
        &self.header.stored_marks
    }

    /// The marks of all databases.
    pub fn marks(self) -> &'static Marks {
        &self.header.marks
    }

    /// 64 random bits of this start of the server.
    pub fn identity(self) -> u64 {
        self.header.identity
    }

    /// The lease of the worker ID.
    pub fn holder(self) -> &'static Holder {
        &self.header.holder
    }

    /// The turn of a backend in a range of worker IDs, counted from 0.
    pub fn next_turn(self) -> u64 {
        self.header.turns.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether a worker ID differs from the one logged last; remembers it.
    pub fn is_worker_news(self, worker: u32) -> bool {
        let worker = u64::from(worker) + 1;
        self.header.logged_worker.swap(worker, Ordering::Relaxed) != worker
    }

    /// The ticket counters whose blocks are cached.
    pub fn counters(self) -> Counters {
        Counters::new(&self.header.counters_lock, &self.header.counters)
    }

    /// What is known of the clock.
    pub fn clock_gate(self) -> &'static ClockGate {
        &self.header.clock_gate
    }

    /// The NTP servers that this server asks; `None` without the worker that does.
    pub fn clock_sources(self) -> Option<&'static ClockSources> {
        self.header.clock_sources
    }

    /// What came of comparing this server's clock with those of its fleet.
    pub fn fleet_status(self) -> &'static FleetStatus {
        &self.header.fleet_status
    }

    /// Whose turn it is to ask which NTP server.
    pub fn ntp_turns(self) -> &'static NtpTurns {
        &self.header.ntp_turns
    }

    /// Tickets whose blocks come from a registry.
    pub fn block_orders(self) -> &'static BlockOrders {
        &self.header.block_orders
    }
}

/// What tells a sequence of this database from those of all databases.
pub fn key(sequence: pg_sys::Oid) -> u64 {
    u64::from(backend::database().to_u32()) << 32 | u64::from(sequence.to_u32())
}

/// The database of a key.
pub fn database(key: u64) -> pg_sys::Oid {
    pg_sys::Oid::from((key >> 32) as u32)
}

/// The sequence of a key.
pub fn relation(key: u64) -> pg_sys::Oid {
    pg_sys::Oid::from(key as u32)
}

/// Bytes of shared memory for a layout with the given number of workers.
fn size(workers: usize) -> usize {
    size_of::<Header>() + Words::size(workers)
}

/// Memory of its own for what the worker learns: few servers have one.
///
/// # Safety
/// Called in the startup hook.
unsafe fn clock_sources(tranche: i32) -> Option<&'static ClockSources> {
    if !settings::clock_worker() {
        return None;
    }
    let mut found = false;
    // SAFETY: as the caller promises, with the size that was requested; the memory is aligned to cache
    // lines, and written whole before a reference to it is made
    unsafe {
        let name = c"snowflake_pg clock sources".as_ptr();
        let memory = pg_sys::ShmemInitStruct(name, size_of::<ClockSources>(), &mut found);
        let sources = memory.cast::<ClockSources>();
        if !found {
            sources.write(ClockSources::new(tranche));
        }
        Some(&*sources)
    }
}

fn fresh_nonce() -> Outcome<u128> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(random::failure)?;
    Ok(u128::from_ne_bytes(bytes))
}

#[pg_guard]
unsafe extern "C-unwind" fn on_request() {
    // SAFETY: as PostgreSQL calls it
    unsafe {
        if let Some(previous) = PREVIOUS_REQUEST.get() {
            pg_sys::ffi::pg_guard_ffi_boundary(|| previous());
        }
        let layout = settings::layout().or_raise();
        pg_sys::RequestAddinShmemSpace(size(workers_of(&layout)));
        if settings::clock_worker() {
            pg_sys::RequestAddinShmemSpace(size_of::<ClockSources>());
        }
    }
}

fn workers_of(layout: &Layout) -> usize {
    layout.largest_worker() as usize + 1
}

/// Runs in the postmaster, at its start and again after a crash of a backend: what must outlive
/// that is not kept here alone. Backends inherit the pointers by fork.
#[pg_guard]
unsafe extern "C-unwind" fn on_startup() {
    if let Some(previous) = PREVIOUS_STARTUP.get() {
        // SAFETY: as PostgreSQL calls it
        unsafe { pg_sys::ffi::pg_guard_ffi_boundary(|| previous()) };
    }
    let layout = settings::layout().or_raise();
    let workers = workers_of(&layout);
    let mut found = false;
    // SAFETY: called in the startup hook, with the size that was requested. No other process is
    // attached, so neither needs the lock that serialises start-ups where there is no fork.
    let memory =
        unsafe { pg_sys::ShmemInitStruct(c"snowflake_pg".as_ptr(), size(workers), &mut found) };
    let header = memory.cast::<Header>();
    assert!(header.is_aligned(), "shared memory is not aligned");
    // SAFETY: the memory is large enough, aligned (PostgreSQL aligns to cache lines) and not yet
    // shared; header and words are written whole before references to them are made.
    let shared = unsafe {
        let slots = header.add(1).cast::<Slot<AtomicU64>>();
        if !found {
            header.write(Header::begin(workers as u32).or_raise());
            Words::write(slots, workers);
        }
        lock::name_tranche((*header).tranche);
        Shared {
            header: &*header,
            words: Words::at(slots, (*header).workers as usize),
        }
    };
    if !found {
        shared.begin(&layout);
    }
    SHARED.set(Some(shared));
}

impl Header {
    /// The header of a server that starts.
    fn begin(workers: u32) -> Outcome<Self> {
        let tranche = lock::new_tranche();
        // from the kernel and not from a generator, whose state backends would inherit
        let identity = getrandom::u64().map_err(random::failure)?;
        let restarted = NONCE.get().is_some();
        let nonce = NONCE.get().map_or_else(fresh_nonce, Ok)?;
        NONCE.set(Some(nonce));
        Ok(Self {
            workers,
            turns: AtomicU64::new(0),
            logged_worker: AtomicU64::new(0),
            stored_marks: StoredMarks::default(),
            gregorian: Slot::default(),
            unix: Slot::default(),
            // opened by its first caller, for whom the clock is right
            hybrid: Slot::closed(),
            stored_hybrid_marks: StoredMarks::default(),
            witnessed: Witnessed::default(),
            identity,
            holder: Holder::new(tranche, settings::registry().is_some(), nonce, restarted),
            marks: Marks::new(tranche),
            tranche,
            counters_lock: Lock::new(tranche),
            counters: std::array::from_fn(|_| CounterEntry::new(tranche)),
            block_orders: BlockOrders::new(tranche),
            clock_gate: ClockGate::new(tranche, clock::elapsed()),
            ntp_turns: NtpTurns::new(),
            // SAFETY: in the startup hook
            clock_sources: unsafe { clock_sources(tranche) },
            fleet_status: FleetStatus::new(tranche),
        })
    }
}

impl Shared {
    /// Puts the words where IDs begin, until the stored mark is read.
    fn begin(self, layout: &Layout) {
        if self.holder().required() {
            // opened by the lease, which says where to begin
            self.words.close_all();
        } else if settings::clock_gate().can_refuse() {
            // opened by the first caller for whom the clock is right
            self.words.close_all();
            self.clock_gate().close();
        } else {
            let lead = settings::pace().max_lead;
            let shape = layout.shape();
            let beginning = Beginning::after_lead(&shape, &clock::sample(), lead);
            self.words.resume_all(&shape, &beginning);
        }
    }
}
