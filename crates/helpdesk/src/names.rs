//! What skills are called among people, found at once however many there are.
//! Must not know who is told.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::config::Config;
use crate::ids::SkillId;

/// The names of skills.
#[derive(Debug, Default)]
pub(crate) struct SkillNames {
    /// Never walked through, for its order is none.
    by_id: HashMap<SkillId, String, RandomState>,
}

impl SkillNames {
    /// As they are configured.
    pub(crate) fn of(config: &Config) -> Self {
        let skills = config.skills.iter();
        Self {
            by_id: skills
                .map(|skill| (skill.id.clone(), skill.name.clone()))
                .collect(),
        }
    }

    /// One that is not configured is called by its identity.
    pub(crate) fn of_skill<'a>(&'a self, skill: &'a SkillId) -> &'a str {
        self.by_id.get(skill).map_or(skill.as_str(), String::as_str)
    }
}
