//! What one rep has at the desk, as the rep is shown it: offers, conversations, rests, and whom they are with.
//! It changes with what happens and never with time alone. Must not know how it is shown.

use std::collections::BTreeSet;
use std::sync::Arc;

use presence::Availability;

use crate::ask::Detail;
use crate::callback::{Messenger, Page};
use crate::clock::Moment;
use crate::desk::Helpdesk;
use crate::ids::{RepId, Seq, SiteId, SkillId, TicketId, TierId};
use crate::knowledge::PauseEnd;
use crate::roster::{Pause, Seat};
use crate::snapshot::Wait;
use crate::tickets::{Stage, Ticket};

/// One rep at the desk. Times are in milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct SeatView {
    /// The rep.
    pub rep: RepId,
    /// The name shoppers see.
    pub name: Arc<str>,
    /// What presence says of the rep.
    pub availability: Availability,
    /// Whether a click that fits would be offered at once.
    pub is_free: bool,
    /// Conversations at once.
    pub capacity: u32,
    /// Calls the rep is on; any fills the rep.
    pub on_calls: u32,
    /// Whether and how long the rep has a pause.
    pub pause: Option<PauseEnd>,
    /// Until when nothing is offered, because an offer was left unanswered or did not arrive.
    pub doubted_until_unix_ms: Option<i64>,
    /// When each rest after a conversation ends.
    pub wrap_ups_unix_ms: Vec<i64>,
    /// Offers first, then one that lapsed and waits still, then conversations; each the oldest first.
    pub in_hand: Vec<InHand>,
}

/// One ticket that a rep has something to do with, and the shopper's card.
#[derive(Debug, Clone, PartialEq)]
pub struct InHand {
    /// Which.
    pub ticket: TicketId,
    /// How the rep stands to it.
    pub stand: Stand,
    /// Where it was asked.
    pub site: SiteId,
    /// What it needs now, the first is the one routed by.
    pub skills: Vec<SkillId>,
    /// The shopper's tier.
    pub tier: TierId,
    /// The name the shopper gave.
    pub name: Option<Arc<str>>,
    /// The open case the shopper comes back with.
    pub case: Option<Arc<str>>,
    /// Telephone number as given.
    pub phone: Option<Arc<str>>,
    /// Address of the page the shopper was on.
    pub page: Option<Arc<str>>,
    /// BCP 47 language tag of the page.
    pub language: Option<Arc<str>>,
    /// Conversations that the same shopper had before, the oldest first.
    pub earlier: Vec<TicketId>,
    /// What else the site's form asked for.
    pub details: Vec<Detail>,
    /// When help was asked for.
    pub asked_at_unix_ms: i64,
    /// The wait first promised, if one was.
    pub promised: Option<Wait>,
    /// The colleague who handed it on.
    pub handed_on_by: Option<RepId>,
    /// The last line that the shopper's page has shown.
    pub seen: Seq,
    /// Since when a shopper in conversation is out of reach: the page is closed or has lost its network.
    pub gone_since_unix_ms: Option<i64>,
}

/// How a rep stands to a ticket. Times are in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// It is offered to the rep.
    Offered {
        /// When it goes to another.
        until_unix_ms: i64,
    },
    /// It was, and nobody has it yet: a late answer takes it.
    Lapsed,
    /// They are in conversation.
    Open {
        /// Since when.
        since_unix_ms: i64,
    },
}

impl Helpdesk {
    /// What a rep has at the desk; `None` of who is not configured.
    pub fn seat_view(&self, rep: &RepId) -> Option<SeatView> {
        self.roster.seat(rep).map(|seat| self.view_of(seat))
    }

    /// The reps whose [`seat_view`](Self::seat_view) may be another than when this was last asked.
    pub fn take_changed_seats(&mut self) -> BTreeSet<RepId> {
        self.sync();
        self.roster.take_changed()
    }

    fn view_of(&self, seat: &Seat) -> SeatView {
        let lapsed = seat.lapsed.iter().filter(|id| {
            let ticket = self.tickets.ticket(id);
            ticket.is_some_and(|ticket| matches!(ticket.stage, Stage::Waiting))
        });
        let in_hand = seat.offers.iter().chain(lapsed).chain(&seat.conversations);
        SeatView {
            rep: seat.rep.id.clone(),
            name: Arc::clone(&seat.name),
            availability: seat.availability,
            is_free: seat.is_free(),
            capacity: seat.rep.capacity,
            on_calls: seat.calls_in_all(),
            pause: seat.pause.map(|pause| match pause {
                Pause::Until(end) => PauseEnd::At(end.0),
                Pause::UntilResumed => PauseEnd::WhenResumed,
            }),
            doubted_until_unix_ms: seat.doubted_until.map(|end| end.0),
            wrap_ups_unix_ms: seat.wrap_ups.iter().map(|end| end.0).collect(),
            in_hand: in_hand
                .filter_map(|id| self.tickets.ticket(id))
                .map(InHand::of)
                .collect(),
        }
    }
}

impl InHand {
    fn of(ticket: &Ticket) -> Self {
        let ask = &ticket.ask;
        let shared = |text: &Option<String>| text.as_deref().map(Arc::from);
        Self {
            ticket: ask.ticket.clone(),
            stand: match &ticket.stage {
                Stage::Offered {
                    until: Moment(until_unix_ms),
                    ..
                } => Stand::Offered {
                    until_unix_ms: *until_unix_ms,
                },
                Stage::Open {
                    since: Moment(since_unix_ms),
                    ..
                } => Stand::Open {
                    since_unix_ms: *since_unix_ms,
                },
                // At the console a call is a conversation: what the rep writes goes to the page.
                Stage::Callback(calling) => Stand::Open {
                    since_unix_ms: calling.talks_since().unwrap_or(ticket.asked_at).0,
                },
                Stage::Waiting | Stage::Ended { .. } => Stand::Lapsed,
            },
            site: ask.site.clone(),
            skills: ticket.skills.clone(),
            tier: ask.tier.clone(),
            name: shared(&ask.name),
            case: shared(&ask.case),
            phone: shared(&ask.phone),
            page: shared(&ask.page),
            language: shared(&ask.language),
            earlier: ask.earlier.clone(),
            details: ask.details.clone(),
            asked_at_unix_ms: ticket.asked_at.0,
            promised: ticket.promised.map(|promised| promised.first.wait),
            handed_on_by: ticket.handed_on_by.clone(),
            seen: ticket.transcript.seen(),
            gone_since_unix_ms: gone_since(ticket).map(|since| since.0),
        }
    }
}

/// Since when nobody reads what is said in a conversation; on the telephone or in a messenger the page does not matter.
fn gone_since(ticket: &Ticket) -> Option<Moment> {
    let is_in_conversation = matches!(ticket.stage, Stage::Open { .. });
    match ticket.page {
        Page::Gone { since } if is_in_conversation && ticket.messenger != Messenger::InUse => {
            Some(since)
        }
        Page::Gone { .. } | Page::NotSeen | Page::Here => None,
    }
}
