//! Which groups of a site a request asks for. Must not know how they are shown.

use helpdesk::{GroupSnapshot, SiteId, SkillId, Snapshot, TierId};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::config::Config;
use crate::problem::Problem;

/// The query of the presence addresses; an empty value is none.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SelectionQuery {
    /// Only this skill.
    skill: Option<String>,
    /// Only this tier.
    tier: Option<String>,
    /// What the words of a fragment or badge are in.
    pub(crate) lang: Option<String>,
}

impl SelectionQuery {
    /// A query that no address carried.
    pub(crate) fn new(skill: Option<String>, tier: Option<String>) -> Self {
        Self {
            skill,
            tier,
            lang: None,
        }
    }
}

/// The groups of one configured site, all or those of a skill, of a tier, or of both.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Selection {
    /// The site.
    pub(crate) site: SiteId,
    /// Only this skill.
    pub(crate) skill: Option<SkillId>,
    /// Only this tier.
    pub(crate) tier: Option<TierId>,
}

impl Selection {
    /// Resolves the names; one that is not configured is a 404 that says which.
    pub(crate) fn new(
        site: &str,
        query: &SelectionQuery,
        config: &Config,
    ) -> Result<Self, Problem> {
        let face = config
            .site(site)
            .ok_or_else(|| Problem::not_found(format!("No site is called {site:?}.")))?;
        let skill = find(&query.skill, &face.skills, SkillId::as_str).map_err(|name| {
            Problem::not_found(format!("This site has no skill called {name:?}."))
        })?;
        let tier = find(&query.tier, &config.tiers, TierId::as_str)
            .map_err(|name| Problem::not_found(format!("No tier is called {name:?}.")))?;
        Ok(Self {
            site: face.id.clone(),
            skill,
            tier,
        })
    }

    /// The same, and where no tier was asked for, that of shoppers who prove no other.
    pub(crate) fn for_one_tier(self, config: &Config) -> Self {
        Self {
            tier: self.tier.or_else(|| config.tiers.first().cloned()),
            ..self
        }
    }

    /// The groups as they stand in the snapshot, in its order.
    pub(crate) fn groups<'a>(
        &'a self,
        snapshot: &'a Snapshot,
    ) -> impl Iterator<Item = &'a GroupSnapshot> {
        snapshot
            .sites
            .iter()
            .filter(|site| site.site == self.site)
            .flat_map(|site| &site.groups)
            .filter(|group| {
                self.skill
                    .as_ref()
                    .is_none_or(|skill| *skill == group.skill)
            })
            .filter(|group| self.tier.as_ref().is_none_or(|tier| *tier == group.tier))
    }
}

fn find<'a, T: Clone>(
    asked: &'a Option<String>,
    known: &[T],
    name: fn(&T) -> &str,
) -> Result<Option<T>, &'a str> {
    let Some(asked) = asked.as_deref().filter(|asked| !asked.is_empty()) else {
        return Ok(None);
    };
    known
        .iter()
        .find(|known| name(known) == asked)
        .cloned()
        .map(Some)
        .ok_or(asked)
}
