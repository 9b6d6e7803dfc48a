//! A sequence as a number on a page: read and raised in place, through generic WAL.
//!
//! Unlike setval() this works in read-only transactions and parallel workers, and lasts when the
//! transaction is rolled back.

use pgrx::prelude::*;

/// PostgreSQL's FormData_pg_sequence_data, commands/sequence.h.
#[repr(C)]
pub struct SequenceData {
    pub last_value: i64,
    pub log_cnt: i64,
    pub is_called: bool,
}

/// As after nextval(), for a sequence that counts nothing ahead.
impl From<i64> for SequenceData {
    fn from(last_value: i64) -> Self {
        Self {
            last_value,
            log_cnt: 0,
            is_called: true,
        }
    }
}

/// What became of a change.
pub enum Change<T> {
    /// Another backend is at it.
    Busy,
    /// The page is damaged.
    Damaged,
    /// What was decided, and where in the log the page's latest change ends, this one or another.
    Decided(T, pg_sys::XLogRecPtr),
}

/// The number in the special space of a sequence's page, commands/sequence.c.
const SEQUENCE_MAGIC: u32 = 0x1717;

/// The sequence's relation, locked, until `close`.
pub struct Sequence {
    pub relation: pg_sys::Relation,
    lock: pg_sys::LOCKMODE,
    /// Whether it is to be raised, and not only read.
    raising: bool,
}

/// nextval()'s lock, to read as well: it keeps ALTER SEQUENCE out, which puts another file in the
/// sequence's place.
const LOCK: pg_sys::LOCKMODE = pg_sys::RowExclusiveLock as pg_sys::LOCKMODE;

impl Sequence {
    /// Opens it for what the catalogs say of it, even while it is altered; `None` if it is gone.
    pub fn open(oid: pg_sys::Oid) -> Option<Self> {
        Self::open_locked(oid, pg_sys::AccessShareLock as pg_sys::LOCKMODE, false)
    }

    /// Opens it to read; `None` if it is gone.
    pub fn open_to_read(oid: pg_sys::Oid) -> Option<Self> {
        Self::open_locked(oid, LOCK, false)
    }

    /// Opens it to raise it; `None` if it is gone.
    pub fn open_to_raise(oid: pg_sys::Oid) -> Option<Self> {
        Self::open_locked(oid, LOCK, true)
    }

    /// The same unless that would have to wait.
    pub fn open_at_once(oid: pg_sys::Oid) -> Option<Self> {
        // SAFETY: takes a lock, which is released below, or by the end of the transaction
        if !unsafe { pg_sys::ConditionalLockRelationOid(oid, LOCK) } {
            return None;
        }
        let sequence = Self::open_to_raise(oid);
        // SAFETY: releases what was taken above, and not what `open` took
        unsafe { pg_sys::UnlockRelationOid(oid, LOCK) };
        sequence
    }

    fn open_locked(oid: pg_sys::Oid, lock: pg_sys::LOCKMODE, raising: bool) -> Option<Self> {
        // SAFETY: opens by OID; a relation that is gone gives NULL
        let relation = unsafe { pg_sys::try_relation_open(oid, lock) };
        (!relation.is_null()).then_some(Self {
            relation,
            lock,
            raising,
        })
    }

    /// Whether it is a sequence at all.
    pub fn is_sequence(&self) -> bool {
        // SAFETY: an open relation has its pg_class row
        unsafe { (*(*self.relation).rd_rel).relkind as u8 == pg_sys::RELKIND_SEQUENCE }
    }

    /// Why it must not be read or raised, if so.
    pub fn problem(&self) -> Option<&'static str> {
        // SAFETY: as above
        let persistence = unsafe { (*(*self.relation).rd_rel).relpersistence as u8 };
        if !self.is_sequence() {
            Some("It is not a sequence.")
        } else if persistence != pg_sys::RELPERSISTENCE_PERMANENT {
            Some("It is unlogged: a crash would lose it.")
        } else if self.raising {
            self.alteration()
        } else {
            None
        }
    }

    /// Why its number may be one that a rollback takes back, if so.
    pub fn alteration(&self) -> Option<&'static str> {
        self.altered()
            .then_some("It was altered in this transaction: a rollback would lose it.")
    }

    /// The number of its file: another one since it was altered.
    pub fn file(&self) -> u32 {
        // SAFETY: a field of an open relation
        #[cfg(feature = "pg15")]
        let file = unsafe { (*self.relation).rd_node.relNode };
        // SAFETY: the same
        #[cfg(not(feature = "pg15"))]
        let file = unsafe { (*self.relation).rd_locator.relNumber };
        file.to_u32()
    }

    /// The subtransaction of this transaction that created it, if one did.
    pub fn creator(&self) -> Option<pg_sys::SubTransactionId> {
        // SAFETY: a field of an open relation
        let creator = unsafe { (*self.relation).rd_createSubid };
        (creator != 0).then_some(creator)
    }

    /// Whether a rollback, to a savepoint too, would bring back another file than the one that is
    /// written now. A file that comes and goes with the sequence itself is no risk.
    fn altered(&self) -> bool {
        // SAFETY: a variable of this process
        if unsafe { pg_sys::ParallelWorkerNumber } >= 0 {
            return self.altered_by_leader();
        }
        // SAFETY: fields of an open relation
        let (created, first, newest) = unsafe {
            let relation = &*self.relation;
            #[cfg(feature = "pg15")]
            let files = (
                relation.rd_firstRelfilenodeSubid,
                relation.rd_newRelfilenodeSubid,
            );
            #[cfg(not(feature = "pg15"))]
            let files = (
                relation.rd_firstRelfilelocatorSubid,
                relation.rd_newRelfilelocatorSubid,
            );
            (relation.rd_createSubid, files.0, files.1)
        };
        match created {
            0 => first != 0,
            _ => newest != 0 && newest != created,
        }
    }

    /// The same in a parallel worker, whose relation cache does not know: the catalog row is this
    /// transaction's, and the file is not the first one, which has the number of the sequence.
    fn altered_by_leader(&self) -> bool {
        // SAFETY: a look-up in the system cache; the row's header is read while it is pinned; asks
        // for the state of this transaction
        let (oid, current) = unsafe {
            let oid = (*self.relation).rd_id;
            let key = pg_sys::Datum::from(oid);
            let row = pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::RELOID as i32, key);
            if row.is_null() {
                return true;
            }
            let writer = (*(*row).t_data).t_choice.t_heap.t_xmin;
            pg_sys::ReleaseSysCache(row);
            (oid, pg_sys::TransactionIdIsCurrentTransactionId(writer))
        };
        current && self.file() != oid.to_u32()
    }

    /// Its row; `None` if the page is damaged. It was opened to be read or raised.
    pub fn read(&self) -> Option<SequenceData> {
        Some(self.read_with_position()?.0)
    }

    /// The same, and where in the log the page's latest change ends.
    pub fn read_with_position(&self) -> Option<(SequenceData, pg_sys::XLogRecPtr)> {
        // SAFETY: block 0 of a sequence always exists. Read under the lock: 8 bytes can tear. An
        // ERROR in between unwinds without running anything of ours; PostgreSQL then releases
        // lock and pin.
        unsafe {
            let buffer = pg_sys::ReadBuffer(self.relation, 0);
            pg_sys::LockBuffer(buffer, pg_sys::BUFFER_LOCK_SHARE as i32);
            let position = pg_sys::BufferGetLSNAtomic(buffer);
            let row = data(pg_sys::BufferGetPage(buffer)).map(|row| (row.read(), position));
            pg_sys::UnlockReleaseBuffer(buffer);
            row
        }
    }

    /// Sets its number, or its row, to what `decide` returns for what it found: the row, and where
    /// in the log the page's latest change ends. `at_once` if the caller would rather go without
    /// than wait.
    pub fn change<T, R: Into<SequenceData>>(
        &self,
        at_once: bool,
        decide: impl FnOnce(&SequenceData, pg_sys::XLogRecPtr) -> (T, Option<R>),
    ) -> Change<T> {
        self.change_and(at_once, decide, |_, _| ())
    }

    /// The same, and calls `then` with what was decided and its position before anybody else can
    /// change the sequence.
    ///
    /// Both run with the page locked: a lightweight lock that they take is one that nobody holds who
    /// waits for a page.
    pub fn change_and<T, R: Into<SequenceData>>(
        &self,
        at_once: bool,
        decide: impl FnOnce(&SequenceData, pg_sys::XLogRecPtr) -> (T, Option<R>),
        then: impl FnOnce(&T, pg_sys::XLogRecPtr),
    ) -> Change<T> {
        // SAFETY: the order that generic WAL asks for. Nothing waits for a heavyweight lock while
        // the buffer is locked, and an ERROR in between unwinds without running anything of ours:
        // PostgreSQL releases lock and pin.
        unsafe {
            let buffer = pg_sys::ReadBuffer(self.relation, 0);
            if !at_once {
                pg_sys::LockBuffer(buffer, pg_sys::BUFFER_LOCK_EXCLUSIVE as i32);
            } else if !pg_sys::ConditionalLockBuffer(buffer) {
                pg_sys::ReleaseBuffer(buffer);
                return Change::Busy;
            }
            let wal = pg_sys::GenericXLogStart(self.relation);
            // the whole page: nextval() logs another row than it leaves in memory, and a difference
            // to the one would be replayed onto the other
            let full = pg_sys::GENERIC_XLOG_FULL_IMAGE as i32;
            let page = pg_sys::GenericXLogRegisterBuffer(wal, buffer, full);
            let before = pg_sys::BufferGetLSNAtomic(buffer);
            let decided = data(page).map(|row| {
                let (result, changed) = decide(&*row, before);
                let is_changed = changed.is_some();
                if let Some(changed) = changed {
                    // field by field: the row on the page ends without padding
                    let changed: SequenceData = changed.into();
                    (*row).last_value = changed.last_value;
                    (*row).log_cnt = changed.log_cnt;
                    (*row).is_called = changed.is_called;
                }
                (result, is_changed)
            });
            let position = if let Some((_, true)) = decided {
                pg_sys::GenericXLogFinish(wal)
            } else {
                pg_sys::GenericXLogAbort(wal);
                before
            };
            if let Some((result, _)) = &decided {
                then(result, position);
            }
            pg_sys::UnlockReleaseBuffer(buffer);
            match decided {
                Some((result, _)) => Change::Decided(result, position),
                None => Change::Damaged,
            }
        }
    }

    pub fn close(self) {
        // SAFETY: closes what `open` opened
        unsafe { pg_sys::relation_close(self.relation, self.lock) };
    }
}

/// The sequence's row on a page of it.
///
/// # Safety
/// `page` is block 0 of a sequence, locked or a private copy.
unsafe fn data(page: pg_sys::Page) -> Option<*mut SequenceData> {
    // SAFETY: as the caller promises; the magic number is checked before the row is looked at
    unsafe {
        let magic = pg_sys::PageGetSpecialPointer(page).cast::<u32>();
        if pg_sys::PageGetMaxOffsetNumber(page) < 1 || *magic != SEQUENCE_MAGIC {
            return None;
        }
        let item = pg_sys::PageGetItem(page, pg_sys::PageGetItemId(page, 1));
        let header = item.cast::<pg_sys::HeapTupleHeaderData>();
        Some(item.byte_add((*header).t_hoff as usize).cast())
    }
}
