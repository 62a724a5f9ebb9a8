//! What a SIP URI says of the way to it, and what DNS answers make of that (RFC 3263 §4, RFC 2782): order without
//! questions. Must not know how DNS is asked.

use std::net::IpAddr;

use sip::{Host, Protocol, Scheme, Uri};

/// Where a request has to go, as far as its URI says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Destination {
    pub(crate) host: DestinationHost,
    pub(crate) port: Option<u16>,
    /// What the URI demands.
    pub(crate) protocol: Option<Protocol>,
    pub(crate) scheme: Scheme,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DestinationHost {
    Address(IpAddr),
    Name(String),
}

/// A URI that names no way this transport can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unusable(pub(crate) &'static str);

/// A transport that a NAPTR record names, and where its servers are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) order: u16,
    pub(crate) preference: u16,
    pub(crate) protocol: Protocol,
    /// The name of the SRV records.
    pub(crate) replacement: String,
}

/// One SRV record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) priority: u16,
    pub(crate) weight: u16,
    pub(crate) port: u16,
    pub(crate) host: String,
}

impl Destination {
    pub(crate) fn of(uri: &Uri<'_>) -> Result<Self, Unusable> {
        let param = |name: &str| {
            let value = uri.params.get(name)??;
            std::str::from_utf8(value).ok()
        };
        let asked = match param("transport") {
            None => None,
            Some(name) => Some(protocol_named(name).ok_or(Unusable("its transport is unknown"))?),
        };
        let protocol = match (uri.scheme, asked) {
            (Scheme::Sip, protocol) => protocol,
            // RFC 3261 §26.2.2: sips means TLS, whatever runs below it.
            (Scheme::Sips, Some(Protocol::Tcp | Protocol::Tls)) => Some(Protocol::Tls),
            (Scheme::Sips, None) => None,
            (Scheme::Sips, Some(Protocol::Wss)) => Some(Protocol::Wss),
            (Scheme::Sips, Some(Protocol::Udp | Protocol::Ws)) => {
                return Err(Unusable("sips: does not go over a transport without TLS"));
            }
        };
        // RFC 3263 §4: maddr is the target, where there is one.
        let host = match param("maddr") {
            Some(maddr) => read_host(maddr),
            None => match uri.host {
                Host::Name(name) => DestinationHost::Name(name.to_owned()),
                Host::V4(address) => DestinationHost::Address(address.into()),
                Host::V6(address) => DestinationHost::Address(address.into()),
            },
        };
        Ok(Self {
            host,
            port: uri.port,
            protocol,
            scheme: uri.scheme,
        })
    }

    /// What is spoken where nothing and nobody says otherwise (RFC 3263 §4.1).
    pub(crate) const fn default_protocol(&self) -> Protocol {
        match self.scheme {
            Scheme::Sip => Protocol::Udp,
            Scheme::Sips => Protocol::Tls,
        }
    }

    /// Whether the way may be taken at all.
    pub(crate) const fn allows(&self, protocol: Protocol) -> bool {
        match (self.scheme, protocol) {
            (Scheme::Sips, Protocol::Tls | Protocol::Wss) | (Scheme::Sip, _) => true,
            (Scheme::Sips, Protocol::Udp | Protocol::Tcp | Protocol::Ws) => false,
        }
    }
}

fn read_host(text: &str) -> DestinationHost {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    match bare.parse() {
        Ok(address) => DestinationHost::Address(address),
        Err(_) => DestinationHost::Name(text.to_owned()),
    }
}

fn protocol_named(name: &str) -> Option<Protocol> {
    [
        Protocol::Udp,
        Protocol::Tcp,
        Protocol::Tls,
        Protocol::Ws,
        Protocol::Wss,
    ]
    .into_iter()
    .find(|protocol| protocol.as_str().eq_ignore_ascii_case(name))
}

/// The port where none is given (RFC 3261 §19.1.2, RFC 7118 §9).
pub(crate) const fn default_port(protocol: Protocol) -> u16 {
    match protocol {
        Protocol::Udp | Protocol::Tcp => 5060,
        Protocol::Tls => 5061,
        Protocol::Ws => 80,
        Protocol::Wss => 443,
    }
}

/// The transport that a NAPTR service stands for (RFC 3263 §4.1).
pub(crate) fn protocol_of_service(service: &str) -> Option<Protocol> {
    [
        ("SIP+D2U", Protocol::Udp),
        ("SIP+D2T", Protocol::Tcp),
        ("SIPS+D2T", Protocol::Tls),
    ]
    .into_iter()
    .find(|(name, _)| name.eq_ignore_ascii_case(service))
    .map(|(_, protocol)| protocol)
}

/// The name of the SRV records of a transport; `None` where RFC 3263 has none.
pub(crate) fn listing_name(protocol: Protocol, host: &str) -> Option<String> {
    match protocol {
        Protocol::Udp => Some(format!("_sip._udp.{host}")),
        Protocol::Tcp => Some(format!("_sip._tcp.{host}")),
        Protocol::Tls => Some(format!("_sips._tcp.{host}")),
        Protocol::Ws | Protocol::Wss => None,
    }
}

/// The service to use: of those we can speak, the one that comes first.
pub(crate) fn choose_service(
    services: Vec<Service>,
    can_speak: impl Fn(Protocol) -> bool,
) -> Option<Service> {
    services
        .into_iter()
        .filter(|service| can_speak(service.protocol))
        .min_by_key(|service| (service.order, service.preference))
}

/// The servers in the order in which they are tried (RFC 2782): by priority, and among equals by chance, as often
/// first as their weight says. `below(n)` is a random number less than `n`.
pub(crate) fn in_order(
    mut listings: Vec<Listing>,
    mut below: impl FnMut(u64) -> u64,
) -> Vec<Listing> {
    // Records without weight stand first, so that the draw below can reach them.
    listings.sort_by_key(|listing| (listing.priority, listing.weight));
    let mut ordered = Vec::with_capacity(listings.len());
    while let Some(priority) = listings.first().map(|listing| listing.priority) {
        let equals = listings
            .iter()
            .take_while(|listing| listing.priority == priority);
        let total: u64 = equals.map(|listing| u64::from(listing.weight)).sum();
        let drawn = below(total + 1);
        let mut passed = 0;
        let index = listings
            .iter()
            .take_while(|listing| listing.priority == priority)
            .position(|listing| {
                passed += u64::from(listing.weight);
                passed >= drawn
            });
        ordered.push(listings.remove(index.unwrap_or(0)));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use sip::{Protocol, Uri};

    use super::{Destination, Listing, Service, choose_service, default_port, in_order};

    fn check(uri: &str, expected: &str) {
        let uri = Uri::parse(uri.as_bytes()).unwrap();
        let shown = match Destination::of(&uri) {
            Ok(destination) => format!(
                "{:?} {:?} {:?} else {}",
                destination.host,
                destination.port,
                destination.protocol,
                destination.default_protocol()
            ),
            Err(unusable) => unusable.0.to_owned(),
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_uri_says_what_it_says_and_no_more() {
        check(
            "sip:a@shop.example",
            "Name(\"shop.example\") None None else UDP",
        );
        check(
            "sips:a@shop.example",
            "Name(\"shop.example\") None None else TLS",
        );
        check(
            "sip:a@192.0.2.1:5070;transport=TCP",
            "Address(192.0.2.1) Some(5070) Some(Tcp) else UDP",
        );
        check(
            "sip:[2001:db8::1]",
            "Address(2001:db8::1) None None else UDP",
        );
        check(
            "sips:shop.example;transport=tcp",
            "Name(\"shop.example\") None Some(Tls) else TLS",
        );
        check(
            "sip:a@shop.example;maddr=192.0.2.9",
            "Address(192.0.2.9) None None else UDP",
        );
        check(
            "sips:shop.example;transport=udp",
            "sips: does not go over a transport without TLS",
        );
        check(
            "sip:shop.example;transport=sctp",
            "its transport is unknown",
        );
        assert_eq!(default_port(Protocol::Tls), 5061);
    }

    #[test]
    fn the_first_service_that_can_be_spoken_is_chosen() {
        let service = |order, preference, protocol| Service {
            order,
            preference,
            protocol,
            replacement: String::new(),
        };
        let services = vec![
            service(90, 50, Protocol::Udp),
            service(50, 60, Protocol::Tcp),
            service(50, 50, Protocol::Tls),
        ];
        let chosen = |can_speak: &[Protocol]| {
            let service =
                choose_service(services.clone(), |protocol| can_speak.contains(&protocol));
            service.map(|service| service.protocol)
        };
        assert_eq!(
            chosen(&[Protocol::Udp, Protocol::Tcp, Protocol::Tls]),
            Some(Protocol::Tls)
        );
        assert_eq!(chosen(&[Protocol::Udp, Protocol::Tcp]), Some(Protocol::Tcp));
        assert_eq!(chosen(&[Protocol::Ws]), None);
    }

    fn listing(priority: u16, weight: u16, host: &str) -> Listing {
        Listing {
            priority,
            weight,
            port: 5060,
            host: host.to_owned(),
        }
    }

    #[test]
    fn priorities_come_before_weights() {
        let listings = vec![
            listing(20, 100, "backup"),
            listing(10, 0, "second"),
            listing(10, 60, "first"),
        ];
        let hosts = |drawn: u64| {
            let ordered = in_order(listings.clone(), |below| drawn.min(below - 1));
            let hosts: Vec<_> = ordered.into_iter().map(|listing| listing.host).collect();
            hosts.join(" ")
        };
        assert_eq!(hosts(60), "first second backup");
        assert_eq!(hosts(0), "second first backup");
    }

    #[test]
    fn a_server_is_first_as_often_as_its_weight_says() {
        let listings = vec![
            listing(1, 10, "a"),
            listing(1, 30, "b"),
            listing(1, 60, "c"),
        ];
        let mut random = 88_172_645_463_325_252_u64;
        let mut below = |end: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % end
        };
        let mut firsts = [0; 3];
        for _ in 0..10_000 {
            let ordered = in_order(listings.clone(), &mut below);
            assert_eq!(ordered.len(), 3);
            let first = ["a", "b", "c"]
                .iter()
                .position(|host| *host == ordered[0].host);
            firsts[first.unwrap()] += 1;
        }
        assert!((800..1_300).contains(&firsts[0]), "{firsts:?}");
        assert!((2_700..3_300).contains(&firsts[1]), "{firsts:?}");
        assert!((5_600..6_400).contains(&firsts[2]), "{firsts:?}");
    }
}
