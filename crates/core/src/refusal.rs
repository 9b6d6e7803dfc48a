//! What the errors of all rooms have in common: they become an error of PostgreSQL.

use std::fmt::Display;

/// The classes of errors that get a SQLSTATE of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An argument or a setting that is not one of the allowed values.
    InvalidParameter,
    /// A number outside its range.
    NumericOutOfRange,
    /// A time outside the layout.
    TimestampOutOfRange,
    /// Text that does not read as what it should be.
    InvalidText,
    /// Bytes that do not read as what they should be.
    InvalidBinary,
    /// More than there can be of something.
    LimitExceeded,
    /// No memory for it.
    OutOfMemory,
    /// The server or its surroundings are not set up for this.
    NotConfigured,
    /// The clock does not allow an ID now.
    Clock,
    /// No IDs or numbers are left.
    Exhausted,
    /// Something that is not done at all.
    Unsupported,
    /// Another machine sent something else than it was asked for.
    Protocol,
}

/// An error in the words that a user of PostgreSQL reads.
///
/// `Display` is the primary message: lower case, no full stop.
pub trait Refusal: Display {
    /// The class of the error, which picks the SQLSTATE.
    fn kind(&self) -> Kind;

    /// The figures behind the message, as full sentences.
    fn detail(&self) -> Option<String>;

    /// The way out, as full sentences.
    fn hint(&self) -> Option<&'static str>;
}
