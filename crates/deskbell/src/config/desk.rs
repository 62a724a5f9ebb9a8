//! The tables `[[skill]]` and `[[tier]]`. Must not know who refers to them.

use helpdesk::{Skill, SkillId, Tier, TierId};

use super::document::Section;
use super::names;

pub(super) const SKILL_KEYS: [&str; 2] = ["id", "name"];
pub(super) const TIER_KEYS: [&str; 2] = ["id", "weight"];

/// The tier of everybody where no tier is configured.
pub(super) const ONLY_TIER: &str = "standard";

const DEFAULT_WEIGHT: f64 = 1.0;
const HEAVIEST: f64 = 1000.0;

pub(super) fn read_skills(tables: &[Section<'_>]) -> Vec<Skill> {
    let mut taken = Vec::new();
    let read = |table: &Section<'_>, id: &str| Skill {
        id: SkillId::new(id),
        name: names::read_name(table, id),
    };
    tables
        .iter()
        .filter_map(|table| Some(read(table, names::read_id(table, &mut taken)?)))
        .collect()
}

pub(super) fn read_tiers(tables: &[Section<'_>]) -> Vec<Tier> {
    let mut taken = Vec::new();
    let read = |table: &Section<'_>, id: Option<&str>| {
        let weight = table
            .value("weight")
            .and_then(|weight| weight.positive(HEAVIEST));
        Some(Tier {
            id: TierId::new(id?),
            weight: weight.unwrap_or(DEFAULT_WEIGHT),
        })
    };
    if tables.is_empty() {
        return vec![Tier {
            id: TierId::new(ONLY_TIER),
            weight: DEFAULT_WEIGHT,
        }];
    }
    tables
        .iter()
        .filter_map(|table| read(table, names::read_id(table, &mut taken)))
        .collect()
}
