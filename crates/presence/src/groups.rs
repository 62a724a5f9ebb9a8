//! The state of a group, counted from its members. Must not know who the members are or why.

use crate::availability::Availability;

/// How many members of a group are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct GroupCounts {
    /// On duty and free.
    pub available: u32,
    /// On duty and occupied.
    pub busy: u32,
    /// On duty but not at the desk.
    pub away: u32,
    /// Off duty.
    pub offline: u32,
}

impl GroupCounts {
    /// Counts one more member.
    pub fn add(&mut self, member: Availability) {
        match member {
            Availability::Available => self.available += 1,
            Availability::Busy => self.busy += 1,
            Availability::Away => self.away += 1,
            Availability::Offline => self.offline += 1,
        }
    }

    /// How many members there are.
    pub fn total(&self) -> u32 {
        self.on_duty() + self.offline
    }

    /// How many members could help sooner or later.
    pub fn on_duty(&self) -> u32 {
        self.available + self.busy + self.away
    }

    /// The group as one presentity: as available as its most available member.
    pub fn availability(&self) -> Availability {
        if self.available > 0 {
            Availability::Available
        } else if self.busy > 0 {
            Availability::Busy
        } else if self.away > 0 {
            Availability::Away
        } else {
            Availability::Offline
        }
    }
}

impl FromIterator<Availability> for GroupCounts {
    fn from_iter<Members: IntoIterator<Item = Availability>>(members: Members) -> Self {
        let mut counts = Self::default();
        for member in members {
            counts.add(member);
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, any, prop};

    use super::GroupCounts;
    use crate::availability::Availability;

    fn availability() -> impl Strategy<Value = Availability> {
        prop::sample::select(&[
            Availability::Available,
            Availability::Busy,
            Availability::Away,
            Availability::Offline,
        ])
    }

    #[test]
    fn a_group_without_members_is_offline() {
        assert_eq!(GroupCounts::default().availability(), Availability::Offline);
    }

    proptest::proptest! {
        #[test]
        fn a_group_is_as_available_as_its_best_member(members in prop::collection::vec(availability(), 1..20), pick in any::<prop::sample::Index>()) {
            let counts: GroupCounts = members.iter().copied().collect();
            assert_eq!(Some(counts.availability()), members.iter().copied().min());
            assert_eq!(counts.total() as usize, members.len());
            assert!(counts.availability() <= *pick.get(&members));
            assert_eq!(counts.on_duty() > 0, counts.availability() != Availability::Offline);
        }
    }
}
