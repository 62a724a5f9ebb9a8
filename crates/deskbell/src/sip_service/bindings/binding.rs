//! One phone of a rep, and by which way requests reach it. Must not know the phone's rep.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use sip::{Flow, Protocol, Uri};
use sip_transport::Target;

/// One phone of a rep.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Binding {
    /// The Contact URI as the phone wrote it.
    pub(crate) contact: Arc<str>,
    /// `+sip.instance` as the phone wrote it, without quotes: which phone it is, whatever its address.
    pub(crate) instance: Option<Arc<str>>,
    /// Which of that phone's flows it is, where the phone has several (RFC 5626 §4.2).
    pub(crate) reg_id: Option<u32>,
    /// The proxies on the way, the nearest to us first (RFC 3327 §5.3).
    pub(crate) path: Arc<[Arc<str>]>,
    /// What the phone prefers: higher comes first.
    pub(crate) priority: Priority,
    /// Host and port by which the phone knows this server: the Request-URI of its REGISTER.
    pub(crate) domain: Arc<str>,
    /// How requests reach it.
    pub(crate) way: Way,
    /// Orders REGISTERs of one phone (RFC 3261 §10.3 step 7).
    pub(crate) call_id: Arc<[u8]>,
    /// See `call_id`.
    pub(crate) cseq: u32,
    /// When it ends unless refreshed.
    pub(crate) expires_at: Instant,
}

/// How requests reach a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Over the connection or socket it registered by, and no other (RFC 5626 §5.3).
    Flow(Flow),
    /// It registered over UDP before a restart; its address has not changed by that.
    Address {
        /// UDP.
        protocol: Protocol,
        /// The phone's.
        address: SocketAddr,
    },
    /// The phone let a request time out; it is tried after all others until it is heard again.
    Silent(Flow),
    /// Its connection is gone; until then it may come back with another.
    Lost {
        /// The end of the binding.
        until: Instant,
    },
}

/// The `q` of a contact, in thousandths (RFC 3261 §20.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Priority(u16);

impl Binding {
    /// Whether this is the phone that `newer` registers again: by its instance and flow where both tell it
    /// (RFC 5626 §6), else by the contact (RFC 3261 §19.1.4).
    pub(super) fn is_renewed_by(&self, newer: &Self) -> bool {
        match (self.outbound(), newer.outbound()) {
            (Some(earlier), Some(newer)) => earlier == newer,
            (None, _) | (_, None) => is_same_address(&self.contact, &newer.contact),
        }
    }

    /// Where a request to the phone is sent; nowhere while its connection is gone.
    pub(crate) fn target(&self) -> Option<Target> {
        match self.way {
            Way::Flow(flow) | Way::Silent(flow) => Some(Target::Flow(flow)),
            Way::Address { protocol, address } => Some(Target::Address { protocol, address }),
            Way::Lost { .. } => None,
        }
    }

    /// The flow it registered by, if that is still open.
    pub(super) fn flow(&self) -> Option<Flow> {
        match self.way {
            Way::Flow(flow) | Way::Silent(flow) => Some(flow),
            Way::Address { .. } | Way::Lost { .. } => None,
        }
    }

    /// Until when a phone whose connection is gone may come back.
    pub(crate) fn lost_until(&self) -> Option<Instant> {
        match self.way {
            Way::Lost { until } => Some(until.min(self.expires_at)),
            Way::Flow(_) | Way::Silent(_) | Way::Address { .. } => None,
        }
    }

    pub(super) fn is_alive(&self, now: Instant) -> bool {
        let is_lost = match self.way {
            Way::Lost { until } => until <= now,
            Way::Flow(_) | Way::Address { .. } | Way::Silent(_) => false,
        };
        self.expires_at > now && !is_lost
    }

    fn outbound(&self) -> Option<(&str, u32)> {
        Some((self.instance.as_deref()?, self.reg_id?))
    }
}

impl Priority {
    /// Of a contact that names none.
    pub(crate) const HIGHEST: Self = Self(1000);

    /// `qvalue` of RFC 3261 §25.1: 0 to 1 with at most three digits after the point.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (whole, thousandths) = text.split_once('.').unwrap_or((text, ""));
        if thousandths.len() > 3 || !thousandths.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let thousandths: u16 = format!("{thousandths:0<3}").parse().ok()?;
        match (whole, thousandths) {
            ("0", thousandths) => Some(Self(thousandths)),
            ("1", 0) => Some(Self(1000)),
            _ => None,
        }
    }

    /// In thousandths.
    pub(crate) fn from_thousandths(thousandths: u16) -> Self {
        Self(thousandths.min(1000))
    }

    /// See `from_thousandths`.
    pub(crate) fn thousandths(self) -> u16 {
        self.0
    }
}

impl std::fmt::Display for Priority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

fn is_same_address(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    match (Uri::parse(one.as_bytes()), Uri::parse(other.as_bytes())) {
        (Ok(one), Ok(other)) => one.is_equivalent(&other),
        (Err(_), _) | (_, Err(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_is_a_number_up_to_one() {
        for (text, thousandths) in [
            ("1", 1000),
            ("1.0", 1000),
            ("1.000", 1000),
            ("0", 0),
            ("0.", 0),
            ("0.5", 500),
            ("0.07", 70),
            ("0.007", 7),
        ] {
            let found = Priority::read(text);
            assert_eq!(
                found,
                Some(Priority::from_thousandths(thousandths)),
                "{text}"
            );
        }
        for other in ["", ".5", "1.001", "2", "0.1234", "-0.5", "0,5", "0.5x"] {
            assert_eq!(Priority::read(other), None, "{other}");
        }
        assert_eq!(Priority::read("0.07").unwrap().to_string(), "0.070");
    }

    #[test]
    fn contacts_are_compared_as_addresses() {
        assert!(is_same_address(
            "sip:alice@HOST.example;transport=TCP",
            "sip:%61lice@host.example;transport=tcp"
        ));
        assert!(!is_same_address("sip:alice@h:5060", "sip:alice@h"));
        assert!(!is_same_address("sip:Alice@h", "sip:alice@h"));
    }
}
