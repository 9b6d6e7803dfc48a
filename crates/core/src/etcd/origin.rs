//! Which past a cluster has.

use serde::{Deserialize, Serialize};

/// What tells a cluster with all of its past from one that was restored from a snapshot.
///
/// A restored cluster has another ID, unless it was restored with the same names and token. Its
/// log begins anew: it goes on from the revision of the snapshot, but the places in its log count
/// from one again. Both only grow in the life of a cluster, and each revision takes a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The ID of the cluster.
    #[serde(rename = "cluster_id", with = "super::digits")]
    pub cluster: u64,
    /// The revision of its store.
    #[serde(with = "super::digits")]
    pub revision: i64,
    /// The last place in its log that is certain.
    #[serde(rename = "raft_index", with = "super::digits")]
    pub index: u64,
}

impl Origin {
    /// Whether a cluster that had this past can be this one by now.
    pub fn leads_to(&self, later: &Self) -> bool {
        self.cluster == later.cluster
            && self.revision <= later.revision
            && self.index <= later.index
    }

    /// The same, if something was stored in between.
    pub fn is_before(&self, later: &Self) -> bool {
        self.leads_to(later) && self.revision < later.revision && self.index < later.index
    }
}
