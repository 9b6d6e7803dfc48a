//! Measuring clocks: NTP's packets, what an exchange of four timestamps says, how several servers
//! are put together, and what the kernel says of its clock.
//!
//! Times and distances are nanoseconds in an `i64` unless a name or comment says otherwise; instants
//! count from 1970. No decision is taken by floating point.

mod anchor;
mod answer;
mod authorities;
mod consensus;
mod cristian;
mod drift;
mod duration;
mod error;
mod exchange;
mod filter;
mod fleet;
mod float_exchange;
mod gate;
mod kernel;
mod leap;
mod limits;
mod moment;
mod ntp_time;
mod packet;
mod reading;
mod ring;
mod samples;
mod saturated;
mod schedule;
mod select;
mod server_times;
mod servers;
mod shown;
mod standing;
mod sync;
mod watch;

pub use anchor::Anchor;
pub use answer::{Answer, Measurement, Query, State};
pub use authorities::{Authorities, Authority};
pub use consensus::{Consensus, Heard, Said};
pub use cristian::{Cristian, cristian};
pub use drift::drift;
pub use error::Error;
pub use exchange::Exchange;
pub use filter::{Estimate, Filter};
pub use fleet::{FEWEST_CLOCKS, Fleet, FleetVerdict, KEPT_WITHIN, Report, ahead_of_member, fleet};
pub use float_exchange::FloatExchange;
pub use gate::{GateMode, Verdict};
pub use kernel::{KernelClock, KernelReading, KernelSample};
pub use leap::is_near_leap;
pub use limits::{LARGEST_TIMEOUT, MOST_ROUNDS, MOST_SAMPLES, MOST_SERVERS, PACKET_LENGTH};
pub use moment::{Jump, Moment};
pub use ntp_time::NtpTime;
pub use packet::Packet;
pub use reading::{CounterRate, LONGEST_READING, Reading};
pub use ring::Ring;
pub use samples::{Sample, Samples};
pub use schedule::{Kiss, Restraint, Rounds};
pub use select::{Selection, Span, majority, select};
pub use server_times::ServerTimes;
pub use servers::{Terms, server, server_name, servers};
pub use shown::Shown;
pub use standing::Standing;
pub use sync::{Bracket, Sync, Synced, check_rounds};
pub use watch::{Claim, Decision, Majority, Watch};
