//! In which forms a watcher takes what it is told: the media types of its Accept headers and the packing it
//! undoes. Must not know what is told.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use presence::watchers::PIDF_DIFF;
use sip::{HeaderName, Request};

use super::watched::{PIDF, RLMI};

/// The root type of a list's state.
pub(super) const RELATED: &str = "multipart/related";

/// What the User-Agent of every Linphone holds.
const LINPHONE: &[u8] = b"linphone";

/// A body below this fits a datagram as it is (RFC 3261 §18.1.1 with room for the header).
const WORTH_PACKING: usize = 700;

/// What one watcher takes beside the plain form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Formats {
    /// Differences of presence documents (RFC 5263).
    pub(super) differences: bool,
    /// Bodies that are packed by `deflate`.
    pub(super) deflate: bool,
    /// The states of lists (RFC 4662).
    pub(super) lists: bool,
    /// How it reads them.
    pub(super) dialect: ListDialect,
}

/// How a watcher reads the states of lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum ListDialect {
    /// By RFC 4662.
    #[default]
    Standard,
    /// As liblinphone up to 5.1 does: it asks for `presence` and takes in only `Presence`, and finds a part only
    /// where its Content-ID stands without angle brackets.
    Linphone,
}

impl Formats {
    /// What the headers of a SUBSCRIBE say.
    pub(super) fn of(request: &Request) -> Self {
        let quality = |media_type| {
            request
                .values(HeaderName::Accept)
                .filter_map(|range| quality_of(range, media_type))
                .fold(None, |most: Option<f32>, found| {
                    Some(most.map_or(found, |most| most.max(found)))
                })
        };
        let names = |header, token: &str| {
            request
                .values(header)
                .any(|value| without_parameters(value).eq_ignore_ascii_case(token.as_bytes()))
        };
        let differences = exact(request, PIDF_DIFF).is_some_and(|difference| {
            // RFC 5263 §4.2: the watcher says by q what it likes better.
            difference > 0.0 && quality(PIDF).is_none_or(|plain| difference >= plain)
        });
        Self {
            differences,
            deflate: names(HeaderName::AcceptEncoding, "deflate"),
            // RFC 4662 §4.1.
            lists: names(HeaderName::Supported, "eventlist")
                && exact(request, RELATED).is_some()
                && exact(request, RLMI).is_some(),
            dialect: ListDialect::of(request),
        }
    }

    /// Whether a watcher that takes these needs to be remembered with what it was told.
    pub(super) fn is_plain(self) -> bool {
        !self.differences && !self.deflate
    }

    /// Packs a body, where that is understood and worth it.
    pub(super) fn pack(self, body: &[u8]) -> Option<Vec<u8>> {
        if !self.deflate || body.len() < WORTH_PACKING {
            return None;
        }
        let mut packing = ZlibEncoder::new(Vec::with_capacity(body.len() / 2), Compression::fast());
        packing.write_all(body).ok()?;
        packing.finish().ok()
    }
}

impl ListDialect {
    /// Nothing else in a SUBSCRIBE tells liblinphone from others; desktop, mobile and console alike name it.
    fn of(request: &Request) -> Self {
        let agent = request.header(HeaderName::UserAgent).unwrap_or_default();
        let named = agent
            .windows(LINPHONE.len())
            .any(|word| word.eq_ignore_ascii_case(LINPHONE));
        if named {
            Self::Linphone
        } else {
            Self::Standard
        }
    }
}

/// Whether one value of Accept covers a type; its parameters do not matter (RFC 3261 §20.1).
pub(super) fn takes(range: &[u8], media_type: &str) -> bool {
    quality_of(range, media_type).is_some()
}

/// The q of the value of Accept that names just this type; types that are new to many are never meant by a star.
fn exact(request: &Request, media_type: &str) -> Option<f32> {
    request
        .values(HeaderName::Accept)
        .filter(|range| without_parameters(range).eq_ignore_ascii_case(media_type.as_bytes()))
        .find_map(|range| quality_of(range, media_type))
}

fn quality_of(range: &[u8], media_type: &str) -> Option<f32> {
    let kind = without_parameters(range);
    let covers = ["*/*", "application/*", media_type]
        .iter()
        .any(|covering| kind.eq_ignore_ascii_case(covering.as_bytes()));
    if !covers {
        return None;
    }
    let quality = range
        .split(|byte| *byte == b';')
        .skip(1)
        .find_map(|parameter| {
            let text = str::from_utf8(parameter).ok()?;
            let (name, value) = text.split_once('=')?;
            let value = name
                .trim()
                .eq_ignore_ascii_case("q")
                .then(|| value.trim())?;
            value.parse().ok()
        });
    Some(quality.unwrap_or(1.0))
}

fn without_parameters(value: &[u8]) -> &[u8] {
    let kind = value.split(|byte| *byte == b';').next();
    kind.unwrap_or_default().trim_ascii()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use sip::Message;

    use super::*;

    #[track_caller]
    fn check(headers: &str, expected: [bool; 3]) {
        let text = format!(
            "SUBSCRIBE sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n{headers}\r\n\r\n"
        );
        let Message::Request(request) = Message::parse(Bytes::from(text)).unwrap() else {
            panic!("not a request");
        };
        let formats = Formats::of(&request);
        let found = [formats.differences, formats.deflate, formats.lists];
        assert_eq!(found, expected, "{headers}");
    }

    #[track_caller]
    fn check_dialect(headers: &str, expected: ListDialect) {
        let text = format!("SUBSCRIBE sip:a@h SIP/2.0\r\n{headers}\r\n\r\n");
        let Message::Request(request) = Message::parse(Bytes::from(text)).unwrap() else {
            panic!("not a request");
        };
        assert_eq!(Formats::of(&request).dialect, expected, "{headers}");
    }

    #[test]
    fn linphone_is_known_by_its_name() {
        check_dialect("Max-Forwards: 70", ListDialect::Standard);
        check_dialect(
            "User-Agent: baresip v1.0.0 (x86_64/Linux)",
            ListDialect::Standard,
        );
        check_dialect("User-Agent: Linphonec/5.1.65", ListDialect::Linphone);
        check_dialect(
            "User-Agent: Desk (belle-sip LinphoneSDK/5.2)",
            ListDialect::Linphone,
        );
    }

    #[test]
    fn accept_covers_pidf_by_name_and_by_star() {
        for covering in [
            "application/pidf+xml",
            "Application/PIDF+XML;q=0.5",
            "application/* ; q=1",
            "*/*",
        ] {
            assert!(takes(covering.as_bytes(), PIDF), "{covering}");
        }
        for other in ["application/xpidf+xml", "text/*", "", "application"] {
            assert!(!takes(other.as_bytes(), PIDF), "{other}");
        }
    }

    #[test]
    fn differences_are_for_those_who_like_them_better() {
        let diff = "application/pidf-diff+xml";
        check("Accept: application/pidf+xml", [false; 3]);
        check("Accept: */*", [false; 3]);
        check(
            &format!("Accept: application/pidf+xml, {diff}"),
            [true, false, false],
        );
        check(
            &format!("Accept: application/pidf+xml;q=0.3, {diff};q=1"),
            [true, false, false],
        );
        check(
            &format!("Accept: application/pidf+xml\r\nAccept: {diff};q=0.5"),
            [false; 3],
        );
        check(&format!("Accept: {diff}"), [true, false, false]);
        check(&format!("Accept: {diff};q=0"), [false; 3]);
    }

    /// As Linphone sends it.
    #[test]
    fn lists_are_for_those_who_support_them_and_take_both_types() {
        let types = "Accept: multipart/related\r\nAccept: application/pidf+xml\r\nAccept: application/rlmi+xml";
        check(
            &format!("Supported: eventlist\r\n{types}\r\nAccept-Encoding: deflate"),
            [false, true, true],
        );
        check(types, [false; 3]);
        check(
            "Supported: eventlist, gruu\r\nAccept: application/pidf+xml",
            [false; 3],
        );
    }

    #[test]
    fn only_a_long_body_is_packed() {
        let packing = Formats {
            deflate: true,
            ..Formats::default()
        };
        assert_eq!(packing.pack(&[b'a'; 100]), None);
        assert_eq!(Formats::default().pack(&[b'a'; 9000]), None);
        assert!(packing.pack(&[b'a'; 9000]).unwrap().len() < 200);
    }
}
