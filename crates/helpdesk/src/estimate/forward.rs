//! Plays the queue forward from where it stands, by the same routing code, many times over: the waits that
//! come out are the forecast. Must not know what is done with it.

use std::collections::BTreeMap;

use super::agenda::{Agenda, Event};
use super::experience::HandlingTimes;
use super::range::{Forecast, Tail};
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
/// All that one forecast may come to in the time of events, with the look at the desk before it and the account of it
/// after it: below two milliseconds.
const WHOLE: usize = 24_000;
/// What it takes, in events, to look up one conversation in hand, and to put one ticket in its place and promise it its
/// wait.
const LOOKED_UP: usize = 6;
const PROMISED: usize = 6;
/// Reps who are worked out for one kind and step in the time of one event.
const WORKED_OUT_FOR_AN_EVENT: usize = 16;

/// Conversations in hand whose rest is drawn, and tickets that are lined up, in the time of one event.
const DRAWN_FOR_AN_EVENT: usize = 8;
const LINED_UP_FOR_AN_EVENT: usize = 64;

/// Plays forward until every newcomer in `probes`, one of each kind named, has come to a rep. `None` where
/// too little is known, or the desk is too large to be played often enough.
///
/// A probe takes no rep away from anybody: it only tells when it would be its turn.
pub(crate) fn play(
    scene: &Scene<'_>,
    probes: &[usize],
    seed: u64,
    room: &mut Room,
) -> Option<Vec<Played>> {
    let drawn = draw(scene, probes, seed, &mut room.waits)?;
    summary(scene, probes, &drawn, &room.waits)
}

/// Room that a forecast leaves for the next: what is given back and asked for again a few milliseconds later, the system
/// has to clear each time.
#[derive(Debug, Default)]
pub(crate) struct Room {
    /// Draw after draw, the waits of each.
    waits: Vec<f64>,
}

/// What many plays came to.
struct Drawn {
    draws: usize,
    /// How often who took each probe.
    takers: Vec<BTreeMap<usize, usize>>,
    /// All there was to do, in events.
    spent: usize,
}

impl Drawn {
    /// Whether another play of the mean size is within the budget. As many are played as a forecast needs anyway.
    fn has_room_for_one_more(&self, budget: usize) -> bool {
        let mean = self.spent / self.draws.max(1);
        self.draws < FEWEST_DRAWS || self.spent + mean <= budget
    }
}

/// What a forecast takes beside its plays, in events: the same desk takes the same, whether it is played or not.
fn around(scene: &Scene<'_>, asked: usize) -> usize {
    let plan = scene.plan;
    let worked_out = plan.kinds() * plan.steps() * plan.capacities.len();
    let looked_up = scene.in_hand.len() * LOOKED_UP;
    looked_up + asked * PROMISED + worked_out / WORKED_OUT_FOR_AN_EVENT
}

/// Plays as often as the budget allows. What is done is counted and not timed, so that the same desk is always quoted
/// the same, whatever else the machine does.
fn draw(scene: &Scene<'_>, probes: &[usize], seed: u64, waits: &mut Vec<f64>) -> Option<Drawn> {
    waits.clear();
    let asked = scene.tickets + probes.len();
    let to_set = 1 + scene.in_hand.len() / DRAWN_FOR_AN_EVENT + asked / LINED_UP_FOR_AN_EVENT;
    let budget = EVENTS.min(WHOLE.saturating_sub(around(scene, asked)));
    // What one play may take, for there to be enough of them.
    let fair_share = budget / FEWEST_DRAWS;
    if asked + to_set > fair_share {
        return None;
    }
    let mut stage = Stage::new(scene, probes)?;
    let mut random = Random::new(seed, 0);
    let mut drawn = Drawn {
        draws: 0,
        takers: vec![BTreeMap::new(); probes.len()],
        spent: 0,
    };
    while drawn.draws < DRAWS && drawn.has_room_for_one_more(budget) {
        stage.set(&mut random)?;
        drawn.spent += to_set + stage.play(&mut random, fair_share - to_set)?;
        waits.extend(stage.waits.iter().map(|wait| wait.unwrap_or_default()));
        drawn.draws += 1;
        for (takers, taker) in drawn.takers.iter_mut().zip(&stage.takers) {
            *takers.entry(*taker).or_default() += 1;
        }
    }
    (drawn.draws >= FEWEST_DRAWS).then_some(drawn)
}

fn summary(
    scene: &Scene<'_>,
    probes: &[usize],
    drawn: &Drawn,
    waits: &[f64],
) -> Option<Vec<Played>> {
    let asked = scene.tickets + probes.len();
    let Drawn { draws, takers, .. } = drawn;
    let mut kinds = vec![0; scene.tickets];
    for (kind, line) in scene.floor.lines().iter().enumerate() {
        for queued in line {
            if let Some(place) = kinds.get_mut(queued.ticket as usize) {
                *place = kind;
            }
        }
    }
    let tails: Vec<Tail> = (0..scene.plan.kinds())
        .map(|kind| Tail::of(scene.experience.tail(scene.taught_as(kind))))
        .collect();
    let kinds = kinds.iter().chain(probes);
    let tails = kinds.map(|&kind| tails.get(kind).copied());
    let of_tickets = std::iter::repeat_n(None, scene.tickets);
    let of_probes = takers.iter().map(|takers| {
        let (taker, times) = takers.iter().max_by_key(|(_, times)| **times)?;
        let draws: usize = takers.values().sum();
        (times * 2 > draws).then(|| Likely {
            rep: *taker,
            share: super::count(*times) / super::count(draws),
        })
    });
    let mut column = Vec::with_capacity(*draws);
    let mut played = Vec::with_capacity(asked);
    for ((place, tail), likely) in (0..asked).zip(tails).zip(of_tickets.chain(of_probes)) {
        column.clear();
        column.extend(waits.iter().skip(place).step_by(asked));
        let forecast = forecast(&mut column, tail?)?;
        played.push(Played { forecast, likely });
    }
    Some(played)
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

fn forecast(waits: &mut [f64], tail: Tail) -> Option<Forecast> {
    if waits.len() >= ENOUGH_FOR_QUANTILES {
        return Forecast::of_draws(waits, tail.share);
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
    events: Agenda,
    /// Before this time no rule fires for the head of a line.
    relaxing: Option<Tick>,
    /// The conversations in hand, with what is known of each.
    talks: Vec<Talk<'a>>,
    /// The ends of the rests in hand.
    rests: Vec<Event>,
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
    rep: u32,
    times: &'a HandlingTimes,
    elapsed: f64,
    over: usize,
}

/// Somebody comes in, instead of a rep who comes free.
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
        let (mut talks, mut rests) = (Vec::new(), Vec::new());
        for in_hand in scene.in_hand {
            match *in_hand {
                InHand::Conversation { rep, kind, since } => {
                    let times = match kind {
                        Some(kind) => experience.handling(kind)?,
                        None => experience.handling_of_any()?,
                    };
                    let elapsed = seconds(scene.now.saturating_sub(since));
                    talks.push(Talk {
                        rep: u32::try_from(rep).ok()?,
                        times,
                        elapsed,
                        over: times.over_by(elapsed),
                    });
                }
                InHand::Rest { rep, until } => rests.push(Event {
                    at: until,
                    of: u32::try_from(rep).ok()?,
                }),
            }
        }
        Some(Self {
            scene: *scene,
            probes,
            floor: scene.floor.clone(),
            events: Agenda::default(),
            relaxing: None,
            talks,
            rests,
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
        let (now, wrap_up) = (self.now, self.scene.plan.wrap_up);
        let talks = self.talks.iter().map(|talk| {
            let rest = talk.times.rest(talk.over, talk.elapsed, random);
            let free = now.saturating_add(ticks(rest));
            Event {
                at: free.saturating_add(wrap_up),
                of: talk.rep,
            }
        });
        self.events.set(talks.chain(self.rests.iter().copied()));
        self.waits.fill(None);
        self.unknown = self.waits.len();
        let first_probe = u32::try_from(self.scene.tickets).ok()?;
        for (ticket, &kind) in (first_probe..).zip(self.probes) {
            self.floor.enqueue(kind, ticket, self.now);
        }
        self.schedule_arrival(random);
        Some(())
    }

    /// Plays until every wait is known, and says how much there was to do. `None` when one would never end, or there
    /// was more to do than `at_most`.
    fn play(&mut self, random: &mut Random, at_most: usize) -> Option<usize> {
        let mut played = self.relax(random);
        while self.unknown > 0 {
            if played > at_most {
                return None;
            }
            match (self.events.earliest(), self.relaxing) {
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
        Some(played)
    }

    /// Says how much there was to do.
    fn happen(&mut self, event: Event, random: &mut Random) -> usize {
        self.now = event.at;
        self.events.drop_earliest();
        let mut done = 1;
        if event.of == ARRIVAL {
            let kind = self.newcomer(random);
            match self.floor.rep_for_newcomer(self.scene.plan, kind) {
                Some(rep) => self.begin(kind, rep, random),
                None => {
                    self.floor.enqueue(kind, UNNAMED, self.now);
                    self.look_at_head(kind);
                }
            }
            self.schedule_arrival(random);
        } else {
            let rep = event.of as usize;
            self.floor.note_activity(rep, self.now);
            if self.floor.free(rep) {
                while let Some(found) = self.floor.next_match_of(self.scene.plan, rep, self.now) {
                    done += usize::from(self.take(&found, random) == Took::Nothing);
                }
            }
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
            self.events.add(Event { at: free, of: rep });
        }
    }

    fn schedule_arrival(&mut self, random: &mut Random) {
        if self.all_rates > 0.0 {
            let gap = ticks(random.exponential() / self.all_rates);
            let at = self.now.saturating_add(gap);
            self.events.add(Event { at, of: ARRIVAL });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::Wishes;
    use crate::config::{Priority, Rep, Routing};
    use crate::estimate::experience::Experience;
    use crate::estimate::quote::{Form, quote};
    use crate::ids::{Level, RepId, SkillId, TierId};
    use crate::routing::floor::Queued;
    use crate::routing::plan::{Kind, Plan};
    use crate::routing::reps::RepSet;

    /// Reps with two conversations each, and tickets that wait for them since a minute.
    struct Room {
        plan: Plan,
        floor: Floor,
        in_hand: Vec<InHand>,
        experience: Experience,
        queued: usize,
    }

    const NOW: Tick = 3_600_000_000_000;

    impl Room {
        /// All of one kind, in conversations of some minutes.
        fn new(reps: usize, queued: usize) -> Self {
            Self::with_kinds(reps, queued, &[1.0])
        }

        /// The tickets are of the first kind, which is as heavy as the first of these.
        fn with_kinds(reps: usize, queued: usize, weights: &[f64]) -> Self {
            let skill = SkillId::new("cameras");
            let rep = |number: usize| Rep {
                id: RepId::new(&format!("rep{number:05}")),
                name: String::new(),
                skills: vec![(skill.clone(), Level::MAX)],
                tiers: None,
                capacity: 2,
            };
            let all: Vec<Rep> = (0..reps).map(rep).collect();
            let kind = |(number, &weight): (usize, &f64)| Kind {
                skills: vec![skill.clone()],
                wishes: Wishes::NONE,
                tier: TierId::new(&format!("tier{number}")),
                weight,
                named: None,
            };
            let kinds: Vec<Kind> = weights.iter().enumerate().map(kind).collect();
            let mut at_work = RepSet::with_room_for(reps);
            (0..reps).for_each(|rep| at_work.insert(rep));
            let routing = Routing {
                priority: Priority::Strict,
                ..Routing::default()
            };
            let all: Vec<&Rep> = all.iter().collect();
            let plan = Plan::new(&all, &at_work, &kinds, &routing);
            let mut floor = Floor::new(&plan, 0);
            let mut in_hand = Vec::new();
            for rep in (0..reps).flat_map(|rep| [rep, rep]) {
                floor.occupy(&plan, rep);
                in_hand.push(InHand::Conversation {
                    rep,
                    kind: Some(0),
                    since: NOW - 60_000_000_000,
                });
            }
            for number in 0..queued {
                let ticket = Queued {
                    ticket: u32::try_from(number).unwrap(),
                    number: number as u64,
                    since: NOW - 60_000_000_000,
                };
                floor.line_up(0, ticket);
            }
            let mut experience = Experience::new(vec![0; weights.len()]);
            for took in 1..=100 {
                experience.learn_handling(0, f64::from(took) * 5.0);
            }
            experience.refresh();
            Self {
                plan,
                floor,
                in_hand,
                experience,
                queued,
            }
        }

        fn scene(&self) -> Scene<'_> {
            Scene {
                plan: &self.plan,
                floor: &self.floor,
                in_hand: &self.in_hand,
                experience: &self.experience,
                taught_as: &[],
                comes_later: &[],
                tickets: self.queued,
                now: NOW,
            }
        }

        #[track_caller]
        fn check(&self, form: Form) {
            let quotes = quote(&self.scene(), &[0], 1, &mut super::Room::default()).unwrap();
            let all = quotes.tickets.iter().chain(&quotes.newcomers);
            for quote in all {
                assert_eq!(quote.unwrap().form, form);
            }
            assert_eq!(quotes.tickets.len(), self.queued);
        }
    }

    /// All of it: the look at the desk, the plays, and the account of them.
    #[test]
    fn whatever_the_desk_a_forecast_keeps_to_its_budget() {
        let desks = [(1, 0), (1, 1_000), (10, 30), (200, 1_000), (1_000, 1)];
        for (reps, queued) in desks {
            let room = Room::new(reps, queued);
            let scene = room.scene();
            let drawn = draw(&scene, &[0], 1, &mut Vec::new()).unwrap();
            let around = around(&scene, queued + 1);
            // The last play is played to its end.
            let at_most = EVENTS / FEWEST_DRAWS + LINES_FOR_AN_EVENT;
            for (spent, of) in [(drawn.spent, EVENTS), (around + drawn.spent, WHOLE)] {
                assert!(spent <= of + at_most, "{reps} {queued}: {spent} events");
            }
            assert!(drawn.draws >= FEWEST_DRAWS, "{reps} {queued}");
            room.check(Form::Played);
        }
    }

    /// Each of these queues is short enough to be played before fewer reps, or of fewer kinds.
    #[test]
    fn what_the_look_at_the_desk_takes_is_not_left_for_plays() {
        Room::new(400, 800).check(Form::Played);
        Room::new(1_000, 800).check(Form::Formula);
        Room::new(1_000, 100).check(Form::Played);
        Room::new(2_000, 100).check(Form::Formula);
        Room::with_kinds(200, 500, &[1.0; 100]).check(Form::Played);
        Room::with_kinds(200, 500, &[1.0; 1_500]).check(Form::Formula);
    }

    #[test]
    fn a_short_queue_before_many_reps_is_drawn_less_often() {
        let draws = |reps| {
            let room = Room::new(reps, 1);
            draw(&room.scene(), &[0], 1, &mut Vec::new()).unwrap().draws
        };
        assert_eq!(draws(10), DRAWS);
        assert!((FEWEST_DRAWS..DRAWS).contains(&draws(1_000)));
    }

    #[test]
    fn a_queue_too_long_to_be_played_is_quoted_by_its_length() {
        Room::new(200, 1_300).check(Form::Formula);
    }

    #[test]
    fn more_conversations_than_can_be_drawn_are_quoted_by_the_length_of_the_queue() {
        Room::new(6_000, 10).check(Form::Formula);
    }

    /// Heavier ones come faster than anybody can be served, and all of them go first.
    #[test]
    fn a_wait_that_would_take_too_long_to_play_is_quoted_by_the_length_of_the_queue() {
        let mut room = Room::with_kinds(1, 1, &[1.0, 2.0]);
        room.check(Form::Played);
        for number in 0..100 {
            room.experience
                .learn_arrival(1, 3_500.0 + f64::from(number));
        }
        room.check(Form::Formula);
    }
}
