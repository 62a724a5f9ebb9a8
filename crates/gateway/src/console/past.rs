//! What a shopper had before, on its way from the journal to one page of a console; the page goes on meanwhile.
//! Must not know how it is shown.

use helpdesk::TicketId;
use tokio::sync::mpsc;

use crate::errand::{Errand, ErrandFailed, Past as Stories};
use crate::face::Face;
use crate::wire::earlier::SHOWN;

/// Looks that one page may have under way.
const ANSWERS: usize = 8;

type Found = (TicketId, Result<Stories, ErrandFailed>);

/// Looks that are under way.
pub(super) struct Past {
    found_in: mpsc::Sender<Found>,
    found: mpsc::Receiver<Found>,
}

impl Past {
    /// None.
    pub(super) fn new() -> Self {
        let (found_in, found) = mpsc::channel(ANSWERS);
        Self { found_in, found }
    }

    /// Looks for the newest of the conversations before this ticket's; false where too many looks are under way.
    pub(super) fn look(&self, ticket: TicketId, earlier: &[TicketId], face: &Face) -> bool {
        let newest = earlier.get(earlier.len().saturating_sub(SHOWN)..);
        let tickets = newest.unwrap_or_default().to_vec();
        let Ok(place) = self.found_in.clone().try_reserve_owned() else {
            return false;
        };
        let desk = face.desk.clone();
        face.tasks.spawn(async move {
            let found = desk.errand(|answer| Errand::Show { tickets, answer }).await;
            place.send((ticket, found));
        });
        true
    }

    /// What was found next.
    pub(super) async fn next(&mut self) -> Found {
        match self.found.recv().await {
            Some(found) => found,
            // One sender is ours: it does not end.
            None => std::future::pending().await,
        }
    }
}
