//! What the check of a request has read, as places in its bytes: whoever handles the request next need not read it again.
//! Must not know the grammar.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::grammar::Params;
use crate::header::cseq::CSeq;
use crate::header::via::{Asks, Via};
use crate::headers::{Headers, Span};
use crate::host::Host;
use crate::method::Method;
use crate::uri::params::UriParams;
use crate::uri::{Scheme, Uri};

/// The parts of a request that every request has, all of them found well-formed.
///
/// Invariant: every span lies in the message this was read of, and holds what the grammar of its part allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Essentials {
    via: ViaPlace,
    uri: UriPlace,
    from_tag: Option<Span>,
    to_tag: Option<Span>,
    call_id: Span,
    number: u32,
    method: Method,
    method_text: Span,
}

#[derive(Clone, Copy, Debug)]
struct ViaPlace {
    transport: Span,
    host: HostPlace,
    port: Option<u16>,
    params: ParamsPlace,
    branch: Option<Span>,
    asks: Asks<Span>,
}

#[derive(Clone, Copy, Debug)]
enum ParamsPlace {
    Plain(Span),
    Any(Span),
}

/// A Request-URI has no headers.
#[derive(Clone, Copy, Debug)]
struct UriPlace {
    scheme: Scheme,
    user: Option<Span>,
    password: Option<Span>,
    host: HostPlace,
    port: Option<u16>,
    params: Span,
}

#[derive(Clone, Copy, Debug)]
enum HostPlace {
    Name(Span),
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

/// The parts as they were read.
pub(crate) struct Parts<'a> {
    pub(crate) via: Via<'a>,
    pub(crate) branch: Option<&'a str>,
    pub(crate) asks: Asks<&'a [u8]>,
    pub(crate) uri: Uri<'a>,
    pub(crate) from_tag: Option<&'a str>,
    pub(crate) to_tag: Option<&'a str>,
    pub(crate) call_id: &'a str,
    pub(crate) cseq: CSeq<'a>,
}

impl Essentials {
    /// Where these parts stand in `bytes`.
    pub(crate) fn of(parts: &Parts<'_>, bytes: &[u8]) -> Self {
        let place = |piece: &[u8]| Span::within(bytes, piece);
        let text = |piece: &str| Span::within(bytes, piece.as_bytes());
        let host = |host: Host<'_>| match host {
            Host::Name(name) => HostPlace::Name(text(name)),
            Host::V4(address) => HostPlace::V4(address),
            Host::V6(address) => HostPlace::V6(address),
        };
        let Parts { via, uri, cseq, .. } = parts;
        Self {
            via: ViaPlace {
                transport: text(via.transport),
                host: host(via.host),
                port: via.port,
                params: match via.params.as_plain() {
                    Some(params) => ParamsPlace::Plain(text(params)),
                    None => ParamsPlace::Any(place(via.params.as_bytes())),
                },
                branch: parts.branch.map(text),
                asks: parts.asks.map(place),
            },
            uri: UriPlace {
                scheme: uri.scheme,
                user: uri.user.map(place),
                password: uri.password.map(place),
                host: host(uri.host),
                port: uri.port,
                params: place(uri.params.as_bytes()),
            },
            from_tag: parts.from_tag.map(text),
            to_tag: parts.to_tag.map(text),
            call_id: text(parts.call_id),
            number: cseq.number,
            method: cseq.method,
            method_text: text(cseq.method_text),
        }
    }

    pub(crate) fn via<'a>(&self, of: &'a Headers) -> Via<'a> {
        Via {
            transport: text(self.via.transport, of),
            host: self.via.host.of(of),
            port: self.via.port,
            params: match self.via.params {
                ParamsPlace::Plain(params) => Params::plain(text(params, of)),
                ParamsPlace::Any(params) => Params::checked(params.of(of.bytes())),
            },
        }
    }

    pub(crate) fn branch<'a>(&self, of: &'a Headers) -> Option<&'a str> {
        self.via.branch.map(|branch| text(branch, of))
    }

    pub(crate) fn asks<'a>(&self, of: &'a Headers) -> Asks<&'a [u8]> {
        self.via.asks.map(|piece| piece.of(of.bytes()))
    }

    pub(crate) fn uri<'a>(&self, of: &'a Headers) -> Uri<'a> {
        let bytes = of.bytes();
        Uri {
            scheme: self.uri.scheme,
            user: self.uri.user.map(|user| user.of(bytes)),
            password: self.uri.password.map(|password| password.of(bytes)),
            host: self.uri.host.of(of),
            port: self.uri.port,
            params: UriParams::checked(self.uri.params.of(bytes)),
            headers: None,
        }
    }

    pub(crate) fn tag_of_from<'a>(&self, of: &'a Headers) -> Option<&'a str> {
        self.from_tag.map(|tag| text(tag, of))
    }

    pub(crate) const fn has_to_tag(&self) -> bool {
        self.to_tag.is_some()
    }

    pub(crate) fn tag_of_to<'a>(&self, of: &'a Headers) -> Option<&'a str> {
        self.to_tag.map(|tag| text(tag, of))
    }

    pub(crate) fn call_id<'a>(&self, of: &'a Headers) -> &'a str {
        text(self.call_id, of)
    }

    pub(crate) fn cseq<'a>(&self, of: &'a Headers) -> CSeq<'a> {
        CSeq {
            number: self.number,
            method: self.method,
            method_text: text(self.method_text, of),
        }
    }
}

impl HostPlace {
    fn of(self, of: &Headers) -> Host<'_> {
        match self {
            Self::Name(name) => Host::Name(text(name, of)),
            Self::V4(address) => Host::V4(address),
            Self::V6(address) => Host::V6(address),
        }
    }
}

/// By the invariant it is text.
fn text(span: Span, of: &Headers) -> &str {
    let value = of.value(span);
    match value.text {
        Some(text) => text,
        None => std::str::from_utf8(value.bytes).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use crate::message::{Message, Request};
    use crate::status::StatusCode;
    use crate::write::response::ResponseBuilder;

    fn read(bytes: &[u8]) -> Request {
        match Message::parse(Bytes::copy_from_slice(bytes)).unwrap() {
            Message::Request(request) => request,
            Message::Response(_) => panic!("not a request"),
        }
    }

    /// What is asked of a checked request is what is asked of one that was not checked.
    fn check(text: &str) {
        check_bytes(text.as_bytes());
        // One byte of the body that is no text makes the message bytes.
        check_bytes(&[text.as_bytes(), b"caf\xe9"].concat());
    }

    fn check_bytes(bytes: &[u8]) {
        let (mut checked, fresh) = (read(bytes), read(bytes));
        checked.check().unwrap();
        assert!(checked.essentials().is_some() && fresh.essentials().is_none());
        assert_eq!(checked.via(), fresh.via());
        assert_eq!(checked.uri(), fresh.uri());
        assert_eq!(checked.call_id(), fresh.call_id());
        assert_eq!(checked.cseq(), fresh.cseq());
        assert_eq!(checked.from_tag(), fresh.from_tag());
        assert_eq!(checked.to_tag(), fresh.to_tag());
        assert_eq!(
            checked.from_tag(),
            fresh.from().map(|from| from.tag().to_owned())
        );
        assert_eq!(checked.to_tag(), fresh.to().map(|to| to.tag().to_owned()));
        for request in [&checked, &fresh] {
            let via = request.via().unwrap();
            assert_eq!(request.branch(&via), fresh.via().unwrap().branch());
            assert_eq!(request.asks(&via), fresh.via().unwrap().noted().asks);
            assert_eq!(
                request.asks(&via).port(),
                fresh.via().unwrap().rport().is_some()
            );
        }
        let answer = |request: &Request| {
            ResponseBuilder::answer(request, StatusCode::OK)
                .received_from("192.0.2.9:4000".parse().unwrap())
                .to_tag("t")
                .build()
        };
        assert_eq!(answer(&checked), answer(&fresh));
    }

    #[test]
    fn a_checked_request_says_what_it_said_before() {
        for (line, via, from, to) in [
            (
                "sip:alice@shop.example",
                "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport",
                "<sip:alice@shop.example>;tag=1",
                "<sip:alice@shop.example>",
            ),
            (
                "sips:a%20b:pw@[2001:db8::1]:5061;transport=tcp;lr",
                "SIP / 2.0 / TCP\t [2001:db8::9:1] : 4000 ; branch = z9hG4bKx ;rport=7",
                "\"A, B\" <sip:a@h;x=y>;tag=t;x=\";tag=2\"",
                "Bob <sip:b@h>;tag=\t9",
            ),
            (
                "sip:10.0.0.1",
                "SIP/2.0/WS host.invalid, SIP/2.0/UDP other;branch=2",
                "sip:a@h",
                "tel:+15551234;tag=7",
            ),
        ] {
            check(&format!(
                "OPTIONS {line} SIP/2.0\r\nv: {via}\r\nf: {from}\r\nTo: {to}\r\n \r\ni: a@b\r\nCSeq: 7\r\n OPTIONS\r\n\r\n"
            ));
            check(&format!(
                "OPTIONS {line} SIP/2.0\r\nVia: {via}\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: a@b\r\nCSeq: 07 OPTIONS\r\n\r\nbody"
            ));
        }
    }
}
