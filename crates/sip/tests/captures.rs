//! Every message real clients sent is read, written anew and read again to the same.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use bytes::Bytes;
use sip::digest::{Algorithm, Ha1};
use sip::framing::{Frame, StreamFramer};
use sip::{HeaderName, Message, ParseError, Request};
use sip_fixtures::{Kind, phone, phones};

fn parse(bytes: &[u8]) -> Message {
    Message::parse(Bytes::copy_from_slice(bytes)).unwrap()
}

fn requests() -> impl Iterator<Item = (String, Request)> {
    phones()
        .into_iter()
        .filter(|fixture| fixture.kind() == Kind::Message)
        .filter_map(|fixture| match parse(&fixture.bytes) {
            Message::Request(request) => Some((fixture.name, request)),
            Message::Response(_) => None,
        })
}

/// All that a message says, so that two spellings of it compare equal.
fn meaning(message: &Message) -> String {
    let headers = message.headers();
    let first = match message {
        Message::Request(request) => format!("{:?} {:?}", request.method_text(), request.uri()),
        Message::Response(response) => format!("{} {:?}", response.status(), response.reason()),
    };
    let typed = format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        headers.vias().collect::<Vec<_>>(),
        headers.from(),
        headers.to(),
        headers.cseq(),
        headers.call_id(),
        headers.expires(),
        headers.event(),
        headers.if_match(),
        headers.content_type(),
        headers.max_forwards(),
        headers.contacts().collect::<Vec<_>>(),
    );
    let raw: Vec<_> = HeaderName::ALL
        .iter()
        .filter(|name| {
            !matches!(
                name,
                // Read above as what they mean.
                HeaderName::Via
                    | HeaderName::From
                    | HeaderName::To
                    | HeaderName::CSeq
                    | HeaderName::Event
                    | HeaderName::ContentType
                    | HeaderName::Contact
                    // The exact length is compared with the body.
                    | HeaderName::ContentLength
                    | HeaderName::Route
            )
        })
        .map(|name| (name, headers.values(*name).collect::<Vec<_>>()))
        .collect();
    let extensions: Vec<_> = headers
        .lines()
        .filter(|(known, _, _)| known.is_none())
        .collect();
    format!(
        "{first}\n{typed}\n{raw:?}\n{extensions:?}\n{:?}",
        headers.body()
    )
}

#[test]
fn every_message_is_read_printed_and_read_again_to_the_same() {
    let mut count = 0;
    for fixture in phones() {
        if fixture.kind() != Kind::Message {
            continue;
        }
        count += 1;
        let message = parse(&fixture.bytes);
        let printed = message.to_canonical();
        let again = Message::parse(printed.clone()).unwrap();
        assert_eq!(meaning(&again), meaning(&message), "{}", fixture.name);
        assert_eq!(again.to_canonical(), printed, "{}", fixture.name);
        let length = again.headers().content_length();
        assert_eq!(
            length,
            Ok(Some(message.headers().body().len())),
            "{}",
            fixture.name
        );
    }
    assert_eq!(count, 95);
}

#[test]
fn every_request_passes_the_check() {
    for (name, mut request) in requests() {
        assert_eq!(request.check(), Ok(()), "{name}");
    }
}

#[test]
fn keepalives_are_empty_and_the_handshake_is_not_sip() {
    for fixture in phones() {
        let expected = match fixture.kind() {
            Kind::Message => continue,
            Kind::KeepAlive => ParseError::Empty,
            Kind::WebSocketHandshake => ParseError::NotSip,
        };
        let found = Message::parse(Bytes::from(fixture.bytes)).unwrap_err();
        assert_eq!(found, expected, "{}", fixture.name);
    }
}

#[test]
fn typed_reads_tell_what_a_baresip_publish_says() {
    let Message::Request(request) = parse(&phone("baresip/05-PUBLISH").bytes) else {
        panic!("not a request");
    };
    assert_eq!(request.uri_text(), b"sip:alice@127.0.0.1:5080");
    let via = request.via().unwrap();
    assert_eq!(via.branch(), Some("z9hG4bK02666dcae88faff3"));
    assert_eq!(via.rport(), Some(None));
    assert_eq!(request.from().unwrap().tag(), Some("6f78e6dcf8a70ca3"));
    assert_eq!(request.to().unwrap().tag(), None);
    assert_eq!(request.cseq().unwrap().number, 57952);
    assert_eq!(request.call_id(), Ok("34f937fdbe0226ab"));
    assert_eq!(request.if_match(), Ok(Some("etag2")));
    assert_eq!(request.event().unwrap().unwrap().package, "presence");
    assert_eq!(request.expires().unwrap().unwrap().as_secs(), 30);
    assert!(
        request
            .content_type()
            .unwrap()
            .unwrap()
            .is("application", "pidf+xml")
    );
    assert_eq!(request.body().len(), 459);
}

#[test]
fn a_deflated_body_comes_out_byte_for_byte() {
    let fixture = phone("linphone/16-SUBSCRIBE");
    let message = parse(&fixture.bytes);
    assert_eq!(
        message.headers().header(HeaderName::ContentEncoding),
        Some(&b"deflate"[..])
    );
    assert_eq!(message.headers().body().first(), Some(&0x78));
    assert!(fixture.bytes.ends_with(message.headers().body()));
}

#[test]
fn every_captured_digest_is_proven_by_the_password() {
    let mut count = 0;
    for (name, request) in requests() {
        for credentials in request.authorizations() {
            let credentials = credentials.unwrap();
            let algorithm = credentials.suite().unwrap().algorithm;
            let (method, body) = (request.method_text(), request.body());
            let secret =
                |password| Ha1::derive(algorithm, &credentials.username(), "ctx.example", password);
            assert!(credentials.prove(&secret("secret"), method, body), "{name}");
            assert!(
                !credentials.prove(&secret("Secret"), method, body),
                "{name}"
            );
            count += 1;
            let is_linphone_or_pjsip = name.starts_with("linphone") || name.starts_with("pjsua2");
            assert_eq!(
                algorithm == Algorithm::Sha256,
                is_linphone_or_pjsip,
                "{name}"
            );
        }
    }
    assert_eq!(count, 47);
}

#[test]
fn all_captures_in_one_stream_come_out_whole() {
    let mut stream = Vec::new();
    let mut expected = Vec::new();
    for fixture in phones() {
        let has_length = fixture.kind() == Kind::Message
            && parse(&fixture.bytes)
                .headers()
                .content_length()
                .unwrap()
                .is_some();
        if has_length {
            stream.extend(&fixture.bytes);
            expected.push(Frame::Message(Bytes::from(fixture.bytes).into()));
        }
    }
    for size in [1, 7, 536, 1460, stream.len()] {
        let mut framer = StreamFramer::new();
        let mut frames = Vec::new();
        for piece in stream.chunks(size) {
            framer.push(piece);
            while let Some(frame) = framer.poll_frame().unwrap() {
                frames.push(frame);
            }
        }
        assert_eq!(frames, expected, "in pieces of {size}");
    }
}
