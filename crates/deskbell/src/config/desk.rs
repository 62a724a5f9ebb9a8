//! The tables `[[skill]]` and `[[tier]]`. Must not know who refers to them.

use std::time::Duration;

use helpdesk::{Skill, SkillId, Tier, TierId};

use super::document::{Section, Value};
use super::names;

pub(super) const SKILL_KEYS: [&str; 4] = ["id", "name", "language", "handling"];
pub(super) const TIER_KEYS: [&str; 2] = ["id", "weight"];

/// The tier of everybody where no tier is configured.
pub(super) const ONLY_TIER: &str = "standard";

/// What a conversation may be said to take usually.
pub(super) const SHORTEST_HANDLING: Duration = Duration::from_secs(1);
pub(super) const LONGEST_HANDLING: Duration = Duration::from_secs(86_400);

const DEFAULT_WEIGHT: f64 = 1.0;
const HEAVIEST: f64 = 1000.0;

pub(super) fn read_skills(tables: &[Section<'_>]) -> Vec<Skill> {
    let mut taken = Vec::new();
    let read = |table: &Section<'_>, id: &str| Skill {
        id: SkillId::new(id),
        name: names::read_name(table, id),
        language: table
            .value("language")
            .and_then(|language| read_language(&language)),
        handling: table
            .value("handling")
            .and_then(|handling| handling.duration(SHORTEST_HANDLING..=LONGEST_HANDLING)),
    };
    tables
        .iter()
        .filter_map(|table| Some(read(table, names::read_id(table, &mut taken)?)))
        .collect()
}

/// RFC 5646 §2.1: the primary subtag, two or three letters (longer ones are reserved).
fn read_language(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    if !(2..=3).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        value.mistake(format!(
            "{text:?} is no language; write two or three letters, such as \"fr\""
        ));
        return None;
    }
    Some(text.to_ascii_lowercase())
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
