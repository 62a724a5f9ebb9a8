//! How all reps fit one demand, worked out once: who of them may be asked is then a few machine words.
//! Must not know who waits, nor what a rep does at the moment but whether it is at work.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::fit::{self, Expert, Rank, SkillFit, Wants, demanded_level, rank};
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
#[derive(Debug)]
pub(crate) struct Fits {
    /// Those who fit, levels that are held out for set aside.
    fitting: RepSet,
    /// The others, by why they do not, the nearest first.
    misfits: Vec<(Standing, RepSet)>,
    /// In which order they are asked, by place in the roster, the least first.
    places: Arc<[u16]>,
    /// In hundredths; 0 where the rep does not fit.
    expertise: Arc<[u8]>,
    /// By place in the roster, what of a fit is more than its level; empty where there is nothing of the kind.
    beyond_level: Vec<Beyond>,
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
    fits: Vec<Fits>,
}

/// Steps by what is wanted.
#[derive(Debug, Default)]
pub(crate) struct FitBook {
    by_want: BTreeMap<Want, Arc<Steps>>,
}

/// Different wants that are remembered; they are found anew when shoppers wish more than that.
const WANTS: usize = 2_000;

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
        if self.by_want.len() >= WANTS {
            self.by_want.clear();
        }
        let steps = Arc::new(Steps::of(want.clone(), roster, routing));
        self.by_want.insert(want, Arc::clone(&steps));
        steps
    }
}

impl Steps {
    /// How the reps fit a want.
    pub(crate) fn of(want: Want, roster: &Roster, routing: &Routing) -> Self {
        let fits = (0..=routing.relax.len())
            .map(|fired| Fits::of(&want, fired, roster, routing))
            .collect();
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
        self.fits.iter().for_each(|fits| ever.add(&fits.fitting));
        ever
    }

    /// Whether any of these may take it at the end of all relaxing.
    pub(crate) fn meets_at_last(&self, reps: &RepSet) -> bool {
        self.fits
            .last()
            .is_some_and(|fits| fits.fitting.meets(reps))
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
        let place = |fit: &Option<SkillFit>| {
            let place = rank_of(fit).and_then(|rank| order.binary_search(&rank).ok());
            place
                .and_then(|place| u16::try_from(place).ok())
                .unwrap_or(u16::MAX)
        };
        let mut fitting = RepSet::with_room_for(fits.len());
        let those = fits.iter().enumerate().filter(|(_, fit)| fit.is_some());
        those.for_each(|(rep, _)| fitting.insert(rep));
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
            fitting,
            beyond_level,
            misfits: misfits.into_iter().collect(),
            places: fits.iter().map(place).collect(),
            expertise: fits
                .iter()
                .map(|fit| fit.map_or(0, |fit| fit.level.value()))
                .collect(),
        }
    }

    fn level(&self, rep: usize) -> Option<Level> {
        Level::new(*self.expertise.get(rep)?)
    }
}

impl<'a> Reach<'a> {
    /// Those of these who may take it.
    pub(crate) fn among<'b>(&'b self, reps: &'b RepSet) -> impl Iterator<Item = usize> + use<'b> {
        let fits = self.fits();
        let fitting = fits.map(|fits| fits.fitting.in_both(reps).zip(std::iter::repeat(fits)));
        let may = fitting.into_iter().flatten();
        may.filter_map(|(rep, fits)| self.may(rep, fits).then_some(rep))
    }

    /// Those who may take it, of so many reps.
    pub(crate) fn set(&self, reps: usize) -> RepSet {
        let mut set = RepSet::with_room_for(reps);
        if let Some(fits) = self.fits() {
            self.among(&fits.fitting).for_each(|rep| set.insert(rep));
        }
        set
    }

    /// In which order they are asked, by place in the roster, the least first.
    pub(crate) fn places(&self) -> Arc<[u16]> {
        let fits = self.fits();
        fits.map_or_else(Arc::default, |fits| Arc::clone(&fits.places))
    }

    /// How good each is, by place in the roster, in hundredths.
    pub(crate) fn expertise(&self) -> Arc<[u8]> {
        let fits = self.fits();
        fits.map_or_else(Arc::default, |fits| Arc::clone(&fits.expertise))
    }

    /// How many of these may take it.
    pub(crate) fn count(&self, reps: &RepSet) -> u32 {
        match (self.bar, self.fits()) {
            (None, Some(fits)) => fits.fitting.count_in_both(reps),
            (Some(_), Some(_)) => u32::try_from(self.among(reps).count()).unwrap_or(u32::MAX),
            (Some(_) | None, None) => 0,
        }
    }

    /// Whether any of these may take it.
    pub(crate) fn meets(&self, reps: &RepSet) -> bool {
        match (self.bar, self.fits()) {
            (None, Some(fits)) => fits.fitting.meets(reps),
            (Some(_), Some(_)) => self.among(reps).next().is_some(),
            (Some(_) | None, None) => false,
        }
    }

    /// The rep of these to ask first, who has refused nothing and is not named.
    pub(crate) fn choose(&self, free: &RepSet, roster: &Roster) -> Option<Choice> {
        let fits = self.fits()?;
        let chosen = self.among(free).min_by_key(|&rep| {
            let idle_since = roster.pose_at(rep).map(|pose| pose.idle_since);
            (fits.places.get(rep).copied(), idle_since, rep)
        })?;
        Some(Choice {
            rep: roster.seat_at(chosen)?.rep.id.clone(),
            expertise: fits.level(chosen)?.share(),
        })
    }

    /// The reps who fit, the level that is held out for set aside, each with the level.
    pub(crate) fn fitting(&self) -> impl Iterator<Item = (usize, Option<Level>)> + use<'a> {
        let fits = self.fits();
        let fitting = fits.map(|fits| {
            let reps = fits.fitting.in_both(&fits.fitting);
            reps.map(move |rep| (rep, fits.level(rep)))
        });
        fitting.into_iter().flatten()
    }

    /// The same, each passed on with the level and the place.
    pub(crate) fn for_each_fitting(&self, mut what: impl FnMut(usize, Option<Level>, u16)) {
        if let Some(fits) = self.fits() {
            fits.fitting.for_each(|rep| {
                let place = fits.places.get(rep).copied().unwrap_or(u16::MAX);
                what(rep, fits.level(rep), place);
            });
        }
    }

    /// How many fit, the level that is held out for set aside.
    pub(crate) fn count_fitting(&self) -> usize {
        self.fits().map_or(0, |fits| fits.fitting.count())
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
        let place = self.fits().and_then(|fits| fits.places.get(rep));
        place.copied().unwrap_or(u16::MAX)
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
                let there = fits.fitting.in_both(at_work);
                there.filter_map(|rep| fits.level(rep)).max()
            })
    }

    fn fits(&self) -> Option<&'a Fits> {
        self.steps.fits.get(self.fired)
    }
}
