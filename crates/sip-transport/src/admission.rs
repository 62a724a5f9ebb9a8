//! How many connections there may be, in all and from one source. Must not know what they carry.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

/// Counts the connections of one transport.
#[derive(Debug)]
pub(crate) struct Admission {
    limit: usize,
    limit_per_source: usize,
    total: AtomicUsize,
    by_source: DashMap<IpAddr, usize>,
}

/// One connection's place; dropped, it is free again.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Arc<Admission>,
    /// None where somebody else counts by source.
    source: Option<IpAddr>,
}

impl Admission {
    pub(crate) fn new(limit: usize, limit_per_source: usize) -> Self {
        Self {
            limit,
            limit_per_source,
            total: AtomicUsize::new(0),
            by_source: DashMap::new(),
        }
    }

    /// A place for a connection with this address, if there is one.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let source = source_of(address);
        let mut count = self.by_source.entry(source).or_insert(0);
        if *count >= self.limit_per_source {
            return None;
        }
        if self.total.fetch_add(1, Ordering::Relaxed) >= self.limit {
            self.total.fetch_sub(1, Ordering::Relaxed);
            let is_unused = *count == 0;
            drop(count);
            if is_unused {
                self.by_source.remove_if(&source, |_, count| *count == 0);
            }
            return None;
        }
        *count += 1;
        drop(count);
        Some(Place {
            admission: Arc::clone(self),
            source: Some(source),
        })
    }

    /// A place for a connection whose source is counted by whoever accepted it.
    pub(crate) fn admit_counted(self: &Arc<Self>) -> Option<Place> {
        if self.total.fetch_add(1, Ordering::Relaxed) >= self.limit {
            self.total.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Place {
            admission: Arc::clone(self),
            source: None,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.admission.total.fetch_sub(1, Ordering::Relaxed);
        let Some(source) = self.source else { return };
        if let Entry::Occupied(mut count) = self.admission.by_source.entry(source) {
            *count.get_mut() = count.get().saturating_sub(1);
            if *count.get() == 0 {
                count.remove();
            }
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

    use super::Admission;

    #[test]
    fn places_are_limited_per_source_and_in_all_and_come_free_again() {
        let admission = Arc::new(Admission::new(3, 2));
        let admit = |address: &str| admission.admit(address.parse().unwrap());
        let (first, second) = (admit("192.0.2.1"), admit("192.0.2.1"));
        assert!(first.is_some() && second.is_some());
        assert!(admit("192.0.2.1").is_none());
        let third = admit("192.0.2.2");
        assert!(third.is_some());
        assert!(admit("192.0.2.3").is_none());
        assert_eq!(admission.by_source.len(), 2);
        drop(first);
        assert!(admit("192.0.2.3").is_some());
        drop((second, third));
        assert_eq!(admission.by_source.len(), 0);
    }

    #[test]
    fn one_ipv6_network_is_one_source() {
        let admission = Arc::new(Admission::new(10, 1));
        let admit = |address: &str| admission.admit(address.parse().unwrap());
        let first = admit("2001:db8::1");
        assert!(first.is_some());
        assert!(admit("2001:db8::2").is_none());
        assert!(admit("2001:db8:0:1::2").is_some());
    }
}
