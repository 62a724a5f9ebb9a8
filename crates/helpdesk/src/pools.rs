//! Who may serve whom: for each waiting ticket the set of its reps, kept once for all that have the same,
//! and how many who compete for one of them go before. Must not know waits, nor the order of the queue.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::ids::RepId;
use crate::promises::Desk;
use crate::roster::Roster;
use crate::routing::fit::Expert;
use crate::routing::fits::Reach;
use crate::routing::reps::RepSet;
use crate::tickets::Ticket;

/// The reps who may serve a demand, by place in the roster.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pool {
    all: RepSet,
    at_work: RepSet,
    /// Conversations the reps at work can hold at once.
    pub(crate) servers: u32,
}

/// The different pools of those who wait.
#[derive(Default)]
pub(crate) struct Pools {
    pools: Vec<Pool>,
    /// Of those whom no colleague named. Never walked through, for its order is none.
    by_membership: HashMap<Membership, PoolIndex, RandomState>,
    by_colleague: BTreeMap<(RepId, Membership), PoolIndex>,
}

/// Demands that agree in this, and in the colleague who was named, have the same pool: the want, by the place of its fits
/// in memory, the rules that have fired, and whether the expert is still waited for.
type Membership = (usize, usize, Expert);

/// One of [`Pools`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PoolIndex(usize);

/// Who of those counted so far competes with each pool: one step for each pool that shares a rep, whatever
/// the number of those who wait.
pub(crate) struct Before {
    /// Whose counts go up with each pool's.
    meeting: Vec<Meeting>,
    counts: Vec<Count>,
}

#[derive(Default)]
struct Meeting {
    pools: Vec<usize>,
    pools_at_work: Vec<usize>,
}

/// How many go before one who has just been counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Those who share a rep with it, on duty or not.
    pub(crate) all: u32,
    /// Those who share a rep at work: nobody waits for what others want of those who are not there.
    pub(crate) at_work: u32,
}

impl Pool {
    /// Those whom a demand reaches, and a colleague who was named.
    pub(crate) fn of(reach: &Reach<'_>, colleague: Option<&RepId>, roster: &Roster) -> Self {
        let mut all = reach.set(roster.len());
        if let Some(place) = colleague.and_then(|rep| roster.place(rep)) {
            all.insert(place);
        }
        let mut at_work = RepSet::with_room_for(roster.len());
        let mut servers = 0_u32;
        for place in all.in_both(&roster.sets().at_work) {
            at_work.insert(place);
            let capacity = roster.seat_at(place).map_or(0, |seat| seat.rep.capacity);
            servers = servers.saturating_add(capacity);
        }
        Self {
            all,
            at_work,
            servers,
        }
    }

    /// On duty or not.
    pub(crate) fn all(&self) -> &RepSet {
        &self.all
    }

    pub(crate) fn at_work(&self) -> &RepSet {
        &self.at_work
    }

    fn meets(&self, other: &Self) -> bool {
        self.all.meets(&other.all)
    }

    pub(crate) fn meets_at_work(&self, other: &Self) -> bool {
        self.at_work.meets(&other.at_work)
    }
}

impl Pools {
    /// The pool of a waiting ticket, found anew only if nobody before wanted the same.
    pub(crate) fn take(&mut self, ticket: &Ticket, desk: Desk<'_>) -> Option<PoolIndex> {
        let steps = desk.board.steps_of(ticket)?;
        let routing = &desk.config.routing;
        let deadline = ticket.wishes.rep_deadline;
        let sticky_for = deadline.unwrap_or(routing.sticky_for);
        let waited = desk.now.since(ticket.waiting_since);
        let expert = Expert::after_waiting(waited, sticky_for);
        let fired = routing.fired(waited);
        let membership = (Arc::as_ptr(steps).addr(), fired, expert);
        let colleague = ticket.colleague();
        let known = match colleague {
            None => self.by_membership.get(&membership),
            Some(rep) => self.by_colleague.get(&(rep.clone(), membership)),
        };
        if let Some(known) = known {
            return Some(*known);
        }
        let reach = steps.reach_by(fired, expert, desk.roster, routing);
        let pool = Pool::of(&reach, colleague, desk.roster);
        let same = self.pools.iter().position(|known| *known == pool);
        let index = PoolIndex(same.unwrap_or(self.pools.len()));
        if same.is_none() {
            self.pools.push(pool);
        }
        match colleague {
            None => self.by_membership.insert(membership, index),
            Some(rep) => self.by_colleague.insert((rep.clone(), membership), index),
        };
        Some(index)
    }

    pub(crate) fn pool(&self, index: PoolIndex) -> Option<&Pool> {
        self.pools.get(index.0)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (PoolIndex, &Pool)> {
        let indexed = self.pools.iter().enumerate();
        indexed.map(|(index, pool)| (PoolIndex(index), pool))
    }

    /// Nobody counted yet.
    pub(crate) fn before(&self) -> Before {
        let those = |meets: &dyn Fn(&Pool) -> bool| {
            let met = self.iter().filter(|(_, pool)| meets(pool));
            met.map(|(index, _)| index.0).collect()
        };
        let meeting = |pool: &Pool| Meeting {
            pools: those(&|other| other.meets(pool)),
            pools_at_work: those(&|other| other.meets_at_work(pool)),
        };
        Before {
            meeting: self.pools.iter().map(meeting).collect(),
            counts: vec![Count::default(); self.pools.len()],
        }
    }
}

impl Before {
    /// Who goes before the next one, who wants this pool and is counted from here on.
    pub(crate) fn count(&mut self, PoolIndex(mine): PoolIndex) -> Count {
        let before = self.counts.get(mine).copied().unwrap_or_default();
        let Some(meeting) = self.meeting.get(mine) else {
            return before;
        };
        for &other in &meeting.pools {
            if let Some(count) = self.counts.get_mut(other) {
                count.all = count.all.saturating_add(1);
            }
        }
        for &other in &meeting.pools_at_work {
            if let Some(count) = self.counts.get_mut(other) {
                count.at_work = count.at_work.saturating_add(1);
            }
        }
        before
    }
}
