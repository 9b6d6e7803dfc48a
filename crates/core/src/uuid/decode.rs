//! What a UUID says of itself.

use uuid::Uuid;

use super::ticks::{Gregorian, Ticks};
use super::timed::Node;
use crate::timestamp::Timestamp;

/// The variants of RFC 9562, section 4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Apollo's Network Computing System; the nil UUID too.
    Ncs,
    /// RFC 9562 and its predecessor.
    Rfc9562,
    /// Microsoft's, kept for backward compatibility.
    Microsoft,
    /// Reserved; the max UUID too.
    Future,
}

impl Variant {
    /// Its name in SQL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ncs => "ncs",
            Self::Rfc9562 => "rfc9562",
            Self::Microsoft => "microsoft",
            Self::Future => "future",
        }
    }
}

/// The parts of a UUID; `None` where its variant or version has no such part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// 0 to 15; only RFC 9562's variant has versions.
    pub version: Option<u8>,
    /// The variant.
    pub variant: Variant,
    /// Versions 1 and 6 to the microsecond, 7 to the millisecond. Version 2 holds too little of
    /// its time to be of use.
    pub timestamp: Option<Timestamp>,
    /// Versions 1 and 6.
    pub clock_sequence: Option<u16>,
    /// Versions 1, 2 and 6.
    pub node: Option<Node>,
}

/// Takes a UUID apart. Every 16 bytes are one, so nothing is refused.
///
/// ```
/// use snowflake_core::Timestamp;
/// use snowflake_core::uuid::{Uuid, Variant, decode};
///
/// let uuid: Uuid = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f".parse()?;
/// let decoded = decode(uuid);
/// assert_eq!((decoded.version, decoded.variant), (Some(7), Variant::Rfc9562));
/// assert_eq!(decoded.timestamp, Timestamp::parse("2022-02-22T19:22:22Z"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decode(uuid: Uuid) -> Decoded {
    let bytes = uuid.as_bytes();
    let variant = match bytes[8] >> 5 {
        0..=3 => Variant::Ncs,
        4 | 5 => Variant::Rfc9562,
        6 => Variant::Microsoft,
        _ => Variant::Future,
    };
    let version = (variant == Variant::Rfc9562).then_some(bytes[6] >> 4);
    let (high, low) = uuid.as_u64_pair();
    let clock_sequence = matches!(version, Some(1 | 6)).then_some((low >> 48 & 0x3fff) as u16);
    let node = matches!(version, Some(1 | 2 | 6)).then_some([
        bytes[10], bytes[11], bytes[12], bytes[13], bytes[14], bytes[15],
    ]);
    Decoded {
        version,
        variant,
        timestamp: timestamp(version, high),
        clock_sequence,
        node,
    }
}

/// The time in the upper half of a UUID of a version; `None` for one that holds no time.
fn timestamp(version: Option<u8>, high: u64) -> Option<Timestamp> {
    match version? {
        1 => {
            let tick = (high & 0xfff) << 48 | (high >> 16 & 0xffff) << 32 | high >> 32;
            Some(Gregorian::instant(tick))
        }
        6 => Some(Gregorian::instant(high >> 16 << 12 | high & 0xfff)),
        7 => Some(Timestamp::from_millis((high >> 16) as i64)),
        _ => None,
    }
}
