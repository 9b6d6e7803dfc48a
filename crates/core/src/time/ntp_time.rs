//! NTP's timestamps of 64 bits.

use crate::timestamp::Timestamp;

/// Seconds from 1900, where NTP's era 0 begins, to 1970.
const UNIX_EPOCH: i64 = 2_208_988_800;

/// Seconds since 1900 modulo 2³², and 32 bits of a fraction. Which era it is of, the timestamp does
/// not say: era 1 begins on 2036-02-07 at 06:28:16. It is read as the instant nearest to another
/// one, as RFC 5905, section 6, has it; that holds for 68 years to both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// The timestamp of an instant, in nanoseconds since 1970.
    pub fn from_nanos(nanos: i64) -> Self {
        let seconds = (nanos.div_euclid(1_000_000_000) + UNIX_EPOCH) as u32;
        let fraction = (nanos.rem_euclid(1_000_000_000) << 32) / 1_000_000_000;
        Self(u64::from(seconds) << 32 | fraction as u64)
    }

    /// Whether it stands for no time at all.
    pub fn is_unset(self) -> bool {
        self.0 == 0
    }

    /// Seconds since 1970, nearest to the given ones; saturates.
    fn seconds_near(self, near: i64) -> i64 {
        let near_in_era = near.wrapping_add(UNIX_EPOCH) as u32;
        let difference = ((self.0 >> 32) as u32).wrapping_sub(near_in_era) as i32;
        near.saturating_add(i64::from(difference))
    }

    /// The fraction of the second in units of which there are so many in a second, rounded.
    fn fraction(self, units: u64) -> i64 {
        let fraction = u128::from(self.0 as u32);
        ((fraction * u128::from(units) + (1 << 31)) >> 32) as i64
    }

    /// The instant nearest to another one, both in nanoseconds since 1970; saturates.
    pub fn nanos_near(self, near: i64) -> i64 {
        self.seconds_near(near.div_euclid(1_000_000_000))
            .saturating_mul(1_000_000_000)
            .saturating_add(self.fraction(1_000_000_000))
    }

    /// The instant nearest to another one that is finite; `None` if it stands for no time at all.
    pub fn instant_near(self, near: Timestamp) -> Option<Timestamp> {
        if self.is_unset() {
            return None;
        }
        let micros = self
            .seconds_near(near.micros().div_euclid(1_000_000))
            .saturating_mul(1_000_000)
            .saturating_add(self.fraction(1_000_000));
        Some(Timestamp::from_micros(micros))
    }
}
