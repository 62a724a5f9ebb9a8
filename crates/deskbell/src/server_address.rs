//! Finds a SIP server by the name a user gives it (RFC 3263). Must not know what is asked of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use sip::Protocol;
use sip_transport::{BindError, Config, DnsConfig, Listen, ResolveError, Transport};
use tokio::net::lookup_host;

/// Where SIP is spoken when no port is written (RFC 3261 §19.1.2).
const SIP_PORT: u16 = 5060;

/// How long DNS is asked before the system's other sources of names are.
const PATIENCE: Duration = Duration::from_secs(3);

/// The address at which a server, named as host with or without a port, takes SIP over UDP.
pub(crate) async fn find(name: &str) -> anyhow::Result<SocketAddr> {
    let asking = match asking(&[Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()]).await {
        Ok(asking) => asking,
        // A machine without IPv6 reaches no server that has nothing else.
        Err(_) => asking(&[Ipv4Addr::UNSPECIFIED.into()]).await?,
    };
    let (sender, uri) = (asking.sender(), format!("sip:{name};transport=udp"));
    let failed = match sender.servers(&uri).await {
        Ok(servers) => match servers.first() {
            Some(server) => return Ok(server.address),
            None => ResolveError::NoServer(name.to_owned()),
        },
        Err(error) => error,
    };
    // Names that only this machine knows, as those of its containers.
    let place = if has_port(name) {
        name.to_owned()
    } else {
        format!("{name}:{SIP_PORT}")
    };
    lookup_host(&place)
        .await
        .ok()
        .and_then(|mut found| found.next())
        .ok_or(failed)
        .with_context(|| format!("failed to find {name}: give the server's address with --server"))
}

fn has_port(name: &str) -> bool {
    // The colons of an IPv6 reference stand before its bracket.
    let after_host = name.rsplit(']').next().unwrap_or(name);
    after_host.contains(':')
}

/// A transport that only asks where servers are.
async fn asking(sockets: &[IpAddr]) -> Result<Transport, BindError> {
    let listen = sockets.iter().map(|ip| Listen {
        protocol: Protocol::Udp,
        address: SocketAddr::new(*ip, 0),
    });
    Transport::bind(Config {
        listen: listen.collect(),
        dns: DnsConfig {
            time_in_all: PATIENCE,
            ..DnsConfig::default()
        },
        ..Config::default()
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_is_optional() {
        for (name, address) in [
            ("127.0.0.1", "127.0.0.1:5060"),
            ("127.0.0.1:5070", "127.0.0.1:5070"),
            ("localhost:5070", "127.0.0.1:5070"),
            ("[::1]", "[::1]:5060"),
            ("[::1]:5070", "[::1]:5070"),
        ] {
            assert_eq!(find(name).await.unwrap().to_string(), address);
        }
        let error = find("127.0.0.1:none").await.unwrap_err();
        assert!(error.to_string().contains("127.0.0.1:none"), "{error}");
    }
}
