//! The waits that ended last, one by one, with what was promised of each. Must not know who asks.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Moment;
use crate::desk::Helpdesk;
use crate::ids::TicketId;
use crate::lesson::WaitEnd;
use crate::snapshot::Wait;
use crate::tickets::Ticket;

/// Ended waits that are remembered.
const RECENT: usize = 2_000;

/// One ticket's first wait, ended.
#[derive(Debug, Clone, PartialEq)]
pub struct WaitEnded {
    /// Rises by one with each.
    pub number: u64,
    /// Whose.
    pub ticket: TicketId,
    /// When it ended, in milliseconds since the Unix epoch.
    pub at_unix_ms: i64,
    /// How long it was, from the click.
    pub waited: Duration,
    /// What was first promised, if anything was.
    pub promised: Option<Wait>,
    /// How it ended.
    pub fate: WaitFate,
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitFate {
    /// A rep took the ticket.
    Answered,
    /// The shopper left.
    Left,
}

impl WaitEnded {
    /// Whether the promise was kept; `None` where there was none, or the shopper left before it was over.
    pub fn is_kept(&self) -> Option<bool> {
        let most = Duration::from_secs(u64::from(self.promised?.high));
        match self.fate {
            WaitFate::Answered => Some(self.waited <= most),
            WaitFate::Left => (self.waited > most).then_some(false),
        }
    }
}

/// The latest ones, oldest first.
#[derive(Debug, Default)]
pub(crate) struct EndedWaits {
    recent: VecDeque<WaitEnded>,
    last: u64,
}

impl EndedWaits {
    /// A ticket's wait has ended; that of one handed on is no first one.
    pub(crate) fn end(&mut self, ticket: &Ticket, end: WaitEnd, now: Moment) {
        if ticket.handed_on_by.is_some() {
            return;
        }
        self.last += 1;
        self.recent.push_back(WaitEnded {
            number: self.last,
            ticket: ticket.ask.ticket.clone(),
            at_unix_ms: now.0,
            waited: now.since(ticket.asked_at),
            promised: ticket.promised.map(|promised| promised.first.wait),
            fate: match end {
                WaitEnd::Served => WaitFate::Answered,
                WaitEnd::Left => WaitFate::Left,
            },
        });
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
    }
}

impl Helpdesk {
    /// The waits that ended after the one of this number, oldest first, since the start; of those that ended long ago
    /// only the latest are remembered.
    pub fn waits_ended_after(&self, number: u64) -> impl Iterator<Item = &WaitEnded> {
        let recent = self.scores.ended_waits.recent.iter();
        recent.filter(move |wait| wait.number > number)
    }
}
