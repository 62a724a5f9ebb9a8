//! The pieces of a message in order, so that its length is known before it is printed. Must not know what they mean.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use bytes::BufMut;
use memchr::memchr3;
use smallvec::SmallVec;

use crate::header_name::HeaderName;
use crate::write::disarm;

/// A message in pieces.
pub(super) struct Layout<'a> {
    pieces: SmallVec<[Piece<'a>; PIECES]>,
    made: Made,
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
    /// A range of what was made here.
    Made(Range<u8>),
}

/// Numbers and addresses in text, one behind the other.
struct Made {
    text: [u8; LONGEST_MADE],
    length: u8,
}

/// More than an answer with a few headers has.
const PIECES: usize = 56;
/// More than a status, a port, an IPv6 address and a length together.
const LONGEST_MADE: usize = 120;

impl<'a> Layout<'a> {
    /// Nothing yet; `repeated` says how far a request's bytes are trusted.
    pub(super) fn new(repeated: Trust) -> Self {
        Self {
            pieces: SmallVec::new(),
            made: Made::new(),
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
        let made = self.made.number(number);
        self.pieces.push(Piece::Made(made));
    }

    /// Adds an address without brackets.
    pub(super) fn address(&mut self, address: IpAddr) {
        let made = match address {
            IpAddr::V4(address) => self.made.dotted(address),
            IpAddr::V6(_) => self.made.written(address),
        };
        self.pieces.push(Piece::Made(made));
    }

    /// How many bytes [`Layout::print`] writes.
    pub(super) fn length(&self) -> usize {
        self.pieces
            .iter()
            .map(|piece| self.bytes(piece).len())
            .sum()
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
                    out.put_slice(self.bytes(piece));
                }
            }
        }
    }

    fn bytes<'b>(&'b self, piece: &'b Piece<'_>) -> &'b [u8] {
        match piece {
            Piece::Plain(bytes) | Piece::Doubtful(bytes) => bytes,
            Piece::Made(range) => {
                let range = usize::from(range.start)..usize::from(range.end);
                self.made.text.get(range).unwrap_or_default()
            }
        }
    }
}

impl Made {
    const fn new() -> Self {
        Self {
            text: [0; LONGEST_MADE],
            length: 0,
        }
    }

    fn number(&mut self, number: usize) -> Range<u8> {
        let start = self.length;
        self.digits(number);
        start..self.length
    }

    fn dotted(&mut self, address: Ipv4Addr) -> Range<u8> {
        let start = self.length;
        for (nth, octet) in address.octets().into_iter().enumerate() {
            if nth > 0 {
                self.push(b'.');
            }
            self.digits(usize::from(octet));
        }
        start..self.length
    }

    fn written(&mut self, address: IpAddr) -> Range<u8> {
        let start = self.length;
        for byte in address.to_string().bytes() {
            self.push(byte);
        }
        start..self.length
    }

    fn digits(&mut self, number: usize) {
        let mut power = 1;
        while number / power >= 10 {
            power *= 10;
        }
        while power > 0 {
            self.push(b'0' + (number / power % 10) as u8);
            power /= 10;
        }
    }

    /// What does not fit is left out: the room is more than is ever asked for.
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.text.get_mut(usize::from(self.length)) {
            *place = byte;
            self.length += 1;
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
