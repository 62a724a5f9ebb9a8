//! Who watches a presentity, as a document of its own (RFC 3857, RFC 3858). Must not know how watchers subscribe.

mod document;

pub use document::write_watcherinfo;

use std::time::Duration;

/// One who watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watcher {
    /// Tells this subscription from all others, for as long as it lasts.
    pub id: String,
    /// The watcher's address.
    pub address: String,
    /// How long the watcher has been subscribed.
    pub subscribed_for: Duration,
    /// How long the subscription lasts if it is not refreshed.
    pub expires_in: Duration,
}
