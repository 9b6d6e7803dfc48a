//! What a server knows of its clock: what the last measurement says by now, and whether the clock has
//! jumped.

use std::cmp::Reverse;

use super::anchor::Anchor;
use super::authorities::{Authorities, Authority};
use super::gate::Verdict;
use super::kernel::KernelReading;
use super::select::{Selection, Span};

/// How old what the kernel said may be, in nanoseconds.
const KERNEL_AGE: i64 = 1_000_000_000;
/// How long what it said counts as said now: whoever looks asks it again sooner.
const KERNEL_LASTS: i64 = 2 * KERNEL_AGE;
/// Nanoseconds by which the wall clock may leave the elapsed time without having jumped, and which part
/// of the time besides: chrony slews it by up to a twelfth.
const UNREMARKABLE_JUMP: i64 = 100_000_000;
const UNREMARKABLE_SLEW: i64 = 10;

/// Two clocks at one moment, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock, since 1970.
    pub wall: i64,
    /// A clock that nobody sets or slews.
    pub elapsed: i64,
}

impl Moment {
    /// By how much the wall clock has jumped since an earlier moment: left the time that has passed
    /// further than a slew can.
    pub fn jump_since(self, earlier: Self) -> Option<Jump> {
        let passed = self.elapsed.saturating_sub(earlier.elapsed);
        let by = self
            .wall
            .saturating_sub(earlier.wall)
            .saturating_sub(passed);
        let unremarkable = UNREMARKABLE_JUMP.saturating_add(passed.max(0) / UNREMARKABLE_SLEW);
        let at = self.wall;
        (by.unsigned_abs() > unremarkable.unsigned_abs()).then_some(Jump { by, at })
    }
}

/// A jump of the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    /// By how much, in nanoseconds; forward if positive.
    pub by: i64,
    /// What the wall clock said after it, in nanoseconds since 1970.
    pub at: i64,
}

/// What somebody said of true time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    anchor: Anchor,
    /// What the wall clock said at that measurement, in nanoseconds since 1970.
    pub as_of: i64,
    /// Until when it counts as said now, by the elapsed time. Whoever reads it looks: one who has
    /// ended vouches for nothing.
    until: i64,
}

impl Claim {
    /// That true time is ahead of the wall clock by that much at a moment.
    fn new(ahead: Span, now: Moment, until: i64) -> Option<Self> {
        Some(Self {
            anchor: Anchor::new(ahead, now.wall, now.elapsed)?,
            as_of: now.wall,
            until,
        })
    }

    /// What true time is ahead of the wall clock at a moment, in nanoseconds.
    pub fn offset(&self, now: Moment) -> Span {
        self.anchor.ahead(now.wall, now.elapsed)
    }

    /// Whether it counts as said now.
    pub fn is_current(&self, now: Moment) -> bool {
        now.elapsed <= self.until
    }

    /// It goes on to count, but as what was said before.
    fn end(&mut self) {
        self.until = i64::MIN;
    }
}

/// How many NTP servers agree, or clocks of a fleet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Majority {
    /// Those that share a point of time.
    pub agreeing: u16,
    /// All that are listed.
    pub servers: u16,
}

impl Majority {
    /// So many of so many.
    pub fn new(agreeing: usize, servers: usize) -> Self {
        let few = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
        Self {
            agreeing: few(agreeing),
            servers: few(servers),
        }
    }
}

/// Who decides what the clock is off by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Who says it.
    pub by: Authority,
    /// What true time is ahead of the wall clock, in nanoseconds.
    pub offset: Span,
    /// What the wall clock said when it was measured, in nanoseconds since 1970.
    pub as_of: i64,
}

/// What is known of the wall clock of this server.
///
/// ```
/// use snowflake_core::time::{Authorities, KernelReading, Moment, Span, Watch};
///
/// let second = 1_000_000_000;
/// let mut watch = Watch::default();
/// let offset = |watch: &Watch, now| {
///     let decision = watch.decide(now, &Authorities::default(), second / 2);
///     decision.map(|decision| decision.offset)
/// };
/// let now = Moment { wall: 50 * second, elapsed: 0 };
/// assert_eq!(watch.see(now), None);
/// let reading = KernelReading { max_error: 1_000, est_error: 10, ..KernelReading::default() };
/// watch.kernel_says(now, Some(reading), now);
/// // within 1 ms, rounded up
/// assert_eq!(offset(&watch, now), Some(Span { low: -1_000_001, high: 1_000_001 }));
///
/// // somebody sets the clock an hour ahead: the kernel says nothing any more
/// let now = Moment { wall: 3_651 * second, elapsed: second };
/// assert_eq!(watch.see(now).map(|jump| jump.by), Some(3_600 * second));
/// let unsynchronised = KernelReading { max_error: 16_000_000, ..reading };
/// watch.kernel_says(now, Some(unsynchronised), now);
/// assert!(offset(&watch, now).is_some_and(|offset| offset.high < -3_599 * second));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// What the majority of the NTP servers said.
    ntp: Option<Claim>,
    /// How many that is; `None` before all were asked once.
    pub majority: Option<Majority>,
    /// What the majority of the fleet said.
    fleet: Option<Claim>,
    /// How many clocks that is; `None` before the registry was asked once.
    pub fleet_majority: Option<Majority>,
    /// What the kernel said when it last vouched for the clock.
    vouched: Option<Claim>,
    /// What the kernel said last; `None` if it does not say.
    pub kernel: Option<KernelReading>,
    /// When it was asked last, by the elapsed time.
    asked: Option<i64>,
    latest: Option<Moment>,
    /// The last jump.
    pub jump: Option<Jump>,
}

impl Watch {
    /// Whether there is something to do at a moment: the kernel is to be asked, or the clock has jumped.
    pub fn is_due(&self, now: Moment) -> bool {
        self.is_kernel_due(now) || self.jump_at(now).is_some()
    }

    /// Whether the kernel is to be asked.
    pub fn is_kernel_due(&self, now: Moment) -> bool {
        let age = |asked: i64| now.elapsed.saturating_sub(asked);
        self.asked.is_none_or(|asked| age(asked) >= KERNEL_AGE)
    }

    /// Looks at the clocks; returns a jump since they were looked at last. The kernel is due after it.
    /// A reading from before the last look, by a caller that was held up, says nothing new.
    pub fn see(&mut self, now: Moment) -> Option<Jump> {
        if self.has_seen(now) {
            return None;
        }
        let jump = self.jump_at(now);
        if jump.is_some() {
            self.jump = jump;
            self.asked = None;
        }
        self.latest = Some(now);
        jump
    }

    fn has_seen(&self, now: Moment) -> bool {
        self.latest
            .is_some_and(|latest| latest.elapsed > now.elapsed)
    }

    fn jump_at(&self, now: Moment) -> Option<Jump> {
        now.jump_since(self.latest?)
    }

    /// Takes what the kernel says; `None` if it does not say. One that is synchronised vouches for
    /// the clock from now on, otherwise the last measurement goes on to count.
    ///
    /// It was asked after `now` and before `after`. If the clock was set in between it is not known
    /// of which clock it speaks, and it is to be asked again.
    pub fn kernel_says(&mut self, now: Moment, reading: Option<KernelReading>, after: Moment) {
        if self.has_seen(now) || after.jump_since(now).is_some() {
            return;
        }
        self.asked = Some(now.elapsed);
        self.kernel = reading;
        match reading.and_then(|reading| reading.bound()) {
            Some(bound) => {
                let error = bound.saturating_mul(1_000);
                let until = now.elapsed.saturating_add(KERNEL_LASTS);
                self.vouched = Claim::new(Span::around(0, error), now, until);
            }
            None => self.vouched.iter_mut().for_each(Claim::end),
        }
    }

    /// Takes what the NTP servers say together of the wall clock at a moment, which counts as said
    /// now for so many nanoseconds. If no majority agrees, what it said before goes on to count.
    pub fn ntp_says(&mut self, now: Moment, selection: &Selection, lasts: i64) {
        self.majority = Some(Majority::new(
            selection.agreeing,
            selection.truechimers.len(),
        ));
        match selection.hull {
            Some(hull) => self.ntp = Claim::new(hull, now, now.elapsed.saturating_add(lasts)),
            None => self.ntp.iter_mut().for_each(Claim::end),
        }
    }

    /// Forgets what NTP servers said: others are listed now.
    pub fn forget_ntp(&mut self) {
        self.ntp = None;
        self.majority = None;
    }

    /// Takes what the fleet says of the wall clock at a moment, as [`ntp_says`](Self::ntp_says) does;
    /// `None` if it says nothing, or the registry does not answer.
    pub fn fleet_says(&mut self, now: Moment, ahead: Option<Span>, majority: Majority, lasts: i64) {
        self.fleet_majority = Some(majority);
        match ahead {
            Some(ahead) => self.fleet = Claim::new(ahead, now, now.elapsed.saturating_add(lasts)),
            None => self.fleet.iter_mut().for_each(Claim::end),
        }
    }

    /// The registry was asked, and what the fleet says is not known. What it said before goes on to count.
    pub fn fleet_is_silent(&mut self) {
        self.fleet_majority.get_or_insert_default();
    }

    /// What one of those who may decide said last.
    pub fn claim(&self, authority: Authority) -> Option<Claim> {
        match authority {
            Authority::Ntp => self.ntp,
            Authority::Kernel => self.vouched,
            Authority::Registry => self.fleet,
        }
    }

    /// What the wall clock is off by at a moment: the first authority decides that says something
    /// now, with what is too much in nanoseconds. If none does, what was said last goes on to count.
    pub fn decide(
        &self,
        now: Moment,
        authorities: &Authorities,
        max_error: i64,
    ) -> Option<Decision> {
        let claims = || {
            authorities.iter().filter_map(|by| {
                let claim = self.claim(by)?;
                let offset = claim.offset(now);
                let says = Verdict::new(Some(offset), max_error) != Verdict::Unknown;
                let as_of = claim.as_of;
                Some((claim, says, Decision { by, offset, as_of }))
            })
        };
        claims()
            .find(|(claim, says, _)| *says && claim.is_current(now))
            .or_else(|| {
                claims().min_by_key(|(claim, says, _)| (!*says, Reverse(claim.anchor.at())))
            })
            .map(|(_, _, decision)| decision)
    }
}
