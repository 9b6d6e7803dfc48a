//! What clocks say, in any numbers, as what they say together.

use snowflake_core::time::{Selection, Span, majority, select};

/// 17 bytes for each clock: whether it says anything, and from where to where. Small numbers, which meet
/// more often, if the first byte is odd.
pub fn run(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else {
        return;
    };
    let number = |bytes: &[u8]| {
        let number = bytes
            .iter()
            .fold(0_i64, |number, byte| number << 8 | i64::from(*byte));
        if kind % 2 == 1 { number % 16 } else { number }
    };
    let clocks: Vec<Option<Span>> = data
        .chunks_exact(17)
        .take(64)
        .map(|chunk| match chunk {
            [says, ends @ ..] if says % 8 != 0 => {
                let (low, high) = ends.split_at(8);
                Some(Span {
                    low: number(low),
                    high: number(high),
                })
            }
            _ => None,
        })
        .collect();
    let selection = select(&clocks);
    assert_eq!(selection, by_definition(&clocks));
    // the order of the clocks says nothing
    let reversed: Vec<_> = clocks.iter().rev().copied().collect();
    let other = select(&reversed);
    assert_eq!(
        (other.hull, other.agreeing),
        (selection.hull, selection.agreeing)
    );
    // nor does one more that is silent make anything more certain
    let mut silent = clocks;
    silent.push(None);
    if let Some(hull) = select(&silent).hull {
        assert!(
            selection
                .hull
                .is_some_and(|before| before.low <= hull.low && hull.high <= before.high)
        );
    }
}

/// Looks at every end of a span: where a majority begins and ends, a span does.
fn by_definition(clocks: &[Option<Span>]) -> Selection {
    let spans = || clocks.iter().flatten().filter(|span| span.low <= span.high);
    let ends = || spans().flat_map(|span| [span.low, span.high]);
    let covering = |point: i64| {
        spans()
            .filter(|span| span.low <= point && point <= span.high)
            .count()
    };
    let covered = || ends().filter(|point| covering(*point) >= majority(clocks.len()));
    let hull = covered()
        .min()
        .zip(covered().max())
        .map(|(low, high)| Span { low, high });
    let meets = |span: &Span| {
        span.low <= span.high
            && hull.is_some_and(|hull| span.low <= hull.high && hull.low <= span.high)
    };
    Selection {
        hull,
        agreeing: ends().map(covering).max().unwrap_or(0),
        truechimers: clocks
            .iter()
            .map(|clock| clock.as_ref().is_some_and(meets))
            .collect(),
    }
}
