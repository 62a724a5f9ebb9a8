//! Where peers that we ask or call reach us: our Contact towards each. Must not know what is asked.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use sip::Protocol;

use crate::phone::ip_towards;

/// Where SIP is listened for, and in whose name.
#[derive(Debug, Clone)]
pub(crate) struct Reached {
    local: Arc<[(Protocol, SocketAddr)]>,
    domain: Arc<str>,
}

impl Reached {
    /// The listeners of a server of this domain.
    pub(crate) fn new(local: &[(Protocol, SocketAddr)], domain: &str) -> Self {
        Self {
            local: local.into(),
            domain: domain.into(),
        }
    }

    /// Our domain.
    pub(crate) fn domain(&self) -> &str {
        &self.domain
    }

    /// An address of ours, for descriptions of sessions that have no media yet.
    pub(crate) fn address(&self) -> IpAddr {
        let known = self.local.first().map(|(_, address)| address.ip());
        known.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }

    /// Our Contact, as this peer reaches it: a whole value.
    pub(crate) fn contact(&self, protocol: Protocol, remote: SocketAddr) -> String {
        let local = self
            .local
            .iter()
            .find(|(found, address)| *found == protocol && address.is_ipv4() == remote.is_ipv4());
        match local {
            Some((_, local)) => {
                let is_any = local.ip().is_unspecified();
                let ip: Option<IpAddr> = is_any.then(|| ip_towards(remote).ok()).flatten();
                let address = SocketAddr::new(ip.unwrap_or(local.ip()), local.port());
                format!("<sip:deskbell@{address}{}>", transport(protocol))
            }
            None => self.contact_by_name(protocol),
        }
    }

    /// Our Contact by our domain's name, where nobody knows how the peer reaches us.
    pub(crate) fn contact_by_name(&self, protocol: Protocol) -> String {
        format!("<sip:deskbell@{}{}>", self.domain, transport(protocol))
    }
}

const fn transport(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => ";transport=tcp",
        Protocol::Tls => ";transport=tls",
        Protocol::Ws | Protocol::Wss => ";transport=ws",
        Protocol::Udp => "",
    }
}
