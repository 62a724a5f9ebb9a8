//! The rules worked out beforehand: for each kind of ticket and each step of its relaxing, who may take
//! it and in which order they are asked. Must not know the queue, nor what a rep does at the moment.

use std::sync::Arc;
use std::time::Duration;

use super::fit::{Expert, Rank, SkillFit, Wants, demanded_level, fit, rank};
use super::fits::{Steps, Turn};
use super::rep_table::RepTable;
use super::reps::RepSet;
use crate::ask::{Prefer, Wishes};
use crate::config::{Priority, Relax, Rep, Routing};
use crate::ids::{SkillId, TierId};
use crate::roster::{Roster, Seat};

/// Nanoseconds since a beginning of the caller's choice: fine enough for simulated reps of any speed.
pub(crate) type Tick = i64;

/// What all tickets of a kind ask for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kind {
    /// All are required; levels are compared in the first.
    pub(crate) skills: Vec<SkillId>,
    pub(crate) wishes: Wishes,
    pub(crate) tier: TierId,
    /// The weight of the tier.
    pub(crate) weight: f64,
    /// The rep the shopper asks for.
    pub(crate) named: Option<usize>,
}

/// What tickets of a live desk want that are one kind of its plan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeskKind<'a> {
    pub(crate) steps: &'a Steps,
    /// The weight of the tier.
    pub(crate) weight: f64,
    pub(crate) exception: &'a Exception,
}

impl DeskKind<'_> {
    /// How long these wait for the rep or the expert they want, if they want one.
    pub(crate) fn deadline(&self, routing: &Routing) -> Option<Duration> {
        let wishes = &self.steps.want.wishes;
        let wants_expert = wishes.prefer == Some(Prefer::Best);
        let holds_out = wants_expert || self.exception.named.is_some();
        holds_out.then(|| wishes.rep_deadline.unwrap_or(routing.sticky_for))
    }
}

/// Why a ticket is routed otherwise than all that want the same. Reps are those of the roster, by place.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Exception {
    /// Whom the shopper asks for.
    pub(crate) named: Option<usize>,
    /// Who did not take it, in order. A plan does not ask them again.
    pub(crate) refused_by: Vec<usize>,
}

impl Exception {
    /// There is no reason.
    pub(crate) const NONE: &'static Self = &Self {
        named: None,
        refused_by: Vec::new(),
    };

    /// Who is waited for, while that holds.
    fn kept_for(&self, expert: Expert) -> Option<usize> {
        let named = self.named.filter(|rep| !self.refused_by.contains(rep));
        named.filter(|_| expert == Expert::WaitedFor)
    }
}

/// The answers of [`fit`] and [`rank`] for every kind, step and rep.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) priority: Priority,
    pub(crate) wrap_up: Tick,
    /// Conversations at once, by rep.
    pub(crate) capacities: Vec<u32>,
    /// When each step begins, counted from the beginning of the wait: a rule fires, or an expert is given up.
    steps: Vec<Tick>,
    kinds: Vec<PlannedKind>,
    /// By rep, what each may ever take.
    claims_by_rep: Vec<Vec<Claim>>,
    /// Of claim after claim the rep's expertise at each step, 0 to 1; below 0 where the rep may not take the ticket.
    grades: Vec<f64>,
}

/// One kind that a rep may take at some step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    pub(crate) kind: u32,
    /// Where its grades begin.
    grades: u32,
    pub(crate) weight: f64,
    /// The first of its grades: of most plans the only one, and at hand with the rest.
    grade: f64,
}

/// Of a step at which the rep may not take the ticket.
const NO_GRADE: f64 = -1.0;

#[derive(Debug, Clone)]
struct PlannedKind {
    weight: f64,
    /// One more than the plan has; the first is the one before any.
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
struct Step {
    /// Those who may take the ticket.
    eligible: RepSet,
    /// In which order they are asked, and how good they are at it.
    turns: Arc<RepTable<Turn>>,
    /// Who is asked before all others.
    named: Option<usize>,
    /// Conversations they can hold at once.
    servers: u32,
}

impl Plan {
    /// A plan for reps in order of identity, of whom those who are `at_work` decide which level can be
    /// held out for.
    pub(crate) fn new(reps: &[&Rep], at_work: &RepSet, kinds: &[Kind], routing: &Routing) -> Self {
        let deadline = |kind: &Kind| {
            let holds_out = kind.named.is_some() || kind.wishes.prefer == Some(Prefer::Best);
            holds_out.then(|| kind.wishes.rep_deadline.unwrap_or(routing.sticky_for))
        };
        let deadlines = kinds.iter().filter_map(deadline);
        let steps = in_order(routing, deadlines);
        let kinds = kinds
            .iter()
            .map(|kind| PlannedKind::new(kind, reps, at_work, routing, &steps))
            .collect();
        let capacities = reps.iter().map(|rep| rep.capacity).collect();
        Self::of(kinds, capacities, steps, routing)
    }

    /// A plan for the reps of a live desk, by place in the roster; who is not at work has no capacity.
    pub(crate) fn of_desk(kinds: &[DeskKind<'_>], roster: &Roster, routing: &Routing) -> Self {
        let at_work = &roster.sets().at_work;
        let deadlines = kinds.iter().filter_map(|kind| kind.deadline(routing));
        let steps = in_order(routing, deadlines);
        let capacity = |(place, seat): (usize, &Seat)| {
            if at_work.contains(place) {
                seat.rep.capacity
            } else {
                0
            }
        };
        let capacities: Vec<u32> = roster.seats().enumerate().map(capacity).collect();
        let kinds = kinds
            .iter()
            .map(|kind| PlannedKind {
                weight: kind.weight,
                steps: std::iter::once(None)
                    .chain(steps.iter().copied().map(Some))
                    .map(|begins| Step::of_desk(kind, begins, &capacities, roster, routing))
                    .collect(),
            })
            .collect();
        Self::of(kinds, capacities, steps, routing)
    }

    fn of(
        kinds: Vec<PlannedKind>,
        capacities: Vec<u32>,
        steps: Vec<Tick>,
        routing: &Routing,
    ) -> Self {
        let mut claims_by_rep = vec![Vec::new(); capacities.len()];
        let mut grades = Vec::new();
        for (kind, planned) in (0_u32..).zip(&kinds) {
            let mut ever = RepSet::with_room_for(capacities.len());
            for step in &planned.steps {
                ever.add(&step.eligible);
            }
            for rep in ever.in_both(&ever) {
                let begin = u32::try_from(grades.len());
                if let (Some(claims), Ok(begin)) = (claims_by_rep.get_mut(rep), begin) {
                    let first = planned.steps.first();
                    claims.push(Claim {
                        kind,
                        grades: begin,
                        weight: planned.weight,
                        grade: first.map_or(NO_GRADE, |first| first.grade(rep)),
                    });
                    grades.extend(planned.steps.iter().map(|step| step.grade(rep)));
                }
            }
        }
        Self {
            priority: routing.priority,
            wrap_up: tick(routing.wrap_up),
            capacities,
            steps,
            kinds,
            claims_by_rep,
            grades,
        }
    }

    /// What a rep may take at some step.
    pub(crate) fn claims_of(&self, rep: usize) -> &[Claim] {
        self.claims_by_rep.get(rep).map_or(&[], Vec::as_slice)
    }

    /// The expertise of the rep for the kind at this step, 0 to 1; `None` where the rep may not take the ticket.
    pub(crate) fn grade(&self, claim: &Claim, step: usize) -> Option<f64> {
        let grade = match step {
            0 => Some(claim.grade),
            _ => self.grades.get(claim.grades as usize + step).copied(),
        };
        grade.filter(|&grade| grade > NO_GRADE)
    }

    pub(crate) fn kinds(&self) -> usize {
        self.kinds.len()
    }

    pub(crate) fn weight(&self, kind: usize) -> f64 {
        self.kinds.get(kind).map_or(1.0, |kind| kind.weight)
    }

    /// Steps that a ticket may be at.
    pub(crate) fn steps(&self) -> usize {
        self.steps.len() + 1
    }

    /// The step of a ticket that has waited this long.
    #[inline]
    pub(crate) fn step(&self, waited: Tick) -> usize {
        if self.steps.is_empty() {
            return 0;
        }
        self.steps.partition_point(|&begins| begins <= waited)
    }

    /// When the step after this one begins, counted from the beginning of its wait.
    pub(crate) fn next_step(&self, step: usize) -> Option<Tick> {
        self.steps.get(step).copied()
    }

    /// Those who may take a ticket of the kind at this step.
    pub(crate) fn eligible(&self, kind: usize, step: usize) -> Option<&RepSet> {
        Some(&self.at(kind, step)?.eligible)
    }

    /// Conversations those who may take a ticket of the kind at this step can hold at once.
    pub(crate) fn servers(&self, kind: usize, step: usize) -> u32 {
        self.at(kind, step).map_or(0, |step| step.servers)
    }

    /// Whether anybody may take a ticket of the kind at the end of all relaxing.
    pub(crate) fn can_ever(&self, kind: usize) -> bool {
        self.servers(kind, self.steps.len()) > 0
    }

    /// The rep's place among those who may take a ticket of the kind at this step, the least first.
    pub(crate) fn place(&self, kind: usize, step: usize, rep: usize) -> u16 {
        self.at(kind, step).map_or(u16::MAX, |step| step.place(rep))
    }

    /// The rep's expertise for tickets of the kind at this step, 0 to 1.
    pub(crate) fn expertise(&self, kind: usize, step: usize, rep: usize) -> f64 {
        self.at(kind, step).map_or(0.0, |step| step.expertise(rep))
    }

    /// Whether a ticket of `kind` that waits goes before one of `newcomer` that comes now.
    pub(crate) fn precedes_newcomer(&self, kind: usize, newcomer: usize) -> bool {
        match self.priority {
            Priority::Weighted => true,
            Priority::Strict => self.weight(kind) >= self.weight(newcomer),
        }
    }

    /// Whether order of arrival is the order of service, and no time changes who may take what: then
    /// whoever comes later is of no concern to those who wait.
    pub(crate) fn later_ones_matter(&self) -> bool {
        let mut weights = self.kinds.iter().map(|kind| kind.weight);
        let first = weights.next();
        let differ = weights.any(|weight| Some(weight) != first);
        differ || !self.steps.is_empty()
    }

    fn at(&self, kind: usize, step: usize) -> Option<&Step> {
        self.kinds.get(kind)?.steps.get(step)
    }
}

impl Kind {
    fn wants(&self) -> Wants<'_> {
        Wants {
            skills: &self.skills,
            tier: &self.tier,
            wishes: &self.wishes,
        }
    }
}

impl PlannedKind {
    fn new(
        kind: &Kind,
        reps: &[&Rep],
        at_work: &RepSet,
        routing: &Routing,
        steps: &[Tick],
    ) -> Self {
        let begins = std::iter::once(0).chain(steps.iter().copied());
        Self {
            weight: kind.weight,
            steps: begins
                .enumerate()
                .map(|(index, begins)| {
                    // Nobody is at the first step who has waited long enough for a rule of no delay.
                    let waited = if index == 0 { -1 } else { begins };
                    Step::new(kind, waited, reps, at_work, routing)
                })
                .collect(),
        }
    }
}

impl Step {
    fn grade(&self, rep: usize) -> f64 {
        if !self.eligible.contains(rep) {
            return NO_GRADE;
        }
        self.expertise(rep)
    }

    fn expertise(&self, rep: usize) -> f64 {
        self.turns.get(rep).map_or(0.0, |turn| turn.level.share())
    }

    fn place(&self, rep: usize) -> u16 {
        if self.named == Some(rep) {
            return 0;
        }
        let place = self.turns.get(rep).map_or(u16::MAX, |turn| turn.place);
        place.saturating_add(u16::from(self.named.is_some()))
    }

    /// From `begins` on; `None` is the step before any, when nobody has waited long enough for a rule of no delay.
    fn of_desk(
        kind: &DeskKind<'_>,
        begins: Option<Tick>,
        capacities: &[u32],
        roster: &Roster,
        routing: &Routing,
    ) -> Self {
        let (fits, exception) = (kind.steps, kind.exception);
        let deadline = fits.want.wishes.rep_deadline;
        let sticky_for = tick(deadline.unwrap_or(routing.sticky_for));
        let has_begun = |at: Tick| begins.is_some_and(|begins| at <= begins);
        let fired = routing
            .relax
            .partition_point(|rule| has_begun(tick(rule.after)));
        let expert = if has_begun(sticky_for) {
            Expert::GivenUp
        } else {
            Expert::WaitedFor
        };
        let reach = fits.reach_by(fired, expert, roster, routing);
        let may: Vec<usize> = reach.among(&roster.sets().at_work).collect();
        // Nobody is waited for whom only a rule lets in.
        let unrelaxed = fits.reach_by(0, expert, roster, routing);
        let kept_for = exception.kept_for(expert).filter(|rep| {
            let mut unrelaxed = unrelaxed.among(&roster.sets().at_work);
            may.contains(rep) && unrelaxed.any(|fits| fits == *rep)
        });
        let mut eligible = RepSet::with_room_for(capacities.len());
        let mut servers = 0_u32;
        for rep in may {
            if kept_for.is_some_and(|only| only != rep) || exception.refused_by.contains(&rep) {
                continue;
            }
            eligible.insert(rep);
            servers = servers.saturating_add(capacities.get(rep).copied().unwrap_or(0));
        }
        Self {
            eligible,
            turns: reach.turns(),
            named: exception.named,
            servers,
        }
    }

    fn new(kind: &Kind, waited: Tick, reps: &[&Rep], at_work: &RepSet, routing: &Routing) -> Self {
        let wants = kind.wants();
        let fired = routing
            .relax
            .partition_point(|rule| tick(rule.after) <= waited);
        let fired = routing.relax.get(..fired).unwrap_or_default();
        let sticky_for = kind.wishes.rep_deadline.unwrap_or(routing.sticky_for);
        let expert = if waited < tick(sticky_for) {
            Expert::WaitedFor
        } else {
            Expert::GivenUp
        };
        let fits: Vec<Option<SkillFit>> = reps
            .iter()
            .map(|rep| fit(&wants, rep, fired).ok())
            .collect();
        let bar_after = |fired: &[Relax]| {
            let best = (0..=fired.len()).find_map(|rules| {
                let rules = fired.get(..rules)?;
                let at_work = reps
                    .iter()
                    .enumerate()
                    .filter(|(rep, _)| at_work.contains(*rep));
                let fits = at_work.filter_map(|(_, rep)| fit(&wants, rep, rules).ok());
                fits.map(|fit| fit.level).max()
            });
            demanded_level(&wants, fired, &routing.relax, expert)
                .and_then(|demanded| Some(demanded.min(best?)))
        };
        let bar = bar_after(fired);
        let choose = wants.choose(routing);
        let ranks: Vec<Option<Rank>> = fits
            .iter()
            .map(|fit| {
                let fit = fit.filter(|fit| bar.is_none_or(|bar| fit.level >= bar))?;
                Some(rank(Some(fit), choose))
            })
            .collect();
        let mut order: Vec<Rank> = ranks.iter().flatten().copied().collect();
        order.sort_unstable();
        order.dedup();
        let turn = |(fit, rank): (&Option<SkillFit>, &Option<Rank>)| {
            let place = rank.and_then(|rank| order.binary_search(&rank).ok());
            let place = place.and_then(|place| u16::try_from(place).ok());
            Some(Turn {
                place: place.unwrap_or(u16::MAX),
                level: (*fit)?.level,
            })
        };
        let turns: Vec<Option<Turn>> = fits.iter().zip(&ranks).map(turn).collect();
        let may = |rep: &usize| ranks.get(*rep).is_some_and(Option::is_some);
        let kept_for = kind.named.filter(|rep| at_work.contains(*rep) && may(rep));
        // Nobody is waited for whom only a rule lets in.
        let kept_for = kept_for.filter(|rep| {
            let unrelaxed = reps.get(*rep).and_then(|rep| fit(&wants, rep, &[]).ok());
            let bar = bar_after(&[]);
            unrelaxed.is_some_and(|fit| bar.is_none_or(|bar| fit.level >= bar))
        });
        let kept_for = kept_for.filter(|_| expert == Expert::WaitedFor);
        let mut eligible = RepSet::with_room_for(ranks.len());
        let mut servers = 0_u32;
        for (index, rep) in reps.iter().enumerate().filter(|(index, _)| may(index)) {
            if kept_for.is_none_or(|only| only == index) {
                eligible.insert(index);
                servers = servers.saturating_add(rep.capacity);
            }
        }
        Self {
            eligible,
            turns: Arc::new(RepTable::of_those(&turns)),
            named: kind.named,
            servers,
        }
    }
}

/// When rules fire and those are given up who are waited for, each time once.
fn in_order(routing: &Routing, deadlines: impl Iterator<Item = Duration>) -> Vec<Tick> {
    let rules = routing.relax.iter().map(|rule| rule.after);
    let mut steps: Vec<Tick> = rules.chain(deadlines).map(tick).collect();
    steps.sort_unstable();
    steps.dedup();
    steps
}

pub(crate) fn tick(duration: Duration) -> Tick {
    Tick::try_from(duration.as_nanos()).unwrap_or(Tick::MAX)
}
