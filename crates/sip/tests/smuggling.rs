//! Security row S13: no byte beside or inside a header's name makes another header of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use bytes::Bytes;
use sip::{HeaderName, Message};

const NAMES: [HeaderName; 20] = [
    HeaderName::Accept,
    HeaderName::AllowEvents,
    HeaderName::Authorization,
    HeaderName::Contact,
    HeaderName::ContentDisposition,
    HeaderName::ContentEncoding,
    HeaderName::ContentType,
    HeaderName::Date,
    HeaderName::Event,
    HeaderName::Expires,
    HeaderName::PAssertedIdentity,
    HeaderName::Path,
    HeaderName::ProxyAuthorization,
    HeaderName::RecordRoute,
    HeaderName::Require,
    HeaderName::Route,
    HeaderName::SessionExpires,
    HeaderName::SipIfMatch,
    HeaderName::SubscriptionState,
    HeaderName::UserAgent,
];

/// Whether the request is taken, and has the header.
fn has(line: &[u8], name: HeaderName) -> bool {
    let head = b"PUBLISH sip:a@h SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKa\r\n";
    let tail = b"From: <sip:a@h>;tag=a\r\nTo: <sip:a@h>\r\nCall-ID: a\r\nCSeq: 1 PUBLISH\r\nMax-Forwards: 9\r\n\r\n";
    let bytes = Bytes::from([&head[..], line, &tail[..]].concat());
    match Message::parse(bytes) {
        Ok(Message::Request(mut request)) => {
            request.check().is_ok() && request.header(name).is_some()
        }
        Ok(Message::Response(_)) | Err(_) => false,
    }
}

#[test]
fn only_blanks_before_the_colon_leave_a_name_what_it_is() {
    for name in NAMES {
        let text = name.as_str();
        let line = [text.as_bytes(), b": x\r\n"].concat();
        assert!(has(&line, name), "{text}");
        for byte in 0..=u8::MAX {
            let (front, back) = text.as_bytes().split_at(text.len() / 2);
            let before = [&[byte][..], text.as_bytes(), b": x\r\n"].concat();
            let inside = [front, &[byte], back, b": x\r\n"].concat();
            let after = [text.as_bytes(), &[byte], b": x\r\n"].concat();
            assert!(!has(&before, name), "{byte:#04x} before {text}");
            assert!(!has(&inside, name), "{byte:#04x} inside {text}");
            // RFC 3261 §7.3.1: blanks may stand before the colon; the colon itself ends the name.
            let is_harmless = matches!(byte, b' ' | b'\t' | b':');
            assert_eq!(has(&after, name), is_harmless, "{byte:#04x} after {text}");
        }
    }
}

#[test]
fn a_stray_return_does_not_make_up_for_a_missing_one() {
    let head = "PUBLISH sip:a@h SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKa\r\n";
    let tail = "From: <sip:a@h>;tag=a\r\nTo: <sip:a@h>\r\nCall-ID: a\r\nCSeq: 1 PUBLISH\r\n\r\n";
    for lines in [
        "Subject: x\nOrganization: \ry\r\n",
        "Subject: x\ry\nOrganization: z\r\n",
        "Subject: x\n y\r\nOrganization: z\r\r\n",
        "Subject: x\r\r\n y\nOrganization: z\r\n",
    ] {
        let bytes = Bytes::from(format!("{head}{lines}{tail}"));
        let Ok(Message::Request(mut request)) = Message::parse(bytes) else {
            continue;
        };
        assert!(request.check().is_err(), "{lines:?}");
    }
}
