//! Finds the lines of a header block, and what is wrong with them. Must not know what any header means, beyond
//! Content-Length.

use std::ops::Range;

use bytes::Bytes;
use memchr::{memchr, memmem};

use super::{Defect, HeaderLine, Lines, MAX_HEADER_LENGTH, MAX_HEADERS, NO_NAMES, Names, Span};
use crate::controls::{follows_return, is_clean, is_clean_value, is_surely_clean};
use crate::error::ParseError;
use crate::grammar::bytes::{is_blank, is_token, position_far};
use crate::header_name::HeaderName;

/// Finds lines, straight into the place they stay in.
pub(super) struct Index<'a> {
    lines: &'a mut Lines,
    pub(super) names: Names,
    pub(super) defect: Option<Defect>,
    pub(super) folded: bool,
    /// Line ends seen, folds and the empty line included.
    feeds: usize,
    /// Whether each of them was a CRLF.
    all_crlf: bool,
}

impl<'a> Index<'a> {
    pub(super) const fn new(lines: &'a mut Lines) -> Self {
        Self {
            lines,
            names: NO_NAMES,
            defect: None,
            folded: false,
            feeds: 0,
            all_crlf: true,
        }
    }

    /// Indexes the header block behind `first_line`; returns where the body starts.
    // Within a larger function its loop takes a twentieth more instructions.
    #[inline(never)]
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        first_line: Range<usize>,
    ) -> Result<usize, ParseError> {
        self.take_line_end(bytes, first_line.end);
        let body_start = self.find_lines(bytes, first_line.end)?;
        let head = bytes.get(first_line.start..body_start).unwrap_or_default();
        if !self.all_crlf || !is_surely_clean(head, self.feeds) {
            self.blame_control_character(bytes, first_line, body_start);
        }
        Ok(body_start)
    }

    /// Finds the lines from `at` to the empty line; returns where the body starts.
    fn find_lines(&mut self, bytes: &[u8], mut at: usize) -> Result<usize, ParseError> {
        loop {
            if self.lines.len() < MAX_HEADERS
                && let Some((line, next)) = HeaderLine::usual(bytes, at)
            {
                self.feeds += 1;
                self.add(line);
                at = next;
                continue;
            }
            let rest = bytes.get(at..).unwrap_or_default();
            let mut next = at + position_far(b'\n', rest).ok_or(ParseError::Truncated)? + 1;
            self.take_line_end(bytes, next);
            match rest {
                [b'\r', b'\n', ..] => return Ok(at + 2),
                [b'\n', ..] => {
                    self.blame(Defect::NoHeader(None));
                    return Ok(at + 1);
                }
                _ => {}
            }
            // RFC 3261 §7.3.1: a line that starts with a blank continues the one before it.
            while let Some(b' ' | b'\t') = bytes.get(next) {
                self.folded = true;
                let more = bytes.get(next..).unwrap_or_default();
                next += memchr(b'\n', more).ok_or(ParseError::Truncated)? + 1;
                self.take_line_end(bytes, next);
            }
            let line = bytes.get(at..next - 1).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if self.lines.len() == MAX_HEADERS {
                self.blame(Defect::TooManyLines);
                return end_of_head(bytes, at);
            }
            self.push(line, at);
            at = next;
        }
    }

    /// Counts the line end before `next`.
    fn take_line_end(&mut self, bytes: &[u8], next: usize) {
        self.feeds += 1;
        self.all_crlf &= next
            .checked_sub(1)
            .is_some_and(|feed| follows_return(bytes, feed));
    }

    fn push(&mut self, line: &[u8], at: usize) {
        let Some((name, value, known)) = parts(line) else {
            return self.blame(Defect::NoHeader(HeaderName::from_bytes(leading_token(
                line,
            ))));
        };
        let Ok(name_length) = u8::try_from(name.len()) else {
            return self.blame(Defect::NoHeader(known));
        };
        if line.len() > MAX_HEADER_LENGTH {
            self.blame(Defect::LineTooLong(known));
        }
        let end = at + line.len() - trailing_blanks(value);
        let value = Span::new(
            end.min(at + line.len() - value.len() + leading_blanks(value)),
            end,
        );
        self.add(HeaderLine {
            known,
            name_length,
            start: Span::new(at, at).start,
            value,
        });
    }

    #[inline]
    fn add(&mut self, line: HeaderLine) {
        if let Some(known) = line.known {
            self.names.add(known);
        }
        self.lines.push(line);
    }

    /// The worst defect counts: one that hides lines hides what else is wrong with them.
    fn blame(&mut self, defect: Defect) {
        self.defect = self.defect.max(Some(defect));
    }

    /// Finds which value holds a control character that may not be there, or whether one stands between the values.
    fn blame_control_character(
        &mut self,
        bytes: &[u8],
        first_line: Range<usize>,
        body_start: usize,
    ) {
        if !is_clean(bytes.get(first_line.clone()).unwrap_or_default()) {
            return self.blame(Defect::FirstLine);
        }
        let mut from = first_line.end;
        let mut between_is_clean = true;
        for line in self.lines.iter() {
            let value = line.value.range();
            if !is_clean_value(bytes.get(value.clone()).unwrap_or_default()) {
                let culprit = line.known;
                return self.blame(Defect::ControlCharacter(culprit));
            }
            between_is_clean &= is_clean(bytes.get(from..value.start).unwrap_or_default());
            from = value.end;
        }
        if !between_is_clean || !is_clean(bytes.get(from..body_start).unwrap_or_default()) {
            self.blame(Defect::NoHeader(None));
        }
    }
}

/// The name before the colon and what stands behind it, where the line is a header.
fn parts(line: &[u8]) -> Option<(&[u8], &[u8], Option<HeaderName>)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (mut name, value) = line.split_at_checked(colon)?;
    let value = value.get(1..)?;
    if let Some(known) = HeaderName::from_bytes(name) {
        return Some((name, value, Some(known)));
    }
    // RFC 3261 §25.1 HCOLON: SP and HTAB alone may stand before the colon.
    while let [rest @ .., b' ' | b'\t'] = name {
        name = rest;
    }
    let is_name = !name.is_empty() && name.iter().copied().all(is_token);
    is_name.then(|| (name, value, HeaderName::from_bytes(name)))
}

fn leading_token(line: &[u8]) -> &[u8] {
    let end = line.iter().position(|byte| !is_token(*byte));
    line.get(..end.unwrap_or(line.len())).unwrap_or_default()
}

fn leading_blanks(value: &[u8]) -> usize {
    let first = value.iter().position(|byte| !is_blank_or_fold(*byte));
    first.unwrap_or(value.len())
}

fn trailing_blanks(value: &[u8]) -> usize {
    let last = value.iter().rposition(|byte| !is_blank_or_fold(*byte));
    value.len() - last.map_or(0, |last| last + 1)
}

fn is_blank_or_fold(byte: u8) -> bool {
    is_blank(byte) || byte == b'\r' || byte == b'\n'
}

/// Line ends inside values become blanks; every range keeps its place.
pub(super) fn unfolded(bytes: &Bytes, lines: &[HeaderLine]) -> Bytes {
    let mut plain = bytes.to_vec();
    for line in lines {
        for byte in plain.get_mut(line.value.range()).unwrap_or_default() {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
    }
    Bytes::from(plain)
}

fn end_of_head(bytes: &[u8], from: usize) -> Result<usize, ParseError> {
    memmem::find(bytes.get(from..).unwrap_or_default(), b"\r\n\r\n")
        .map(|at| from + at + 4)
        .ok_or(ParseError::Truncated)
}
