//! Tells the log when sources of time contradict each other: once for each change, whoever decides.

use snowflake_core::time::{Authority, Moment, Selection, Span, Watch, majority};

use crate::postgres::error::Report;
use crate::time::ntp_server::range;

/// Who contradicts whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Contradiction {
    #[default]
    None,
    /// NTP servers each other.
    Servers,
    Sources(Authority, Authority),
}

const PAIRS: [(Authority, Authority); 3] = [
    (Authority::Ntp, Authority::Registry),
    (Authority::Ntp, Authority::Kernel),
    (Authority::Registry, Authority::Kernel),
];

/// What the log was told.
#[derive(Debug, Default)]
pub struct Contradictions {
    told: Contradiction,
}

impl Contradictions {
    /// Tells what has changed since. `spans` is what each NTP server says, if it does, and `leap` whether
    /// one announces a leap second.
    pub fn tell(
        &mut self,
        watch: &Watch,
        now: Moment,
        spans: &[Option<Span>],
        selection: &Selection,
        leap: bool,
    ) {
        let says = |by: Authority| {
            let claim = watch.claim(by).filter(|claim| claim.is_current(now));
            claim.map(|claim| claim.offset(now))
        };
        let Some((found, detail)) = self.find(says, spans, selection) else {
            return;
        };
        if std::mem::replace(&mut self.told, found) == found {
            return;
        }
        if found == Contradiction::None {
            Report::new("the sources of time do not contradict each other any more").log();
            return;
        }
        let leap = if leap {
            " A leap second is announced."
        } else {
            ""
        };
        Report::new("the sources of time contradict each other")
            .detail(format!("{detail}{leap}"))
            .log();
    }

    /// Nothing, if too few say something to know whether what was told has changed.
    fn find(
        &self,
        says: impl Fn(Authority) -> Option<Span>,
        spans: &[Option<Span>],
        selection: &Selection,
    ) -> Option<(Contradiction, String)> {
        for (one, other) in PAIRS {
            if let (Some(one_says), Some(other_says)) = (says(one), says(other))
                && !one_says.meets(other_says)
            {
                let detail = format!(
                    "What is to be added to this clock is {} by {}, and {} by {}.",
                    range(one_says),
                    called(one),
                    range(other_says),
                    called(other)
                );
                return Some((Contradiction::Sources(one, other), detail));
            }
        }
        let (telling, count) = (spans.iter().flatten().count(), spans.len());
        let wanted = majority(count);
        if says(Authority::Ntp).is_none()
            && selection.hull.is_none()
            && count > 0
            && telling >= wanted
        {
            let detail = format!(
                "{telling} of {count} NTP servers tell the time, and no {wanted} of them agree."
            );
            return Some((Contradiction::Servers, detail));
        }
        // who has fallen silent has not changed its mind
        let all_speak = match self.told {
            Contradiction::None => true,
            Contradiction::Servers => says(Authority::Ntp).is_some(),
            Contradiction::Sources(one, other) => says(one).is_some() && says(other).is_some(),
        };
        all_speak.then(|| (Contradiction::None, String::new()))
    }
}

fn called(by: Authority) -> &'static str {
    match by {
        Authority::Ntp => "the NTP servers",
        Authority::Registry => "the fleet",
        Authority::Kernel => "the kernel",
    }
}
