//! Messages out of a byte stream (RFC 3261 §18.3): where each ends, and the keepalives between.
//! Must not know the connection, nor judge a message beyond what its end depends on.

use std::borrow::Cow;
use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};
use memchr::memmem;
use thiserror::Error;

use crate::error::{BadRequest, ParseError};
use crate::headers::{Defect, MAX_MESSAGE_LENGTH};
use crate::message::{self, Head, Message};
use crate::status::StatusCode;

/// The longest datagram taken, in bytes; the limit of a stream message is [`MAX_MESSAGE_LENGTH`].
pub const MAX_DATAGRAM_LENGTH: usize = 16 * 1024;

/// Of a header block.
const END: &[u8] = b"\r\n\r\n";
static END_FINDER: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(END));

/// Cuts one stream into frames.
///
/// Holds at most one message and what was pushed with it; nothing is reserved by an announced length.
#[derive(Debug, Default)]
pub struct StreamFramer {
    buffer: BytesMut,
    /// Bytes of `buffer` in which the end of the header block was looked for.
    searched: usize,
    /// What is read of the message at the front once its header block is whole, and how long that message is.
    front: Option<(Head, usize)>,
    failed: Option<FramingError>,
}

/// One piece of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A message.
    Message(Framed),
    /// Two line ends between messages, to be answered with one (RFC 5626 §4.4.1).
    KeepAlive,
}

/// One message, cut out of what came. Equal to any other of the same bytes.
#[derive(Clone, Debug)]
pub struct Framed {
    bytes: Bytes,
    /// What was read of it to find its end.
    head: Option<Head>,
}

/// The end of the message at the front cannot be known, so nothing after it can be trusted:
/// answer, if there is somebody to answer, and close the connection.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("find the end of a message in the stream: {status} {reason}")]
pub struct FramingError {
    /// The status to answer with.
    pub status: StatusCode,
    /// The reason phrase; it names the header at fault.
    pub reason: Cow<'static, str>,
    /// The header block to answer to, for [`crate::Message::parse`]; none where the stream is not SIP.
    pub head: Option<Bytes>,
}

impl Framed {
    /// All of it.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Reads it, as [`Message::parse`] does.
    ///
    /// # Errors
    /// Only where nothing can be answered; such bytes are dropped.
    pub fn read(self) -> Result<Message, ParseError> {
        match self.head {
            Some(head) => Ok(head.of_message(self.bytes)),
            None => Message::parse(self.bytes),
        }
    }
}

impl From<Bytes> for Framed {
    fn from(bytes: Bytes) -> Self {
        Self { bytes, head: None }
    }
}

impl PartialEq for Framed {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Framed {}

impl StreamFramer {
    /// A framer at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next whole frame; `None` until more is pushed.
    ///
    /// # Errors
    /// Where the stream cannot be cut any further; every later call says the same.
    pub fn poll_frame(&mut self) -> Result<Option<Frame>, FramingError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.next_frame().inspect_err(|error| {
            self.failed = Some(error.clone());
            self.buffer = BytesMut::new();
        })
    }

    /// Whether part of a message waits for its rest, so that a silent peer can be timed out. Line ends alone
    /// belong to no message.
    pub fn is_mid_message(&self) -> bool {
        !self.buffer.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
    }

    /// Bytes of the message that waits for its rest.
    pub fn half_read(&self) -> usize {
        if self.is_mid_message() {
            self.buffer.len()
        } else {
            0
        }
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, FramingError> {
        if self.front.is_none() {
            match self.skip_line_ends()? {
                Between::Message => {}
                Between::KeepAlive => return Ok(Some(Frame::KeepAlive)),
                Between::Nothing => return Ok(None),
            }
            let Some(head_length) = self.find_head()? else {
                return Ok(None);
            };
            self.front = Some(self.measure(head_length)?);
        }
        let is_whole = |(_, length): &mut (Head, usize)| *length <= self.buffer.len();
        let Some((head, length)) = self.front.take_if(is_whole) else {
            return Ok(None);
        };
        self.searched = 0;
        Ok(Some(Frame::Message(Framed {
            bytes: self.buffer.split_to(length).freeze(),
            head: Some(head),
        })))
    }

    /// RFC 3261 §7.5: line ends before a message are passed over; two are a keepalive.
    fn skip_line_ends(&mut self) -> Result<Between, FramingError> {
        loop {
            let skipped = match self.buffer.as_ref() {
                [] | b"\r" | b"\r\n" | b"\r\n\r" => return Ok(Between::Nothing),
                [b'\r', b'\n', b'\r', b'\n', ..] => {
                    drop(self.buffer.split_to(4));
                    return Ok(Between::KeepAlive);
                }
                [b'\r', b'\n', ..] => 2,
                [b'\r' | b'\n', ..] => return Err(not_sip()),
                _ => return Ok(Between::Message),
            };
            drop(self.buffer.split_to(skipped));
        }
    }

    /// The length of the header block with its empty line.
    fn find_head(&mut self) -> Result<Option<usize>, FramingError> {
        // The end may have begun in what was searched before.
        let from = self.searched.saturating_sub(END.len() - 1);
        let unsearched = self.buffer.get(from..).unwrap_or_default();
        if let Some(found) = END_FINDER.find(unsearched) {
            return Ok(Some(from + found + END.len()));
        }
        self.searched = self.buffer.len();
        // Whoever does not speak SIP need not be waited for.
        if has_line_end(&self.buffer) && !message::has_sip_first_line(&self.buffer) {
            return Err(not_sip());
        }
        if self.buffer.len() > MAX_MESSAGE_LENGTH {
            return Err(FramingError {
                status: StatusCode::MESSAGE_TOO_LARGE,
                reason: Cow::Borrowed(StatusCode::MESSAGE_TOO_LARGE.reason()),
                head: None,
            });
        }
        Ok(None)
    }

    /// Reads the header block, and the length of the whole message in it.
    fn measure(&mut self, head_length: usize) -> Result<(Head, usize), FramingError> {
        let block = self.buffer.get(..head_length).unwrap_or_default();
        let unreadable = || BadRequest::from(Defect::NoHeader(None));
        let read = match Head::read(block) {
            Ok(head) if head.found().body_start() == head_length => {
                let announced = head.found().announced_body(block);
                announced.map(|length| (length, head))
            }
            Err(ParseError::NotSip) => return Err(not_sip()),
            Ok(_) | Err(ParseError::Empty | ParseError::Truncated | ParseError::TooLong) => {
                Err(unreadable())
            }
        };
        let (body_length, head) = match read {
            // Deviates from RFC 3261 §20.14, which demands the header on a stream: without it there
            // is no body, because phones leave it out where there is none.
            Ok((length, head)) => (length.unwrap_or(0), head),
            Err(BadRequest { status, reason }) => {
                return Err(self.answerable(head_length, status, reason));
            }
        };
        match head_length.checked_add(body_length) {
            Some(length) if length <= MAX_MESSAGE_LENGTH => Ok((head, length)),
            Some(_) | None => {
                let status = StatusCode::REQUEST_ENTITY_TOO_LARGE;
                Err(self.answerable(
                    head_length,
                    status,
                    Cow::Borrowed("Content-Length Too Large"),
                ))
            }
        }
    }

    fn answerable(
        &mut self,
        head_length: usize,
        status: StatusCode,
        reason: Cow<'static, str>,
    ) -> FramingError {
        FramingError {
            status,
            reason,
            head: Some(self.buffer.split_to(head_length).freeze()),
        }
    }
}

/// What stands at the front of a stream between messages.
enum Between {
    Message,
    KeepAlive,
    Nothing,
}

fn has_line_end(bytes: &[u8]) -> bool {
    memchr::memchr(b'\n', bytes).is_some()
}

fn not_sip() -> FramingError {
    FramingError {
        status: StatusCode::BAD_REQUEST,
        reason: Cow::Borrowed("Bad Request-Line"),
        head: None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Frame, FramingError, StreamFramer};
    use crate::headers::MAX_MESSAGE_LENGTH;
    use crate::message::Message;

    fn message(headers: &str, body: &str) -> String {
        format!("MESSAGE sip:a@h SIP/2.0\r\n{headers}\r\n{body}")
    }

    fn with_length(body: &str) -> String {
        message(&format!("Content-Length: {}\r\n", body.len()), body)
    }

    /// The frames of a stream, as text, pushed in pieces of `size`; the error's status and reason last.
    fn frames(stream: &[u8], size: usize) -> Vec<String> {
        frames_of(&stream.chunks(size).collect::<Vec<_>>())
    }

    fn frames_of(pieces: &[&[u8]]) -> Vec<String> {
        let mut framer = StreamFramer::new();
        let mut found = Vec::new();
        for piece in pieces {
            framer.push(piece);
            loop {
                match framer.poll_frame() {
                    Ok(Some(Frame::Message(message))) => {
                        found.push(String::from_utf8_lossy(message.bytes()).into_owned());
                        let again = format!("{:?}", Message::parse(message.bytes().clone()));
                        assert_eq!(format!("{:?}", message.read()), again);
                    }
                    Ok(Some(Frame::KeepAlive)) => found.push("keepalive".to_owned()),
                    Ok(None) => break,
                    Err(FramingError {
                        status,
                        reason,
                        head,
                    }) => {
                        let answer = if head.is_some() { "answer" } else { "close" };
                        found.push(format!("{answer} {status} {reason}"));
                        return found;
                    }
                }
            }
        }
        found
    }

    fn check(stream: &str, expected: &[&str]) {
        for size in 1..=stream.len() {
            assert_eq!(
                frames(stream.as_bytes(), size),
                expected,
                "in pieces of {size}"
            );
        }
    }

    #[test]
    fn pipelined_messages_come_apart_at_every_cut() {
        let (one, two, three) = (
            with_length("first"),
            with_length(""),
            with_length("\r\n\r\n"),
        );
        check(&format!("{one}{two}{three}"), &[&one, &two, &three]);
    }

    #[test]
    fn keepalives_between_messages() {
        let one = with_length("x");
        check(
            &format!("\r\n\r\n{one}\r\n{one}\r\n\r\n\r\n\r\n\r\n{one}"),
            &["keepalive", &one, &one, "keepalive", "keepalive", &one],
        );
    }

    #[test]
    fn without_a_length_there_is_no_body() {
        let one = message("", "");
        let two = with_length("x");
        check(&format!("{one}{two}"), &[&one, &two]);
    }

    #[test]
    fn compact_padded_and_repeated_lengths() {
        for headers in [
            "l: 3\r\n",
            "Content-Length \t:   003  \r\n",
            "l: 3\r\nContent-Length: 3\r\n",
            "Content-Length:\r\n 3\r\n",
        ] {
            let one = message(headers, "abc");
            check(&format!("{one}{one}"), &[&one, &one]);
        }
    }

    #[test]
    fn lengths_that_cannot_be_trusted_are_answered_and_close() {
        for (headers, answer) in [
            ("Content-Length: -1\r\n", "answer 400 Bad Content-Length"),
            ("Content-Length: +3\r\n", "answer 400 Bad Content-Length"),
            ("Content-Length: 0x3\r\n", "answer 400 Bad Content-Length"),
            ("Content-Length: \r\n", "answer 400 Bad Content-Length"),
            (
                "Content-Length: 18446744073709551616\r\n",
                "answer 400 Bad Content-Length",
            ),
            (
                "Content-Length: 18446744073709551615\r\n",
                "answer 413 Content-Length Too Large",
            ),
            (
                "Content-Length: 4294967296\r\n",
                "answer 413 Content-Length Too Large",
            ),
            (
                "l: 3\r\nContent-Length: 4\r\n",
                "answer 400 Repeated Content-Length",
            ),
            (
                "Content-Length\u{1}: 3\r\n",
                "answer 400 Bad Content-Length",
            ),
            ("Content-Length\r: 3\r\n", "answer 400 Bad Content-Length"),
            ("Subject: \u{1}\r\n: 3\r\n", "answer 400 Bad Header Line"),
            (
                "X: y\n\nContent-Length: 3\r\n",
                "answer 400 Bad Header Line",
            ),
        ] {
            check(&message(headers, "abc"), &[answer]);
        }
    }

    /// Numbers at which some other type ends, a little below and above them, and what is no number.
    fn lengths() -> Vec<String> {
        let limits = [7, 8, 15, 16, 31, 32, 63, 64, 127].map(|bits: u32| 1_u128 << bits);
        let near = |limit: u128| [limit - 1, limit, limit + 1, limit + 32, limit + 5_000_000];
        let mut lengths: Vec<String> = limits
            .into_iter()
            .flat_map(near)
            .filter(|length| *length > 65_536)
            .map(|length| length.to_string())
            .collect();
        for digits in [1, 20, 40, 400] {
            lengths.push(format!("{}9", "9".repeat(digits + 4)));
        }
        for wrong in [
            "-", "+", "0x", "0b", "1e", "5 ", "5,", "5;a=", "5.", "5:", "$", "(", "\"", "<",
            "\u{665}", "\u{ff15}", "5\u{0}", "5\u{b}", "five", "5_", "'", "0o", "%3", "NaN", "inf",
            "--", "~",
        ] {
            for number in ["1", "5", "16", "4294967296", "four"] {
                lengths.push(format!("{wrong}{number}"));
            }
        }
        lengths
    }

    /// Security row S14: no number is cut to a smaller type, and nothing after it becomes a message, wherever the
    /// stream is cut.
    #[test]
    fn no_length_makes_two_messages_of_one() {
        let smuggled = with_length("");
        let lengths = lengths();
        assert!(lengths.len() >= 160, "{}", lengths.len());
        let twice = [
            "l: 0\r\nContent-Length: 5",
            "Content-Length: 5\r\nl: 0",
            "l: 5\r\nl: 05\r\nl: 6",
        ];
        let lines = ["Content-Length", "l"]
            .into_iter()
            .flat_map(|name| {
                lengths
                    .iter()
                    .map(move |length| format!("{name}: {length}"))
            })
            .chain(twice.map(str::to_owned));
        for line in lines {
            let stream = message(&format!("{line}\r\n"), &smuggled);
            for cut in 1..stream.len() {
                let (front, back) = stream.as_bytes().split_at(cut);
                let found = frames_of(&[front, back]);
                let is_refusal = |text: &String| text.starts_with("answer 4");
                assert!(
                    found.len() == 1 && found.iter().all(is_refusal),
                    "{line} cut at {cut} gave {found:?}"
                );
            }
        }
    }

    #[test]
    fn what_is_not_sip_closes() {
        check(
            "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
            &["close 400 Bad Request-Line"],
        );
        check("USER anonymous\r\n", &["close 400 Bad Request-Line"]);
        check(
            "\rMESSAGE sip:a@h SIP/2.0\r\n\r\n",
            &["close 400 Bad Request-Line"],
        );
    }

    #[test]
    fn messages_reach_the_limit_and_not_beyond() {
        let head = |length: usize| message(&format!("Content-Length: {length:05}\r\n"), "");
        let room = MAX_MESSAGE_LENGTH - head(0).len();
        let whole = format!("{}{}", head(room), "x".repeat(room));
        assert_eq!(frames(whole.as_bytes(), 4096), [whole]);
        let more = head(room + 1);
        assert_eq!(
            frames(more.as_bytes(), 4096),
            ["answer 413 Content-Length Too Large"]
        );
        let endless = "x".repeat(MAX_MESSAGE_LENGTH + 1);
        assert_eq!(
            frames(endless.as_bytes(), 4096),
            ["close 513 Message Too Large"]
        );
    }

    #[test]
    fn an_error_stays_and_nothing_more_is_kept() {
        let mut framer = StreamFramer::new();
        framer.push(message("Content-Length: -1\r\n", "").as_bytes());
        let error = framer.poll_frame().unwrap_err();
        framer.push(with_length("x").as_bytes());
        assert_eq!(framer.poll_frame(), Err(error));
        assert!(!framer.is_mid_message());
    }

    #[test]
    fn half_a_message_is_told_from_none() {
        let mut framer = StreamFramer::new();
        assert!(!framer.is_mid_message());
        framer.push(b"MESS");
        assert_eq!(framer.poll_frame(), Ok(None));
        assert!(framer.is_mid_message());
        assert_eq!(framer.half_read(), 4);
    }

    #[test]
    fn line_ends_after_a_message_begin_none() {
        let mut framer = StreamFramer::new();
        framer.push(format!("{}\r\n", with_length("x")).as_bytes());
        assert!(matches!(framer.poll_frame(), Ok(Some(Frame::Message(_)))));
        for rest in [&b""[..], b"\r"] {
            framer.push(rest);
            assert_eq!(framer.poll_frame(), Ok(None));
            assert!(!framer.is_mid_message());
        }
        framer.push(b"\nMESS");
        assert_eq!(framer.poll_frame(), Ok(Some(Frame::KeepAlive)));
        assert_eq!(framer.poll_frame(), Ok(None));
        assert!(framer.is_mid_message());
    }
}
