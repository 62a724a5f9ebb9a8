//! Via: the way a response goes back (RFC 3261 §20.42, RFC 3581). Must not send anything.

use std::net::IpAddr;

use nom::Parser;
use nom::combinator::verify;
use nom::sequence::preceded;

use crate::error::HeaderError;
use crate::grammar::bytes::position;
use crate::grammar::{self, Param, Params, Parsed, blank, usual};
use crate::header_name::HeaderName;
use crate::headers::Headers;
use crate::host::{Host, host};

/// One Via value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'a> {
    /// The transport as written, such as `UDP`.
    pub transport: &'a str,
    /// The host the sender names itself by.
    pub host: Host<'a>,
    /// Its port, where one is written.
    pub port: Option<u16>,
    /// All parameters.
    pub params: Params<'a>,
}

/// What a server looks for among the parameters of a Via.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Noted<'a> {
    /// The first one; there, but no text: `Some(None)`.
    pub(crate) branch: Option<Option<&'a str>>,
    pub(crate) asks: Asks<&'a [u8]>,
}

/// What of the parameters an answer does not send back as it came (RFC 3261 §18.2.1, RFC 3581 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asks<P> {
    Nothing,
    /// One `rport`: all of its bytes, its semicolon among them, or where they stand.
    Port(P),
    /// More than that, or an address that the client noted itself.
    Odd {
        port: bool,
    },
}

impl<P> Asks<P> {
    pub(crate) fn map<Q>(self, piece: impl FnOnce(P) -> Q) -> Asks<Q> {
        match self {
            Self::Nothing => Asks::Nothing,
            Self::Port(port) => Asks::Port(piece(port)),
            Self::Odd { port } => Asks::Odd { port },
        }
    }

    /// Whether there is an `rport`.
    pub(crate) const fn port(&self) -> bool {
        match self {
            Self::Nothing => false,
            Self::Port(_) => true,
            Self::Odd { port } => *port,
        }
    }
}

/// Starts every branch of a sender that follows RFC 3261 (§8.1.1.7).
pub const BRANCH_COOKIE: &str = "z9hG4bK";

impl<'a> Via<'a> {
    /// Reads one Via value.
    ///
    /// # Errors
    /// Where it is outside the grammar.
    pub fn parse(value: &'a [u8]) -> Result<Self, HeaderError> {
        match std::str::from_utf8(value).ok().and_then(Self::usual) {
            Some(via) => Ok(via),
            None => Self::by_grammar(value),
        }
    }

    pub(crate) fn by_grammar(value: &'a [u8]) -> Result<Self, HeaderError> {
        grammar::read_all(via, value).ok_or(HeaderError::malformed(HeaderName::Via))
    }

    /// A list of them is never one.
    pub(crate) fn usual(value: &'a str) -> Option<Self> {
        let rest = value.strip_prefix("SIP/2.0/")?;
        let (transport, rest) = rest.split_at_checked(position(b' ', rest.as_bytes())?)?;
        let transport = usual::token(transport)?;
        let (host, port, rest) = usual::host_and_port(rest.get(1..)?)?;
        let params = usual::params(rest)?;
        Some(Self {
            transport,
            host,
            port,
            params,
        })
    }

    /// The branch, with its cookie.
    pub fn branch(&self) -> Option<&'a str> {
        self.params.token("branch")
    }

    /// What a server looks for, found in one pass.
    pub(crate) fn noted(&self) -> Noted<'a> {
        let (mut branch, mut asks) = (None, Asks::Nothing);
        self.params
            .for_each_of(["branch", "rport", "received"], |place, value, piece| {
                asks = match (place, asks) {
                    (0, asks) => {
                        branch.get_or_insert(value.flatten());
                        asks
                    }
                    (1, Asks::Nothing) => Asks::Port(piece),
                    (1, _) => Asks::Odd { port: true },
                    (_, asks) => Asks::Odd { port: asks.port() },
                };
            });
        Noted { branch, asks }
    }

    /// The source address that the next hop saw.
    pub fn received(&self) -> Option<IpAddr> {
        let text = self.params.token("received")?;
        text.trim_start_matches('[')
            .trim_end_matches(']')
            .parse()
            .ok()
    }

    /// The rport parameter: `Some(None)` asks for it, `Some(Some(port))` answers (RFC 3581 §3).
    pub fn rport(&self) -> Option<Option<u16>> {
        let Param { value, .. } = self.params.get("rport")?;
        Some(value.and_then(|port| std::str::from_utf8(port).ok()?.parse().ok()))
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        self.write_sent_by(out);
        for param in self.params.iter() {
            param.write(out);
        }
    }

    /// `SIP/2.0/UDP host:port`.
    pub(crate) fn write_sent_by(&self, out: &mut Vec<u8>) {
        out.extend(b"SIP/2.0/");
        out.extend(self.transport.as_bytes());
        out.push(b' ');
        out.extend(self.host.to_string().as_bytes());
        if let Some(port) = self.port {
            out.push(b':');
            out.extend(port.to_string().as_bytes());
        }
    }
}

impl Headers {
    /// The topmost Via.
    ///
    /// # Errors
    /// Where it is missing or malformed.
    pub fn via(&self) -> Result<Via<'_>, HeaderError> {
        if let Some(essentials) = self.essentials() {
            return Ok(essentials.via(self));
        }
        let line = self.first_value(HeaderName::Via);
        if let Some(via) = line.and_then(|line| line.text).and_then(Via::usual) {
            return Ok(via);
        }
        let value = self.values(HeaderName::Via).next();
        Via::parse(value.ok_or(HeaderError::missing(HeaderName::Via))?)
    }

    /// The branch of `via`, which is the topmost one.
    pub(crate) fn branch<'a>(&'a self, via: &Via<'a>) -> Option<&'a str> {
        match self.essentials() {
            Some(essentials) => essentials.branch(self),
            None => via.branch(),
        }
    }

    /// What the topmost Via, which is `via`, asks of an answer.
    pub(crate) fn asks<'a>(&'a self, via: &Via<'a>) -> Asks<&'a [u8]> {
        match self.essentials() {
            Some(essentials) => essentials.asks(self),
            None => via.noted().asks,
        }
    }

    /// All Vias, topmost first.
    pub fn vias(&self) -> impl Iterator<Item = Result<Via<'_>, HeaderError>> {
        self.values(HeaderName::Via).map(Via::parse)
    }
}

fn via(input: &[u8]) -> Parsed<'_, Via<'_>> {
    (
        grammar::sent_protocol,
        preceded(verify(blank, |blanks: &[u8]| !blanks.is_empty()), host),
        grammar::port_between_blanks,
        grammar::params,
    )
        .map(|(transport, host, port, params)| Via {
            transport,
            host,
            port,
            params,
        })
        .parse(input)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::{Asks, Via};

    fn check(text: &str, expected: Expect) {
        let shown = match Via::parse(text.as_bytes()) {
            Ok(via) => {
                let mut printed = Vec::new();
                via.write(&mut printed);
                assert_eq!(Via::parse(&printed), Ok(via));
                String::from_utf8(printed).unwrap()
            }
            Err(error) => error.to_string(),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn vias_of_real_phones() {
        check(
            "SIP/2.0/UDP 127.0.0.1:5091;branch=z9hG4bK613a4d8da418fa0c;rport",
            expect!["SIP/2.0/UDP 127.0.0.1:5091;branch=z9hG4bK613a4d8da418fa0c;rport"],
        );
        check(
            "SIP/2.0/WS frank.invalid;branch=z9hG4bK1",
            expect!["SIP/2.0/WS frank.invalid;branch=z9hG4bK1"],
        );
    }

    #[test]
    fn blanks_where_the_grammar_allows_them() {
        check(
            "SIP / 2.0 / UDP\t first.example.com : 4000 ; ttl = 16 ;maddr=224.2.0.1",
            expect!["SIP/2.0/UDP first.example.com:4000;ttl=16;maddr=224.2.0.1"],
        );
        check(
            "sip/2.0/TCP [2001:db8::9:1]:5061;received=\"x\"",
            expect![[r#"SIP/2.0/TCP [2001:db8::9:1]:5061;received="x""#]],
        );
    }

    #[test]
    fn malformed_vias() {
        for text in [
            "",
            "SIP/2.0/UDP",
            "SIP/2.0/UDPhost",
            "SIP/2.0/UDP host:0",
            "SIP/2.0/UDP host:66000",
            "SIP/2.0/UDP host;branch=",
            "SIP/3.0/UDP host",
            "SIP/2.0/UDP host;=x",
            "SIP/2.0/UDP a@host",
        ] {
            assert!(Via::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn rport_tells_asked_from_answered() {
        let rport = |text: &str| Via::parse(text.as_bytes()).unwrap().rport();
        assert_eq!(rport("SIP/2.0/UDP h"), None);
        assert_eq!(rport("SIP/2.0/UDP h;rport"), Some(None));
        assert_eq!(rport("SIP/2.0/UDP h;RPORT=5060"), Some(Some(5060)));
    }

    #[test]
    fn what_an_answer_has_to_change_is_found() {
        let asks = |text: &'static str| Via::parse(text.as_bytes()).unwrap().noted().asks;
        assert_eq!(asks("SIP/2.0/UDP h;branch=b;rportx"), Asks::Nothing);
        assert_eq!(asks("SIP/2.0/UDP h;RPORT;x"), Asks::Port(&b";RPORT"[..]));
        assert_eq!(
            asks("SIP/2.0/UDP h;x=\"q\" ; rport = 7 ;y"),
            Asks::Port(&b" ; rport = 7"[..])
        );
        for (text, port) in [
            ("SIP/2.0/UDP h;rport;rport=7", true),
            ("SIP/2.0/UDP h;received=::1;rport", true),
            ("SIP/2.0/UDP h;rport;Received=::1", true),
            ("SIP/2.0/UDP h;received=::1", false),
        ] {
            assert_eq!(asks(text), Asks::Odd { port }, "{text}");
        }
    }

    #[test]
    fn received_may_be_a_bracketed_address() {
        let via = Via::parse(b"SIP/2.0/UDP h;received=[::1]").unwrap();
        assert_eq!(via.received(), Some("::1".parse().unwrap()));
    }
}
