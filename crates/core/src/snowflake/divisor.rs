//! Division on the fast path.

/// Division by a run-time constant, done as a multiplication: a hardware division would be the most
/// expensive step after reading the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Divisor {
    /// 2^(63 + shift) / divisor, rounded up.
    factor: u64,
    /// The bits of divisor - 1.
    shift: u32,
}

impl Divisor {
    /// For a divisor from 1 to 2^63.
    pub(super) const fn new(divisor: u64) -> Self {
        let shift = 64 - (divisor - 1).leading_zeros();
        let factor = (1u128 << (63 + shift)).div_ceil(divisor as u128) as u64;
        Self { factor, shift }
    }

    /// `dividend` / divisor, exact below 2^63: the rounding adds less than
    /// dividend / 2^63 / divisor, which is too little to reach the next integer.
    #[inline(always)]
    pub(super) const fn divide(self, dividend: u64) -> u64 {
        ((dividend as u128 * self.factor as u128) >> 63) as u64 >> self.shift
    }
}

#[cfg(test)]
mod tests {
    use super::Divisor;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_divisor_divides(
            dividend in 0..=i64::MAX as u64,
            divisor in 1..=i64::MAX as u64,
            narrow in 0..63u32,
        ) {
            for divisor in [divisor, (divisor >> narrow).max(1), 1, 1_000, 10_000, 1_000_000] {
                let multiple = dividend / divisor * divisor;
                let below = multiple.saturating_sub(1);
                for dividend in [dividend, multiple, below, i64::MAX as u64] {
                    prop_assert_eq!(Divisor::new(divisor).divide(dividend), dividend / divisor);
                }
            }
        }
    }
}
