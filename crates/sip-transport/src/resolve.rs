//! From a SIP URI to the servers that may take a request to it, in the order to try them (RFC 3263 §4).
//! Must not know what is sent.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use sip::{Protocol, Scheme, Uri};
use thiserror::Error;

use crate::destination::{
    self, Destination, DestinationHost, choose_service, default_port, in_order, listing_name,
};
use crate::dns::Dns;

/// One server that may take a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    /// What it speaks.
    pub protocol: Protocol,
    /// Where it is.
    pub address: SocketAddr,
    /// Whom its certificate has to name: the host of the URI, never a name that DNS gave (RFC 5922 §4).
    pub name: Arc<str>,
}

/// Why a URI leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ResolveError {
    /// The URI names no way this transport can take.
    #[error("use the URI: {0}")]
    Unusable(&'static str),
    /// What it asks for cannot be spoken here.
    #[error("use the URI: {0} cannot be spoken here")]
    NoTransport(Protocol),
    /// The domain has no server.
    #[error("find a server for {0}")]
    NoServer(String),
    /// DNS gives no answer.
    #[error("ask DNS for {host}: {error}")]
    Dns {
        /// Asked for.
        host: String,
        /// What the resolver says.
        error: String,
    },
}

/// What can be spoken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Means {
    pub(crate) udp_v4: bool,
    pub(crate) udp_v6: bool,
    pub(crate) tls: bool,
}

/// Servers tried for one request; more only cost the sender's time.
const MOST_SERVERS: usize = 8;

impl Means {
    fn can_speak(self, protocol: Protocol) -> bool {
        match protocol {
            Protocol::Udp => self.udp_v4 || self.udp_v6,
            Protocol::Tcp => true,
            Protocol::Tls => self.tls,
            Protocol::Ws | Protocol::Wss => false,
        }
    }

    fn can_reach(self, protocol: Protocol, address: IpAddr) -> bool {
        match (protocol, address) {
            (Protocol::Udp, IpAddr::V4(_)) => self.udp_v4,
            (Protocol::Udp, IpAddr::V6(_)) => self.udp_v6,
            (Protocol::Tcp | Protocol::Tls | Protocol::Ws | Protocol::Wss, _) => true,
        }
    }
}

/// The servers for a URI, best first, at least one. `below(n)` is a random number less than `n`.
pub(crate) async fn servers(
    uri: &Uri<'_>,
    means: Means,
    dns: Result<&Dns, ResolveError>,
    below: impl FnMut(u64) -> u64,
) -> Result<Vec<Server>, ResolveError> {
    let destination =
        Destination::of(uri).map_err(|destination::Unusable(why)| ResolveError::Unusable(why))?;
    if let Some(protocol) = destination.protocol
        && !means.can_speak(protocol)
    {
        return Err(ResolveError::NoTransport(protocol));
    }
    let name: Arc<str> = match &uri.host {
        sip::Host::Name(name) => name.trim_end_matches('.').to_ascii_lowercase().into(),
        // As a certificate names it: without the brackets of an IPv6 reference.
        sip::Host::V4(address) => address.to_string().into(),
        sip::Host::V6(address) => address.to_string().into(),
    };
    let search = Search {
        destination: &destination,
        means,
        name,
    };
    let found = match &destination.host {
        // RFC 3263 §4.1 and §4.2: nothing to ask for.
        DestinationHost::Address(ip) => {
            let protocol = search.fixed_protocol()?;
            vec![search.server(protocol, *ip, search.port(protocol))]
        }
        DestinationHost::Name(host) => search.by_name(host, dns?, below).await?,
    };
    let mut servers: Vec<Server> = Vec::new();
    for server in found {
        let ip = server.address.ip();
        if means.can_reach(server.protocol, ip) && !servers.contains(&server) {
            servers.push(server);
        }
    }
    servers.truncate(MOST_SERVERS);
    if servers.is_empty() {
        return Err(ResolveError::NoServer(uri.host.to_string()));
    }
    Ok(servers)
}

struct Search<'a> {
    destination: &'a Destination,
    means: Means,
    name: Arc<str>,
}

impl Search<'_> {
    async fn by_name(
        &self,
        host: &str,
        dns: &Dns,
        below: impl FnMut(u64) -> u64,
    ) -> Result<Vec<Server>, ResolveError> {
        // RFC 3263 §4.2: a port that is given is used, and SRV is not asked.
        if self.destination.port.is_some() {
            let protocol = self.fixed_protocol()?;
            return self.at_host(protocol, host, self.port(protocol), dns).await;
        }
        let Some((protocol, listings)) = self.listed(host, dns).await? else {
            let protocol = self.fixed_protocol()?;
            return self.at_host(protocol, host, self.port(protocol), dns).await;
        };
        let mut servers = Vec::new();
        let mut last_error = None;
        for listing in in_order(listings, below).into_iter().take(MOST_SERVERS) {
            match self
                .at_host(protocol, &listing.host, listing.port, dns)
                .await
            {
                Ok(found) => servers.extend(found),
                // The other servers may have addresses.
                Err(error) => last_error = Some(error),
            }
        }
        match last_error {
            Some(error) if servers.is_empty() => Err(error),
            Some(_) | None => Ok(servers),
        }
    }

    /// The SRV records to use, and what they speak.
    async fn listed(
        &self,
        host: &str,
        dns: &Dns,
    ) -> Result<Option<(Protocol, Vec<destination::Listing>)>, ResolveError> {
        let candidates = match self.destination.protocol {
            // RFC 3263 §4.1: a transport that is given is used, and NAPTR is not asked.
            Some(protocol) => vec![(protocol, listing_name(protocol, host))],
            None => {
                let services = dns.services(host).await;
                let services = services.map_err(|error| failed(host, &error))?;
                match choose_service(services, |protocol| self.may_speak(protocol)) {
                    Some(service) => vec![(service.protocol, Some(service.replacement))],
                    None => [Protocol::Udp, Protocol::Tcp, Protocol::Tls]
                        .into_iter()
                        .filter(|protocol| self.may_speak(*protocol))
                        .map(|protocol| (protocol, listing_name(protocol, host)))
                        .collect(),
                }
            }
        };
        for (protocol, name) in candidates {
            let Some(name) = name else { continue };
            let listings = dns.listings(&name).await;
            let listings = listings.map_err(|error| failed(&name, &error))?;
            if !listings.is_empty() {
                return Ok(Some((protocol, listings)));
            }
        }
        Ok(None)
    }

    async fn at_host(
        &self,
        protocol: Protocol,
        host: &str,
        port: u16,
        dns: &Dns,
    ) -> Result<Vec<Server>, ResolveError> {
        let addresses = dns.addresses(host).await;
        let addresses = addresses.map_err(|error| failed(host, &error))?;
        let servers = addresses
            .into_iter()
            .map(|ip| self.server(protocol, ip, port));
        Ok(servers.collect())
    }

    fn may_speak(&self, protocol: Protocol) -> bool {
        self.destination.allows(protocol) && self.means.can_speak(protocol)
    }

    /// What is spoken where DNS has no say.
    fn fixed_protocol(&self) -> Result<Protocol, ResolveError> {
        let wanted = self.destination.protocol;
        let protocol = wanted.unwrap_or(self.destination.default_protocol());
        if self.means.can_speak(protocol) {
            return Ok(protocol);
        }
        match (wanted, self.destination.scheme) {
            // Without a UDP socket, TCP is as good.
            (None, Scheme::Sip) => Ok(Protocol::Tcp),
            (None, Scheme::Sips) | (Some(_), _) => Err(ResolveError::NoTransport(protocol)),
        }
    }

    fn port(&self, protocol: Protocol) -> u16 {
        self.destination.port.unwrap_or(default_port(protocol))
    }

    fn server(&self, protocol: Protocol, ip: IpAddr, port: u16) -> Server {
        Server {
            protocol,
            address: SocketAddr::new(ip, port),
            name: Arc::clone(&self.name),
        }
    }
}

fn failed(host: &str, error: &dyn fmt::Display) -> ResolveError {
    ResolveError::Dns {
        host: host.to_owned(),
        error: error.to_string(),
    }
}
