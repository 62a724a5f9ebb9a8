//! The header block as a list of ranges over one `Bytes`: found once, read only when asked.
//! Must not know what any header means, beyond Content-Length, which bounds the body.

mod index;

use std::ops::Range;
use std::sync::OnceLock;

use bytes::Bytes;
use bytestring::ByteString;
use smallvec::SmallVec;

use crate::error::{BadRequest, ParseError};
use crate::essentials::Essentials;
use crate::grammar::bytes::{is_ascii, position_far};
use crate::header::content_length;
use crate::header_name::HeaderName;
use crate::values::Values;

use self::index::{Index, unfolded};

/// The longest message taken, in bytes.
pub const MAX_MESSAGE_LENGTH: usize = 64 * 1024;
/// The most header lines a message may have.
pub const MAX_HEADERS: usize = 128;
/// The longest header line, folds included, in bytes.
pub const MAX_HEADER_LENGTH: usize = 8 * 1024;

/// The headers and the body of a message.
#[derive(Clone, Debug)]
pub struct Headers {
    /// In a place of its own, as a message goes through many hands.
    indexed: Box<Indexed>,
}

#[derive(Clone, Debug)]
struct Indexed {
    content: Content,
    body_range: Range<usize>,
    /// Cut out when first asked for, as most messages are served without.
    body: OnceLock<Bytes>,
    lines: Lines,
    names: Names,
    defect: Option<Defect>,
    announced: Announced,
    /// What a request's check has read.
    essentials: Option<Essentials>,
}

/// The lines of a header block, whose message may not be there whole yet.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    indexed: Box<Indexed>,
    body_start: usize,
    folded: bool,
}

/// The whole message, of which nearly all are text: that is found out once, and any piece of it is then text at no cost.
#[derive(Clone, Debug)]
enum Content {
    Text(ByteString),
    Bytes(Bytes),
}

/// A piece of a message.
#[derive(Clone, Copy)]
pub(crate) struct Value<'a> {
    pub(crate) bytes: &'a [u8],
    /// The same, where the message is text.
    pub(crate) text: Option<&'a str>,
}

/// What the Content-Length says about the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Announced {
    /// It is there whole, or there is no Content-Length.
    Whole,
    /// There is less of it, or the length cannot be read.
    Broken,
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

/// Eight bytes, as there are many.
#[derive(Clone, Copy, Debug)]
struct HeaderLine {
    known: Option<HeaderName>,
    name_length: u8,
    start: u16,
    value: Span,
}

type Lines = SmallVec<[HeaderLine; INLINE_LINES]>;

/// Which of the known names the lines have, one bit each: most questions are about headers that are not there, and
/// nearly all others about headers that are there once.
#[derive(Clone, Copy, Debug)]
struct Names {
    present: u64,
    repeated: u64,
}

/// No line.
const NO_NAMES: Names = Names {
    present: 0,
    repeated: 0,
};

const _: () = assert!(HeaderName::ALL.len() <= u64::BITS as usize);

/// More lines than phones send, so that the index needs no allocation.
const INLINE_LINES: usize = 20;

impl Found {
    /// Indexes the header block of `bytes`, which may end with it, and whose first line is `first_line`.
    pub(crate) fn within(bytes: &[u8], first_line: Range<usize>) -> Result<Self, ParseError> {
        let mut indexed = Box::new(Indexed {
            content: Content::Bytes(Bytes::new()),
            body_range: 0..0,
            body: OnceLock::new(),
            lines: Lines::new(),
            names: NO_NAMES,
            defect: None,
            announced: Announced::Whole,
            essentials: None,
        });
        let mut index = Index::new(&mut indexed.lines);
        let body_start = index.read(bytes, first_line)?;
        let folded = index.folded;
        indexed.names = index.names;
        indexed.defect = index.defect;
        Ok(Self {
            indexed,
            body_start,
            folded,
        })
    }

    /// Where the body begins.
    pub(crate) const fn body_start(&self) -> usize {
        self.body_start
    }

    /// The length of the body that the header block announces, which is the beginning of `head`.
    ///
    /// # Errors
    /// Where two readers of the block could differ about it.
    pub(crate) fn announced_body(&self, head: &[u8]) -> Result<Option<usize>, BadRequest> {
        // A line that is no header, or is not indexed any more, could hide a length.
        match self.indexed.defect {
            Some(hiding @ (Defect::NoHeader(_) | Defect::TooManyLines | Defect::FirstLine)) => {
                return Err(hiding.into());
            }
            Some(Defect::ControlCharacter(_) | Defect::LineTooLong(_)) | None => {}
        }
        let lines = self.indexed.lines.iter();
        let lengths = lines.filter(|line| line.known == Some(HeaderName::ContentLength));
        Ok(content_length::agreed(
            lengths.map(|line| line.value.of(head)),
        )?)
    }

    /// The headers of the message that `bytes` are, of [`MAX_MESSAGE_LENGTH`] at most, with what is wrong with its first
    /// line.
    pub(crate) fn of_message(self, bytes: Bytes, first_line_defect: Option<Defect>) -> Headers {
        let Self {
            mut indexed,
            body_start,
            folded,
        } = self;
        indexed.defect = indexed.defect.max(first_line_defect);
        indexed.body_range = body_start..bytes.len();
        indexed.content = Content::of(match folded {
            true => unfolded(&bytes, &indexed.lines),
            false => bytes,
        });
        let mut headers = Headers { indexed };
        match headers.content_length() {
            // RFC 3261 §18.3: what follows the announced length in a datagram is discarded.
            Ok(Some(length)) if length <= headers.indexed.body_range.len() => {
                headers.indexed.body_range.end = body_start + length;
            }
            Ok(None) => {}
            Ok(Some(_)) | Err(_) => headers.indexed.announced = Announced::Broken,
        }
        headers
    }
}

impl Headers {
    /// The whole message. Where lines were folded, the line ends inside them are blanks here.
    pub fn bytes(&self) -> &Bytes {
        match &self.indexed.content {
            Content::Text(text) => text.as_bytes(),
            Content::Bytes(bytes) => bytes,
        }
    }

    /// The body: as long as Content-Length says, or to the end of the message without one.
    pub fn body_bytes(&self) -> &[u8] {
        self.bytes()
            .get(self.indexed.body_range.clone())
            .unwrap_or_default()
    }

    /// The same, for who keeps it longer than the message: it shares the memory of that, which takes an allocation.
    pub fn body(&self) -> &Bytes {
        self.indexed
            .body
            .get_or_init(|| self.bytes().slice(self.indexed.body_range.clone()))
    }

    /// The value of the first line of this name, without blanks at its ends.
    pub fn header(&self, name: HeaderName) -> Option<&[u8]> {
        self.headers(name).next()
    }

    /// The values of all lines of this name, in their order.
    pub fn headers(&self, name: HeaderName) -> impl Iterator<Item = &[u8]> {
        let lines = match self.indexed.names.has(name) {
            true => self.indexed.lines.as_slice(),
            false => &[],
        };
        let bytes = self.bytes();
        lines
            .iter()
            .filter(move |line| line.known == Some(name))
            .map(|line| line.value.of(bytes))
    }

    /// The single values of all lines of this name: lines split at their commas where the header is a list.
    pub fn values(&self, name: HeaderName) -> impl Iterator<Item = &[u8]> {
        self.headers(name)
            .flat_map(move |line| Values::of(name, line))
    }

    /// The values of all lines of a name that [`HeaderName`] does not have, compared without case.
    pub fn extension_headers(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let bytes = self.bytes();
        self.indexed
            .lines
            .iter()
            .filter(move |line| {
                line.known.is_none() && line.name(bytes).eq_ignore_ascii_case(name.as_bytes())
            })
            .map(|line| line.value.of(bytes))
    }

    /// Every line in order: its known name, its name as written, its value.
    pub fn lines(&self) -> impl Iterator<Item = (Option<HeaderName>, &[u8], &[u8])> {
        let bytes = self.bytes();
        self.indexed
            .lines
            .iter()
            .map(|line| (line.known, line.name(bytes), line.value.of(bytes)))
    }

    /// The value of the first line of this name.
    pub(crate) fn first_value(&self, name: HeaderName) -> Option<Value<'_>> {
        if !self.indexed.names.has(name) {
            return None;
        }
        let line = self
            .indexed
            .lines
            .iter()
            .find(|line| line.known == Some(name))?;
        Some(self.value(line.value))
    }

    pub(crate) fn value(&self, span: Span) -> Value<'_> {
        match &self.indexed.content {
            Content::Text(text) => {
                let text = text.get(span.range()).unwrap_or_default();
                Value {
                    bytes: text.as_bytes(),
                    text: Some(text),
                }
            }
            Content::Bytes(bytes) => Value {
                bytes: span.of(bytes),
                text: None,
            },
        }
    }

    /// Whether more than one line has this name.
    pub(crate) const fn is_repeated(&self, name: HeaderName) -> bool {
        self.indexed.names.repeated & Names::bit(name) != 0
    }

    pub(crate) const fn announced(&self) -> Announced {
        self.indexed.announced
    }

    pub(crate) const fn defect(&self) -> Option<Defect> {
        self.indexed.defect
    }

    pub(crate) const fn essentials(&self) -> Option<&Essentials> {
        self.indexed.essentials.as_ref()
    }

    /// Keeps what was read of these very headers.
    pub(crate) const fn remember(&mut self, essentials: Essentials) {
        self.indexed.essentials = Some(essentials);
    }
}

impl Content {
    #[expect(clippy::expect_used, reason = "it is looked at in the line above")]
    fn of(bytes: Bytes) -> Self {
        // Not being text is the answer for other bytes than these are, so that they need no second owner.
        if !is_ascii(&bytes) && std::str::from_utf8(&bytes).is_err() {
            return Self::Bytes(bytes);
        }
        Self::Text(ByteString::try_from(bytes).expect("text"))
    }
}

impl Names {
    const fn bit(name: HeaderName) -> u64 {
        1 << name as u8
    }

    const fn has(self, name: HeaderName) -> bool {
        self.present & Self::bit(name) != 0
    }

    const fn add(&mut self, name: HeaderName) {
        self.repeated |= self.present & Self::bit(name);
        self.present |= Self::bit(name);
    }
}

impl HeaderLine {
    /// The line at `at` and where the next one begins, where it is written as nearly all are: a known name in its usual
    /// spelling, a colon, one blank, a value of two bytes or more, a CRLF, and no fold behind it.
    #[inline]
    fn usual(bytes: &[u8], at: usize) -> Option<(Self, usize)> {
        let line = bytes.get(at..)?;
        let (known, name_length) = HeaderName::before_colon(line)?;
        // No line ends within a known name.
        let behind_colon = line.get(name_length + 1..)?;
        let feed = position_far(b'\n', behind_colon)?;
        let (rest, after) = behind_colon.split_at_checked(feed)?;
        let [b' ', first, .., last, b'\r'] = rest else {
            return None;
        };
        if *first <= b' ' || *last <= b' ' || name_length + feed >= MAX_HEADER_LENGTH {
            return None;
        }
        if let [_, b' ' | b'\t', ..] = after {
            return None;
        }
        let value = at + name_length + 2;
        let end = value + feed - 2;
        let line = Self {
            known: Some(known),
            // At most 15.
            name_length: name_length as u8,
            start: Span::new(at, at).start,
            value: Span::new(value, end),
        };
        Some((line, end + 2))
    }

    fn name<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let start = usize::from(self.start);
        bytes
            .get(start..start + usize::from(self.name_length))
            .unwrap_or_default()
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
        bytes.get(self.range()).unwrap_or_default()
    }

    /// Where `piece` stands, which is a piece of `whole`; an empty one stands nowhere.
    pub(crate) fn within(whole: &[u8], piece: &[u8]) -> Self {
        let start = piece.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
        match start.checked_add(piece.len()) {
            Some(end) if end <= whole.len() => Self::new(start, end),
            Some(_) | None => Self::default(),
        }
    }

    pub(crate) fn range(self) -> Range<usize> {
        usize::from(self.start)..usize::from(self.end)
    }
}
