//! Block orders: tickets whose blocks come from a registry. Callers ask for a block here, and the
//! registrar fetches it; a caller that needs a number and has none left waits for the end of that
//! attempt.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use pgrx::prelude::*;
use snowflake_core::ticket::{Asked, Block, OrderState};

use crate::host::clock;
use crate::postgres::lock::Lock;
use crate::postgres::wait::{self, Event};
use crate::shared::bounded_text::BoundedText;

/// Tickets of registries that a server can draw from.
pub const REGISTRY_TICKETS: usize = 64;

/// The longest name of such a ticket, in bytes of UTF-8.
pub const LONGEST_NAME: usize = 56;

/// The name of a ticket as a registry knows it.
pub type RegistryName = BoundedText<LONGEST_NAME>;

/// Why the last attempt failed.
type Trouble = BoundedText<180>;

/// How long a caller waits for the registrar, in microseconds: longer than an attempt takes, which
/// may begin late when the registrar is busy with a lease or another ticket.
const PATIENCE: i64 = 6_000_000;

/// The same for one that does not run, or not yet.
const START: i64 = 1_000_000;

/// The block orders of all tickets, in shared memory.
#[repr(C)]
pub struct BlockOrders {
    /// Held for moments only, and with no other lock taken meanwhile.
    lock: Lock,
    /// Broadcast at the end of every attempt.
    ended: UnsafeCell<pg_sys::ConditionVariable>,
    places: [Place; REGISTRY_TICKETS],
}

// SAFETY: the condition variable is changed by PostgreSQL's functions alone, places under the lock
unsafe impl Sync for BlockOrders {}

/// One ticket.
#[repr(C)]
struct Place {
    /// Database OID and OID of the sequence, 0 while the place is free. Changed under the lock.
    key: AtomicU64,
    /// Whether a block is asked for or on its way: spares the lock.
    busy: AtomicBool,
    /// How often the place was taken: an OID comes back, and with it a key.
    taken: AtomicU32,
    record: UnsafeCell<OrderRecord>,
}

/// What is read and written under the lock.
#[derive(Clone, Copy, Default)]
struct OrderRecord {
    state: OrderState,
    name: RegistryName,
    trouble: Trouble,
}

impl OrderRecord {
    /// What came of the attempt that a caller waits for, `None` as long as it has not ended. A
    /// caller that waits for none yet asks for one.
    fn poll(
        &mut self,
        attempt: &mut Option<u64>,
        count: u32,
        now: i64,
    ) -> Option<Result<(), Trouble>> {
        let failed = match *attempt {
            Some(attempt) => self.state.outcome(attempt, count, now)?,
            None => match self.state.ask(count, now) {
                Asked::Failed => true,
                Asked::Attempt(number) => {
                    *attempt = Some(number);
                    return None;
                }
            },
        };
        Some(if failed { Err(self.trouble) } else { Ok(()) })
    }
}

/// Which place a ticket has.
#[derive(Clone, Copy)]
pub struct Index(usize);

/// A block that the registrar is to fetch.
#[derive(Clone, Copy)]
pub struct Order {
    pub index: Index,
    /// The ticket it is for.
    pub key: u64,
    /// Which taking of the place it is for.
    turn: u32,
    pub name: RegistryName,
    pub count: u32,
}

impl BlockOrders {
    /// Places that are all free.
    pub fn new(tranche: i32) -> Self {
        let mut ended = pg_sys::ConditionVariable::default();
        // SAFETY: writes the variable, which nobody waits for
        unsafe { pg_sys::ConditionVariableInit(&mut ended) };
        Self {
            lock: Lock::new(tranche),
            ended: UnsafeCell::new(ended),
            places: std::array::from_fn(|_| Place {
                key: AtomicU64::new(0),
                busy: AtomicBool::new(false),
                taken: AtomicU32::new(0),
                record: UnsafeCell::new(OrderRecord::default()),
            }),
        }
    }

    fn find(&self, key: u64) -> Option<usize> {
        let is_it = |place: &Place| place.key.load(Ordering::Relaxed) == key;
        self.places.iter().position(is_it)
    }

    /// Calls with the record of a ticket; `None` if its place is another's by now. With the lock.
    fn with_record<T>(
        &self,
        index: Index,
        key: u64,
        work: impl FnOnce(&mut OrderRecord) -> T,
    ) -> Option<T> {
        let place = &self.places[index.0];
        if place.key.load(Ordering::Relaxed) != key {
            return None;
        }
        // SAFETY: the caller holds the lock, and `work` calls nothing of this type
        Some(work(unsafe { &mut *place.record.get() }))
    }

    /// The place of a ticket, by its name at the registry; `None` if all are taken.
    pub fn place(&self, key: u64, name: RegistryName) -> Option<Index> {
        self.lock.with(|| {
            let index = self.find(key).or_else(|| {
                let index = self.find(0)?;
                let place = &self.places[index];
                place.key.store(key, Ordering::Relaxed);
                place.busy.store(false, Ordering::Relaxed);
                Some(index)
            })?;
            self.with_record(Index(index), key, |record| {
                if record.name != name {
                    *record = OrderRecord {
                        name,
                        ..OrderRecord::default()
                    };
                    // what is on its way is for the name of before
                    self.places[index].taken.fetch_add(1, Ordering::Relaxed);
                }
            });
            Some(Index(index))
        })
    }

    /// Frees the place of a ticket, if it has one. Callers that wait there go on.
    pub fn forget(&self, key: u64) {
        self.free(|taken| taken == key);
    }

    /// The keys of all places that are taken.
    pub fn keys(&self) -> impl Iterator<Item = u64> {
        let keys = self.places.iter();
        keys.map(|place| place.key.load(Ordering::Relaxed))
            .filter(|key| *key != 0)
    }

    /// Frees the places of a database.
    pub fn forget_database(&self, database: pg_sys::Oid) {
        self.free(|taken| taken >> 32 == u64::from(database.to_u32()));
    }

    /// Frees the places of those tickets.
    fn free(&self, is_one: impl Fn(u64) -> bool) {
        let freed = self.lock.with(|| {
            let mut freed = false;
            for (index, place) in self.places.iter().enumerate() {
                let key = place.key.load(Ordering::Relaxed);
                if key != 0 && is_one(key) {
                    self.with_record(Index(index), key, |record| *record = OrderRecord::default());
                    place.key.store(0, Ordering::Relaxed);
                    freed = true;
                }
            }
            freed
        });
        if freed {
            self.tell();
        }
    }

    /// Whether a place is still the one of a ticket.
    pub fn has(&self, index: Index, key: u64) -> bool {
        self.places[index.0].key.load(Ordering::Relaxed) == key
    }

    /// Why the last attempt failed, if it did.
    pub fn trouble(&self, key: u64) -> Option<String> {
        let trouble = self.lock.with(|| {
            let index = Index(self.find(key)?);
            self.with_record(index, key, |record| {
                record.state.has_failed().then_some(record.trouble)
            })?
        });
        trouble.map(|trouble| trouble.to_string())
    }

    /// Whether a block is asked for or on its way already.
    pub fn is_busy(&self, index: Index) -> bool {
        self.places[index.0].busy.load(Ordering::Relaxed)
    }

    /// Asks for a block of `count` numbers; returns whether there is a reason to wake the
    /// registrar.
    pub fn ask(&self, index: Index, key: u64, count: u32) -> bool {
        let now = clock::monotonic();
        self.lock.with(|| {
            let ask = |record: &mut OrderRecord| record.state.ask(count, now) != Asked::Failed;
            let asked = self.with_record(index, key, ask) == Some(true);
            if asked {
                self.places[index.0].busy.store(true, Ordering::Relaxed);
            }
            asked
        })
    }

    /// Asks for a block and waits until `ready` returns that there are numbers, or until the
    /// attempt has ended. `wake` wakes the registrar and returns whether there is one.
    ///
    /// # Errors
    /// Why the attempt failed.
    pub fn wait(
        &self,
        index: Index,
        key: u64,
        count: u32,
        ready: impl Fn() -> bool,
        wake: impl Fn() -> bool,
    ) -> Result<(), String> {
        let mut attempt = None;
        let begin = clock::monotonic();
        // SAFETY: the variable is in shared memory and initialised. An ERROR while this process
        // sleeps ends its waiting: PostgreSQL sees to that when the transaction is rolled back.
        unsafe { pg_sys::ConditionVariablePrepareToSleep(self.ended.get()) };
        let result = loop {
            if ready() {
                break Ok(());
            }
            let now = clock::monotonic();
            let poll = |record: &mut OrderRecord| record.poll(&mut attempt, count, now);
            // without a place it was dropped meanwhile: the caller looks it up again
            let polled = self.lock.with(|| self.with_record(index, key, poll));
            let ended = polled.unwrap_or(Some(Ok(())));
            if let Some(result) = ended {
                break result.map_err(|trouble| trouble.to_string());
            }
            let waited = clock::monotonic() - begin;
            if !wake() && waited >= START {
                break Err("the registrar of this server does not run".into());
            }
            if waited >= PATIENCE {
                break Err("the registrar of this server has not come to it".into());
            }
            wait::for_variable(Event::Ticket, self.ended.get(), 1_000_000);
        };
        // SAFETY: ends what was begun above
        unsafe { pg_sys::ConditionVariableCancelSleep() };
        result
    }

    fn tell(&self) {
        // SAFETY: the variable is in shared memory and initialised
        unsafe { pg_sys::ConditionVariableBroadcast(self.ended.get()) };
    }

    // What follows is for the registrar alone.

    /// The same as `with_record` for the ticket of an order, as long as it is the one that ordered.
    fn with_order<T>(&self, order: &Order, work: impl FnOnce(&mut OrderRecord) -> T) -> Option<T> {
        let turn = self.places[order.index.0].taken.load(Ordering::Relaxed);
        if turn != order.turn {
            return None;
        }
        self.with_record(order.index, order.key, work)
    }

    /// The next block to fetch. Tickets take turns: those after `latest` come first.
    pub fn begin(&self, latest: Option<Index>) -> Option<Order> {
        let first = latest.map_or(0, |Index(index)| index + 1);
        self.lock.with(|| {
            (first..first + REGISTRY_TICKETS).find_map(|index| {
                let index = Index(index % REGISTRY_TICKETS);
                let place = &self.places[index.0];
                let key = place.key.load(Ordering::Relaxed);
                self.with_record(index, key, |record| {
                    record.state.is_wanted().then(|| Order {
                        index,
                        key,
                        turn: place.taken.load(Ordering::Relaxed),
                        name: record.name,
                        count: record.state.begin(),
                    })
                })?
            })
        })
    }

    /// Takes back what a registrar before this one has begun and not ended.
    pub fn take_over(&self) {
        self.lock.with(|| {
            for (index, place) in self.places.iter().enumerate() {
                let key = place.key.load(Ordering::Relaxed);
                self.with_record(Index(index), key, |record| {
                    record.state.withdraw();
                    let busy = record.state.is_wanted();
                    place.busy.store(busy, Ordering::Relaxed);
                });
            }
        });
        self.tell();
    }

    /// Whether the numbers of a block are new.
    pub fn is_new(&self, order: &Order, block: &Block) -> bool {
        self.lock.with(|| {
            let is_new = |record: &mut OrderRecord| record.state.is_new(block);
            self.with_order(order, is_new) == Some(true)
        })
    }

    /// Ends all that is asked for: the registry cannot be reached, whatever the ticket.
    pub fn fail_all(&self, trouble: &str) {
        let now = clock::monotonic();
        let trouble = Trouble::new(trouble);
        self.lock.with(|| {
            for (index, place) in self.places.iter().enumerate() {
                let key = place.key.load(Ordering::Relaxed);
                self.with_record(Index(index), key, |record| {
                    if record.state.is_wanted() {
                        record.state.fail(now);
                        record.trouble = trouble;
                        place.busy.store(false, Ordering::Relaxed);
                    }
                });
            }
        });
        self.tell();
    }

    /// Ends an attempt.
    pub fn end(&self, order: &Order, result: Result<(), String>) {
        let now = clock::monotonic();
        let result = result.map_err(|trouble| Trouble::new(&trouble));
        self.lock.with(|| {
            self.with_order(order, |record| {
                match result {
                    Ok(()) => record.state.succeed(),
                    Err(trouble) => {
                        record.state.fail(now);
                        record.trouble = trouble;
                    }
                }
                let busy = record.state.is_wanted();
                self.places[order.index.0]
                    .busy
                    .store(busy, Ordering::Relaxed);
            });
        });
        self.tell();
    }
}
