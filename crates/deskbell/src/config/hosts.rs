//! Domains, hosts and the addresses of listeners. Must not touch the network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::document::Value;

/// A domain name or an IP address as SIP addresses write it: in small letters, IPv6 in brackets.
pub(super) fn read_host(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    let unbracketed = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if let Ok(address) = unbracketed.unwrap_or(text).parse::<Ipv6Addr>() {
        return Some(format!("[{address}]"));
    }
    if text.parse::<Ipv4Addr>().is_ok() || is_domain_name(text) {
        return Some(text.to_ascii_lowercase());
    }
    value.mistake(format!(
        "{text:?} is no domain; write a name such as \"shop.example\" or an IP address, without port"
    ));
    None
}

/// An IP address with a port; a name would be looked up, and could come to mean something else.
pub(super) fn read_socket_address(value: &Value<'_>, text: &str) -> Option<SocketAddr> {
    let address = text.parse().ok();
    if address.is_none() {
        value.mistake(format!(
            "{text:?} is no address to listen on; write IP:PORT, where 0.0.0.0 means every address of \
             this machine and 127.0.0.1 this machine only"
        ));
    }
    address
}

/// Where DNS is asked: an IP address, with a port or without.
pub(super) fn read_name_server(value: &Value<'_>) -> Option<SocketAddr> {
    // RFC 1035 §4.2.1.
    const DNS_PORT: u16 = 53;
    let text = value.text()?;
    let unbracketed = text.trim_start_matches('[').trim_end_matches(']');
    let address = text.parse().or_else(|_| {
        let address: Result<IpAddr, _> = unbracketed.parse();
        address.map(|address| SocketAddr::new(address, DNS_PORT))
    });
    if address.is_err() {
        value.mistake(format!(
            "{text:?} is no name server; write its IP address, with a port where it is not 53"
        ));
    }
    address.ok()
}

/// RFC 1123 §2.1: labels of letters, digits and inner hyphens; the last is not a number.
pub(super) fn is_domain_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or(text);
    text.len() <= 253
        && text.split('.').all(is_label)
        && !last.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domain_names_are_told_from_other_text() {
        for name in [
            "shop.example",
            "localhost",
            "a-b.c1",
            "xn--bcher-kva.example",
        ] {
            assert!(is_domain_name(name), "{name}");
        }
        for name in [
            "", ".", "a..b", "-a.b", "a-.b", "a b", "a_b", "1.2.3.4", "1.2.3", "ü.de", "a:1",
            "a.b.",
        ] {
            assert!(!is_domain_name(name), "{name}");
        }
        assert!(!is_domain_name(&"a".repeat(64)));
    }
}
