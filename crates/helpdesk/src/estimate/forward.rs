//! Plays the queue forward from where it stands, by the same routing code, many times over: the waits that
//! come out are the forecast. Must not know what is done with it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::experience::HandlingTimes;
use super::range::Forecast;
use super::scene::{InHand, Scene, UNNAMED};
use crate::random::Random;
use crate::routing::floor::{Floor, Match};
use crate::routing::plan::Tick;

/// Times that the queue is played where it is short.
const DRAWS: usize = 200;
/// Times that it must have been played for its waits to be quoted.
const FEWEST_DRAWS: usize = 10;
/// From this many draws the range is read off them; of fewer it is that of a gamma law.
const ENOUGH_FOR_QUANTILES: usize = 100;
/// Conversations, leaves and arrivals that may be played for one forecast: about a millisecond.
const EVENTS: usize = 12_000;

/// Plays forward until every newcomer in `probes`, one of each kind named, has come to a rep. `None` where
/// too little is known, or the queue is too long to be played often enough.
///
/// A probe takes no rep away from anybody: it only tells when it would be its turn.
pub(crate) fn play(scene: &Scene<'_>, probes: &[usize], seed: u64) -> Option<Vec<Played>> {
    if scene.tickets + probes.len() > EVENTS / FEWEST_DRAWS {
        return None;
    }
    let mut stage = Stage::new(scene, probes)?;
    let mut random = Random::new(seed, 0);
    let asked = scene.tickets + probes.len();
    // Draw after draw, the waits of each.
    let mut waits = Vec::with_capacity(asked * FEWEST_DRAWS);
    let mut draws = 0;
    let mut takers = vec![BTreeMap::<usize, usize>::new(); probes.len()];
    let mut budget = EVENTS;
    while draws < DRAWS && budget > 0 {
        stage.set(&mut random)?;
        stage.play(&mut random, &mut budget)?;
        waits.extend(stage.waits.iter().map(|wait| wait.unwrap_or_default()));
        draws += 1;
        for (takers, taker) in takers.iter_mut().zip(&stage.takers) {
            *takers.entry(*taker).or_default() += 1;
        }
    }
    if draws < FEWEST_DRAWS {
        return None;
    }
    let mut kinds = vec![0; scene.tickets];
    for (kind, line) in scene.floor.lines().iter().enumerate() {
        for queued in line {
            if let Some(place) = kinds.get_mut(queued.ticket as usize) {
                *place = kind;
            }
        }
    }
    let kinds = kinds.iter().chain(probes);
    let tails = kinds.map(|&kind| scene.experience.tail(scene.taught_as(kind)));
    let of_tickets = std::iter::repeat_n(None, scene.tickets);
    let of_probes = takers.iter().map(|takers| {
        let (taker, times) = takers.iter().max_by_key(|(_, times)| **times)?;
        let draws: usize = takers.values().sum();
        (times * 2 > draws).then(|| Likely {
            rep: *taker,
            share: super::count(*times) / super::count(draws),
        })
    });
    let mut column = Vec::with_capacity(draws);
    (0..asked)
        .zip(tails)
        .zip(of_tickets.chain(of_probes))
        .map(|((place, tail), likely)| {
            column.clear();
            column.extend(waits.iter().skip(place).step_by(asked));
            Some(Played {
                forecast: forecast(&mut column, tail)?,
                likely,
            })
        })
        .collect()
}

/// What came out for one wait.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Played {
    pub(crate) forecast: Forecast,
    pub(crate) likely: Option<Likely>,
}

/// The rep who takes a ticket more often than not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Likely {
    /// By place in the plan.
    pub(crate) rep: usize,
    /// In how many of the draws, 0 to 1.
    pub(crate) share: f64,
}

fn forecast(waits: &mut [f64], tail: f64) -> Option<Forecast> {
    if waits.len() >= ENOUGH_FOR_QUANTILES {
        return Forecast::of_draws(waits, tail);
    }
    let draws = super::count(waits.len());
    let mean = waits.iter().sum::<f64>() / draws;
    let squares: f64 = waits.iter().map(|wait| (wait - mean).powi(2)).sum();
    Some(Forecast::gamma_leaving(mean, squares / (draws - 1.0), tail))
}

struct Stage<'a> {
    scene: Scene<'a>,
    probes: &'a [usize],
    floor: Floor,
    events: BinaryHeap<Reverse<Event>>,
    /// The first of the events has happened and is still there: the next one to come takes its place.
    is_first_over: bool,
    /// Before this time no rule fires for the head of a line.
    relaxing: Option<Tick>,
    /// The conversations in hand, with what is known of each.
    talks: Vec<Talk<'a>>,
    handling: Vec<&'a HandlingTimes>,
    impatience: Vec<f64>,
    /// Arrivals a second, by kind; empty where whoever comes later is of no concern.
    rates: Vec<f64>,
    all_rates: f64,
    waits: Vec<Option<f64>>,
    /// Who takes the probes.
    takers: Vec<usize>,
    /// Waits that are not known yet.
    unknown: usize,
    now: Tick,
}

#[derive(Clone, Copy)]
struct Talk<'a> {
    rep: usize,
    times: &'a HandlingTimes,
    elapsed: f64,
    over: usize,
}

/// Somebody comes free or comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    at: Tick,
    /// The rep who is free, or [`ARRIVAL`].
    of: u32,
}

/// Instead of a rep.
const ARRIVAL: u32 = u32::MAX;

/// What came of a match.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Took {
    Ticket,
    /// The shopper had left, or only asked whose turn it would be.
    Nothing,
}

/// Lines of tickets that are looked at in the time of one event.
const LINES_FOR_AN_EVENT: usize = 8;

const SECOND: f64 = 1e9;

impl<'a> Stage<'a> {
    fn new(scene: &Scene<'a>, probes: &'a [usize]) -> Option<Self> {
        let experience = scene.experience;
        if !experience.knows_enough() {
            return None;
        }
        let handling: Vec<_> = (0..scene.plan.kinds())
            .map(|kind| {
                let taught_as = scene.taught_as(kind);
                experience.handling(taught_as)
            })
            .collect::<Option<_>>()?;
        let kinds = 0..scene.plan.kinds();
        let now = seconds(scene.now);
        let rates: Vec<f64> = if scene.plan.later_ones_matter() {
            let rates = kinds.clone().map(|kind| scene.arrival_rate(kind, now));
            rates.collect()
        } else {
            Vec::new()
        };
        let mut talks = Vec::new();
        for in_hand in scene.in_hand {
            match *in_hand {
                InHand::Conversation { rep, kind, since } => {
                    let times = match kind {
                        Some(kind) => experience.handling(scene.taught_as(kind))?,
                        None => experience.handling_of_any()?,
                    };
                    let elapsed = seconds(scene.now.saturating_sub(since));
                    talks.push(Talk {
                        rep,
                        times,
                        elapsed,
                        over: times.over_by(elapsed),
                    });
                }
                InHand::Rest { .. } => {}
            }
        }
        Some(Self {
            scene: *scene,
            probes,
            floor: scene.floor.clone(),
            events: BinaryHeap::with_capacity(scene.in_hand.len() + 1),
            is_first_over: false,
            relaxing: None,
            talks,
            handling,
            impatience: kinds
                .map(|kind| experience.impatience(scene.taught_as(kind)))
                .collect(),
            all_rates: rates.iter().sum(),
            rates,
            waits: vec![None; scene.tickets + probes.len()],
            takers: vec![0; probes.len()],
            unknown: 0,
            now: scene.now,
        })
    }

    /// Sets the desk as it stands, and draws how long what is in hand still takes.
    fn set(&mut self, random: &mut Random) -> Option<()> {
        self.now = self.scene.now;
        self.floor.copy(self.scene.floor);
        let mut events = std::mem::take(&mut self.events).into_vec();
        events.clear();
        for talk in &self.talks {
            let rest = talk.times.rest(talk.over, talk.elapsed, random);
            let free = self.now.saturating_add(ticks(rest));
            let free = free.saturating_add(self.scene.plan.wrap_up);
            let rep = u32::try_from(talk.rep).ok()?;
            events.push(Reverse(Event { at: free, of: rep }));
        }
        for in_hand in self.scene.in_hand {
            match *in_hand {
                InHand::Conversation { .. } => {}
                InHand::Rest { rep, until } => {
                    let rep = u32::try_from(rep).ok()?;
                    events.push(Reverse(Event { at: until, of: rep }));
                }
            }
        }
        self.events = events.into();
        self.is_first_over = false;
        self.waits.fill(None);
        self.unknown = self.waits.len();
        let first_probe = u32::try_from(self.scene.tickets).ok()?;
        for (ticket, &kind) in (first_probe..).zip(self.probes) {
            self.floor.enqueue(kind, ticket, self.now);
        }
        self.schedule_arrival(random);
        Some(())
    }

    /// Plays until every wait is known. `None` when one would never end, or takes so long that too few
    /// draws could be made.
    fn play(&mut self, random: &mut Random, budget: &mut usize) -> Option<()> {
        let fair_share = EVENTS / FEWEST_DRAWS;
        let mut played = self.relax(random);
        while self.unknown > 0 {
            if played > fair_share {
                return None;
            }
            let event = self.events.peek().map(|Reverse(event)| *event);
            match (event, self.relaxing) {
                (Some(event), Some(relaxing)) if relaxing <= event.at => {
                    self.now = relaxing;
                    played += self.relax(random);
                }
                (None, Some(relaxing)) => {
                    self.now = relaxing;
                    played += self.relax(random);
                }
                (Some(event), _) => played += self.happen(event, random),
                (None, None) => return None,
            }
        }
        *budget = budget.saturating_sub(played);
        Some(())
    }

    /// Says how much there was to do.
    fn happen(&mut self, event: Event, random: &mut Random) -> usize {
        self.now = event.at;
        self.is_first_over = true;
        let mut done = 1;
        if event.of == ARRIVAL {
            let kind = self.newcomer(random);
            match self.floor.rep_for_newcomer(self.scene.plan, kind) {
                Some(rep) => self.begin(kind, rep, random),
                None => {
                    self.floor.enqueue(kind, UNNAMED, event.at);
                    self.look_at_head(kind);
                }
            }
            self.schedule_arrival(random);
        } else {
            let rep = event.of as usize;
            self.floor.note_activity(rep, event.at);
            if self.floor.free(rep) {
                while let Some(found) = self.floor.next_match_of(self.scene.plan, rep, self.now) {
                    done += usize::from(self.take(&found, random) == Took::Nothing);
                }
            }
        }
        if self.is_first_over {
            self.events.pop();
            self.is_first_over = false;
        }
        #[cfg(test)]
        assert!(
            self.floor
                .clone()
                .next_match(self.scene.plan, self.now)
                .is_none(),
            "somebody who was free before could take something"
        );
        done
    }

    /// Puts to reps whoever can be by now, when rules have fired; says how much there was to do.
    fn relax(&mut self, random: &mut Random) -> usize {
        let mut done = 1;
        while let Some(found) = self.floor.next_match(self.scene.plan, self.now) {
            done += 1;
            self.take(&found, random);
        }
        self.relaxing = self.floor.next_relaxing(self.scene.plan, self.now);
        // There is one line to look at for each kind.
        done + self.scene.plan.kinds() / LINES_FOR_AN_EVENT
    }

    fn take(&mut self, found: &Match, random: &mut Random) -> Took {
        self.look_at_head(found.kind);
        let ticket = found.queued.ticket as usize;
        if let Some(wait) = self.waits.get_mut(ticket) {
            *wait = Some(seconds(self.now.saturating_sub(self.scene.now)));
            self.unknown -= 1;
            if let Some(probe) = ticket.checked_sub(self.scene.tickets) {
                if let Some(taker) = self.takers.get_mut(probe) {
                    *taker = found.rep;
                }
                return Took::Nothing;
            }
        }
        if self.is_still_there(found.kind, found.queued.since, random) {
            self.begin(found.kind, found.rep, random);
            Took::Ticket
        } else {
            Took::Nothing
        }
    }

    /// Whoever has come to stand first may be relaxed earlier than the others.
    fn look_at_head(&mut self, kind: usize) {
        let relaxing = self.floor.next_relaxing_of(self.scene.plan, kind, self.now);
        self.relaxing = match (self.relaxing, relaxing) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }

    /// Whether a shopper has not left since the beginning of the play, or since coming later.
    fn is_still_there(&self, kind: usize, since: Tick, random: &mut Random) -> bool {
        let impatience = self.impatience.get(kind).copied().unwrap_or(0.0);
        if impatience <= 0.0 {
            return true;
        }
        let waited = seconds(self.now.saturating_sub(since.max(self.scene.now)));
        random.exponential() > waited * impatience
    }

    fn begin(&mut self, kind: usize, rep: usize, random: &mut Random) {
        let Some(times) = self.handling.get(kind) else {
            return;
        };
        let took = ticks(times.draw(random)).saturating_add(self.scene.plan.wrap_up);
        self.floor.take(self.scene.plan, rep, self.now);
        if let Ok(rep) = u32::try_from(rep) {
            let free = self.now.saturating_add(took);
            self.schedule(Event { at: free, of: rep });
        }
    }

    fn schedule_arrival(&mut self, random: &mut Random) {
        if self.all_rates > 0.0 {
            let gap = ticks(random.exponential() / self.all_rates);
            let at = self.now.saturating_add(gap);
            self.schedule(Event { at, of: ARRIVAL });
        }
    }

    fn schedule(&mut self, event: Event) {
        match self.events.peek_mut() {
            Some(mut first) if self.is_first_over => {
                self.is_first_over = false;
                *first = Reverse(event);
            }
            first => {
                drop(first);
                self.events.push(Reverse(event));
            }
        }
    }

    fn newcomer(&self, random: &mut Random) -> usize {
        let mut left = random.unit() * self.all_rates;
        let found = self.rates.iter().position(|rate| {
            left -= rate;
            left <= 0.0
        });
        found.unwrap_or(0)
    }
}

pub(super) fn seconds(ticks: Tick) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a wait has far fewer than 53 bits of meaning"
    )]
    let ticks = ticks as f64;
    ticks / SECOND
}

fn ticks(seconds: f64) -> Tick {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the cast saturates, and later than 290 years is as good as never"
    )]
    let ticks = (seconds * SECOND) as Tick;
    ticks
}
