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
    Ok(format!("{:0DECIMAL_DIGITS$}", checked(id)?))
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
    let id = checked(id)?;
    Ok((0..BASE32_SYMBOLS)
        .rev()
        .map(|place| char::from(ALPHABET[(id >> (5 * place)) as usize & 31]))
        .collect())
}

/// The ID that [`to_base32`] wrote. As Crockford defines, lower case counts as upper case, `I`
/// and `L` as `1`, `O` as `0`, and hyphens are passed over.
///
/// # Errors
/// Any other symbol, other than 13 symbols, or a value above 63 bits; positions count characters
/// from 1.
pub fn from_base32(text: &str) -> Result<i64, Error> {
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
