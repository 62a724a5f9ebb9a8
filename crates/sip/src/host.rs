//! Hosts as they stand in URIs and Vias. Must not resolve anything.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::take_while1;
use nom::character::complete::char;
use nom::combinator::map_opt;
use nom::sequence::delimited;

use crate::grammar::{Parsed, bytes};

/// A host: a name or a literal address.
#[derive(Clone, Copy, Debug)]
pub enum Host<'a> {
    /// A domain name; compared without case.
    Name(&'a str),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 reference, without its brackets.
    V6(Ipv6Addr),
}

impl Host<'_> {
    /// The address, if this is a literal one.
    pub const fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::V4(address) => Some(IpAddr::V4(*address)),
            Self::V6(address) => Some(IpAddr::V6(*address)),
        }
    }
}

impl PartialEq for Host<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(one), Self::Name(two)) => one.eq_ignore_ascii_case(two),
            (Self::V4(one), Self::V4(two)) => one == two,
            (Self::V6(one), Self::V6(two)) => one == two,
            (Self::Name(_) | Self::V4(_) | Self::V6(_), _) => false,
        }
    }
}

impl Eq for Host<'_> {}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(address) => write!(f, "{address}"),
            Self::V6(address) => write!(f, "[{address}]"),
        }
    }
}

/// `host`.
pub(crate) fn host(input: &[u8]) -> Parsed<'_, Host<'_>> {
    alt((
        map_opt(take_while1(bytes::is_host), name_or_v4),
        map_opt(
            delimited(
                char('['),
                take_while1(|byte: u8| byte.is_ascii_hexdigit() || byte == b':' || byte == b'.'),
                char(']'),
            ),
            v6,
        ),
    ))
    .parse(input)
}

fn v6(literal: &[u8]) -> Option<Host<'_>> {
    let literal = std::str::from_utf8(literal).ok()?;
    let address = match literal.split_once(":::") {
        // RFC 5118 §4.10: the grammar of RFC 3261 has a colon too many before an IPv4 address at the end.
        Some((front, v4)) => {
            let v4: Ipv4Addr = v4.parse().ok()?;
            format!("{front}::{v4}").parse()
        }
        None => literal.parse(),
    };
    address.ok().map(Host::V6)
}

fn name_or_v4(text: &[u8]) -> Option<Host<'_>> {
    let name = std::str::from_utf8(text).ok()?;
    // RFC 3261 §25.1: the last label of a name starts with a letter, so digits and dots are an address.
    if text
        .iter()
        .all(|byte| byte.is_ascii_digit() || *byte == b'.')
    {
        return name.parse().ok().map(Host::V4);
    }
    Some(Host::Name(name))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::host;
    use crate::grammar::read_all;

    fn check(text: &str, expected: Expect) {
        let shown = match read_all(host, text.as_bytes()) {
            Some(host) => format!("{host:?} -> {host}"),
            None => "malformed".to_owned(),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn hosts_are_names_or_addresses() {
        check(
            "frank.invalid",
            expect![[r#"Name("frank.invalid") -> frank.invalid"#]],
        );
        check("127.0.0.1", expect!["V4(127.0.0.1) -> 127.0.0.1"]);
        check("[2001:DB8::1]", expect!["V6(2001:db8::1) -> [2001:db8::1]"]);
        check(
            "[::ffff:1.2.3.4]",
            expect!["V6(::ffff:1.2.3.4) -> [::ffff:1.2.3.4]"],
        );
    }

    #[test]
    fn three_colons_before_an_ipv4_address_are_two() {
        check(
            "[2001:db8:::192.0.2.1]",
            expect!["V6(2001:db8::c000:201) -> [2001:db8::c000:201]"],
        );
        check("[:::192.0.2.1]", expect!["V6(::c000:201) -> [::c000:201]"]);
    }

    #[test]
    fn half_addresses_are_malformed() {
        check("127.0.0", expect!["malformed"]);
        check("1.2.3.4.5", expect!["malformed"]);
        check("[::1", expect!["malformed"]);
        check("[2001:db8:::1]", expect!["malformed"]);
        check("[2001:db8::::192.0.2.1]", expect!["malformed"]);
        check("2001:db8::1", expect!["malformed"]);
        check("", expect!["malformed"]);
    }

    #[test]
    fn names_are_equal_without_case() {
        let one = read_all(host, b"Shop.Example");
        assert_eq!(one, read_all(host, b"shop.example"));
        assert_ne!(one, read_all(host, b"127.0.0.1"));
    }
}
