//! What an NTP server is worth by now, as people read it.

use super::answer::State;

/// What an NTP server is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// It was not asked yet.
    #[default]
    New,
    /// It tells the time, and the majority of servers agrees with it.
    Agrees,
    /// It tells another time than the majority.
    Falseticker,
    /// It tells the time, and no majority agrees on any.
    Good,
    /// Its address is that of another one, which has the vote of both.
    SameAsAnother,
    /// It told no time when it was asked last.
    Other(State),
}

impl Standing {
    /// By what came of asking it last, and whether it agrees with a majority, if there is one.
    pub fn new(latest: Option<State>, agrees: Option<bool>) -> Self {
        match (latest, agrees) {
            (None, _) => Self::New,
            (Some(State::Good), None) => Self::Good,
            (Some(State::Good), Some(true)) => Self::Agrees,
            (Some(State::Good), Some(false)) => Self::Falseticker,
            (Some(other), _) => Self::Other(other),
        }
    }

    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Agrees => "agrees",
            Self::Falseticker => "falseticker",
            Self::Good => State::Good.name(),
            Self::SameAsAnother => "same as another",
            Self::Other(state) => state.name(),
        }
    }
}
