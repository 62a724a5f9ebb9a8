//! The cases that are open, and those closed a while ago; opening, closing, and coming back to one.
//! Must not know who asks, nor how a case is shown.

use std::collections::{BTreeMap, VecDeque};

use crate::ask::Ask;
use crate::case::{Case, CaseRefused, CaseState, NewCase};
use crate::clock::Moment;
use crate::desk::Helpdesk;
use crate::ids::{CaseId, RepId, ReplyId, TicketId};
use crate::io::{Answer, Output};
use crate::record::Record;
use crate::routing;
use crate::tickets::{READABLE_FOR, Ticket};

/// Cases that may be open at once.
const OPEN_LIMIT: usize = 50_000;
/// Closed cases that are kept in memory; beyond, the one that was closed first is forgotten early.
const CLOSED_LIMIT: usize = 10_000;

/// All cases that are known. Invariant: `closed` names those and only those that are closed, in order of
/// closing.
#[derive(Debug, Default)]
pub(crate) struct Cases {
    by_id: BTreeMap<CaseId, Case>,
    closed: VecDeque<(Moment, CaseId)>,
}

impl Cases {
    pub(crate) fn case(&self, id: &CaseId) -> Option<&Case> {
        self.by_id.get(id)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Case> {
        self.by_id.values()
    }

    pub(crate) fn open_count(&self) -> usize {
        self.by_id.len().saturating_sub(self.closed.len())
    }

    /// Takes the newest word about a case. One that is closed stays so.
    pub(crate) fn put(&mut self, case: Case) {
        let was_closed = self.case(&case.id).is_some_and(|known| !known.is_open());
        match &case.state {
            CaseState::Open if was_closed => return,
            CaseState::Closed { at_unix_ms, .. } if !was_closed => {
                self.closed
                    .push_back((Moment(*at_unix_ms), case.id.clone()));
            }
            CaseState::Open | CaseState::Closed { .. } => {}
        }
        self.by_id.insert(case.id.clone(), case);
    }

    /// Forgets cases that were closed long ago.
    pub(crate) fn forget(&mut self, now: Moment) {
        while let Some((closed, _)) = self.closed.front() {
            if self.closed.len() <= CLOSED_LIMIT && now < closed.after(READABLE_FOR) {
                return;
            }
            if let Some((_, id)) = self.closed.pop_front() {
                self.by_id.remove(&id);
            }
        }
    }
}

impl Helpdesk {
    /// A case that is open, or was closed not long ago.
    pub fn case(&self, id: &CaseId) -> Option<&Case> {
        self.cases.case(id)
    }

    /// All cases that are open, and those closed within the last half hour, in order of identity.
    pub fn cases(&self) -> impl Iterator<Item = &Case> {
        self.cases.all()
    }

    pub(crate) fn handle_open_case(&mut self, new: NewCase, reply: ReplyId) {
        let answer = match self.open_case(new) {
            Ok(case) => Answer::Case(Box::new(case)),
            Err(refused) => Answer::CaseRefused(refused),
        };
        self.push(Output::Reply { reply, answer });
    }

    pub(crate) fn handle_close_case(&mut self, id: &CaseId, by: Option<RepId>, reply: ReplyId) {
        let answer = match self.close_case(id, by) {
            Ok(case) => Answer::Case(Box::new(case)),
            Err(refused) => Answer::CaseRefused(refused),
        };
        self.push(Output::Reply { reply, answer });
    }

    /// Opens a case; the same one again is the same case.
    pub(crate) fn open_case(&mut self, mut new: NewCase) -> Result<Case, CaseRefused> {
        if let Some(known) = self.cases.case(&new.id) {
            return if known.comes_from(&new) {
                Ok(known.clone())
            } else {
                Err(CaseRefused::CaseTaken)
            };
        }
        self.complete_case(&mut new)?;
        let case = new.into_case(self.now.0);
        self.keep_case(case.clone());
        Ok(case)
    }

    fn close_case(&mut self, id: &CaseId, by: Option<RepId>) -> Result<Case, CaseRefused> {
        if let Some(rep) = by.as_ref().filter(|rep| self.roster.seat(rep).is_none()) {
            return Err(CaseRefused::UnknownRep(rep.clone()));
        }
        let Some(known) = self.cases.case(id) else {
            return Err(CaseRefused::UnknownCase(id.clone()));
        };
        if !known.is_open() {
            return Ok(known.clone());
        }
        let case = Case {
            rep: by.clone().or_else(|| known.rep.clone()),
            state: CaseState::Closed {
                at_unix_ms: self.now.0,
                by,
            },
            ..known.clone()
        };
        self.keep_case(case.clone());
        Ok(case)
    }

    /// Closes a case and takes out of it who it was about, and what was said.
    pub(crate) fn forget_case(&mut self, id: &CaseId) {
        let Some(known) = self.cases.case(id) else {
            return;
        };
        let state = match &known.state {
            CaseState::Closed { .. } => known.state.clone(),
            CaseState::Open => CaseState::Closed {
                at_unix_ms: self.now.0,
                by: None,
            },
        };
        let case = Case {
            shopper: None,
            name: None,
            contact: None,
            words: None,
            ticket: None,
            state,
            ..known.clone()
        };
        self.keep_case(case);
    }

    /// Forgets the cases that a ticket was for, or was the last to be about; of one that goes on they stay.
    pub(crate) fn forget_cases_of(&mut self, ticket: &TicketId) {
        if self.tickets.ticket(ticket).is_some() {
            return;
        }
        let of_its_call = case_of_call(ticket);
        let cases = self.cases.all();
        let its =
            cases.filter(|case| case.ticket.as_ref() == Some(ticket) || case.id == of_its_call);
        let its: Vec<CaseId> = its.map(|case| case.id.clone()).collect();
        for case in its {
            self.forget_case(&case);
        }
    }

    /// A shopper who comes back with an open case, and asks for no skill, asks for those of the case.
    pub(crate) fn prefer_what_it_is_about(&self, ask: &mut Ask) {
        let mut sites = self.config.sites.iter();
        if let (Some(case), Some(site)) = (
            self.case_of(ask).filter(|_| ask.skills.is_empty()),
            sites.find(|site| site.id == ask.site),
        ) {
            let offered = case.skills.iter().filter(|id| site.skills.contains(id));
            ask.skills = offered.cloned().collect();
        }
    }

    /// Names the rep who knows the open case that a shopper comes back with, unless the shopper named one, or
    /// that rep cannot help with this.
    pub(crate) fn prefer_who_knows(&self, ask: &mut Ask) {
        let Some(case) = self.case_of(ask).filter(|_| ask.rep.is_none()) else {
            return;
        };
        let newcomer = Ticket::new(ask.clone(), 0, self.now);
        let routing = &self.config.routing;
        let demand = newcomer.demand(routing.sticky_for, self.now);
        let knows = case.rep.as_ref().and_then(|rep| self.roster.seat(rep));
        if let Some(seat) = knows.filter(|seat| routing::could_serve(&demand, seat, routing)) {
            ask.rep = Some(seat.rep.id.clone());
        }
    }

    /// A rep has taken a ticket: whoever takes one about a case knows the case from here on.
    pub(crate) fn note_who_knows(&mut self, ticket: &TicketId, rep: &RepId) {
        let case = self
            .tickets
            .ticket(ticket)
            .and_then(|ticket| self.case_of(&ticket.ask));
        let Some(case) = case else {
            return;
        };
        let case = Case {
            rep: Some(rep.clone()),
            ticket: Some(ticket.clone()),
            ..case.clone()
        };
        self.keep_case(case);
    }

    /// The open case that an ask is about.
    pub(crate) fn case_of(&self, ask: &Ask) -> Option<&Case> {
        let case = self.cases.case(&CaseId::new(ask.case.as_deref()?))?;
        (case.is_open() && case.site == ask.site).then_some(case)
    }

    fn keep_case(&mut self, case: Case) {
        self.cases.put(case.clone());
        self.push(Output::Record(Record::Case(Box::new(case))));
    }

    /// Checks the names in a new case, and takes from its conversation what it leaves out.
    fn complete_case(&self, new: &mut NewCase) -> Result<(), CaseRefused> {
        let Some(site) = self.config.sites.iter().find(|site| site.id == new.site) else {
            return Err(CaseRefused::UnknownSite(new.site.clone()));
        };
        if let Some(unknown) = new.skills.iter().find(|id| !site.skills.contains(id)) {
            return Err(CaseRefused::UnknownSkill(unknown.clone()));
        }
        if let Some(rep) = new
            .rep
            .as_ref()
            .filter(|rep| self.roster.seat(rep).is_none())
        {
            return Err(CaseRefused::UnknownRep(rep.clone()));
        }
        if new.is_too_long() {
            return Err(CaseRefused::TooLong);
        }
        if self.cases.open_count() >= OPEN_LIMIT {
            return Err(CaseRefused::TooMany);
        }
        if let Some(id) = &new.ticket {
            let ticket = self.tickets.ticket(id);
            let Some(ticket) = ticket.filter(|ticket| ticket.ask.site == new.site) else {
                return Err(CaseRefused::UnknownTicket(id.clone()));
            };
            let known_rep = |ticket: &Ticket| {
                let rep = ticket.last_rep.as_ref()?;
                Some(self.roster.seat(rep)?.rep.id.clone())
            };
            if new.skills.is_empty() {
                new.skills.clone_from(&ticket.skills);
            }
            let ask = &ticket.ask;
            new.name = new.name.take().or_else(|| ask.name.clone());
            new.contact = new.contact.take().or_else(|| ask.phone.clone());
            new.words = new.words.take().or_else(|| ask.message.clone());
            new.rep = new.rep.take().or_else(|| known_rep(ticket));
        }
        Ok(())
    }
}

/// The name of the case that a ticket becomes whose shopper could not be called: as unguessable as the ticket's own.
pub(crate) fn case_of_call(ticket: &TicketId) -> CaseId {
    CaseId::new(&format!("call-{ticket}"))
}
