//! When waits are forecast: at every change on a small desk, a few times a second on a large one.
//! Must not know how a wait is forecast.

use std::time::Duration;

use crate::clock::Moment;
use crate::desk::Helpdesk;
use crate::groups::Clicks;
use crate::ids::TicketId;
use crate::promises::{self, Promise, TicketPromises};

/// From so many waiting tickets and reps at work on, waits are not forecast anew at every change.
const LARGE: usize = 256;
/// How often waits are forecast anew on a large desk, and what each waiting ticket adds to that.
const FORECAST_EVERY: Duration = Duration::from_millis(250);
const FORECAST_EVERY_TICKETS: u32 = 10;

/// What was promised last, and from which state of the desk.
#[derive(Debug)]
pub(crate) struct Forecast {
    /// From so many waiting tickets and reps at work on it may be a while old.
    pub(crate) large: usize,
    pub(crate) at: Option<Moment>,
    /// Rises with each forecast; there may be several of one moment.
    pub(crate) round: u64,
    pub(crate) clicks: Clicks,
    pub(crate) next_overtaking: Option<Moment>,
    /// Of the tickets, the reps and the opening hours: what has changed since.
    pub(crate) seen: Option<Seen>,
    /// What was forecast for an answer that goes out first.
    pub(crate) untold: Option<TicketPromises>,
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
            round: 0,
            clicks: Clicks::new(),
            next_overtaking: None,
            seen: None,
            untold: None,
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
        let at_work = self.roster.sets().at_work.count();
        self.tickets.waiting_count() + at_work >= self.forecast.large
    }

    /// How long a forecast holds on a large desk.
    pub(crate) fn forecast_every(&self) -> Duration {
        let waiting = u64::try_from(self.tickets.waiting_count()).unwrap_or(u64::MAX);
        let more = Duration::from_millis(waiting / u64::from(FORECAST_EVERY_TICKETS));
        FORECAST_EVERY.max(more)
    }

    pub(crate) fn forecast_is_due(&self) -> bool {
        let every = self.forecast_every();
        let is_fresh = |at: Moment| self.now < at.after(every);
        !(self.is_large() && self.forecast.at.is_some_and(is_fresh))
    }

    /// Forecasts all waits, and tells everybody whose promise has changed.
    pub(crate) fn forecast(&mut self) {
        let promises = self.renew_forecast();
        self.tell_forecast(&promises);
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

    pub(crate) fn tell_forecast(&mut self, promises: &TicketPromises) {
        self.tell_shoppers(promises);
        self.sync();
        self.forecast.seen = Some(self.seen());
    }

    fn renew_forecast(&mut self) -> TicketPromises {
        self.refresh_learnt();
        let promises = promises::promises(self.promising(), &self.groups);
        self.forecast.clicks = promises.clicks;
        self.forecast.next_overtaking = promises.next_overtaking;
        self.forecast.at = Some(self.now);
        self.forecast.round += 1;
        self.forecast.untold = None;
        promises.tickets
    }

    /// Between two forecasts whoever came to a rep, left or waits again is told so at once.
    pub(crate) fn tell_touched(&mut self) {
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
