//! A subscription as it is written down to outlive a restart, and its way back. Must not know the form it is written in.

use std::net::SocketAddr;
use std::time::Instant;

use super::rates::Rates;
use super::{Standing, SubscriptionId};
use crate::dialog::{Dialog, SavedDialog};
use crate::flow::Protocol;
use crate::uri::Uri;

/// What outlives a restart of one subscription.
#[derive(Debug, Clone, PartialEq)]
pub struct Saved<R> {
    /// Its name, which it keeps.
    pub subscription: SubscriptionId,
    /// Its dialog. No NOTIFY was sent by a higher number than its `local_cseq`, unless what was last said of this
    /// subscription was never written down: after a restart the next one has the number above it.
    pub dialog: SavedDialog,
    /// What it is to.
    pub resource: R,
    /// Who subscribed, proven.
    pub watcher: String,
    /// The address subscribed to, without parameters.
    pub address: String,
    /// The value of Event.
    pub event: String,
    /// Our Contact, a whole value.
    pub contact: String,
    /// How its last SUBSCRIBE came.
    pub transport: Protocol,
    /// Our address of that way.
    pub local: SocketAddr,
    /// The watcher's address as its packets showed it.
    pub remote: SocketAddr,
    /// When it began.
    pub since: Instant,
    /// When it ends unless refreshed.
    pub until: Instant,
    /// Whether the watcher may be told.
    pub standing: Standing,
    /// How often the watcher wants to be told.
    pub rates: SavedRates,
}

/// The rates of RFC 6446 that were granted, in NOTIFYs a second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SavedRates {
    /// At most.
    pub max: Option<f64>,
    /// At least.
    pub min: Option<f64>,
    /// On average at least.
    pub adaptive: Option<f64>,
}

/// An address that is the watcher's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// UDP or TCP.
    pub transport: Protocol,
    /// The address.
    pub address: SocketAddr,
}

impl Reach {
    /// Where the watcher of a dialog can be found once its flow is gone: over UDP where its packets came from, over TCP
    /// where its Contact says, if that is the machine its connection came from. What else a Contact names is nobody
    /// proven, and a connection from behind a router or out of a browser cannot be made from here.
    pub(super) fn of(transport: Protocol, remote: SocketAddr, dialog: &Dialog) -> Option<Self> {
        let address = match transport {
            Protocol::Udp => remote,
            Protocol::Tcp => listener(dialog.direct_target()?, remote)?,
            Protocol::Tls | Protocol::Ws | Protocol::Wss => return None,
        };
        Some(Self { transport, address })
    }
}

/// The address that a URI names for TCP, where it is on the machine of `remote`.
fn listener(uri: &str, remote: SocketAddr) -> Option<SocketAddr> {
    let uri = Uri::parse(uri.as_bytes()).ok()?;
    let named = uri.host.address()?;
    let is_tcp = match uri.params.get("transport") {
        None => true,
        Some(transport) => transport.is_some_and(|name| name.eq_ignore_ascii_case(b"tcp")),
    };
    // RFC 3261 §19.1.2.
    let address = SocketAddr::new(named, uri.port.unwrap_or(5060));
    // Nobody listens at the port a connection was made from.
    (is_tcp && named == remote.ip() && address != remote).then_some(address)
}

impl SavedRates {
    pub(super) fn of(rates: Option<&Rates>) -> Self {
        rates.map(Rates::saved).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(contact: &str, expected: Option<&str>) {
        let saved = SavedDialog {
            remote_target: contact.to_owned(),
            ..SavedDialog::default()
        };
        let remote = "192.0.2.1:40123".parse().unwrap();
        let reach = Reach::of(Protocol::Tcp, remote, &Dialog::restored(&saved));
        let address = reach.map(|reach| reach.address.to_string());
        assert_eq!(address.as_deref(), expected, "{contact}");
    }

    #[test]
    fn a_connection_is_made_anew_only_to_the_machine_it_came_from() {
        check(
            "sip:bob@192.0.2.1:5091;transport=tcp",
            Some("192.0.2.1:5091"),
        );
        check("sip:bob@192.0.2.1", Some("192.0.2.1:5060"));
        check("sip:bob@192.0.2.1:40123;transport=tcp", None);
        check("sip:bob@192.0.2.7:5091;transport=tcp", None);
        check("sip:bob@192.0.2.1:5091;transport=tls", None);
        check("sip:bob@phone.example;transport=tcp", None);
        check("sip:bob@df7jal23ls0d.invalid;transport=ws", None);
    }

    #[test]
    fn each_transport_has_its_way_back_or_none() {
        let dialog = Dialog::restored(&SavedDialog {
            remote_target: "sip:bob@192.0.2.1:5091".to_owned(),
            ..SavedDialog::default()
        });
        let remote = "192.0.2.1:40123".parse().unwrap();
        let reach = |transport| Reach::of(transport, remote, &dialog).map(|reach| reach.address);
        assert_eq!(reach(Protocol::Udp), Some(remote));
        assert_eq!(reach(Protocol::Tcp), "192.0.2.1:5091".parse().ok());
        for lost in [Protocol::Tls, Protocol::Ws, Protocol::Wss] {
            assert_eq!(reach(lost), None);
        }
    }
}
