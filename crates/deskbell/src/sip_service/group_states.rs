//! The states of groups as watchers are told them: each skill with each tier, and each skill alone.
//! Must not know who watches.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use helpdesk::{GroupSnapshot, GroupState, SiteSnapshot, Snapshot};
use presence::{Availability, Composed, Source};

use super::directory::GroupName;

/// The states of all groups at one moment.
#[derive(Debug, Default)]
pub(super) struct GroupStates {
    sites: Vec<SiteSnapshot>,
    by_name: HashMap<GroupName, State>,
}

#[derive(Debug)]
struct State {
    composed: Composed,
    /// Where in `sites` the groups of the name are.
    spots: Vec<Spot>,
}

/// The place of a site, and of a group in it.
type Spot = (usize, usize);

impl GroupStates {
    /// As in a snapshot.
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let mut spots_by_name: HashMap<GroupName, Vec<Spot>> = HashMap::new();
        for (place, site) in snapshot.sites.iter().enumerate() {
            for (spot, group) in site.groups.iter().enumerate() {
                for name in names(group) {
                    spots_by_name.entry(name).or_default().push((place, spot));
                }
            }
        }
        let states = spots_by_name.into_iter().map(|(name, spots)| {
            let composed = composed(&snapshot.sites, &spots);
            (name, State { composed, spots })
        });
        Self {
            by_name: states.collect(),
            sites: snapshot.sites.clone(),
        }
    }

    /// Takes a newer snapshot in and names the groups whose state is another one in it. Only those are looked at that
    /// stand otherwise, as long as there are the same.
    pub(super) fn take(&mut self, snapshot: &Snapshot) -> Vec<GroupName> {
        let Some(moved) = moved(&self.sites, &snapshot.sites) else {
            let newer = Self::of(snapshot);
            let changed = self.changed(&newer);
            *self = newer;
            return changed;
        };
        self.sites.clone_from(&snapshot.sites);
        let mut changed = Vec::new();
        for name in moved {
            let Some(state) = self.by_name.get_mut(&name) else {
                continue;
            };
            let composed = composed(&self.sites, &state.spots);
            if state.composed != composed {
                state.composed = composed;
                changed.push(name);
            }
        }
        changed
    }

    /// Nothing is known of a group that there is not.
    pub(super) fn state(&self, name: &GroupName) -> &Composed {
        let state = self.by_name.get(name);
        state.map_or(&Composed::NOTHING, |state| &state.composed)
    }

    fn changed(&self, newer: &Self) -> Vec<GroupName> {
        let added = newer.by_name.keys();
        let added = added.filter(|name| !self.by_name.contains_key(name));
        let all = self.by_name.keys().chain(added);
        all.filter(|name| self.state(name) != newer.state(name))
            .cloned()
            .collect()
    }
}

/// The names of the groups that stand otherwise in `newer`; `None` where its groups are others.
fn moved(older: &[SiteSnapshot], newer: &[SiteSnapshot]) -> Option<HashSet<GroupName>> {
    if older.len() != newer.len() {
        return None;
    }
    let mut moved = HashSet::new();
    for (before, after) in older.iter().zip(newer) {
        if before.groups.len() != after.groups.len() {
            return None;
        }
        for place in after.groups.changed_since(&before.groups) {
            let (before, after) = (before.groups.get(place)?, after.groups.get(place)?);
            if (&before.skill, &before.tier) != (&after.skill, &after.tier) {
                return None;
            }
            moved.extend(names(after));
        }
    }
    Some(moved)
}

fn names(group: &GroupSnapshot) -> [GroupName; 2] {
    [Some(group.tier.clone()), None].map(|tier| GroupName {
        skill: group.skill.clone(),
        tier,
    })
}

/// Of several groups the first that ranks best.
fn composed(sites: &[SiteSnapshot], spots: &[Spot]) -> Composed {
    let groups = spots
        .iter()
        .filter_map(|(site, spot)| sites.get(*site)?.groups.get(*spot));
    groups
        .min_by_key(|group| rank(group))
        .map_or(Composed::NOTHING, told)
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

fn told(group: &GroupSnapshot) -> Composed {
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
pub(super) mod tests {
    use helpdesk::{SiteId, SiteSnapshot, SkillId, TierId};

    use super::*;

    pub(in crate::sip_service) fn group(
        tier: &str,
        state: GroupState,
        counts: [u32; 5],
    ) -> GroupSnapshot {
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

    pub(in crate::sip_service) fn snapshot(groups: Vec<GroupSnapshot>) -> Snapshot {
        Snapshot {
            version: 1,
            at_unix_ms: 0,
            sites: vec![SiteSnapshot {
                site: SiteId::new("shop"),
                groups: groups.into_iter().collect(),
            }],
        }
    }

    fn groups(groups: Vec<GroupSnapshot>) -> GroupStates {
        GroupStates::of(&snapshot(groups))
    }

    pub(in crate::sip_service) fn name(tier: Option<&str>) -> GroupName {
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
        let tin = |queued| group("tin", GroupState::Wait, [0, 1, 0, 0, queued]);
        let mut states = groups(vec![gold()]);
        for (newer, changed) in [
            (vec![gold()], vec![]),
            (vec![gold(), tin(0)], vec![name(Some("tin"))]),
            // The skill alone is still as its gold reps are.
            (vec![gold(), tin(1)], vec![name(Some("tin"))]),
            (vec![gold(), tin(1)], vec![]),
            (vec![tin(1), gold()], vec![]),
            (vec![gold()], vec![name(Some("tin"))]),
        ] {
            assert_eq!(states.take(&snapshot(newer.clone())), changed);
            let afresh = groups(newer);
            for name in [name(Some("gold")), name(Some("tin")), name(None)] {
                assert_eq!(states.state(&name), afresh.state(&name), "{name:?}");
            }
        }
        let mut changed = states.take(&snapshot(vec![group(
            "gold",
            GroupState::Wait,
            [0, 1, 0, 0, 0],
        )]));
        changed.sort_by_key(|name| name.tier.is_none());
        assert_eq!(changed, [name(Some("gold")), name(None)]);
    }
}
