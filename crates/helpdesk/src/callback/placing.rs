//! Which way a ticket takes to its shopper when its turn comes, and a call from its order to its end.
//! Must not know how a call is made, nor what is allowed.

use std::sync::Arc;
use std::time::Duration;

use super::call::{CallEnd, CallNews, CallOrder, NotReached};
use super::ledger::CallbackRefused;
use super::number::PhoneNumber;
use super::plan::{Calling, Origin, Page, Progress};
use super::steps::Step;
use crate::case::{CaseReason, NewCase};
use crate::cases::case_of_call;
use crate::clock::Moment;
use crate::desk::Helpdesk;
use crate::ids::{CallId, RepId, TicketId};
use crate::io::Output;
use crate::offers::OfferEnd;
use crate::record::{CallbackFact, Record};
use crate::ticket::CloseReason;
use crate::tickets::Stage;
use crate::words;

/// What a call may take beside the talk itself: both phones ring, and both are told of its end.
const RINGING: Duration = Duration::from_secs(320);
/// How long a call waits for a free line.
pub(super) const NEXT_LINE: Duration = Duration::from_secs(15);

impl Helpdesk {
    /// Orders a call. Whoever makes it writes the order down before anything leaves.
    pub(crate) fn place_call(
        &mut self,
        id: &TicketId,
        rep: &RepId,
        number: &PhoneNumber,
        origin: Origin,
    ) {
        let now = self.now;
        let (Some(ticket), Some(rules)) = (self.tickets.ticket(id), self.rules_of(id)) else {
            return;
        };
        let call = CallId::new(&format!("{id}.{}", now.0));
        let order = CallOrder {
            call: call.clone(),
            ticket: id.clone(),
            site: ticket.ask.site.clone(),
            rep: rep.clone(),
            number: number.clone(),
            display: Arc::from(words::call_display(&ticket.ask, &self.skill_names(ticket))),
            longest: rules.longest,
            at_unix_ms: now.0,
        };
        let until = now.after(rules.longest.saturating_add(RINGING));
        let site = order.site.clone();
        self.ledger
            .begin(call.clone(), id.clone(), site, number.clone(), now);
        self.watch_spending(&call);
        if let Some(seat) = self.roster.seat_mut(rep) {
            seat.own_calls.insert(call.clone());
            match origin {
                Origin::Queue => seat.take_offer(id, now),
                Origin::Conversation { .. } => {}
            }
        }
        match origin {
            Origin::Queue => self.push(Output::Record(Record::Offered {
                ticket: id.clone(),
                rep: rep.clone(),
                at_unix_ms: now.0,
            })),
            Origin::Conversation { .. } => {}
        }
        self.step(
            id,
            Step::CallsRep {
                rep: rep.clone(),
                number: Arc::from(number.masked()),
            },
        );
        let calling = Calling {
            call,
            rep: rep.clone(),
            progress: Progress::RingsRep,
            origin,
            until,
            is_ending: false,
        };
        self.tickets
            .set_stage(id, Stage::Callback(Box::new(calling)), now);
        self.touched.insert(id.clone());
        self.push(Output::PlaceCall(Box::new(order)));
    }

    /// Asks for the end of a ticket's call, if it has one.
    pub(crate) fn cancel_call(&mut self, id: &TicketId) {
        let Some(ticket) = self.tickets.ticket_mut(id) else {
            return;
        };
        let Stage::Callback(calling) = &mut ticket.stage else {
            return;
        };
        if std::mem::replace(&mut calling.is_ending, true) {
            return;
        }
        let call = calling.call.clone();
        self.push(Output::EndCall { call });
    }

    /// The rep of a call wants its end; one that came from the queue goes to somebody else.
    pub(crate) fn pass_call(&mut self, id: &TicketId, rep: &RepId) {
        if self.is_yet_to_talk(id) {
            self.refuse_call(id, rep);
            self.step(id, Step::Passed { rep: rep.clone() });
        }
        self.cancel_call(id);
    }

    /// The rep of a call wants its end, and no other call.
    pub(crate) fn call_off(&mut self, id: &TicketId, rep: &RepId) {
        if self.is_yet_to_talk(id) {
            self.refuse_call(id, rep);
            let ticket = self.tickets.ticket_mut(id);
            if ticket.is_some_and(|ticket| ticket.plan.take().is_some()) {
                self.record_fact(id, CallbackFact::Withdrawn);
                self.step(id, Step::CalledOff { rep: rep.clone() });
                self.touched.insert(id.clone());
                self.say_as_system(id, "You will not be called.");
            }
        }
        self.cancel_call(id);
    }

    pub(crate) fn handle_call_news(&mut self, id: &TicketId, call: &CallId, news: CallNews) {
        let now = self.now;
        let calling = match self.tickets.ticket(id).map(|ticket| &ticket.stage) {
            Some(Stage::Callback(calling)) if calling.call == *call => (**calling).clone(),
            // The ticket went on without it.
            Some(
                Stage::Waiting
                | Stage::Offered { .. }
                | Stage::Open { .. }
                | Stage::Callback(_)
                | Stage::Ended { .. },
            )
            | None => return self.note_late_news(call, &news),
        };
        match news {
            CallNews::RepRings | CallNews::ShopperRings => {}
            CallNews::RepAnswered => {
                self.ledger.dial(call);
                self.take_up(id, &calling);
                self.set_progress(id, Progress::RingsShopper);
                let number = self.tickets.ticket(id).and_then(|t| t.plan.as_ref());
                let number = number.map_or_else(String::new, |plan| plan.number.masked());
                self.step(
                    id,
                    Step::Dials {
                        number: Arc::from(number),
                    },
                );
            }
            CallNews::ShopperAnswered => {
                self.ledger.talk(call, now);
                self.set_progress(id, Progress::Talks { since: now });
                self.step(id, Step::Talks);
                match calling.origin {
                    Origin::Queue => self.push(Output::Record(Record::Accepted {
                        ticket: id.clone(),
                        rep: calling.rep.clone(),
                        at_unix_ms: now.0,
                    })),
                    Origin::Conversation { .. } => {}
                }
                let name = self.rep_name(&calling.rep);
                self.say_as_system(id, &format!("You are on the telephone with {name}."));
            }
            CallNews::Ended(end) => self.end_call(id, &calling, end),
        }
    }

    /// Ends a call of which nothing is heard any more, and places one whose time has come.
    pub(crate) fn lapse_call(&mut self, id: &TicketId) {
        let now = self.now;
        let Some(ticket) = self.tickets.ticket(id) else {
            return;
        };
        match &ticket.stage {
            Stage::Callback(calling) if calling.until <= now => {
                let calling = (**calling).clone();
                let call = calling.call.clone();
                self.push(Output::EndCall { call });
                self.end_call(id, &calling, CallEnd::Unknown);
            }
            Stage::Open { rep, since } => {
                let again = ticket.plan.as_ref().and_then(|plan| plan.not_before);
                if again.is_some_and(|at| at <= now) {
                    let (rep, since) = (rep.clone(), *since);
                    self.try_again(id, &rep, since);
                }
            }
            Stage::Waiting | Stage::Offered { .. } | Stage::Callback(_) | Stage::Ended { .. } => {}
        }
    }

    pub(crate) fn end_call(&mut self, id: &TicketId, calling: &Calling, end: CallEnd) {
        let rep = &calling.rep;
        self.forget_call(&calling.call, &end);
        match end {
            CallEnd::Rep(why) => {
                self.leave_alone(id, rep, &why);
                let ended = match why {
                    NotReached::Busy | NotReached::Declined => OfferEnd::Declined,
                    NotReached::NoAnswer => OfferEnd::Lapsed,
                    NotReached::Unreachable(_) => OfferEnd::Unreachable,
                };
                self.step(
                    id,
                    Step::RepNotReached {
                        rep: rep.clone(),
                        why: why.clone(),
                    },
                );
                self.drop_plan_of_rep(id);
                let told = format!("Your phone {why}. /phone calls again.");
                self.give_back(id, calling, ended, &told);
            }
            CallEnd::RepLeft => {
                self.leave_alone(id, rep, &NotReached::Declined);
                self.step(id, Step::RepLeft { rep: rep.clone() });
                match calling.origin {
                    // The shopper's phone may have rung: nobody lets it ring again at once.
                    Origin::Queue => {
                        let why = Arc::from("the rep hung up");
                        self.fail_try(id, calling, NotReached::Unreachable(why));
                    }
                    Origin::Conversation { .. } => {
                        self.drop_plan_of_rep(id);
                        let told = "You hung up. /phone calls again.";
                        self.give_back(id, calling, OfferEnd::Declined, told);
                    }
                }
            }
            CallEnd::Shopper(why) => self.fail_try(id, calling, why),
            CallEnd::NoCommonMedia => {
                let why = Arc::from("the two phones speak no common codec");
                self.fail_try(id, calling, NotReached::Unreachable(why));
            }
            CallEnd::NotBegun(why) => {
                self.step(id, Step::NotBegun { why: why.clone() });
                self.fail_try(id, calling, NotReached::Unreachable(why));
            }
            CallEnd::Over { talked, by: _ } => {
                self.step(id, Step::Over { talked });
                self.say_as_system(id, "The call is over.");
                self.close(id, CloseReason::Called);
            }
            CallEnd::Cancelled => {
                self.step(id, Step::Cancelled);
                self.take_back(id, calling);
            }
            CallEnd::Unknown => {
                self.step(id, Step::InDoubt);
                let told = "Nobody knows what became of the call.";
                self.give_back(id, calling, OfferEnd::CallFailed, told);
            }
        }
    }

    /// A call was ended before anybody talked.
    fn take_back(&mut self, id: &TicketId, calling: &Calling) {
        let Some(ticket) = self.tickets.ticket(id) else {
            return;
        };
        let end = if ticket.refused.contains_key(&calling.rep) {
            OfferEnd::Declined
        } else if ticket.plan.is_none() {
            OfferEnd::WantsCall
        } else {
            OfferEnd::CallFailed
        };
        match (calling.origin, calling.progress) {
            // The shopper's phone may have rung: nobody lets it ring again at once.
            (Origin::Queue, Progress::RingsShopper) if ticket.plan.is_some() => {
                let why = Arc::from("the call was ended");
                self.fail_try(id, calling, NotReached::Unreachable(why));
            }
            (Origin::Queue | Origin::Conversation { .. }, _) => {
                let told = "The call was ended before anybody answered.";
                self.give_back(id, calling, end, told);
            }
        }
    }

    /// Whether a ticket is a call in which nobody talks yet, and whose end nobody has asked for.
    fn is_yet_to_talk(&self, id: &TicketId) -> bool {
        match self.tickets.ticket(id).map(|ticket| &ticket.stage) {
            Some(Stage::Callback(calling)) => calling.talks_since().is_none() && !calling.is_ending,
            Some(
                Stage::Waiting | Stage::Offered { .. } | Stage::Open { .. } | Stage::Ended { .. },
            )
            | None => false,
        }
    }

    /// A rep who does not want the call is left in peace with the ticket, unless it is the rep's conversation.
    fn refuse_call(&mut self, id: &TicketId, rep: &RepId) {
        let now = self.now;
        if let Some(ticket) = self.tickets.ticket_mut(id)
            && let Stage::Callback(calling) = &ticket.stage
        {
            match calling.origin {
                Origin::Queue => {
                    ticket.refused.insert(rep.clone(), now);
                }
                Origin::Conversation { .. } => {}
            }
        }
    }

    /// One more try has come to nothing.
    fn fail_try(&mut self, id: &TicketId, calling: &Calling, why: NotReached) {
        let (tries, pause) = self.rules_of(id).map_or((1, Duration::ZERO), |rules| {
            (rules.tries, rules.retry_after)
        });
        let now = self.now;
        let Some(ticket) = self.tickets.ticket_mut(id) else {
            return;
        };
        let tried = ticket.plan.as_mut().map_or(tries, |plan| {
            plan.tries += 1;
            plan.tries
        });
        let is_last = tried >= tries;
        if let Some(plan) = &mut ticket.plan {
            plan.not_before = (!is_last).then(|| now.after(pause));
        }
        self.step(
            id,
            Step::ShopperNotReached {
                why: why.clone(),
                try_number: tried,
                tries,
                again_in: (!is_last).then_some(pause),
            },
        );
        if is_last {
            self.give_up(id, calling);
            return;
        }
        let time = words::length(pause);
        self.say_as_system(
            id,
            &format!("{} You are called again in {time}.", why.for_shopper()),
        );
        let told = format!("The shopper's phone {why}. It is called again in {time}.");
        self.give_back(id, calling, OfferEnd::CallFailed, &told);
    }

    /// No try is left.
    fn give_up(&mut self, id: &TicketId, calling: &Calling) {
        self.step(id, Step::GivenUp);
        self.make_case(id, &calling.rep);
        self.say_as_system(
            id,
            "We could not reach you by telephone. What you wanted is kept, and somebody will see to it.",
        );
        self.send(
            &calling.rep,
            id,
            "The shopper could not be reached by telephone.".to_owned(),
        );
        self.close(id, CloseReason::Unreached);
    }

    /// What outlives the ticket.
    fn make_case(&mut self, id: &TicketId, rep: &RepId) {
        let Some(ticket) = self.tickets.ticket(id) else {
            return;
        };
        let number = ticket.plan.as_ref().map(|plan| plan.number.as_str());
        let case = NewCase {
            id: case_of_call(id),
            site: ticket.ask.site.clone(),
            shopper: None,
            name: None,
            contact: number.map(str::to_owned),
            skills: Vec::new(),
            ticket: Some(id.clone()),
            reason: CaseReason::CallbackFailed,
            words: None,
            rep: Some(rep.clone()),
        };
        if let Err(refused) = self.open_case(case) {
            self.send(rep, id, format!("No case was opened: {refused}."));
        }
    }

    /// A call led to nothing: what it was made for goes on, from the queue at its top, or with its rep.
    fn give_back(&mut self, id: &TicketId, calling: &Calling, end: OfferEnd, told: &str) {
        let now = self.now;
        match calling.origin {
            Origin::Queue => {
                if let Some(ticket) = self.tickets.ticket_mut(id) {
                    ticket.is_returned = true;
                }
                if let Some(seat) = self.roster.seat_mut(&calling.rep) {
                    seat.end_offer(id);
                    if seat.conversations.contains(id) {
                        seat.end_conversation(id, now, now);
                    }
                }
                self.tickets.set_stage(id, Stage::Waiting, now);
                self.push(Output::Record(Record::OfferEnded {
                    ticket: id.clone(),
                    rep: calling.rep.clone(),
                    why: Arc::from(end.text()),
                    at_unix_ms: now.0,
                }));
            }
            Origin::Conversation { since } => {
                let rep = calling.rep.clone();
                self.send(&rep, id, told.to_owned());
                self.tickets.set_stage(id, Stage::Open { rep, since }, now);
            }
        }
        self.touched.insert(id.clone());
    }

    /// A rep whose phone led to nothing is left in peace with the ticket, or taken for absent.
    fn leave_alone(&mut self, id: &TicketId, rep: &RepId, why: &NotReached) {
        let now = self.now;
        if let Some(ticket) = self.tickets.ticket_mut(id) {
            ticket.refused.insert(rep.clone(), now);
        }
        match why {
            NotReached::Busy | NotReached::Declined => {}
            NotReached::NoAnswer | NotReached::Unreachable(_) => self.doubt(rep, None),
        }
    }

    /// What a rep wanted is not done again without the rep.
    fn drop_plan_of_rep(&mut self, id: &TicketId) {
        if let Some(ticket) = self.tickets.ticket_mut(id)
            && let Some(plan) = &mut ticket.plan
        {
            plan.not_before = None;
        }
    }

    fn try_again(&mut self, id: &TicketId, rep: &RepId, since: Moment) {
        if self.roster.seat(rep).is_none_or(|seat| seat.is_on_call()) {
            return self.hold_back(id, NEXT_LINE);
        }
        match self.callable(id) {
            Ok(number) => {
                if let Some(plan) = self.tickets.ticket_mut(id).and_then(|t| t.plan.as_mut()) {
                    plan.not_before = None;
                }
                self.place_call(id, rep, &number, Origin::Conversation { since });
            }
            Err(CallbackRefused::LinesBusy) => self.hold_back(id, NEXT_LINE),
            Err(why) => {
                if let Some(plan) = self.tickets.ticket_mut(id).and_then(|t| t.plan.as_mut()) {
                    plan.not_before = None;
                }
                self.step(id, Step::NotCalled { why: why.clone() });
                self.send(rep, id, format!("Not called again: {why}."));
            }
        }
    }

    pub(super) fn hold_back(&mut self, id: &TicketId, time: Duration) {
        let until = self.now.after(time);
        if let Some(plan) = self.tickets.ticket_mut(id).and_then(|t| t.plan.as_mut()) {
            plan.not_before = Some(until);
        }
    }

    /// The rep has answered: the ticket is in the rep's hands.
    fn take_up(&mut self, id: &TicketId, calling: &Calling) {
        let now = self.now;
        match calling.origin {
            Origin::Conversation { .. } => return,
            Origin::Queue => {}
        }
        if let Some(seat) = self.roster.seat_mut(&calling.rep) {
            seat.begin_conversation(id, now);
            seat.lapsed = None;
        }
        self.teach_service(id);
    }

    fn set_progress(&mut self, id: &TicketId, progress: Progress) {
        if let Some(ticket) = self.tickets.ticket_mut(id)
            && let Stage::Callback(calling) = &mut ticket.stage
        {
            calling.progress = progress;
            self.touched.insert(id.clone());
        }
    }

    /// News of a call whose ticket went on: only its cost counts.
    fn note_late_news(&mut self, call: &CallId, news: &CallNews) {
        match news {
            CallNews::RepRings | CallNews::ShopperRings => {}
            CallNews::RepAnswered => self.ledger.dial(call),
            CallNews::ShopperAnswered => self.ledger.talk(call, self.now),
            CallNews::Ended(end) => self.forget_call(call, end),
        }
    }

    fn forget_call(&mut self, call: &CallId, end: &CallEnd) {
        self.ledger.end(call, |dialled| end.fate(dialled));
        self.roster.end_call(call);
        self.watch_spending(call);
    }

    /// Says so when the site of a call has used up what it may call or spend.
    fn watch_spending(&mut self, call: &CallId) {
        let Some((Some(id), site)) = self.ledger.owner(call) else {
            return;
        };
        let Some(rules) = self.rules(&site).cloned() else {
            return;
        };
        if let Some(why) = self.ledger.trip(&site, &rules, self.now) {
            let why: Arc<str> = Arc::from(why.to_string());
            self.step(&id, Step::Tripped { why: why.clone() });
            self.record_fact(&id, CallbackFact::Tripped { why });
        }
    }

    /// A ticket ends during its call.
    pub(crate) fn end_calling(&mut self, id: &TicketId, calling: &Calling, at: Moment) {
        if calling.is_taken_up() {
            self.free_rep(&calling.rep, id, at);
        } else if let Some(seat) = self.roster.seat_mut(&calling.rep) {
            seat.end_offer(id);
        }
        let is_known = self.roster.is_on(&calling.call);
        if is_known && !calling.is_ending {
            let call = calling.call.clone();
            self.push(Output::EndCall { call });
        }
    }

    /// After a restart: the pages come back, and calls that were under way are in doubt.
    pub(crate) fn resume_callbacks(&mut self) {
        let now = self.now;
        let mut in_doubt = Vec::new();
        let sites = &self.config.sites;
        for ticket in self.tickets.all_mut() {
            let id = ticket.ask.ticket.clone();
            ticket.page = Page::Gone { since: now };
            if let Some(plan) = &mut ticket.plan {
                plan.tries = self.ledger.failures_of(&id);
                // What waits in the queue is called again by itself, and not sooner than it would have been. In a
                // conversation the rep has the last word.
                let mut sites = sites.iter().filter(|site| site.id == ticket.ask.site);
                if let (Stage::Waiting, Some(failed), Some(site)) = (
                    &ticket.stage,
                    self.ledger.last_failure_of(&id),
                    sites.next(),
                ) {
                    plan.not_before = Some(failed.after(site.callback.retry_after));
                }
            }
            let is_over = matches!(ticket.stage, Stage::Ended { .. });
            if self.ledger.is_in_doubt(&id) && !is_over {
                in_doubt.push(id);
            }
        }
        for id in in_doubt {
            self.step(&id, Step::InDoubt);
        }
    }
}
