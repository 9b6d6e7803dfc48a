//! The latest of many values.

/// How many are kept.
const KEPT: usize = 64;

/// The latest 64 values.
///
/// ```
/// use snowflake_core::time::Ring;
///
/// let mut ring = Ring::default();
/// (0..100).for_each(|value| ring.push(value));
/// assert!(ring.latest().copied().eq((36..100).rev()));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Ring<T> {
    places: [T; KEPT],
    /// How many there were ever.
    count: u64,
}

impl<T: Copy + Default> Default for Ring<T> {
    fn default() -> Self {
        Self {
            places: [T::default(); KEPT],
            count: 0,
        }
    }
}

impl<T> Ring<T> {
    /// Adds one, in the place of the oldest.
    pub fn push(&mut self, value: T) {
        let next = (self.count % KEPT as u64) as usize;
        if let Some(place) = self.places.get_mut(next) {
            *place = value;
        }
        self.count = self.count.saturating_add(1);
    }

    /// Those that are kept, the latest first.
    pub fn latest(&self) -> impl Iterator<Item = &T> {
        let kept = self.count.min(KEPT as u64);
        (1..=kept).filter_map(move |back| {
            let place = (self.count - back) % KEPT as u64;
            self.places.get(place as usize)
        })
    }
}
