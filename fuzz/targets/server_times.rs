//! What another PostgreSQL server sends in the place of its time.

use snowflake_core::Refusal;
use snowflake_core::time::{Bracket, ServerTimes, Sync};

/// The width of a reading of our clocks, 8 bytes, then a round for each line: how long it took, as a
/// number, and the answer, all with commas between. A row ends with a semicolon; a value that is empty is NULL.
pub fn run(data: &[u8]) {
    let Some((width, data)) = data.split_first_chunk() else {
        return;
    };
    let text = String::from_utf8_lossy(data);
    let mut sync = Sync::default();
    let (mut now, mut taken) = (0_i64, 0);
    for line in text.lines().take(20) {
        let (length, answer) = line.split_once(',').unwrap_or((line, ""));
        let sent = now;
        now = now.wrapping_add(length.parse().unwrap_or(1_000_000));
        let value = |value: &str| Some(value.to_string()).filter(|value| !value.is_empty());
        let rows: Vec<Vec<Option<String>>> = answer
            .split(';')
            .map(|row| row.split(',').map(value).collect())
            .collect();
        let added = ServerTimes::read(&rows).and_then(|times| {
            assert!(rows.len() == 1 && rows.iter().all(|row| row.len() == 2));
            sync.add(sent, times, now)
        });
        match added {
            Ok(()) => taken += 1,
            Err(error) => {
                assert!(error.detail().is_none_or(|detail| detail.len() < 700));
            }
        }
    }
    let before = 1_795_536_451_250_000_000;
    let bracket = Bracket {
        before,
        elapsed: now,
        after: i64::from_be_bytes(*width),
    };
    if let Some(synced) = sync.result(bracket) {
        assert_eq!(synced.rounds, taken);
        assert!(synced.error >= 0 && synced.round_trip >= 0);
        assert!(synced.bounds.low <= synced.bounds.high);
    }
}
