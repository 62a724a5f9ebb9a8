//! Tells the presence agent which presentities have changed: the owner, which reads the store's marks, hands
//! them on. Must not know who watches.

use std::sync::Arc;

use presence::{Marks, PresentityId};
use tokio::sync::Notify;

/// Presentities whose watchers have something new to be told. Marks are merged, so that a slow reader costs
/// no more than one mark for each presentity; reading them takes no lock.
#[derive(Debug, Clone, Default)]
pub(crate) struct PresenceChanges(Arc<Changes>);

#[derive(Debug)]
struct Changes {
    marks: Marks,
    wake: Notify,
}

impl Default for Changes {
    fn default() -> Self {
        let marks = Marks::new();
        marks.let_be();
        Self {
            marks,
            wake: Notify::new(),
        }
    }
}

impl PresenceChanges {
    /// Says that a presentity has a newer state in the store.
    pub(super) fn mark(&self, presentity: &PresentityId) {
        if self.0.marks.mark(presentity) {
            self.0.wake.notify_one();
        }
    }

    /// Somebody watches: what is read in the store from here on is the newest, or will be told.
    pub(crate) fn follow(&self) {
        self.0.marks.follow();
    }

    /// Nobody watches, and nobody is told.
    pub(crate) fn let_be(&self) {
        self.0.marks.let_be();
    }

    /// Returns once there may be something to poll.
    pub(crate) async fn marked(&self) {
        self.0.wake.notified().await;
    }

    /// Takes one presentity out; read its state only afterwards.
    pub(crate) fn poll(&self) -> Option<PresentityId> {
        self.0.marks.poll()
    }
}
