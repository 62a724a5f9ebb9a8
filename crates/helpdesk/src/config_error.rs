//! Faults of a configuration, each naming the thing that is wrong.
//! Must not know the file it was read from.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::config::{Config, Relax};
use crate::ids::{RepId, SiteId, SkillId, TierId};

/// Scores stay numbers that can be compared.
const WEIGHT_LIMIT: f64 = 1_000_000.0;

/// Why a configuration is refused. Each text fits "failed to configure the helpdesk: {text}".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// Two things of a kind have one identity.
    #[error("two {kind}s are called {id}")]
    Twice {
        /// What they are: "skill", "tier", "site" or "rep".
        kind: &'static str,
        /// The identity.
        id: String,
    },
    /// No tier at all; shoppers need one.
    #[error("no tier is configured")]
    NoTier,
    /// The weight is not a number above 0 and up to 1,000,000.
    #[error("tier {0} has a weight that is not above 0 and at most 1000000")]
    Weight(TierId),
    /// A site without skills can help with nothing.
    #[error("site {0} offers no skill")]
    SiteWithoutSkills(SiteId),
    /// A site offers a skill that is not configured.
    #[error("site {site} offers {skill}, which is no configured skill")]
    SiteSkill {
        /// The site.
        site: SiteId,
        /// The unknown skill.
        skill: SkillId,
    },
    /// A rep has a skill that is not configured.
    #[error("rep {rep} has {skill}, which is no configured skill")]
    RepSkill {
        /// The rep.
        rep: RepId,
        /// The unknown skill.
        skill: SkillId,
    },
    /// A rep serves a tier that is not configured.
    #[error("rep {rep} serves {tier}, which is no configured tier")]
    RepTier {
        /// The rep.
        rep: RepId,
        /// The unknown tier.
        tier: TierId,
    },
    /// A rep who can hold no conversation.
    #[error("rep {0} has a capacity of 0")]
    NoCapacity(RepId),
    /// A relaxing rule names a skill that is not configured.
    #[error("relaxing rule {rule} names {skill}, which is no configured skill")]
    RelaxSkill {
        /// Which rule, from 1.
        rule: usize,
        /// The unknown skill.
        skill: SkillId,
    },
    /// The relaxing rules are not in the order of their times.
    #[error("relaxing rule {0} comes before its predecessor's time")]
    RelaxOrder(usize),
    /// Promises in danger would count less than others, or without bounds.
    #[error("the promise boost is not 1 to 1000000")]
    PromiseBoost,
    /// An offer that ends as it begins.
    #[error("the offer timeout is 0")]
    NoOfferTimeout,
}

impl Config {
    /// Whether every name means something and every number makes sense.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let skills = unique("skill", self.skills.iter().map(|skill| skill.id.as_str()))?;
        let tiers = unique("tier", self.tiers.iter().map(|tier| tier.id.as_str()))?;
        unique("site", self.sites.iter().map(|site| site.id.as_str()))?;
        unique("rep", self.reps.iter().map(|rep| rep.id.as_str()))?;
        let is_skill = |skill: &SkillId| skills.contains(skill.as_str());

        if tiers.is_empty() {
            return Err(ConfigError::NoTier);
        }
        for tier in &self.tiers {
            if !(tier.weight > 0.0 && tier.weight <= WEIGHT_LIMIT) {
                return Err(ConfigError::Weight(tier.id.clone()));
            }
        }
        for site in &self.sites {
            if site.skills.is_empty() {
                return Err(ConfigError::SiteWithoutSkills(site.id.clone()));
            }
            if let Some(skill) = site.skills.iter().find(|skill| !is_skill(skill)) {
                return Err(ConfigError::SiteSkill {
                    site: site.id.clone(),
                    skill: skill.clone(),
                });
            }
        }
        for rep in &self.reps {
            if let Some((skill, _)) = rep.skills.iter().find(|(skill, _)| !is_skill(skill)) {
                return Err(ConfigError::RepSkill {
                    rep: rep.id.clone(),
                    skill: skill.clone(),
                });
            }
            let mut served = rep.tiers.iter().flatten();
            if let Some(tier) = served.find(|tier| !tiers.contains(tier.as_str())) {
                return Err(ConfigError::RepTier {
                    rep: rep.id.clone(),
                    tier: tier.clone(),
                });
            }
            if rep.capacity == 0 {
                return Err(ConfigError::NoCapacity(rep.id.clone()));
            }
        }
        if !(1.0..=WEIGHT_LIMIT).contains(&self.routing.promise_boost) {
            return Err(ConfigError::PromiseBoost);
        }
        if self.routing.offer_timeout.is_zero() {
            return Err(ConfigError::NoOfferTimeout);
        }
        check_relaxing(&self.routing.relax, is_skill)
    }
}

fn check_relaxing(rules: &[Relax], is_skill: impl Fn(&SkillId) -> bool) -> Result<(), ConfigError> {
    let mut previous = None;
    for (index, rule) in rules.iter().enumerate() {
        if previous.is_some_and(|after| rule.after < after) {
            return Err(ConfigError::RelaxOrder(index + 1));
        }
        previous = Some(rule.after);
        let mut named = rule.skill.iter().chain(&rule.accept);
        if let Some(skill) = named.find(|skill| !is_skill(skill)) {
            return Err(ConfigError::RelaxSkill {
                rule: index + 1,
                skill: skill.clone(),
            });
        }
    }
    Ok(())
}

fn unique<'a>(
    kind: &'static str,
    ids: impl Iterator<Item = &'a str>,
) -> Result<BTreeSet<&'a str>, ConfigError> {
    let mut seen = BTreeSet::new();
    for id in ids {
        if !seen.insert(id) {
            return Err(ConfigError::Twice {
                kind,
                id: id.to_owned(),
            });
        }
    }
    Ok(seen)
}
