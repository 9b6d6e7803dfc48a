//! What four timestamps say: a request is sent at t1 and comes at t2, its answer leaves at t3 and is
//! received at t4. t1 and t4 are of the one who asks, t2 and t3 of the server.

use super::error::Error;

/// Four timestamps of one exchange, in any one unit.
///
/// ```
/// use snowflake_core::time::Exchange;
///
/// let exchange = Exchange { t1: 950, t2: 1010, t3: 1015, t4: 975 };
/// assert_eq!(exchange.offset(), Ok(50));
/// assert_eq!(exchange.delay(), Ok(20));
/// assert_eq!(exchange.bounds(), Ok((40, 60)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// When the request was sent, by the clock of the one who asks.
    pub t1: i64,
    /// When it came, by the server's clock.
    pub t2: i64,
    /// When the answer left, by the server's clock.
    pub t3: i64,
    /// When it was received, by the clock of the one who asks.
    pub t4: i64,
}

impl Exchange {
    /// What the server's clock is ahead of ours if both ways took as long: the middle of the
    /// bounds, rounded toward zero. RFC 5905, section 8.
    ///
    /// # Errors
    /// It does not fit.
    pub fn offset(self) -> Result<i64, Error> {
        let (low, high) = self.ends();
        fit((low + high) / 2)
    }

    /// How long request and answer were on the way.
    ///
    /// # Errors
    /// It does not fit.
    pub fn delay(self) -> Result<i64, Error> {
        let (low, high) = self.ends();
        fit(high - low)
    }

    /// What the server's clock is ahead of ours at least and at the most, however long each of the
    /// ways took: neither took less than no time.
    ///
    /// # Errors
    /// A delay below zero, or bounds that do not fit.
    pub fn bounds(self) -> Result<(i64, i64), Error> {
        let (low, high) = self.ends();
        if low > high {
            return Err(Error::Contradiction);
        }
        Ok((fit(low)?, fit(high)?))
    }

    fn ends(self) -> (i128, i128) {
        let [t1, t2, t3, t4] = [self.t1, self.t2, self.t3, self.t4].map(i128::from);
        (t3 - t4, t2 - t1)
    }
}

fn fit(value: i128) -> Result<i64, Error> {
    value.try_into().map_err(|_| Error::IntervalOutOfRange)
}
