//! Building the answer to a request. Must not know when which answer is due.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use memchr::memchr;
use smallvec::SmallVec;

use crate::header::name_addr::NameAddr;
use crate::header::via::Asks;
use crate::header_name::HeaderName;
use crate::headers::Span;
use crate::message::Request;
use crate::status::StatusCode;
use crate::values::Values;
use crate::write::extension_name;
use crate::write::layout::{Layout, Trust};

/// An answer in the making: Via, From, To, Call-ID and CSeq are the request's (RFC 3261 §8.2.6.2).
///
/// A value can never start a new line: CR and LF in it are written as blanks, as is a NUL that no backslash quotes.
#[derive(Clone, Debug)]
pub struct ResponseBuilder<'a> {
    request: &'a Request,
    status: StatusCode,
    reason: Cow<'a, str>,
    source: Option<SocketAddr>,
    to_tag: Tag<'a>,
    headers: SmallVec<[Added<'a>; 4]>,
    body: Bytes,
}

/// Name and value of a line that is not the request's.
type Added<'a> = (Cow<'a, str>, Value<'a>);

#[derive(Clone, Debug)]
enum Value<'a> {
    Text(Cow<'a, [u8]>),
    Seconds(Duration),
}

#[derive(Clone, Debug)]
enum Tag<'a> {
    Text(Cow<'a, str>),
    /// Its eight hexadecimal digits.
    Number(u32),
}

impl<'a> ResponseBuilder<'a> {
    /// An answer with the status' own reason phrase.
    #[inline]
    pub fn answer(request: &'a Request, status: StatusCode) -> Self {
        Self {
            request,
            status,
            reason: Cow::Borrowed(status.reason()),
            source: None,
            to_tag: Tag::Text(Cow::Borrowed("")),
            headers: SmallVec::new(),
            body: Bytes::new(),
        }
    }

    /// Another reason phrase.
    #[must_use]
    #[inline]
    pub fn reason(mut self, reason: impl Into<Cow<'a, str>>) -> Self {
        self.reason = reason.into();
        self
    }

    /// Where the packet came from, noted in the topmost Via (RFC 3261 §18.2.1, RFC 3581 §4).
    #[must_use]
    #[inline]
    pub fn received_from(mut self, source: SocketAddr) -> Self {
        self.source = Some(source);
        self
    }

    /// The tag the To gets, unless the request's To has one. A retransmission must get the same.
    #[must_use]
    #[inline]
    pub fn to_tag(mut self, tag: impl Into<Cow<'a, str>>) -> Self {
        self.to_tag = Tag::Text(tag.into());
        self
    }

    /// The same, made of a number that differs from request to request (RFC 3261 §19.3: 32 bits are enough).
    #[must_use]
    #[inline]
    pub fn numbered_to_tag(mut self, number: u32) -> Self {
        self.to_tag = Tag::Number(number);
        self
    }

    /// Adds a header line after those of the same name.
    #[must_use]
    #[inline]
    pub fn header(mut self, name: HeaderName, value: impl Into<Cow<'a, str>>) -> Self {
        let value = Value::Text(into_bytes(value.into()));
        self.headers.push((Cow::Borrowed(name.as_str()), value));
        self
    }

    /// Adds a header line that tells whole seconds.
    #[must_use]
    #[inline]
    pub fn seconds(mut self, name: HeaderName, duration: Duration) -> Self {
        let value = Value::Seconds(duration);
        self.headers.push((Cow::Borrowed(name.as_str()), value));
        self
    }

    /// Adds a header that [`HeaderName`] does not have; bytes no name may hold become dashes.
    #[must_use]
    pub fn extension_header(mut self, name: &str, value: impl Into<Cow<'a, str>>) -> Self {
        let value = Value::Text(into_bytes(value.into()));
        self.headers.push((Cow::Owned(extension_name(name)), value));
        self
    }

    /// Copies all lines of this name from the request, such as Record-Route (RFC 3261 §12.1.1).
    #[must_use]
    pub fn copied(mut self, name: HeaderName) -> Self {
        let lines = self.request.headers(name);
        self.headers.extend(lines.map(|value| {
            let value = Value::Text(Cow::Borrowed(value));
            (Cow::Borrowed(name.as_str()), value)
        }));
        self
    }

    /// The body and its type.
    #[must_use]
    pub fn body(self, content_type: impl Into<Cow<'a, str>>, body: impl Into<Bytes>) -> Self {
        let mut with_type = self.header(HeaderName::ContentType, content_type);
        with_type.body = body.into();
        with_type
    }

    /// The bytes to send, in memory of their own size.
    #[inline]
    pub fn build(&self) -> Bytes {
        Bytes::copy_from_slice(self.write().text())
    }

    /// What the answer repeats from its request, up to the line behind its CSeq; `more` bytes are to follow.
    pub(crate) fn build_head(&self, more: usize) -> Vec<u8> {
        let mut layout = self.layout();
        self.write_head(&mut layout);
        let mut head = Vec::with_capacity(layout.text().len() + more);
        head.extend_from_slice(layout.text());
        head
    }

    /// Appends the bytes to send to a buffer of the caller's.
    pub fn write_into(&self, out: &mut BytesMut) {
        out.extend_from_slice(self.write().text());
    }

    fn layout(&self) -> Layout {
        Layout::new(match self.request.defect() {
            None => Trust::Clean,
            Some(_) => Trust::Doubtful,
        })
    }

    #[inline]
    fn write(&self) -> Layout {
        let mut layout = self.layout();
        self.write_head(&mut layout);
        for (name, value) in &self.headers {
            layout.own(name.as_bytes());
            layout.own(b": ");
            match value {
                Value::Text(text) => layout.foreign(text),
                Value::Seconds(duration) => layout.number(duration.as_secs()),
            }
            layout.own(b"\r\n");
        }
        layout.own(b"Content-Length: ");
        layout.number(self.body.len() as u64);
        layout.own(b"\r\n\r\n");
        layout.own(&self.body);
        layout
    }

    /// One look at the request's lines finds what is repeated.
    fn write_head(&self, layout: &mut Layout) {
        let repeated = Repeated::of(self.request);
        layout.own(b"SIP/2.0 ");
        layout.number(u64::from(self.status.code()));
        layout.own(b" ");
        layout.foreign(self.reason.as_bytes());
        layout.own(b"\r\n");
        let mut vias = repeated.vias.iter();
        if let Some(top) = vias.next() {
            self.write_top_via(layout, top);
        }
        for via in vias {
            layout.repeated_line(HeaderName::Via, via);
        }
        if let Some(from) = repeated.from {
            layout.repeated_line(HeaderName::From, from);
        }
        if let Some(to) = repeated.to {
            self.write_to(layout, to);
        }
        if let Some(call_id) = repeated.call_id {
            layout.repeated_line(HeaderName::CallId, call_id);
        }
        if let Some(cseq) = repeated.cseq {
            layout.repeated_line(HeaderName::CSeq, cseq);
        }
    }

    fn write_top_via(&self, layout: &mut Layout, line: &[u8]) {
        let mut values = Values::of(HeaderName::Via, line);
        let first = values.next().unwrap_or_default();
        // Where this line has a value, that is the topmost Via, which the request's check has read.
        let via = (!first.is_empty()).then(|| self.request.via());
        let (Some(source), Some(Ok(via))) = (self.source, via) else {
            return layout.repeated_line(HeaderName::Via, line);
        };
        layout.own(HeaderName::Via.as_str().as_bytes());
        layout.own(b": ");
        let asks = self.request.asks(&via);
        // RFC 3581 §4: the server sets the values, whatever the client wrote there.
        match asks {
            Asks::Nothing => layout.repeated(first),
            Asks::Port(piece) => {
                let start = Span::within(first, piece).range().start;
                let (before, after) = first.split_at_checked(start).unwrap_or_default();
                layout.repeated(before);
                layout.repeated(after.get(piece.len()..).unwrap_or_default());
            }
            Asks::Odd { .. } => {
                let before_params = first.len() - via.params.as_bytes().len();
                layout.repeated(first.get(..before_params).unwrap_or_default());
                for (param, written) in via.params.pieces() {
                    let is_ours = ["rport", "received"]
                        .iter()
                        .any(|ours| param.name.eq_ignore_ascii_case(ours));
                    if !is_ours {
                        layout.repeated(written);
                    }
                }
            }
        }
        if asks.port() {
            layout.own(b";rport=");
            layout.number(u64::from(source.port()));
        }
        // RFC 3261 §18.2.1 adds received where sent-by differs; RFC 3581 §4 always adds it beside rport.
        let address = source.ip().to_canonical();
        let sent_by = via.host.address().map(|host| host.to_canonical());
        if asks.port() || sent_by != Some(address) {
            layout.own(b";received=");
            layout.address(address);
        }
        if let Some(others) = values.rest() {
            layout.own(b",");
            layout.repeated(others);
        }
        layout.own(b"\r\n");
    }

    fn write_to(&self, layout: &mut Layout, to: &[u8]) {
        if self.to_tag.is_none() || !self.lacks_to_tag(to) {
            return layout.repeated_line(HeaderName::To, to);
        }
        layout.own(b"To: ");
        layout.repeated(to);
        layout.own(b";tag=");
        match &self.to_tag {
            Tag::Text(tag) => layout.foreign(tag.as_bytes()),
            Tag::Number(number) => layout.hexadecimal(*number),
        }
        layout.own(b"\r\n");
    }

    /// A request that was checked knows it.
    fn lacks_to_tag(&self, to: &[u8]) -> bool {
        match self.request.essentials() {
            Some(essentials) => !essentials.has_to_tag(),
            None => lacks_tag(to),
        }
    }
}

impl Tag<'_> {
    fn is_none(&self) -> bool {
        match self {
            Self::Text(tag) => tag.is_empty(),
            Self::Number(_) => false,
        }
    }
}

/// What every answer repeats from its request (RFC 3261 §8.2.6.2).
#[derive(Default)]
struct Repeated<'a> {
    vias: SmallVec<[&'a [u8]; 4]>,
    from: Option<&'a [u8]>,
    to: Option<&'a [u8]>,
    call_id: Option<&'a [u8]>,
    cseq: Option<&'a [u8]>,
}

impl<'a> Repeated<'a> {
    /// Of what is there more often than allowed, the first counts.
    fn of(request: &'a Request) -> Self {
        let mut found = Self::default();
        for (known, _, value) in request.lines() {
            let place = match known {
                Some(HeaderName::Via) => {
                    found.vias.push(value);
                    continue;
                }
                Some(HeaderName::From) => &mut found.from,
                Some(HeaderName::To) => &mut found.to,
                Some(HeaderName::CallId) => &mut found.call_id,
                Some(HeaderName::CSeq) => &mut found.cseq,
                Some(_) | None => continue,
            };
            place.get_or_insert(value);
        }
        found
    }
}

fn lacks_tag(to: &[u8]) -> bool {
    // Most have nothing behind their brackets, and then there is nothing to read.
    let ends_with_its_uri = to.last() == Some(&b'>') && memchr(b'"', to).is_none();
    ends_with_its_uri
        || NameAddr::parse(HeaderName::To, to).is_ok_and(|to| to.params.get("tag").is_none())
}

fn into_bytes(value: Cow<'_, str>) -> Cow<'_, [u8]> {
    match value {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use bytes::{Bytes, BytesMut};
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
    fn rport_is_answered_wherever_it_stands() {
        for (via, answered) in [
            (
                "h;rport;branch=b;x",
                "h;branch=b;x;rport=4000;received=192.0.2.1",
            ),
            (
                "h;a; rport = 9 ;b=\"q\"",
                "h;a ;b=\"q\";rport=4000;received=192.0.2.1",
            ),
            ("h;rport;rport=1", "h;rport=4000;received=192.0.2.1"),
        ] {
            assert_eq!(
                top_via(&format!("SIP/2.0/UDP {via}"), "192.0.2.1:4000"),
                format!("SIP/2.0/UDP {answered}")
            );
        }
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
    fn a_via_line_without_a_value_is_repeated_as_it_is() {
        let request = request("", "<sip:alice@h>");
        let answer = ResponseBuilder::answer(&request, StatusCode::OK)
            .received_from("192.0.2.9:4000".parse().unwrap())
            .build();
        let text = String::from_utf8(answer.to_vec()).unwrap();
        assert!(
            text.starts_with("SIP/2.0 200 OK\r\nVia: \r\nVia: SIP/2.0/UDP last\r\n"),
            "{text}"
        );
    }

    #[test]
    fn numbers_are_written_as_they_are_elsewhere() {
        let request = request("SIP/2.0/UDP h", "<sip:alice@h>");
        for number in [0, 1, 0x0123_abcd, u32::MAX] {
            let seconds = std::time::Duration::from_millis(u64::from(number) * 1000 + 999);
            let answer = ResponseBuilder::answer(&request, StatusCode::OK)
                .numbered_to_tag(number)
                .seconds(HeaderName::Expires, seconds)
                .build();
            let text = String::from_utf8(answer.to_vec()).unwrap();
            assert!(
                text.contains(&format!("To: <sip:alice@h>;tag={number:08x}\r\n")),
                "{text}"
            );
            assert!(
                text.contains(&format!("\r\nExpires: {number}\r\n")),
                "{text}"
            );
        }
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
    fn a_buffer_of_the_callers_gets_the_same_bytes() {
        let request = request("SIP/2.0/UDP h;rport", "<sip:alice@h>;x=\"<\"");
        let answer = ResponseBuilder::answer(&request, StatusCode::OK)
            .received_from("[::ffff:192.0.2.1]:4000".parse().unwrap())
            .to_tag("t1")
            .body("text/plain", "hi");
        let mut buffer = BytesMut::from(&b"before"[..]);
        answer.write_into(&mut buffer);
        assert_eq!(buffer, [b"before", answer.build().as_ref()].concat());
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
