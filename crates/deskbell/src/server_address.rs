//! Finds a SIP server by the name a user gives it. Must not know what is asked of it.

use std::net::SocketAddr;

use anyhow::Context;
use tokio::net::lookup_host;

/// Where SIP is spoken when no port is written (RFC 3261 §19.1.2).
const SIP_PORT: u16 = 5060;

/// The address of a server that is named as host, with or without a port.
pub(crate) async fn find(name: &str) -> anyhow::Result<SocketAddr> {
    let place = if has_port(name) {
        name.to_owned()
    } else {
        format!("{name}:{SIP_PORT}")
    };
    lookup_host(&place)
        .await
        .ok()
        .and_then(|mut found| found.next())
        .with_context(|| format!("failed to find {name}: give the server's address with --server"))
}

fn has_port(name: &str) -> bool {
    // The colons of an IPv6 reference stand before its bracket.
    let after_host = name.rsplit(']').next().unwrap_or(name);
    after_host.contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_is_optional() {
        for (name, address) in [
            ("127.0.0.1", "127.0.0.1:5060"),
            ("127.0.0.1:5070", "127.0.0.1:5070"),
            ("[::1]", "[::1]:5060"),
            ("[::1]:5070", "[::1]:5070"),
        ] {
            assert_eq!(find(name).await.unwrap().to_string(), address);
        }
        let error = find("127.0.0.1:none").await.unwrap_err();
        assert!(error.to_string().contains("127.0.0.1:none"), "{error}");
    }
}
