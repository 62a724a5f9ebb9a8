//! Where users have proven themselves lately. Must not know wrong tries.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use dashmap::DashMap;
use foldhash::fast::FixedState;
use sip::Flow;

use super::tries::{UserKey, neighbourhood};

/// A place is forgotten after this long: no registration lasts longer without a proof.
const REMEMBERED: Duration = Duration::from_secs(2 * 60 * 60);

/// Places of one user; the oldest goes for a newer one.
const PLACES_PER_USER: usize = 16;

/// The flows by which users have proven themselves. Only those who know a password are in it, so that it is bounded
/// by the number of reps.
#[derive(Debug, Default)]
pub(super) struct ProvenPlaces {
    by_user: DashMap<UserKey, Vec<Place>, FixedState>,
}

#[derive(Debug)]
struct Place {
    flow: Flow,
    at: Instant,
}

/// How well a place is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Acquaintance {
    /// The user has come by this very flow.
    Flow,
    /// The user has come from this address.
    Source,
    /// Never seen.
    None,
}

impl ProvenPlaces {
    /// The user has come by this flow, and knew the password.
    pub(super) fn add(&self, user: UserKey, flow: Flow, now: Instant) {
        let mut places = self.by_user.entry(user).or_default();
        // Most come by the flow they came by last, and no place gets too old by that.
        if let Some(last) = places.last_mut().filter(|last| last.flow == flow) {
            last.at = now;
            return;
        }
        places.retain(|place| place.flow != flow && now < place.at + REMEMBERED);
        if places.len() >= PLACES_PER_USER {
            places.remove(0);
        }
        places.push(Place { flow, at: now });
    }

    /// Somebody came by this flow who did not know the password.
    pub(super) fn forget(&self, user: UserKey, flow: Flow) {
        if let Some(mut places) = self.by_user.get_mut(&user) {
            places.retain(|place| place.flow != flow);
        }
    }

    /// How well the user is known at the other end of `flow`.
    pub(super) fn acquaintance(&self, user: UserKey, flow: Flow, now: Instant) -> Acquaintance {
        let Some(places) = self.by_user.get(&user) else {
            return Acquaintance::None;
        };
        let source: IpAddr = neighbourhood(flow.remote.ip());
        let mut found = Acquaintance::None;
        for place in places.iter().filter(|place| now < place.at + REMEMBERED) {
            if place.flow == flow {
                return Acquaintance::Flow;
            }
            if neighbourhood(place.flow.remote.ip()) == source {
                found = Acquaintance::Source;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use sip::Protocol;

    use super::super::tries::Tries;
    use super::*;

    #[test]
    fn a_place_is_known_for_two_hours_after_the_last_proof() {
        let (places, start) = (ProvenPlaces::default(), Instant::now());
        let user = Tries::new(1).key("alice");
        let flow = |port| Flow {
            transport: Protocol::Udp,
            local: "127.0.0.1:5060".parse().unwrap(),
            remote: ([127, 0, 0, 1], port).into(),
            id: 1,
        };
        let (last, other) = (flow(5061), flow(5062));
        let after = |minutes: u64| start + Duration::from_secs(60 * minutes);
        for (flow, minutes) in [
            (last, 0),
            (last, 90),
            (other, 100),
            (last, 110),
            (last, 150),
        ] {
            places.add(user, flow, after(minutes));
        }
        let known = |flow, minutes| places.acquaintance(user, flow, after(minutes));
        assert_eq!(known(last, 269), Acquaintance::Flow);
        assert_eq!(known(last, 270), Acquaintance::None);
        assert_eq!(known(other, 219), Acquaintance::Flow);
        assert_eq!(known(other, 220), Acquaintance::Source);
    }
}
