//! Building a request of our own. Its Via is written by whoever sends it, and knows the way.

use std::borrow::Cow;

use bytes::Bytes;

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
    uri: String,
    from: String,
    to: String,
    call_id: String,
    cseq: u32,
    max_forwards: u8,
    headers: Vec<(Cow<'static, str>, String)>,
    body: Bytes,
}

impl RequestDraft {
    /// A request to `uri`, from and to nobody yet.
    pub fn new(method: Method, uri: impl Into<String>) -> Self {
        Self {
            method,
            uri: uri.into(),
            from: String::new(),
            to: String::new(),
            call_id: String::new(),
            cseq: 1,
            // RFC 3261 §8.1.1.6.
            max_forwards: 70,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// From: a name-addr such as `"Desk" <sip:desk@shop.example>`, and our tag.
    #[must_use]
    pub fn from(mut self, address: &str, tag: &str) -> Self {
        self.from = format!("{address};tag={tag}");
        self
    }

    /// To: a name-addr, with the peer's tag inside a dialog.
    #[must_use]
    pub fn to(mut self, address: impl Into<String>) -> Self {
        self.to = address.into();
        self
    }

    /// The Call-ID.
    #[must_use]
    pub fn call_id(mut self, call_id: impl Into<String>) -> Self {
        self.call_id = call_id.into();
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
    pub fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers
            .push((Cow::Borrowed(name.as_str()), value.into()));
        self
    }

    /// Puts a header line in the place of those of the same name.
    #[must_use]
    pub fn replaced(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.retain(|(other, _)| other != name.as_str());
        self.header(name, value)
    }

    /// Adds a header that [`HeaderName`] does not have; bytes no name may hold become dashes.
    #[must_use]
    pub fn extension_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers
            .push((Cow::Owned(extension_name(name)), value.into()));
        self
    }

    /// The body and its type.
    #[must_use]
    pub fn body(self, content_type: impl Into<String>, body: impl Into<Bytes>) -> Self {
        let mut with_type = self.header(HeaderName::ContentType, content_type);
        with_type.body = body.into();
        with_type
    }

    /// The method.
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The Request-URI.
    pub fn uri(&self) -> &str {
        &self.uri
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
            .find(|(name, _)| name == HeaderName::Route.as_str());
        route
            .and_then(|(_, value)| loose_router(value))
            .unwrap_or_else(|| self.uri.clone())
    }

    /// The bytes of the body.
    pub(crate) const fn body_bytes(&self) -> &Bytes {
        &self.body
    }

    /// The bytes to send. `sent_by` is a transport and an address, such as `UDP 127.0.0.1:5060`;
    /// `branch` is the whole branch with its cookie. The answer's port is asked for (RFC 3581).
    pub fn print(&self, sent_by: &str, branch: &str) -> Bytes {
        let mut writer = Writer::with_capacity(512 + self.body.len());
        writer.request_line(self.method.as_str().as_bytes(), self.uri.as_bytes());
        writer.composed(HeaderName::Via, |out| {
            out.extend(b"SIP/2.0/");
            out.extend(sent_by.as_bytes());
            out.extend(b";branch=");
            out.extend(branch.as_bytes());
            out.extend(b";rport");
        });
        writer.header(
            HeaderName::MaxForwards,
            self.max_forwards.to_string().as_bytes(),
        );
        writer.header(HeaderName::From, self.from.as_bytes());
        writer.header(HeaderName::To, self.to.as_bytes());
        writer.header(HeaderName::CallId, self.call_id.as_bytes());
        writer.composed(HeaderName::CSeq, |out| {
            out.extend(format!("{} {}", self.cseq, self.method).as_bytes());
        });
        for (name, value) in &self.headers {
            writer.line(name.as_bytes(), value.as_bytes());
        }
        writer.finish(&self.body)
    }
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
        let Message::Request(request) = Message::parse(bytes).unwrap() else {
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
