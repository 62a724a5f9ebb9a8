//! The conversations that one page of a console follows, each with the last line it has.
//! Must not know what happens to an event.

use std::collections::HashMap;
use std::future::poll_fn;
use std::task::Poll;

use helpdesk::{RepId, Seq, ShopperEvent, TicketId};
use tokio::sync::mpsc;

use super::call::RepCommand;
use crate::desk::{Command, DeskRefused};
use crate::face::Face;
use crate::wire::frame::seq_of;

/// Events of one conversation that may wait for the page; one that falls further behind asks anew.
const EVENTS: usize = 1024;

/// What is followed.
pub(super) struct Followed {
    rep: RepId,
    after_by_ticket: HashMap<TicketId, Seq>,
    open: Vec<(TicketId, mpsc::Receiver<ShopperEvent>)>,
}

impl Followed {
    /// Nothing yet; the page has these lines from before.
    pub(super) fn new(rep: RepId, after_by_ticket: HashMap<TicketId, Seq>) -> Self {
        Self {
            rep,
            after_by_ticket,
            open: Vec::new(),
        }
    }

    /// Follows those of `tickets` that are not followed, and no other.
    pub(super) async fn follow(
        &mut self,
        tickets: &[TicketId],
        face: &Face,
    ) -> Result<(), DeskRefused> {
        let after_by_ticket = &mut self.after_by_ticket;
        self.open.retain(|(ticket, _)| {
            let stays = tickets.contains(ticket);
            if !stays {
                // A page lets go of what it cannot show: should the ticket come back, it wants every line.
                after_by_ticket.remove(ticket);
            }
            stays
        });
        for ticket in tickets {
            if self.open.iter().any(|(open, _)| open == ticket) {
                continue;
            }
            let (events, followed) = mpsc::channel(EVENTS);
            let (rep, followed_ticket) = (self.rep.clone(), ticket.clone());
            let after = self
                .after_by_ticket
                .get(ticket)
                .copied()
                .unwrap_or_default();
            let is_followed = face
                .desk
                .call(|answer| {
                    Command::Rep(RepCommand::Follow {
                        rep,
                        ticket: followed_ticket,
                        after,
                        events,
                        answer,
                    })
                })
                .await?;
            if is_followed {
                self.open.push((ticket.clone(), followed));
            }
        }
        Ok(())
    }

    /// The next event of any conversation; `None` for one that has to be followed anew.
    pub(super) async fn next(&mut self) -> (TicketId, Option<ShopperEvent>) {
        let (place, event) = poll_fn(|context| {
            for (place, (_, events)) in self.open.iter_mut().enumerate() {
                if let Poll::Ready(event) = events.poll_recv(context) {
                    return Poll::Ready((place, event));
                }
            }
            Poll::Pending
        })
        .await;
        let ticket = self.open.get(place).map(|(ticket, _)| ticket.clone());
        // The place comes from the list itself.
        let ticket = ticket.unwrap_or_else(|| TicketId::new(""));
        match &event {
            Some(event) => {
                if let Some(seq) = seq_of(event) {
                    self.after_by_ticket.insert(ticket.clone(), seq);
                }
            }
            None => {
                self.open.swap_remove(place);
            }
        }
        (ticket, event)
    }
}
