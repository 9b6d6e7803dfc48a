//! What is refused about Snowflake IDs.

use super::preset::preset_names;
use crate::refusal::{Kind, Refusal};
use crate::timestamp::{Timestamp, seconds};

/// Why a layout, an ID or a worker ID is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A layout that is neither a preset nor a list of fields.
    #[error("unknown layout \"{name}\"")]
    LayoutUnknown {
        /// What was given, or how it begins.
        name: String,
    },
    /// A list of fields that makes no layout.
    #[error("invalid layout \"{spec}\"")]
    LayoutInvalid {
        /// What was given, or how it begins.
        spec: String,
        /// The field at fault.
        field: String,
        /// What is wrong with it: goes on after the name of the field.
        problem: String,
    },
    /// A text that is longer than any layout.
    #[error("invalid layout \"{spec}\"")]
    LayoutTooLong {
        /// How it begins.
        spec: String,
        /// Its bytes.
        length: usize,
        /// How many a layout can have.
        longest: usize,
    },
    /// IDs are not negative.
    #[error("snowflake ID {id} is negative")]
    IdNegative {
        /// The ID.
        id: i64,
    },
    /// An ID with bits above the layout's most significant field.
    #[error("snowflake ID {id} is above the largest of layout \"{layout}\"")]
    IdAboveLayout {
        /// The ID.
        id: i64,
        /// The layout.
        layout: String,
        /// Its largest ID.
        largest: i64,
    },
    /// A worker ID that does not fit the worker field.
    #[error("worker ID {worker} is out of range for layout \"{layout}\"")]
    WorkerOutOfRange {
        /// The worker ID.
        worker: i64,
        /// The layout.
        layout: String,
        /// The layout's largest worker ID.
        largest: i64,
    },
    /// A sequence that does not fit the sequence field.
    #[error("sequence {sequence} is out of range for layout \"{layout}\"")]
    SequenceOutOfRange {
        /// The sequence.
        sequence: i64,
        /// The layout.
        layout: String,
        /// The layout's largest sequence.
        largest: i64,
    },
    /// A time that the layout cannot hold.
    #[error("timestamp {timestamp} is out of range for layout \"{layout}\"")]
    TimestampOutOfRange {
        /// The time.
        timestamp: Timestamp,
        /// The layout.
        layout: String,
        /// The layout's first instant.
        epoch: Timestamp,
        /// The layout's last instant.
        last_instant: Timestamp,
    },
    /// A range of time that ends before it starts.
    #[error("start {start} is after end {end}")]
    RangeReversed {
        /// Its start.
        start: Timestamp,
        /// Its end.
        end: Timestamp,
    },
    /// Text that is not Crockford base 32.
    #[error("invalid base 32 text \"{text}\"")]
    Base32 {
        /// What was given, or how it begins.
        text: String,
        /// What is wrong, with the position counted from 1.
        problem: String,
    },
    /// A value of the worker ID setting that is none of the allowed forms.
    #[error("invalid worker ID \"{value}\"")]
    WorkerInvalid {
        /// What was given, or how it begins.
        value: String,
        /// The layout it should fit.
        layout: String,
        /// The layout's largest worker ID.
        largest: i64,
        /// A problem more particular than the list of allowed forms.
        problem: Option<String>,
    },
    /// A host name that gives no worker ID.
    #[error("host name \"{host_name}\" gives no worker ID")]
    HostName {
        /// The host name.
        host_name: String,
        /// Why not.
        problem: String,
    },
    /// An ID from elsewhere that is further ahead of the clock than IDs may run.
    #[error("ID {id} is {} ahead of the clock", seconds(*ahead))]
    IdAhead {
        /// The ID.
        id: i64,
        /// How far it is ahead, in microseconds.
        ahead: i64,
        /// How far IDs may run ahead, in microseconds.
        most: i64,
        /// What the clock says.
        wall: Timestamp,
    },
    /// The timestamp field is used up.
    #[error("layout \"{layout}\" has no IDs left")]
    Exhausted {
        /// The layout.
        layout: String,
        /// Its last instant.
        last_instant: Timestamp,
    },
}

impl Refusal for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::LayoutUnknown { .. }
            | Self::LayoutInvalid { .. }
            | Self::LayoutTooLong { .. }
            | Self::RangeReversed { .. }
            | Self::WorkerInvalid { .. } => Kind::InvalidParameter,
            Self::IdNegative { .. }
            | Self::IdAboveLayout { .. }
            | Self::WorkerOutOfRange { .. }
            | Self::SequenceOutOfRange { .. } => Kind::NumericOutOfRange,
            Self::TimestampOutOfRange { .. } => Kind::TimestampOutOfRange,
            Self::Base32 { .. } => Kind::InvalidText,
            Self::HostName { .. } => Kind::NotConfigured,
            Self::IdAhead { .. } => Kind::Clock,
            Self::Exhausted { .. } => Kind::Exhausted,
        }
    }

    fn detail(&self) -> Option<String> {
        Some(match self {
            Self::LayoutUnknown { .. } => {
                let names: Vec<_> = preset_names().collect();
                format!("The presets are {}.", names.join(", "))
            }
            Self::LayoutInvalid { field, problem, .. } => format!("Field \"{field}\" {problem}."),
            Self::LayoutTooLong {
                length, longest, ..
            } => format!("It has {length} bytes; a layout has {longest} at most."),
            Self::IdNegative { .. } => "Snowflake IDs use 63 bits; the sign bit is zero.".into(),
            Self::IdAboveLayout { largest, .. } => format!("The largest ID is {largest}."),
            Self::WorkerOutOfRange { largest: 0, .. } => "The only worker ID is 0.".into(),
            Self::WorkerOutOfRange { largest, .. } => format!("Worker IDs are 0 to {largest}."),
            Self::SequenceOutOfRange { largest, .. } => format!("Sequences are 0 to {largest}."),
            Self::TimestampOutOfRange {
                epoch,
                last_instant,
                ..
            } => format!("The layout holds times from {epoch} to {last_instant}."),
            Self::RangeReversed { .. } => return None,
            Self::Base32 { problem, .. } | Self::HostName { problem, .. } => format!("{problem}."),
            Self::WorkerInvalid {
                layout,
                largest,
                problem,
                ..
            } => {
                let range = worker_ids(layout, *largest);
                match problem {
                    Some(problem) => format!("{problem}. {range}"),
                    None => range,
                }
            }
            Self::IdAhead { most, wall, .. } => format!(
                "The clock of this server reads {wall}; snowflake_pg.max_lead is {}.",
                seconds(*most)
            ),
            Self::Exhausted { last_instant, .. } => {
                format!("The last instant of the layout is {last_instant}.")
            }
        })
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::LayoutUnknown { .. } => {
                "Name a preset or list the fields, such as \
                 \"ts=41,worker=10,seq=12,unit=1ms,epoch=2020-01-01T00:00:00Z\"."
            }
            Self::WorkerInvalid { largest: 0, .. } => "Set it to 0.",
            Self::WorkerInvalid { .. } => {
                "Give a number, a range such as \"8-15\", \"ip\", \"ip:\" and an interface, \
                 \"hostname\", or \"lease\"."
            }
            Self::HostName { .. } => {
                "Name the host so that its first label ends in its number, such as \"db-3\", or \
                 set snowflake_pg.worker_id to a number."
            }
            Self::IdAhead { .. } => {
                "IDs made here may be smaller. Compare both clocks with the right time, and correct \
                 the one that is wrong."
            }
            Self::Exhausted { .. } => {
                "Correct the clock if it is wrong; otherwise the database needs a layout with a \
                 later epoch."
            }
            _ => return None,
        })
    }
}

/// The worker IDs that a layout has, as a sentence.
fn worker_ids(layout: &str, largest: i64) -> String {
    if largest == 0 {
        format!("Layout \"{layout}\" has no worker field: the only worker ID is 0.")
    } else {
        format!("Layout \"{layout}\" has worker IDs from 0 to {largest}.")
    }
}
