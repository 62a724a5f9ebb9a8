//! The table `[presence.watchers]`: who may watch whom, and how often watchers are told.
//! Must not know how they subscribe.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use helpdesk::RepId;

use super::document::Section;
use super::names;
use super::settings::{Audience, Refusal, WatcherSettings};

/// The key of `[presence]` that this table hangs on.
pub(super) const KEY: &str = "watchers";

/// The key of `[[rep]]` that this table's reader reads.
pub(super) const REP_KEY: &str = "watchers";

const KEYS: [&str; 7] = [
    "interval",
    "reps",
    "groups",
    "supervisors",
    "refusal",
    "subscriptions",
    "subscriptions_per_watcher",
];

/// Each takes about 700 bytes.
const SUBSCRIPTIONS: RangeInclusive<u32> = 1..=10_000_000;

/// Below it a watcher could be made a lever: one change at a phone would be many NOTIFYs at once.
const SHORTEST: Duration = Duration::from_millis(100);

const LONGEST: Duration = Duration::from_secs(300);

/// `presence` is the table this one hangs on.
pub(super) fn read(presence: Option<&Section<'_>>, reps: &[Section<'_>]) -> WatcherSettings {
    let usual = WatcherSettings::default();
    let table = presence
        .and_then(|presence| presence.value(KEY))
        .and_then(|table| table.table(&KEYS));
    let value = |key: &str| table.as_ref().and_then(|table| table.value(key));
    let known = names::collect(reps);
    let audience = |key: &str| {
        value(key)?.choice(&[
            ("reps", Audience::Reps),
            ("supervisors", Audience::Supervisors),
        ])
    };
    let count = |key: &str| {
        let count = value(key)?.whole(SUBSCRIPTIONS)?;
        usize::try_from(count).ok()
    };
    let supervisors = value("supervisors")
        .and_then(|list| names::refer_all(&list, "rep", &known))
        .unwrap_or_default();
    WatcherSettings {
        interval: value("interval")
            .and_then(|interval| interval.duration(SHORTEST..=LONGEST))
            .unwrap_or(usual.interval),
        of_reps: audience("reps").unwrap_or(usual.of_reps),
        of_groups: audience("groups").unwrap_or(usual.of_groups),
        supervisors: supervisors.into_iter().map(RepId::new).collect(),
        refusal: value("refusal")
            .and_then(|refusal| {
                refusal.choice(&[
                    ("forbid", Refusal::Forbid),
                    ("hide", Refusal::Hide),
                    ("hold", Refusal::Hold),
                ])
            })
            .unwrap_or(usual.refusal),
        most: count("subscriptions").unwrap_or(usual.most),
        most_per_watcher: count("subscriptions_per_watcher").unwrap_or(usual.most_per_watcher),
        chosen_by_rep: read_chosen(reps, &known),
    }
}

/// The watchers that reps have chosen for themselves.
fn read_chosen(reps: &[Section<'_>], known: &[&str]) -> HashMap<RepId, HashSet<RepId>> {
    let chosen = |table: &Section<'_>| {
        let rep = table.value("id")?.written_text()?;
        let list = table.value(REP_KEY)?;
        let watchers = names::refer_all(&list, "rep", known)?;
        Some((
            RepId::new(rep),
            watchers.into_iter().map(RepId::new).collect(),
        ))
    };
    reps.iter().filter_map(chosen).collect()
}
