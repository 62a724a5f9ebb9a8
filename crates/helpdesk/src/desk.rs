//! The machine itself: what it holds, its one way in, its one way out, and what can be asked of it.
//! Must not know how an input is dealt with: each kind has its file.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use presence::Availability;

use crate::ask::AccessDigest;
use crate::clock::{Clock, Moment};
use crate::config::Config;
use crate::config_error::ConfigError;
use crate::conversation::Line;
use crate::deliveries::Deliveries;
use crate::estimate::HandlingTimes;
use crate::ids::{RepId, Seq, TicketId};
use crate::io::{Input, Output, ShopperEvent};
use crate::offers::OfferEnd;
use crate::outlook::Learnt;
use crate::promises::{self, Desk, Promise};
use crate::roster::Roster;
use crate::routing::{self, Standing};
use crate::snapshot::{SiteSnapshot, Snapshot};
use crate::ticket::TicketView;
use crate::tickets::{Stage, Tickets};

/// The helpdesk of all sites as a deterministic machine: the same inputs at the same times give the same
/// outputs. After each [`handle`](Self::handle), [`handle_timeout`](Self::handle_timeout),
/// [`restore`](Self::restore) or [`reconfigure`](Self::reconfigure) drain
/// [`poll_output`](Self::poll_output), then sleep until [`next_timeout`](Self::next_timeout).
#[derive(Debug)]
pub struct Helpdesk {
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    /// The latest time seen; time never goes back.
    pub(crate) now: Moment,
    pub(crate) roster: Roster,
    pub(crate) tickets: Tickets,
    pub(crate) handling: HandlingTimes,
    pub(crate) learnt: Learnt,
    pub(crate) deliveries: Deliveries,
    /// Tickets whose shoppers may have to be told of a change.
    pub(crate) touched: BTreeSet<TicketId>,
    /// When time alone will next change something.
    next_timeout: Option<Moment>,
    snapshot: Arc<Snapshot>,
    outputs: VecDeque<Output>,
}

impl Helpdesk {
    /// An empty helpdesk: every rep off duty, no ticket. `clock` ties instants to the time of day.
    pub fn new(config: Config, clock: Clock) -> Result<Self, ConfigError> {
        config.check()?;
        let now = Moment(clock.unix_ms);
        let mut roster = Roster::default();
        roster.configure(&config.reps, now);
        let mut desk = Self {
            config,
            clock,
            now,
            roster,
            tickets: Tickets::default(),
            handling: HandlingTimes::default(),
            learnt: Learnt::default(),
            deliveries: Deliveries::default(),
            touched: BTreeSet::new(),
            next_timeout: None,
            snapshot: Arc::new(Snapshot {
                // A page that has seen an earlier run must never take this run's states for older ones.
                version: u64::try_from(clock.unix_ms).unwrap_or(0),
                at_unix_ms: now.0,
                sites: Vec::new(),
            }),
            outputs: VecDeque::new(),
        };
        desk.learnt.configure(&desk.config);
        desk.settle();
        desk.outputs.clear();
        Ok(desk)
    }

    /// Takes one input.
    pub fn handle(&mut self, input: Input, now: Instant) {
        self.advance(now);
        match input {
            Input::Presence { rep, availability } => self.handle_presence(&rep, availability),
            Input::Ask { ask, reply } => self.handle_ask(*ask, reply),
            Input::ShopperLine {
                ticket,
                id,
                text,
                reply,
            } => self.handle_shopper_line(&ticket, id, text, reply),
            Input::ShopperTyping { ticket } => self.handle_shopper_typing(&ticket),
            Input::ShopperSeen { ticket, seq } => {
                if let Some(ticket) = self.tickets.ticket_mut(&ticket) {
                    ticket.transcript.take_seen(seq);
                }
            }
            Input::ShopperEnd { ticket } => self.handle_shopper_end(&ticket),
            Input::Rate {
                ticket,
                stars,
                comment,
            } => self.handle_rating(&ticket, stars, comment),
            Input::RepMessage {
                rep,
                to,
                text,
                reply,
            } => self.handle_rep_message(&rep, &to, &text, reply),
            Input::RepTyping { rep, to } => self.handle_rep_typing(&rep, &to),
            Input::Delivery { delivery, outcome } => self.handle_delivery(delivery, outcome),
        }
        self.settle();
    }

    /// Lets time pass; call it when [`next_timeout`](Self::next_timeout) has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
        self.settle();
    }

    /// Takes a new configuration; a faulty one changes nothing. Waiting tickets are routed by the new
    /// one at once. Open conversations go on; those of a rep who is no longer configured wait again.
    pub fn reconfigure(&mut self, config: Config, now: Instant) -> Result<(), ConfigError> {
        config.check()?;
        self.advance(now);
        self.config = config;
        self.roster.configure(&self.config.reps, self.now);
        self.learnt.configure(&self.config);
        self.release_orphans();
        self.settle();
        Ok(())
    }

    /// The next effect; `None` when all are out.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When time alone will next change something.
    pub fn next_timeout(&self) -> Option<Instant> {
        Some(self.clock.instant(self.next_timeout?))
    }

    /// A ticket as its shopper may see it.
    pub fn ticket(&self, ticket: &TicketId) -> Option<TicketView> {
        Some(self.tickets.ticket(ticket)?.told.clone())
    }

    /// What opens the ticket.
    pub fn access(&self, ticket: &TicketId) -> Option<AccessDigest> {
        Some(self.tickets.ticket(ticket)?.ask.access)
    }

    /// The lines of a ticket's conversation after `after`, in order; none of an unknown ticket.
    pub fn lines_after(&self, ticket: &TicketId, after: Seq) -> impl Iterator<Item = &Line> {
        self.tickets
            .ticket(ticket)
            .into_iter()
            .flat_map(move |ticket| ticket.transcript.after(after))
    }

    /// The newest state of all groups.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot)
    }

    /// How every rep stands to a ticket at this moment, in order of identity.
    pub fn explain(&self, ticket: &TicketId) -> Option<Vec<(RepId, Standing)>> {
        let ticket = self.tickets.ticket(ticket)?;
        Some(routing::explain(
            &ticket.demand(self.now),
            &self.roster,
            &self.config.routing,
            self.now,
        ))
    }

    pub(crate) fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(crate) fn promising(&self) -> Desk<'_> {
        Desk {
            config: &self.config,
            roster: &self.roster,
            tickets: &self.tickets,
            handling: &self.handling,
            learnt: &self.learnt,
            now: self.now,
        }
    }

    /// Moves time on and lets happen what was due before `now`.
    pub(crate) fn advance(&mut self, now: Instant) {
        let now = self.clock.moment(now).max(self.now);
        let due = self.next_timeout.is_some_and(|due| due <= now);
        self.now = now;
        self.tickets.forget(now);
        if due {
            self.roster.expire(now);
            self.lapse_offers();
            self.drain_queue();
        }
    }

    /// Lets the next advance look at everything that may be due.
    pub(crate) fn wake_at_once(&mut self) {
        self.next_timeout = Some(self.now);
    }

    /// Brings everything derived in line with what has just happened.
    pub(crate) fn settle(&mut self) {
        self.drain_queue();
        self.refresh_learnt();
        let promises = promises::promises(self.promising());
        self.tell_shoppers(promises.tickets);
        self.publish_snapshot(promises.sites);
        self.next_timeout = self
            .next_change()
            .into_iter()
            .chain(promises.next_overtaking)
            .min();
    }

    fn refresh_learnt(&mut self) {
        let at_work = self.roster.seats().filter(|seat| seat.is_at_work());
        let at_work: Vec<_> = at_work.collect();
        self.learnt.refresh(&self.config, &at_work);
    }

    /// Tells every shopper whose ticket stands differently from what was told last.
    fn tell_shoppers(&mut self, promises: BTreeMap<TicketId, Promise>) {
        for id in std::mem::take(&mut self.touched) {
            if !promises.contains_key(&id) {
                self.tell(&id, None);
            }
        }
        for (id, promise) in promises {
            self.tell(&id, Some(promise));
        }
    }

    pub(crate) fn tell(&mut self, id: &TicketId, promise: Option<Promise>) {
        if let Some(view) = self.take_view_as_told(id, promise) {
            self.push(Output::ToShopper {
                ticket: id.clone(),
                event: ShopperEvent::State(view),
            });
        }
    }

    /// Notes how a ticket stands as what its shopper knows; `None` when the shopper knows it already.
    fn take_view_as_told(&mut self, id: &TicketId, promise: Option<Promise>) -> Option<TicketView> {
        let ticket = self.tickets.ticket_mut(id)?;
        let rep = ticket.rep().and_then(|rep| self.roster.seat(rep));
        let view = TicketView {
            id: id.clone(),
            state: ticket.state(),
            position: promise.map(|promise| promise.position),
            wait: promise.and_then(|promise| promise.wait),
            rep: rep.map(|seat| Arc::from(seat.rep.name.as_str())),
        };
        let is_news = view != ticket.told;
        ticket.told = view.clone();
        is_news.then_some(view)
    }

    /// Takes all shoppers for told: one by an answer, or all because nobody follows yet.
    pub(crate) fn take_views_as_told(&mut self, of: impl IntoIterator<Item = TicketId>) {
        self.refresh_learnt();
        let mut promises = promises::promises(self.promising());
        for id in of {
            self.touched.remove(&id);
            self.take_view_as_told(&id, promises.tickets.remove(&id));
        }
    }

    fn publish_snapshot(&mut self, sites: Vec<SiteSnapshot>) {
        if sites == self.snapshot.sites {
            return;
        }
        self.snapshot = Arc::new(Snapshot {
            version: self.snapshot.version.saturating_add(1),
            at_unix_ms: self.now.0,
            sites,
        });
        self.push(Output::Snapshot(Arc::clone(&self.snapshot)));
    }

    fn handle_presence(&mut self, rep: &RepId, availability: Availability) {
        let now = self.now;
        let Some(seat) = self.roster.seat_mut(rep) else {
            return;
        };
        if !seat.take_presence(availability, now) || availability != Availability::Offline {
            return;
        }
        let (offers, conversations) = (seat.offers.clone(), seat.conversations.clone());
        for ticket in offers {
            self.end_offer(&ticket, OfferEnd::OffDuty);
        }
        for ticket in conversations {
            self.tell_out_of_reach(&ticket);
        }
    }

    /// When time alone next changes anything but the order of the queue.
    fn next_change(&self) -> Option<Moment> {
        let offers = self
            .roster
            .seats()
            .flat_map(|seat| &seat.offers)
            .filter_map(|offer| match &self.tickets.ticket(offer)?.stage {
                Stage::Offered { until, .. } => Some(*until),
                Stage::Waiting | Stage::Open { .. } | Stage::Ended { .. } => None,
            });
        let routing = &self.config.routing;
        let decisions = self.tickets.waiting().filter_map(|ticket| {
            let demand = ticket.demand(self.now);
            routing::next_change(&demand, ticket.waiting_since, routing, self.now)
        });
        offers
            .chain(decisions)
            .chain(self.roster.next_expiry())
            .chain(self.tickets.next_forgetting())
            .min()
    }
}
