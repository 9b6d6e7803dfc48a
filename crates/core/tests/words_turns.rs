//! Taking turns at what may be done only so often.

#![allow(missing_docs)]

use snowflake_core::words::Turns;

#[test]
fn turns() {
    let turns: Turns = Turns::default();
    assert_eq!(turns.take(100, 10, 100), Ok(100));
    // later ones queue, as far as they want to wait
    assert_eq!(turns.take(101, 10, 110), Ok(110));
    assert_eq!(turns.take(102, 10, 119), Err(120));
    assert_eq!(turns.take(102, 10, 120), Ok(120));
    // a turn that was not taken costs nobody anything
    assert_eq!(turns.take(130, 10, 130), Ok(130));
    assert_eq!(turns.take(1_000, 10, 1_000), Ok(1_000));
    assert_eq!(turns.take(u64::MAX, 10, u64::MAX), Ok(u64::MAX));
    assert_eq!(turns.take(5, 10, 10), Err(u64::MAX));
}
