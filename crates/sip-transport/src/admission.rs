//! How many connections there may be, in all and from one source, and how much of their messages may be half read.
//! Must not know what they carry.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio_util::sync::CancellationToken;

use crate::limits::LimitsInForce;

/// Counts the connections of one transport.
#[derive(Debug)]
pub(crate) struct Admission {
    limits: LimitsInForce,
    half_bytes_held: AtomicUsize,
    by_source: DashMap<IpAddr, Held>,
    strangers: Mutex<Strangers>,
}

/// What the connections of one source hold.
#[derive(Debug, Default)]
struct Held {
    connections: usize,
    half_messages: usize,
    half_bytes: usize,
}

/// The connections whose peers have proven nobody.
///
/// Invariant: `total` counts each [`Place`] once, and `by_age` holds those of them that may be taken back.
#[derive(Debug, Default)]
struct Strangers {
    total: usize,
    next_age: u64,
    by_age: BTreeMap<u64, CancellationToken>,
}

/// One connection's place; dropped, it is free again.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Arc<Admission>,
    source: IpAddr,
    /// Whether somebody else counts this connection by its source.
    counting: Counting,
    age: u64,
    half_read: usize,
    taken_back: CancellationToken,
}

/// Who counts a connection by its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counting {
    Here,
    /// Whoever has accepted it.
    Elsewhere,
}

impl Admission {
    pub(crate) fn new(limits: LimitsInForce) -> Self {
        Self {
            limits,
            half_bytes_held: AtomicUsize::new(0),
            by_source: DashMap::new(),
            strangers: Mutex::default(),
        }
    }

    /// A place for a connection with this address, if its source may have one more. Where all places are taken, the
    /// oldest connection of a peer that has proven nobody gives up its own.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr, counting: Counting) -> Option<Place> {
        let source = source_of(address);
        if counting == Counting::Here {
            let mut held = self.by_source.entry(source).or_default();
            if held.connections >= self.limits.load().connections_per_source {
                return None;
            }
            held.connections += 1;
        }
        let taken_back = CancellationToken::new();
        let Some(age) = self.enter(&taken_back) else {
            if counting == Counting::Here {
                self.leave_source(source);
            }
            return None;
        };
        Some(Place {
            admission: Arc::clone(self),
            source,
            counting,
            age,
            half_read: 0,
            taken_back,
        })
    }

    fn enter(&self, taken_back: &CancellationToken) -> Option<u64> {
        let mut strangers = self.lock();
        if strangers.total >= self.limits.load().connections {
            let (_, oldest) = strangers.by_age.pop_first()?;
            oldest.cancel();
        }
        // Who was told to go is counted until it has gone.
        strangers.total += 1;
        let age = strangers.next_age;
        strangers.next_age += 1;
        strangers.by_age.insert(age, taken_back.clone());
        Some(age)
    }

    fn leave_source(&self, source: IpAddr) {
        if let Entry::Occupied(mut held) = self.by_source.entry(source) {
            held.get_mut().connections = held.get().connections.saturating_sub(1);
            if held.get().connections == 0 {
                held.remove();
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Strangers> {
        // A panic elsewhere cannot leave a half-made change.
        self.strangers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// The peer has proven somebody, or we have chosen it: the place is not taken back any more.
    pub(crate) fn keep(&self) {
        self.admission.lock().by_age.remove(&self.age);
    }

    /// Rings when the place is needed for another.
    pub(crate) fn taken_back(&self) -> CancellationToken {
        self.taken_back.clone()
    }

    /// Counts the bytes of a message that has begun; false where that is too much.
    pub(crate) fn hold(&mut self, bytes: usize) -> bool {
        let before = std::mem::replace(&mut self.half_read, bytes);
        if before == bytes {
            return true;
        }
        let all = &self.admission.half_bytes_held;
        all.fetch_add(bytes, Ordering::Relaxed);
        let in_all = all.fetch_sub(before, Ordering::Relaxed) - before;
        let limits = self.admission.limits.load();
        let is_within = match self.counting {
            // Its source may be a proxy with many behind it.
            Counting::Elsewhere => true,
            Counting::Here => {
                self.admission
                    .by_source
                    .get_mut(&self.source)
                    .is_none_or(|mut held| {
                        held.half_bytes = (held.half_bytes + bytes).saturating_sub(before);
                        held.half_messages += usize::from(bytes > 0);
                        held.half_messages =
                            held.half_messages.saturating_sub(usize::from(before > 0));
                        held.half_bytes <= limits.half_bytes_per_source
                            && held.half_messages <= limits.half_messages_per_source
                    })
            }
        };
        bytes < before || (is_within && in_all <= limits.half_bytes)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.hold(0);
        {
            let mut strangers = self.admission.lock();
            strangers.by_age.remove(&self.age);
            strangers.total = strangers.total.saturating_sub(1);
        }
        if self.counting == Counting::Here {
            self.admission.leave_source(self.source);
        }
    }
}

/// An IPv6 host has its whole /64 to itself, so that counts as one source.
pub(crate) fn source_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let network = address.to_bits() >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use arc_swap::ArcSwap;

    use super::{Admission, Counting, Place};
    use crate::limits::Limits;

    struct Gate(Arc<Admission>);

    impl Gate {
        fn new(limits: Limits) -> Self {
            Self(Arc::new(Admission::new(Arc::new(ArcSwap::from_pointee(
                limits,
            )))))
        }

        fn admit(&self, address: &str) -> Option<Place> {
            self.0.admit(address.parse().unwrap(), Counting::Here)
        }
    }

    fn limits(connections: usize, connections_per_source: usize) -> Limits {
        Limits {
            connections,
            connections_per_source,
            half_messages_per_source: 2,
            half_bytes_per_source: 100,
            half_bytes: 150,
            ..Limits::default()
        }
    }

    #[test]
    fn places_are_limited_per_source_and_come_free_again() {
        let gate = Gate::new(limits(10, 2));
        let (first, second) = (gate.admit("192.0.2.1"), gate.admit("192.0.2.1"));
        assert!(first.is_some() && second.is_some());
        assert!(gate.admit("192.0.2.1").is_none());
        assert!(gate.admit("192.0.2.2").is_some());
        drop(first);
        assert!(gate.admit("192.0.2.1").is_some());
        drop(second);
        assert_eq!(gate.0.by_source.len(), 0);
        assert_eq!(gate.0.lock().total, 0);
    }

    #[test]
    fn where_all_places_are_taken_the_oldest_stranger_goes() {
        let gate = Gate::new(limits(3, 3));
        let known = gate.admit("192.0.2.1").unwrap();
        known.keep();
        let [older, newer] = ["192.0.2.2", "192.0.2.3"].map(|it| gate.admit(it).unwrap());
        let newest = gate.admit("192.0.2.4").unwrap();
        let gone = |place: &Place| place.taken_back().is_cancelled();
        assert_eq!(
            [&known, &older, &newer, &newest].map(gone),
            [false, true, false, false]
        );
        drop(older);
        newer.keep();
        newest.keep();
        // Everybody has proven somebody: who comes last is turned away.
        assert!(gate.admit("192.0.2.5").is_none());
        assert_eq!(gate.0.by_source.len(), 3);
    }

    #[test]
    fn one_ipv6_network_is_one_source() {
        let gate = Gate::new(limits(10, 1));
        let first = gate.admit("2001:db8::1");
        assert!(first.is_some());
        assert!(gate.admit("2001:db8::2").is_none());
        assert!(gate.admit("2001:db8:0:1::2").is_some());
    }

    #[test]
    fn half_read_messages_are_limited_by_count_and_bytes_and_in_all() {
        let gate = Gate::new(limits(10, 5));
        let mut places = [0; 3].map(|_| gate.admit("192.0.2.1").unwrap());
        assert!(places[0].hold(10) && places[1].hold(20));
        assert!(!places[2].hold(1));
        assert!(places[2].hold(0) && places[1].hold(90));
        assert!(!places[1].hold(91));
        let mut elsewhere = gate.admit("192.0.2.2").unwrap();
        assert!(elsewhere.hold(49));
        assert!(!elsewhere.hold(50));
        // What grows smaller is always taken.
        assert!(elsewhere.hold(30));
        drop((places, elsewhere));
        assert_eq!(gate.0.half_bytes_held.load(Ordering::Relaxed), 0);
    }
}
