//! The groups of every site as they stand at this moment: what a click would meet, and how many reps are there.
//! Must not know how a wait is forecast, nor who is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::ask::Wishes;
use crate::board::Board;
use crate::config::Config;
use crate::ids::{SiteId, SkillId, TierId};
use crate::promises::{Click, Desk, quick_wait};
use crate::roster::Roster;
use crate::routing::fits::{Reach, Steps, Want};
use crate::snapshot::{GroupSnapshot, GroupState, SiteSnapshot, Wait};

/// The groups of every site, with how reps fit them.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    sites: Vec<(SiteId, NextRep, Vec<Group>)>,
}

#[derive(Debug)]
struct Group {
    skill: SkillId,
    tier: TierId,
    steps: Arc<Steps>,
}

/// Whether pages are shown who is likely to be free first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NextRep {
    Shown,
    Hidden,
}

/// What clicks for each skill and tier were promised when waits were last forecast; of those only that had to
/// wait then.
pub(crate) type Clicks = BTreeMap<(SkillId, TierId), Click>;

impl Groups {
    /// The groups of a configuration.
    pub(crate) fn of(config: &Config, board: &mut Board, roster: &Roster) -> Self {
        let mut group = |skill: &SkillId, tier: &TierId| {
            let want = Want {
                skills: vec![skill.clone()],
                tier: tier.clone(),
                wishes: Wishes::NONE,
            };
            Group {
                skill: skill.clone(),
                tier: tier.clone(),
                steps: board.steps(want, roster, &config.routing),
            }
        };
        let mut sites = Vec::new();
        for site in &config.sites {
            let next_rep = if site.shows_next_rep {
                NextRep::Shown
            } else {
                NextRep::Hidden
            };
            let pairs = site
                .skills
                .iter()
                .flat_map(|skill| config.tiers.iter().map(move |tier| (skill, &tier.id)));
            let groups = pairs.map(|(skill, tier)| group(skill, tier)).collect();
            sites.push((site.id.clone(), next_rep, groups));
        }
        Self { sites }
    }

    /// The groups as they stand.
    pub(crate) fn snapshots(&self, desk: Desk<'_>, clicks: &Clicks) -> Vec<SiteSnapshot> {
        let site = |(site, next_rep, groups): &(SiteId, NextRep, Vec<Group>)| SiteSnapshot {
            site: site.clone(),
            groups: groups
                .iter()
                .map(|group| group.snapshot(desk, site, *next_rep, clicks))
                .collect(),
        };
        self.sites.iter().map(site).collect()
    }

    /// The skills and tiers whose clicks would have to wait at this moment, with how reps fit them.
    pub(crate) fn that_wait<'a>(
        &'a self,
        desk: Desk<'a>,
    ) -> impl Iterator<Item = (&'a SkillId, &'a TierId, &'a Arc<Steps>)> {
        let groups = self.sites.iter().flat_map(move |(site, _, groups)| {
            groups
                .iter()
                .filter(move |group| group.state(desk, site) == GroupState::Wait)
        });
        groups.map(|group| (&group.skill, &group.tier, &group.steps))
    }
}

impl Group {
    /// A click at this moment names nobody and nobody has refused it: whether it would be offered at once is
    /// whether anybody who may take it is free.
    fn state(&self, desk: Desk<'_>, site: &SiteId) -> GroupState {
        let sets = desk.roster.sets();
        if !desk.openings.of(site, &self.skill).is_open {
            GroupState::Closed
        } else if self.reach(desk).meets(&sets.free) {
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
        let state = self.state(desk, site);
        let click = match state {
            GroupState::Wait => clicks.get(&(self.skill.clone(), self.tier.clone())),
            GroupState::Available | GroupState::Closed => None,
        };
        let next_rep = click
            .filter(|_| shows == NextRep::Shown)
            .and_then(|click| desk.roster.seat(click.next_rep.as_ref()?));
        GroupSnapshot {
            skill: self.skill.clone(),
            tier: self.tier.clone(),
            state,
            available: reach.count(&sets.free),
            busy: reach.count(&sets.busy),
            away: reach.count(&sets.away),
            offline: reach.count(&sets.offline),
            queued: desk.board.asking_for(&self.skill, &self.tier),
            opens_unix_ms: desk.openings.of(site, &self.skill).opens,
            next_rep: next_rep.map(|seat| Arc::from(seat.rep.name.as_str())),
            wait: match state {
                GroupState::Wait => self.wait(desk, click),
                GroupState::Available | GroupState::Closed => None,
            },
        }
    }

    /// As it was forecast, or by the length of the queue where the group was not waiting by then.
    fn wait(&self, desk: Desk<'_>, click: Option<&Click>) -> Option<Wait> {
        match click {
            Some(click) => click.wait,
            None => quick_wait(desk, &self.steps, (&self.skill, &self.tier)),
        }
    }
}
