//! The pieces of a message in order, so that its length is known before it is printed. Must not know what they mean.

use std::io::Write as _;
use std::net::IpAddr;

use bytes::BufMut;
use memchr::memchr3;
use smallvec::SmallVec;

use crate::header_name::HeaderName;
use crate::write::disarm;

/// A message in pieces.
pub(super) struct Layout<'a> {
    pieces: SmallVec<[Piece<'a>; PIECES]>,
    repeated: Trust,
}

/// Whether bytes of a request can hold what ends a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// They were looked at when the request was read.
    Clean,
    /// Something is wrong with them.
    Doubtful,
}

/// A piece of a message.
enum Piece<'a> {
    /// Printed as it is.
    Plain(&'a [u8]),
    /// Printed without what could end a line.
    Doubtful(&'a [u8]),
    /// Made here.
    Made(Made),
}

/// A number or an address in text.
struct Made {
    text: [u8; LONGEST_MADE],
    length: usize,
}

/// More than an answer with a few headers has.
const PIECES: usize = 56;
/// An IPv6 address has at most this many letters.
const LONGEST_MADE: usize = 39;

impl<'a> Layout<'a> {
    /// Nothing yet; `repeated` says how far a request's bytes are trusted.
    pub(super) fn new(repeated: Trust) -> Self {
        Self {
            pieces: SmallVec::new(),
            repeated,
        }
    }

    /// Adds what is ours and holds no line ends but those that are meant.
    pub(super) fn own(&mut self, bytes: &'a [u8]) {
        self.pieces.push(Piece::Plain(bytes));
    }

    /// Adds what somebody gave us.
    pub(super) fn foreign(&mut self, bytes: &'a [u8]) {
        self.pieces.push(Piece::Doubtful(bytes));
    }

    /// Adds what stands in the request.
    pub(super) fn repeated(&mut self, bytes: &'a [u8]) {
        match self.repeated {
            Trust::Clean => self.own(bytes),
            Trust::Doubtful => self.foreign(bytes),
        }
    }

    /// Adds a header line that stands in the request.
    pub(super) fn repeated_line(&mut self, name: HeaderName, value: &'a [u8]) {
        self.own(name.as_str().as_bytes());
        self.own(b": ");
        self.repeated(value);
        self.own(b"\r\n");
    }

    /// Adds a number.
    pub(super) fn number(&mut self, number: usize) {
        self.pieces.push(Piece::Made(Made::number(number)));
    }

    /// Adds an address without brackets.
    pub(super) fn address(&mut self, address: IpAddr) {
        self.pieces.push(Piece::Made(Made::address(address)));
    }

    /// How many bytes [`Layout::print`] writes.
    pub(super) fn length(&self) -> usize {
        self.pieces.iter().map(|piece| piece.bytes().len()).sum()
    }

    /// Writes it all.
    pub(super) fn print(&self, out: &mut impl BufMut) {
        for piece in &self.pieces {
            match piece {
                Piece::Doubtful(bytes) if memchr3(b'\r', b'\n', 0, bytes).is_some() => {
                    let mut harmless = bytes.to_vec();
                    disarm(&mut harmless);
                    out.put_slice(&harmless);
                }
                Piece::Plain(_) | Piece::Doubtful(_) | Piece::Made(_) => {
                    out.put_slice(piece.bytes());
                }
            }
        }
    }
}

impl Piece<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Plain(bytes) | Self::Doubtful(bytes) => bytes,
            Self::Made(made) => made.text.get(..made.length).unwrap_or_default(),
        }
    }
}

impl Made {
    fn number(number: usize) -> Self {
        let mut made = Self::nothing();
        let digits = std::iter::successors(Some(number), |rest| {
            Some(rest / 10).filter(|rest| *rest > 0)
        });
        let count = digits.clone().count();
        let places = made.text.get_mut(..count).unwrap_or_default();
        for (place, digit) in places.iter_mut().rev().zip(digits) {
            *place = b'0' + (digit % 10) as u8;
        }
        made.length = count;
        made
    }

    fn address(address: IpAddr) -> Self {
        let mut made = Self::nothing();
        let mut rest = &mut made.text[..];
        // It always fits; an address cut short would be none, so that nothing would be sent there.
        let is_whole = write!(rest, "{address}").is_ok();
        let left = rest.len();
        made.length = if is_whole { LONGEST_MADE - left } else { 0 };
        made
    }

    const fn nothing() -> Self {
        Self {
            text: [0; LONGEST_MADE],
            length: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Layout, Trust};

    fn printed(fill: impl FnOnce(&mut Layout<'_>)) -> String {
        let mut layout = Layout::new(Trust::Doubtful);
        fill(&mut layout);
        let mut out = Vec::new();
        layout.print(&mut out);
        assert_eq!(out.len(), layout.length());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_and_addresses_are_what_they_are_elsewhere() {
        for number in [0, 7, 10, 200, 65_535, usize::MAX] {
            assert_eq!(printed(|layout| layout.number(number)), number.to_string());
        }
        for text in [
            "192.0.2.1",
            "::",
            "2001:db8::9:1",
            "1111:2222:3333:4444:5555:6666:7777:8888",
        ] {
            assert_eq!(
                printed(|layout| layout.address(text.parse().unwrap())),
                text
            );
        }
    }

    #[test]
    fn only_what_is_ours_ends_lines() {
        let text = printed(|layout| {
            layout.own(b"a\r\n");
            layout.foreign(b"b\r\nc");
            layout.repeated(b"d\ne");
        });
        assert_eq!(text, "a\r\nb  cd e");
    }
}
