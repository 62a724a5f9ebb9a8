//! The reps of a scenario, and how much of them was in use. Must not know what for.

use super::report::PoolReport;
use super::scenario::{Arrivals, Scenario, ScenarioError, Usual};
use super::shoppers::seconds;
use crate::config::Rep;
use crate::ids::RepId;
use crate::routing::plan::{Kind, Plan, Tick};
use crate::routing::reps::RepSet;

/// The reps by pool, with what each pool has in hand.
#[derive(Debug)]
pub(super) struct Staff {
    pool_of: Vec<usize>,
    pools: Vec<Use>,
    counted: Option<(Tick, Option<Tick>)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Use {
    in_hand: u32,
    changed: Tick,
    /// Seconds in hand, summed over conversations, before and within the counted time.
    sum: f64,
    sum_before: f64,
    sum_counted: f64,
}

impl Staff {
    /// The reps of the scenario and the plan by which they are chosen.
    pub(super) fn new(scenario: &Scenario) -> Result<(Self, Plan), ScenarioError> {
        let mut reps = Vec::new();
        let mut pool_of = Vec::new();
        for (index, pool) in scenario.pools.iter().enumerate() {
            for number in 0..pool.count {
                pool_of.push(index);
                reps.push(Rep {
                    id: RepId::new(&format!("{index:04}-{number:08}")),
                    name: pool.name.clone(),
                    skills: pool.skills.clone(),
                    tiers: pool.tiers.clone(),
                    capacity: pool.capacity,
                });
            }
        }
        if reps.is_empty() {
            return Err(ScenarioError::NobodyServes);
        }
        let mut kinds = Vec::new();
        for class in &scenario.classes {
            let tier = scenario.tiers.iter().find(|tier| tier.id == class.tier);
            let weight = tier.map(|tier| tier.weight);
            let unknown = || ScenarioError::UnknownTier {
                class: class.name.clone(),
                tier: class.tier.clone(),
            };
            kinds.push(Kind {
                skills: class.skills.clone(),
                wishes: class.wishes.clone(),
                tier: class.tier.clone(),
                weight: weight.ok_or_else(unknown)?,
                named: match &class.usual {
                    None => None,
                    Some(usual) => Some(find(usual, &class.name, scenario)?),
                },
            });
        }
        let mut at_work = RepSet::with_room_for(reps.len());
        (0..reps.len()).for_each(|rep| at_work.insert(rep));
        let reps: Vec<&Rep> = reps.iter().collect();
        let plan = Plan::new(&reps, &at_work, &kinds, &scenario.routing);
        check_arrivals(scenario)?;
        for (index, class) in scenario.classes.iter().enumerate() {
            if !plan.can_ever(index) {
                return Err(ScenarioError::NobodyForClass {
                    class: class.name.clone(),
                });
            }
        }
        let staff = Self {
            pool_of,
            pools: vec![Use::default(); scenario.pools.len()],
            counted: None,
        };
        Ok((staff, plan))
    }

    pub(super) fn occupy(&mut self, rep: usize, now: Tick) {
        if let Some(pool) = self.pool_mut(rep) {
            pool.advance(now);
            pool.in_hand += 1;
        }
    }

    pub(super) fn free(&mut self, rep: usize, now: Tick) {
        if let Some(pool) = self.pool_mut(rep) {
            pool.advance(now);
            pool.in_hand = pool.in_hand.saturating_sub(1);
        }
    }

    /// The counted time begins, or ends; what comes after is not counted.
    pub(super) fn mark(&mut self, now: Tick) {
        match self.counted {
            None => {
                self.counted = Some((now, None));
                for pool in &mut self.pools {
                    pool.advance(now);
                    pool.sum_before = pool.sum;
                }
            }
            Some((from, None)) => {
                self.counted = Some((from, Some(now)));
                for pool in &mut self.pools {
                    pool.advance(now);
                    pool.sum_counted = pool.sum - pool.sum_before;
                }
            }
            Some((_, Some(_))) => {}
        }
    }

    pub(super) fn counted_seconds(&self) -> f64 {
        match self.counted {
            Some((from, Some(to))) => seconds(to.saturating_sub(from)),
            Some((_, None)) | None => 0.0,
        }
    }

    pub(super) fn report(&self, scenario: &Scenario) -> Vec<(String, PoolReport)> {
        let time = self.counted_seconds();
        let pools = scenario.pools.iter().zip(&self.pools);
        pools
            .map(|(pool, used)| {
                let room = f64::from(pool.count) * f64::from(pool.capacity) * time;
                let utilisation = if room > 0.0 {
                    used.sum_counted / room
                } else {
                    0.0
                };
                (pool.name.clone(), PoolReport { utilisation })
            })
            .collect()
    }

    fn pool_mut(&mut self, rep: usize) -> Option<&mut Use> {
        let pool = *self.pool_of.get(rep)?;
        self.pools.get_mut(pool)
    }
}

impl Use {
    fn advance(&mut self, now: Tick) {
        self.sum += f64::from(self.in_hand) * seconds(now.saturating_sub(self.changed));
        self.changed = now;
    }
}

/// The place of a rep among all reps.
fn find(usual: &Usual, class: &str, scenario: &Scenario) -> Result<usize, ScenarioError> {
    let mut first = 0_usize;
    for pool in &scenario.pools {
        if pool.name == usual.pool && usual.number < pool.count {
            return Ok(first + usual.number as usize);
        }
        first += pool.count as usize;
    }
    Err(ScenarioError::UnknownRep {
        class: class.to_owned(),
        pool: usual.pool.clone(),
        number: usual.number,
    })
}

fn check_arrivals(scenario: &Scenario) -> Result<(), ScenarioError> {
    match &scenario.arrivals {
        Arrivals::Chance(_) => {
            let somebody_comes = scenario.classes.iter().any(|class| class.rate > 0.0);
            somebody_comes
                .then_some(())
                .ok_or(ScenarioError::NobodyComes)
        }
        Arrivals::Trace(rows) => {
            let wrong = rows
                .iter()
                .position(|row| row.class >= scenario.classes.len());
            match wrong {
                Some(index) => Err(ScenarioError::UnknownClass { row: index + 1 }),
                None => Ok(()),
            }
        }
    }
}
