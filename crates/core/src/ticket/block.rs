//! Blocks of numbers, and how large the next one is.

/// By how much a block may outgrow the size that its counter asks for.
pub const LARGEST_GROWTH: u32 = 1_024;

/// Microseconds that a block should last for at least; up to four times that is no reason to
/// shrink it.
const SHORT: i64 = 500_000;

/// Numbers that belong to one server: `first`, `first + step` and so on.
///
/// ```
/// use snowflake_core::ticket::Block;
///
/// let block = Block { first: 1_000, step: 2, count: 3 };
/// assert_eq!(block.last(), 1_004);
/// // more numbers than were asked for cannot be a block
/// assert_eq!(Block::received(1_000, 2, 3, 5), Some(block));
/// assert_eq!(Block::received(1_000, 2, 6, 5), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// The first of them.
    pub first: i64,
    /// The distance between two of them, positive.
    pub step: i64,
    /// How many there are, at least one.
    pub count: u32,
}

impl Block {
    /// A block as a registry describes it that was asked for `asked` numbers; `None` if it cannot
    /// be one.
    pub fn received(first: i64, step: i64, count: i64, asked: u32) -> Option<Self> {
        let count = u32::try_from(count)
            .ok()
            .filter(|count| (1..=asked).contains(count))?;
        // the distance of two numbers may not fit an i64
        let further = i128::from(count).saturating_sub(1);
        let last = i128::from(first).saturating_add(further.saturating_mul(step.into()));
        (step > 0 && last <= i128::from(i64::MAX)).then_some(Self { first, step, count })
    }

    /// The last number of the block.
    pub fn last(&self) -> i64 {
        let distance = i64::from(self.count.saturating_sub(1)).wrapping_mul(self.step);
        self.first.wrapping_add(distance)
    }
}

/// How many numbers to claim, when a block of `before` numbers lasted for the given number of
/// microseconds and the counter asks for `base`. Blocks grow until one lasts for half a second, up
/// to [`LARGEST_GROWTH`] times the base, and shrink again when demand does.
///
/// ```
/// use snowflake_core::ticket::block_size;
///
/// assert_eq!(block_size(10, 10, 1_000), 20);
/// assert_eq!(block_size(10, 20, 1_000_000), 20);
/// assert_eq!(block_size(10, 20, 60_000_000), 10);
/// ```
pub fn block_size(base: u32, before: u32, lasted: i64) -> u32 {
    let largest = base.saturating_mul(LARGEST_GROWTH);
    let mut size = before.clamp(base, largest);
    if lasted < SHORT {
        return size.saturating_mul(2).min(largest);
    }
    let mut lasted = lasted;
    while lasted > 4 * SHORT && size > base {
        size = (size / 2).max(base);
        lasted /= 2;
    }
    size
}
