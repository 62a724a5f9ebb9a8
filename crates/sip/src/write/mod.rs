//! Writing messages. A value can never start a new line: CR and LF in it are written as blanks, and so is a NUL
//! that no backslash quotes. Must not know when which message is due.

mod canonical;
pub(crate) mod hop;
mod layout;
pub(crate) mod request;
pub(crate) mod response;

use std::io::Write as _;

use bytes::Bytes;
use memchr::memchr3;

use crate::header_name::HeaderName;

/// A message in the making.
pub(crate) struct Writer {
    out: Vec<u8>,
}

impl Writer {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self {
            out: Vec::with_capacity(capacity),
        }
    }

    pub(crate) fn request_line(&mut self, method: &[u8], uri: &[u8]) {
        self.text(method);
        self.out.push(b' ');
        self.text(uri);
        self.out.extend(b" SIP/2.0\r\n");
    }

    pub(crate) fn status_line(&mut self, code: u16, reason: &[u8]) {
        self.out.extend(b"SIP/2.0 ");
        self.number(usize::from(code));
        self.out.push(b' ');
        self.text(reason);
        self.out.extend(b"\r\n");
    }

    pub(crate) fn header(&mut self, name: HeaderName, value: &[u8]) {
        self.line(name.as_str().as_bytes(), value);
    }

    pub(crate) fn line(&mut self, name: &[u8], value: &[u8]) {
        self.out.extend(name);
        self.out.extend(b": ");
        self.text(value);
        self.out.extend(b"\r\n");
    }

    /// A line whose value `write` puts together from parts that hold no line ends.
    pub(crate) fn composed(&mut self, name: HeaderName, write: impl FnOnce(&mut Vec<u8>)) {
        self.out.extend(name.as_str().as_bytes());
        self.out.extend(b": ");
        let start = self.out.len();
        write(&mut self.out);
        disarm(self.out.get_mut(start..).unwrap_or_default());
        self.out.extend(b"\r\n");
    }

    pub(crate) fn finish(mut self, body: &[u8]) -> Bytes {
        self.out.extend(b"Content-Length: ");
        self.number(body.len());
        self.out.extend(b"\r\n\r\n");
        self.out.extend(body);
        Bytes::from(self.out)
    }

    fn text(&mut self, value: &[u8]) {
        let start = self.out.len();
        self.out.extend(value);
        disarm(self.out.get_mut(start..).unwrap_or_default());
    }

    fn number(&mut self, number: usize) {
        // Memory takes it in any case.
        let (Ok(()) | Err(_)) = write!(self.out, "{number}");
    }
}

/// An extension header's name: bytes that are not of a token become dashes, so that it stays a name.
pub(crate) fn extension_name(name: &str) -> String {
    name.chars()
        .map(|letter| match u8::try_from(letter) {
            Ok(byte) if crate::grammar::bytes::is_token(byte) => letter,
            _ => '-',
        })
        .collect()
}

/// Whether nothing in it could end a line.
fn is_harmless(text: &[u8]) -> bool {
    match text.len() {
        // Most are so short that a search by vectors begins slower than this ends.
        0..=SHORT => !text
            .iter()
            .fold(false, |any, byte| any | matches!(byte, b'\r' | b'\n' | 0)),
        _ => memchr3(b'\r', b'\n', 0, text).is_none(),
    }
}

const SHORT: usize = 32;

/// Makes blanks of what could end a line. A NUL behind a backslash stays: a name in quotes may hold it
/// (RFC 3261 §25.1, quoted-pair), and an answer repeats that name to the octet.
fn disarm(text: &mut [u8]) {
    if is_harmless(text) {
        return;
    }
    let mut before = b' ';
    for byte in text {
        let is_breaking = match *byte {
            b'\r' | b'\n' => true,
            0 => before != b'\\',
            _ => false,
        };
        before = *byte;
        if is_breaking {
            *byte = b' ';
        }
    }
}
