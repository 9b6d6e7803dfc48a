//! Bytes and texts that come in the place of a version vector.

use snowflake_core::causality::{Error, VersionVector, room};

/// The bytes as a binary form and as text.
pub fn run(data: &[u8]) {
    if let Ok(vector) = VersionVector::check(data) {
        // one form for each value
        assert_eq!(
            made(|room| VersionVector::parse(&vector.to_string(), room)).as_deref(),
            Ok(data)
        );
        assert_eq!(
            made(|room| VersionVector::parse_json(&vector.json().to_string(), room)).as_deref(),
            Ok(data)
        );
    }
    if let Ok(vector) = VersionVector::stored(data) {
        work(vector);
    }
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    for parse in [VersionVector::parse, VersionVector::parse_json] {
        if let Ok(bytes) = made(|room| parse(text, room)) {
            assert!(VersionVector::check(&bytes).is_ok());
        }
    }
}

/// All that is done with what is stored: it is not looked through each time.
fn work(vector: VersionVector<'_>) {
    let mut other = [0; room(1)];
    let length = VersionVector::of(7, 7, &mut other).unwrap_or_default();
    let Ok(other) = VersionVector::stored(&other[..length]) else {
        return;
    };
    for (left, right) in [(vector, other), (other, vector), (vector, vector)] {
        let _ = (
            left.order(right),
            left.contains(right),
            left.total_order(right),
        );
        let _ = made(|room| left.merge(right, room));
        let _ = made(|room| left.meet(right, room));
    }
    let _ = (
        made(|room| vector.increment(7, room)),
        vector.counter(7),
        vector.counter(-1),
    );
    assert!(vector.entries().len() == vector.len());
}

fn made(fill: impl FnOnce(&mut [u8]) -> Result<usize, Error>) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; room(1_000)];
    let length = fill(&mut bytes)?;
    bytes.truncate(length);
    Ok(bytes)
}
