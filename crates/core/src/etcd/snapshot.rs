//! What was read from a cluster at one revision, and what is to be stored because of it.

use super::gateway::{Committed, Status};
use super::origin::Origin;

/// What becomes of a request.
#[derive(Debug)]
pub struct Plan<T> {
    /// What the requester is told, but not before the transaction is done.
    pub answer: T,
    /// The transaction, if anything is to be stored.
    pub transaction: Option<String>,
}

/// What was read from a cluster at one revision.
pub trait Snapshot {
    /// The cluster as it was when this was read.
    fn origin(&self) -> Origin;

    /// The cluster after a transaction was done in it, with what the same member told about itself
    /// after that; `None` if it cannot be the one that this was read from. What was stored is then
    /// not to be relied upon, as others may have got what they stored in between.
    fn confirm(&self, committed: &Committed, status: &Status) -> Option<Origin> {
        status
            .origin(&committed.header)
            .filter(|after| self.origin().is_before(after))
    }
}
