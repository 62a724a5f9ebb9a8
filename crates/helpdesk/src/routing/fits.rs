//! How all reps fit one demand, worked out once: who of them may be asked is then a few machine words.
//! Must not know who waits, nor what a rep does at the moment but whether it is at work.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::fit::{self, Expert, Rank, SkillFit, Wants, demanded_level, rank};
use super::rep_table::RepTable;
use super::reps::RepSet;
use super::{Choice, Standing};
use crate::ask::Wishes;
use crate::config::Routing;
use crate::ids::{Level, SkillId, TierId};
use crate::roster::Roster;

/// What tickets ask for that have the same fits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Want {
    pub(crate) skills: Vec<SkillId>,
    pub(crate) tier: TierId,
    pub(crate) wishes: Wishes,
}

/// The reps as far as the rules that have fired relax a demand, whoever is at work.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fits {
    /// Those who fit, levels that are held out for set aside.
    turns: Arc<RepTable<Turn>>,
    /// The others, by why they do not, the nearest first.
    misfits: Vec<(Standing, RepSet)>,
    /// By place in the roster, what of a fit is more than its level; empty where there is nothing of the kind.
    beyond_level: Vec<Beyond>,
}

/// When a rep who fits is asked, and how good the rep is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    /// The least is asked first.
    pub(crate) place: u16,
    pub(crate) level: Level,
}

/// What of a fit is more than its level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Beyond {
    substitute: bool,
    preference: u32,
}

/// A want, and the fits of its reps by how many rules have fired.
#[derive(Debug)]
pub(crate) struct Steps {
    pub(crate) want: Want,
    /// Rules that change nothing share what they leave as it is.
    fits: Vec<Arc<Fits>>,
}

/// Steps by what is wanted.
#[derive(Debug, Default)]
pub(crate) struct FitBook {
    by_want: BTreeMap<Want, Arc<Steps>>,
    /// How many of these are not plain.
    wished: usize,
}

/// Different wants that are remembered beside the plain ones, of which there are no more than skills with tiers; they are
/// found anew when shoppers wish more than that.
const WISHED: usize = 2_000;

/// A want with its fits as far as it is relaxed by now.
#[derive(Clone, Copy)]
pub(crate) struct Reach<'a> {
    steps: &'a Steps,
    fired: usize,
    bar: Option<Level>,
}

impl Want {
    pub(crate) fn wants(&self) -> Wants<'_> {
        Wants {
            skills: &self.skills,
            tier: &self.tier,
            wishes: &self.wishes,
        }
    }
}

impl Want {
    /// Whether it is what a click without any wish wants.
    pub(crate) fn is_plain(&self) -> bool {
        self.skills.len() == 1 && self.wishes == Wishes::NONE
    }
}

impl FitBook {
    /// The steps of a want, worked out if nobody wanted the same before.
    pub(crate) fn steps(&mut self, want: Want, roster: &Roster, routing: &Routing) -> Arc<Steps> {
        if let Some(known) = self.by_want.get(&want) {
            return Arc::clone(known);
        }
        if !want.is_plain() {
            if self.wished >= WISHED {
                self.by_want.retain(|known, _| known.is_plain());
                self.wished = 0;
            }
            self.wished += 1;
        }
        let steps = Arc::new(Steps::of(want.clone(), roster, routing));
        self.by_want.insert(want, Arc::clone(&steps));
        steps
    }
}

impl Steps {
    /// How the reps fit a want.
    pub(crate) fn of(want: Want, roster: &Roster, routing: &Routing) -> Self {
        let mut fits: Vec<Arc<Fits>> = Vec::with_capacity(routing.relax.len() + 1);
        for fired in 0..=routing.relax.len() {
            let next = Fits::of(&want, fired, roster, routing);
            let same = fits.last().filter(|last| ***last == next);
            fits.push(same.map_or_else(|| Arc::new(next), Arc::clone));
        }
        Self { want, fits }
    }

    /// How far a ticket reaches that has waited so long.
    pub(crate) fn reach(
        &self,
        waited: Duration,
        sticky_for: Duration,
        roster: &Roster,
        routing: &Routing,
    ) -> Reach<'_> {
        let expert = Expert::after_waiting(waited, sticky_for);
        self.reach_by(routing.fired(waited), expert, roster, routing)
    }

    /// As far as the first so many rules reach.
    pub(crate) fn reach_by(
        &self,
        fired: usize,
        expert: Expert,
        roster: &Roster,
        routing: &Routing,
    ) -> Reach<'_> {
        let holding = routing.relax.get(..fired).unwrap_or_default();
        let demanded = demanded_level(&self.want.wants(), holding, &routing.relax, expert);
        let mut reach = Reach {
            steps: self,
            fired,
            bar: None,
        };
        reach.bar = demanded.and_then(|demanded| Some(demanded.min(reach.best_at_work(roster)?)));
        reach
    }

    /// Those of so many reps who fit at some step.
    pub(crate) fn ever(&self, reps: usize) -> RepSet {
        let mut ever = RepSet::with_room_for(reps);
        self.fits.iter().for_each(|fits| ever.add(fits.fitting()));
        ever
    }

    /// Whether any of these may take it at the end of all relaxing.
    pub(crate) fn meets_at_last(&self, reps: &RepSet) -> bool {
        self.fits
            .last()
            .is_some_and(|fits| fits.fitting().meets(reps))
    }
}

impl Fits {
    fn of(want: &Want, fired: usize, roster: &Roster, routing: &Routing) -> Self {
        let wants = want.wants();
        let fired = routing.relax.get(..fired).unwrap_or_default();
        let choose = wants.choose(routing);
        let mut misfits = BTreeMap::<Standing, RepSet>::new();
        let fits: Vec<_> = roster
            .seats()
            .enumerate()
            .map(|(rep, seat)| match fit::fit(&wants, &seat.rep, fired) {
                Ok(fit) => Some(fit),
                Err(misfit) => {
                    let alike = misfits.entry(misfit);
                    let none = || RepSet::with_room_for(roster.len());
                    alike.or_insert_with(none).insert(rep);
                    None
                }
            })
            .collect();
        let rank_of = |fit: &Option<SkillFit>| fit.map(|fit| rank(Some(fit), choose));
        let mut order: Vec<Rank> = fits.iter().filter_map(rank_of).collect();
        order.sort_unstable();
        order.dedup();
        let turn = |fit: &Option<SkillFit>| {
            let rank = rank_of(fit)?;
            let place = order.partition_point(|other| *other < rank);
            Some(Turn {
                place: u16::try_from(place).unwrap_or(u16::MAX),
                level: (*fit)?.level,
            })
        };
        let turns: Vec<Option<Turn>> = fits.iter().map(turn).collect();
        let beyond = |fit: &Option<SkillFit>| {
            fit.map_or_else(Beyond::default, |fit| Beyond {
                substitute: fit.substitute,
                preference: fit.preference,
            })
        };
        let mut beyond_level: Vec<Beyond> = fits.iter().map(beyond).collect();
        if beyond_level.iter().all(|one| *one == Beyond::default()) {
            beyond_level = Vec::new();
        }
        Self {
            turns: Arc::new(RepTable::of_those(&turns)),
            beyond_level,
            misfits: misfits.into_iter().collect(),
        }
    }

    fn fitting(&self) -> &RepSet {
        self.turns.reps()
    }

    fn level(&self, rep: usize) -> Option<Level> {
        Some(self.turns.get(rep)?.level)
    }
}

impl<'a> Reach<'a> {
    /// Those of these who may take it.
    pub(crate) fn among<'b>(&'b self, reps: &'b RepSet) -> impl Iterator<Item = usize> + use<'b> {
        let fits = self.fits();
        let fitting = fits.map(|fits| fits.fitting().in_both(reps).zip(std::iter::repeat(fits)));
        let may = fitting.into_iter().flatten();
        may.filter_map(|(rep, fits)| self.may(rep, fits).then_some(rep))
    }

    /// Those who may take it, of so many reps.
    pub(crate) fn set(&self, reps: usize) -> RepSet {
        let mut set = RepSet::with_room_for(reps);
        if let Some(fits) = self.fits() {
            self.among(fits.fitting()).for_each(|rep| set.insert(rep));
        }
        set
    }

    /// In which order they are asked, and how good each is.
    pub(crate) fn turns(&self) -> Arc<RepTable<Turn>> {
        let fits = self.fits();
        fits.map_or_else(Arc::default, |fits| Arc::clone(&fits.turns))
    }

    /// How many of these may take it.
    pub(crate) fn count(&self, reps: &RepSet) -> u32 {
        match (self.bar, self.fits()) {
            (None, Some(fits)) => fits.fitting().count_in_both(reps),
            (Some(_), Some(_)) => u32::try_from(self.among(reps).count()).unwrap_or(u32::MAX),
            (Some(_) | None, None) => 0,
        }
    }

    /// Whether any of these may take it.
    pub(crate) fn meets(&self, reps: &RepSet) -> bool {
        match (self.bar, self.fits()) {
            (None, Some(fits)) => fits.fitting().meets(reps),
            (Some(_), Some(_)) => self.among(reps).next().is_some(),
            (Some(_) | None, None) => false,
        }
    }

    /// The rep of these to ask first, who has refused nothing and is not named.
    pub(crate) fn choose(&self, free: &RepSet, roster: &Roster) -> Option<Choice> {
        let fits = self.fits()?;
        let chosen = self.among(free).min_by_key(|&rep| {
            let idle_since = roster.pose_at(rep).map(|pose| pose.idle_since);
            (fits.turns.get(rep).map(|turn| turn.place), idle_since, rep)
        })?;
        Some(Choice {
            rep: roster.seat_at(chosen)?.rep.id.clone(),
            expertise: fits.level(chosen)?.share(),
        })
    }

    /// The reps who fit, the level that is held out for set aside, each with the level.
    pub(crate) fn fitting(&self) -> impl Iterator<Item = (usize, Option<Level>)> + use<'a> {
        let turns = self.fits().map(|fits| fits.turns.iter());
        let turns = turns.into_iter().flatten();
        turns.map(|(rep, turn)| (rep, Some(turn.level)))
    }

    /// The same, each passed on with the level and the place.
    pub(crate) fn for_each_fitting(&self, mut what: impl FnMut(usize, Option<Level>, u16)) {
        if let Some(fits) = self.fits() {
            fits.turns
                .for_each(|rep, turn| what(rep, Some(turn.level), turn.place));
        }
    }

    /// How many fit, the level that is held out for set aside.
    pub(crate) fn count_fitting(&self) -> usize {
        self.fits().map_or(0, |fits| fits.fitting().count())
    }

    /// How well a rep fits, tiers and levels set aside.
    pub(crate) fn fit_of(&self, rep: usize) -> Option<SkillFit> {
        let fits = self.fits()?;
        let beyond = fits.beyond_level.get(rep).copied().unwrap_or_default();
        Some(SkillFit {
            level: fits.level(rep)?,
            substitute: beyond.substitute,
            preference: beyond.preference,
        })
    }

    /// The others, by why they do not, the nearest first.
    pub(crate) fn misfits(&self) -> &'a [(Standing, RepSet)] {
        self.fits().map_or(&[], |fits| &fits.misfits)
    }

    /// In which order a rep is asked, the least first.
    pub(crate) fn place(&self, rep: usize) -> u16 {
        let turn = self.fits().and_then(|fits| fits.turns.get(rep));
        turn.map_or(u16::MAX, |turn| turn.place)
    }

    /// The level that is held out for.
    pub(crate) fn bar(&self) -> Option<Level> {
        self.bar
    }

    fn may(&self, rep: usize, fits: &Fits) -> bool {
        let level = fits.level(rep);
        self.bar
            .is_none_or(|bar| level.is_some_and(|level| level >= bar))
    }

    /// The best at work by the first rules by which anybody there fits.
    fn best_at_work(&self, roster: &Roster) -> Option<Level> {
        let at_work = &roster.sets().at_work;
        self.steps
            .fits
            .iter()
            .take(self.fired + 1)
            .find_map(|fits| {
                let there = fits.fitting().in_both(at_work);
                there.filter_map(|rep| fits.level(rep)).max()
            })
    }

    fn fits(&self) -> Option<&'a Fits> {
        self.steps.fits.get(self.fired).map(Arc::as_ref)
    }
}
