//! Text in shared memory, of a bounded size.

/// Text of one line and at most `SIZE` bytes, cut where it does not fit. The bytes behind its end
/// are zero.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BoundedText<const SIZE: usize> {
    length: u16,
    bytes: [u8; SIZE],
}

impl<const SIZE: usize> BoundedText<SIZE> {
    /// A name, every character as it is; `None` if it does not fit.
    pub fn exact(name: &str) -> Option<Self> {
        let mut bytes = [0; SIZE];
        bytes
            .get_mut(..name.len())?
            .copy_from_slice(name.as_bytes());
        let length = name.len().try_into().ok()?;
        Some(Self { length, bytes })
    }

    /// A message; control characters become spaces.
    pub fn new(text: &str) -> Self {
        let mut bounded = Self {
            length: 0,
            bytes: [0; SIZE],
        };
        for symbol in text.chars() {
            let symbol = if symbol.is_control() { ' ' } else { symbol };
            let begin = usize::from(bounded.length);
            let end = begin + symbol.len_utf8();
            let Some(place) = bounded.bytes.get_mut(begin..end) else {
                break;
            };
            symbol.encode_utf8(place);
            bounded.length = end as u16;
        }
        bounded
    }
}

impl<const SIZE: usize> Default for BoundedText<SIZE> {
    fn default() -> Self {
        Self::new("")
    }
}

impl<const SIZE: usize> std::fmt::Display for BoundedText<SIZE> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = &self.bytes[..usize::from(self.length)];
        formatter.write_str(&String::from_utf8_lossy(text))
    }
}
