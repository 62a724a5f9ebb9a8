//! The machine itself: what it holds, its one way in, its one way out, and what can be asked of it.
//! Must not know how an input is dealt with: each kind has its file.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use presence::Availability;

use crate::ask::AccessDigest;
use crate::board::Board;
use crate::callback::Ledger;
use crate::cases::Cases;
use crate::clock::{Clock, Moment};
use crate::config::Config;
use crate::config_error::ConfigError;
use crate::conversation::Line;
use crate::decision::Decision;
use crate::decisions::Decisions;
use crate::deliveries::Deliveries;
use crate::forecasting::{Forecast, Seen};
use crate::groups::Groups;
use crate::ids::{RepId, Seq, TicketId};
use crate::io::{Addressee, Input, Output, PauseFor, ShopperEvent};
use crate::knowledge::PauseEnd;
use crate::names::SkillNames;
use crate::offers::OfferEnd;
use crate::openings::Openings;
use crate::outlook::{Learnt, Live};
use crate::promised::Shown;
use crate::promises::{Desk, Promise, SomePromises};
use crate::record::Record;
use crate::roster::{Pause, Roster};
use crate::scores::Scores;
use crate::snapshot::Snapshot;
use crate::ticket::TicketView;
use crate::tickets::Tickets;

/// The shortest time after which the desk asks to be woken.
pub(crate) const A_MOMENT: Duration = Duration::from_millis(1);

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
    pub(crate) learnt: Learnt,
    pub(crate) deliveries: Deliveries,
    pub(crate) decisions: Decisions,
    pub(crate) scores: Scores,
    /// The calls of the last 24 hours.
    pub(crate) ledger: Ledger,
    pub(crate) cases: Cases,
    pub(crate) openings: Openings,
    pub(crate) skill_names: SkillNames,
    pub(crate) board: Board,
    pub(crate) groups: Groups,
    pub(crate) forecast: Forecast,
    /// When nobody who waits could be offered to anybody.
    pub(crate) drained: Option<Seen>,
    /// When the groups were last looked at.
    pub(crate) looked: Option<Seen>,
    /// Tickets whose shoppers may have to be told of a change.
    pub(crate) touched: BTreeSet<TicketId>,
    /// When time alone will next change something.
    next_timeout: Option<Moment>,
    pub(crate) snapshot: Arc<Snapshot>,
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
            learnt: Learnt::default(),
            deliveries: Deliveries::default(),
            decisions: Decisions::default(),
            scores: Scores::default(),
            ledger: Ledger::default(),
            cases: Cases::default(),
            openings: Openings::default(),
            skill_names: SkillNames::default(),
            board: Board::default(),
            groups: Groups::default(),
            forecast: Forecast::default(),
            drained: None,
            looked: None,
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
        desk.skill_names = SkillNames::of(&desk.config);
        desk.learnt
            .configure(&desk.config, &mut desk.board, &desk.roster);
        desk.groups = Groups::of(&desk.config, &mut desk.board, &desk.roster);
        desk.settle();
        desk.outputs.clear();
        Ok(desk)
    }

    /// From so many waiting tickets and reps at work on, 256 by default, changes that follow each other within some
    /// milliseconds share one forecast of the waits, and who waits is told a few times a second. Who is offered what
    /// and what groups say of a click is decided at once anyway.
    pub fn forecasting_seldom_from(mut self, tickets_and_reps: usize) -> Self {
        self.forecast.large = tickets_and_reps;
        self
    }

    /// Takes one input.
    pub fn handle(&mut self, input: Input, now: Instant) {
        self.advance(now);
        match input {
            Input::Presence { rep, availability } => self.handle_presence(&rep, availability),
            Input::Pause { rep, pause } => self.handle_pause(&rep, pause),
            Input::Calls { rep, calls } => {
                if let Some(seat) = self.roster.seat_mut(&rep) {
                    seat.show_life(self.now);
                    seat.calls = calls;
                }
            }
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
            Input::ForgetCase { case } => self.forget_case(&case),
            Input::Forget { ticket } => {
                self.tickets.forget_ended(&ticket);
                self.forget_cases_of(&ticket);
            }
            Input::Rate {
                ticket,
                stars,
                comment,
            } => self.handle_rating(&ticket, stars, comment),
            Input::OpenCase { case, reply } => self.handle_open_case(*case, reply),
            Input::CloseCase { case, by, reply } => self.handle_close_case(&case, by, reply),
            Input::RepMessage {
                rep,
                to,
                text,
                reply,
            } => self.handle_rep_message(&rep, &to, None, &text, reply),
            Input::RepLine {
                rep,
                ticket,
                id,
                text,
                reply,
            } => self.handle_rep_message(&rep, &Addressee::Ticket(ticket), Some(id), &text, reply),
            Input::RepTake { rep, ticket, reply } => self.handle_rep_take(&rep, &ticket, reply),
            Input::RepLife { rep } => self.show_life(&rep),
            Input::RepReady { rep } => self.handle_rep_ready(&rep),
            Input::RepNote {
                rep,
                ticket,
                text,
                reply,
            } => self.handle_rep_note(rep, ticket, &text, reply),
            Input::RepTyping { rep, to } => self.handle_rep_typing(&rep, &to),
            Input::Delivery { delivery, outcome } => self.handle_delivery(delivery, outcome),
            Input::WantCall {
                ticket,
                number,
                reply,
            } => self.handle_call_wanted(&ticket, number.as_deref(), reply),
            Input::UnwantCall { ticket } => self.handle_call_unwanted(&ticket),
            Input::Page { ticket, news } => self.handle_page(&ticket, news),
            Input::Call { ticket, call, news } => self.handle_call_news(&ticket, &call, news),
            Input::MessengerLine {
                ticket,
                from,
                id,
                text,
                reply,
            } => self.handle_messenger_line(&ticket, &from, id, text, reply),
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
        self.openings.clear();
        self.board.clear();
        self.skill_names = SkillNames::of(&self.config);
        self.learnt
            .configure(&self.config, &mut self.board, &self.roster);
        self.tickets.touch_all();
        self.groups = Groups::of(&self.config, &mut self.board, &self.roster);
        self.looked = None;
        self.forecast.seen = None;
        self.forecast.untold = None;
        self.forecast.telling = None;
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

    /// What was decided of a ticket, oldest first: the first decision and the latest ones. Decisions of the
    /// 10,000 tickets decided last are kept, since the start.
    pub fn decisions(&self, ticket: &TicketId) -> impl Iterator<Item = &Decision> {
        self.decisions.of(ticket)
    }

    /// All decisions that are kept, by ticket.
    pub fn all_decisions(&self) -> impl Iterator<Item = &Decision> + Clone {
        self.decisions.all()
    }

    pub(crate) fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    #[cfg(test)]
    pub(crate) fn groups(&self) -> &Groups {
        &self.groups
    }

    pub(crate) fn promising(&self) -> Desk<'_> {
        Desk {
            config: &self.config,
            roster: &self.roster,
            tickets: &self.tickets,
            board: &self.board,
            learnt: &self.learnt,
            openings: &self.openings,
            now: self.now,
        }
    }

    /// Moves time on and lets happen what was due before `now`.
    pub(crate) fn advance(&mut self, now: Instant) {
        let now = self.clock.moment(now).max(self.now);
        let due = self.next_timeout.is_some_and(|due| due <= now);
        self.now = now;
        self.tickets.forget(now);
        self.ledger.forget(now);
        self.cases.forget(now);
        if due {
            self.roster.expire(now);
            for number in self.board.due(now) {
                if let Some(ticket) = self.tickets.numbered(number) {
                    let id = ticket.ask.ticket.clone();
                    self.lapse_offer(&id);
                    self.lapse_call(&id);
                    self.lapse_place(&id);
                }
                self.tickets.touch(number);
            }
            self.drain_queue();
        }
    }

    /// Lets the next advance look at everything that may be due.
    pub(crate) fn wake_at_once(&mut self) {
        self.next_timeout = Some(self.now);
    }

    /// Brings everything derived in line with what has just happened. Who is offered what, and what groups
    /// say of a click, is decided at once; how long it will take as [`keep_forecasting`](Self::keep_forecasting) says.
    pub(crate) fn settle(&mut self) {
        self.openings.refresh(&self.config, self.now);
        self.drain_queue();
        self.decide_who_waits();
        self.sync();
        self.keep_forecasting();
        self.publish_snapshot();
        self.record_scores();
        self.next_timeout = self.next_change();
    }

    pub(crate) fn refresh_learnt(&mut self) {
        self.learnt.refresh(Live {
            config: &self.config,
            roster: &self.roster,
            tickets: &self.tickets,
            board: &self.board,
            groups: &self.groups,
            openings: self.openings.version(),
            now: self.now,
        });
    }

    /// Tells the shoppers of these tickets, and those whose lot has changed, as far as their tickets stand differently
    /// from what they were told last.
    pub(crate) fn tell_shoppers(&mut self, promises: SomePromises<'_>) {
        for id in std::mem::take(&mut self.touched) {
            let number = self.tickets.ticket(&id).map(|ticket| ticket.number);
            let waits = number.filter(|&number| self.tickets.waiting_as(number).is_some());
            if waits.is_none_or(|number| promises.of(number).is_none()) {
                let promise = self.quick_promise(&id);
                self.tell(&id, promise);
            }
        }
        for (number, promise) in promises.iter() {
            // Whoever has come to a rep since is told so.
            if self.tickets.waiting_as(number).is_some()
                && let Some(view) = self.take_numbered_view_as_told(number, Some(promise))
            {
                self.push(Output::ToShopper {
                    ticket: view.id.clone(),
                    event: ShopperEvent::State(view),
                });
            }
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
    pub(crate) fn take_view_as_told(
        &mut self,
        id: &TicketId,
        promise: Option<Promise>,
    ) -> Option<TicketView> {
        let number = self.tickets.ticket(id)?.number;
        self.take_numbered_view_as_told(number, promise)
    }

    /// The same of a ticket by its number, which is found sooner.
    fn take_numbered_view_as_told(
        &mut self,
        number: u64,
        promise: Option<Promise>,
    ) -> Option<TicketView> {
        let now = self.now;
        let ticket = self.tickets.told_numbered_mut(number)?;
        let rep = ticket.rep().and_then(|rep| self.roster.seat(rep));
        let rep = rep.map(|seat| Arc::clone(&seat.name));
        let had_promise = ticket.promised.is_some();
        let shown = promise.and_then(|promise| ticket.promise(promise, now));
        let (wait, why) = match shown {
            None => (None, None),
            Some(Shown::Kept(wait)) => (Some(wait), None),
            Some(Shown::Grown(wait, why)) => (Some(wait), Some(Arc::from(why))),
        };
        match shown {
            Some(_) if !had_promise => self.scores.promise(ticket),
            None if promise.is_some() && !std::mem::replace(&mut ticket.unpromised, true) => {
                self.scores.know_nothing(ticket);
            }
            Some(_) | None => {}
        }
        if why.is_some() {
            self.scores.grow(ticket);
        }
        let is_new_promise = shown.is_some() && (!had_promise || why.is_some());
        let given = ticket.promised.filter(|_| is_new_promise);
        let told = &ticket.told;
        let mut view = TicketView {
            id: told.id.clone(),
            state: ticket.state(),
            position: promise.map(|promise| promise.position),
            wait,
            rep,
            why: why.clone().or_else(|| told.why.clone()),
            callback: ticket.callback_view(),
            delivered: ticket.delivered,
            answered_by: ticket.last_rep.clone(),
        };
        let news = if view == *told {
            None
        } else {
            view.why = why;
            ticket.told = view.clone();
            Some(view)
        };
        if promise.is_some() {
            self.board.look_again(ticket, &self.config, now);
        }
        if let Some(given) = given {
            let id = ticket.ask.ticket.clone();
            self.push(Output::Record(given.record(&id)));
        }
        news
    }

    /// Takes all shoppers for told: one by an answer, or all because nobody follows yet.
    pub(crate) fn take_views_as_told(&mut self, of: impl IntoIterator<Item = TicketId>) {
        self.sync();
        if self.forecast_is_due() {
            self.forecast_for(of);
            return;
        }
        for id in of {
            self.touched.remove(&id);
            let promise = self.quick_promise(&id);
            self.take_view_as_told(&id, promise);
        }
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

    pub(crate) fn handle_pause(&mut self, rep: &RepId, pause: Option<PauseFor>) {
        let now = self.now;
        let Some(seat) = self.roster.seat_mut(rep) else {
            return;
        };
        let pause = pause.map(|pause| match pause {
            PauseFor::Time(time) => Pause::Until(now.after(time)),
            PauseFor::Good => Pause::UntilResumed,
        });
        if seat.pause == pause {
            return;
        }
        seat.pause = pause;
        let offers = match pause {
            Some(_) => seat.offers.clone(),
            None => Vec::new(),
        };
        self.push(Output::Record(Record::Paused {
            rep: rep.clone(),
            pause: pause.map(PauseEnd::from),
            at_unix_ms: now.0,
        }));
        for ticket in offers {
            self.end_offer(&ticket, OfferEnd::Paused);
        }
    }

    /// When time alone next changes anything.
    fn next_change(&self) -> Option<Moment> {
        let undecided = self.board.has_undecided();
        let changes = [
            undecided.then(|| self.now.after(A_MOMENT)),
            self.board.next_due(),
            self.next_forecasting(),
            self.roster.next_expiry(),
            self.tickets.next_forgetting(),
            self.openings.next_change(),
        ];
        changes.into_iter().flatten().min()
    }
}
