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
    version: u64,
}

impl Openings {
    /// Forgets everything: the hours have changed.
    pub(crate) fn clear(&mut self) {
        self.by_group.clear();
        self.version += 1;
    }

    /// Rises whenever anything opens or closes.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Brings it in line with the time.
    pub(crate) fn refresh(&mut self, config: &Config, now: Moment) {
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
    }

    /// Whether a skill of a site is open, and when it will be.
    pub(crate) fn of(&self, site: &SiteId, skill: &SkillId) -> Openness {
        let group = (site.clone(), skill.clone());
        self.by_group
            .get(&group)
            .copied()
            .unwrap_or(Openness::ALWAYS)
    }

    /// When anything next opens or closes.
    pub(crate) fn next_change(&self) -> Option<Moment> {
        let changes = self.by_group.values().filter_map(|openness| openness.until);
        changes.min().map(Moment)
    }
}
