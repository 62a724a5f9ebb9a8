//! Bodies of several parts (RFC 2046 §5.1, RFC 5621), as `multipart/related` puts them together (RFC 2387).
//! Must not know what the parts are.

use bytes::Bytes;
use memchr::memmem;

use crate::header::content_type::ContentType;
use crate::header_name::HeaderName;
use crate::headers::Headers;

/// More than any notifier sends; what follows is not read.
const MOST_PARTS: usize = 1024;

/// The longest line of a part's header that is read, in bytes.
const LONGEST_LINE: usize = 1024;

/// One part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its Content-ID without angle brackets (RFC 2392).
    pub content_id: String,
    /// Its Content-Type.
    pub content_type: String,
    /// What it says.
    pub body: Bytes,
}

/// How a part's Content-ID is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentIds {
    /// In angle brackets (RFC 2045 §7).
    Bracketed,
    /// Without them, for a reader that knows no others.
    Bare,
}

/// Writes `multipart/related` whose root is the first of `parts`: the Content-Type and the body.
///
/// `boundary` is made of letters and digits, at most 70, and must not occur in a part; a random one does not. It
/// stands without quotes: Linphone 5.1 takes them for a part of it.
/// Of all ways to write the name of Content-ID, liblinphone knows only `Content-Id`.
/// Content-IDs and types are written as they are: they are ours.
pub fn write_related(boundary: &str, ids: ContentIds, parts: &[Part]) -> (String, Bytes) {
    let (before, after) = match ids {
        ContentIds::Bracketed => ("<", ">"),
        ContentIds::Bare => ("", ""),
    };
    let (kind, start) = parts.first().map_or(("", ""), |root| {
        // RFC 2387 §3.1: the type of the root, without its parameters.
        let kind = root.content_type.split(';').next().unwrap_or_default();
        (kind, &*root.content_id)
    });
    let content_type =
        format!("multipart/related;type=\"{kind}\";start=\"<{start}>\";boundary={boundary}");
    let length: usize = parts.iter().map(|part| part.body.len() + 256).sum();
    let mut body = Vec::with_capacity(length);
    for part in parts {
        body.extend(
            format!(
                "--{boundary}\r\nContent-Transfer-Encoding: binary\r\nContent-Id: {before}{}{after}\r\nContent-Type: {}\r\n\r\n",
                part.content_id, part.content_type
            )
            .as_bytes(),
        );
        body.extend(&part.body);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{boundary}--\r\n").as_bytes());
    (content_type, body.into())
}

/// The parts of a multipart body; nothing where its Content-Type names no boundary.
///
/// What comes before the first boundary and after the last one is passed over (RFC 2046 §5.1.1), and so is a part
/// without an empty line after its header. A part that is not closed ends with the body.
pub fn read(content_type: &ContentType<'_>, body: &Bytes) -> Option<Vec<Part>> {
    let boundary = content_type.params.get("boundary")?.unquoted()?;
    if boundary.is_empty() || boundary.len() > 70 {
        return None;
    }
    let delimiter = [b"--", &*boundary].concat();
    let mut parts = Vec::new();
    let mut rest = after_delimiter(body.clone(), &delimiter, Place::Start)?.1;
    while parts.len() < MOST_PARTS && !rest.starts_with(b"--") {
        let (inside, after) = match after_delimiter(rest.clone(), &delimiter, Place::Within) {
            Some((inside, after)) => (inside, Some(after)),
            None => (rest, None),
        };
        parts.extend(part(&inside));
        match after {
            Some(after) => rest = after,
            None => break,
        }
    }
    Some(parts)
}

enum Place {
    /// The delimiter may be the first thing there is.
    Start,
    Within,
}

/// What stands before the next delimiter line and what after its delimiter.
fn after_delimiter(text: Bytes, delimiter: &[u8], place: Place) -> Option<(Bytes, Bytes)> {
    if matches!(place, Place::Start)
        && let Some(after) = text.strip_prefix(delimiter)
        && ends_delimiter(after)
    {
        return Some((Bytes::new(), text.slice(delimiter.len()..)));
    }
    let line = [b"\r\n", delimiter].concat();
    memmem::find_iter(&text, &line)
        .find(|at| text.get(at + line.len()..).is_some_and(ends_delimiter))
        .map(|at| (text.slice(..at), text.slice(at + line.len()..)))
}

/// A longer boundary may begin like a shorter one.
fn ends_delimiter(after: &[u8]) -> bool {
    after.starts_with(b"--") || after.first().is_none_or(|byte| byte.is_ascii_whitespace())
}

/// `inside` begins with the rest of the delimiter's line.
fn part(inside: &Bytes) -> Option<Part> {
    let end = memmem::find(inside, b"\r\n\r\n")?;
    let (head, body) = (inside.slice(..end), inside.slice(end + 4..));
    let mut part = Part {
        content_id: String::new(),
        // RFC 2046 §5.1.
        content_type: "text/plain".to_owned(),
        body,
    };
    for line in head.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        let Some(colon) = memchr::memchr(b':', line).filter(|_| line.len() <= LONGEST_LINE) else {
            continue;
        };
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        let value = String::from_utf8_lossy(value);
        if name.eq_ignore_ascii_case(b"Content-ID") {
            part.content_id = value.trim_matches(['<', '>']).to_owned();
        } else if name.eq_ignore_ascii_case(b"Content-Type") {
            part.content_type = value.into_owned();
        }
    }
    Some(part)
}

impl Headers {
    /// The parts of this message's body, where it is multipart.
    pub fn parts(&self) -> Option<Vec<Part>> {
        let value = self.header(HeaderName::ContentType)?;
        let content_type = ContentType::parse(value).ok()?;
        read(&content_type, self.body())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop};

    use super::*;

    fn part_of(id: &str, kind: &str, body: &'static str) -> Part {
        Part {
            content_id: id.to_owned(),
            content_type: kind.to_owned(),
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    #[track_caller]
    fn check(content_type: &str, body: &str, expected: Option<&[Part]>) {
        let kind = ContentType::parse(content_type.as_bytes()).unwrap();
        let found = read(&kind, &Bytes::from(body.to_owned()));
        assert_eq!(found.as_deref(), expected, "{body:?}");
    }

    #[test]
    fn what_is_written_is_read() {
        let parts = [
            part_of(
                "root@here",
                "application/rlmi+xml;charset=\"UTF-8\"",
                "<list/>",
            ),
            part_of(
                "one@here",
                "application/pidf+xml",
                "<presence>\r\n--no\r\n</presence>",
            ),
            part_of("two@here", "application/pidf+xml", ""),
        ];
        let (kind, body) = write_related("b0undary", ContentIds::Bracketed, &parts);
        assert!(kind.contains("start=\"<root@here>\""), "{kind}");
        let kind = ContentType::parse(kind.as_bytes()).unwrap();
        assert!(kind.is("multipart", "related"));
        assert_eq!(read(&kind, &body).unwrap(), parts);
        let (_, bare) = write_related("b0undary", ContentIds::Bare, &parts);
        assert!(
            bare.windows(24)
                .any(|line| line == b"Content-Id: one@here\r\nCon")
        );
    }

    #[test]
    fn what_surrounds_the_parts_is_passed_over() {
        let one = [part_of("", "text/plain", "hello")];
        check(
            "multipart/mixed;boundary=x",
            "preamble\r\n--x\r\n\r\nhello\r\n--x--\r\nepilogue\r\n--x\r\n\r\nnever",
            Some(&one),
        );
        check(
            "multipart/mixed;boundary=x",
            "--x \r\n\r\nhello",
            Some(&one),
        );
        check(
            "multipart/mixed;boundary=x",
            "--x\r\nno empty line\r\n--x--",
            Some(&[]),
        );
        check(
            "multipart/mixed;boundary=x",
            "--xy\r\n\r\na\r\n--x\r\n\r\nhello\r\n--x--",
            Some(&one),
        );
        check("multipart/mixed;boundary=x", "no delimiter at all", None);
        check("multipart/mixed", "--x\r\n\r\nhello\r\n--x--", None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..200), cut in "(--x|\r\n|:|\r\n--x--|\r\n\r\n|a){0,30}") {
            let kind = ContentType::parse(b"multipart/related;boundary=x").unwrap();
            read(&kind, &Bytes::from(body));
            read(&kind, &Bytes::from(cut));
        }
    }
}
