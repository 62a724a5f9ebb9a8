//! The header block as a list of ranges over one `Bytes`: found once, read only when asked.
//! Must not know what any header means, beyond Content-Length, which bounds the body.

use bytes::Bytes;
use memchr::{memchr, memmem};
use smallvec::SmallVec;

use crate::error::{BadRequest, ParseError};
use crate::grammar::bytes::{is_blank, is_control, is_token};
use crate::header::content_length;
use crate::header_name::HeaderName;
use crate::values::Values;

/// The longest message taken, in bytes.
pub const MAX_MESSAGE_LENGTH: usize = 64 * 1024;
/// The most header lines a message may have.
pub const MAX_HEADERS: usize = 128;
/// The longest header line, folds included, in bytes.
pub const MAX_HEADER_LENGTH: usize = 8 * 1024;

/// The headers and the body of a message.
#[derive(Clone, Debug)]
pub struct Headers {
    bytes: Bytes,
    body: Bytes,
    lines: SmallVec<[HeaderLine; INLINE_LINES]>,
    defect: Option<Defect>,
}

/// What the index found wrong while finding the lines; the message can still be answered.
/// From the mildest to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Defect {
    /// More than [`MAX_HEADER_LENGTH`] bytes in one line.
    LineTooLong(Option<HeaderName>),
    /// A value holds control characters; its name where it is a known one.
    ControlCharacter(Option<HeaderName>),
    /// More than [`MAX_HEADERS`] lines.
    TooManyLines,
    /// A line is no `name: value`; its name where it starts with a known one.
    NoHeader(Option<HeaderName>),
    /// The first line has odd blanks, or goes on in the next one.
    FirstLine,
}

/// A range of the message's bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    start: u16,
    end: u16,
}

#[derive(Clone, Copy, Debug)]
struct HeaderLine {
    known: Option<HeaderName>,
    name: Span,
    value: Span,
}

/// More than every captured phone sends (19 lines at most), so that the index needs no allocation.
const INLINE_LINES: usize = 24;

impl Headers {
    /// Indexes the header block that starts at `start` of `bytes`.
    pub(crate) fn index(
        bytes: Bytes,
        start: usize,
        first_line_defect: Option<Defect>,
    ) -> Result<Self, ParseError> {
        if bytes.len() > MAX_MESSAGE_LENGTH {
            return Err(ParseError::TooLong);
        }
        let (index, body_start) = Index::of(&bytes, start, first_line_defect)?;
        let bytes = if index.folded {
            unfolded(&bytes, &index.lines)
        } else {
            bytes
        };
        let mut headers = Self {
            body: bytes.slice(body_start..),
            bytes,
            lines: index.lines,
            defect: index.defect,
        };
        // RFC 3261 §18.3: what follows the announced length in a datagram is discarded.
        if let Ok(Some(length)) = headers.content_length()
            && length < headers.body.len()
        {
            headers.body.truncate(length);
        }
        Ok(headers)
    }

    /// The whole message. Where lines were folded, the line ends inside them are blanks here.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The body: as long as Content-Length says, or to the end of the message without one.
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// The value of the first line of this name, without blanks at its ends.
    pub fn header(&self, name: HeaderName) -> Option<&[u8]> {
        self.headers(name).next()
    }

    /// The values of all lines of this name, in their order.
    pub fn headers(&self, name: HeaderName) -> impl Iterator<Item = &[u8]> {
        self.lines
            .iter()
            .filter(move |line| line.known == Some(name))
            .map(|line| line.value.of(&self.bytes))
    }

    /// The single values of all lines of this name: lines split at their commas where the header is a list.
    pub fn values(&self, name: HeaderName) -> impl Iterator<Item = &[u8]> {
        self.headers(name)
            .flat_map(move |line| Values::of(name, line))
    }

    /// The values of all lines of a name that [`HeaderName`] does not have, compared without case.
    pub fn extension_headers(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.lines
            .iter()
            .filter(move |line| {
                line.known.is_none()
                    && line
                        .name
                        .of(&self.bytes)
                        .eq_ignore_ascii_case(name.as_bytes())
            })
            .map(|line| line.value.of(&self.bytes))
    }

    /// Every line in order: its known name, its name as written, its value.
    pub fn lines(&self) -> impl Iterator<Item = (Option<HeaderName>, &[u8], &[u8])> {
        self.lines.iter().map(|line| {
            (
                line.known,
                line.name.of(&self.bytes),
                line.value.of(&self.bytes),
            )
        })
    }

    pub(crate) const fn defect(&self) -> Option<Defect> {
        self.defect
    }
}

impl Span {
    /// Ends beyond the largest message are cut there; the caller has checked the length before.
    pub(crate) fn new(start: usize, end: usize) -> Self {
        let cut = |at: usize| u16::try_from(at).unwrap_or(u16::MAX);
        Self {
            start: cut(start),
            end: cut(end),
        }
    }

    pub(crate) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes
            .get(usize::from(self.start)..usize::from(self.end))
            .unwrap_or_default()
    }
}

struct Index {
    lines: SmallVec<[HeaderLine; INLINE_LINES]>,
    defect: Option<Defect>,
    folded: bool,
}

/// The length of the body that the header block `head`, first line included, announces.
///
/// # Errors
/// Where two readers of the block could differ about it.
pub(crate) fn announced_body(head: &[u8]) -> Result<Option<usize>, BadRequest> {
    let start = memchr(b'\n', head).map_or(0, |end| end + 1);
    let unreadable = BadRequest::from(Defect::NoHeader(None));
    let (index, end) = Index::of(head, start, None).map_err(|_| unreadable.clone())?;
    // A line that is no header, or is not indexed any more, could hide a length.
    let hidden = match index.defect {
        Some(Defect::NoHeader(_) | Defect::TooManyLines) => index.defect,
        Some(Defect::ControlCharacter(_) | Defect::LineTooLong(_) | Defect::FirstLine) | None => {
            None
        }
    };
    if let Some(defect) = hidden {
        return Err(defect.into());
    }
    if end != head.len() {
        return Err(unreadable);
    }
    let lengths = index
        .lines
        .iter()
        .filter(|line| line.known == Some(HeaderName::ContentLength));
    Ok(content_length::agreed(
        lengths.map(|line| line.value.of(head)),
    )?)
}

impl Index {
    /// Indexes the header block from `start`; also tells where the body starts.
    fn of(
        bytes: &[u8],
        start: usize,
        first_line_defect: Option<Defect>,
    ) -> Result<(Self, usize), ParseError> {
        let mut index = Self {
            lines: SmallVec::new(),
            defect: first_line_defect,
            folded: false,
        };
        let body_start = index.find_lines(bytes, start)?;
        let head = bytes.get(..body_start).unwrap_or_default();
        if has_stray_control(head) {
            index.blame_stray_control(head);
        }
        Ok((index, body_start))
    }

    /// Finds the lines from `at` to the empty line; returns where the body starts.
    fn find_lines(&mut self, bytes: &[u8], mut at: usize) -> Result<usize, ParseError> {
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let end = memchr(b'\n', rest).ok_or(ParseError::Truncated)?;
            match rest {
                [b'\r', b'\n', ..] => return Ok(at + 2),
                [b'\n', ..] => {
                    self.blame(Defect::NoHeader(None));
                    return Ok(at + 1);
                }
                _ => {}
            }
            let mut next = at + end + 1;
            // RFC 3261 §7.3.1: a line that starts with a blank continues the one before it.
            while let Some(b' ' | b'\t') = bytes.get(next) {
                self.folded = true;
                let more = bytes.get(next..).unwrap_or_default();
                next += memchr(b'\n', more).ok_or(ParseError::Truncated)? + 1;
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

    fn push(&mut self, line: &[u8], at: usize) {
        let name_length = line.iter().take_while(|byte| is_token(**byte)).count();
        let (name, after) = line.split_at_checked(name_length).unwrap_or_default();
        let known = HeaderName::from_bytes(name);
        // RFC 3261 §25.1 HCOLON: SP and HTAB alone may stand before the colon.
        let blanks = after.iter().take_while(|byte| is_blank(**byte)).count();
        if name.is_empty() || after.get(blanks) != Some(&b':') {
            self.blame(Defect::NoHeader(known));
            return;
        }
        if line.len() > MAX_HEADER_LENGTH {
            self.blame(Defect::LineTooLong(known));
        }
        let value_at = name_length + blanks + 1;
        let mut value = line.get(value_at..).unwrap_or_default();
        let mut start = at + value_at;
        while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = value {
            value = rest;
            start += 1;
        }
        while let [rest @ .., b' ' | b'\t' | b'\r' | b'\n'] = value {
            value = rest;
        }
        self.lines.push(HeaderLine {
            known,
            name: Span::new(at, at + name_length),
            value: Span::new(start, start + value.len()),
        });
    }

    /// The worst defect counts: one that hides lines hides what else is wrong with them.
    fn blame(&mut self, defect: Defect) {
        self.defect = self.defect.max(Some(defect));
    }

    /// Finds which line holds the control character; the first line if none of the headers does.
    fn blame_stray_control(&mut self, head: &[u8]) {
        let culprit = self.lines.iter().find(|line| {
            let value = line.value.of(head);
            let without_folds =
                |at: usize| match (value.get(at), value.get(at + 1), value.get(at + 2)) {
                    (Some(b'\r'), Some(b'\n'), Some(b' ' | b'\t')) => false,
                    (Some(b'\n'), Some(b' ' | b'\t'), _) => {
                        at.checked_sub(1).and_then(|at| value.get(at)) != Some(&b'\r')
                    }
                    (Some(byte), _, _) => is_control(*byte),
                    (None, _, _) => false,
                };
            (0..value.len()).any(without_folds)
        });
        self.blame(match culprit {
            Some(line) => Defect::ControlCharacter(line.known),
            None => Defect::NoHeader(None),
        });
    }
}

/// Control characters other than those of whole CRLF line ends; one pass that the compiler vectorises.
fn has_stray_control(head: &[u8]) -> bool {
    let mut returns = 0_usize;
    let mut feeds = 0_usize;
    let mut others = 0_usize;
    for &byte in head {
        returns += usize::from(byte == b'\r');
        feeds += usize::from(byte == b'\n');
        others += usize::from(
            byte < b'\t'
                || (byte > b'\r' && byte < b' ')
                || byte == 0x0b
                || byte == 0x0c
                || byte == 0x7f,
        );
    }
    others > 0 || returns != feeds || memmem::find_iter(head, b"\r\n").count() != feeds
}

/// Line ends inside values become blanks; every range keeps its place.
fn unfolded(bytes: &Bytes, lines: &[HeaderLine]) -> Bytes {
    let mut plain = bytes.to_vec();
    for line in lines {
        let range = usize::from(line.value.start)..usize::from(line.value.end);
        for byte in plain.get_mut(range).unwrap_or_default() {
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
