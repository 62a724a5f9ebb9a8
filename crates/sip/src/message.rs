//! A message: its first line, read at once, and its headers and body, read when asked.
//! Must not know transactions or what the product does with a method.

use std::ops::Deref;

use bytes::Bytes;
use memchr::{memchr, memrchr};

use crate::error::{ParseError, UriError};
use crate::essentials::Essentials;
use crate::grammar::bytes::{is_token, trim};
use crate::headers::{Defect, Found, Headers, MAX_MESSAGE_LENGTH, Span};
use crate::method::Method;
use crate::status::StatusCode;
use crate::uri::{AnyUri, Uri};

/// A SIP message over one `Bytes`.
#[derive(Clone, Debug)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

/// A request. What is wrong in it is found by [`Request::check`], or when the part is read.
#[derive(Clone, Debug)]
pub struct Request {
    headers: Headers,
    method: Method,
    method_text: Span,
    uri: Span,
    version: Version,
}

/// A response.
#[derive(Clone, Debug)]
pub struct Response {
    headers: Headers,
    status: StatusCode,
    reason: Span,
}

/// The SIP version of a request line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// `SIP/2.0`.
    Two,
    /// Another one, which is answered 505.
    Unknown,
}

impl Message {
    /// Reads one message: a datagram, or what [`crate::framing::StreamFramer`] found in a stream.
    /// Line ends before it are skipped (RFC 3261 §7.5).
    ///
    /// # Errors
    /// Only where nothing can be answered; such bytes are dropped.
    pub fn parse(bytes: Bytes) -> Result<Self, ParseError> {
        let head = Head::read(&bytes)?;
        if bytes.len() > MAX_MESSAGE_LENGTH {
            return Err(ParseError::TooLong);
        }
        Ok(head.of_message(bytes))
    }

    /// The headers and the body.
    pub const fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }
}

/// What stands before the body of a message, which may still be on its way.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    first: FirstLine,
    defect: Option<Defect>,
    found: Found,
}

impl Head {
    /// Reads what `bytes` begin with.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, ParseError> {
        let start = bytes
            .iter()
            .position(|byte| !matches!(byte, b'\r' | b'\n'))
            .ok_or(ParseError::Empty)?;
        let end = start
            + memchr(b'\n', bytes.get(start..).unwrap_or_default()).ok_or(ParseError::Truncated)?;
        let line = bytes.get(start..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let first = FirstLine::read(line, start)?;
        let defect = match bytes.get(end + 1) {
            Some(b' ' | b'\t') => Some(Defect::FirstLine),
            _ => first.defect(),
        };
        let found = Found::within(bytes, start..end + 1)?;
        Ok(Self {
            first,
            defect,
            found,
        })
    }

    /// The lines of the header block.
    pub(crate) const fn found(&self) -> &Found {
        &self.found
    }

    /// The message that `bytes` are, which begin with this head; [`MAX_MESSAGE_LENGTH`] at most.
    pub(crate) fn of_message(self, bytes: Bytes) -> Message {
        let headers = self.found.of_message(bytes, self.defect);
        match self.first {
            FirstLine::Request {
                method,
                method_text,
                uri,
                version,
                ..
            } => Message::Request(Request {
                headers,
                method,
                method_text,
                uri,
                version,
            }),
            FirstLine::Status { status, reason } => Message::Response(Response {
                headers,
                status,
                reason,
            }),
        }
    }
}

impl Request {
    /// The method.
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The method as written, also where it is [`Method::Other`].
    pub fn method_text(&self) -> &[u8] {
        self.method_text.of(self.bytes())
    }

    /// The Request-URI as written.
    pub fn uri_text(&self) -> &[u8] {
        self.uri.of(self.bytes())
    }

    /// The Request-URI.
    ///
    /// # Errors
    /// Where it is malformed, or neither `sip` nor `sips`.
    pub fn uri(&self) -> Result<Uri<'_>, UriError> {
        match self.essentials() {
            Some(essentials) => Ok(essentials.uri(&self.headers)),
            None => {
                let value = self.value(self.uri);
                match value.text.and_then(AnyUri::usual) {
                    Some(uri) => Ok(uri),
                    None => AnyUri::by_grammar(value.bytes)?.into_sip(),
                }
            }
        }
    }

    pub(crate) const fn remember(&mut self, essentials: Essentials) {
        self.headers.remember(essentials);
    }

    pub(crate) const fn version(&self) -> Version {
        self.version
    }
}

impl Response {
    /// The status code.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The reason phrase as written.
    pub fn reason(&self) -> &[u8] {
        self.reason.of(self.bytes())
    }
}

/// A request is its header block and a request line: all of [`Headers`] can be asked of it.
impl Deref for Request {
    type Target = Headers;

    fn deref(&self) -> &Headers {
        &self.headers
    }
}

/// A response is its header block and a status line: all of [`Headers`] can be asked of it.
impl Deref for Response {
    type Target = Headers;

    fn deref(&self) -> &Headers {
        &self.headers
    }
}

#[derive(Clone, Debug)]
enum FirstLine {
    Request {
        method: Method,
        method_text: Span,
        uri: Span,
        version: Version,
        oddly_spaced: Option<Defect>,
    },
    Status {
        status: StatusCode,
        reason: Span,
    },
}

impl FirstLine {
    fn read(line: &[u8], at: usize) -> Result<Self, ParseError> {
        if starts_with_sip(line) {
            return Self::read_status(line, at).ok_or(ParseError::NotSip);
        }
        Self::read_request(line, at).ok_or(ParseError::NotSip)
    }

    fn read_request(line: &[u8], at: usize) -> Option<Self> {
        let method_end = line.iter().position(|byte| !is_token(*byte))?;
        let (method, rest) = line.split_at_checked(method_end)?;
        let [b' ', rest @ ..] = rest else {
            return None;
        };
        if method.is_empty() {
            return None;
        }
        let uri_end = memchr(b' ', rest)?;
        if uri_end > 0 && rest.get(uri_end + 1..) == Some(b"SIP/2.0") {
            return Some(Self::Request {
                method: Method::from_bytes(method),
                method_text: Span::new(at, at + method_end),
                uri: Span::new(at + method_end + 1, at + method_end + 1 + uri_end),
                version: Version::Two,
                oddly_spaced: None,
            });
        }
        Self::read_odd_request(line, method, at)
    }

    /// A request line of another version, or with blanks where none belong.
    fn read_odd_request(line: &[u8], method: &[u8], at: usize) -> Option<Self> {
        let plain = trim(line);
        let method_end = method.len();
        let version_at = memrchr(b' ', plain).filter(|found| *found >= method_end)? + 1;
        let version = plain.get(version_at..)?;
        if !starts_with_sip(version) {
            return None;
        }
        let uri = line.get(method_end + 1..version_at - 1).unwrap_or_default();
        // RFC 3261 §7.1: single SPs part the elements, the URI holds none.
        let odd = plain.len() != line.len() || uri.is_empty() || memchr(b' ', uri).is_some();
        Some(Self::Request {
            method: Method::from_bytes(method),
            method_text: Span::new(at, at + method_end),
            uri: Span::new(at + method_end + 1, at + version_at - 1),
            version: if version.eq_ignore_ascii_case(b"SIP/2.0") {
                Version::Two
            } else {
                Version::Unknown
            },
            oddly_spaced: odd.then_some(Defect::FirstLine),
        })
    }

    fn read_status(line: &[u8], at: usize) -> Option<Self> {
        let (version, rest) = line.split_at_checked(b"SIP/2.0 ".len())?;
        if !version.eq_ignore_ascii_case(b"SIP/2.0 ") {
            return None;
        }
        let (code, after) = rest.split_at_checked(3)?;
        if !code.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let status = std::str::from_utf8(code)
            .ok()?
            .parse()
            .ok()
            .and_then(StatusCode::new)?;
        // The blank before an empty reason phrase is often left out.
        let reason_at = match after {
            [] => line.len(),
            [b' ', ..] => line.len() - after.len() + 1,
            _ => return None,
        };
        Some(Self::Status {
            status,
            reason: Span::new(at + reason_at, at + line.len()),
        })
    }

    const fn defect(&self) -> Option<Defect> {
        match self {
            Self::Request { oddly_spaced, .. } => *oddly_spaced,
            Self::Status { .. } => None,
        }
    }
}

/// Whether a header block starts as a SIP message does.
pub(crate) fn has_sip_first_line(head: &[u8]) -> bool {
    let end = memchr(b'\n', head).unwrap_or(head.len());
    let line = head.get(..end).unwrap_or_default();
    FirstLine::read(line.strip_suffix(b"\r").unwrap_or(line), 0).is_ok()
}

fn starts_with_sip(text: &[u8]) -> bool {
    text.get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"))
}
