//! Which of several clocks to believe.
//!
//! Each says that the truth is somewhere in a span. RFC 5905, section 11.2.1, and Marzullo's
//! algorithm behind it look for the largest number of clocks whose spans share a point, which suits
//! steering a clock; as a bound it is unsafe: a liar whose span overlaps narrowly pulls the result
//! off the truth. Here the result is the hull of all points that a majority covers. As long as the
//! majority of all clocks is honest, the truth is such a point, and every such point is in the span
//! of an honest clock.

/// From one value to another one, both within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The smallest value.
    pub low: i64,
    /// The largest value.
    pub high: i64,
}

impl Span {
    /// The values within a distance; none are within one below zero. Saturates.
    pub fn around(middle: i64, distance: i64) -> Self {
        Self {
            low: middle.saturating_sub(distance),
            high: middle.saturating_add(distance),
        }
    }

    /// Whether the two have a value in common.
    pub fn meets(self, other: Self) -> bool {
        self.low <= other.high && other.low <= self.high
    }
}

/// What clocks say together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// From the first to the last value that a majority covers; `None` if no value is.
    pub hull: Option<Span>,
    /// How many spans share a value, at the most.
    pub agreeing: usize,
    /// Of each clock, whether its span meets the hull. One that says nothing does not.
    pub truechimers: Vec<bool>,
}

/// More than half.
pub fn majority(count: usize) -> usize {
    count / 2 + 1
}

/// Puts together what clocks say. One that says nothing counts all the same: otherwise somebody who
/// silences honest ones makes a liar the majority. A span whose ends are the wrong way round is
/// taken as saying nothing.
///
/// ```
/// use snowflake_core::time::{Span, select};
///
/// let says = |low, high| Some(Span { low, high });
/// let selection = select(&[says(-2, 2), says(-1, 3), says(250, 254)]);
/// assert_eq!(selection.hull, says(-1, 2));
/// assert_eq!(selection.truechimers, [true, true, false]);
/// assert_eq!(select(&[says(250, 254), None, None]).hull, None);
/// ```
pub fn select(clocks: &[Option<Span>]) -> Selection {
    let is_proper = |span: &&Span| span.low <= span.high;
    let spans = || clocks.iter().flatten().filter(is_proper);
    // ends come after beginnings of the same value, which both cover
    let mut changes: Vec<(i64, bool)> = spans()
        .flat_map(|span| [(span.low, false), (span.high, true)])
        .collect();
    changes.sort_unstable();
    let wanted = majority(clocks.len());
    let (mut covering, mut agreeing) = (0_usize, 0);
    let (mut low, mut high) = (None, None);
    for (value, is_end) in changes {
        if is_end {
            if covering >= wanted {
                high = Some(value);
            }
            covering = covering.saturating_sub(1);
        } else {
            covering += 1;
            agreeing = agreeing.max(covering);
            if covering >= wanted {
                low = low.or(Some(value));
            }
        }
    }
    let hull = low.zip(high).map(|(low, high)| Span { low, high });
    let truechimers = clocks
        .iter()
        .map(|clock| match (clock.as_ref().filter(is_proper), hull) {
            (Some(span), Some(hull)) => span.meets(hull),
            _ => false,
        })
        .collect();
    Selection {
        hull,
        agreeing,
        truechimers,
    }
}
