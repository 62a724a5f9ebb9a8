//! Who may serve whom: for each waiting ticket the set of its reps, kept once for all that have the same,
//! and how many who compete for one of them go before. Must not know waits, nor the order of the queue.

use std::collections::BTreeMap;

use crate::promises::Desk;
use crate::roster::Seat;
use crate::routing::membership::Membership;
use crate::routing::{self, Demand};

/// The reps who may serve a demand.
pub(crate) struct Pool<'a> {
    pub(crate) seats: Vec<&'a Seat>,
    /// Conversations the reps at work can hold at once.
    pub(crate) servers: u32,
    places: Places,
}

/// Places in the roster: they do not change when reps come and go.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Places {
    all: BitSet,
    at_work: BitSet,
}

/// The different pools of those who wait.
#[derive(Default)]
pub(crate) struct Pools<'a> {
    pools: Vec<Pool<'a>>,
    by_membership: BTreeMap<Membership<'a>, PoolIndex>,
}

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

impl<'a> Pool<'a> {
    pub(crate) fn of(demand: &Demand<'a>, desk: Desk<'a>) -> Self {
        let mut pool = Self {
            seats: Vec::new(),
            servers: 0,
            places: Places {
                all: BitSet::default(),
                at_work: BitSet::default(),
            },
        };
        for (place, seat) in routing::members(demand, desk.roster, &desk.config.routing) {
            pool.seats.push(seat);
            pool.places.all.insert(place);
            if seat.is_at_work() {
                pool.places.at_work.insert(place);
                pool.servers = pool.servers.saturating_add(seat.rep.capacity);
            }
        }
        pool
    }

    pub(crate) fn meets_at_work(&self, other: &Self) -> bool {
        self.places.at_work.meets(&other.places.at_work)
    }
}

impl<'a> Pools<'a> {
    /// The pool of a demand, found anew only if nobody before wanted the same.
    pub(crate) fn take(&mut self, demand: &Demand<'a>, desk: Desk<'a>) -> PoolIndex {
        let membership = Membership::of(demand, &desk.config.routing);
        if let Some(known) = self.by_membership.get(&membership) {
            return *known;
        }
        let pool = Pool::of(demand, desk);
        let same = self
            .pools
            .iter()
            .position(|known| known.places == pool.places);
        let index = PoolIndex(same.unwrap_or(self.pools.len()));
        if same.is_none() {
            self.pools.push(pool);
        }
        self.by_membership.insert(membership, index);
        index
    }

    pub(crate) fn pool(&self, index: PoolIndex) -> Option<&Pool<'a>> {
        self.pools.get(index.0)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (PoolIndex, &Pool<'a>)> {
        let indexed = self.pools.iter().enumerate();
        indexed.map(|(index, pool)| (PoolIndex(index), pool))
    }

    /// Nobody counted yet.
    pub(crate) fn before(&self) -> Before {
        let those = |meets: &dyn Fn(&Places) -> bool| {
            let met = self.iter().filter(|(_, pool)| meets(&pool.places));
            met.map(|(index, _)| index.0).collect()
        };
        let meeting = |pool: &Pool<'a>| Meeting {
            pools: those(&|other| other.all.meets(&pool.places.all)),
            pools_at_work: those(&|other| other.at_work.meets(&pool.places.at_work)),
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

/// A set of small numbers, one bit each; no word at the end is empty, so that equal sets are equal.
#[derive(Default, PartialEq, Eq, PartialOrd, Ord)]
struct BitSet {
    words: Vec<u64>,
}

impl BitSet {
    fn insert(&mut self, number: usize) {
        let (word, bit) = (number / 64, number % 64);
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        if let Some(word) = self.words.get_mut(word) {
            *word |= 1 << bit;
        }
    }

    fn meets(&self, other: &Self) -> bool {
        let mut pairs = self.words.iter().zip(&other.words);
        pairs.any(|(mine, theirs)| mine & theirs != 0)
    }
}
