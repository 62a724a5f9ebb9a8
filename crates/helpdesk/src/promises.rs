//! What waiting shoppers and pages are promised: places, waits and the groups' states, all derived
//! afresh from roster and queue. Must not know who is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use presence::Availability;

use crate::ask::NO_WISHES;
use crate::clock::Moment;
use crate::config::{Config, Site, Tier};
use crate::estimate;
use crate::estimate::quote::Form;
use crate::ids::{SkillId, TicketId, TierId};
use crate::openings::Openings;
use crate::outlook::{Learnt, Outlook};
use crate::queue::{self, Waiting};
use crate::roster::{Roster, Seat};
use crate::routing::fit::Wants;
use crate::routing::{self, Demand};
use crate::snapshot::{GroupSnapshot, GroupState, SiteSnapshot, Wait};
use crate::tickets::{Ticket, Tickets};

/// Everything promises are derived from.
#[derive(Clone, Copy)]
pub(crate) struct Desk<'a> {
    pub(crate) config: &'a Config,
    pub(crate) roster: &'a Roster,
    pub(crate) tickets: &'a Tickets,
    pub(crate) learnt: &'a Learnt,
    pub(crate) openings: &'a Openings,
    pub(crate) now: Moment,
}

/// A ticket's place in the queue and the wait it is promised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Promise {
    pub(crate) position: u32,
    /// Conversations that the reps at work who may take it can hold.
    pub(crate) servers: u32,
    pub(crate) wait: Option<Wait>,
    pub(crate) form: Form,
}

/// All that is promised at one moment.
#[derive(Debug)]
pub(crate) struct Promises {
    /// To each waiting ticket.
    pub(crate) tickets: BTreeMap<TicketId, Promise>,
    /// To a click: the groups of every site.
    pub(crate) sites: Vec<SiteSnapshot>,
    /// When a waiting ticket next overtakes another by itself.
    pub(crate) next_overtaking: Option<Moment>,
}

/// Derives what is promised.
pub(crate) fn promises(desk: Desk<'_>) -> Promises {
    let order = order(desk);
    let priority = desk.config.routing.priority;
    let next_overtaking = queue::next_overtaking(&order, priority, desk.now);
    let line = Line::of(order, desk);
    let outlook = desk.learnt.outlook();
    Promises {
        tickets: line.promises(desk, outlook),
        sites: groups(desk, &line, outlook),
        next_overtaking,
    }
}

/// The waiting tickets in the order they are served.
pub(crate) fn order(desk: Desk<'_>) -> Vec<Waiting> {
    let mut order: Vec<Waiting> = desk
        .tickets
        .waiting()
        .map(|ticket| Waiting {
            ticket: ticket.ask.ticket.clone(),
            number: ticket.number,
            since: ticket.asked_at,
            weight: weight(desk.config, ticket, desk.now),
        })
        .collect();
    queue::sort(&mut order, desk.config.routing.priority, desk.now);
    order
}

fn groups(desk: Desk<'_>, line: &Line<'_>, outlook: &Outlook) -> Vec<SiteSnapshot> {
    desk.config
        .sites
        .iter()
        .map(|site| SiteSnapshot {
            site: site.id.clone(),
            groups: site
                .skills
                .iter()
                .flat_map(|skill| desk.config.tiers.iter().map(move |tier| (skill, tier)))
                .map(|(skill, tier)| group(desk, line, outlook, site, skill, tier))
                .collect(),
        })
        .collect()
}

fn group(
    desk: Desk<'_>,
    line: &Line<'_>,
    outlook: &Outlook,
    site: &Site,
    skill: &SkillId,
    tier: &Tier,
) -> GroupSnapshot {
    let Tier { id: tier, weight } = tier;
    let skills = std::slice::from_ref(skill);
    let nobody = BTreeMap::new();
    let demand = Demand {
        wants: Wants {
            skills,
            tier,
            wishes: &NO_WISHES,
        },
        named: None,
        refused: &nobody,
        handed_on_by: None,
        waited: Duration::ZERO,
        sticky_for: desk.config.routing.sticky_for,
    };
    let pool = Pool::of(&demand, desk);
    // A click names nobody and nobody has refused it, so that routing::prospect comes down to this.
    let openness = desk.openings.of(&site.id, skill);
    let (state, wait) = if !openness.is_open {
        (GroupState::Closed, None)
    } else if pool.seats.iter().any(|seat| seat.is_free()) {
        (GroupState::Available, None)
    } else if routing::could_ever(&demand, desk.roster, &desk.config.routing) {
        let ahead = line.ahead_of_click(&pool, *weight, desk);
        let played = outlook.click(skill, tier);
        let wait = played.or_else(|| wait(desk, ahead, &pool, (skill, tier)));
        (GroupState::Wait, wait)
    } else {
        (GroupState::Closed, None)
    };
    let mut snapshot = GroupSnapshot {
        skill: skill.clone(),
        tier: tier.clone(),
        state,
        available: 0,
        busy: 0,
        away: 0,
        offline: 0,
        queued: line.asking_for(skill, tier),
        opens_unix_ms: openness.opens,
        next_rep: outlook
            .next_rep(skill, tier)
            .filter(|_| site.shows_next_rep && state == GroupState::Wait)
            .and_then(|rep| desk.roster.seat(rep))
            .map(|seat| Arc::from(seat.rep.name.as_str())),
        wait,
    };
    for seat in &pool.seats {
        let counter = match seat.availability {
            Availability::Offline => &mut snapshot.offline,
            Availability::Away => &mut snapshot.away,
            Availability::Available | Availability::Busy
                if seat.is_doubted() || seat.is_paused() =>
            {
                &mut snapshot.away
            }
            Availability::Available if seat.is_free() => &mut snapshot.available,
            Availability::Available | Availability::Busy => &mut snapshot.busy,
        };
        *counter += 1;
    }
    snapshot
}

/// The waiting tickets in order, each with the reps it may go to.
struct Line<'a> {
    competitors: Vec<Competitor<'a>>,
}

struct Competitor<'a> {
    waiting: Waiting,
    ticket: &'a Ticket,
    pool: Pool<'a>,
}

impl<'a> Line<'a> {
    fn of(order: Vec<Waiting>, desk: Desk<'a>) -> Self {
        let competitors = order
            .into_iter()
            .filter_map(|waiting| {
                let ticket = desk.tickets.ticket(&waiting.ticket)?;
                let pool = Pool::of(
                    &ticket.demand(desk.config.routing.sticky_for, desk.now),
                    desk,
                );
                Some(Competitor {
                    waiting,
                    ticket,
                    pool,
                })
            })
            .collect();
        Self { competitors }
    }

    fn promises(&self, desk: Desk<'_>, outlook: &Outlook) -> BTreeMap<TicketId, Promise> {
        let mut promises = BTreeMap::new();
        for (place, competitor) in self.competitors.iter().enumerate() {
            let before = self.competitors.iter().take(place);
            let mine = &competitor.pool;
            let position = 1 + before
                .clone()
                .filter(|other| other.pool.meets(mine))
                .count();
            let ahead = before
                .filter(|other| other.pool.meets_at_work(mine))
                .count();
            let tier = &competitor.ticket.ask.tier;
            let skill = competitor.ticket.skills.first();
            let played = outlook.ticket(&competitor.waiting.ticket);
            let promise = Promise {
                form: if played.is_some() {
                    Form::Played
                } else {
                    Form::Formula
                },
                position: count(position),
                servers: mine.servers(),
                wait: played.or_else(|| wait(desk, count(ahead), mine, (skill?, tier))),
            };
            promises.insert(competitor.waiting.ticket.clone(), promise);
        }
        promises
    }

    /// How many compete with a click of this moment and are served before it.
    fn ahead_of_click(&self, pool: &Pool<'_>, weight: f64, desk: Desk<'_>) -> u32 {
        let priority = desk.config.routing.priority;
        let ahead = self
            .competitors
            .iter()
            .filter(|other| queue::precedes_click(&other.waiting, weight, priority, desk.now))
            .filter(|other| other.pool.meets_at_work(pool))
            .count();
        count(ahead)
    }

    fn asking_for(&self, skill: &SkillId, tier: &TierId) -> u32 {
        let asking = self
            .competitors
            .iter()
            .filter(|other| {
                other.ticket.skills.first() == Some(skill) && other.ticket.ask.tier == *tier
            })
            .count();
        count(asking)
    }
}

/// The reps who may serve a demand.
struct Pool<'a> {
    seats: Vec<&'a Seat>,
    all: Places,
    at_work: Places,
}

impl<'a> Pool<'a> {
    fn of(demand: &Demand<'a>, desk: Desk<'a>) -> Self {
        let mut pool = Self {
            seats: Vec::new(),
            all: Places::default(),
            at_work: Places::default(),
        };
        for (place, seat) in routing::members(demand, desk.roster, &desk.config.routing) {
            pool.seats.push(seat);
            pool.all.insert(place);
            if seat.is_at_work() {
                pool.at_work.insert(place);
            }
        }
        pool
    }

    /// Whether a rep may serve both, on duty or not: places do not change when reps come and go.
    fn meets(&self, other: &Self) -> bool {
        self.all.meets(&other.all)
    }

    /// Whether a rep at work may serve both: nobody waits for what others want of those who are not there.
    fn meets_at_work(&self, other: &Self) -> bool {
        self.at_work.meets(&other.at_work)
    }

    /// Conversations the reps at work can hold at once.
    fn servers(&self) -> u32 {
        self.seats
            .iter()
            .filter(|seat| seat.is_at_work())
            .fold(0, |sum, seat| sum.saturating_add(seat.rep.capacity))
    }
}

/// A set of places in the roster, one bit each.
#[derive(Default)]
struct Places {
    words: Vec<u64>,
}

impl Places {
    fn insert(&mut self, place: usize) {
        let (word, bit) = (place / 64, place % 64);
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        if let Some(word) = self.words.get_mut(word) {
            *word |= 1 << bit;
        }
    }

    fn meets(&self, other: &Self) -> bool {
        let mut pairs = self.words.iter().zip(&other.words);
        pairs.any(|(mine, theirs)| mine & theirs != 0)
    }
}

/// The quick form, for who cannot be played forward; `None` while nobody is at work or nothing is known.
fn wait(
    desk: Desk<'_>,
    ahead: u32,
    pool: &Pool<'_>,
    (skill, tier): (&SkillId, &TierId),
) -> Option<Wait> {
    let wrap_up = desk.config.routing.wrap_up;
    let handling = desk.learnt.mean_handling(skill, tier)?;
    estimate::queue_length(ahead, pool.servers(), handling.saturating_add(wrap_up))
}

/// What a waiting ticket's age is multiplied by.
pub(crate) fn weight(config: &Config, ticket: &Ticket, now: Moment) -> f64 {
    let mut tiers = config.tiers.iter();
    let tier = tiers.find(|known| known.id == ticket.ask.tier);
    let weight = tier.map_or(1.0, |tier| tier.weight);
    let in_danger = ticket
        .promised
        .is_some_and(|promised| promised.nearly_over() <= now);
    if in_danger {
        weight * config.routing.promise_boost
    } else {
        weight
    }
}

fn count(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}
