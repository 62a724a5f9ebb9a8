//! Who wants a call: the shopper, the rep, or nobody because the page is out of reach; and who wants it no more.
//! Must not know how a call is placed.

use std::sync::Arc;

use super::ledger::{CallbackRefused, Ledger};
use super::number::PhoneNumber;
use super::plan::{CallbackStage, CallbackView, Origin, Page, Plan, PlannedBy, Progress};
use super::rules::{CallbackRules, Strangers};
use super::steps::Step;
use crate::ask::{Ask, Channel, Proof};
use crate::desk::Helpdesk;
use crate::ids::{RepId, ReplyId, SiteId, TicketId};
use crate::io::{Answer, Output, PageNews};
use crate::offers::OfferEnd;
use crate::record::{CallbackFact, Record};
use crate::ticket::{CloseReason, TicketView};
use crate::tickets::{Stage, Ticket};
use crate::words;

impl Helpdesk {
    pub(crate) fn handle_call_wanted(
        &mut self,
        id: &TicketId,
        number: Option<&str>,
        reply: ReplyId,
    ) {
        let answer = match self.want_call(id, number) {
            Ok(view) => Answer::Calling(view),
            Err(refused) => Answer::NotCalled(refused),
        };
        self.push(Output::Reply { reply, answer });
    }

    pub(crate) fn handle_call_unwanted(&mut self, id: &TicketId) {
        let Some(ticket) = self.tickets.ticket_mut(id) else {
            return;
        };
        if ticket.plan.take().is_none() {
            return;
        }
        self.record_fact(id, CallbackFact::Withdrawn);
        self.step(id, Step::Withdrawn);
        self.cancel_call(id);
        self.touched.insert(id.clone());
        self.say_as_system(id, "You will not be called.");
    }

    /// What a rep wanted is not done by another.
    pub(crate) fn forget_wish_of_rep(&mut self, id: &TicketId) {
        let ticket = self.tickets.ticket_mut(id);
        let of_rep = |plan: &mut Plan| plan.by == PlannedBy::Rep;
        if ticket.is_some_and(|ticket| ticket.plan.take_if(of_rep).is_some()) {
            self.record_fact(id, CallbackFact::Withdrawn);
        }
    }

    pub(crate) fn handle_page(&mut self, id: &TicketId, news: PageNews) {
        let now = self.now;
        let Some(ticket) = self.tickets.ticket_mut(id) else {
            return;
        };
        ticket.page = match (news, ticket.page) {
            (PageNews::Here, _) => Page::Here,
            (PageNews::Gone, gone @ Page::Gone { .. }) => gone,
            (PageNews::Gone, Page::Here | Page::NotSeen) => Page::Gone { since: now },
        };
        let is_desks = ticket
            .plan
            .as_ref()
            .is_some_and(|plan| plan.by == PlannedBy::Desk);
        let is_waiting = ticket.stage == Stage::Waiting;
        if ticket.page == Page::Here && is_desks && is_waiting {
            ticket.plan = None;
            self.record_fact(id, CallbackFact::Withdrawn);
            self.step(id, Step::PageBack);
            self.touched.insert(id.clone());
        }
    }

    /// A rep in conversation wants the shopper on the telephone; gives what to tell the rep, if anything.
    pub(crate) fn call_for_rep(&mut self, rep: &RepId, id: &TicketId) -> Option<String> {
        let number = match self.callable(id) {
            Ok(number) => number,
            Err(refused) => {
                self.step(
                    id,
                    Step::NotCalled {
                        why: refused.clone(),
                    },
                );
                return Some(format!("Not called: {refused}."));
            }
        };
        let masked: Arc<str> = Arc::from(number.masked());
        self.step(
            id,
            Step::AskedByRep {
                rep: rep.clone(),
                number: masked,
            },
        );
        self.plan(id, &number, PlannedBy::Rep);
        let dials = self.rules_of(id).is_some_and(|rules| rules.dials_for(rep));
        let since = match self.tickets.ticket(id).map(|ticket| &ticket.stage) {
            Some(Stage::Open { since, .. }) => *since,
            Some(
                Stage::Waiting | Stage::Offered { .. } | Stage::Callback(_) | Stage::Ended { .. },
            )
            | None => return None,
        };
        if dials {
            self.place_call(id, rep, &number, Origin::Conversation { since });
        } else {
            self.hand_out(id, rep);
        }
        None
    }

    /// A rep confirms a call by hand; gives what to tell the rep.
    pub(crate) fn confirm_call(&mut self, rep: &RepId, id: &TicketId) -> String {
        let plan = self.tickets.ticket(id).and_then(|t| t.plan.as_ref());
        let handed = plan.is_some_and(|plan| plan.handed_to.as_ref() == Some(rep));
        if !handed {
            return "There is no callback to confirm. /phone asks for one.".to_owned();
        }
        self.step(id, Step::Confirmed { rep: rep.clone() });
        self.say_as_system(id, "You have been called back.");
        self.close(id, CloseReason::Called);
        "Done.".to_owned()
    }

    /// Gives the number to a rep who calls by hand.
    pub(crate) fn hand_out(&mut self, id: &TicketId, rep: &RepId) {
        let Some(ticket) = self.tickets.ticket_mut(id) else {
            return;
        };
        let Some(plan) = &mut ticket.plan else {
            return;
        };
        plan.handed_to = Some(rep.clone());
        let number = plan.number.clone();
        let who = words::shopper(&ticket.ask);
        self.step(
            id,
            Step::HandedOut {
                rep: rep.clone(),
                number: Arc::from(number.masked()),
            },
        );
        // RFC 3966 §3: a global number needs no context.
        let text = format!(
            "Call {who}: tel:{}\n/done when you have spoken, /end if nobody answers.",
            number.as_str()
        );
        self.send(rep, id, text);
    }

    /// What an ask to be called from the start needs, before it makes a ticket.
    pub(crate) fn admit_call(&self, ask: &Ask) -> Result<(), CallbackRefused> {
        match ask.channel {
            Channel::Page => Ok(()),
            Channel::Telephone => match self.callable_by(ask) {
                Ok(_) | Err(CallbackRefused::LinesBusy) => Ok(()),
                Err(refused) => Err(refused),
            },
        }
    }

    /// An ask to be called has made its ticket.
    pub(crate) fn plan_asked(&mut self, id: &TicketId) {
        let Some(ticket) = self.tickets.ticket(id) else {
            return;
        };
        match ticket.ask.channel {
            Channel::Page => {}
            Channel::Telephone => {
                if let Ok(number) = self.number_of(&ticket.ask) {
                    self.plan_for_shopper(id, &number);
                }
            }
        }
    }

    /// The number that a ticket's shopper may be called at, at this moment.
    pub(crate) fn callable(&self, id: &TicketId) -> Result<PhoneNumber, CallbackRefused> {
        let ticket = self
            .tickets
            .ticket(id)
            .ok_or(CallbackRefused::UnknownTicket)?;
        let number = match &ticket.plan {
            Some(plan) => plan.number.clone(),
            None => self.number_of(&ticket.ask)?,
        };
        self.admit_number(&number, &ticket.ask.site)?;
        Ok(number)
    }

    pub(crate) fn rules(&self, site: &SiteId) -> Option<&CallbackRules> {
        let mut sites = self.config.sites.iter();
        Some(&sites.find(|known| known.id == *site)?.callback)
    }

    pub(crate) fn rules_of(&self, id: &TicketId) -> Option<&CallbackRules> {
        self.rules(&self.tickets.ticket(id)?.ask.site)
    }

    pub(crate) fn plan(&mut self, id: &TicketId, number: &PhoneNumber, by: PlannedBy) {
        let Some(ticket) = self.tickets.ticket_mut(id) else {
            return;
        };
        match &mut ticket.plan {
            Some(plan) if plan.number == *number => {
                plan.not_before = None;
                // What somebody wants outlasts the page's return; what the desk thought of by itself does not.
                if plan.by != PlannedBy::Desk || by == PlannedBy::Desk {
                    return;
                }
                plan.by = by;
            }
            Some(_) | None => ticket.plan = Some(Plan::new(number.clone(), by)),
        }
        self.record_fact(
            id,
            CallbackFact::Wanted {
                number: number.clone(),
                by,
            },
        );
        self.touched.insert(id.clone());
    }

    fn want_call(
        &mut self,
        id: &TicketId,
        number: Option<&str>,
    ) -> Result<TicketView, CallbackRefused> {
        let ticket = self
            .tickets
            .ticket(id)
            .ok_or(CallbackRefused::UnknownTicket)?;
        match &ticket.stage {
            Stage::Ended { .. } => return Err(CallbackRefused::Ended),
            // It is being called already.
            Stage::Callback(_) => return Ok(ticket.told.clone()),
            Stage::Waiting | Stage::Offered { .. } | Stage::Open { .. } => {}
        }
        let ask = Ask {
            phone: number
                .map(str::to_owned)
                .or_else(|| {
                    ticket
                        .plan
                        .as_ref()
                        .map(|plan| plan.number.as_str().to_owned())
                })
                .or_else(|| ticket.ask.phone.clone()),
            ..ticket.ask.clone()
        };
        let number = match self.callable_by(&ask) {
            Ok(number) => number,
            // It waits for its turn, when a line may be free.
            Err(CallbackRefused::LinesBusy) => self.number_of(&ask)?,
            Err(refused) => {
                self.step(
                    id,
                    Step::NotCalled {
                        why: refused.clone(),
                    },
                );
                return Err(refused);
            }
        };
        self.plan_for_shopper(id, &number);
        let who = words::shopper(&ask);
        match self.tickets.ticket(id).map(|ticket| ticket.stage.clone()) {
            Some(Stage::Offered { rep, .. }) => {
                self.end_offer(id, OfferEnd::WantsCall);
                self.send(&rep, id, format!("{who} wants to be called instead."));
            }
            Some(Stage::Open { rep, .. }) => {
                self.send(&rep, id, format!("{who} asks to be called: /phone calls."));
            }
            Some(Stage::Waiting | Stage::Callback(_) | Stage::Ended { .. }) | None => {}
        }
        self.settle_queue_for_answer(id);
        self.ticket(id).ok_or(CallbackRefused::UnknownTicket)
    }

    fn plan_for_shopper(&mut self, id: &TicketId, number: &PhoneNumber) {
        self.step(
            id,
            Step::Asked {
                number: Arc::from(number.masked()),
            },
        );
        self.plan(id, number, PlannedBy::Shopper);
        let text = format!("You will be called at {}.", number.masked());
        self.say_as_system(id, &text);
    }

    fn settle_queue_for_answer(&mut self, id: &TicketId) {
        self.drain_queue();
        self.take_views_as_told([id.clone()]);
    }

    fn callable_by(&self, ask: &Ask) -> Result<PhoneNumber, CallbackRefused> {
        let number = self.number_of(ask)?;
        self.admit_number(&number, &ask.site)?;
        Ok(number)
    }

    fn admit_number(&self, number: &PhoneNumber, site: &SiteId) -> Result<(), CallbackRefused> {
        let rules = self.rules(site).ok_or(CallbackRefused::NotSetUp)?;
        self.ledger.admit(number, site, rules, self.now)
    }

    /// The number an ask names, if it is one that this shopper may be called at, limits aside.
    pub(super) fn number_of(&self, ask: &Ask) -> Result<PhoneNumber, CallbackRefused> {
        let rules = self.rules(&ask.site).ok_or(CallbackRefused::NotSetUp)?;
        if !rules.is_on() {
            return Err(CallbackRefused::NotSetUp);
        }
        match (ask.proof, rules.strangers) {
            (Proof::None, Strangers::Refused) => return Err(CallbackRefused::NotProven),
            (Proof::Token, Strangers::Refused | Strangers::Allowed)
            | (Proof::None, Strangers::Allowed) => {}
        }
        let text = ask.phone.as_deref().ok_or(CallbackRefused::NoNumber)?;
        let number = PhoneNumber::read(text, rules.country)?;
        match Ledger::allows(&number, rules, self.now) {
            // It may be another hour when its turn comes.
            Ok(()) | Err(CallbackRefused::QuietHours) => Ok(number),
            Err(refused) => Err(refused),
        }
    }

    pub(crate) fn record_fact(&mut self, id: &TicketId, fact: CallbackFact) {
        self.push(Output::Record(Record::Callback {
            ticket: id.clone(),
            fact,
            at_unix_ms: self.now.0,
        }));
    }
}

impl Ticket {
    /// What the shopper is told of a call.
    pub(crate) fn callback_view(&self) -> Option<CallbackView> {
        let plan = self.plan.as_ref();
        let stage = match &self.stage {
            Stage::Callback(calling) => match calling.progress {
                Progress::RingsRep => CallbackStage::CallingRep,
                Progress::RingsShopper => CallbackStage::CallingShopper,
                Progress::Talks { .. } => CallbackStage::Talking,
            },
            Stage::Waiting | Stage::Offered { .. } | Stage::Open { .. } => CallbackStage::Waiting,
            Stage::Ended { .. } => return None,
        };
        let plan = plan?;
        Some(CallbackView {
            number: Arc::from(plan.number.masked()),
            stage,
            again_unix_ms: plan
                .not_before
                .filter(|_| stage == CallbackStage::Waiting)
                .map(|at| at.0),
        })
    }

    /// Whether it is held back until its next try.
    pub(crate) fn is_held_back(&self, now: crate::clock::Moment) -> bool {
        let plan = self.plan.as_ref();
        plan.and_then(|plan| plan.not_before)
            .is_some_and(|at| at > now)
    }
}
