//! The tickets themselves: their stages, who waits, and how long ended ones stay readable.
//! Must not know reps beyond their identity, nor what is told to whom.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use foldhash::fast::RandomState;

use crate::ask::{Ask, Wishes};
use crate::callback::{Calling, Messenger, Page, Plan};
use crate::clock::Moment;
use crate::ids::{DeliveryId, RepId, Seq, SkillId, TicketId};
use crate::promised::{Circumstances, Given, Promised, Shown};
use crate::promises::Promise;
use crate::roster::Roster;
use crate::routing::fit::Wants;
use crate::routing::fits::Want;
use crate::routing::plan::Exception;
use crate::routing::{Demand, Named, NamedBy};
use crate::shelf::Shelf;
use crate::ticket::{CloseReason, TicketState, TicketView};
use crate::transcript::Transcript;

/// How long an ended ticket can still be read and rated.
pub(crate) const READABLE_FOR: Duration = Duration::from_secs(30 * 60);
/// Ended tickets that are kept; beyond, the one that ended first is forgotten early.
const ENDED_LIMIT: usize = 10_000;

/// All tickets that are known, by number. Invariant: `numbers` names each once, `waiting` holds those and only those
/// whose stage is [`Stage::Waiting`], `ended` those whose stage is [`Stage::Ended`], in order of ending.
#[derive(Debug, Default)]
pub(crate) struct Tickets {
    by_number: Shelf<Box<Ticket>>,
    /// Never walked through, for its order is none. The identities are our own, so that nobody can choose many that
    /// meet in one place; and the hash is seeded anyway.
    numbers: HashMap<TicketId, u64, RandomState>,
    waiting: BTreeSet<u64>,
    ended: VecDeque<(Moment, TicketId)>,
    /// Those that may stand otherwise than the board knows.
    touched: Vec<u64>,
    last_number: u64,
}

/// One ticket.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) ask: Ask,
    /// Order of arrival.
    pub(crate) number: u64,
    pub(crate) asked_at: Moment,
    /// Since when it waits to be relaxed: the ask, or the last transfer.
    pub(crate) waiting_since: Moment,
    /// What it needs; a transfer changes it.
    pub(crate) skills: Vec<SkillId>,
    pub(crate) wishes: Wishes,
    pub(crate) named: Option<(RepId, NamedBy)>,
    pub(crate) handed_on_by: Option<RepId>,
    /// Who took it last.
    pub(crate) last_rep: Option<RepId>,
    /// Who did not take it, and when.
    pub(crate) refused: BTreeMap<RepId, Moment>,
    pub(crate) stage: Stage,
    /// The relaxing rules that held when it was last decided to let it wait; `None` asks for a decision.
    pub(crate) decided: Option<Decided>,
    /// Whether somebody could ever take it, as the shopper knows it.
    pub(crate) told_hope: Option<Hope>,
    pub(crate) transcript: Transcript,
    /// The wait it was promised.
    pub(crate) promised: Option<Promised>,
    /// It had to wait when nothing could be promised.
    pub(crate) unpromised: bool,
    /// The last line of the shopper that is known to be on a rep's phone.
    pub(crate) delivered: Option<Seq>,
    /// What its shopper was last told.
    pub(crate) told: TicketView,
    /// The shopper has been told that the rep is out of reach, and the rep has not spoken since.
    pub(crate) told_out_of_reach: bool,
    pub(crate) rating: Option<(u8, Option<String>)>,
    /// The call it is to become.
    pub(crate) plan: Option<Plan>,
    pub(crate) page: Page,
    pub(crate) messenger: Messenger,
    /// A call of it led to nothing, so that it goes before all others.
    pub(crate) is_returned: bool,
}

/// Where a ticket stands, with what only that stage has.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stage {
    Waiting,
    Offered {
        rep: RepId,
        until: Moment,
        delivery: DeliveryId,
        /// What the offer's text showed of the conversation so far.
        briefing: Briefing,
    },
    Open {
        rep: RepId,
        since: Moment,
    },
    /// It is a call.
    Callback(Box<Calling>),
    Ended {
        reason: CloseReason,
    },
}

/// A decision to let a ticket wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decided {
    /// Relaxing rules that held.
    pub(crate) fired: usize,
    /// Whether anybody on duty could ever take it.
    pub(crate) hope: Hope,
}

/// Whether anybody on duty could ever take a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hope {
    Some,
    None,
}

/// How much of the conversation so far a rep has been shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Briefing {
    Whole,
    Cut,
}

impl Tickets {
    pub(crate) fn open(&mut self, ask: Ask, now: Moment) -> &mut Ticket {
        self.last_number += 1;
        let number = self.last_number;
        let id = ask.ticket.clone();
        if let Some(earlier) = self.numbers.insert(id, number) {
            self.by_number.remove(earlier);
            self.waiting.remove(&earlier);
            self.touched.push(earlier);
        }
        self.waiting.insert(number);
        self.touched.push(number);
        self.by_number
            .put(number, Box::new(Ticket::new(ask, number, now)))
    }

    /// Moves a ticket to another stage, keeping the lists in step.
    pub(crate) fn set_stage(&mut self, id: &TicketId, stage: Stage, now: Moment) {
        let Some(ticket) = self.ticket_mut(id) else {
            return;
        };
        let number = ticket.number;
        if let Stage::Open { rep, .. } = &stage {
            ticket.last_rep = Some(rep.clone());
        }
        match &stage {
            Stage::Waiting => {
                self.waiting.insert(number);
            }
            Stage::Offered { .. } | Stage::Callback(_) | Stage::Open { .. } => {
                self.waiting.remove(&number);
            }
            Stage::Ended { .. } => {
                self.waiting.remove(&number);
                self.ended.push_back((now, id.clone()));
            }
        }
        if let Some(ticket) = self.by_number.get_mut(number) {
            ticket.stage = stage;
            ticket.decided = None;
        }
    }

    /// Forgets tickets that ended long ago.
    pub(crate) fn forget(&mut self, now: Moment) {
        while let Some((ended, _)) = self.ended.front() {
            if self.ended.len() <= ENDED_LIMIT && now < ended.after(READABLE_FOR) {
                return;
            }
            if let Some((_, id)) = self.ended.pop_front() {
                self.remove(&id);
            }
        }
    }

    /// Forgets a ticket before its time, if it has ended.
    pub(crate) fn forget_ended(&mut self, id: &TicketId) {
        let before = self.ended.len();
        self.ended.retain(|(_, ended)| ended != id);
        if self.ended.len() < before {
            self.remove(id);
        }
    }

    pub(crate) fn ticket_mut(&mut self, id: &TicketId) -> Option<&mut Ticket> {
        let number = *self.numbers.get(id)?;
        self.touch(number);
        Some(self.by_number.get_mut(number)?)
    }

    /// A ticket of which only that changes what its shopper is told, or what it says.
    pub(crate) fn told_mut(&mut self, id: &TicketId) -> Option<&mut Ticket> {
        Some(self.by_number.get_mut(*self.numbers.get(id)?)?)
    }

    /// The same by its number.
    pub(crate) fn told_numbered_mut(&mut self, number: u64) -> Option<&mut Ticket> {
        Some(self.by_number.get_mut(number)?)
    }

    /// Says that a ticket may stand otherwise, because of the time.
    pub(crate) fn touch(&mut self, number: u64) {
        if self.touched.last() != Some(&number) {
            self.touched.push(number);
        }
    }

    /// Says so of all that are not ended.
    pub(crate) fn touch_all(&mut self) {
        let ongoing = self
            .by_number
            .iter()
            .filter(|(_, ticket)| !matches!(ticket.stage, Stage::Ended { .. }));
        self.touched.extend(ongoing.map(|(number, _)| number));
    }

    /// The reps who have those in hand.
    pub(crate) fn reps_of_touched(&self) -> impl Iterator<Item = &RepId> {
        let touched = self.touched.iter();
        touched.filter_map(|number| self.by_number.get(*number)?.rep())
    }

    /// Those that may stand otherwise than when this was last asked.
    pub(crate) fn take_touched(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.touched)
    }

    pub(crate) fn ticket(&self, id: &TicketId) -> Option<&Ticket> {
        Some(self.by_number.get(*self.numbers.get(id)?)?)
    }

    pub(crate) fn numbered(&self, number: u64) -> Option<&Ticket> {
        Some(self.by_number.get(number)?)
    }

    /// The waiting ones, in order of arrival.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Ticket> {
        let waiting = self.waiting.iter();
        waiting.filter_map(|number| self.numbered(*number))
    }

    /// In order of arrival.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Ticket> {
        self.by_number.values().map(|ticket| &**ticket)
    }

    /// The waiting one of this number.
    pub(crate) fn waiting_as(&self, number: u64) -> Option<&Ticket> {
        let ticket = self.by_number.get(number)?;
        (ticket.stage == Stage::Waiting).then_some(ticket)
    }

    pub(crate) fn all_mut(&mut self) -> impl Iterator<Item = &mut Ticket> {
        self.by_number.values_mut().map(|ticket| &mut **ticket)
    }

    pub(crate) fn waiting_count(&self) -> usize {
        self.waiting.len()
    }

    fn remove(&mut self, id: &TicketId) {
        if let Some(number) = self.numbers.remove(id) {
            self.by_number.remove(number);
        }
    }

    /// When the next ended ticket is to be forgotten.
    pub(crate) fn next_forgetting(&self) -> Option<Moment> {
        let (ended, _) = self.ended.front()?;
        Some(ended.after(READABLE_FOR))
    }
}

impl Ticket {
    pub(crate) fn new(ask: Ask, number: u64, now: Moment) -> Self {
        Self {
            number,
            asked_at: now,
            waiting_since: now,
            skills: ask.skills.clone(),
            wishes: ask.wishes.clone(),
            named: ask.rep.clone().map(|rep| (rep, NamedBy::Shopper)),
            handed_on_by: None,
            last_rep: None,
            refused: BTreeMap::new(),
            stage: Stage::Waiting,
            decided: None,
            told_hope: None,
            transcript: Transcript::default(),
            promised: None,
            unpromised: false,
            told: TicketView {
                id: ask.ticket.clone(),
                state: TicketState::Queued,
                position: None,
                wait: None,
                rep: None,
                why: None,
                callback: None,
                delivered: None,
                answered_by: None,
            },
            delivered: None,
            told_out_of_reach: false,
            rating: None,
            plan: None,
            page: Page::NotSeen,
            messenger: Messenger::Unused,
            is_returned: false,
            ask,
        }
    }

    /// Hands the ticket on: it waits anew for another skill or rep, with the age it has.
    pub(crate) fn hand_on(
        &mut self,
        from: RepId,
        skills: Vec<SkillId>,
        to: Option<RepId>,
        now: Moment,
    ) {
        if self.skills != skills {
            // The shopper's wishes were about the skills asked for.
            self.wishes = Wishes::NONE;
        }
        self.skills = skills;
        self.named = to.map(|rep| (rep, NamedBy::Colleague));
        self.waiting_since = now;
        self.refused.clear();
        self.refused.insert(from.clone(), now);
        self.handed_on_by = Some(from);
        self.promised = None;
        self.told_out_of_reach = false;
    }

    /// What it wants; where the shopper set no deadline the rep or the expert is waited for so long.
    pub(crate) fn demand(&self, sticky_for: Duration, now: Moment) -> Demand<'_> {
        Demand {
            wants: Wants {
                skills: &self.skills,
                tier: &self.ask.tier,
                wishes: &self.wishes,
            },
            named: self.named.as_ref().map(|(rep, by)| Named { rep, by: *by }),
            refused: &self.refused,
            handed_on_by: self.handed_on_by.as_ref(),
            waited: now.since(self.waiting_since),
            sticky_for: self.wishes.rep_deadline.unwrap_or(sticky_for),
        }
    }

    /// What it wants, without whom it names.
    pub(crate) fn want(&self) -> Want {
        Want {
            skills: self.skills.clone(),
            tier: self.ask.tier.clone(),
            wishes: self.wishes.clone(),
        }
    }

    /// Whether it is routed like all others that want the same: no rep is named, has refused it or handed it on, and
    /// no call is planned or led to nothing.
    pub(crate) fn is_plain(&self) -> bool {
        let is_like_others =
            self.named.is_none() && self.refused.is_empty() && self.handed_on_by.is_none();
        is_like_others && self.plan.is_none() && !self.is_returned
    }

    /// What is different about its routing; `None` where a plan cannot know: it was handed on, or a call is planned
    /// or led to nothing.
    pub(crate) fn exception(&self, roster: &Roster) -> Option<Exception> {
        let is_known = self.handed_on_by.is_none() && self.plan.is_none() && !self.is_returned;
        let named = match &self.named {
            Some((rep, NamedBy::Shopper)) => roster.place(rep),
            Some((_, NamedBy::Colleague)) | None => None,
        };
        let refused_by = self.refused.keys().filter_map(|rep| roster.place(rep));
        is_known.then(|| Exception {
            named,
            refused_by: refused_by.collect(),
        })
    }

    /// The rep whom a colleague named, who may take it whatever it wants.
    pub(crate) fn colleague(&self) -> Option<&RepId> {
        match &self.named {
            Some((rep, NamedBy::Colleague)) => Some(rep),
            Some((_, NamedBy::Shopper)) | None => None,
        }
    }

    /// What to show of a newer forecast, which becomes its promise if it has none.
    pub(crate) fn promise(&mut self, promise: Promise, now: Moment) -> Option<Shown> {
        let newer = Given {
            at: now,
            wait: promise.wait?,
            circumstances: Circumstances {
                position: promise.position,
                servers: promise.servers,
            },
            form: promise.form,
        };
        match &mut self.promised {
            Some(promised) => Some(promised.revise(newer)),
            None => {
                self.promised = Some(Promised::new(newer));
                Some(Shown::Kept(newer.wait))
            }
        }
    }

    pub(crate) fn state(&self) -> TicketState {
        match &self.stage {
            Stage::Waiting => TicketState::Queued,
            Stage::Offered { .. } => TicketState::Offered,
            Stage::Open { .. } => TicketState::Open,
            Stage::Callback(_) => TicketState::Callback,
            Stage::Ended { reason } => match reason {
                CloseReason::Shopper
                | CloseReason::Rep
                | CloseReason::Called
                | CloseReason::Unreached => TicketState::Closed,
                CloseReason::Abandoned => TicketState::Abandoned,
            },
        }
    }

    /// The rep who has it in hand.
    pub(crate) fn rep(&self) -> Option<&RepId> {
        match &self.stage {
            Stage::Offered { rep, .. } | Stage::Open { rep, .. } => Some(rep),
            Stage::Callback(calling) => Some(&calling.rep),
            Stage::Waiting | Stage::Ended { .. } => None,
        }
    }
}
