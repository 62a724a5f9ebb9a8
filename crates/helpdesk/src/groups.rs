//! The groups of every site as they stand at this moment: what a click would meet, and how many reps are there.
//! Must not know how a wait is forecast, nor who is told.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;

use crate::ask::Wishes;
use crate::board::Board;
use crate::config::Config;
use crate::hours::Openness;
use crate::ids::{SiteId, SkillId, TierId};
use crate::promises::{Click, Desk, quick_wait};
use crate::roster::Roster;
use crate::routing::fits::{Reach, Steps, Want};
use crate::snapshot::{GroupSnapshot, GroupSnapshots, GroupState, SiteSnapshot, Wait};

/// The groups of every site, with how reps fit them and how each stood when it was last looked at.
/// Invariant: `spots_by_rep` and `spots_by_kind` name every group that a rep, or a ticket of a kind, can change; `waiting`
/// those that stood waiting.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    sites: Vec<Site>,
    /// Whose clicks have to wait: a forecast concerns no others.
    waiting: BTreeSet<Spot>,
    /// Any stands otherwise than when this was last asked.
    has_changed: bool,
    /// By place in the roster, where those are that the rep may ever serve.
    spots_by_rep: Vec<Vec<Spot>>,
    /// Never walked through, for its order is none.
    spots_by_kind: HashMap<(SkillId, TierId), Vec<Spot>, RandomState>,
    /// How many there are, of all sites.
    count: usize,
}

#[derive(Debug)]
struct Site {
    id: SiteId,
    next_rep: NextRep,
    groups: Vec<Group>,
    /// How each stood, in the same order.
    stood: GroupSnapshots,
}

#[derive(Debug)]
struct Group {
    kind: (SkillId, TierId),
    steps: Arc<Steps>,
}

/// The place of a site, and of a group in it.
type Spot = (usize, usize);

/// Whether pages are shown who is likely to be free first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NextRep {
    Shown,
    Hidden,
}

/// What clicks for each skill and tier were promised when waits were last forecast; of those only that had to
/// wait then.
/// Never walked through, for its order is none.
pub(crate) type Clicks = HashMap<(SkillId, TierId), Click, RandomState>;

impl Groups {
    /// The groups of a configuration; [`refresh_all`](Self::refresh_all) says how they stand.
    pub(crate) fn of(config: &Config, board: &mut Board, roster: &Roster) -> Self {
        let mut groups = Self {
            spots_by_rep: vec![Vec::new(); roster.len()],
            ..Self::default()
        };
        for (place, site) in config.sites.iter().enumerate() {
            let next_rep = if site.shows_next_rep {
                NextRep::Shown
            } else {
                NextRep::Hidden
            };
            let pairs = site
                .skills
                .iter()
                .flat_map(|skill| config.tiers.iter().map(move |tier| (skill, &tier.id)));
            let of_site = pairs.map(|(skill, tier)| Group::of(skill, tier, config, board, roster));
            let of_site: Vec<Group> = of_site.collect();
            for (spot, group) in of_site.iter().enumerate() {
                groups.take(group, (place, spot), roster.len());
            }
            groups.count += of_site.len();
            groups.sites.push(Site {
                id: site.id.clone(),
                next_rep,
                groups: of_site,
                stood: GroupSnapshots::default(),
            });
        }
        groups
    }

    /// How many there are, of all sites.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    fn take(&mut self, group: &Group, spot: Spot, reps: usize) {
        self.spots_by_kind
            .entry(group.kind.clone())
            .or_default()
            .push(spot);
        let ever = group.steps.ever(reps);
        for rep in ever.in_both(&ever) {
            if let Some(spots) = self.spots_by_rep.get_mut(rep) {
                spots.push(spot);
            }
        }
    }

    /// Looks again at those that these reps, by place in the roster, or tickets of these kinds can change.
    pub(crate) fn refresh(
        &mut self,
        reps: &[usize],
        kinds: &[(SkillId, TierId)],
        desk: Desk<'_>,
        clicks: &Clicks,
    ) {
        let of_reps = reps.iter().filter_map(|&rep| self.spots_by_rep.get(rep));
        let of_kinds = kinds.iter().filter_map(|kind| self.spots_by_kind.get(kind));
        let mut spots: Vec<Spot> = of_reps.chain(of_kinds).flatten().copied().collect();
        spots.sort_unstable();
        spots.dedup();
        for spot in spots {
            self.look_at(spot, desk, clicks);
        }
        #[cfg(test)]
        self.check(desk, clicks);
    }

    /// Looks again at all of them.
    pub(crate) fn refresh_all(&mut self, desk: Desk<'_>, clicks: &Clicks) {
        for place in 0..self.sites.len() {
            let Some(site) = self.sites.get_mut(place) else {
                continue;
            };
            if site.stood.is_empty() {
                site.stood = site.snapshots(desk, clicks).collect();
                self.has_changed = true;
                let stood = site.stood.iter().zip(0..);
                let waiting = stood.filter(|(group, _)| group.state == GroupState::Wait);
                self.waiting.extend(waiting.map(|(_, spot)| (place, spot)));
                continue;
            }
            // One by one, so that what stands alike stays shared.
            for spot in 0..site.groups.len() {
                self.look_at((place, spot), desk, clicks);
            }
        }
    }

    /// Looks again at those whose clicks have to wait: what they are promised is all that a forecast changes.
    pub(crate) fn refresh_waiting(&mut self, desk: Desk<'_>, clicks: &Clicks) {
        let waiting: Vec<Spot> = self.waiting.iter().copied().collect();
        for spot in waiting {
            self.look_at(spot, desk, clicks);
        }
    }

    /// Whether any stands otherwise than when this was last asked.
    pub(crate) fn take_has_changed(&mut self) -> bool {
        std::mem::take(&mut self.has_changed)
    }

    fn look_at(&mut self, spot: Spot, desk: Desk<'_>, clicks: &Clicks) {
        let Some(site) = self.sites.get_mut(spot.0) else {
            return;
        };
        let Some(group) = site.groups.get(spot.1) else {
            return;
        };
        let stands = group.snapshot(desk, &site.id, site.next_rep, clicks);
        let waits = stands.state == GroupState::Wait;
        if !site.stood.put(spot.1, stands) {
            return;
        }
        self.has_changed = true;
        if waits {
            self.waiting.insert(spot);
        } else {
            self.waiting.remove(&spot);
        }
    }

    /// Everything but a wait is as if it were looked at afresh; waits may be as old as forecasts are.
    #[cfg(test)]
    fn check(&self, desk: Desk<'_>, clicks: &Clicks) {
        let timeless = |group: GroupSnapshot| GroupSnapshot {
            wait: None,
            ..group
        };
        for (place, site) in self.sites.iter().enumerate() {
            let stood = site.stood.iter().cloned().map(timeless);
            let afresh = site.snapshots(desk, clicks).map(timeless);
            assert!(stood.eq(afresh), "a group has changed unseen");
            for (spot, group) in site.stood.iter().enumerate() {
                let waits = group.state == GroupState::Wait;
                assert_eq!(self.waiting.contains(&(place, spot)), waits);
            }
        }
    }

    /// The groups as they stood when they were last looked at.
    pub(crate) fn snapshots(&self) -> Vec<SiteSnapshot> {
        let site = |site: &Site| SiteSnapshot {
            site: site.id.clone(),
            groups: site.stood.clone(),
        };
        self.sites.iter().map(site).collect()
    }

    /// The skills and tiers whose clicks had to wait when they were last looked at, with how reps fit them.
    pub(crate) fn that_wait(&self) -> impl Iterator<Item = (&SkillId, &TierId, &Arc<Steps>)> {
        let group = |(site, spot): &Spot| self.sites.get(*site)?.groups.get(*spot);
        let groups = self.waiting.iter().filter_map(group);
        groups.map(|group| (&group.kind.0, &group.kind.1, &group.steps))
    }
}

impl Site {
    fn snapshots(&self, desk: Desk<'_>, clicks: &Clicks) -> impl Iterator<Item = GroupSnapshot> {
        let groups = self.groups.iter();
        groups.map(move |group| group.snapshot(desk, &self.id, self.next_rep, clicks))
    }
}

impl Group {
    fn of(
        skill: &SkillId,
        tier: &TierId,
        config: &Config,
        board: &mut Board,
        roster: &Roster,
    ) -> Self {
        let want = Want {
            skills: vec![skill.clone()],
            tier: tier.clone(),
            wishes: Wishes::NONE,
        };
        Self {
            kind: (skill.clone(), tier.clone()),
            steps: board.steps(want, roster, &config.routing),
        }
    }

    /// A click at this moment names nobody and nobody has refused it: whether it would be offered at once is
    /// whether anybody who may take it is free.
    fn state(&self, desk: Desk<'_>, openness: Openness, reach: &Reach<'_>) -> GroupState {
        let sets = desk.roster.sets();
        if !openness.is_open {
            GroupState::Closed
        } else if reach.meets(&sets.free) {
            GroupState::Available
        } else if [&sets.free, &sets.busy, &sets.away]
            .into_iter()
            .any(|reps| self.steps.meets_at_last(reps))
        {
            GroupState::Wait
        } else {
            GroupState::Closed
        }
    }

    fn reach<'a>(&'a self, desk: Desk<'_>) -> Reach<'a> {
        let routing = &desk.config.routing;
        let sticky_for = routing.sticky_for;
        self.steps
            .reach(Duration::ZERO, sticky_for, desk.roster, routing)
    }

    fn snapshot(
        &self,
        desk: Desk<'_>,
        site: &SiteId,
        shows: NextRep,
        clicks: &Clicks,
    ) -> GroupSnapshot {
        let (sets, reach) = (desk.roster.sets(), self.reach(desk));
        let openness = desk.openings.of(site, &self.kind.0);
        let state = self.state(desk, openness, &reach);
        let click = match state {
            GroupState::Wait => clicks.get(&self.kind),
            GroupState::Available | GroupState::Closed => None,
        };
        let next_rep = click
            .filter(|_| shows == NextRep::Shown)
            .and_then(|click| desk.roster.seat(click.next_rep.as_ref()?));
        GroupSnapshot {
            skill: self.kind.0.clone(),
            tier: self.kind.1.clone(),
            state,
            available: reach.count(&sets.free),
            busy: reach.count(&sets.busy),
            away: reach.count(&sets.away),
            offline: reach.count(&sets.offline),
            queued: desk.board.asking_for(&self.kind),
            opens_unix_ms: openness.opens,
            next_rep: next_rep.map(|seat| Arc::clone(&seat.name)),
            wait: match state {
                GroupState::Wait => self.wait(desk, click),
                GroupState::Available | GroupState::Closed => None,
            },
        }
    }

    /// As it was forecast, or by the length of the queue where the group was not waiting by then. Either may be as
    /// old as the last forecast.
    fn wait(&self, desk: Desk<'_>, click: Option<&Click>) -> Option<Wait> {
        match click {
            Some(click) => click.wait,
            None => quick_wait(desk, &self.steps, (&self.kind.0, &self.kind.1)),
        }
    }
}
