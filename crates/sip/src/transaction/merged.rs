//! Finds out a request that comes a second time by another way (RFC 3261 §8.2.2.2), as forking proxies make them.
//! Must not know how it is refused.

use super::key::{BranchKey, KeyMap, MergeKey};

/// The branches by which the requests of all server transactions came.
#[derive(Debug, Default)]
pub(super) struct Merged {
    branches: KeyMap<MergeKey, BranchKey>,
}

/// What a request that opens a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Novelty {
    New,
    /// The same request is held already, and came by another branch.
    Merged,
}

/// Room for this many is kept when all are gone.
const KEPT: usize = 1024;

impl Merged {
    /// Judges a request that belongs to no transaction.
    pub(super) fn judge(&self, merge: MergeKey, branch: BranchKey) -> Novelty {
        match self.branches.get(&merge) {
            // The same branch from another source address is a retransmission behind a rebound NAT.
            Some(known) if *known != branch => Novelty::Merged,
            Some(_) | None => Novelty::New,
        }
    }

    pub(super) fn insert(&mut self, merge: MergeKey, branch: BranchKey) {
        self.branches.insert(merge, branch);
    }

    pub(super) fn remove(&mut self, merge: MergeKey) {
        self.branches.remove(&merge);
        if self.branches.is_empty() {
            self.branches.shrink_to(KEPT);
        }
    }

    pub(super) fn clear(&mut self) {
        self.branches = KeyMap::default();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.branches.len()
    }
}
