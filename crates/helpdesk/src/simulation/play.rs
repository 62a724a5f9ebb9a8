//! Plays a scenario in virtual time on the desk's own routing and queue; reps accept at once.
//! Must not know how the results are shown, nor how a forecast is made.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::report::Report;
use super::rivals::{Forecasts, Past, View};
use super::scenario::{Arrivals, Scenario, ScenarioError};
use super::score::{NextReps, Sample, Scores};
use super::shoppers::{Asking, Shoppers, seconds};
use super::staff::Staff;
use super::tally::{End, Tally};
use super::ticket::{Counted, Said, Stage, Ticket};
use crate::estimate::experience::Experience;
use crate::estimate::forward::Room;
use crate::estimate::quick::Length;
use crate::estimate::quote::{Form, Quote, quote};
use crate::estimate::scene::{InHand, Scene, UNNAMED};
use crate::lesson::WaitEnd;
use crate::routing::floor::{Floor, Match};
use crate::routing::plan::{Plan, Tick};

/// Asks between two signs of progress.
const PROGRESS_EVERY: u64 = 10_000;

/// Plays the scenario; `progress` is told now and then how many asks have been played.
pub fn simulate(
    scenario: &Scenario,
    mut progress: impl FnMut(u64),
) -> Result<Report, ScenarioError> {
    let (staff, plan) = Staff::new(scenario)?;
    let mut play = Play::new(scenario, staff, plan)?;
    while let Some(moment) = play.next_moment() {
        play.now = moment.at();
        match moment {
            Moment::Ask(asking) => {
                play.ask(asking);
                if play.asked.is_multiple_of(PROGRESS_EVERY) {
                    progress(play.asked);
                }
                play.asking = play.shoppers.next()?;
            }
            Moment::Event(_) => play.happen(),
            Moment::Relaxing(_) => play.drain(),
        }
    }
    Ok(play.report())
}

struct Play<'s> {
    scenario: &'s Scenario,
    shoppers: Shoppers<'s>,
    asking: Option<Asking>,
    staff: Staff,
    plan: Plan,
    floor: Floor,
    now: Tick,
    events: BinaryHeap<Reverse<(Tick, u64, Event)>>,
    scheduled: u64,
    asked: u64,
    /// Asks that are counted, those of the warm-up left out.
    wanted: u64,
    /// Counted tickets whose wait is not known yet.
    outstanding: u64,
    tickets: Vec<Ticket>,
    vacant: Vec<u32>,
    /// Shoppers who wait, by class; those who left and whose wait is still reckoned left out.
    waiting: Vec<usize>,
    /// Tickets that reps have in hand.
    in_hand: Vec<u32>,
    experience: Experience,
    /// By class, as which the experience knows it: on a desk who wishes something counts as who does not.
    taught_as: Vec<usize>,
    /// By class, whether it is known as itself.
    comes_later: Vec<bool>,
    /// Left by one quote for the next.
    room: Room,
    past: Vec<Past>,
    /// Everything known of conversations, by class.
    handling: Vec<Sum>,
    /// Everything known of patience, by class.
    leaving: Vec<Sum>,
    tallies: Vec<Tally>,
    total: Tally,
    scores: Scores,
    next_reps: NextReps,
    quoted_by_formula: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A conversation ends.
    Ended { ticket: u32 },
    /// The rest after a conversation ends.
    Rested { ticket: u32 },
    /// A shopper's patience ends; the number tells whether the ticket is still the same.
    Leaves { ticket: u32, number: u64 },
}

enum Moment {
    Ask(Asking),
    Event(Tick),
    Relaxing(Tick),
}

#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    count: f64,
    sum: f64,
}

impl<'s> Play<'s> {
    fn new(scenario: &'s Scenario, staff: Staff, plan: Plan) -> Result<Self, ScenarioError> {
        let classes = scenario.classes.len();
        let mut shoppers = Shoppers::new(scenario);
        let asking = shoppers.next()?;
        let wanted = match &scenario.arrivals {
            Arrivals::Chance(count) => *count,
            Arrivals::Trace(rows) => {
                let rows = u64::try_from(rows.len()).unwrap_or(u64::MAX);
                rows.saturating_sub(scenario.warm_up)
            }
        };
        let taught_as = scenario.taught_as();
        let is_itself = |(class, as_which): (usize, &usize)| class == *as_which;
        Ok(Self {
            scenario,
            shoppers,
            asking,
            floor: Floor::new(&plan, 0),
            staff,
            plan,
            now: 0,
            events: BinaryHeap::new(),
            scheduled: 0,
            asked: 0,
            wanted,
            outstanding: 0,
            tickets: Vec::new(),
            vacant: Vec::new(),
            waiting: vec![0; classes],
            in_hand: Vec::new(),
            experience: Experience::new(scenario.skill_by_class()),
            comes_later: taught_as.iter().enumerate().map(is_itself).collect(),
            taught_as,
            room: Room::default(),
            past: vec![Past::default(); classes],
            handling: vec![Sum::default(); classes],
            leaving: vec![Sum::default(); classes],
            tallies: vec![Tally::default(); classes],
            total: Tally::default(),
            scores: Scores::new(classes),
            next_reps: NextReps::default(),
            quoted_by_formula: 0,
        })
    }

    /// What happens next; `None` when every counted wait is known, or nothing more happens.
    fn next_moment(&self) -> Option<Moment> {
        let all = self.scenario.warm_up.saturating_add(self.wanted);
        if self.asked >= all && self.outstanding == 0 {
            return None;
        }
        // Where a class starves, its waits have no end; twice as many asks are enough to know it.
        let enough = all.saturating_add(self.wanted);
        let ask = self.asking.filter(|_| self.asked < enough);
        let event = self.events.peek().map(|Reverse((at, ..))| *at);
        let relaxing = self.floor.next_relaxing(&self.plan, self.now);
        let event = event.map(Moment::Event);
        let relaxing = relaxing.map(Moment::Relaxing);
        let ask = ask.map(Moment::Ask);
        if ask.is_none() && event.is_none() && self.asked >= enough {
            return None;
        }
        [event, relaxing, ask]
            .into_iter()
            .flatten()
            .min_by_key(Moment::at)
    }

    fn ask(&mut self, asking: Asking) {
        let index = self.asked;
        let kind = self.kind(asking.class);
        self.experience.learn_arrival(kind, seconds(self.now));
        self.asked += 1;
        let counted = index.checked_sub(self.scenario.warm_up);
        if counted == Some(0) || (counted == Some(self.wanted)) {
            self.staff.mark(self.now);
        }
        let counted = match counted {
            Some(place) if place < self.wanted => {
                Counted::At(super::tally::whole(place) / super::tally::whole(self.wanted))
            }
            Some(_) | None => Counted::No,
        };
        if let Some(rep) = self.floor.rep_for_newcomer(&self.plan, asking.class) {
            let ticket = self.open_ticket(&asking, counted);
            self.begin(ticket, rep, 0);
            return;
        }
        let waiting: usize = self.waiting.iter().sum();
        if waiting >= self.scenario.routing.queue_limit {
            if let Counted::At(_) = counted {
                self.total.count_blocked();
                if let Some(tally) = self.tallies.get_mut(asking.class) {
                    tally.count_blocked();
                }
            }
            return;
        }
        let said = match counted {
            Counted::At(_) => self.forecasts(asking.class, index),
            Counted::No => Said::default(),
        };
        let slot = self.open_ticket(&asking, counted);
        let queued = self.floor.enqueue(asking.class, slot, self.now);
        if let Some(ticket) = self.ticket_mut(slot) {
            ticket.number = queued.number;
            ticket.forecasts = said.forecasts;
            ticket.sample = said.sample;
            ticket.played = said.played;
            ticket.likely = said.likely;
        }
        if let Counted::At(_) = counted {
            self.outstanding += 1;
        }
        if let Some(waiting) = self.waiting.get_mut(asking.class) {
            *waiting += 1;
        }
        if let Some(patience) = asking.patience {
            let event = Event::Leaves {
                ticket: slot,
                number: queued.number,
            };
            self.schedule(self.now.saturating_add(patience), event);
        }
    }

    /// Lets the earliest event happen.
    fn happen(&mut self) {
        let Some(Reverse((_, _, event))) = self.events.pop() else {
            return;
        };
        match event {
            Event::Ended { ticket } => self.end(ticket),
            Event::Rested { ticket } => self.free(ticket),
            Event::Leaves { ticket, number } => self.leave(ticket, number),
        }
    }

    fn end(&mut self, slot: u32) {
        let wrap_up = self.plan.wrap_up;
        let until = self.now.saturating_add(wrap_up);
        let Some(ticket) = self.tickets.get_mut(slot as usize) else {
            return;
        };
        let Stage::Open { rep, .. } = ticket.stage else {
            return;
        };
        let (class, service) = (ticket.class, seconds(ticket.service));
        ticket.stage = Stage::Resting { rep, until };
        if let Some(handling) = self.handling.get_mut(class) {
            handling.count += 1.0;
            handling.sum += service + seconds(wrap_up);
        }
        self.experience.learn_handling(self.kind(class), service);
        self.floor.note_activity(rep, self.now);
        if wrap_up > 0 {
            self.schedule(until, Event::Rested { ticket: slot });
        } else {
            self.free(slot);
        }
    }

    fn free(&mut self, slot: u32) {
        let Some(ticket) = self.tickets.get(slot as usize) else {
            return;
        };
        let Stage::Resting { rep, .. } = ticket.stage else {
            return;
        };
        self.vacant.push(slot);
        if let Some(place) = self.in_hand.iter().position(|&held| held == slot) {
            self.in_hand.swap_remove(place);
        }
        self.floor.free(rep);
        self.staff.free(rep, self.now);
        self.drain();
    }

    fn leave(&mut self, slot: u32, number: u64) {
        let now = self.now;
        let Some(ticket) = self.tickets.get_mut(slot as usize) else {
            return;
        };
        if ticket.number != number || ticket.stage != Stage::Waiting {
            return;
        }
        ticket.stage = Stage::Left;
        let (class, wait, counted) = (
            ticket.class,
            seconds(now.saturating_sub(ticket.asked)),
            ticket.counted,
        );
        let range = self
            .tickets
            .get(slot as usize)
            .and_then(|ticket| ticket.played);
        if range.is_some_and(|(_, high)| wait > high) {
            self.learn_range(slot, wait);
        }
        self.stop_waiting(class, wait, WaitEnd::Left);
        self.count(class, End::Abandoned, wait, counted);
    }

    /// Puts everybody to a rep who can be.
    fn drain(&mut self) {
        while let Some(found) = self.floor.next_match(&self.plan, self.now) {
            self.take(&found);
        }
    }

    fn take(&mut self, found: &Match) {
        let slot = found.queued.ticket;
        let Some(ticket) = self.tickets.get(slot as usize) else {
            return;
        };
        let (class, stage, counted) = (ticket.class, ticket.stage, ticket.counted);
        let wait = seconds(self.now.saturating_sub(ticket.asked));
        if let Counted::At(_) = counted {
            self.scores
                .add(class, &ticket.forecasts, ticket.sample, wait);
            if let Some(likely) = ticket.likely {
                self.next_reps.add(likely, found.rep);
            }
            self.outstanding -= 1;
        }
        match stage {
            Stage::Waiting => {
                self.learn_range(slot, wait);
                self.stop_waiting(class, wait, WaitEnd::Served);
                self.begin(slot, found.rep, found.step);
            }
            Stage::Left => self.vacant.push(slot),
            Stage::Open { .. } | Stage::Resting { .. } => {}
        }
    }

    /// The rep takes the ticket, for which so many rules had fired.
    fn begin(&mut self, slot: u32, rep: usize, step: usize) {
        let Some(ticket) = self.tickets.get_mut(slot as usize) else {
            return;
        };
        ticket.stage = Stage::Open {
            rep,
            since: self.now,
        };
        self.in_hand.push(slot);
        let (class, service, counted) = (ticket.class, ticket.service, ticket.counted);
        let wait = seconds(self.now.saturating_sub(ticket.asked));
        self.floor.take(&self.plan, rep, self.now);
        self.staff.occupy(rep, self.now);
        self.schedule(
            self.now.saturating_add(service),
            Event::Ended { ticket: slot },
        );
        if let Some(past) = self.past.get_mut(class) {
            past.learn(wait);
        }
        let could_at_first = step == 0
            || self
                .plan
                .eligible(class, 0)
                .is_some_and(|first| first.contains(rep));
        let end = if could_at_first {
            End::FirstChoice
        } else {
            End::Relaxed
        };
        self.count(class, end, wait, counted);
    }

    /// As which the experience knows a class.
    fn kind(&self, class: usize) -> usize {
        self.taught_as.get(class).copied().unwrap_or(class)
    }

    /// What became of a wait that was quoted, as far as a desk would know.
    fn learn_range(&mut self, slot: u32, wait: f64) {
        if let Some(ticket) = self.tickets.get(slot as usize)
            && let Some(range) = ticket.played
        {
            let kind = self.kind(ticket.class);
            self.experience.learn_range(kind, range, wait);
        }
    }

    fn stop_waiting(&mut self, class: usize, wait: f64, end: WaitEnd) {
        self.experience.learn_patience(self.kind(class), wait, end);
        if let Some(waiting) = self.waiting.get_mut(class) {
            *waiting = waiting.saturating_sub(1);
        }
        if let Some(leaving) = self.leaving.get_mut(class) {
            leaving.count += match end {
                WaitEnd::Left => 1.0,
                WaitEnd::Served => 0.0,
            };
            leaving.sum += wait;
        }
    }

    fn count(&mut self, class: usize, end: End, wait: f64, counted: Counted) {
        let Counted::At(progress) = counted else {
            return;
        };
        self.total.count(end, wait, progress);
        if let Some(tally) = self.tallies.get_mut(class) {
            tally.count(end, wait, progress);
        }
    }

    /// What each estimator says to a newcomer of the class, the `index`th to ask.
    fn forecasts(&mut self, class: usize, index: u64) -> Said {
        let simple = self.view(class).zip(self.past.get(class));
        let simple = simple.map(|(view, past)| past.forecasts(&view));
        let every = self.wanted.checked_div(self.scenario.quotes);
        let sample = match every.map(|every| index.checked_rem(every.max(1))) {
            Some(Some(0)) => Sample::Quoted,
            Some(_) | None => Sample::NotQuoted,
        };
        let quoted = match sample {
            Sample::Quoted => self.quote(class, index),
            Sample::NotQuoted => None,
        };
        if let Some(Quote {
            form: Form::Formula,
            ..
        }) = quoted
        {
            self.quoted_by_formula += 1;
        }
        let played = quoted.filter(|quote| quote.form == Form::Played);
        let played = played.map(|quote| (quote.forecast.low, quote.forecast.high));
        Said {
            likely: quoted.and_then(|quote| quote.likely),
            forecasts: Forecasts {
                quoted: quoted.map(|quote| quote.forecast),
                simple: simple.unwrap_or_default(),
            },
            sample,
            played,
        }
    }

    fn quote(&mut self, class: usize, index: u64) -> Option<Quote> {
        let held = |&slot: &u32| {
            let ticket = self.tickets.get(slot as usize)?;
            let kind = Some(self.kind(ticket.class));
            match ticket.stage {
                Stage::Open { rep, since } => Some(InHand::Conversation { rep, kind, since }),
                Stage::Resting { rep, until } => Some(InHand::Rest { rep, until }),
                Stage::Waiting | Stage::Left => None,
            }
        };
        let in_hand: Vec<InHand> = self.in_hand.iter().filter_map(held).collect();
        let mut floor = self.floor.clone();
        floor.retain(|queued| {
            let ticket = self.tickets.get(queued.ticket as usize);
            queued.ticket = UNNAMED;
            ticket.is_some_and(|ticket| ticket.stage == Stage::Waiting)
        });
        self.experience.refresh();
        let scene = Scene {
            plan: &self.plan,
            floor: &floor,
            in_hand: &in_hand,
            experience: &self.experience,
            taught_as: &self.taught_as,
            comes_later: &self.comes_later,
            tickets: 0,
            now: self.now,
        };
        *quote(&scene, &[class], index, &mut self.room)?
            .newcomers
            .first()?
    }

    fn view(&self, class: usize) -> Option<View> {
        let handling = self.handling.get(class)?;
        if handling.count == 0.0 {
            return None;
        }
        let mine = self.plan.eligible(class, 0)?;
        let (mut ahead, mut leaves, mut waited) = (0, 0.0, 0.0);
        for (kind, line) in self.floor.lines().iter().enumerate() {
            let Some(head) = line.front() else { continue };
            let count = self.waiting.get(kind).copied().unwrap_or(0);
            let step = self.plan.step(self.now.saturating_sub(head.since));
            let competes = self
                .plan
                .eligible(kind, step)
                .is_some_and(|theirs| theirs.meets(mine));
            if !competes || !self.plan.precedes_newcomer(kind, class) {
                continue;
            }
            ahead += count;
        }
        for leaving in &self.leaving {
            leaves += leaving.count;
            waited += leaving.sum;
        }
        let head = self.floor.lines().get(class)?.iter().find(|queued| {
            let ticket = self.tickets.get(queued.ticket as usize);
            ticket.is_some_and(|ticket| ticket.stage == Stage::Waiting)
        });
        let length = Length {
            ahead,
            servers: f64::from(self.plan.servers(class, 0)),
            handling: handling.sum / handling.count,
            impatience: if waited > 0.0 { leaves / waited } else { 0.0 },
            overtaking: 0.0,
        };
        Some(View {
            length,
            head_wait: head.map_or(0.0, |head| seconds(self.now.saturating_sub(head.since))),
        })
    }

    fn open_ticket(&mut self, asking: &Asking, counted: Counted) -> u32 {
        let ticket = Ticket {
            class: asking.class,
            number: 0,
            asked: self.now,
            service: asking.service,
            stage: Stage::Waiting,
            counted,
            forecasts: Forecasts::default(),
            sample: Sample::NotQuoted,
            played: None,
            likely: None,
        };
        if let Some(slot) = self.vacant.pop()
            && let Some(place) = self.tickets.get_mut(slot as usize)
        {
            *place = ticket;
            return slot;
        }
        self.tickets.push(ticket);
        u32::try_from(self.tickets.len() - 1).unwrap_or(u32::MAX)
    }

    fn ticket_mut(&mut self, slot: u32) -> Option<&mut Ticket> {
        self.tickets.get_mut(slot as usize)
    }

    fn schedule(&mut self, at: Tick, event: Event) {
        self.scheduled += 1;
        self.events.push(Reverse((at, self.scheduled, event)));
    }

    fn report(mut self) -> Report {
        let classes = self.scenario.classes.iter().zip(&self.tallies);
        let classes = classes
            .map(|(class, tally)| (class.name.clone(), tally.report()))
            .collect();
        self.staff.mark(self.now);
        Report {
            total: self.total.report(),
            classes,
            pools: self.staff.report(self.scenario),
            estimators: self.scores.report(),
            estimators_beside_quoted: self.scores.report_beside_quoted(),
            quoted_by_class: self.scores.report_by_class(),
            promises: self.scores.promises(),
            next_reps: self.next_reps.report(),
            quoted_by_formula: self.quoted_by_formula,
            seconds: self.staff.counted_seconds(),
        }
    }
}

impl Moment {
    fn at(&self) -> Tick {
        match self {
            Self::Ask(asking) => asking.at,
            Self::Event(at) | Self::Relaxing(at) => *at,
        }
    }
}
