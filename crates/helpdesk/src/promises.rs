//! What waiting shoppers and pages are promised: places, waits and the groups' states, all derived
//! afresh from roster and queue. Must not know who is told.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Range;

use crate::board::Board;
use crate::clock::Moment;
use crate::config::{Config, Priority};
use crate::estimate;
use crate::estimate::quote::Form;
use crate::groups::{Clicks, Groups};
use crate::ids::{RepId, SkillId, TierId};
use crate::openings::Openings;
use crate::outlook::{Learnt, Outlook};
use crate::pools::{Pool, PoolIndex, Pools};
use crate::queue::{self, Waiting};
use crate::roster::Roster;
use crate::routing::fits::Steps;
use crate::snapshot::Wait;
use crate::tickets::{Ticket, Tickets};

/// Everything promises are derived from.
#[derive(Clone, Copy)]
pub(crate) struct Desk<'a> {
    pub(crate) config: &'a Config,
    pub(crate) roster: &'a Roster,
    pub(crate) tickets: &'a Tickets,
    pub(crate) board: &'a Board,
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

/// What a click that would have to wait is promised.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Click {
    pub(crate) wait: Option<Wait>,
    pub(crate) form: Form,
    /// Tickets that want some of the same reps and go first.
    pub(crate) ahead: u32,
    /// Who is likely to be free first.
    pub(crate) next_rep: Option<RepId>,
}

/// What each waiting ticket is promised, by number in order.
#[derive(Debug, Default)]
pub(crate) struct TicketPromises(Vec<(u64, Promise)>);

/// The promises of tickets that follow each other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SomePromises<'a>(&'a [(u64, Promise)]);

impl TicketPromises {
    /// By the number of the ticket.
    pub(crate) fn of(&self, number: u64) -> Option<Promise> {
        SomePromises(&self.0).of(number)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Those of these places in order of arrival, as far as there are so many.
    pub(crate) fn some(&self, places: Range<usize>) -> SomePromises<'_> {
        let end = places.end.min(self.0.len());
        SomePromises(self.0.get(places.start..end).unwrap_or_default())
    }
}

impl SomePromises<'_> {
    /// By the number of the ticket.
    pub(crate) fn of(&self, number: u64) -> Option<Promise> {
        let place = self.0.binary_search_by_key(&number, |(of, _)| *of).ok()?;
        Some(self.0.get(place)?.1)
    }

    /// In order of arrival.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, Promise)> {
        self.0.iter().copied()
    }
}

/// All that is promised at one moment.
#[derive(Debug)]
pub(crate) struct Promises {
    pub(crate) tickets: TicketPromises,
    /// To a click that has to wait.
    pub(crate) clicks: Clicks,
    /// When a waiting ticket next overtakes another by itself.
    pub(crate) next_overtaking: Option<Moment>,
}

/// Derives what is promised.
pub(crate) fn promises(desk: Desk<'_>, groups: &Groups) -> Promises {
    let tickets: Vec<&Ticket> = desk.tickets.waiting().collect();
    let order = order(&tickets, desk);
    let priority = desk.config.routing.priority;
    let next_overtaking = queue::next_overtaking(&order, priority, desk.now);
    let line = Line::of(&tickets, &order, desk);
    let outlook = desk.learnt.outlook();
    Promises {
        tickets: line.promises(desk, &tickets, outlook),
        clicks: line.clicks(desk, groups, outlook),
        next_overtaking,
    }
}

/// What a ticket that begins to wait, or waits again, is promised between two forecasts: what a click was, as much
/// longer or shorter as more or fewer go before it; by the length of the queue where no click had to wait then.
pub(crate) fn quick_promise(desk: Desk<'_>, ticket: &Ticket, clicks: &Clicks) -> Option<Promise> {
    let steps = desk.board.steps_of(ticket)?;
    let about = (ticket.skills.first()?, &ticket.ask.tier);
    let count = who_goes_first(desk, steps, about.1, Some(ticket));
    let servers = count.servers;
    let is_like_clicks = ticket.is_plain() && steps.want.is_plain();
    let click = clicks
        .get(&(about.0.clone(), about.1.clone()))
        .filter(|_| is_like_clicks);
    let (wait, form) = match click {
        Some(click) => {
            let longer = f64::from(count.at_work + 1) / f64::from(click.ahead + 1);
            let wait = click.wait.map(|wait| estimate::stretched(wait, longer));
            (wait, click.form)
        }
        None => (wait(desk, count.at_work, servers, about), Form::Formula),
    };
    Some(Promise {
        position: count.all.saturating_add(1),
        servers,
        wait,
        form,
    })
}

/// The quick form for a click of this moment.
pub(crate) fn quick_wait(
    desk: Desk<'_>,
    steps: &Steps,
    about: (&SkillId, &TierId),
) -> Option<Wait> {
    let count = who_goes_first(desk, steps, about.1, None);
    wait(desk, count.at_work, count.servers, about)
}

/// How many go before a ticket, and who could serve it.
struct Ahead {
    all: u32,
    at_work: u32,
    servers: u32,
}

/// By lines and not by tickets, the older first where weights do not say otherwise at any time; `None` is a click
/// of this moment.
fn who_goes_first(desk: Desk<'_>, steps: &Steps, tier: &TierId, ticket: Option<&Ticket>) -> Ahead {
    let routing = &desk.config.routing;
    let fresh = std::time::Duration::ZERO;
    let reach = steps.reach(fresh, routing.sticky_for, desk.roster, routing);
    let mine = Pool::of(&reach, None, desk.roster);
    let weight = tier_weight(desk.config, tier);
    let mut ahead = Ahead {
        all: 0,
        at_work: 0,
        servers: mine.servers,
    };
    for line in desk.board.lines().filter(|line| line.meets(mine.all())) {
        let first = match (routing.priority, line.weight.total_cmp(&weight), ticket) {
            (Priority::Strict, Ordering::Less, _) => 0,
            (Priority::Strict, Ordering::Greater, _)
            | (Priority::Strict | Priority::Weighted, _, None) => line.len(),
            (Priority::Strict, Ordering::Equal, Some(ticket))
            | (Priority::Weighted, _, Some(ticket)) => line.older_than(ticket),
        };
        let waits = u32::try_from(first).unwrap_or(u32::MAX);
        let waited = line.head().map(|(since, _)| desk.now.since(since));
        let waited = waited.unwrap_or_default();
        let theirs = line
            .steps
            .reach(waited, line.sticky_for, desk.roster, routing);
        if theirs.meets(mine.all()) {
            ahead.all = ahead.all.saturating_add(waits);
        }
        if theirs.meets(mine.at_work()) {
            ahead.at_work = ahead.at_work.saturating_add(waits);
        }
    }
    ahead
}

/// The waiting tickets in the order they are served.
fn order(tickets: &[&Ticket], desk: Desk<'_>) -> Vec<Waiting> {
    let mut order: Vec<Waiting> = tickets
        .iter()
        .enumerate()
        .map(|(place_of_arrival, ticket)| Waiting {
            number: ticket.number,
            since: ticket.asked_at,
            weight: weight(desk.config, ticket, desk.now),
            place_of_arrival,
        })
        .collect();
    queue::sort(&mut order, desk.config.routing.priority, desk.now);
    order
}

/// The waiting tickets in order, each with the reps it may go to.
struct Line<'a> {
    competitors: Vec<Competitor<'a>>,
    pools: Pools,
    /// For each tier how many of each pool go before a click.
    before_click: BTreeMap<&'a TierId, BTreeMap<PoolIndex, u32>>,
}

struct Competitor<'a> {
    ticket: &'a Ticket,
    /// Among the waiting ones in order of arrival.
    place_of_arrival: usize,
    pool: PoolIndex,
}

impl<'a> Line<'a> {
    fn of(tickets: &[&'a Ticket], order: &[Waiting], desk: Desk<'a>) -> Self {
        let mut line = Self {
            competitors: Vec::with_capacity(order.len()),
            pools: Pools::default(),
            before_click: BTreeMap::new(),
        };
        for waiting in order {
            let Some(ticket) = tickets.get(waiting.place_of_arrival).copied() else {
                continue;
            };
            if let Some(pool) = line.pools.take(ticket, desk) {
                line.competitors.push(Competitor {
                    ticket,
                    place_of_arrival: waiting.place_of_arrival,
                    pool,
                });
            }
        }
        let priority = desk.config.routing.priority;
        for tier in &desk.config.tiers {
            let ahead = queue::preceding_click(order, tier.weight, priority, desk.now);
            let mut by_pool = BTreeMap::new();
            for competitor in line.competitors.iter().take(ahead) {
                *by_pool.entry(competitor.pool).or_default() += 1;
            }
            line.before_click.insert(&tier.id, by_pool);
        }
        line
    }

    fn promises(&self, desk: Desk<'_>, tickets: &[&Ticket], outlook: &Outlook) -> TicketPromises {
        let mut played = outlook.tickets();
        let played: Vec<_> = tickets
            .iter()
            .map(|ticket| played.of(ticket.number))
            .collect();
        let mut promises = vec![None; tickets.len()];
        let mut before = self.pools.before();
        for competitor in &self.competitors {
            let Competitor { ticket, pool, .. } = competitor;
            let count = before.count(*pool);
            let servers = self.pools.pool(*pool).map_or(0, |pool| pool.servers);
            let tier = &ticket.ask.tier;
            let skill = ticket.skills.first();
            let played = played.get(competitor.place_of_arrival).copied().flatten();
            let by_length = || wait(desk, count.at_work, servers, (skill?, tier));
            let (wait, form) = told(played, by_length);
            let promise = Promise {
                position: count.all.saturating_add(1),
                servers,
                wait,
                form,
            };
            if let Some(place) = promises.get_mut(competitor.place_of_arrival) {
                *place = Some((ticket.number, promise));
            }
        }
        // Room for all of them at once: a list that grows is copied again and again.
        let mut all = Vec::with_capacity(promises.len());
        all.extend(promises.into_iter().flatten());
        TicketPromises(all)
    }

    fn clicks(&self, desk: Desk<'_>, groups: &Groups, outlook: &Outlook) -> Clicks {
        let mut clicks = Clicks::default();
        for (skill, tier, steps) in groups.that_wait() {
            let about = (skill.clone(), tier.clone());
            if clicks.contains_key(&about) {
                continue;
            }
            let routing = &desk.config.routing;
            let fresh = std::time::Duration::ZERO;
            let reach = steps.reach(fresh, routing.sticky_for, desk.roster, routing);
            let pool = Pool::of(&reach, None, desk.roster);
            let ahead = self.ahead_of_click(&pool, tier);
            let played = outlook.click(skill, tier);
            let by_length = || wait(desk, ahead, pool.servers, (skill, tier));
            let (wait, form) = told(played, by_length);
            let click = Click {
                wait,
                form,
                ahead,
                next_rep: outlook.next_rep(skill, tier).cloned(),
            };
            clicks.insert(about, click);
        }
        clicks
    }

    /// How many compete with a click of this moment and are served before it.
    fn ahead_of_click(&self, pool: &Pool, tier: &TierId) -> u32 {
        let Some(by_pool) = self.before_click.get(tier) else {
            return 0;
        };
        let competing = self
            .pools
            .iter()
            .filter(|(_, other)| other.meets_at_work(pool));
        competing
            .filter_map(|(index, _)| by_pool.get(&index))
            .fold(0, |sum, count| sum.saturating_add(*count))
    }
}

/// As it was forecast, else by the length of the queue.
fn told(
    forecast: Option<(Wait, Form)>,
    by_length: impl FnOnce() -> Option<Wait>,
) -> (Option<Wait>, Form) {
    match forecast {
        Some((wait, form)) => (Some(wait), form),
        None => (by_length(), Form::Formula),
    }
}

/// The quick form, for who cannot be played forward; `None` while nobody is at work or nothing is known.
fn wait(
    desk: Desk<'_>,
    ahead: u32,
    servers: u32,
    (skill, tier): (&SkillId, &TierId),
) -> Option<Wait> {
    let wrap_up = desk.config.routing.wrap_up;
    let handling = desk.learnt.mean_handling(skill, tier)?;
    estimate::queue_length(ahead, servers, handling.saturating_add(wrap_up))
}

/// A ticket whose call led to nothing goes before all others.
const RETURNED: f64 = 1_000.0;

/// What a waiting ticket's age is multiplied by.
pub(crate) fn weight(config: &Config, ticket: &Ticket, now: Moment) -> f64 {
    let weight = tier_weight(config, &ticket.ask.tier);
    boost(config, ticket, now).map_or(weight, |boost| weight * boost)
}

/// What the weight of a ticket is multiplied by whose promise is about to be broken, or whose call led to nothing.
pub(crate) fn boost(config: &Config, ticket: &Ticket, now: Moment) -> Option<f64> {
    let in_danger = ticket
        .promised
        .is_some_and(|promised| promised.nearly_over() <= now);
    if ticket.is_returned {
        return Some(RETURNED);
    }
    let boost = config.routing.promise_boost;
    (in_danger && boost > 1.0).then_some(boost)
}

/// The weight of a tier.
pub(crate) fn tier_weight(config: &Config, tier: &TierId) -> f64 {
    let mut tiers = config.tiers.iter();
    let tier = tiers.find(|known| known.id == *tier);
    tier.map_or(1.0, |tier| tier.weight)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::{Duration, Instant};

    use presence::Availability;
    use proptest::prelude::*;

    use super::*;
    use crate::routing;
    use crate::{
        AccessDigest, Ask, CallbackRules, Channel, Clock, Helpdesk, Input, Level, Prefer, Priority,
        Proof, Relax, Rep, RepId, ReplyId, Routing, Site, SiteId, Skill, TicketId, Tier, Wishes,
    };

    const SKILLS: [&str; 3] = ["cameras", "lenses", "printing"];
    const TIERS: [(&str, f64); 3] = [("standard", 1.0), ("gold", 2.0), ("platinum", 4.0)];

    /// A click that has to wait: skill, tier, least level, whether for the best, and what time passes after.
    type Click = (usize, usize, Option<u8>, bool, u64);

    proptest! {
        /// Everybody is compared with everybody, as slowly as that is.
        #[test]
        fn places_are_those_of_a_naive_account(
            reps in prop::collection::vec((prop::collection::btree_map(0..3usize, 1..=100u8, 1..3), 0..4usize, any::<bool>()), 1..8),
            clicks in prop::collection::vec((0..3usize, 0..3usize, prop::option::of(1..100u8), any::<bool>(), 0..40u64), 1..30),
            strict in any::<bool>(),
        ) {
            let desk = desk_with_queue(&reps, &clicks, strict);
            let snapshot = desk.snapshot();
            let promises = promises(desk.promising(), desk.groups());
            let desk = desk.promising();
            let tickets: Vec<&Ticket> = desk.tickets.waiting().collect();
            let line = order(&tickets, desk);
            let sets: Vec<[BTreeSet<usize>; 2]> =
                line.iter().map(|waiting| reps_of(waiting, desk)).collect();
            for (place, waiting) in line.iter().enumerate() {
                let before = |of: usize| {
                    let mine = &sets[place][of];
                    let others = sets[..place].iter().filter(|set| !set[of].is_disjoint(mine));
                    u32::try_from(others.count()).unwrap()
                };
                let promise = promises.tickets.of(waiting.number).unwrap();
                prop_assert_eq!(promise.position, before(0) + 1);
                let ticket = desk.tickets.numbered(waiting.number).unwrap();
                let about = (&ticket.skills[0], &ticket.ask.tier);
                let by_formula = wait(desk, before(1), promise.servers, about);
                let played = desk.learnt.outlook().tickets().of(waiting.number);
                prop_assert_eq!(promise.wait, played.map(|(wait, _)| wait).or(by_formula));
            }
            for group in &snapshot.sites[0].groups {
                let asking = line.iter().filter(|waiting| {
                    let ticket = desk.tickets.numbered(waiting.number).unwrap();
                    (&ticket.skills[0], &ticket.ask.tier) == (&group.skill, &group.tier)
                });
                prop_assert_eq!(group.queued, u32::try_from(asking.count()).unwrap());
            }
        }
    }

    /// Who may take it, on duty or not, and at work.
    fn reps_of(waiting: &Waiting, desk: Desk<'_>) -> [BTreeSet<usize>; 2] {
        let ticket = desk.tickets.numbered(waiting.number).unwrap();
        let demand = ticket.demand(desk.config.routing.sticky_for, desk.now);
        let members: Vec<_> =
            routing::members(&demand, desk.roster, &desk.config.routing).collect();
        let all = members.iter().map(|(place, _)| *place);
        let at_work = members.iter().filter(|(_, seat)| seat.is_at_work());
        [all.collect(), at_work.map(|(place, _)| *place).collect()]
    }

    fn desk_with_queue(
        reps: &[(BTreeMap<usize, u8>, usize, bool)],
        clicks: &[Click],
        strict: bool,
    ) -> Helpdesk {
        #[expect(
            clippy::disallowed_methods,
            reason = "an instant cannot be made otherwise; no test depends on which it is"
        )]
        let start = Instant::now();
        let clock = Clock {
            at: start,
            unix_ms: 0,
        };
        let mut desk = Helpdesk::new(config(reps, strict), clock).unwrap();
        for (number, (_, _, is_busy)) in reps.iter().enumerate() {
            let availability = if *is_busy {
                Availability::Busy
            } else {
                Availability::Away
            };
            let rep = rep_id(number);
            desk.handle(Input::Presence { rep, availability }, start);
        }
        let mut now = start;
        for (number, (skill, tier, level, wants_best, pause)) in clicks.iter().enumerate() {
            let skill = SkillId::new(SKILLS[*skill]);
            let level = level.map(|level| (skill.clone(), Level::new(level).unwrap()));
            let ask = Ask {
                ticket: TicketId::new(&format!("t{number}")),
                access: AccessDigest([0; 32]),
                site: SiteId::new("shop"),
                skills: vec![skill],
                tier: TierId::new(TIERS[*tier].0),
                wishes: Wishes {
                    least_levels: level.into_iter().collect(),
                    prefer: wants_best.then_some(Prefer::Best),
                    ..Wishes::NONE
                },
                rep: None,
                case: None,
                name: None,
                phone: None,
                message: None,
                details: Vec::new(),
                page: None,
                language: None,
                proof: Proof::None,
                channel: Channel::Page,
                im: None,
                earlier: Vec::new(),
            };
            let (ask, reply) = (Box::new(ask), ReplyId(0));
            desk.handle(Input::Ask { ask, reply }, now);
            now += Duration::from_secs(*pause);
            desk.handle_timeout(now);
        }
        desk
    }

    fn rep_id(number: usize) -> RepId {
        RepId::new(&format!("rep{number}"))
    }

    fn config(reps: &[(BTreeMap<usize, u8>, usize, bool)], strict: bool) -> Config {
        let rules = [(30, 60), (90, 1)];
        Config {
            sites: vec![Site {
                id: SiteId::new("shop"),
                name: "Shop".to_owned(),
                skills: SKILLS.map(SkillId::new).to_vec(),
                hours: None,
                skill_hours: Vec::new(),
                shows_next_rep: false,
                callback: CallbackRules::default(),
            }],
            skills: SKILLS
                .map(|id| Skill {
                    id: SkillId::new(id),
                    name: id.to_owned(),
                    language: None,
                    handling: None,
                })
                .to_vec(),
            tiers: TIERS
                .map(|(id, weight)| Tier {
                    id: TierId::new(id),
                    weight,
                })
                .to_vec(),
            reps: reps
                .iter()
                .enumerate()
                .map(|(number, (skills, tier, _))| Rep {
                    id: rep_id(number),
                    name: format!("Rep {number}"),
                    skills: skills
                        .iter()
                        .map(|(&skill, &level)| {
                            (SkillId::new(SKILLS[skill]), Level::new(level).unwrap())
                        })
                        .collect(),
                    tiers: TIERS.get(*tier).map(|(only, _)| vec![TierId::new(only)]),
                    capacity: 2,
                })
                .collect(),
            routing: Routing {
                priority: if strict {
                    Priority::Strict
                } else {
                    Priority::Weighted
                },
                relax: rules
                    .map(|(after, level)| Relax {
                        after: Duration::from_secs(after),
                        min_level: Level::new(level),
                        skill: None,
                        accept: Vec::new(),
                        any_tier: level == 1,
                    })
                    .to_vec(),
                ..Routing::default()
            },
        }
    }
}
