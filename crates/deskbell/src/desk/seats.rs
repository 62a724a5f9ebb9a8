//! The consoles' view of each rep's seat: told once what it tells of is on record, and only where somebody watches.
//! Must not know what a console is.

use std::collections::HashMap;
use std::sync::Arc;

use gateway::SeatWatch;
use helpdesk::{Helpdesk, RepId, SeatView, TicketId};
use tokio::sync::{broadcast, watch};

use super::effects::{Batch, Effect};

/// Signs of typing that may wait for a console; older ones are worth nothing.
const SIGNS: usize = 16;

/// The seats that are watched.
#[derive(Default)]
pub(super) struct Seats {
    by_rep: HashMap<RepId, Watched>,
}

struct Watched {
    views: watch::Sender<Arc<SeatView>>,
    typing: broadcast::Sender<TicketId>,
    /// What is told, or about to be.
    last: Arc<SeatView>,
}

impl Seats {
    /// A watch of the seat; `None` of who has none.
    pub(super) fn watch(&mut self, rep: &RepId, helpdesk: &Helpdesk) -> Option<SeatWatch> {
        self.by_rep
            .retain(|_, watched| watched.views.receiver_count() > 0);
        if let Some(watched) = self.by_rep.get(rep) {
            return Some(watched.watch());
        }
        let last = Arc::new(helpdesk.seat_view(rep)?);
        let watched = Watched {
            views: watch::Sender::new(Arc::clone(&last)),
            typing: broadcast::Sender::new(SIGNS),
            last,
        };
        let watch = watched.watch();
        self.by_rep.insert(rep.clone(), watched);
        Some(watch)
    }

    /// Tells of every seat that has changed, after what the batch holds already.
    pub(super) fn tell(&mut self, helpdesk: &mut Helpdesk, batch: &mut Batch) {
        for rep in helpdesk.take_changed_seats() {
            let Some(watched) = self.by_rep.get_mut(&rep) else {
                continue;
            };
            let Some(view) = helpdesk.seat_view(&rep) else {
                self.by_rep.remove(&rep);
                continue;
            };
            if view != *watched.last {
                watched.last = Arc::new(view);
                batch.push(Effect::Seat {
                    views: watched.views.clone(),
                    view: Arc::clone(&watched.last),
                });
            }
        }
    }

    /// Passes on that a shopper types; nobody there is no loss.
    pub(super) fn tell_typing(&self, rep: &RepId, ticket: TicketId) {
        if let Some(watched) = self.by_rep.get(rep) {
            drop(watched.typing.send(ticket));
        }
    }
}

impl Watched {
    fn watch(&self) -> SeatWatch {
        SeatWatch {
            views: self.views.subscribe(),
            typing: self.typing.subscribe(),
        }
    }
}
