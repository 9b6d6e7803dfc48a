//! Text forms of an ID that sort as the number does.

use super::error::Error;
use crate::excerpt::excerpt;

/// Digits in the decimal form: the largest 63-bit number has 19.
const DECIMAL_DIGITS: usize = 19;
/// Symbols in the base 32 form: 13 of 5 bits hold 63.
const BASE32_SYMBOLS: usize = 13;
/// Douglas Crockford's alphabet, <https://www.crockford.com/base32.html>.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

fn checked(id: i64) -> Result<u64, Error> {
    u64::try_from(id).map_err(|_| Error::IdNegative { id })
}

/// The ID in decimal, padded with zeros to 19 digits.
///
/// # Errors
/// A negative ID.
pub fn to_text(id: i64) -> Result<String, Error> {
    decimal(id).map(string)
}

/// The ID in decimal as [`to_text`] writes it, in ASCII.
///
/// # Errors
/// A negative ID.
#[inline]
pub fn decimal(id: i64) -> Result<[u8; DECIMAL_DIGITS], Error> {
    /// Ten to as many digits as a part has.
    const PART: u64 = 100_000_000;
    let id = checked(id)?;
    // parts of 32 bits, which are worked out at the same time, and in which division is cheaper
    let parts = [
        (id / PART / PART) as u32,
        (id / PART % PART) as u32,
        (id % PART) as u32,
    ];
    let mut digits = [0; DECIMAL_DIGITS];
    let (first, others) = digits.split_at_mut(DECIMAL_DIGITS % 8);
    let (second, third) = others.split_at_mut(8);
    for (mut part, places) in parts.into_iter().zip([first, second, third]) {
        for place in places.iter_mut().rev() {
            *place = b'0' + (part % 10) as u8;
            part /= 10;
        }
    }
    Ok(digits)
}

fn string<const N: usize>(ascii: [u8; N]) -> String {
    ascii.map(char::from).iter().collect()
}

/// The ID in Crockford's base 32: 13 upper-case symbols.
///
/// ```
/// use snowflake_core::snowflake::{from_base32, to_base32};
///
/// let text = to_base32(1_541_815_603_606_036_480)?;
/// assert_eq!(text, "1ASD13XH1F800");
/// assert_eq!(from_base32("lasd1-3xh1-f8oo"), Ok(1_541_815_603_606_036_480));
/// # Ok::<(), snowflake_core::snowflake::Error>(())
/// ```
///
/// # Errors
/// A negative ID.
pub fn to_base32(id: i64) -> Result<String, Error> {
    base32(id).map(string)
}

/// The ID in base 32 as [`to_base32`] writes it, in ASCII.
///
/// # Errors
/// A negative ID.
#[inline]
pub fn base32(id: i64) -> Result<[u8; BASE32_SYMBOLS], Error> {
    let id = checked(id)?;
    Ok(std::array::from_fn(|place| {
        let below = 5 * (BASE32_SYMBOLS - 1 - place);
        ALPHABET[(id >> below) as usize & 31]
    }))
}

/// The ID that [`to_base32`] wrote. As Crockford defines, lower case counts as upper case, `I`
/// and `L` as `1`, `O` as `0`, and hyphens are passed over.
///
/// # Errors
/// Any other symbol, other than 13 symbols, or a value above 63 bits; positions count characters
/// from 1.
pub fn from_base32(text: &str) -> Result<i64, Error> {
    match parse_base32(text.as_bytes()) {
        Some(id) => Ok(id),
        None => examine_base32(text),
    }
}

/// What [`from_base32`] returns of a text in UTF-8; `None` where it refuses.
#[inline]
pub fn parse_base32(text: &[u8]) -> Option<i64> {
    let mut value: u64 = 0;
    let mut symbols = 0;
    for symbol in text {
        let digit = DIGITS[*symbol as usize];
        if digit == PASSED_OVER {
            continue;
        }
        // the first symbol of what is below 2^63 is 0 to 7
        if digit == NO_DIGIT || symbols == BASE32_SYMBOLS || value >> 58 > 0 {
            return None;
        }
        value = value << 5 | u64::from(digit);
        symbols += 1;
    }
    (symbols == BASE32_SYMBOLS).then_some(value as i64)
}

/// In [`DIGITS`]: no symbol of the alphabet.
const NO_DIGIT: u8 = 0xff;
/// In [`DIGITS`]: a hyphen.
const PASSED_OVER: u8 = 0xfe;
/// What each byte stands for.
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        let symbol = ALPHABET[value];
        digits[symbol as usize] = value as u8;
        digits[symbol.to_ascii_lowercase() as usize] = value as u8;
        value += 1;
    }
    let alike = [
        (b'I', 1),
        (b'i', 1),
        (b'L', 1),
        (b'l', 1),
        (b'O', 0),
        (b'o', 0),
    ];
    let mut index = 0;
    while index < alike.len() {
        digits[alike[index].0 as usize] = alike[index].1;
        index += 1;
    }
    digits[b'-' as usize] = PASSED_OVER;
    digits
};

/// The ID of a text, or what is wrong with it, symbol by symbol.
#[cold]
fn examine_base32(text: &str) -> Result<i64, Error> {
    let refuse = |problem: String| Error::Base32 {
        text: excerpt(text).into(),
        problem,
    };
    let mut value: u64 = 0;
    let mut symbols = 0;
    for (position, symbol) in (1..).zip(text.chars()) {
        let digit = match symbol {
            '-' => continue,
            _ => digit(symbol).ok_or_else(|| {
                refuse(format!(
                    "Character \"{symbol}\" at position {position} is not a base 32 symbol"
                ))
            })?,
        };
        symbols += 1;
        if symbols > BASE32_SYMBOLS {
            return Err(refuse(format!(
                "There is a symbol too many at position {position}: an ID has {BASE32_SYMBOLS}"
            )));
        }
        // 13 symbols hold 65 bits, an ID 63
        if symbols == 1 && digit > 7 {
            return Err(refuse(format!(
                "Symbol \"{symbol}\" at position {position} makes the value larger than 63 bits: \
                 the first symbol is 0 to 7"
            )));
        }
        value = value << 5 | digit;
    }
    if symbols < BASE32_SYMBOLS {
        return Err(refuse(format!(
            "The text ends after {symbols} symbols: an ID has {BASE32_SYMBOLS}"
        )));
    }
    i64::try_from(value).map_err(|_| refuse("The value is larger than 63 bits".into()))
}

fn digit(symbol: char) -> Option<u64> {
    let symbol = match symbol.to_ascii_uppercase() {
        'I' | 'L' => '1',
        'O' => '0',
        other => other,
    };
    let place = ALPHABET
        .iter()
        .position(|&known| char::from(known) == symbol)?;
    Some(place as u64)
}
