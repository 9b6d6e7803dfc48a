//! What a server knows of its clock: what the last measurement says by now, and whether the clock has
//! jumped.

use std::cmp::Reverse;

use super::anchor::Anchor;
use super::authorities::{Authorities, Authority};
use super::consensus::{Consensus, Said};
use super::gate::Verdict;
use super::kernel::{KernelReading, KernelSample};
use super::leap::is_near_leap;
use super::moment::{Jump, Moment};
use super::select::Span;

/// How old what the kernel said may be, in nanoseconds.
const KERNEL_AGE: i64 = 1_000_000_000;
/// How long what it said counts as said now: whoever looks asks it again sooner.
const KERNEL_LASTS: i64 = 2 * KERNEL_AGE;
/// What clocks differ by that do not count a leap second at the same time.
const LEAP_SECOND: i64 = 1_000_000_000;

/// What somebody said of true time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    anchor: Anchor,
    /// What the wall clock says of when that was measured, in nanoseconds since 1970.
    pub as_of: i64,
    /// When it was said, and until when it counts as said now. Whoever reads it looks: one who has
    /// ended vouches for nothing.
    said: Said,
}

impl Claim {
    /// That true time is ahead of the wall clock by that much at a moment.
    fn new(ahead: Span, now: Moment, said: Said) -> Option<Self> {
        let age = now.elapsed.saturating_sub(said.at);
        Some(Self {
            anchor: Anchor::new(ahead, now.wall, now.elapsed)?,
            as_of: now.wall.saturating_sub(age),
            said,
        })
    }

    /// What true time is ahead of the wall clock at a moment, in nanoseconds.
    pub fn offset(&self, now: Moment) -> Span {
        self.anchor.ahead(now.wall, now.elapsed)
    }

    /// Whether it counts as said now.
    pub fn is_current(&self, now: Moment) -> bool {
        now.elapsed <= self.said.until
    }

    /// It goes on to count, but as what was said before.
    fn end(&mut self) {
        self.said.until = i64::MIN;
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
    /// How many that is; `None` before all were asked once, unless a majority agreed sooner.
    pub majority: Option<Majority>,
    /// Whether they announced a leap second.
    leap: bool,
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
    /// When it was seen, by the elapsed time.
    jumped: Option<i64>,
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

    /// Looks at the clocks; returns a jump since they were looked at last. The kernel is due after it,
    /// and what others said was said before: all clocks of a machine that stood still are behind,
    /// and who set this one right knows better. A reading from before the last look, by a caller that
    /// was held up, says nothing new.
    pub fn see(&mut self, now: Moment) -> Option<Jump> {
        if self.has_seen(now) {
            return None;
        }
        let jump = self.jump_at(now);
        if jump.is_some() {
            self.jump = jump;
            self.jumped = Some(now.elapsed);
            self.asked = None;
            self.end_what_is_old();
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
                let said = Said {
                    at: now.elapsed,
                    until: now.elapsed.saturating_add(KERNEL_LASTS),
                };
                self.vouched = Claim::new(Span::around(0, error), now, said);
            }
            None => self.vouched.iter_mut().for_each(Claim::end),
        }
    }

    /// Takes what the NTP servers say together of the wall clock at a moment. If no majority agrees,
    /// what it said before goes on to count. What was said before the last jump does not count as said
    /// now.
    pub fn ntp_says(&mut self, now: Moment, consensus: &Consensus) {
        let selection = &consensus.selection;
        // at the leap second itself they may not agree
        if selection.hull.is_some() {
            self.leap = consensus.leap;
        }
        if consensus.all_asked || selection.hull.is_some() || self.majority.is_some() {
            self.majority = Some(Majority::new(
                selection.agreeing,
                selection.truechimers.len(),
            ));
        }
        match selection.hull.zip(consensus.said) {
            Some((hull, said)) => self.ntp = Claim::new(hull, now, said),
            None => self.ntp.iter_mut().for_each(Claim::end),
        }
        self.end_what_is_old();
    }

    /// What was said before the last jump.
    fn end_what_is_old(&mut self) {
        let is_old = |claim: &Claim| self.jumped.is_some_and(|jumped| claim.said.at < jumped);
        let claims = [&mut self.ntp, &mut self.fleet];
        claims
            .into_iter()
            .flatten()
            .filter(|claim| is_old(claim))
            .for_each(Claim::end);
    }

    /// Others are listed now, and were not asked yet. What was said goes on to count, but as what was
    /// said before: a gate that refuses does not open just because somebody changes the list.
    pub fn end_ntp(&mut self) {
        self.ntp.iter_mut().for_each(Claim::end);
        self.majority = None;
    }

    /// Forgets what NTP servers said: none are listed any more.
    pub fn forget_ntp(&mut self) {
        self.ntp = None;
        self.majority = None;
        self.leap = false;
    }

    /// What the kernel vouches for now.
    pub fn kernel_sample(&self, now: Moment) -> Option<KernelSample> {
        let claim = self.vouched.filter(|claim| claim.is_current(now))?;
        let bound = self.kernel?.bound()?;
        Some(KernelSample {
            at: Moment {
                wall: claim.as_of,
                elapsed: claim.said.at,
            },
            error: bound.saturating_mul(1_000),
        })
    }

    /// Takes what the fleet says of the wall clock at a moment, as [`ntp_says`](Self::ntp_says) does;
    /// `None` if it says nothing, or the registry does not answer.
    pub fn fleet_says(&mut self, now: Moment, ahead: Option<Span>, majority: Majority, said: Said) {
        self.fleet_majority = Some(majority);
        match ahead {
            Some(ahead) => self.fleet = Claim::new(ahead, now, said),
            None => self.fleet.iter_mut().for_each(Claim::end),
        }
        self.end_what_is_old();
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

    /// Whether a leap second is announced, and may be about to come or have just gone.
    pub fn is_near_leap(&self, now: Moment) -> bool {
        let by_kernel = self.kernel.is_some_and(|kernel| kernel.announces_leap());
        (self.leap || by_kernel) && is_near_leap(now.wall)
    }

    /// What a clock is worth that is off by so much, with what is too much in nanoseconds. Near a leap
    /// second, which some count sooner than others, that is what it was worth `before`; but one that is
    /// off by more than that explains is wrong all the same.
    pub fn verdict(
        &self,
        now: Moment,
        offset: Option<Span>,
        max_error: i64,
        before: Option<Verdict>,
    ) -> Verdict {
        let verdict = Verdict::new(offset, max_error);
        let explained = max_error.saturating_add(LEAP_SECOND);
        match before {
            Some(before)
                if self.is_near_leap(now) && Verdict::new(offset, explained) != Verdict::Wrong =>
            {
                before
            }
            _ => verdict,
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
            .or_else(|| claims().min_by_key(|(claim, says, _)| (!*says, Reverse(claim.said.at))))
            .map(|(_, _, decision)| decision)
    }
}
