//! An exchange in numbers without a unit, for working out examples. Nothing is decided by it.

use super::error::Error;

/// As [`Exchange`](super::Exchange), in floating point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FloatExchange {
    /// When the request was sent, by the clock of the one who asks.
    pub t1: f64,
    /// When it came, by the server's clock.
    pub t2: f64,
    /// When the answer left, by the server's clock.
    pub t3: f64,
    /// When it was received, by the clock of the one who asks.
    pub t4: f64,
}

impl FloatExchange {
    /// What the server's clock is ahead of ours if both ways took as long.
    ///
    /// # Errors
    /// It overflows.
    pub fn offset(self) -> Result<f64, Error> {
        let Self { t1, t2, t3, t4 } = self;
        self.checked(((t2 - t1) + (t3 - t4)) / 2.0)
    }

    /// How long request and answer were on the way.
    ///
    /// # Errors
    /// It overflows.
    pub fn delay(self) -> Result<f64, Error> {
        let Self { t1, t2, t3, t4 } = self;
        self.checked((t4 - t1) - (t3 - t2))
    }

    /// What the server's clock is ahead of ours at least and at the most.
    ///
    /// # Errors
    /// A delay below zero, or an overflow.
    pub fn bounds(self) -> Result<(f64, f64), Error> {
        let Self { t1, t2, t3, t4 } = self;
        let (low, high) = (self.checked(t3 - t4)?, self.checked(t2 - t1)?);
        if low > high {
            return Err(Error::Contradiction);
        }
        Ok((low, high))
    }

    /// As PostgreSQL has it: infinite is only what follows from something infinite.
    fn checked(self, result: f64) -> Result<f64, Error> {
        let inputs = [self.t1, self.t2, self.t3, self.t4];
        if result.is_finite() || inputs.iter().any(|input| !input.is_finite()) {
            Ok(result)
        } else {
            Err(Error::FloatOutOfRange)
        }
    }
}
