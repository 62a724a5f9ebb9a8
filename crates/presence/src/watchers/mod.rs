//! What watchers are told beside a presence document: who watches (RFC 3857), the states of a list (RFC 4662), and
//! what of a document is new (RFC 5263). Must not know how watchers subscribe.

mod difference;
mod document;
mod resource_lists;
mod rlmi;

pub use difference::{PIDF_DIFF, write_pidf_diff, write_pidf_full};
pub use document::write_watcherinfo;
pub use resource_lists::{ListEntry, MOST_ENTRIES, read_resource_lists};
pub use rlmi::{Instance, ListedResource, ResourceList, read_rlmi, write_rlmi};

use std::time::Duration;

/// One who watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watcher {
    /// Tells this subscription from all others, for as long as it lasts.
    pub id: String,
    /// The watcher's address.
    pub address: String,
    /// Whether it is told.
    pub status: WatcherStatus,
    /// How long the watcher has been subscribed.
    pub subscribed_for: Duration,
    /// How long the subscription lasts if it is not refreshed.
    pub expires_in: Duration,
}

/// Where a watcher's subscription stands (RFC 3857 §4.7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatcherStatus {
    /// It is told.
    Active,
    /// It waits for permission.
    Pending,
}
