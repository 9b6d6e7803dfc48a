//! What can go wrong, in the words that a user of PostgreSQL reads.
//!
//! `Display` is the primary message (lower case, no full stop), [`Error::detail`] and
//! [`Error::hint`] are full sentences, [`Error::kind`] picks the SQLSTATE.

use crate::Timestamp;
use crate::snowflake::preset_names;
use crate::stride::Stride;

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
    /// The server or its surroundings are not set up for this.
    NotConfigured,
    /// The clock does not allow an ID now.
    Clock,
    /// No IDs or numbers are left.
    Exhausted,
    /// Something that is not done at all.
    Unsupported,
}

/// Everything that this crate refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A layout that is neither a preset nor a list of fields.
    #[error("unknown layout \"{name}\"")]
    LayoutUnknown {
        /// What was given.
        name: String,
    },
    /// A list of fields that makes no layout.
    #[error("invalid layout \"{spec}\"")]
    LayoutInvalid {
        /// What was given.
        spec: String,
        /// The field at fault.
        field: String,
        /// What is wrong with it: goes on after the name of the field.
        problem: String,
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
        /// What was given.
        text: String,
        /// What is wrong, with the position counted from 1.
        problem: String,
    },
    /// A value of the worker ID setting that is none of the allowed forms.
    #[error("invalid worker ID \"{value}\"")]
    WorkerInvalid {
        /// What was given.
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
    /// The clock is further behind than is tolerated.
    #[error("the clock went back by {}", seconds(*regression))]
    ClockWentBack {
        /// How far, in microseconds.
        regression: i64,
        /// How far is tolerated, in microseconds.
        tolerance: i64,
        /// What the clock says.
        wall: Timestamp,
    },
    /// Bytes that are not a UUID.
    #[error("a UUID has 16 bytes, not {length}")]
    UuidLength {
        /// How many there are.
        length: usize,
    },
    /// A time that UUIDs of version 7 do not hold.
    #[error("timestamp {timestamp} is out of range for UUID version 7")]
    UuidTimestamp {
        /// The time.
        timestamp: Timestamp,
    },
    /// A UUID that is no snowflake128.
    #[error("UUID {uuid} is not a snowflake128")]
    NotSnowflake128 {
        /// The UUID.
        uuid: String,
    },
    /// A number of nodes that shares out nothing.
    #[error("number of nodes {nodes} is out of range")]
    StrideNodes {
        /// What was given.
        nodes: i32,
    },
    /// A node that is none of them.
    #[error("node {node} is out of range for {nodes} nodes")]
    StrideNode {
        /// What was given.
        node: i32,
        /// How many nodes there are.
        nodes: i32,
    },
    /// Text that is not a stride.
    #[error("invalid stride \"{text}\"")]
    StrideText {
        /// What was given.
        text: String,
    },
    /// A sequence that counts down has no stride.
    #[error("a descending sequence cannot have a stride")]
    StrideDescending {
        /// Its increment.
        increment: i64,
    },
    /// A sequence ends before the node's next number.
    #[error("no number of node {} of {} is left", stride.node(), stride.nodes())]
    StrideExhausted {
        /// The stride.
        stride: Stride,
        /// All numbers up to this one count as used.
        above: i64,
        /// The largest number of the sequence.
        max: i64,
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

/// A duration for people: `3600.000 s`.
fn seconds(micros: i64) -> String {
    format!("{}.{:03} s", micros / 1_000_000, micros % 1_000_000 / 1_000)
}

impl Error {
    /// The class of the error.
    pub fn kind(&self) -> Kind {
        match self {
            Self::LayoutUnknown { .. }
            | Self::LayoutInvalid { .. }
            | Self::RangeReversed { .. }
            | Self::WorkerInvalid { .. }
            | Self::UuidLength { .. }
            | Self::NotSnowflake128 { .. }
            | Self::StrideNodes { .. }
            | Self::StrideNode { .. } => Kind::InvalidParameter,
            Self::IdNegative { .. }
            | Self::IdAboveLayout { .. }
            | Self::WorkerOutOfRange { .. }
            | Self::SequenceOutOfRange { .. } => Kind::NumericOutOfRange,
            Self::TimestampOutOfRange { .. } | Self::UuidTimestamp { .. } => {
                Kind::TimestampOutOfRange
            }
            Self::Base32 { .. } | Self::StrideText { .. } => Kind::InvalidText,
            Self::StrideDescending { .. } => Kind::Unsupported,
            Self::HostName { .. } => Kind::NotConfigured,
            Self::ClockWentBack { .. } => Kind::Clock,
            Self::Exhausted { .. } | Self::StrideExhausted { .. } => Kind::Exhausted,
        }
    }

    /// The figures behind the message.
    pub fn detail(&self) -> Option<String> {
        Some(match self {
            Self::LayoutUnknown { .. } => {
                let names: Vec<_> = preset_names().collect();
                format!("The presets are {}.", names.join(", "))
            }
            Self::LayoutInvalid { field, problem, .. } => format!("Field \"{field}\" {problem}."),
            Self::IdNegative { .. } => "Snowflake IDs use 63 bits; the sign bit is zero.".into(),
            Self::IdAboveLayout { largest, .. } => format!("The largest ID is {largest}."),
            Self::WorkerOutOfRange { largest: 0, .. } => "The only worker ID is 0.".into(),
            Self::WorkerOutOfRange { largest, .. } => allowed("Worker IDs", *largest),
            Self::SequenceOutOfRange { largest, .. } => allowed("Sequences", *largest),
            Self::TimestampOutOfRange {
                epoch,
                last_instant,
                ..
            } => format!("The layout holds times from {epoch} to {last_instant}."),
            Self::RangeReversed { .. } | Self::UuidLength { .. } => return None,
            Self::UuidTimestamp { .. } => {
                "It holds times from 1970-01-01T00:00:00Z to 10889-08-02T05:31:50.655Z.".into()
            }
            Self::NotSnowflake128 { .. } => {
                "A snowflake128 is a UUID of version 8 and variant rfc9562.".into()
            }
            Self::Base32 { problem, .. } => format!("{problem}."),
            Self::WorkerInvalid {
                layout,
                largest,
                problem,
                ..
            } => {
                let range = if *largest == 0 {
                    format!("Layout \"{layout}\" has no worker field: the only worker ID is 0.")
                } else {
                    format!("Layout \"{layout}\" has worker IDs from 0 to {largest}.")
                };
                match problem {
                    Some(problem) => format!("{problem}. {range}"),
                    None => range,
                }
            }
            Self::HostName { problem, .. } => format!("{problem}."),
            Self::ClockWentBack {
                tolerance, wall, ..
            } => format!(
                "The clock reads {wall}; snowflake_pg.clock_tolerance is {}.",
                seconds(*tolerance)
            ),
            Self::StrideNodes { .. } => "It is 1 or more.".into(),
            Self::StrideNode { nodes: 1, .. } => "The only node is 1.".into(),
            Self::StrideNode { nodes, .. } => format!("Nodes are 1 to {nodes}."),
            Self::StrideText { .. } => return None,
            Self::StrideDescending { increment } => format!("Its increment is {increment}."),
            Self::StrideExhausted { above, max, .. } => {
                format!(
                    "The next number has to be above {above}; the maximum of the sequence is {max}."
                )
            }
            Self::Exhausted { last_instant, .. } => {
                format!("The last instant of the layout is {last_instant}.")
            }
        })
    }

    /// The way out.
    pub fn hint(&self) -> Option<&'static str> {
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
            Self::ClockWentBack { .. } => {
                "Correct the clock, or raise snowflake_pg.clock_tolerance above the distance to \
                 go on with IDs that are ahead of time."
            }
            Self::Exhausted { .. } => {
                "Correct the clock if it is wrong; otherwise the database needs a layout with a \
                 later epoch."
            }
            Self::StrideNode { node: 0, .. } => {
                "The last node gives the numbers that are congruent to 0."
            }
            Self::StrideText { .. } => "Write it as \"node=1,nodes=3\".",
            Self::StrideDescending { .. } => {
                "Make it count up with ALTER SEQUENCE ... INCREMENT BY 1."
            }
            Self::StrideExhausted { .. } => {
                "Raise the maximum with ALTER SEQUENCE ... MAXVALUE, if need be after AS bigint."
            }
            _ => return None,
        })
    }
}

fn allowed(what: &str, largest: i64) -> String {
    format!("{what} are 0 to {largest}.")
}
