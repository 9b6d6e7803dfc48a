//! Text in shared memory.

/// A line of text, cut where it does not fit. What is behind its end is zero.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Line<const SIZE: usize> {
    length: u16,
    bytes: [u8; SIZE],
}

impl<const SIZE: usize> Line<SIZE> {
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
        let mut line = Self {
            length: 0,
            bytes: [0; SIZE],
        };
        for symbol in text.chars() {
            let symbol = if symbol.is_control() { ' ' } else { symbol };
            let begin = usize::from(line.length);
            let end = begin + symbol.len_utf8();
            let Some(place) = line.bytes.get_mut(begin..end) else {
                break;
            };
            symbol.encode_utf8(place);
            line.length = end as u16;
        }
        line
    }
}

impl<const SIZE: usize> Default for Line<SIZE> {
    fn default() -> Self {
        Self::new("")
    }
}

impl<const SIZE: usize> std::fmt::Display for Line<SIZE> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = &self.bytes[..usize::from(self.length)];
        formatter.write_str(&String::from_utf8_lossy(text))
    }
}
