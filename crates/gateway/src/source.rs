//! Where a request comes from: the peer of its connection, or whom a trusted proxy speaks for.
//! Must not know what is done with the answer.

use std::net::{IpAddr, Ipv6Addr};

use http::HeaderMap;

/// The other end of the connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// The source that a limit counts: an IPv4 address, or the /64 of an IPv6 one. A proxy's word is taken
/// for whom it speaks for, and nobody else's: `X-Forwarded-For` is read from its end, past the proxies.
pub(crate) fn source_of_request(peer: Peer, headers: &HeaderMap, proxies: &[IpAddr]) -> IpAddr {
    let peer = peer.0.to_canonical();
    if !proxies.contains(&peer) {
        return source_of(peer);
    }
    let forwarded: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    let shopper = forwarded
        .iter()
        .rev()
        .map_while(|address| address.trim().parse::<IpAddr>().ok())
        .map(|address| address.to_canonical())
        .find(|address| !proxies.contains(address));
    source_of(shopper.unwrap_or(peer))
}

/// An IPv6 host is given a /64 and can use every address of it.
pub(crate) fn source_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_proxy_is_believed_whom_it_speaks_for() {
        let proxies = ["127.0.0.1".parse().unwrap(), "10.0.0.7".parse().unwrap()];
        let check = |peer: &str, forwarded: &str, expected: &str| {
            let mut headers = HeaderMap::new();
            if !forwarded.is_empty() {
                headers.insert("x-forwarded-for", forwarded.parse().unwrap());
            }
            let source = source_of_request(Peer(peer.parse().unwrap()), &headers, &proxies);
            assert_eq!(source, expected.parse::<IpAddr>().unwrap(), "{forwarded}");
        };
        check("192.0.2.1", "", "192.0.2.1");
        check("192.0.2.1", "198.51.100.9", "192.0.2.1");
        check("127.0.0.1", "", "127.0.0.1");
        check("127.0.0.1", "198.51.100.9", "198.51.100.9");
        // What the shopper wrote herself stands before what the proxy added.
        check("127.0.0.1", "203.0.113.5, 198.51.100.9", "198.51.100.9");
        check("127.0.0.1", "198.51.100.9, 10.0.0.7", "198.51.100.9");
        check("127.0.0.1", "198.51.100.9, unknown", "127.0.0.1");
        check("::ffff:127.0.0.1", "2001:db8::1:2", "2001:db8::");
        check("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::");
    }
}
