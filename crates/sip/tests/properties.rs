//! What holds for every input: nothing panics, printing and reading are inverse, cuts do not matter.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

use bytes::Bytes;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::sample::{Index, select};
use proptest::{collection, prop_assert, prop_assert_eq};
use sip::digest::{Challenge, Credentials};
use sip::framing::{Frame, StreamFramer};
use sip::{
    HeaderName, Message, Method, NameAddr, RequestDraft, ResponseBuilder, StatusCode, Uri, Via,
};
use sip_fixtures::{Kind, bad, odd, phones};

/// Reads all there is to read, and answers what is a request.
fn exercise(bytes: Bytes) {
    let Ok(message) = Message::parse(bytes) else {
        return;
    };
    let headers = message.headers();
    for name in HeaderName::ALL {
        headers.values(*name).count();
        headers.name_addrs(*name).count();
    }
    headers.vias().count();
    headers
        .contacts()
        .filter_map(Result::ok)
        .for_each(|contact| {
            contact.expires();
        });
    headers.authorizations().count();
    headers.proxy_authorizations().count();
    headers
        .headers(HeaderName::WwwAuthenticate)
        .for_each(|value| {
            Challenge::parse(value);
        });
    let _ = (
        headers.from(),
        headers.to(),
        headers.cseq(),
        headers.call_id(),
    );
    let _ = (
        headers.expires(),
        headers.event(),
        headers.if_match(),
        headers.content_type(),
    );
    let _ = (headers.max_forwards(), headers.content_length());
    assert_eq!(headers.body_bytes(), headers.body());
    let canonical = message.to_canonical();
    assert!(Message::parse(canonical).is_ok());
    if let Message::Request(request) = &message {
        let mut checked = request.clone();
        if checked.check().is_ok() {
            // What the check has read is what is read without it.
            assert_eq!(checked.uri(), request.uri());
            assert_eq!(checked.via(), request.via());
            assert_eq!(checked.from_tag(), request.from_tag());
            assert_eq!(checked.to_tag(), request.to_tag());
            assert_eq!(checked.call_id(), request.call_id());
            assert_eq!(checked.cseq(), request.cseq());
        }
        let answer = ResponseBuilder::answer(&checked, StatusCode::OK)
            .received_from("192.0.2.1:5060".parse().unwrap())
            .to_tag("t")
            .build();
        assert!(matches!(Message::parse(answer), Ok(Message::Response(_))));
    }
}

/// A real or made message, with some bytes replaced, removed and put in.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let originals: Vec<Vec<u8>> = phones()
        .into_iter()
        .chain(odd())
        .chain(bad().into_iter().map(|bad| bad.message))
        .map(|fixture| fixture.bytes)
        .collect();
    let telling = b"\r\n \t:;,<>\"\\@?=&%[]*/\0\x01\x7f\x80\xff09azSIP".to_vec();
    let edit = (any::<Index>(), 0..3_u8, select(telling));
    (select(originals), collection::vec(edit, 0..12)).prop_map(|(mut bytes, edits)| {
        for (at, kind, byte) in edits {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, byte),
            }
        }
        bytes
    })
}

/// Text that tries to break out of its header.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z\r\n\t\0:;<>\"@ ]{0,40}",
        Just("x\r\nEvil: 1\r\n\r\nbody".to_owned()),
        Just("x\nEvil: 1".to_owned()),
        Just("x\rEvil: 1".to_owned()),
    ]
}

fn frames(stream: &[u8], cuts: &[usize]) -> (Vec<Frame>, bool) {
    let mut framer = StreamFramer::new();
    let mut found = Vec::new();
    let mut from = 0;
    for cut in cuts.iter().copied().chain([stream.len()]) {
        let cut = cut.clamp(from, stream.len());
        framer.push(&stream[from..cut]);
        from = cut;
        loop {
            match framer.poll_frame() {
                Ok(Some(frame)) => found.push(frame),
                Ok(None) => break,
                Err(_) => return (found, true),
            }
        }
    }
    (found, false)
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in collection::vec(any::<u8>(), 0..600)) {
        exercise(Bytes::from(bytes));
    }

    #[test]
    fn no_change_to_a_message_makes_a_reader_panic(bytes in mutated()) {
        exercise(Bytes::from(bytes));
    }

    #[test]
    fn no_value_makes_a_grammar_panic(value in collection::vec(any::<u8>(), 0..80)) {
        let _ = (Uri::parse(&value), Via::parse(&value));
        let _ = NameAddr::parse(HeaderName::From, &value);
        let _ = Credentials::parse(HeaderName::Authorization, &value);
        let _ = Credentials::parse(HeaderName::Authorization, &[&b"Digest "[..], &value].concat());
        Challenge::parse(&[&b"Digest "[..], &value].concat());
    }

    #[test]
    fn the_canonical_spelling_is_its_own(bytes in mutated()) {
        if let Ok(message) = Message::parse(Bytes::from(bytes)) {
            // A control character is written as a blank, which may mend the value it broke.
            let is_broken = |value: &[u8]| value.iter().any(u8::is_ascii_control);
            if message.headers().lines().any(|(_, _, value)| is_broken(value)) {
                return Ok(());
            }
            let once = message.to_canonical();
            let again = Message::parse(once.clone()).unwrap();
            prop_assert_eq!(again.to_canonical(), once);
            prop_assert_eq!(again.headers().body(), message.headers().body());
        }
    }

    #[test]
    fn what_a_draft_says_is_read_again(
        user in "[a-z0-9.!~*'()&=+$,;?/-]{1,20}",
        host in "[a-z]{1,10}(\\.[a-z]{2,5}){0,2}",
        tag in "[a-zA-Z0-9.~-]{1,20}",
        call_id in "[a-zA-Z0-9@.<>:/?{}-]{1,30}",
        cseq in 0..1_u32 << 31,
        subject in "[a-zA-Z0-9,;<>\"][ -~]{0,60}[a-z]",
        body in collection::vec(any::<u8>(), 0..200),
    ) {
        let address = format!("<sip:{user}@{host}>");
        let printed = RequestDraft::new(Method::Message, format!("sip:{user}@{host}"))
            .from(&address, &tag)
            .to(address.as_str())
            .call_id(call_id.as_str())
            .cseq(cseq)
            .header(HeaderName::Subject, subject.as_str())
            .body("text/plain", body.clone())
            .print("UDP 192.0.2.1:5060", "z9hG4bK1");
        let Message::Request(mut request) = Message::parse(printed).unwrap() else {
            panic!("not a request");
        };
        prop_assert_eq!(request.check(), Ok(()));
        prop_assert_eq!(request.uri().unwrap().user, Some(user.as_bytes()));
        prop_assert_eq!(request.from().unwrap().tag(), Some(tag.as_str()));
        prop_assert_eq!(request.call_id(), Ok(call_id.as_str()));
        prop_assert_eq!(request.cseq().unwrap().number, cseq);
        prop_assert_eq!(request.header(HeaderName::Subject), Some(subject.as_bytes()));
        prop_assert_eq!(request.body().as_ref(), body.as_slice());
    }

    #[test]
    fn no_text_can_add_a_line(texts in collection::vec(hostile(), 8), body in collection::vec(any::<u8>(), 0..50)) {
        let [uri, from, tag, to, call_id, value, name, kind] = texts.as_slice() else {
            panic!("eight texts");
        };
        let printed = RequestDraft::new(Method::Message, uri.as_str())
            .from(from, tag)
            .to(to.as_str())
            .call_id(call_id.as_str())
            .header(HeaderName::Subject, value.as_str())
            .extension_header(&format!("X-{name}"), value.as_str())
            .body(kind.as_str(), body.clone())
            .print("UDP 192.0.2.1:5060", "z9hG4bK1");
        let text = printed.as_ref();
        let head = text.windows(4).position(|part| part == b"\r\n\r\n").unwrap();
        prop_assert_eq!(&text[head + 4..], body.as_slice());
        let lines: Vec<_> = text[..head].split(|byte| *byte == b'\n').collect();
        // The request line, six of its own, and Subject, X-, Content-Type and Content-Length.
        prop_assert_eq!(lines.len(), 11);
        let is_bare_nul = |pair: &[u8]| pair[1] == 0 && pair[0] != b'\\';
        prop_assert!(!text[..head].windows(2).any(is_bare_nul));
        prop_assert_eq!(text[..head].iter().filter(|byte| **byte == b'\r').count(), 10);
    }

    #[test]
    fn cuts_do_not_change_the_frames(
        picked in collection::vec(any::<Index>(), 1..6),
        noise in collection::vec(any::<u8>(), 0..40),
        mut cuts in collection::vec(0..6000_usize, 0..20),
    ) {
        let pieces: Vec<Vec<u8>> = phones()
            .into_iter()
            .filter(|fixture| fixture.kind() != Kind::WebSocketHandshake)
            .map(|fixture| fixture.bytes)
            .collect();
        let mut stream: Vec<u8> = picked.iter().flat_map(|at| at.get(&pieces).clone()).collect();
        stream.extend(noise);
        cuts.sort_unstable();
        prop_assert_eq!(frames(&stream, &cuts), frames(&stream, &[]));
    }

    #[test]
    fn a_challenge_is_read_as_printed(realm in any::<String>(), nonce in "[!#-~]{1,40}", is_stale in any::<bool>()) {
        let realm = realm.replace(['\r', '\n', '\0'], " ");
        let challenge = Challenge {
            realm,
            nonce: nonce.replace('\\', "/"),
            suite: sip::digest::Algorithm::Sha256.into(),
            is_stale,
            qualities: vec![sip::digest::Qop::Auth],
            opaque: None,
        };
        let has_control = challenge.realm.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t');
        let read = Challenge::parse(challenge.to_string().as_bytes());
        prop_assert!(has_control || read == Some(challenge));
    }
}
