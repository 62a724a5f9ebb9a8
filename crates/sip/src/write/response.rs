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
/// A value can never start a new line: CR, LF and NUL in it are written as blanks.
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
        let first = Values::of(HeaderName::Via, line).next().unwrap_or_default();
        let (Some(source), Ok(via)) = (self.source, Via::parse(first)) else {
            return writer.header(HeaderName::Via, line);
        };
        writer.composed(HeaderName::Via, |out| {
            write_via_as_received(&via, source, out);
            // Further values on the same line follow as they are.
            out.extend(after(first, line));
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

/// What follows `part` in `whole`, of which it is a slice.
fn after<'a>(part: &[u8], whole: &'a [u8]) -> &'a [u8] {
    let start = part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
    whole
        .get(start.wrapping_add(part.len())..)
        .unwrap_or_default()
}
