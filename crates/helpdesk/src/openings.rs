//! Which skills of which sites are open at the moment, worked out anew only when that changes.
//! Must not know how hours are written.

use std::collections::BTreeMap;

use crate::clock::Moment;
use crate::config::Config;
use crate::hours::Openness;
use crate::ids::{SiteId, SkillId};

/// Of each site and skill that has hours, whether it is open.
#[derive(Debug, Default)]
pub(crate) struct Openings {
    by_group: BTreeMap<(SiteId, SkillId), Openness>,
    holds: Holds,
    version: u64,
}

/// How long all of it holds.
#[derive(Debug, Clone, Copy, Default)]
enum Holds {
    /// Nothing was worked out yet.
    #[default]
    NotYet,
    Until(Moment),
    ForEver,
}

impl Openings {
    /// Forgets everything: the hours have changed.
    pub(crate) fn clear(&mut self) {
        self.by_group.clear();
        self.holds = Holds::NotYet;
        self.version += 1;
    }

    /// Rises whenever anything opens or closes.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Brings it in line with the time.
    pub(crate) fn refresh(&mut self, config: &Config, now: Moment) {
        match self.holds {
            Holds::ForEver => return,
            Holds::Until(next) if now < next => return,
            Holds::Until(_) | Holds::NotYet => {}
        }
        for site in &config.sites {
            for skill in &site.skills {
                let has_hours =
                    site.hours.is_some() || site.skill_hours.iter().any(|(of, _)| of == skill);
                if !has_hours {
                    continue;
                }
                let group = (site.id.clone(), skill.clone());
                let holds = self
                    .by_group
                    .get(&group)
                    .is_some_and(|openness| openness.until.is_none_or(|until| now.0 < until));
                if !holds {
                    self.version += 1;
                    let openness = site.openness(std::slice::from_ref(skill), now.0);
                    self.by_group.insert(group, openness);
                }
            }
        }
        let changes = self.by_group.values().filter_map(|openness| openness.until);
        self.holds = changes
            .min()
            .map_or(Holds::ForEver, |next| Holds::Until(Moment(next)));
    }

    /// Whether a skill of a site is open, and when it will be.
    pub(crate) fn of(&self, site: &SiteId, skill: &SkillId) -> Openness {
        if self.by_group.is_empty() {
            return Openness::ALWAYS;
        }
        let group = (site.clone(), skill.clone());
        self.by_group
            .get(&group)
            .copied()
            .unwrap_or(Openness::ALWAYS)
    }

    /// When anything next opens or closes.
    pub(crate) fn next_change(&self) -> Option<Moment> {
        match self.holds {
            Holds::Until(next) => Some(next),
            Holds::NotYet | Holds::ForEver => None,
        }
    }
}
