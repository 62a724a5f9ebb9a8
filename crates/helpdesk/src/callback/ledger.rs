//! The calls of the last 24 hours, and whether one more may begin. Must not know why one is wanted.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use thiserror::Error;

use super::call::{Dialled, Fate, PastCall};
use super::number::{NumberError, PhoneNumber};
use super::rules::{CallbackRules, Dialling};
use crate::clock::Moment;
use crate::ids::{CallId, SiteId, TicketId};

const DAY: Duration = Duration::from_secs(24 * 3600);
const HOUR: Duration = Duration::from_secs(3600);

/// Why nobody is called. Each text fits "failed to call: {text}".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CallbackRefused {
    /// No such ticket.
    #[error("there is no such conversation")]
    UnknownTicket,
    /// The ticket has ended.
    #[error("the conversation has ended")]
    Ended,
    /// The site calls nobody.
    #[error("this site calls nobody back")]
    NotSetUp,
    /// The shopper has not said where.
    #[error("no telephone number is known")]
    NoNumber,
    /// The number is none that may be dialled.
    #[error("the number cannot be called: {0}")]
    BadNumber(#[from] NumberError),
    /// Its country or area is not allowed.
    #[error("numbers that begin like this one are not called from here")]
    NotAllowed,
    /// Only customers whom the shop has proven are called.
    #[error("only customers who are signed in at the shop are called back")]
    NotProven,
    /// It is too late or too early.
    #[error("nobody is called at this hour")]
    QuietHours,
    /// All lines are in use for the moment.
    #[error("all lines are in use at the moment")]
    LinesBusy,
    /// The number was called as often as may be.
    #[error("this number was called as often as is allowed in a day")]
    NumberLimit,
    /// As many calls as may be within an hour.
    #[error("as many calls were made in this hour as are allowed")]
    HourLimit,
    /// As many calls as may be within a day.
    #[error("as many calls were made today as are allowed")]
    DayLimit,
    /// As many minutes were talked as may be in a day.
    #[error("the telephone's minutes of today are used up")]
    MinutesSpent,
    /// Too many calls in a row came to nothing.
    #[error("too many calls in a row came to nothing; somebody has to look at the trunk first")]
    TooManyFailures,
    /// An earlier call of the ticket has an end that nobody knows; only a rep may call again.
    #[error("nobody knows whether the last call went out; it is not made again by itself")]
    InDoubt,
}

/// Calls by age, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    calls: VecDeque<Entry>,
    /// Sites that have used up what they may call or spend, and of which that was told.
    tripped: HashSet<SiteId>,
}

#[derive(Debug)]
struct Entry {
    call: CallId,
    ticket: Option<TicketId>,
    site: SiteId,
    number: Option<PhoneNumber>,
    at: Moment,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    UnderWay {
        dialled: Dialled,
        talks: Option<Moment>,
    },
    Over(Fate),
}

impl Ledger {
    /// Takes calls of before a restart, the oldest first.
    pub(crate) fn restore(&mut self, past: PastCall) {
        self.calls.push_back(Entry {
            call: past.call,
            ticket: past.ticket,
            site: past.site,
            number: past.number,
            at: Moment(past.at_unix_ms),
            state: State::Over(past.fate),
        });
    }

    pub(crate) fn begin(
        &mut self,
        call: CallId,
        ticket: TicketId,
        site: SiteId,
        number: PhoneNumber,
        now: Moment,
    ) {
        self.calls.push_back(Entry {
            call,
            ticket: Some(ticket),
            site,
            number: Some(number),
            at: now,
            state: State::UnderWay {
                dialled: Dialled::No,
                talks: None,
            },
        });
    }

    pub(crate) fn dial(&mut self, call: &CallId) {
        self.set(call, |_| State::UnderWay {
            dialled: Dialled::Yes,
            talks: None,
        });
    }

    pub(crate) fn talk(&mut self, call: &CallId, now: Moment) {
        self.set(call, |_| State::UnderWay {
            dialled: Dialled::Yes,
            talks: Some(now),
        });
    }

    /// Ends a call; tells whether its number was dialled.
    pub(crate) fn end(&mut self, call: &CallId, fate: impl FnOnce(Dialled) -> Fate) -> Dialled {
        let mut was = Dialled::No;
        self.set(call, |state| {
            was = state.dialled();
            State::Over(fate(was))
        });
        was
    }

    /// Forgets what is older than a day.
    pub(crate) fn forget(&mut self, now: Moment) {
        while let Some(oldest) = self.calls.front()
            && now >= oldest.at.after(DAY)
            && matches!(oldest.state, State::Over(_))
        {
            self.calls.pop_front();
        }
    }

    /// How often a ticket's number was dialled in vain.
    pub(crate) fn failures_of(&self, ticket: &TicketId) -> u32 {
        let failed = |entry: &&Entry| {
            entry.ticket.as_ref() == Some(ticket) && entry.state == State::Over(Fate::Failed)
        };
        count(self.calls.iter().filter(failed).count())
    }

    /// When the ticket's number was last dialled in vain.
    pub(crate) fn last_failure_of(&self, ticket: &TicketId) -> Option<Moment> {
        let mut calls = self.calls.iter().rev();
        let failed = calls.find(|entry| {
            entry.ticket.as_ref() == Some(ticket) && entry.state == State::Over(Fate::Failed)
        });
        failed.map(|entry| entry.at)
    }

    /// Whether it is unknown how a call of the ticket ended.
    pub(crate) fn is_in_doubt(&self, ticket: &TicketId) -> bool {
        let in_doubt = |entry: &Entry| {
            entry.ticket.as_ref() == Some(ticket) && entry.state == State::Over(Fate::Unknown)
        };
        self.calls.iter().any(in_doubt)
    }

    /// Whether a site may call a number at this moment, by number and hour alone.
    pub(crate) fn allows(
        number: &PhoneNumber,
        rules: &CallbackRules,
        now: Moment,
    ) -> Result<(), CallbackRefused> {
        if !rules.is_on() {
            return Err(CallbackRefused::NotSetUp);
        }
        if !rules.allows(number) {
            return Err(CallbackRefused::NotAllowed);
        }
        if rules
            .quiet
            .as_ref()
            .is_some_and(|quiet| quiet.is_open(now.0))
        {
            return Err(CallbackRefused::QuietHours);
        }
        Ok(())
    }

    /// Whether a site may call a number at this moment.
    pub(crate) fn admit(
        &self,
        number: &PhoneNumber,
        site: &SiteId,
        rules: &CallbackRules,
        now: Moment,
    ) -> Result<(), CallbackRefused> {
        Self::allows(number, rules, now)?;
        if rules.dialling == Dialling::ByHand {
            return Ok(());
        }
        let recent = |entry: &&Entry| now < entry.at.after(DAY) && entry.may_have_dialled();
        let to_number = |entry: &&Entry| entry.number.as_ref() == Some(number);
        let today = self.calls.iter().filter(recent);
        if count(today.filter(to_number).count()) >= rules.per_number_per_day {
            return Err(CallbackRefused::NumberLimit);
        }
        self.spend(site, rules, now)?;
        let here = self.calls.iter().filter(recent);
        let under_way = here.filter(|entry| entry.site == *site && entry.is_under_way());
        if count(under_way.count()) >= rules.at_once {
            return Err(CallbackRefused::LinesBusy);
        }
        Ok(())
    }

    /// Security row M2: why a site has used up what it may call or spend, once each time that it has.
    pub(crate) fn trip(
        &mut self,
        site: &SiteId,
        rules: &CallbackRules,
        now: Moment,
    ) -> Option<CallbackRefused> {
        match self.spend(site, rules, now) {
            Ok(()) => {
                self.tripped.remove(site);
                None
            }
            Err(why) => self.tripped.insert(site.clone()).then_some(why),
        }
    }

    /// Whether a site may make one more call, whatever the number and the lines.
    fn spend(
        &self,
        site: &SiteId,
        rules: &CallbackRules,
        now: Moment,
    ) -> Result<(), CallbackRefused> {
        let recent = |entry: &&Entry| now < entry.at.after(DAY) && entry.may_have_dialled();
        let here: Vec<&Entry> = self
            .calls
            .iter()
            .filter(recent)
            .filter(|entry| entry.site == *site)
            .collect();
        let this_hour = here.iter().filter(|entry| now < entry.at.after(HOUR));
        if count(this_hour.count()) >= rules.per_hour {
            return Err(CallbackRefused::HourLimit);
        }
        if count(here.len()) >= rules.per_day {
            return Err(CallbackRefused::DayLimit);
        }
        let talked: Duration = here.iter().map(|entry| entry.talked(rules, now)).sum();
        if talked >= rules.talk_per_day {
            return Err(CallbackRefused::MinutesSpent);
        }
        // A call under way has come to nothing yet, nor to anything.
        let ended = here.iter().rev().filter(|entry| !entry.is_under_way());
        let in_vain = ended.take_while(|entry| entry.is_in_vain());
        if count(in_vain.count()) >= rules.failures {
            return Err(CallbackRefused::TooManyFailures);
        }
        Ok(())
    }

    /// Whose call it was, and at which site.
    pub(crate) fn owner(&self, call: &CallId) -> Option<(Option<TicketId>, SiteId)> {
        let mut calls = self.calls.iter().rev();
        let entry = calls.find(|entry| entry.call == *call)?;
        Some((entry.ticket.clone(), entry.site.clone()))
    }

    fn set(&mut self, call: &CallId, change: impl FnOnce(State) -> State) {
        let found = self.calls.iter_mut().rev().find(|one| one.call == *call);
        if let Some(entry) = found {
            entry.state = change(entry.state);
        }
    }
}

impl Entry {
    /// A call under way may still dial, so that it counts.
    fn may_have_dialled(&self) -> bool {
        match self.state {
            State::UnderWay { .. } => true,
            State::Over(fate) => fate != Fate::NotDialled,
        }
    }

    fn is_under_way(&self) -> bool {
        matches!(self.state, State::UnderWay { .. })
    }

    fn is_in_vain(&self) -> bool {
        matches!(self.state, State::Over(Fate::Failed | Fate::Unknown))
    }

    fn talked(&self, rules: &CallbackRules, now: Moment) -> Duration {
        match self.state {
            State::Over(Fate::Talked(talked)) => talked,
            State::Over(Fate::Unknown) => rules.longest,
            State::Over(Fate::NotDialled | Fate::Failed) => Duration::ZERO,
            State::UnderWay { talks, .. } => talks.map_or(Duration::ZERO, |since| now.since(since)),
        }
    }
}

impl State {
    fn dialled(self) -> Dialled {
        match self {
            Self::UnderWay { dialled, .. } => dialled,
            Self::Over(Fate::NotDialled) => Dialled::No,
            Self::Over(Fate::Failed | Fate::Talked(_) | Fate::Unknown) => Dialled::Yes,
        }
    }
}

fn count(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}
