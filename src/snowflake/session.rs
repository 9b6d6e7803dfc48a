//! What a backend keeps to give out IDs, and the way an ID takes: the fast path touches only the
//! worker's word and the mark in shared memory, everything else is on the slow path.

use std::sync::atomic::AtomicU64;

use pgrx::prelude::*;
use snowflake_core::snowflake::{Error, Shape};
use snowflake_core::time::{CounterRate, LONGEST_READING, Reading};
use snowflake_core::words::{Claim, Pace, Slot, Standing, Word};
use snowflake_core::{ClockSample, Timestamp};

use crate::host::clock;
use crate::host::counter;
use crate::host::delay;
use crate::host::random;
use crate::postgres::backend::BackendLocal;
use crate::postgres::error::{Failure, Outcome, Report};
use crate::postgres::invalidation::Kept;
use crate::postgres::transaction;
use crate::settings;
use crate::shared::segment::{self, Shared};
use crate::snowflake::mark::{Bounds, MarkWords, OwnMark, StoredMark};
use crate::snowflake::record::{self, Relations};
use crate::snowflake::worker::{self, WorkerIds};
use crate::time::gate;

/// Everything that generating needs, looked up once per backend and after changes.
#[derive(Clone, Copy)]
pub struct Session {
    pub shape: Shape,
    pace: Pace,
    shared: Shared,
    relations: Relations,
    mark: MarkWords,
    slot: &'static Slot<AtomicU64>,
    /// The worker ID, in its place in the ID.
    worker: u64,
    /// The worker IDs of this server.
    workers: WorkerIds,
    /// The worker ID that the caller named.
    named: Option<i32>,
    /// From the first tick of a unit to the last one that may be given out in it.
    max_lead: u64,
    /// Ticks ahead of the coarse clock that the clock has certainly not reached.
    coarse_error: u64,
    /// A new unit begins with a random sequence below this one; 0 for always 0.
    random_start: u64,
    /// How fast the processor's counter runs, if there is one to go by.
    counter_rate: Option<CounterRate>,
}

static SESSION: Kept<Session> = Kept::new(|session, changed| session.relations.have(changed));
static OWN_MARK: OwnMark = OwnMark::new();
static WARNED_OF_EXPIRY: BackendLocal<bool> = BackendLocal::new(false);

/// Looks everything up again at the next ID: a setting has changed.
pub fn forget() {
    SESSION.forget();
}

/// Where the last ID of this backend was, which says how much of the clocks the next one needs.
#[derive(Clone, Copy)]
enum Footing {
    /// At the clock, or near it, which was read last then.
    Near(Reading),
    /// So far ahead of the clock that the coarse one will do, where the processor has no counter.
    Ahead,
    /// Ahead of a clock that went back, further than it may run ahead of one that did not.
    Behind(Behind),
}

/// What is known of a clock that went back.
#[derive(Clone, Copy)]
struct Behind {
    standing: Standing,
    /// The tick that the clock has certainly not reached.
    reached: u64,
    /// The last tick that may be given out.
    allowed: Reading,
}

static FOOTING: BackendLocal<Footing> = BackendLocal::new(Footing::Near(Reading::NONE));

/// The next ID of this backend's worker, if that takes none of what can fail or wait.
#[inline(always)]
pub fn try_next() -> Option<i64> {
    match FOOTING.get() {
        Footing::Near(reading) => {
            return next_near(current_unit(reading)?, false);
        }
        Footing::Ahead => {
            if let Some(id) = next_ahead() {
                return Some(id);
            }
        }
        Footing::Behind(behind) => {
            if let Some(id) = next_behind(behind) {
                return Some(id);
            }
        }
    }
    next_near(read_unit()?, false)
}

/// The first tick of the unit that the clock is in, without reading the clock anew while the last
/// reading stands.
#[inline(always)]
fn current_unit(reading: Reading) -> Option<u64> {
    if reading.is_some()
        && let Some(first) = reading.tick(counter::read())
    {
        return Some(first);
    }
    read_unit()
}

/// The same, wherever the last ID was.
#[inline(always)]
fn unit() -> Option<u64> {
    match FOOTING.get() {
        Footing::Near(reading) => current_unit(reading),
        Footing::Ahead | Footing::Behind(_) => {
            SESSION.get()?.shape.first_tick_within(clock::wall())
        }
    }
}

/// The same by an exact reading of the clock, which stands for those to come.
#[inline(never)]
fn read_unit() -> Option<u64> {
    let session = SESSION.get()?;
    let Some(rate) = session.counter_rate else {
        FOOTING.set(Footing::Near(Reading::NONE));
        return session.shape.first_tick_within(clock::wall());
    };
    let counter = counter::read();
    let (first, rest) = session.shape.first_tick_and_rest(clock::wall())?;
    FOOTING.set(Footing::Near(Reading::new(first, rest, counter, rate)));
    Some(first)
}

/// The next ID near the clock, `now` being the first tick of its unit, if a unit begins with a random
/// sequence, which can be refused, or if it does not.
#[inline(always)]
fn next_near(now: u64, at_random: bool) -> Option<i64> {
    let session = SESSION.get()?;
    let claim = session.try_claim_of(session.slot, now, at_random)?;
    if session.counter_rate.is_none() && claim.first > now + session.coarse_error {
        FOOTING.set(Footing::Ahead);
    }
    Some(session.shape.id(claim.first, session.worker))
}

/// The next ID while IDs are ahead of the clock, as in a loop at the layout's ceiling: it follows
/// the last one whatever the clock says exactly, so a cheap reading of it is enough.
#[inline(always)]
fn next_ahead() -> Option<i64> {
    let coarse = clock::coarse();
    let session = SESSION.get()?;
    let now = session.shape.first_tick_within(coarse)?;
    let claim = session.slot.claim_ahead(
        &session.mark.words.bound,
        now + session.coarse_error,
        now + session.max_lead,
        1,
    );
    if claim.is_none() {
        FOOTING.set(Footing::Near(Reading::NONE));
    }
    Some(session.shape.id(claim?.first, session.worker))
}

/// The next ID while IDs are ahead of a clock that went back, as long as the clocks stand as they
/// did when `claim_slow` looked at them, which then would find nothing new.
#[inline(never)]
fn next_behind(behind: Behind) -> Option<i64> {
    let session = SESSION.get()?;
    let claim = match session.claim_behind_at_once(session.slot, &behind) {
        Some(claim) => claim,
        None => {
            FOOTING.set(Footing::Near(Reading::NONE));
            let (claim, behind) = session.try_claim_behind(session.slot, behind.standing)?;
            FOOTING.set(Footing::Behind(behind));
            claim
        }
    };
    Some(session.shape.id(claim.first, session.worker))
}

/// The same of a worker of this server.
#[cold]
#[inline(never)]
fn next_behind_of(worker: u32) -> Option<i64> {
    let Footing::Behind(behind) = FOOTING.get() else {
        return None;
    };
    let session = SESSION.get()?;
    let slot = session.shared.words().slot(worker)?;
    let claim = match session.claim_behind_at_once(slot, &behind) {
        Some(claim) => claim,
        None => {
            let (claim, behind) = session.try_claim_behind(slot, behind.standing)?;
            FOOTING.set(Footing::Behind(behind));
            claim
        }
    };
    let worker = session.shape.worker_bits(worker);
    Some(session.shape.id(claim.first, worker))
}

/// The next ID of this backend's worker.
pub fn next() -> Outcome<i64> {
    if let Some(now) = unit()
        && let Some(id) = next_near(now, true)
    {
        return Ok(id);
    }
    let mut session = current()?;
    let claim = session.claim(1)?;
    Ok(session.id(claim.first))
}

/// The next ID of a worker that the caller names, if that takes none of what can fail or wait.
#[inline(always)]
pub fn try_next_of(worker: i32) -> Option<i64> {
    next_near_of(worker, false)
}

/// As `next_near`.
#[inline(always)]
fn next_near_of(worker: i32, at_random: bool) -> Option<i64> {
    // read first, so that nothing has to be kept across the call
    let now = unit()?;
    let session = SESSION.get()?;
    if !session.workers.has(worker) {
        return None;
    }
    let slot = session.shared.words().slot(worker as u32)?;
    let Some(claim) = session.try_claim_of(slot, now, at_random) else {
        return next_behind_of(worker as u32);
    };
    let worker = session.shape.worker_bits(worker as u32);
    Some(session.shape.id(claim.first, worker))
}

/// The next ID of a worker that the caller names.
pub fn next_of(worker: i32) -> Outcome<i64> {
    if let Some(id) = next_near_of(worker, true) {
        return Ok(id);
    }
    let mut session = current()?.of_worker(worker)?;
    let claim = session.claim(1)?;
    Ok(session.id(claim.first))
}

/// The session of this backend.
pub fn current() -> Outcome<Session> {
    match SESSION.get() {
        Some(session) if !session.is_over() => Ok(session),
        _ => SESSION.renew(|| {
            let session = attach()?;
            session.stored_mark().verify()?;
            Ok(session)
        }),
    }
}

/// Refuses on a standby, whose worker ID is its primary's.
pub fn refuse_recovery() -> Outcome<()> {
    transaction::refuse_recovery(
        "generate snowflake IDs",
        "Generate them on the primary; decoding works here.",
    )
}

fn attach() -> Outcome<Session> {
    // what was looked at before says nothing of the tolerance that is set now
    // nor is the last reading of the clock one by the layout that is set now
    FOOTING.set(Footing::Near(Reading::NONE));
    let shared = segment::shared()?;
    refuse_recovery()?;
    let relations = record::relations()?;
    let layout = record::check(relations)?;
    warn_of_expiry(layout.name(), layout.last_instant());
    let workers = worker::ids(&layout, shared)?;
    let worker = workers.own;
    let slot = slot_of(shared, worker)?;
    let shape = layout.shape();
    let pace = settings::pace();
    let sequences = 1 << shape.sequence_bits();
    Ok(Session {
        shape,
        pace,
        shared,
        relations,
        mark: MarkWords::find(shared, relations.mark, &OWN_MARK)?,
        slot,
        worker: shape.worker_bits(worker),
        workers,
        named: None,
        coarse_error: ((clock::COARSE_ERROR + LONGEST_READING as i64) / shape.unit() + 2) as u64
            * sequences,
        max_lead: (pace.max_lead / shape.unit()) as u64 * sequences + (sequences - 1),
        random_start: if settings::random_start() {
            sequences / 2
        } else {
            0
        },
        counter_rate: counter::rate(),
    })
}

/// The words of a worker. The setting was checked against the layout that the slots were made for.
fn slot_of(shared: Shared, worker: u32) -> Outcome<&'static Slot<AtomicU64>> {
    let missing = || Failure::state(format!("worker ID {worker} has no place in shared memory"));
    shared.words().slot(worker).ok_or_else(missing)
}

fn warn_of_expiry(layout: &str, last_instant: Timestamp) {
    const YEAR: i64 = 365 * 86_400 * 1_000_000;
    let left = last_instant.micros() - clock::wall().micros();
    if (0..YEAR).contains(&left) && !WARNED_OF_EXPIRY.replace(true) {
        Report::new(format!(
            "layout \"{layout}\" has no IDs left in {} days",
            left / 86_400_000_000
        ))
        .detail(format!("Its last instant is {last_instant}."))
        .warning();
    }
}

impl Session {
    /// Whether this server has another worker ID by now, or the session is to have another mark.
    fn is_over(&self) -> bool {
        self.shared.holder().generation() != self.workers.generation
            || self.mark.are_over(self.shared, self.relations.mark)
    }

    /// The stored mark, for a caller that needs it above an ID of this session.
    fn stored_mark(&self) -> StoredMark<'_> {
        StoredMark {
            mark: self.mark,
            bounds: Bounds::SnowflakeIds(self.relations),
            shape: &self.shape,
            pace: &self.pace,
            shared: self.shared,
            slot: self.slot,
        }
    }

    /// The same for another worker of this server.
    fn of_worker(self, worker: i32) -> Outcome<Self> {
        let worker = self.workers.check(worker)?;
        Ok(Self {
            slot: slot_of(self.shared, worker)?,
            worker: self.shape.worker_bits(worker),
            named: Some(worker as i32),
            ..self
        })
    }

    /// The ID of a tick of this session's worker.
    pub fn id(&self, tick: u64) -> i64 {
        self.shape.id(tick, self.worker)
    }

    #[inline(always)]
    fn start(&self) -> u64 {
        if self.random_start == 0 {
            return 0;
        }
        random::below(self.random_start)
    }

    /// Claims the next tick from the word of a worker of this server if clock and mark allow it
    /// without a second look; `now` is the first tick of the clock's unit. Only where a unit begins
    /// with a random sequence, or only where it does not.
    #[inline(always)]
    fn try_claim_of(&self, slot: &Slot<AtomicU64>, now: u64, at_random: bool) -> Option<Claim> {
        if (self.random_start > 0) != at_random {
            return None;
        }
        let start = || if at_random { self.start() } else { 0 };
        slot.claim(&self.mark.words.bound, now, now + self.max_lead, 1, start)
            .ok()
    }

    /// The same from a word that is ahead of a clock which went back: by coarse readings of the
    /// clocks, and at the end of the lead by an exact one. What they say stands for the next calls.
    #[inline(always)]
    fn try_claim_behind(
        &self,
        slot: &Slot<AtomicU64>,
        standing: Standing,
    ) -> Option<(Claim, Behind)> {
        let counter = self.counter_rate.map(|rate| (counter::read(), rate));
        // in this order: a tick of the kernel in between makes it look as if one was set
        let wall = clock::coarse();
        let monotonic = clock::coarse_monotonic();
        let offset = slot.still(standing, wall, monotonic)?;
        let reached = self.shape.first_tick_within(wall)? + self.coarse_error;
        let claim = |monotonic: i64| {
            let now = Timestamp::from_micros(monotonic.saturating_add(offset));
            let allowed = self.shape.first_tick_within(now)? + self.max_lead;
            let claim = slot.claim_ahead(&self.mark.words.bound, reached, allowed, 1)?;
            Some((claim, allowed))
        };
        let (claim, allowed) = claim(monotonic).or_else(|| claim(clock::monotonic()))?;
        let allowed = match counter {
            Some((counter, rate)) => Reading::new(allowed, LONGEST_READING, counter, rate),
            None => Reading::NONE,
        };
        Some((
            claim,
            Behind {
                standing,
                reached,
                allowed,
            },
        ))
    }

    /// The same by what stands of earlier readings.
    #[inline(always)]
    fn claim_behind_at_once(&self, slot: &Slot<AtomicU64>, behind: &Behind) -> Option<Claim> {
        if !behind.allowed.is_some() {
            return None;
        }
        let allowed = behind.allowed.tick(counter::read())?;
        slot.claim_behind(
            behind.standing,
            &self.mark.words.bound,
            behind.reached,
            allowed,
        )
    }

    /// Claims up to `count` ticks if clock and mark allow one without a second look.
    fn claim_at_once(&self, count: u64) -> Option<Claim> {
        let now = self.shape.first_tick_within(clock::wall())?;
        let allowed = now + self.max_lead;
        self.slot
            .claim(&self.mark.words.bound, now, allowed, count, || self.start())
            .ok()
    }

    /// Claims up to `count` ticks; raises the mark and waits for the clock as needed. The worker
    /// may be another one afterwards, if it is leased.
    pub fn claim(&mut self, count: u64) -> Outcome<Claim> {
        match self.claim_at_once(count) {
            Some(claim) => Ok(claim),
            None => self.claim_slow(count),
        }
    }

    #[cold]
    #[inline(never)]
    fn claim_slow(&mut self, count: u64) -> Outcome<Claim> {
        let mut waited = false;
        // for a caller that has raised the mark since, as if it had not been held up by that: by a
        // new reading it could be beyond the mark again, each time
        let mut before_raise: Option<ClockSample> = None;
        loop {
            check_for_interrupts!();
            if self.is_over() {
                let session = current()?;
                *self = match self.named {
                    Some(worker) => session.of_worker(worker)?,
                    None => session,
                };
                before_raise = None;
            }
            let is_old = before_raise.is_some();
            let sample = match before_raise.take() {
                Some(sample) => sample,
                None => gate::sample(self.shared).inspect_err(|_| self.slot.count_error())?,
            };
            // before the word takes the clock for right, which may be far ahead
            self.shared
                .holder()
                .check(&self.shape, sample.wall)
                .inspect_err(|_| self.slot.count_error())?;
            let reached = self.shape.instant(self.slot.last.load_relaxed());
            self.slot.catch_up(&sample, reached);
            let observed = self
                .slot
                .observe(&sample, self.pace.unremarkable(self.shape.unit()));
            if observed.noticed {
                delay::log_regression(observed.regression);
            }
            let allowance = self
                .shape
                .allow(&observed, &self.pace)
                .inspect_err(|_| self.slot.count_error())?;
            let now = self.shape.first_tick(sample.wall);
            let mark = &self.mark.words.bound;
            let first = match self
                .slot
                .claim(mark, now, allowance.last, count, || self.start())
            {
                Ok(claim) => {
                    if let Some(standing) = self.slot.standing(&sample) {
                        FOOTING.set(Footing::Behind(Behind {
                            standing,
                            reached: 0,
                            allowed: Reading::NONE,
                        }));
                    } else if matches!(FOOTING.get(), Footing::Behind(_)) {
                        FOOTING.set(Footing::Near(Reading::NONE));
                    }
                    return Ok(claim);
                }
                Err(beyond) => beyond.first,
            };
            if self.slot.is_closed() {
                // until the process that closed it is through
                self.shared.holder().with_words_at_rest(|| ());
                continue;
            }
            if first > self.shape.last_tick() {
                self.slot.count_error();
                return Err(self.exhausted());
            }
            if first <= allowance.last {
                self.stored_mark().raise(first, &sample)?;
                before_raise = Some(sample);
                continue;
            }
            if is_old {
                continue;
            }
            if !waited {
                waited = true;
                self.slot.count_wait();
            }
            delay::wait(allowance.wait(&self.shape, first, &self.pace));
        }
    }

    fn exhausted(&self) -> Failure {
        let layout = match settings::layout() {
            Ok(layout) => layout.name().into(),
            Err(error) => return error.into(),
        };
        Error::Exhausted {
            layout,
            last_instant: self.shape.instant(self.shape.last_tick()),
        }
        .into()
    }
}
