//! The state of every group at one moment, immutable and shared by all who show it.
//! Must not know who reads it.

use std::iter::FlatMap;
use std::slice;
use std::sync::Arc;

use crate::ids::{SiteId, SkillId, TierId};

/// All groups of all sites. A higher version is newer.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Rises with each change.
    pub version: u64,
    /// When it was made, in milliseconds since the Unix epoch.
    pub at_unix_ms: i64,
    /// One entry per site, in configured order.
    pub sites: Vec<SiteSnapshot>,
}

/// The groups of one site: each of its skills with each tier, in configured order.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteSnapshot {
    /// The site.
    pub site: SiteId,
    /// Its groups.
    pub groups: GroupSnapshots,
}

/// The groups of a site in configured order. Copies share what stands alike, so that one costs little however many groups
/// there are, and what differs between two is quickly found.
#[derive(Debug, Clone, Default)]
pub struct GroupSnapshots(Vec<Arc<[GroupSnapshot]>>);

/// The fewest groups that are shared or copied together. Of many groups it is as many as there are parts, so that neither a
/// part nor all of the parts are much to copy.
const PART: usize = 8;

impl GroupSnapshots {
    /// The groups in order.
    pub fn iter(&self) -> GroupIter<'_> {
        self.into_iter()
    }

    /// How many groups each part has but the last, which may have fewer.
    fn part(&self) -> usize {
        self.0.first().map_or(PART, |part| part.len())
    }

    /// How many groups there are.
    pub fn len(&self) -> usize {
        self.0.iter().map(|part| part.len()).sum()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The group at a place.
    pub fn get(&self, place: usize) -> Option<&GroupSnapshot> {
        self.0.get(place / self.part())?.get(place % self.part())
    }

    /// The places of groups that stand otherwise than those in the same places of `older`, which has as many.
    pub fn changed_since<'a>(&'a self, older: &'a Self) -> impl Iterator<Item = usize> + 'a {
        let parts = self.0.iter().zip(&older.0).enumerate();
        let changed = parts.filter(|(_, (part, before))| !Arc::ptr_eq(part, before));
        let size = self.part();
        changed.flat_map(move |(number, (part, before))| {
            let pairs = part.iter().zip(before.iter()).enumerate();
            let changed = pairs.filter(|(_, (group, before))| group != before);
            changed.map(move |(place, _)| number * size + place)
        })
    }

    /// Puts a group in its place; says whether it stood otherwise.
    pub(crate) fn put(&mut self, place: usize, stands: GroupSnapshot) -> bool {
        let (number, place) = (place / self.part(), place % self.part());
        let part = self.0.get_mut(number);
        let Some(part) = part.filter(|part| part.get(place).is_some_and(|it| *it != stands)) else {
            return false;
        };
        if let Some(stood) = Arc::make_mut(part).get_mut(place) {
            *stood = stands;
        }
        true
    }
}

/// The iterator of [`GroupSnapshots::iter`].
pub type GroupIter<'a> = FlatMap<
    slice::Iter<'a, Arc<[GroupSnapshot]>>,
    slice::Iter<'a, GroupSnapshot>,
    fn(&'a Arc<[GroupSnapshot]>) -> slice::Iter<'a, GroupSnapshot>,
>;

impl FromIterator<GroupSnapshot> for GroupSnapshots {
    fn from_iter<Groups: IntoIterator<Item = GroupSnapshot>>(groups: Groups) -> Self {
        let groups: Vec<GroupSnapshot> = groups.into_iter().collect();
        let part = PART.max(groups.len().isqrt());
        let mut groups = groups.into_iter().peekable();
        let parts = std::iter::from_fn(|| {
            groups.peek()?;
            Some(groups.by_ref().take(part).collect())
        });
        Self(parts.collect())
    }
}

impl<'a> IntoIterator for &'a GroupSnapshots {
    type Item = &'a GroupSnapshot;
    type IntoIter = GroupIter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        fn groups(part: &Arc<[GroupSnapshot]>) -> slice::Iter<'_, GroupSnapshot> {
            part.iter()
        }
        let groups: fn(&'a Arc<[GroupSnapshot]>) -> slice::Iter<'a, GroupSnapshot> = groups;
        self.0.iter().flat_map(groups)
    }
}

impl PartialEq for GroupSnapshots {
    fn eq(&self, other: &Self) -> bool {
        let mut parts = self.0.iter().zip(&other.0);
        self.0.len() == other.0.len()
            && parts.all(|(one, other)| Arc::ptr_eq(one, other) || one == other)
    }
}

/// One group: the reps who can serve a skill and a tier.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupSnapshot {
    /// The skill.
    pub skill: SkillId,
    /// The tier.
    pub tier: TierId,
    /// What a click would meet.
    pub state: GroupState,
    /// Reps who could take a conversation now.
    pub available: u32,
    /// Reps who are on duty and occupied.
    pub busy: u32,
    /// Reps who are away from their desk.
    pub away: u32,
    /// Reps who are off duty.
    pub offline: u32,
    /// Tickets of this skill and tier that wait.
    pub queued: u32,
    /// When it opens, in milliseconds since the Unix epoch; of closed groups whose hours are known.
    pub opens_unix_ms: Option<i64>,
    /// Who is likely to be free first, where the site shows it and somebody has to wait.
    pub next_rep: Option<Arc<str>>,
    /// Promised wait of a click at this moment; `None` when available, closed or unknown.
    pub wait: Option<Wait>,
}

/// What a click at this moment would meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupState {
    /// It would be offered at once.
    Available,
    /// It would wait.
    Wait,
    /// Nobody is on duty.
    Closed,
}

/// An honest waiting time: a middle and the range it falls into with the stated confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wait {
    /// The expected wait, in seconds.
    pub seconds: u32,
    /// Lower end of the range, in seconds.
    pub low: u32,
    /// Upper end of the range, in seconds.
    pub high: u32,
    /// Share of waits that fall into the range, 0 to 1.
    pub confidence: f64,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{GroupSnapshot, GroupSnapshots, GroupState, PART};
    use crate::ids::{SkillId, TierId};

    fn group(number: usize) -> GroupSnapshot {
        GroupSnapshot {
            skill: SkillId::new(&number.to_string()),
            tier: TierId::new("gold"),
            state: GroupState::Closed,
            available: 0,
            busy: 0,
            away: 0,
            offline: 0,
            queued: 0,
            opens_unix_ms: None,
            next_rep: None,
            wait: None,
        }
    }

    #[test]
    fn each_group_keeps_its_place_and_what_changes_is_found() {
        for count in [0, 1, PART - 1, PART, PART + 1, 3 * PART + 7, 20 * PART] {
            let before: GroupSnapshots = (0..count).map(group).collect();
            assert_eq!((before.len(), before.is_empty()), (count, count == 0));
            let names = before.iter().map(|group| group.skill.as_str().to_owned());
            assert!(names.eq((0..count).map(|number| number.to_string())));
            assert_eq!(before.get(count), None);
            for place in 0..count {
                assert_eq!(before.get(place), Some(&group(place)));
                let mut after = before.clone();
                assert!(!after.put(place, group(place)));
                assert_eq!(after, before);
                let stands = GroupSnapshot {
                    queued: 1,
                    ..group(place)
                };
                assert!(after.put(place, stands.clone()));
                assert_ne!(after, before);
                assert_eq!(after.get(place), Some(&stands));
                assert_eq!(after.changed_since(&before).collect::<Vec<_>>(), [place]);
                let shared = after.0.iter().zip(&before.0);
                let copied = shared.filter(|(one, other)| !Arc::ptr_eq(one, other));
                assert_eq!(copied.count(), 1, "the other parts are shared");
            }
            assert!(!before.clone().put(count, group(count)));
        }
    }
}
