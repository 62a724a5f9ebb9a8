//! Security rows S15 and S23: what there may be only so much of, at its limit, beside it and far beyond it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::thread;

use bytes::Bytes;
use sip::framing::StreamFramer;
use sip::{
    HeaderName, MAX_ACCEPTS, MAX_HEADER_LENGTH, MAX_HEADERS, MAX_MESSAGE_LENGTH, MAX_URI_LENGTH,
    MAX_VIAS, Message, ParseError, ResponseBuilder, StatusCode,
};

/// What becomes of a request with these lines after those that each must have.
fn verdict(uri: &str, lines: &str, body: &str) -> String {
    let text = format!(
        "MESSAGE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n\
         Call-ID: c\r\nCSeq: 1 MESSAGE\r\nMax-Forwards: 70\r\n{lines}\r\n{body}"
    );
    match Message::parse(Bytes::from(text)) {
        Err(error) => format!("{error:?}"),
        Ok(Message::Response(_)) => "response".to_owned(),
        Ok(Message::Request(mut request)) => match request.check() {
            Ok(()) => "taken".to_owned(),
            Err(bad) => {
                // What is refused can be answered.
                let answer = ResponseBuilder::answer(&request, bad.status)
                    .to_tag("t")
                    .build();
                assert!(Message::parse(answer).is_ok());
                format!("{} {}", bad.status, bad.reason)
            }
        },
    }
}

/// One less than the limit, and the limit itself, are taken; one more, and ten times as much, are not.
#[track_caller]
fn check(limit: usize, refusal: &str, verdict_of: impl Fn(usize) -> String) {
    assert_eq!(verdict_of(limit - 1), "taken");
    assert_eq!(verdict_of(limit), "taken");
    assert_eq!(verdict_of(limit + 1), refusal);
    assert_eq!(verdict_of(limit * 10), refusal);
}

#[test]
fn a_message_has_so_many_lines() {
    let own = 6;
    check(MAX_HEADERS, "400 Too Many Headers", |count| {
        verdict("sip:b@h", &"X: y\r\n".repeat(count - own), "")
    });
}

#[test]
fn a_line_has_so_many_bytes() {
    // Ten times as much is more than a message may have.
    let line = |length: usize| format!("Subject: {}\r\n", "x".repeat(length - "Subject: ".len()));
    for (length, expected) in [
        (MAX_HEADER_LENGTH - 1, "taken"),
        (MAX_HEADER_LENGTH, "taken"),
        (MAX_HEADER_LENGTH + 1, "400 Subject Too Long"),
        (MAX_HEADER_LENGTH * 7, "400 Subject Too Long"),
        (MAX_HEADER_LENGTH * 10, "TooLong"),
    ] {
        assert_eq!(verdict("sip:b@h", &line(length), ""), expected, "{length}");
    }
    // Folds count too.
    let folded = format!("Subject: x\r\n {}\r\n", "y".repeat(MAX_HEADER_LENGTH));
    assert_eq!(verdict("sip:b@h", &folded, ""), "400 Subject Too Long");
}

#[test]
fn a_request_has_so_many_vias_on_however_many_lines() {
    check(MAX_VIAS, "400 Too Many Via Values", |count| {
        let values = vec!["SIP/2.0/UDP h"; count - 1];
        let lines: Vec<_> = values
            .chunks(100)
            .map(|values| format!("Via: {}\r\n", values.join(",")))
            .collect();
        verdict("sip:b@h", &lines.concat(), "")
    });
    check(MAX_VIAS, "400 Too Many Via Values", |count| {
        // Ten times as many lines are too many lines first.
        let lines = (count - 1).min(100);
        verdict("sip:b@h", &"v: SIP/2.0/UDP h\r\n".repeat(lines), "")
    });
}

#[test]
fn an_accept_has_so_many_ranges() {
    check(MAX_ACCEPTS, "400 Too Many Accept Values", |count| {
        let ranges = vec!["text/plain"; count].join(", ");
        verdict("sip:b@h", &format!("Accept: {ranges}\r\n"), "")
    });
}

#[test]
fn a_request_uri_has_so_many_bytes() {
    check(MAX_URI_LENGTH, "414 Request-URI Too Long", |length| {
        let user = "u".repeat(length - "sip:@h".len());
        verdict(&format!("sip:{user}@h"), "", "")
    });
}

#[test]
fn a_message_has_so_many_bytes() {
    let empty = verdict_length("");
    for (length, expected) in [
        (MAX_MESSAGE_LENGTH - 1, "taken"),
        (MAX_MESSAGE_LENGTH, "taken"),
        (MAX_MESSAGE_LENGTH + 1, "TooLong"),
        (MAX_MESSAGE_LENGTH * 10, "TooLong"),
    ] {
        let body = "x".repeat(length - empty);
        assert_eq!(verdict("sip:b@h", "", &body), expected, "{length}");
    }
    let too_long = Bytes::from(vec![b'x'; MAX_MESSAGE_LENGTH + 1]);
    assert_eq!(Message::parse(too_long).unwrap_err(), ParseError::Truncated);
}

/// The length of the request that [`verdict`] makes with this body and nothing else.
fn verdict_length(body: &str) -> usize {
    "MESSAGE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 MESSAGE\r\nMax-Forwards: 70\r\n\r\n".len()
        + body.len()
}

/// Very long tags, names and branches are long words and nothing else (CVE-2018-8828, CVE-2020-27507).
#[test]
fn long_words_are_words() {
    let long = "t".repeat(MAX_HEADER_LENGTH - 40);
    let text = format!(
        "MESSAGE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{long}\r\nFrom: <sip:a@h>;tag={long}\r\n\
         To: <sip:b@h>\r\nCall-ID: {long}\r\nCSeq: 1 MESSAGE\r\n\r\n"
    );
    let Message::Request(mut request) = Message::parse(Bytes::from(text)).unwrap() else {
        panic!("not a request");
    };
    assert_eq!(request.check(), Ok(()));
    assert_eq!(request.from().unwrap().tag(), Some(long.as_str()));
    let answer = ResponseBuilder::answer(&request, StatusCode::OK).build();
    let Message::Response(response) = Message::parse(answer).unwrap() else {
        panic!("not a response");
    };
    assert_eq!(response.call_id(), Ok(long.as_str()));
    // A name of more than 255 bytes is none.
    let named = verdict("sip:b@h", &format!("{}: x\r\n", "n".repeat(256)), "");
    assert_eq!(named, "400 Bad Header Line");
}

/// Row S23: whatever nests in a header costs no stack, as nothing here calls itself. A small one would run over.
#[test]
fn nesting_costs_no_stack() {
    const STACK: usize = 128 * 1024;
    let pieces = [
        ("User-Agent: x ", "(", ")"),
        ("User-Agent: x ", "(\\(", ")"),
        ("Retry-After: 5 ", "(", ")"),
        ("Subject: ", "\"", "\""),
        ("Contact: ", "<", ">"),
        ("Contact: ", "<sip:", ">"),
        ("Contact: ", "\"\\\"", "\""),
        ("Route: ", "<sip:a@", ">"),
        ("Via: ", "SIP/2.0/UDP [", "]"),
        ("Accept: ", ",", ";"),
        ("Warning: ", "399 h \"", "\""),
        ("Authorization: Digest ", "a=\"", "\","),
        ("Supported: ", "[", "]"),
        ("Content-Type: multipart/mixed;boundary=", "\"--", "--\""),
    ];
    let run = move || {
        for (name, open, close) in pieces {
            for depth in [10, 1_000, 7_000, 1_000_000] {
                let value = format!("{}{}", open.repeat(depth), close.repeat(depth));
                let text = format!("OPTIONS sip:h SIP/2.0\r\n{name}{value}\r\n\r\n");
                let mut framer = StreamFramer::new();
                framer.push(text.as_bytes());
                let _ = framer.poll_frame();
                let Ok(message) = Message::parse(Bytes::from(text)) else {
                    continue;
                };
                if let Message::Request(request) = &message {
                    assert!(request.clone().check().is_err());
                }
                for header in HeaderName::ALL {
                    message.headers().values(*header).count();
                }
                assert!(Message::parse(message.to_canonical()).is_ok());
            }
        }
    };
    let small = thread::Builder::new().stack_size(STACK).spawn(run).unwrap();
    small.join().unwrap();
}
