//! Puts a message down piece by piece, each straight where it stays. Must not know what the pieces mean.

use std::net::{IpAddr, Ipv4Addr};

use crate::header_name::HeaderName;
use crate::text::hex_digit;
use crate::write::{disarm, is_harmless};

/// A message as far as it is written. A short one needs no memory but that of the stack.
pub(super) struct Layout {
    short: [u8; SHORT],
    /// Bytes of `short` that are used; more than there are once all of it has gone to `long`.
    length: usize,
    long: Vec<u8>,
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

/// More than nearly all answers have.
const SHORT: usize = 1024;
/// The digits of the largest number.
const MOST_DIGITS: usize = 20;

impl Layout {
    /// Nothing yet; `repeated` says how far a request's bytes are trusted.
    pub(super) const fn new(repeated: Trust) -> Self {
        Self {
            short: [0; SHORT],
            length: 0,
            long: Vec::new(),
            repeated,
        }
    }

    /// Adds what is ours and holds no line ends but those that are meant.
    #[inline]
    pub(super) fn own(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        match self.short.get_mut(self.length..end) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.length = end;
            }
            None => self.spill(bytes),
        }
    }

    /// Adds what somebody gave us.
    pub(super) fn foreign(&mut self, bytes: &[u8]) {
        if is_harmless(bytes) {
            return self.own(bytes);
        }
        let mut harmless = bytes.to_vec();
        disarm(&mut harmless);
        self.own(&harmless);
    }

    /// Adds what stands in the request.
    #[inline]
    pub(super) fn repeated(&mut self, bytes: &[u8]) {
        match self.repeated {
            Trust::Clean => self.own(bytes),
            Trust::Doubtful => self.foreign(bytes),
        }
    }

    /// Adds a header line that stands in the request.
    #[inline]
    pub(super) fn repeated_line(&mut self, name: HeaderName, value: &[u8]) {
        self.own(name.as_str().as_bytes());
        self.own(b": ");
        self.repeated(value);
        self.own(b"\r\n");
    }

    /// Adds all eight hexadecimal digits of a number.
    pub(super) fn hexadecimal(&mut self, number: u32) {
        let mut digits = [0; 8];
        let (pairs, _) = digits.as_chunks_mut::<2>();
        for (pair, byte) in pairs.iter_mut().zip(number.to_be_bytes()) {
            *pair = [hex_digit(byte >> 4), hex_digit(byte & 15)];
        }
        self.own(&digits);
    }

    /// Adds a number.
    pub(super) fn number(&mut self, number: u64) {
        let mut digits = [0; MOST_DIGITS];
        let mut rest = number;
        let mut used = 0;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
            used += 1;
            if rest == 0 {
                break;
            }
        }
        let start = MOST_DIGITS - used;
        self.own(digits.get(start..).unwrap_or_default());
    }

    /// Adds an address without brackets.
    pub(super) fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => self.dotted(address),
            IpAddr::V6(_) => self.own(address.to_string().as_bytes()),
        }
    }

    /// All that was added.
    pub(super) fn text(&self) -> &[u8] {
        self.short.get(..self.length).unwrap_or(&self.long)
    }

    /// Adds to what is too long for its first place.
    #[cold]
    fn spill(&mut self, bytes: &[u8]) {
        if let Some(short) = self.short.get(..self.length) {
            self.long.extend_from_slice(short);
            self.length = SHORT + 1;
        }
        self.long.extend_from_slice(bytes);
    }

    fn dotted(&mut self, address: Ipv4Addr) {
        for (nth, octet) in address.octets().into_iter().enumerate() {
            if nth > 0 {
                self.own(b".");
            }
            let digits = [
                b'0' + octet / 100,
                b'0' + octet / 10 % 10,
                b'0' + octet % 10,
            ];
            let leading = match octet {
                100.. => 0,
                10.. => 1,
                _ => 2,
            };
            self.own(digits.get(leading..).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Layout, Trust};

    fn printed(fill: impl FnOnce(&mut Layout)) -> String {
        let mut layout = Layout::new(Trust::Doubtful);
        fill(&mut layout);
        String::from_utf8(layout.text().to_vec()).unwrap()
    }

    #[test]
    fn numbers_and_addresses_are_what_they_are_elsewhere() {
        for number in [0, 7, 10, 200, 65_535, u64::MAX] {
            assert_eq!(printed(|layout| layout.number(number)), number.to_string());
        }
        for text in [
            "192.0.2.1",
            "10.200.99.100",
            "255.255.255.255",
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
    fn no_message_is_too_long() {
        for pieces in [1, 102, 103, 1000] {
            let text = printed(|layout| {
                for _ in 0..pieces {
                    layout.own(b"0123456789");
                    layout.own(b"");
                }
            });
            assert_eq!(text, "0123456789".repeat(pieces));
        }
        let exact = printed(|layout| {
            layout.own(&[b'a'; super::SHORT]);
            layout.own(b"");
            layout.own(b"b");
            layout.own(b"c");
        });
        assert_eq!(exact, "a".repeat(super::SHORT) + "bc");
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
