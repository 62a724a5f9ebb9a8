//! The live desk as estimates see it: what it has learnt, and the scene from which the waits of those who
//! wait, and of a click, are played forward. Must not know who is told.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use presence::Availability;

use crate::ask::Wishes;
use crate::board::Board;
use crate::cast::Cast;
use crate::clock::Moment;
use crate::config::Config;
use crate::estimate::experience::Experience;
use crate::estimate::forward::Room;
use crate::estimate::quote::{Form, Quote, quote};
use crate::estimate::scene::{InHand, Scene};
use crate::groups::Groups;
use crate::ids::{RepId, SkillId, TierId};
use crate::lesson::{Lesson, Observation};
use crate::plan_size::PlanSize;
use crate::promises;
use crate::roster::{Roster, Seat};
use crate::routing::fits::{Steps, Want};
use crate::routing::floor::{Floor, Queued};
use crate::routing::plan::{DeskKind, Exception, Plan, Tick};
use crate::snapshot::Wait;
use crate::tickets::{Stage, Ticket, Tickets};

/// The same random numbers each time, so that a wait changes only because the desk does.
const SEED: u64 = 1;
/// How long an outlook holds while nobody comes, goes or is taken.
const FRESH_FOR: Duration = Duration::from_secs(1);
/// In a millisecond.
const NANOSECONDS: i64 = 1_000_000;

/// What the desk has learnt of each skill, and of each skill and tier.
#[derive(Debug)]
pub(crate) struct Learnt {
    experience: Experience,
    kinds: Vec<(SkillId, TierId)>,
    /// Never walked through, for their order is none.
    place_by_skill: HashMap<SkillId, usize, RandomState>,
    kind_by_tier_by_skill: HashMap<SkillId, HashMap<TierId, usize, RandomState>, RandomState>,
    /// How reps fit a click for each kind.
    bases: Vec<Arc<Steps>>,
    known: Option<Known>,
    /// Left by one forecast for the next.
    room: Room,
    unknown: Outlook,
    /// Whether the experience holds what the configuration says is usual.
    is_believed: bool,
}

/// The waits of this moment.
#[derive(Debug, Default)]
pub(crate) struct Outlook {
    /// By number, in order.
    tickets: Vec<(u64, Quote)>,
    /// Never walked through, for their order is none.
    clicks: HashMap<(SkillId, TierId), Quote, RandomState>,
    next_reps: HashMap<(SkillId, TierId), RepId, RandomState>,
}

/// An outlook and what it was made from.
#[derive(Debug)]
struct Known {
    in_hand: Vec<InHand>,
    /// Of the board, of the roster and of the hours, as they were by then.
    waiting: u64,
    reps: u64,
    openings: u64,
    at: Moment,
    outlook: Outlook,
}

/// The desk at this moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Live<'a> {
    pub(crate) config: &'a Config,
    pub(crate) roster: &'a Roster,
    pub(crate) tickets: &'a Tickets,
    pub(crate) board: &'a Board,
    pub(crate) groups: &'a Groups,
    /// Rises whenever anything opens or closes.
    pub(crate) openings: u64,
    pub(crate) now: Moment,
}

impl Outlook {
    /// How much longer each ticket waits, and how that was found, for those who ask in the order of numbers.
    pub(crate) fn tickets(&self) -> InOrder<'_> {
        InOrder {
            left: &self.tickets,
        }
    }

    /// Who is likely to be free first for a click of this moment.
    pub(crate) fn next_rep(&self, skill: &SkillId, tier: &TierId) -> Option<&RepId> {
        self.next_reps.get(&(skill.clone(), tier.clone()))
    }

    /// How long a click of this moment would wait.
    pub(crate) fn click(&self, skill: &SkillId, tier: &TierId) -> Option<(Wait, Form)> {
        let click = (skill.clone(), tier.clone());
        self.clicks.get(&click).map(told)
    }
}

/// The waits of those who have not been asked for yet.
#[derive(Debug)]
pub(crate) struct InOrder<'a> {
    left: &'a [(u64, Quote)],
}

impl InOrder<'_> {
    /// Of the ticket of this number, which is higher than that before.
    pub(crate) fn of(&mut self, number: u64) -> Option<(Wait, Form)> {
        let passed = self.left.iter().take_while(|(of, _)| *of < number).count();
        self.left = self.left.get(passed..)?;
        let (of, quote) = self.left.first()?;
        (*of == number).then(|| told(quote))
    }
}

impl Default for Learnt {
    fn default() -> Self {
        Self {
            experience: Experience::new(Vec::new()),
            kinds: Vec::new(),
            place_by_skill: HashMap::default(),
            kind_by_tier_by_skill: HashMap::default(),
            bases: Vec::new(),
            known: None,
            room: Room::default(),
            unknown: Outlook::default(),
            is_believed: false,
        }
    }
}

impl Learnt {
    /// Takes the skills and tiers of a configuration; what is known of others is kept.
    pub(crate) fn configure(&mut self, config: &Config, board: &mut Board, roster: &Roster) {
        let mut believed = Vec::new();
        for skill in &config.skills {
            let place = self.place_by_skill.len();
            if !self.place_by_skill.contains_key(&skill.id) {
                believed.extend(skill.handling.map(|usual| (place, usual)));
                self.place_by_skill.insert(skill.id.clone(), place);
            }
            for tier in &config.tiers {
                let kinds = self.kind_by_tier_by_skill.entry(skill.id.clone());
                let kinds = kinds.or_default();
                if !kinds.contains_key(&tier.id) {
                    kinds.insert(tier.id.clone(), self.kinds.len());
                    self.kinds.push((skill.id.clone(), tier.id.clone()));
                }
            }
        }
        let skill = |(skill, _): &(SkillId, TierId)| self.skill(skill);
        let skill_by_kind = self.kinds.iter().filter_map(skill).collect();
        self.experience.widen(skill_by_kind);
        for (skill, usual) in believed {
            self.experience.believe_of(skill, usual.as_secs_f64());
        }
        if let Some(usual) = config.routing.handling.filter(|_| !self.is_believed) {
            self.experience.believe(usual.as_secs_f64());
            self.is_believed = true;
        }
        let base = |(skill, tier): &(SkillId, TierId)| {
            let want = Want {
                skills: vec![skill.clone()],
                tier: tier.clone(),
                wishes: Wishes::NONE,
            };
            board.steps(want, roster, &config.routing)
        };
        self.bases = self.kinds.iter().map(base).collect();
        self.known = None;
    }

    /// Learns from one observation; what is seen of a skill or tier that is not configured is passed over.
    pub(crate) fn learn(&mut self, lesson: &Lesson) {
        let Some(kind) = self.kind(&lesson.skill, &lesson.tier) else {
            return;
        };
        let experience = &mut self.experience;
        match lesson.observation {
            Observation::Arrival => {
                experience.learn_arrival(kind, seconds(Moment(lesson.at_unix_ms)))
            }
            Observation::Handling { seconds } => experience.learn_handling(kind, seconds),
            Observation::Wait { seconds, end } => experience.learn_patience(kind, seconds, end),
            Observation::Range { low, high, seconds } => {
                experience.learn_range(kind, (low, high), seconds);
            }
        }
    }

    /// Mean of a conversation about tickets of a skill and tier; `None` while nothing is known.
    pub(crate) fn mean_handling(&self, skill: &SkillId, tier: &TierId) -> Option<Duration> {
        let kind = self.kind(skill, tier)?;
        let mean = self.experience.handling(kind)?.mean();
        Duration::try_from_secs_f64(mean.max(1.0)).ok()
    }

    /// The waits of those who wait and of a click; none while too little is known.
    pub(crate) fn outlook(&self) -> &Outlook {
        let known = self.known.as_ref().map(|known| &known.outlook);
        known.unwrap_or(&self.unknown)
    }

    /// Brings the outlook in line with the desk. What is said in conversations changes nothing of it.
    pub(crate) fn refresh(&mut self, live: Live<'_>) {
        if !self.experience.knows_enough() {
            return;
        }
        let before = self.known.as_ref().map_or(0, |known| known.in_hand.len());
        let mut in_hand = Vec::with_capacity(before + 1);
        for place in live.roster.at_work() {
            if let Some(seat) = live.roster.seat_at(place) {
                self.seat(place, seat, live, &mut in_hand);
            }
        }
        let waiting = live.board.version();
        let reps = live.roster.version();
        let holds = self.known.as_ref().is_some_and(|known| {
            live.now.since(known.at) < FRESH_FOR
                && known.in_hand == in_hand
                && known.waiting == waiting
                && known.reps == reps
                && known.openings == live.openings
        });
        if holds {
            return;
        }
        self.experience.refresh();
        let mut room = std::mem::take(&mut self.room);
        let outlook = self.play(live, &in_hand, &mut room);
        self.room = room;
        self.known = outlook.map(|outlook| Known {
            in_hand,
            waiting,
            reps,
            openings: live.openings,
            at: live.now,
            outlook,
        });
    }

    fn play(&self, live: Live<'_>, in_hand: &[InHand], room: &mut Room) -> Option<Outlook> {
        let now = ticks(live.now);
        let weight = |tier: &TierId| promises::tier_weight(live.config, tier);
        let waiting: Vec<_> = live
            .board
            .lines()
            .map(|line| (line, line.by_exception(live.tickets, live.roster)))
            .collect();
        let is_like_clicks =
            |want: &Want, exception: &Exception| want.is_plain() && exception == Exception::NONE;
        let base = |want: &Want| self.kind(want.skills.first()?, &want.tier);
        let plain_lines = waiting.iter().filter_map(|(line, by_exception)| {
            let want = &line.steps.want;
            let mut exceptions = by_exception.keys();
            base(want).filter(|_| exceptions.any(|exception| is_like_clicks(want, exception)))
        });
        let clicks = live.groups.that_wait();
        let clicks = clicks.filter_map(|(skill, tier, _)| self.kind(skill, tier));
        let cast = Cast::of(plain_lines, clicks, self.comers(seconds(live.now)))?;
        let mut kinds = Vec::with_capacity(cast.bases.len());
        for &base in &cast.bases {
            kinds.push(DeskKind {
                steps: self.bases.get(base)?,
                weight: weight(&self.kinds.get(base)?.1),
                exception: Exception::NONE,
            });
        }
        let mut taught_as = cast.bases.clone();
        let mut lines = Vec::new();
        let routing = &live.config.routing;
        let mut size = PlanSize::of(kinds.len(), routing.relax.len());
        for (line, by_exception) in &waiting {
            let want = &line.steps.want;
            let Some(base) = base(want) else {
                continue;
            };
            for (exception, alike) in by_exception {
                if is_like_clicks(want, exception) {
                    lines.extend(cast.place(base).map(|kind| (kind, alike)));
                    continue;
                }
                let kind = DeskKind {
                    steps: &line.steps,
                    weight: weight(&want.tier),
                    exception,
                };
                if size.take(kind.deadline(routing)) {
                    lines.push((kinds.len(), alike));
                    kinds.push(kind);
                    taught_as.push(base);
                }
            }
        }
        let comes_later: Vec<bool> = (0..kinds.len())
            .map(|kind| kind < cast.bases.len())
            .collect();
        let plan = Plan::of_desk(&kinds, live.roster, routing);
        let mut floor = Floor::new(&plan, now);
        for (rep, seat) in live.roster.seats().enumerate() {
            floor.note_activity(rep, ticks(seat.idle_since));
        }
        for held in in_hand {
            let (InHand::Conversation { rep, .. } | InHand::Rest { rep, .. }) = *held;
            floor.occupy(&plan, rep);
        }
        let mut tickets = Vec::with_capacity(live.tickets.waiting_count());
        for (kind, alike) in lines.into_iter().filter(|(kind, _)| plan.can_ever(*kind)) {
            for &(since, number) in alike {
                let queued = Queued {
                    ticket: u32::try_from(tickets.len()).ok()?,
                    number,
                    since: ticks(since),
                };
                floor.line_up(kind, queued);
                tickets.push(number);
            }
        }
        let scene = Scene {
            plan: &plan,
            floor: &floor,
            in_hand,
            experience: &self.experience,
            taught_as: &taught_as,
            comes_later: &comes_later,
            tickets: tickets.len(),
            now,
        };
        let mut clicks: Vec<usize> = cast.clicks().collect();
        // Whoever would be offered at once need not be played.
        clicks.retain(|&kind| plan.can_ever(kind) && floor.rep_for_newcomer(&plan, kind).is_none());
        let group = |kind: usize| self.kinds.get(*cast.bases.get(kind)?).cloned();
        let waits = quote(&scene, &clicks, SEED, room)?;
        let of_ticket = |(number, quote): (u64, Option<Quote>)| Some((number, quote?));
        let of_click = |(kind, quote): (usize, Option<Quote>)| Some((group(kind)?, quote?));
        let next_rep = |(&kind, quote): (&usize, &Option<Quote>)| {
            let seat = live.roster.seat_at(quote.as_ref()?.likely?.rep)?;
            Some((group(kind)?, seat.rep.id.clone()))
        };
        let tickets = tickets.into_iter().zip(waits.tickets);
        let mut tickets: Vec<(u64, Quote)> = tickets.filter_map(of_ticket).collect();
        tickets.sort_unstable_by_key(|(number, _)| *number);
        let next_reps = clicks.iter().zip(&waits.newcomers).filter_map(next_rep);
        let next_reps = next_reps.collect();
        let clicks = clicks.into_iter().zip(waits.newcomers);
        Some(Outlook {
            next_reps,
            tickets,
            clicks: clicks.filter_map(of_click).collect(),
        })
    }

    /// What a rep at work has in hand. A rep whom presence calls busy without a conversation of ours is
    /// taken to be in one of somebody else's.
    fn seat(&self, rep: usize, seat: &Seat, live: Live<'_>, in_hand: &mut Vec<InHand>) {
        let before = in_hand.len();
        for id in &seat.conversations {
            let ticket = live.tickets.ticket(id);
            let kind = ticket.and_then(|ticket| self.kind_of(ticket));
            let since = match ticket.map(|ticket| &ticket.stage) {
                Some(Stage::Open { since, .. }) => *since,
                Some(
                    Stage::Waiting
                    | Stage::Offered { .. }
                    | Stage::Callback(_)
                    | Stage::Ended { .. },
                )
                | None => live.now,
            };
            in_hand.push(InHand::Conversation {
                rep,
                kind,
                since: ticks(since),
            });
        }
        let elsewhere = |since: Moment| InHand::Conversation {
            rep,
            kind: None,
            since: ticks(since),
        };
        let timeout = live.config.routing.offer_timeout;
        for id in &seat.offers {
            let stage = live.tickets.ticket(id).map(|ticket| &ticket.stage);
            let asked = match stage {
                Some(Stage::Offered { until, .. }) => until.before(timeout),
                Some(
                    Stage::Waiting | Stage::Open { .. } | Stage::Callback(_) | Stage::Ended { .. },
                )
                | None => live.now,
            };
            in_hand.push(elsewhere(asked));
        }
        in_hand.extend(seat.wrap_ups.iter().map(|&until| InHand::Rest {
            rep,
            until: ticks(until),
        }));
        let elsewhere_by_presence = match seat.availability {
            Availability::Busy => Some(seat.alive_at),
            Availability::Available if seat.is_on_call() => Some(seat.alive_at),
            Availability::Available | Availability::Away | Availability::Offline => None,
        };
        if let Some(since) = elsewhere_by_presence {
            {
                let room = usize::try_from(seat.rep.capacity).unwrap_or(usize::MAX);
                let held = in_hand.len() - before;
                for _ in held..room {
                    in_hand.push(elsewhere(since));
                }
            }
        }
    }

    /// The kinds of which anybody came lately.
    fn comers(&self, now: f64) -> impl Iterator<Item = usize> {
        let kinds = 0..self.kinds.len();
        kinds.filter(move |&kind| self.experience.arrival_rate(kind, now) > 0.0)
    }

    fn skill(&self, skill: &SkillId) -> Option<usize> {
        self.place_by_skill.get(skill).copied()
    }

    fn kind_of(&self, ticket: &Ticket) -> Option<usize> {
        self.kind(ticket.skills.first()?, &ticket.ask.tier)
    }

    fn kind(&self, skill: &SkillId, tier: &TierId) -> Option<usize> {
        let kinds = self.kind_by_tier_by_skill.get(skill)?;
        kinds.get(tier).copied()
    }
}

fn told(quote: &Quote) -> (Wait, Form) {
    (quote.forecast.promise(), quote.form)
}

fn ticks(moment: Moment) -> Tick {
    moment.0.saturating_mul(NANOSECONDS)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of thousands of years fit a double"
)]
fn seconds(moment: Moment) -> f64 {
    moment.0 as f64 / 1_000.0
}
