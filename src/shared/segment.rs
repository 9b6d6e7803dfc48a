//! Every word of shared memory. docs/shared-memory.md draws it.

use std::sync::atomic::{AtomicU64, Ordering};

use pgrx::prelude::*;
use snowflake_core::Timestamp;
use snowflake_core::snowflake::Mark;
use snowflake_core::uuid::{Ticks, UnixSequence};
use snowflake_core::words::Slot;

use crate::host::clock;
use crate::host::random;
use crate::postgres::backend::BackendLocal;
use crate::postgres::error::{Failure, OrRaise, Outcome};
use crate::postgres::lock::{self, Lock};
use crate::settings;
use crate::shared::block_orders::BlockOrders;
use crate::shared::counters::{COUNTERS, CounterEntry, Counters};
use crate::shared::holder::Holder;

/// Databases whose mark is shared; in further ones every backend keeps a mark of its own, which
/// costs more raises.
const DATABASES: usize = 1_024;

/// What comes before the slots.
#[repr(C, align(64))]
struct Header {
    /// Slots that follow: one per worker ID of the layout.
    workers: u32,
    /// Counts the backends that a range of workers was dealt to.
    dealt: AtomicU64,
    /// The worker ID taken from address or host name that was logged last, plus one.
    announced: AtomicU64,
    /// The highest mark that this server has stored in any database, in milliseconds since 1970.
    stored: AtomicU64,
    /// Where the write-ahead log stood before this server stored its first mark; 0 until then.
    began: AtomicU64,
    /// 64 random bits of this start of the server: node ID and clock sequence of versions 1 and 6.
    identity: u64,
    /// The word of UUID versions 1 and 6.
    gregorian: Slot<AtomicU64>,
    /// The word of UUID version 7.
    unix: Slot<AtomicU64>,
    /// The lease of the worker ID.
    holder: Holder,
    databases: [Database; DATABASES],
    /// The tranche of the locks.
    tranche: i32,
    /// Held while an entry of a counter is looked up, taken or freed.
    counters_lock: Lock,
    counters: [CounterEntry; COUNTERS],
    /// Tickets whose blocks come from a registry.
    block_orders: BlockOrders,
}

/// The mark of one database.
#[repr(C, align(64))]
struct Database {
    /// Database OID and OID of the mark's sequence, 0 while the entry is free. Never reused.
    key: AtomicU64,
    mark: Mark<AtomicU64>,
}

/// Shared memory as a backend sees it.
#[derive(Clone, Copy)]
pub struct Shared {
    header: &'static Header,
    slots: &'static [Slot<AtomicU64>],
    /// The words of snowflake128, one per worker.
    wide_slots: &'static [Slot<AtomicU64>],
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
    /// The words of a worker.
    pub fn slot(self, worker: u32) -> Option<&'static Slot<AtomicU64>> {
        self.slots.get(worker as usize)
    }

    /// The words of all workers.
    pub fn slots(self) -> &'static [Slot<AtomicU64>] {
        self.slots
    }

    /// The word of snowflake128 of a worker.
    pub fn wide_slot(self, worker: u32) -> Option<&'static Slot<AtomicU64>> {
        self.wide_slots.get(worker as usize)
    }

    /// The word of UUID versions 1 and 6.
    pub fn gregorian(self) -> &'static Slot<AtomicU64> {
        &self.header.gregorian
    }

    /// The word of UUID version 7.
    pub fn unix(self) -> &'static Slot<AtomicU64> {
        &self.header.unix
    }

    /// Remembers a mark that is about to be stored.
    pub fn storing(self, mark: i64) {
        self.header.stored.fetch_max(mark as u64, Ordering::Relaxed);
    }

    /// The highest mark that this server has stored in any database.
    pub fn stored(self) -> u64 {
        self.header.stored.load(Ordering::Relaxed)
    }

    /// A position in the write-ahead log that all marks of this server come after, and all of its
    /// predecessors before. To be asked before a mark is stored.
    pub fn began(self) -> u64 {
        let order = Ordering::Relaxed;
        let began = &self.header.began;
        if began.load(order) == 0 {
            // SAFETY: reads shared memory of the server
            let now = unsafe { pg_sys::GetXLogInsertRecPtr() };
            // another backend may have been first, and its position is as good
            let _ = began.compare_exchange(0, now, order, order);
        }
        began.load(order)
    }

    /// 64 random bits of this start of the server.
    pub fn identity(self) -> u64 {
        self.header.identity
    }

    /// The lease of the worker ID.
    pub fn holder(self) -> &'static Holder {
        &self.header.holder
    }

    /// The turn of a backend, counted from 0.
    pub fn deal(self) -> u64 {
        self.header.dealt.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether a worker ID differs from the one logged last.
    pub fn announce(self, worker: u32) -> bool {
        let worker = u64::from(worker) + 1;
        self.header.announced.swap(worker, Ordering::Relaxed) != worker
    }

    /// The shared mark of a database; `None` if there is no room for it.
    pub fn mark(
        self,
        database: pg_sys::Oid,
        sequence: pg_sys::Oid,
    ) -> Option<&'static Mark<AtomicU64>> {
        let key = key(database, sequence);
        self.probe(key)
            .find(|entry| {
                let order = Ordering::Relaxed;
                match entry.key.compare_exchange(0, key, order, order) {
                    Ok(_) => true,
                    Err(present) => present == key,
                }
            })
            .map(|entry| &entry.mark)
    }

    /// The same without making room for it.
    pub fn known_mark(
        self,
        database: pg_sys::Oid,
        sequence: pg_sys::Oid,
    ) -> Option<&'static Mark<AtomicU64>> {
        let key = key(database, sequence);
        self.probe(key)
            .find(|entry| entry.key.load(Ordering::Relaxed) == key)
            .map(|entry| &entry.mark)
    }

    /// The ticket counters whose blocks are cached.
    pub fn counters(self) -> Counters {
        Counters::new(&self.header.counters_lock, &self.header.counters)
    }

    /// Tickets whose blocks come from a registry.
    pub fn block_orders(self) -> &'static BlockOrders {
        &self.header.block_orders
    }

    /// The entries of databases in the order in which a key tries them.
    fn probe(self, key: u64) -> impl Iterator<Item = &'static Database> {
        let entries = &self.header.databases;
        let start = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize;
        (0..DATABASES).map(move |step| &entries[start.wrapping_add(step) % DATABASES])
    }
}

/// What tells the sequences of all databases apart.
pub fn key(database: pg_sys::Oid, sequence: pg_sys::Oid) -> u64 {
    u64::from(database.to_u32()) << 32 | u64::from(sequence.to_u32())
}

/// Bytes of shared memory for a layout with so many workers.
fn size(workers: u32) -> usize {
    size_of::<Header>() + 2 * workers as usize * size_of::<Slot<AtomicU64>>()
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
        pg_sys::RequestAddinShmemSpace(size(layout.largest_worker() + 1));
    }
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
    let workers = layout.largest_worker() + 1;
    let mut found = false;
    // SAFETY: called in the startup hook, with the size that was requested. No other process is
    // attached, so neither needs the lock that serialises start-ups where there is no fork.
    let memory =
        unsafe { pg_sys::ShmemInitStruct(c"snowflake_pg".as_ptr(), size(workers), &mut found) };
    assert!(
        memory.cast::<Header>().is_aligned(),
        "shared memory is not aligned"
    );

    // Until the stored mark is read, IDs begin where those of a predecessor that ran ahead of the
    // clock may have ended.
    let sample = clock::sample();
    let lead = settings::pace().max_lead;
    let begin = Timestamp::from_micros(sample.wall.micros().saturating_add(lead));
    let first = layout.shape().first_tick(begin);
    // from the kernel and not from a generator, whose state backends would inherit
    let identity = getrandom::u64().map_err(random::failure).or_raise();
    let restarted = NONCE.get().is_some();
    let nonce = NONCE.get().map_or_else(fresh_nonce, Ok).or_raise();
    NONCE.set(Some(nonce));
    let leased = settings::registry().is_some();
    // SAFETY: the memory is large enough, aligned (PostgreSQL aligns to cache lines) and not yet
    // shared; header and slots are written whole before references to them are made.
    let shared = unsafe {
        let header = memory.cast::<Header>();
        let slots = header.add(1).cast::<Slot<AtomicU64>>();
        if !found {
            let tranche = lock::new_tranche();
            header.write(Header {
                workers,
                dealt: AtomicU64::new(0),
                announced: AtomicU64::new(0),
                stored: AtomicU64::new(0),
                began: AtomicU64::new(0),
                gregorian: Slot::default(),
                unix: Slot::default(),
                identity,
                holder: Holder::new(tranche, leased, nonce, restarted),
                databases: [const {
                    Database {
                        key: AtomicU64::new(0),
                        mark: Mark::new(),
                    }
                }; DATABASES],
                tranche,
                counters_lock: Lock::new(tranche),
                counters: std::array::from_fn(|_| CounterEntry::new(tranche)),
                block_orders: BlockOrders::new(tranche),
            });
            for worker in 0..workers as usize {
                let wide = slots.add(workers as usize + worker);
                slots.add(worker).write(Slot::default());
                wide.write(Slot::default());
                let (slot, wide) = (&*slots.add(worker), &*wide);
                if leased {
                    // opened by the lease, which says where to begin
                    slot.close();
                    wide.close();
                } else {
                    slot.resume(first, sample.wall, sample.monotonic_after);
                    wide.resume(UnixSequence::at(begin), sample.wall, sample.monotonic_after);
                }
            }
        }
        lock::name_tranche((*header).tranche);
        let workers = (*header).workers as usize;
        Shared {
            header: &*header,
            slots: std::slice::from_raw_parts(slots, workers),
            wide_slots: std::slice::from_raw_parts(slots.add(workers), workers),
        }
    };
    SHARED.set(Some(shared));
}
