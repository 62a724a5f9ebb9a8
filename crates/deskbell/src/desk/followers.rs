//! The open pages of each ticket. A page that does not keep up is let go and comes back with the last
//! line it has. Must not know what kind of connection a page uses.

use std::collections::HashMap;

use helpdesk::{Line, ShopperEvent, TicketId, TicketView};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio_util::sync::DropGuard;

/// Tickets followed before closed pages are looked for at all.
const FIRST_SWEEP: usize = 64;

/// A page's events, and what is dropped when it is let go.
type Page = (mpsc::Sender<ShopperEvent>, DropGuard);

/// Who follows which conversation.
pub(super) struct Followers {
    pages_by_ticket: HashMap<TicketId, Vec<Page>>,
    /// The table is swept when it has grown to this size, so that it stays in proportion to the open pages.
    sweep_at: usize,
}

impl Default for Followers {
    fn default() -> Self {
        Self {
            pages_by_ticket: HashMap::new(),
            sweep_at: FIRST_SWEEP,
        }
    }
}

impl Followers {
    /// Gives a page the lines it lacks and the present state, then all that happens. A backlog longer than
    /// the page's channel is given in part: the page comes back for the rest.
    pub(super) fn follow(
        &mut self,
        ticket: TicketId,
        backlog: Vec<Line>,
        view: TicketView,
        page: Page,
    ) {
        let events = backlog
            .into_iter()
            .map(ShopperEvent::Line)
            .chain([ShopperEvent::State(view)]);
        for event in events {
            if page.0.try_send(event).is_err() {
                return;
            }
        }
        self.sweep();
        self.pages_by_ticket.entry(ticket).or_default().push(page);
    }

    /// Tells every page of the ticket.
    pub(super) fn tell(&mut self, ticket: &TicketId, event: &ShopperEvent) {
        let Some(pages) = self.pages_by_ticket.get_mut(ticket) else {
            return;
        };
        pages.retain(|page| match page.0.try_send(event.clone()) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                tracing::debug!(%ticket, "letting go of a page that does not keep up");
                false
            }
            Err(TrySendError::Closed(_)) => false,
        });
        if pages.is_empty() {
            self.pages_by_ticket.remove(ticket);
        }
    }

    fn sweep(&mut self) {
        if self.pages_by_ticket.len() < self.sweep_at {
            return;
        }
        self.pages_by_ticket.retain(|_, pages| {
            pages.retain(|page| !page.0.is_closed());
            !pages.is_empty()
        });
        self.sweep_at = (self.pages_by_ticket.len() * 2).max(FIRST_SWEEP);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use helpdesk::{Seq, Speaker, TicketState};

    use tokio_util::sync::CancellationToken;

    use super::*;

    fn line(seq: u64) -> Line {
        Line {
            seq: Seq(seq),
            id: None,
            from: Speaker::Rep,
            name: None,
            text: Arc::from("hello"),
            at_unix_ms: 0,
        }
    }

    fn view() -> TicketView {
        TicketView {
            id: TicketId::new("t"),
            state: TicketState::Open,
            position: None,
            wait: None,
            rep: None,
            why: None,
            callback: None,
            delivered: None,
            answered_by: None,
        }
    }

    fn held(page: mpsc::Sender<ShopperEvent>) -> Page {
        (page, CancellationToken::new().drop_guard())
    }

    #[test]
    fn a_page_gets_its_backlog_then_the_state_then_what_happens() {
        let mut followers = Followers::default();
        let (page, mut events) = mpsc::channel(8);
        followers.follow(TicketId::new("t"), vec![line(1)], view(), held(page));
        followers.tell(&TicketId::new("t"), &ShopperEvent::Line(line(2)));
        assert_eq!(events.try_recv().unwrap(), ShopperEvent::Line(line(1)));
        assert_eq!(events.try_recv().unwrap(), ShopperEvent::State(view()));
        assert_eq!(events.try_recv().unwrap(), ShopperEvent::Line(line(2)));
    }

    #[test]
    fn a_page_that_does_not_keep_up_is_let_go_and_leaves_nothing_behind() {
        let mut followers = Followers::default();
        let (page, mut events) = mpsc::channel(2);
        followers.follow(TicketId::new("t"), vec![line(1)], view(), held(page));
        followers.tell(&TicketId::new("t"), &ShopperEvent::Line(line(2)));
        assert!(followers.pages_by_ticket.is_empty());
        assert!(events.try_recv().is_ok());
        assert!(events.try_recv().is_ok());
        assert_eq!(
            events.try_recv(),
            Err(mpsc::error::TryRecvError::Disconnected)
        );
    }

    #[test]
    fn a_backlog_longer_than_the_channel_is_given_in_part() {
        let mut followers = Followers::default();
        let (page, mut events) = mpsc::channel(1);
        followers.follow(
            TicketId::new("t"),
            vec![line(1), line(2)],
            view(),
            held(page),
        );
        assert_eq!(events.try_recv().unwrap(), ShopperEvent::Line(line(1)));
        assert_eq!(
            events.try_recv(),
            Err(mpsc::error::TryRecvError::Disconnected)
        );
    }
}
