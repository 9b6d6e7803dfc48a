//! What is stored: one byte for the version of the form, then the bits that the paper has for
//! identity and events, the most significant first, and zeros to the end of the last byte. The
//! identity is in stamps only.

use super::error::{Error, Malformed};
use super::identity::Identity;
use super::limits::{MOST_BYTES, MOST_EVENTS};
use super::stamp::{Stamp, Version};
use super::tree::{At, Half, ROOT, Tree, deeper};

/// The version of the stored form.
const VERSION: u8 = 1;

/// A value that is stored as bytes, of which equal values have the same.
pub trait Encoded: Sized {
    /// The name of the type.
    const NAME: &'static str;

    #[doc(hidden)]
    fn read(bits: &mut Reader<'_>) -> Result<Self, Error>;

    #[doc(hidden)]
    fn write(&self, bits: &mut Writer) -> Result<(), Error>;

    /// The value of bytes that were checked when they were stored. Whatever they are, nothing here
    /// panics.
    ///
    /// # Errors
    /// Bytes of another version, or that are no trees.
    fn stored(bytes: &[u8]) -> Result<Self, Error> {
        let (version, rest) = bytes
            .split_first()
            .ok_or_else(|| Malformed::Empty.of(Self::NAME))?;
        if *version != VERSION {
            return Err(Error::Version {
                name: Self::NAME,
                version: *version,
            });
        }
        if bytes.len() > MOST_BYTES {
            return Err(Error::TooLarge);
        }
        Self::read(&mut Reader {
            name: Self::NAME,
            bytes: rest,
            next: 0,
        })
    }

    /// The value of bytes from outside.
    ///
    /// # Errors
    /// All bytes but those that a value is stored as.
    fn check(bytes: &[u8]) -> Result<Self, Error> {
        let value = Self::stored(bytes)?;
        if value.encode()? != bytes {
            return Err(Malformed::OtherForm.of(Self::NAME));
        }
        Ok(value)
    }

    /// What the value is stored as.
    ///
    /// # Errors
    /// More bytes than there can be.
    fn encode(&self) -> Result<Vec<u8>, Error> {
        let mut bits = Writer {
            bytes: vec![VERSION],
            free: 0,
        };
        self.write(&mut bits)?;
        Ok(bits.bytes)
    }
}

impl Encoded for Version {
    const NAME: &'static str = "itc_version";

    fn read(bits: &mut Reader<'_>) -> Result<Self, Error> {
        let mut events = Tree::default();
        bits.events(&mut events, 0, 0)?;
        Ok(Self(events))
    }

    fn write(&self, bits: &mut Writer) -> Result<(), Error> {
        bits.events(&self.0, ROOT)
    }
}

impl Encoded for Stamp {
    const NAME: &'static str = "itc_stamp";

    fn read(bits: &mut Reader<'_>) -> Result<Self, Error> {
        let mut identity = Tree::default();
        bits.identity(&mut identity, 0)?;
        Ok(Self {
            identity: Identity(identity),
            version: Version::read(bits)?,
        })
    }

    fn write(&self, bits: &mut Writer) -> Result<(), Error> {
        bits.identity(&self.identity.0, ROOT)?;
        self.version.write(bits)
    }
}

/// Which halves of a node are there; the other one is a leaf of 0. The paper's numbers for a node of
/// events, and one less than those for a node of an identity.
const RIGHT: u64 = 0;
const LEFT: u64 = 1;
const BOTH: u64 = 2;
/// A node of events with a value of its own.
const RAISED: u64 = 3;

fn form(tree: &Tree, at: At) -> u64 {
    let is_zero = |half| tree.is(tree.half(at, half), 0);
    if is_zero(Half::Left) {
        RIGHT
    } else if is_zero(Half::Right) {
        LEFT
    } else {
        BOTH
    }
}

fn has(form: u64, half: Half) -> bool {
    match half {
        Half::Left => form != RIGHT,
        Half::Right => form != LEFT,
    }
}

/// The bits of the shortest number, and those that a number can have.
const SHORTEST: u32 = 2;
const LONGEST: u32 = 62;

/// Takes bits.
pub struct Writer {
    bytes: Vec<u8>,
    /// How many bits of the last byte are not written yet.
    free: u32,
}

impl Writer {
    /// The lowest bits of a number.
    fn put(&mut self, bits: u64, mut count: u32) -> Result<(), Error> {
        while count > 0 {
            if self.free == 0 {
                if self.bytes.len() == MOST_BYTES {
                    return Err(Error::TooLarge);
                }
                self.bytes.try_reserve(1).map_err(|_| Error::OutOfMemory)?;
                self.bytes.push(0);
                self.free = u8::BITS;
            }
            let taken = count.min(self.free);
            count -= taken;
            self.free -= taken;
            let chunk = (bits >> count) & ((1 << taken) - 1);
            if let Some(last) = self.bytes.last_mut() {
                *last |= (chunk << self.free) as u8;
            }
        }
        Ok(())
    }

    fn identity(&mut self, identity: &Tree, at: At) -> Result<(), Error> {
        if identity.is_leaf(at) {
            self.put(0, 2)?;
            return self.put(identity.value(at), 1);
        }
        let form = form(identity, at);
        self.put(form + 1, 2)?;
        for half in [Half::Left, Half::Right] {
            if has(form, half) {
                self.identity(identity, identity.half(at, half))?;
            }
        }
        Ok(())
    }

    fn events(&mut self, events: &Tree, at: At) -> Result<(), Error> {
        if events.is_leaf(at) {
            return self.number(events.value(at));
        }
        let form = form(events, at);
        if events.value(at) == 0 {
            self.put(form, 3)?;
        } else {
            self.put(RAISED, 3)?;
            match form {
                BOTH => self.put(1, 1)?,
                one => self.put(one, 2)?,
            }
            self.number(events.value(at))?;
        }
        for half in [Half::Left, Half::Right] {
            if has(form, half) {
                self.events(events, events.half(at, half))?;
            }
        }
        Ok(())
    }

    /// A bit for "no node", then a bit for each width that is too small.
    fn number(&mut self, mut number: u64) -> Result<(), Error> {
        let mut width = SHORTEST;
        self.put(1, 1)?;
        while number >> width > 0 {
            number -= 1 << width;
            width += 1;
            self.put(1, 1)?;
        }
        self.put(0, 1)?;
        self.put(number, width)
    }
}

impl Malformed {
    fn of(self, name: &'static str) -> Error {
        Error::Binary {
            name,
            problem: self,
        }
    }
}

/// Gives bits.
pub struct Reader<'a> {
    name: &'static str,
    bytes: &'a [u8],
    /// The next bit.
    next: usize,
}

impl Reader<'_> {
    fn take(&mut self, count: u32) -> Result<u64, Error> {
        let mut bits = 0;
        for _ in 0..count {
            let byte = self.bytes.get(self.next / 8);
            let byte = byte.ok_or_else(|| Malformed::Short.of(self.name))?;
            bits = bits << 1 | u64::from(byte >> (7 - self.next % 8) & 1);
            self.next += 1;
        }
        Ok(bits)
    }

    fn identity(&mut self, identity: &mut Tree, depth: usize) -> Result<(), Error> {
        let form = match self.take(2)? {
            0 => {
                let value = self.take(1)?;
                return identity.leaf(value);
            }
            form => form - 1,
        };
        let below = deeper(depth)?;
        identity.node(0, |identity, half| match has(form, half) {
            true => self.identity(identity, below),
            false => identity.leaf(0),
        })
    }

    /// `above`: what nodes on the way add.
    fn events(&mut self, events: &mut Tree, above: u64, depth: usize) -> Result<(), Error> {
        if self.take(1)? == 1 {
            let value = self.number(above)?;
            return events.leaf(value);
        }
        let (form, value) = match self.take(2)? {
            RAISED => {
                let form = match self.take(1)? {
                    1 => BOTH,
                    _ => self.take(1)?,
                };
                if self.take(1)? == 0 {
                    return Err(Malformed::OtherForm.of(self.name));
                }
                (form, self.number(above)?)
            }
            form => (form, 0),
        };
        let below = deeper(depth)?;
        events.node(value, |events, half| match has(form, half) {
            true => self.events(events, above + value, below),
            false => events.leaf(0),
        })
    }

    fn number(&mut self, above: u64) -> Result<u64, Error> {
        let mut least = 0;
        let mut width = SHORTEST;
        while self.take(1)? == 1 {
            if width == LONGEST {
                return Err(Error::TooMany);
            }
            least += 1 << width;
            width += 1;
        }
        let number = least + self.take(width)?;
        if number > MOST_EVENTS - above {
            return Err(Error::TooMany);
        }
        Ok(number)
    }
}
