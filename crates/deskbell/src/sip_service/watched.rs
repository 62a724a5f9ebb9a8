//! What can be watched, and its state as a document: reps as they publish, groups as the helpdesk counts them,
//! and a rep's watchers. Must not know how it is watched.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Instant;

use helpdesk::{GroupSnapshot, GroupState, RepId, Snapshot};
use jiff::{Timestamp, Unit};
use presence::watchers::{Watcher, WatcherStatus, write_watcherinfo};
use presence::{Availability, Composed, PresentityId, Source, Store, write_dated_pidf, write_pidf};

use sip::subscription::{Notifier, Standing};

use super::directory::GroupName;
use super::watched_list::ListHandle;

/// The type of a presence document.
pub(super) const PIDF: &str = "application/pidf+xml";

/// The type of a document about watchers.
pub(super) const WATCHERINFO: &str = "application/watcherinfo+xml";

/// The type of the states of a list (RFC 4662 §5).
pub(super) const RLMI: &str = "application/rlmi+xml";

/// What a subscription is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Watched {
    /// A rep's presence.
    Rep(RepId),
    /// A rep who seems to be offline, whatever the truth is.
    HiddenRep(RepId),
    /// The presence of the reps for a skill.
    Group(GroupName),
    /// Those who watch a rep's presence.
    WatchersOf(RepId),
    /// The presence of several at once.
    List(ListHandle),
}

/// The states of all groups at one moment.
#[derive(Debug, Default)]
pub(super) struct Groups {
    composed_by_name: HashMap<GroupName, Composed>,
}

impl Groups {
    /// The groups of a snapshot: each skill with each tier, and each skill alone.
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let mut best_by_name: HashMap<GroupName, &GroupSnapshot> = HashMap::new();
        for group in snapshot.sites.iter().flat_map(|site| &site.groups) {
            for tier in [Some(group.tier.clone()), None] {
                let name = GroupName {
                    skill: group.skill.clone(),
                    tier,
                };
                let best = best_by_name.entry(name).or_insert(group);
                if rank(group) < rank(best) {
                    *best = group;
                }
            }
        }
        Self {
            composed_by_name: best_by_name
                .into_iter()
                .map(|(name, group)| (name, composed(group)))
                .collect(),
        }
    }

    /// Those whose state is another one in `newer`.
    pub(super) fn changed(&self, newer: &Self) -> Vec<GroupName> {
        let added = newer
            .composed_by_name
            .keys()
            .filter(|name| !self.composed_by_name.contains_key(name));
        self.composed_by_name
            .keys()
            .chain(added)
            .filter(|name| self.state(name) != newer.state(name))
            .cloned()
            .collect()
    }

    fn state(&self, name: &GroupName) -> &Composed {
        self.composed_by_name
            .get(name)
            .unwrap_or(&Composed::NOTHING)
    }
}

/// Tells instants as dates: always the same one as the same date, whatever happens to the system's clock.
#[derive(Debug)]
pub(super) struct Calendar {
    at: Instant,
    date: Timestamp,
}

impl Calendar {
    /// One that goes right at this moment.
    pub(super) fn new(at: Instant) -> Self {
        Self {
            at,
            date: Timestamp::now(),
        }
    }

    /// To the second, as RFC 3339 writes it.
    fn date(&self, instant: Instant) -> Option<String> {
        let date = match instant.checked_duration_since(self.at) {
            Some(after) => self.date.checked_add(after),
            None => self.date.checked_sub(self.at.duration_since(instant)),
        };
        let date = date.ok()?.round(Unit::Second).ok()?;
        Some(date.to_string())
    }
}

/// The newest state of a rep, as PIDF about `address`.
pub(super) fn rep_document(
    rep: &RepId,
    address: &str,
    store: &Store,
    calendar: &Calendar,
) -> Vec<u8> {
    let presentity = store.presentity(&PresentityId::new(rep.as_str()));
    let composed = presentity.as_ref().map(|presentity| presentity.composed());
    let composed = composed.unwrap_or(&Composed::NOTHING);
    let since = composed.since.and_then(|since| calendar.date(since));
    write_dated_pidf(address, composed, since.as_deref())
}

/// The state of somebody who is hidden from the watcher, as PIDF about `address`: as if nothing were published.
pub(super) fn hidden_document(address: &str) -> Vec<u8> {
    write_pidf(address, &Composed::NOTHING)
}

/// The newest state of a group, as PIDF about `address`.
pub(super) fn group_document(name: &GroupName, address: &str, groups: &Groups) -> Vec<u8> {
    write_pidf(address, groups.state(name))
}

/// A rep's watchers at this moment, those from whom the rep is hidden among them. `version` counts the documents
/// of one subscription from 0.
pub(super) fn watchers_document(
    address: &str,
    version: u32,
    rep: &RepId,
    notifier: &Notifier<Watched>,
    now: Instant,
) -> Vec<u8> {
    let seen = notifier.watchers(&Watched::Rep(rep.clone()));
    let fooled = notifier.watchers(&Watched::HiddenRep(rep.clone()));
    let watchers: Vec<_> = seen
        .chain(fooled)
        .map(|watcher| Watcher {
            id: format!("w{}", watcher.subscription),
            address: watcher.address.into(),
            status: match watcher.standing {
                Standing::Active => WatcherStatus::Active,
                Standing::Pending => WatcherStatus::Pending,
            },
            subscribed_for: now.saturating_duration_since(watcher.since),
            expires_in: watcher.until.saturating_duration_since(now),
        })
        .collect();
    write_watcherinfo(address, version, &watchers)
}

/// A skill alone is as available as the tier for which most is available, and tells that tier's numbers.
fn rank(group: &GroupSnapshot) -> (Availability, Reverse<u32>) {
    let on_duty = group.available + group.busy + group.away;
    (availability(group), Reverse(on_duty))
}

fn availability(group: &GroupSnapshot) -> Availability {
    match group.state {
        GroupState::Available => Availability::Available,
        GroupState::Wait if group.available + group.busy > 0 => Availability::Busy,
        GroupState::Wait => Availability::Away,
        GroupState::Closed => Availability::Offline,
    }
}

fn composed(group: &GroupSnapshot) -> Composed {
    let GroupSnapshot {
        available,
        busy,
        away,
        offline,
        queued,
        ..
    } = group;
    let waiting = match queued {
        0 => String::new(),
        queued => format!(", {queued} waiting"),
    };
    let note =
        format!("{available} available, {busy} busy, {away} away, {offline} offline{waiting}");
    Composed {
        availability: availability(group),
        activity: None,
        note: Some(note.into()),
        source: Source::Nothing,
        rule: None,
        since: None,
    }
}

#[cfg(test)]
mod tests {
    use helpdesk::{SiteId, SiteSnapshot, SkillId, TierId};

    use super::*;

    fn group(tier: &str, state: GroupState, counts: [u32; 5]) -> GroupSnapshot {
        let [available, busy, away, offline, queued] = counts;
        GroupSnapshot {
            skill: SkillId::new("cameras"),
            tier: TierId::new(tier),
            state,
            available,
            busy,
            away,
            offline,
            queued,
            opens_unix_ms: None,
            next_rep: None,
            wait: None,
        }
    }

    fn groups(groups: Vec<GroupSnapshot>) -> Groups {
        Groups::of(&Snapshot {
            version: 1,
            at_unix_ms: 0,
            sites: vec![SiteSnapshot {
                site: SiteId::new("shop"),
                groups,
            }],
        })
    }

    fn name(tier: Option<&str>) -> GroupName {
        GroupName {
            skill: SkillId::new("cameras"),
            tier: tier.map(TierId::new),
        }
    }

    /// What watchers of a group, alone in its skill, are told.
    #[track_caller]
    fn check(state: GroupState, counts: [u32; 5], availability: Availability, note: &str) {
        let groups = groups(vec![group("gold", state, counts)]);
        for name in [name(Some("gold")), name(None)] {
            let told = groups.state(&name);
            assert_eq!(
                (told.availability, told.note.as_deref()),
                (availability, Some(note))
            );
        }
    }

    #[test]
    fn a_group_is_told_with_its_numbers() {
        check(
            GroupState::Available,
            [2, 1, 0, 1, 0],
            Availability::Available,
            "2 available, 1 busy, 0 away, 1 offline",
        );
        check(
            GroupState::Wait,
            [0, 2, 1, 0, 3],
            Availability::Busy,
            "0 available, 2 busy, 1 away, 0 offline, 3 waiting",
        );
        check(
            GroupState::Wait,
            [0, 0, 1, 2, 0],
            Availability::Away,
            "0 available, 0 busy, 1 away, 2 offline",
        );
        check(
            GroupState::Closed,
            [0, 0, 0, 3, 0],
            Availability::Offline,
            "0 available, 0 busy, 0 away, 3 offline",
        );
    }

    #[test]
    fn a_skill_alone_is_its_most_available_tier() {
        let groups = groups(vec![
            group("standard", GroupState::Wait, [0, 3, 0, 0, 0]),
            group("gold", GroupState::Available, [1, 1, 0, 0, 0]),
            group("platinum", GroupState::Available, [2, 1, 0, 0, 0]),
        ]);
        assert_eq!(
            groups.state(&name(None)),
            groups.state(&name(Some("platinum")))
        );
        assert_ne!(
            groups.state(&name(None)),
            groups.state(&name(Some("standard")))
        );
    }

    #[test]
    fn groups_that_differ_are_found_also_when_they_come_or_go() {
        let gold = || group("gold", GroupState::Available, [1, 0, 0, 0, 0]);
        let tin = || group("tin", GroupState::Wait, [0, 1, 0, 0, 0]);
        let (one, same, more) = (
            groups(vec![gold()]),
            groups(vec![gold()]),
            groups(vec![gold(), tin()]),
        );
        assert_eq!(one.changed(&same), Vec::new());
        assert_eq!(one.changed(&more), [name(Some("tin"))]);
        assert_eq!(more.changed(&one), [name(Some("tin"))]);
    }
}
