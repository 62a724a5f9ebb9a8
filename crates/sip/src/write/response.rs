//! Building the answer to a request. Must not know when which answer is due.

use std::borrow::Cow;
use std::net::SocketAddr;

use bytes::Bytes;

use crate::header::name_addr::NameAddr;
use crate::header::via::Via;
use crate::header_name::HeaderName;
use crate::host::Host;
use crate::message::Request;
use crate::status::StatusCode;
use crate::values::Values;
use crate::write::{Writer, extension_name};

/// An answer in the making: Via, From, To, Call-ID and CSeq are the request's (RFC 3261 §8.2.6.2).
///
/// A value can never start a new line: CR and LF in it are written as blanks, as is a NUL that no backslash quotes.
#[derive(Clone, Debug)]
pub struct ResponseBuilder<'a> {
    request: &'a Request,
    status: StatusCode,
    reason: Cow<'a, str>,
    source: Option<SocketAddr>,
    to_tag: Cow<'a, str>,
    headers: Vec<(Cow<'a, str>, Cow<'a, [u8]>)>,
    body: Bytes,
}

impl<'a> ResponseBuilder<'a> {
    /// An answer with the status' own reason phrase.
    pub fn answer(request: &'a Request, status: StatusCode) -> Self {
        Self {
            request,
            status,
            reason: Cow::Borrowed(status.reason()),
            source: None,
            to_tag: Cow::Borrowed(""),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// Another reason phrase.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<Cow<'a, str>>) -> Self {
        self.reason = reason.into();
        self
    }

    /// Where the packet came from, noted in the topmost Via (RFC 3261 §18.2.1, RFC 3581 §4).
    #[must_use]
    pub fn received_from(mut self, source: SocketAddr) -> Self {
        self.source = Some(source);
        self
    }

    /// The tag the To gets, unless the request's To has one. A retransmission must get the same.
    #[must_use]
    pub fn to_tag(mut self, tag: impl Into<Cow<'a, str>>) -> Self {
        self.to_tag = tag.into();
        self
    }

    /// Adds a header line after those of the same name.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: impl Into<Cow<'a, str>>) -> Self {
        self.headers
            .push((Cow::Borrowed(name.as_str()), into_bytes(value.into())));
        self
    }

    /// Adds a header that [`HeaderName`] does not have; bytes no name may hold become dashes.
    #[must_use]
    pub fn extension_header(mut self, name: &str, value: impl Into<Cow<'a, str>>) -> Self {
        self.headers
            .push((Cow::Owned(extension_name(name)), into_bytes(value.into())));
        self
    }

    /// Copies all lines of this name from the request, such as Record-Route (RFC 3261 §12.1.1).
    #[must_use]
    pub fn copied(mut self, name: HeaderName) -> Self {
        let lines = self.request.headers(name);
        self.headers
            .extend(lines.map(|value| (Cow::Borrowed(name.as_str()), Cow::Borrowed(value))));
        self
    }

    /// The body and its type.
    #[must_use]
    pub fn body(self, content_type: impl Into<Cow<'a, str>>, body: impl Into<Bytes>) -> Self {
        let mut with_type = self.header(HeaderName::ContentType, content_type);
        with_type.body = body.into();
        with_type
    }

    /// The bytes to send.
    pub fn build(&self) -> Bytes {
        let request = self.request;
        let mut writer = Writer::with_capacity(self.capacity());
        writer.status_line(self.status.code(), self.reason.as_bytes());
        let mut vias = request.headers(HeaderName::Via);
        if let Some(top) = vias.next() {
            self.write_top_via(&mut writer, top);
        }
        for via in vias {
            writer.header(HeaderName::Via, via);
        }
        if let Some(from) = request.header(HeaderName::From) {
            writer.header(HeaderName::From, from);
        }
        if let Some(to) = request.header(HeaderName::To) {
            self.write_to(&mut writer, to);
        }
        for name in [HeaderName::CallId, HeaderName::CSeq] {
            if let Some(value) = request.header(name) {
                writer.header(name, value);
            }
        }
        for (name, value) in &self.headers {
            writer.line(name.as_bytes(), value);
        }
        writer.finish(&self.body)
    }

    fn write_top_via(&self, writer: &mut Writer, line: &[u8]) {
        let mut values = Values::of(HeaderName::Via, line);
        let first = values.next().unwrap_or_default();
        let (Some(source), Ok(via)) = (self.source, Via::parse(first)) else {
            return writer.header(HeaderName::Via, line);
        };
        writer.composed(HeaderName::Via, |out| {
            write_via_as_received(&via, source, out);
            if let Some(others) = values.rest() {
                out.push(b',');
                out.extend(others);
            }
        });
    }

    fn write_to(&self, writer: &mut Writer, to: &[u8]) {
        let lacks_tag = NameAddr::parse(HeaderName::To, to).is_ok_and(|to| to.tag().is_none());
        if self.to_tag.is_empty() || !lacks_tag {
            return writer.header(HeaderName::To, to);
        }
        writer.composed(HeaderName::To, |out| {
            out.extend(to);
            out.extend(b";tag=");
            out.extend(self.to_tag.as_bytes());
        });
    }

    fn capacity(&self) -> usize {
        const FIXED: usize = 160;
        let copied: usize = [
            HeaderName::Via,
            HeaderName::From,
            HeaderName::To,
            HeaderName::CallId,
            HeaderName::CSeq,
        ]
        .into_iter()
        .flat_map(|name| self.request.headers(name))
        .map(|value| value.len() + 16)
        .sum();
        let added: usize = self
            .headers
            .iter()
            .map(|(name, value)| name.len() + value.len() + 4)
            .sum();
        FIXED + copied + added + self.reason.len() + self.to_tag.len() + self.body.len()
    }
}

fn into_bytes(value: Cow<'_, str>) -> Cow<'_, [u8]> {
    match value {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

fn write_via_as_received(via: &Via<'_>, source: SocketAddr, out: &mut Vec<u8>) {
    via.write_sent_by(out);
    let mut asks_for_port = false;
    for param in via.params.iter() {
        if param.name.eq_ignore_ascii_case("received") {
            continue;
        }
        // RFC 3581 §4: the server sets the value, whatever the client wrote there.
        if param.name.eq_ignore_ascii_case("rport") {
            asks_for_port = true;
            continue;
        }
        param.write(out);
    }
    if asks_for_port {
        out.extend(format!(";rport={}", source.port()).as_bytes());
    }
    // RFC 3261 §18.2.1 adds received where sent-by differs; RFC 3581 §4 always adds it beside rport.
    let address = source.ip().to_canonical();
    let differs = match via.host {
        Host::Name(_) => true,
        Host::V4(_) | Host::V6(_) => {
            via.host.address().map(|host| host.to_canonical()) != Some(address)
        }
    };
    if asks_for_port || differs {
        out.extend(format!(";received={address}").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use expect_test::{Expect, expect};

    use super::ResponseBuilder;
    use crate::header_name::HeaderName;
    use crate::message::{Message, Request};
    use crate::status::StatusCode;

    fn request(via: &str, to: &str) -> Request {
        let text = format!(
            "PUBLISH sip:alice@h SIP/2.0\r\nv: {via}\r\nRecord-Route: <sip:p;lr>\r\nVia: SIP/2.0/UDP last\r\n\
             f: <sip:alice@h>;tag=1\r\nTo: {to}\r\ni: c1\r\nCSeq: 7 PUBLISH\r\n\r\n"
        );
        match Message::parse(Bytes::from(text)).unwrap() {
            Message::Request(request) => request,
            Message::Response(_) => panic!("not a request"),
        }
    }

    fn check(answer: &ResponseBuilder<'_>, expected: Expect) {
        let text = String::from_utf8(answer.build().to_vec()).unwrap();
        expected.assert_eq(&text.replace("\r\n", "\n"));
    }

    #[test]
    fn an_answer_copies_what_the_standard_says() {
        let request = request("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1", "<sip:alice@h>");
        let answer = ResponseBuilder::answer(&request, StatusCode::OK)
            .to_tag("t1")
            .copied(HeaderName::RecordRoute)
            .header(HeaderName::SipEtag, "e1")
            .extension_header("X-Why", "because")
            .body("text/plain", "hi");
        check(
            &answer,
            expect![[r#"
                SIP/2.0 200 OK
                Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1
                Via: SIP/2.0/UDP last
                From: <sip:alice@h>;tag=1
                To: <sip:alice@h>;tag=t1
                Call-ID: c1
                CSeq: 7 PUBLISH
                Record-Route: <sip:p;lr>
                SIP-ETag: e1
                X-Why: because
                Content-Type: text/plain
                Content-Length: 2

                hi"#]],
        );
    }

    fn top_via(via: &str, source: &str) -> String {
        let request = request(via, "<sip:alice@h>");
        let answer = ResponseBuilder::answer(&request, StatusCode::OK)
            .received_from(source.parse().unwrap())
            .build();
        match Message::parse(answer).unwrap() {
            Message::Request(_) => panic!("not a response"),
            Message::Response(response) => {
                String::from_utf8(response.header(HeaderName::Via).unwrap().to_vec()).unwrap()
            }
        }
    }

    /// RFC 3581 §4 and RFC 3261 §18.2.1.
    #[test]
    fn the_top_via_tells_where_the_request_came_from() {
        assert_eq!(
            top_via(
                "SIP/2.0/UDP 192.0.2.1:5060;branch=b;rport",
                "192.0.2.1:4000"
            ),
            "SIP/2.0/UDP 192.0.2.1:5060;branch=b;rport=4000;received=192.0.2.1"
        );
        assert_eq!(
            top_via("SIP/2.0/UDP 192.0.2.1;branch=b", "192.0.2.1:4000"),
            "SIP/2.0/UDP 192.0.2.1;branch=b"
        );
        assert_eq!(
            top_via("SIP/2.0/UDP 192.0.2.1;branch=b", "192.0.2.9:4000"),
            "SIP/2.0/UDP 192.0.2.1;branch=b;received=192.0.2.9"
        );
        assert_eq!(
            top_via("SIP/2.0/TCP x.invalid;branch=b", "[2001:db8::1]:4000"),
            "SIP/2.0/TCP x.invalid;branch=b;received=2001:db8::1"
        );
    }

    #[test]
    fn a_lying_received_is_replaced_and_other_values_of_the_line_stay() {
        assert_eq!(
            top_via(
                "SIP/2.0/UDP 192.0.2.1;received=6.6.6.6;rport=66;branch=b, SIP/2.0/TCP second;branch=c",
                "192.0.2.1:4000"
            ),
            "SIP/2.0/UDP 192.0.2.1;branch=b;rport=4000;received=192.0.2.1, SIP/2.0/TCP second;branch=c"
        );
    }

    #[test]
    fn a_tag_of_the_request_stays() {
        let request = request("SIP/2.0/UDP h", "<sip:alice@h>;tag=old");
        let answer = ResponseBuilder::answer(&request, StatusCode::OK)
            .to_tag("new")
            .build();
        assert!(answer.windows(8).any(|part| part == b";tag=old"));
        assert!(!answer.windows(8).any(|part| part == b";tag=new"));
    }

    #[test]
    fn no_value_can_start_a_line() {
        let request = request("SIP/2.0/UDP h", "<sip:alice@h>");
        let answer = ResponseBuilder::answer(&request, StatusCode::OK)
            .reason("OK\r\nA: 1")
            .to_tag("t\r\nB: 1")
            .header(HeaderName::Subject, "x\r\nC: 1\0")
            .extension_header("D: 1\r\nE", "y\nF: 1")
            .body("text/plain\rG: 1", "");
        check(
            &answer,
            expect![[r#"
                SIP/2.0 200 OK  A: 1
                Via: SIP/2.0/UDP h
                Via: SIP/2.0/UDP last
                From: <sip:alice@h>;tag=1
                To: <sip:alice@h>;tag=t  B: 1
                Call-ID: c1
                CSeq: 7 PUBLISH
                Subject: x  C: 1 
                D--1--E: y F: 1
                Content-Type: text/plain G: 1
                Content-Length: 0

            "#]],
        );
    }
}
