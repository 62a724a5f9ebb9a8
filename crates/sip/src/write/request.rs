//! Building a request of our own. Its Via is written by whoever sends it, and knows the way.

use std::io::Write as _;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::header::name_addr::NameAddr;
use crate::header_name::HeaderName;
use crate::method::Method;
use crate::write::{Writer, extension_name};

/// A request without its Via.
///
/// A value can never start a new line: CR and LF in it are written as blanks, as is a NUL that no backslash quotes.
#[derive(Clone, Debug)]
pub struct RequestDraft {
    method: Method,
    cseq: u32,
    max_forwards: u8,
    /// Every text of it, one after the other: one piece of memory instead of ten.
    texts: String,
    uri: Span,
    from: Span,
    to: Span,
    call_id: Span,
    headers: SmallVec<[Line; LINES]>,
    body: Bytes,
}

/// A part of the texts.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: u32,
    end: u32,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    name: Name,
    value: Span,
}

#[derive(Clone, Copy, Debug)]
enum Name {
    Known(HeaderName),
    Extension(Span),
}

/// Header lines that a request usually has at most.
const LINES: usize = 8;
/// Bytes that the texts of a request usually have at most.
const TEXTS: usize = 512;
/// Beside its texts and its body: Via, the names of the headers, and what the grammar wants between them.
const REST: usize = 320;

impl RequestDraft {
    /// A request to `uri`, from and to nobody yet.
    pub fn new(method: Method, uri: impl AsRef<str>) -> Self {
        let mut draft = Self {
            method,
            cseq: 1,
            // RFC 3261 §8.1.1.6.
            max_forwards: 70,
            texts: String::with_capacity(TEXTS),
            uri: Span::default(),
            from: Span::default(),
            to: Span::default(),
            call_id: Span::default(),
            headers: SmallVec::new(),
            body: Bytes::new(),
        };
        draft.uri = draft.put(&[uri.as_ref()]);
        draft
    }

    /// From: a name-addr such as `"Desk" <sip:desk@shop.example>`, and our tag.
    #[must_use]
    pub fn from(mut self, address: &str, tag: &str) -> Self {
        self.set_from(&[address, ";tag=", tag]);
        self
    }

    /// To: a name-addr, with the peer's tag inside a dialog.
    #[must_use]
    pub fn to(mut self, address: impl AsRef<str>) -> Self {
        self.set_to(&[address.as_ref()]);
        self
    }

    /// From, in pieces.
    pub(crate) fn set_from(&mut self, pieces: &[&str]) {
        self.from = self.put(pieces);
    }

    /// To, in pieces.
    pub(crate) fn set_to(&mut self, pieces: &[&str]) {
        self.to = self.put(pieces);
    }

    /// The Call-ID.
    #[must_use]
    pub fn call_id(mut self, call_id: impl AsRef<str>) -> Self {
        self.call_id = self.put(&[call_id.as_ref()]);
        self
    }

    /// The number of the CSeq; its method is the request's.
    #[must_use]
    pub fn cseq(mut self, number: u32) -> Self {
        self.cseq = number;
        self
    }

    /// Another Max-Forwards than 70.
    #[must_use]
    pub fn max_forwards(mut self, hops: u8) -> Self {
        self.max_forwards = hops;
        self
    }

    /// Adds a header line after those of the same name.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: impl AsRef<str>) -> Self {
        self.add_header(name, value);
        self
    }

    /// As [`Self::header`].
    pub fn add_header(&mut self, name: HeaderName, value: impl AsRef<str>) {
        self.add_header_of(name, &[value.as_ref()]);
    }

    /// As [`Self::header`], of a value in pieces.
    pub fn add_header_of(&mut self, name: HeaderName, pieces: &[&str]) {
        let name = Name::Known(name);
        let value = self.put(pieces);
        self.headers.push(Line { name, value });
    }

    /// Puts a header line in the place of those of the same name.
    pub fn replace_header(&mut self, name: HeaderName, value: impl AsRef<str>) {
        let mut headers = std::mem::take(&mut self.headers);
        headers.retain(|line| self.name(line.name) != name.as_str());
        self.headers = headers;
        self.add_header(name, value);
    }

    /// Adds a header that [`HeaderName`] does not have; bytes no name may hold become dashes.
    #[must_use]
    pub fn extension_header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        let name = Name::Extension(self.put(&[&extension_name(name)]));
        let value = self.put(&[value.as_ref()]);
        self.headers.push(Line { name, value });
        self
    }

    /// The body and its type.
    #[must_use]
    pub fn body(mut self, content_type: impl AsRef<str>, body: impl Into<Bytes>) -> Self {
        self.set_body(content_type, body);
        self
    }

    /// As [`Self::body`].
    pub fn set_body(&mut self, content_type: impl AsRef<str>, body: impl Into<Bytes>) {
        self.add_header(HeaderName::ContentType, content_type);
        self.body = body.into();
    }

    /// The method.
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The Request-URI.
    pub fn uri(&self) -> &str {
        self.text(self.uri)
    }

    /// The number of the CSeq.
    pub const fn cseq_number(&self) -> u32 {
        self.cseq
    }

    /// The URI that the request goes to next: that of its first Route, where that is a loose router, else the
    /// Request-URI (RFC 3261 §8.1.2).
    pub fn next_hop(&self) -> String {
        let route = self
            .headers
            .iter()
            .find(|line| self.name(line.name) == HeaderName::Route.as_str());
        route
            .and_then(|line| loose_router(self.text(line.value)))
            .unwrap_or_else(|| self.uri().to_owned())
    }

    /// The bytes of the body.
    pub(crate) const fn body_bytes(&self) -> &Bytes {
        &self.body
    }

    /// The bytes to send. `sent_by` is a transport and an address, such as `UDP 127.0.0.1:5060`;
    /// `branch` is the whole branch with its cookie. The answer's port is asked for (RFC 3581).
    pub fn print(&self, sent_by: &str, branch: &str) -> Bytes {
        let mut writer = Writer::with_capacity(REST + self.texts.len() + self.body.len());
        writer.request_line(self.method.as_str().as_bytes(), self.uri().as_bytes());
        writer.composed(HeaderName::Via, |out| {
            out.extend(b"SIP/2.0/");
            out.extend(sent_by.as_bytes());
            out.extend(b";branch=");
            out.extend(branch.as_bytes());
            out.extend(b";rport");
        });
        writer.composed(HeaderName::MaxForwards, |out| {
            number(out, self.max_forwards.into())
        });
        writer.header(HeaderName::From, self.text(self.from).as_bytes());
        writer.header(HeaderName::To, self.text(self.to).as_bytes());
        writer.header(HeaderName::CallId, self.text(self.call_id).as_bytes());
        writer.composed(HeaderName::CSeq, |out| {
            number(out, self.cseq);
            out.push(b' ');
            out.extend(self.method.as_str().as_bytes());
        });
        for line in &self.headers {
            let (name, value) = (self.name(line.name), self.text(line.value));
            writer.line(name.as_bytes(), value.as_bytes());
        }
        writer.finish(&self.body)
    }

    fn name(&self, name: Name) -> &str {
        match name {
            Name::Known(name) => name.as_str(),
            Name::Extension(span) => self.text(span),
        }
    }

    fn text(&self, span: Span) -> &str {
        let range = span.start as usize..span.end as usize;
        self.texts.get(range).unwrap_or_default()
    }

    /// Keeps a text. What goes beyond 4 GiB of them is cut off.
    fn put(&mut self, pieces: &[&str]) -> Span {
        let end = |texts: &str| u32::try_from(texts.len()).unwrap_or(u32::MAX);
        let start = end(&self.texts);
        for piece in pieces {
            self.texts.push_str(piece);
        }
        Span {
            start,
            end: end(&self.texts),
        }
    }
}

fn number(out: &mut Vec<u8>, number: u32) {
    // Memory takes it in any case.
    let (Ok(()) | Err(_)) = write!(out, "{number}");
}

fn loose_router(route: &str) -> Option<String> {
    let route = NameAddr::parse(HeaderName::Route, route.as_bytes()).ok()?;
    let uri = route.sip_uri()?;
    uri.params.get("lr").is_some().then(|| uri.to_string())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::RequestDraft;
    use crate::header_name::HeaderName;
    use crate::message::Message;
    use crate::method::Method;

    fn draft() -> RequestDraft {
        RequestDraft::new(Method::Message, "sip:alice@127.0.0.1:5091")
            .from("\"Desk\" <sip:T1@shop.example>", "d1")
            .to("<sip:alice@shop.example>")
            .call_id("c1")
            .cseq(3)
            .header(HeaderName::Contact, "<sip:127.0.0.1:5060>")
            .body("text/plain", "hello")
    }

    #[test]
    fn a_draft_prints_a_sound_request() {
        let bytes = draft().print("UDP 127.0.0.1:5060", "z9hG4bKx");
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        expect![[r#"
            MESSAGE sip:alice@127.0.0.1:5091 SIP/2.0
            Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKx;rport
            Max-Forwards: 70
            From: "Desk" <sip:T1@shop.example>;tag=d1
            To: <sip:alice@shop.example>
            Call-ID: c1
            CSeq: 3 MESSAGE
            Contact: <sip:127.0.0.1:5060>
            Content-Type: text/plain
            Content-Length: 5

            hello"#]]
        .assert_eq(&text.replace("\r\n", "\n"));
        let Message::Request(mut request) = Message::parse(bytes).unwrap() else {
            panic!("not a request");
        };
        assert_eq!(request.check(), Ok(()));
    }

    #[test]
    fn the_next_hop_is_the_first_loose_router_or_the_request_uri() {
        assert_eq!(draft().next_hop(), "sip:alice@127.0.0.1:5091");
        let strict = draft().header(HeaderName::Route, "<sip:p.example>");
        assert_eq!(strict.next_hop(), "sip:alice@127.0.0.1:5091");
        let loose = draft()
            .header(HeaderName::Route, "<sip:p.example;lr>")
            .header(HeaderName::Route, "<sip:q.example;lr>");
        assert_eq!(loose.next_hop(), "sip:p.example;lr");
    }

    #[test]
    fn no_part_can_start_a_line() {
        let evil = "x\r\nEvil: 1\n\0";
        let bytes = RequestDraft::new(Method::Message, evil)
            .from(evil, evil)
            .to(evil)
            .call_id(evil)
            .header(HeaderName::Subject, evil)
            .extension_header(evil, evil)
            .body(evil, "")
            .print(evil, evil);
        let message = Message::parse(bytes).unwrap();
        assert_eq!(message.headers().extension_headers("Evil").count(), 0);
        assert_eq!(message.headers().lines().count(), 10);
    }
}
