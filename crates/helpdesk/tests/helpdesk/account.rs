//! A naive account of what reps and tickets do, kept by the records alone.
//! Must not use the machine's own routing, nor judge it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use helpdesk::{Prefer, Record, RepId, Seq, SkillId, TicketId, TicketView, TierId, Wishes};
use presence::Availability;

use crate::watched::{DOUBTED, Watched};

const ASK_AGAIN: Duration = Duration::from_secs(60);

/// What a rep is known to have in hand.
pub(crate) struct Hands {
    pub(crate) availability: Availability,
    pub(crate) paused_until: Option<Instant>,
    pub(crate) calls: u32,
    pub(crate) in_hand: BTreeSet<TicketId>,
    pub(crate) rests: Vec<Instant>,
    /// Certainly not to be asked before, unless the rep gives a sign of life.
    pub(crate) doubted_until: Option<Instant>,
    /// The same, but perhaps the machine knows better.
    pub(crate) perhaps_doubted_until: Option<Instant>,
}

/// What is known of a ticket.
pub(crate) struct Account {
    pub(crate) stage: Stage,
    pub(crate) skills: Vec<SkillId>,
    pub(crate) wishes: Wishes,
    pub(crate) tier: TierId,
    pub(crate) kept_until: Option<Instant>,
    pub(crate) handed_on_by: Option<RepId>,
    pub(crate) refused: BTreeMap<RepId, Instant>,
    pub(crate) lines: u64,
    pub(crate) told: Option<TicketView>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stage {
    Waiting,
    Offered(RepId),
    Open(RepId),
    Ended,
}

impl Watched {
    pub(crate) fn account_for(&mut self, record: &Record) {
        match record {
            Record::Callback { .. } => panic!("nobody is to be called"),
            Record::Opened { ask, .. } => {
                let sticky = self.config.routing.sticky_for;
                let account = Account {
                    stage: Stage::Waiting,
                    skills: ask.skills.clone(),
                    wishes: ask.wishes.clone(),
                    tier: ask.tier.clone(),
                    kept_until: (ask.rep.is_some() || ask.wishes.prefer == Some(Prefer::Best))
                        .then(|| self.now + ask.wishes.rep_deadline.unwrap_or(sticky)),
                    handed_on_by: None,
                    refused: BTreeMap::new(),
                    lines: 0,
                    told: None,
                };
                let known = self.tickets.insert(ask.ticket.clone(), account);
                assert!(known.is_none(), "opened twice");
            }
            Record::Line { ticket, line } => {
                let account = self.tickets.get_mut(ticket).unwrap();
                account.lines += 1;
                assert_eq!(line.seq, Seq(account.lines));
            }
            Record::Offered { ticket, rep, .. } => {
                self.change(ticket, &[Stage::Waiting], Stage::Offered(rep.clone()));
                self.check_decided(rep, ticket);
                self.check_may_be_asked(rep, ticket);
                self.take_in_hand(rep, ticket);
            }
            Record::OfferEnded {
                ticket, rep, why, ..
            } => {
                self.change(ticket, &[Stage::Offered(rep.clone())], Stage::Waiting);
                let hands = self.reps.get_mut(rep).unwrap();
                hands.in_hand.remove(ticket);
                let lapsed = why.contains("did not answer");
                if lapsed {
                    hands.doubted_until = Some(self.now + DOUBTED);
                }
                if lapsed || why.contains("declined") {
                    let account = self.tickets.get_mut(ticket).unwrap();
                    account.refused.insert(rep.clone(), self.now);
                }
            }
            Record::Accepted { ticket, rep, .. } => {
                let from = [Stage::Offered(rep.clone()), Stage::Waiting];
                self.change(ticket, &from, Stage::Open(rep.clone()));
                self.take_in_hand(rep, ticket);
            }
            Record::Transferred {
                ticket,
                from,
                skills,
                to,
                ..
            } => {
                self.change(ticket, &[Stage::Open(from.clone())], Stage::Waiting);
                self.rest(from, ticket);
                let sticky = self.config.routing.sticky_for;
                let account = self.tickets.get_mut(ticket).unwrap();
                if account.skills != *skills {
                    account.wishes = Wishes::NONE;
                }
                account.skills.clone_from(skills);
                let sticky = account.wishes.rep_deadline.unwrap_or(sticky);
                let held = to.is_some() || account.wishes.prefer == Some(Prefer::Best);
                account.kept_until = held.then(|| self.now + sticky);
                account.handed_on_by = Some(from.clone());
                account.refused.clear();
            }
            Record::Closed { ticket, .. } => {
                let account = self.tickets.get_mut(ticket).unwrap();
                let before = std::mem::replace(&mut account.stage, Stage::Ended);
                match before {
                    Stage::Waiting => {}
                    Stage::Offered(rep) => {
                        self.reps.get_mut(&rep).unwrap().in_hand.remove(ticket);
                    }
                    Stage::Open(rep) => self.rest(&rep, ticket),
                    Stage::Ended => panic!("ended twice"),
                }
            }
            Record::Rated { .. }
            | Record::Noted { .. }
            | Record::Promised { .. }
            | Record::Decided(_)
            | Record::Case(_)
            | Record::Paused { .. }
            | Record::Learnt(_)
            | Record::Scored { .. } => {}
        }
    }

    fn change(&mut self, ticket: &TicketId, from: &[Stage], to: Stage) {
        let account = self.tickets.get_mut(ticket).unwrap();
        assert!(
            from.contains(&account.stage),
            "{ticket} went from {:?} to {to:?}",
            account.stage
        );
        account.stage = to;
    }

    fn take_in_hand(&mut self, rep: &RepId, ticket: &TicketId) {
        let capacity = self.capacity(rep);
        let now = self.now;
        let hands = self.reps.get_mut(rep).unwrap();
        hands.in_hand.insert(ticket.clone());
        hands.rests.retain(|&end| end > now);
        assert!(
            hands.in_hand.len() + hands.rests.len() <= capacity,
            "{rep} has too much in hand"
        );
    }

    fn rest(&mut self, rep: &RepId, ticket: &TicketId) {
        let until = self.now + self.config.routing.wrap_up;
        let hands = self.reps.get_mut(rep).unwrap();
        hands.in_hand.remove(ticket);
        hands.rests.push(until);
    }
}

impl Account {
    pub(crate) fn may_ask_again(&self, rep: &RepId, now: Instant) -> bool {
        self.refused
            .get(rep)
            .is_none_or(|&refused| refused + ASK_AGAIN <= now)
    }
}
