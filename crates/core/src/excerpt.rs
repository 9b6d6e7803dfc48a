//! What messages quote of a text that can be of any length.

use std::borrow::Cow;

/// The most characters that a message quotes: more than any layout has.
const LONGEST: usize = 100;

/// The text, or how it begins.
///
/// ```
/// use snowflake_core::excerpt;
///
/// assert_eq!(excerpt("twitter"), "twitter");
/// assert_eq!(excerpt(&"9".repeat(1_000)), "9".repeat(100) + "...");
/// ```
pub fn excerpt(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LONGEST) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}...", &text[..end])),
    }
}
