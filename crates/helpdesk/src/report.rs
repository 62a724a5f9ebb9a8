//! What supervisors are told of reps and of the queue at one moment. Must not know who asks.

use std::time::Duration;

use presence::Availability;

use crate::desk::Helpdesk;
use crate::ids::{Level, RepId, SiteId, SkillId, TicketId, TierId};
use crate::io::PauseFor;
use crate::roster::{Pause, Seat};
use crate::snapshot::Wait;
use crate::ticket::TicketState;
use crate::tickets::Ticket;

/// One rep at work, or off duty.
#[derive(Debug, Clone, PartialEq)]
pub struct RepReport {
    /// Who.
    pub rep: RepId,
    /// The name shoppers see.
    pub name: String,
    /// What presence says.
    pub availability: Availability,
    /// Whether a click that fits would be offered at once.
    pub is_free: bool,
    /// How long nothing more is offered, because an offer lapsed or the phone could not be reached.
    pub doubted_for: Option<Duration>,
    /// How long the longest rest after a conversation still lasts.
    pub wrap_up_for: Option<Duration>,
    /// How long a pause that the rep has begun still lasts.
    pub paused: Option<PauseFor>,
    /// Calls the rep is on; any fills the rep.
    pub on_calls: u32,
    /// Since when nothing has been taken or ended.
    pub idle_for: Duration,
    /// Conversations at once.
    pub capacity: u32,
    /// Offers not answered yet, oldest first.
    pub offers: Vec<TicketId>,
    /// Open conversations, oldest first.
    pub conversations: Vec<TicketId>,
    /// Competences.
    pub skills: Vec<(SkillId, Level)>,
    /// Tiers served; `None` is all.
    pub tiers: Option<Vec<TierId>>,
}

/// One ticket that is not ended.
#[derive(Debug, Clone, PartialEq)]
pub struct TicketReport {
    /// Which.
    pub ticket: TicketId,
    /// Where it was asked.
    pub site: SiteId,
    /// What it needs now, the first is the one routed by.
    pub skills: Vec<SkillId>,
    /// The shopper's tier.
    pub tier: TierId,
    /// Where it stands.
    pub state: TicketState,
    /// Who has it in hand.
    pub rep: Option<RepId>,
    /// When it was asked, in milliseconds since the Unix epoch.
    pub asked_at_unix_ms: i64,
    /// Time since the click.
    pub age: Duration,
    /// Place in the queue, from 1, while queued.
    pub position: Option<u32>,
    /// What its shopper was last promised, while queued.
    pub wait: Option<Wait>,
    /// What its shopper was promised first.
    pub promised: Option<Wait>,
}

impl Helpdesk {
    /// Every rep, in order of identity.
    pub fn reps(&self) -> Vec<RepReport> {
        self.roster.seats().map(|seat| self.report(seat)).collect()
    }

    /// Every ticket that is not ended: those that wait in their order, then the others in order of arrival.
    pub fn queue(&self) -> Vec<TicketReport> {
        let mut open: Vec<_> = self
            .tickets
            .all()
            .filter(|ticket| !ticket.state().is_final())
            .collect();
        open.sort_by_key(|ticket| (ticket.told.position.unwrap_or(u32::MAX), ticket.number));
        open.into_iter()
            .map(|ticket| self.report_of_ticket(ticket))
            .collect()
    }

    fn report(&self, seat: &Seat) -> RepReport {
        let wrap_up = seat.wrap_ups.iter().max();
        RepReport {
            rep: seat.rep.id.clone(),
            name: seat.rep.name.clone(),
            availability: seat.availability,
            is_free: seat.is_free(),
            doubted_for: seat.doubted_until.map(|until| until.since(self.now)),
            wrap_up_for: wrap_up.map(|until| until.since(self.now)),
            paused: seat.pause.map(|pause| match pause {
                Pause::Until(end) => PauseFor::Time(end.since(self.now)),
                Pause::UntilResumed => PauseFor::Good,
            }),
            on_calls: seat.calls_in_all(),
            idle_for: self.now.since(seat.idle_since),
            capacity: seat.rep.capacity,
            offers: seat.offers.clone(),
            conversations: seat.conversations.clone(),
            skills: seat.rep.skills.clone(),
            tiers: seat.rep.tiers.clone(),
        }
    }

    fn report_of_ticket(&self, ticket: &Ticket) -> TicketReport {
        TicketReport {
            ticket: ticket.ask.ticket.clone(),
            site: ticket.ask.site.clone(),
            skills: ticket.skills.clone(),
            tier: ticket.ask.tier.clone(),
            state: ticket.state(),
            rep: ticket.rep().cloned(),
            asked_at_unix_ms: ticket.asked_at.0,
            age: self.now.since(ticket.asked_at),
            position: ticket.told.position,
            wait: ticket.told.wait,
            promised: ticket.promised.map(|promised| promised.first.wait),
        }
    }
}
