//! The table `[presence]`: how publications are judged. Must not know who publishes.

use std::ops::RangeInclusive;
use std::time::Duration;

use presence::{Precedence, PrecedenceError, Rule};

use super::document::{Section, Value};
use super::settings::PresenceSettings;
use super::watchers;

/// Of the table; `watchers` is a table of its own.
pub(super) const KEYS: [&str; 6] = [
    "flow_grace",
    "precedence",
    "refuse_below",
    "presentities",
    "publications_per_presentity",
    watchers::KEY,
];

/// Each takes about 600 bytes.
const PRESENTITIES: RangeInclusive<u32> = 1..=10_000_000;
/// A PUBLISH reads all of its presentity's.
const PUBLICATIONS: RangeInclusive<u32> = 1..=1_000;

const HOUR: Duration = Duration::from_secs(3600);

pub(super) fn read(table: Option<&Section<'_>>) -> PresenceSettings {
    let usual = PresenceSettings::default();
    let Some(table) = table else {
        return usual;
    };
    PresenceSettings {
        flow_grace: table
            .value("flow_grace")
            .and_then(|grace| grace.duration(Duration::ZERO..=HOUR))
            .unwrap_or(usual.flow_grace),
        precedence: table
            .value("precedence")
            .and_then(|precedence| read_precedence(&precedence))
            .unwrap_or(usual.precedence),
        refuse_below: table
            .value("refuse_below")
            .and_then(|floor| floor.duration(Duration::from_secs(1)..=HOUR)),
        most_presentities: table
            .value("presentities")
            .and_then(|count| count.whole(PRESENTITIES))
            .map_or(usual.most_presentities, |count| count as usize),
        most_publications: table
            .value("publications_per_presentity")
            .and_then(|count| count.whole(PUBLICATIONS))
            .map_or(usual.most_publications, |count| count as usize),
    }
}

fn read_precedence(value: &Value<'_>) -> Option<Precedence> {
    let words = Rule::ALL.map(|rule| (rule.as_str(), rule));
    let items = value.items()?;
    let rules: Vec<Rule> = items
        .iter()
        .filter_map(|item| item.choice(&words))
        .collect();
    if rules.len() < items.len() {
        return None;
    }
    match Precedence::new(&rules) {
        Ok(precedence) => Some(precedence),
        Err(PrecedenceError::Missing(rule)) => {
            value.mistake(format!(
                "lacks {:?}; each word stands in it once, the weightiest first",
                rule.as_str()
            ));
            None
        }
        Err(PrecedenceError::Twice(rule)) => {
            value.mistake(format!("names {:?} twice", rule.as_str()));
            None
        }
    }
}
