//! When waits are forecast, and when those who wait are told: at every change on a small desk; on a large one as
//! often as a small part of a processor allows, and a few times a second. Must not know how a wait is forecast.

use std::time::Duration;

use crate::clock::Moment;
use crate::desk::{A_MOMENT, Helpdesk};
use crate::groups::Clicks;
use crate::ids::TicketId;
use crate::promises::{self, Promise, TicketPromises};

/// From so many waiting tickets, reps at work and groups on, changes that follow each other at once share one forecast.
const LARGE: usize = 256;
/// How long a forecast holds on a large desk at least, and for each waiting ticket, rep at work and group: ten times what
/// it takes to make, so that forecasts never take more than about a tenth of the time.
const HOLDS: Duration = Duration::from_millis(10);
const HOLDS_FOR_EACH: Duration = Duration::from_micros(20);
/// How often all who wait are told on a large desk: this often, and a millisecond later for so many tickets.
const TELL_EVERY: Duration = Duration::from_millis(250);
const TICKETS_FOR_A_MILLISECOND: usize = 10;
/// How many are told in one turn, so that ten thousand who wait hold up nobody else; the others are told in the next ones,
/// a millisecond later where nothing else happens.
const TOLD_AT_ONCE: usize = 1_000;

/// What was promised last, and from which state of the desk.
#[derive(Debug)]
pub(crate) struct Forecast {
    /// From so many waiting tickets, reps at work and groups on it may be a while old.
    pub(crate) large: usize,
    pub(crate) at: Option<Moment>,
    pub(crate) clicks: Clicks,
    pub(crate) next_overtaking: Option<Moment>,
    /// Of the tickets, the reps and the opening hours: what has changed since.
    pub(crate) seen: Option<Seen>,
    /// What was forecast, and those who wait are yet to be told.
    pub(crate) untold: Option<TicketPromises>,
    /// What those who wait are being told.
    pub(crate) telling: Option<Telling>,
    /// When telling all of them was last begun.
    pub(crate) told_at: Option<Moment>,
}

/// A forecast of which so many have been told, in order of arrival.
#[derive(Debug)]
pub(crate) struct Telling {
    promises: TicketPromises,
    told: usize,
}

/// Rises with each change of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    board: u64,
    reps: u64,
    pub(crate) openings: u64,
}

impl Default for Forecast {
    fn default() -> Self {
        Self {
            large: LARGE,
            at: None,
            clicks: Clicks::default(),
            next_overtaking: None,
            seen: None,
            untold: None,
            telling: None,
            told_at: None,
        }
    }
}

impl Helpdesk {
    pub(crate) fn seen(&self) -> Seen {
        Seen {
            board: self.board.version(),
            reps: self.roster.revision(),
            openings: self.openings.version(),
        }
    }

    pub(crate) fn is_large(&self) -> bool {
        self.size() >= self.forecast.large
    }

    /// By how many the work of a forecast grows: those who wait, those who may serve them, and those who are told.
    fn size(&self) -> usize {
        let at_work = self.roster.sets().number_at_work;
        debug_assert_eq!(at_work, self.roster.sets().at_work.count());
        self.tickets.waiting_count() + at_work + self.groups.len()
    }

    /// Until when the last forecast holds, whatever changes.
    pub(crate) fn forecast_holds_until(&self) -> Option<Moment> {
        let at = self.forecast.at.filter(|_| self.is_large())?;
        let each = u32::try_from(self.size()).unwrap_or(u32::MAX);
        Some(at.after(HOLDS.max(HOLDS_FOR_EACH.saturating_mul(each))))
    }

    pub(crate) fn forecast_is_due(&self) -> bool {
        self.forecast_holds_until()
            .is_none_or(|until| until <= self.now)
    }

    /// Until when those who wait are not told of changes of their waits.
    pub(crate) fn tells_nobody_until(&self) -> Option<Moment> {
        let at = self.forecast.told_at.filter(|_| self.is_large())?;
        let more = self.tickets.waiting_count() / TICKETS_FOR_A_MILLISECOND;
        let more = Duration::from_millis(u64::try_from(more).unwrap_or(u64::MAX));
        Some(at.after(TELL_EVERY.max(more)))
    }

    /// Forecasts waits anew where the desk has changed, and tells whoever is to be told of them.
    pub(crate) fn keep_forecasting(&mut self) {
        let overtaken = self.forecast.next_overtaking;
        let is_behind =
            self.forecast.seen != Some(self.seen()) || overtaken.is_some_and(|at| at <= self.now);
        if is_behind && self.forecast_is_due() {
            let promises = self.renew_forecast();
            self.forecast.untold = Some(promises);
            self.forecast.seen = Some(self.seen());
        }
        if self.forecast.telling.is_none()
            && self
                .tells_nobody_until()
                .is_none_or(|until| until <= self.now)
        {
            let untold = self.forecast.untold.take();
            self.forecast.telling = untold.map(|promises| Telling { promises, told: 0 });
        }
        match self.forecast.telling.take() {
            Some(telling) => self.tell_forecast(telling),
            None => self.tell_touched(),
        }
    }

    /// When time alone next asks for a forecast, or for telling of one.
    pub(crate) fn next_forecasting(&self) -> Option<Moment> {
        let due = || self.forecast_holds_until().unwrap_or(self.now);
        let is_behind = self.forecast.seen != Some(self.seen());
        let anew = is_behind.then(due);
        let overtaken = self.forecast.next_overtaking.map(|at| at.max(due()));
        let untold = self.forecast.untold.as_ref();
        let told = untold.map(|_| self.tells_nobody_until().unwrap_or(self.now));
        let telling = self.forecast.telling.as_ref().map(|_| self.now);
        let next = [anew, overtaken, told, telling].into_iter().flatten().min();
        next.map(|at| at.max(self.now.after(A_MOMENT)))
    }

    /// Forecasts all waits for these who are told by an answer; the others are told after it.
    pub(crate) fn forecast_for(&mut self, those: impl IntoIterator<Item = TicketId>) {
        let promises = self.renew_forecast();
        for id in those {
            self.touched.remove(&id);
            let ticket = self.tickets.ticket(&id);
            let promise = ticket.and_then(|ticket| promises.of(ticket.number));
            self.take_view_as_told(&id, promise);
        }
        self.forecast.untold = Some(promises);
        self.forecast.seen = Some(self.seen());
    }

    /// Tells the next ones of it. What telling changes needs no forecast; what has changed since the last one does.
    fn tell_forecast(&mut self, telling: Telling) {
        let is_behind = self.forecast.seen != Some(self.seen());
        let Telling { promises, told } = telling;
        if told == 0 {
            self.forecast.told_at = Some(self.now);
        }
        let now_told = told.saturating_add(TOLD_AT_ONCE);
        self.tell_shoppers(promises.some(told..now_told));
        self.sync();
        if !is_behind {
            self.forecast.seen = Some(self.seen());
        }
        let told = now_told;
        let is_over = promises.len() <= told;
        self.forecast.telling = (!is_over).then_some(Telling { promises, told });
    }

    fn renew_forecast(&mut self) -> TicketPromises {
        self.look_at_groups();
        self.refresh_learnt();
        let promises = promises::promises(self.promising(), &self.groups);
        self.forecast.clicks = promises.clicks;
        self.forecast.next_overtaking = promises.next_overtaking;
        self.forecast.at = Some(self.now);
        self.look_at_waiting_groups();
        promises.tickets
    }

    /// Between two forecasts whoever came to a rep, left or waits again is told so at once.
    fn tell_touched(&mut self) {
        for id in std::mem::take(&mut self.touched) {
            let promise = self.quick_promise(&id);
            self.tell(&id, promise);
        }
    }

    /// What a ticket is promised between two forecasts, if it waits.
    pub(crate) fn quick_promise(&self, id: &TicketId) -> Option<Promise> {
        let ticket = self.tickets.ticket(id)?;
        promises::quick_promise(self.promising(), ticket, &self.forecast.clicks)
    }
}
