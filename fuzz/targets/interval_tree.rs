//! Bytes and texts that come in the place of stamps and versions of interval tree clocks.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use snowflake_core::causality::interval_tree::{Encoded, Error, LONGEST_TEXT, Stamp, Version};

/// The bytes as both types, in binary form and as text.
pub fn run(data: &[u8]) {
    if let Some(version) = read::<Version>(data) {
        work_with(&version);
    }
    if let Some(stamp) = read::<Stamp>(data) {
        work(&stamp);
    }
    // what is stored is not looked through each time
    if let Ok(version) = Version::stored(data) {
        work_with(&version);
    }
    if let Ok(stamp) = Stamp::stored(data) {
        work(&stamp);
    }
}

fn read<T: Encoded + PartialEq + Display + Debug + FromStr<Err = Error>>(data: &[u8]) -> Option<T> {
    let value = T::check(data).ok();
    if let Some(value) = &value {
        // one form for each value
        assert_eq!(value.encode().as_deref(), Ok(data));
    }
    let value = value.or_else(|| str::from_utf8(data).ok()?.parse().ok())?;
    assert_eq!(value.to_string().parse::<T>().as_ref(), Ok(&value));
    assert!(value.to_string().len() <= LONGEST_TEXT);
    whole(&value);
    Some(value)
}

/// What is made can be stored, or there is too much of it.
fn whole<T: Encoded + PartialEq + Debug>(value: &T) {
    match value.encode() {
        Ok(bytes) => assert_eq!(T::check(&bytes).as_ref(), Ok(value)),
        Err(error) => assert_eq!(error, Error::TooLarge),
    }
}

fn work(stamp: &Stamp) {
    work_with(stamp.version());
    assert_eq!(stamp.join(stamp).is_err(), !stamp.is_anonymous());
    if let Ok(next) = stamp.event() {
        whole(&next);
        assert!(next.version().contains(stamp.version()));
        assert!(!stamp.version().contains(next.version()));
    }
    if let Ok((left, right)) = stamp.fork() {
        assert!(!left.overlaps(&right));
        assert_eq!(left.join(&right).as_ref(), Ok(stamp));
        for half in [left, right] {
            whole(&half);
            assert_eq!(half.overlaps(stamp), !stamp.is_anonymous());
        }
    }
}

fn work_with(version: &Version) {
    let other = Stamp::seed().and_then(|seed| seed.fork()?.0.event());
    let Ok(other) = other else {
        return;
    };
    if let (Ok(one), Ok(two)) = (version.join(other.version()), other.version().join(version)) {
        whole(&one);
        assert_eq!(one, two);
        assert!(one.contains(version) && one.contains(other.version()));
    }
}
