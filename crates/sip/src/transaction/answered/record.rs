//! One answered request in few bytes: what its answer has that the request does not tell.
//! Must not know where it is kept.

use std::net::SocketAddr;

use bytes::Bytes;
use memchr::memchr;

use crate::grammar::bytes::{is_ascii, position};
use crate::message::Request;
use crate::status::StatusCode;
use crate::transaction::reply;
use crate::write::response::ResponseBuilder;

/// A view of the bytes of one record: key, the rest of its merge key, branch, time, status, three lengths, then the To
/// tag, a reason of its own, and all that stands behind the CSeq, with frequent words made short.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    names: Names,
    status: u16,
    tag: &'a [u8],
    reason: &'a [u8],
    tail: &'a [u8],
}

/// By what a record is found and forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) key: u64,
    /// What tells it from others with its label.
    pub(super) merge: u32,
    pub(super) branch: u32,
    /// Milliseconds after its bucket began.
    pub(super) after: u16,
}

/// Bytes before the texts.
const FIXED: usize = 24;
/// Where the length of the tail stands among them.
const TAIL_LENGTH: usize = 22;
/// Beside the status: the answer tells where its request came from.
const TELLS_SOURCE: u16 = 0x8000;

/// What many answers have, as one byte each: 0x80 and the place in this list. Matched at the beginnings of lines alone.
const WORDS: [&[u8]; 12] = [
    b"Content-Length: 0\r\n\r\n",
    b"SIP-ETag: ",
    b"Expires: ",
    b"Authentication-Info: ",
    b"Content-Length: ",
    b"Contact: ",
    b"Date: ",
    b"Retry-After: ",
    b"Supported: ",
    b"Allow: ",
    b"Accept: ",
    b"WWW-Authenticate: ",
];
const FIRST_WORD: u8 = 0x80;
/// The end of a line.
const LINE_END: u8 = 0x8f;
/// A byte above 0x7f as it is.
const LITERAL: u8 = 0xff;

impl<'a> Record<'a> {
    /// The record at the beginning of these bytes.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (key, rest) = bytes.split_first_chunk()?;
        let (merge, rest) = rest.split_first_chunk()?;
        let (branch, rest) = rest.split_first_chunk()?;
        let (after, rest) = rest.split_first_chunk()?;
        let (status, rest) = rest.split_first_chunk()?;
        let ([tag_length, reason_length], rest) = rest.split_first_chunk()?;
        let (tail_length, rest) = rest.split_first_chunk()?;
        let (tag, rest) = rest.split_at_checked(usize::from(*tag_length))?;
        let (reason, rest) = rest.split_at_checked(usize::from(*reason_length))?;
        let tail = rest.get(..usize::from(u16::from_le_bytes(*tail_length)))?;
        Some(Self {
            names: Names {
                key: u64::from_le_bytes(*key),
                merge: u32::from_le_bytes(*merge),
                branch: u32::from_le_bytes(*branch),
                after: u16::from_le_bytes(*after),
            },
            status: u16::from_le_bytes(*status),
            tag,
            reason,
            tail,
        })
    }

    pub(super) const fn names(&self) -> Names {
        self.names
    }

    pub(super) const fn length(&self) -> usize {
        FIXED + self.tag.len() + self.reason.len() + self.tail.len()
    }

    /// The answer again: what it repeats is taken from the request, which is here once more.
    pub(super) fn answer(&self, request: &Request, source: SocketAddr) -> Bytes {
        // Only what has a status is written.
        let status = StatusCode::new(self.status & !TELLS_SOURCE);
        let status = status.unwrap_or(StatusCode::SERVER_INTERNAL_ERROR);
        let mut builder =
            ResponseBuilder::answer(request, status).to_tag(String::from_utf8_lossy(self.tag));
        if self.status & TELLS_SOURCE != 0 {
            builder = builder.received_from(source);
        }
        if !self.reason.is_empty() {
            builder = builder.reason(String::from_utf8_lossy(self.reason));
        }
        let mut bytes = builder.build_head(2 * self.tail.len());
        lengthen(self.tail, &mut bytes);
        bytes.into()
    }
}

/// An answer cut into the pieces of which its record is made.
pub(super) struct Pieces<'a> {
    status: StatusCode,
    /// Empty where it is the usual one.
    reason: &'a [u8],
    tells_source: bool,
    tag: &'a [u8],
    tail: &'a [u8],
}

impl<'a> Pieces<'a> {
    /// As [`ResponseBuilder`] lays them out: Vias, From, To, Call-ID, CSeq, then the tail. `None` where the answer is not
    /// made like ours.
    pub(super) fn of(response: &'a [u8]) -> Option<Self> {
        let status = reply::status_of(response)?;
        let (first, mut rest) = line(response)?;
        let reason = first.get(b"SIP/2.0 200 ".len()..)?;
        let is_usual = reason == status.reason().as_bytes();
        let (mut tells_source, mut tag, mut vias) = (false, &b""[..], 0);
        loop {
            let (next, after) = line(rest)?;
            if next.starts_with(b"Via: ") {
                // RFC 3581 §4: whoever notes the port notes the address.
                tells_source |= vias == 0 && last(b";received=", next).is_some();
                vias += 1;
            } else if next.starts_with(b"To: ") {
                tag = last(b";tag=", next).unwrap_or_default();
            } else if !next.starts_with(b"From: ")
                && !next.starts_with(b"Call-ID: ")
                && !next.starts_with(b"CSeq: ")
            {
                break;
            }
            rest = after;
        }
        Some(Self {
            status,
            reason: if is_usual { b"" } else { reason },
            tells_source,
            tag,
            tail: rest,
        })
    }

    /// Makes `out` the record; `None` where a piece is too long for it.
    pub(super) fn write(&self, names: Names, out: &mut Vec<u8>) -> Option<()> {
        let (tag_length, reason_length) = (
            u8::try_from(self.tag.len()).ok()?,
            u8::try_from(self.reason.len()).ok()?,
        );
        let after = names.after;
        let status = self.status.code() | if self.tells_source { TELLS_SOURCE } else { 0 };
        // In two pieces instead of eight, as each costs a call.
        let keys =
            u128::from(names.key) | u128::from(names.merge) << 64 | u128::from(names.branch) << 96;
        let rest = u64::from(after)
            | u64::from(status) << 16
            | u64::from(tag_length) << 32
            | u64::from(reason_length) << 40;
        out.clear();
        out.extend_from_slice(&keys.to_le_bytes());
        out.extend_from_slice(&rest.to_le_bytes());
        for text in [self.tag, self.reason] {
            out.extend_from_slice(text);
        }
        let tail = out.len();
        shorten(self.tail, out);
        let tail_length = u16::try_from(out.len() - tail).ok()?;
        let place = out.get_mut(TAIL_LENGTH..FIXED)?;
        place.copy_from_slice(&tail_length.to_le_bytes());
        Some(())
    }
}

/// What stands behind `label`, which begins with a semicolon, where that stands last in `line`.
fn last<'a>(label: &[u8], line: &'a [u8]) -> Option<&'a [u8]> {
    let mut before = line;
    loop {
        let at = before.iter().rposition(|byte| *byte == b';')?;
        if let Some(behind) = line.get(at..)?.strip_prefix(label) {
            return Some(behind);
        }
        before = line.get(..at)?;
    }
}

/// The first line without its end, and what follows.
fn line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr(b'\r', text)?;
    let rest = text.get(end..)?.strip_prefix(b"\r\n")?;
    Some((text.get(..end)?, rest))
}

fn shorten(mut text: &[u8], out: &mut Vec<u8>) {
    let is_ascii = is_ascii(text);
    while !text.is_empty() {
        let word = (FIRST_WORD..)
            .zip(WORDS)
            .find(|(_, word)| text.starts_with(word));
        if let Some((code, word)) = word {
            out.push(code);
            text = text.get(word.len()..).unwrap_or_default();
        }
        // The rest of the line.
        loop {
            let end = match is_ascii {
                true => position(b'\r', text),
                false => text
                    .iter()
                    .position(|byte| *byte == b'\r' || *byte >= FIRST_WORD),
            };
            let plain = end.unwrap_or(text.len());
            let (before, rest) = text.split_at_checked(plain).unwrap_or_default();
            out.extend_from_slice(before);
            text = rest;
            if let Some(after) = text.strip_prefix(b"\r\n") {
                out.push(LINE_END);
                text = after;
                break;
            }
            let [first, rest @ ..] = text else {
                break;
            };
            if *first >= FIRST_WORD {
                out.push(LITERAL);
            }
            out.push(*first);
            text = rest;
        }
    }
}

fn lengthen(mut short: &[u8], out: &mut Vec<u8>) {
    while let [first, rest @ ..] = short {
        short = rest;
        match *first {
            LITERAL => {
                if let [literal, rest @ ..] = short {
                    out.push(*literal);
                    short = rest;
                }
            }
            LINE_END => out.extend(b"\r\n"),
            code if code >= FIRST_WORD => {
                let word = WORDS.get(usize::from(code - FIRST_WORD));
                out.extend(word.copied().unwrap_or_default());
            }
            byte => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{last, lengthen, shorten};

    fn there_and_back(text: &[u8]) -> Vec<u8> {
        let (mut short, mut long) = (Vec::new(), Vec::new());
        shorten(text, &mut short);
        lengthen(&short, &mut long);
        long
    }

    #[test]
    fn the_last_parameter_of_a_name_counts() {
        let line = b"To: <sip:a@h>;tag=1;x;tag=2;tagged";
        assert_eq!(last(b";tag=", line), Some(&b"2;tagged"[..]));
        assert_eq!(last(b";received=", line), None);
    }

    #[test]
    fn a_usual_tail_becomes_short() {
        let tail = b"SIP-ETag: 18c3f2a9b0d4e5f6\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n";
        let mut short = Vec::new();
        shorten(tail, &mut short);
        assert_eq!(short.len(), 24);
        assert_eq!(there_and_back(tail), tail);
    }

    proptest! {
        #[test]
        fn every_tail_comes_back_to_the_octet(text in r"((Expires|SIP-ETag|Content-Length|X): ?|[ab]|\r|\n|\r\n|\x7f|\u{80}){0,20}", bytes: Vec<u8>) {
            prop_assert_eq!(there_and_back(text.as_bytes()), text.as_bytes());
            prop_assert_eq!(there_and_back(&bytes), bytes);
        }
    }
}
