//! Messages of our own making: broken ones get the verdict their file states, odd ones are sound.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use bytes::Bytes;
use sip::{Host, Message, Method, Request, ResponseBuilder, StatusCode};
use sip_fixtures::{Verdict, bad, odd};

fn odd_request(name: &str) -> Request {
    let fixture = odd()
        .into_iter()
        .find(|fixture| fixture.name == name)
        .unwrap();
    match Message::parse(Bytes::from(fixture.bytes)).unwrap() {
        Message::Request(request) => request,
        Message::Response(_) => panic!("{name} is a response"),
    }
}

#[test]
fn broken_messages_get_the_verdict_they_deserve() {
    for bad in bad() {
        let name = &bad.message.name;
        let found = match Message::parse(Bytes::from(bad.message.bytes)) {
            Err(_) => Verdict::Dropped,
            Ok(Message::Response(_)) => panic!("{name} is a response"),
            Ok(Message::Request(mut request)) => {
                let Err(fault) = request.check() else {
                    panic!("{name} passes the check");
                };
                Verdict::Answered {
                    status: fault.status.code(),
                    reason: fault.reason.into_owned(),
                }
            }
        };
        assert_eq!(found, bad.verdict, "{name}");
    }
}

#[test]
fn answers_to_broken_messages_are_sound_as_far_as_they_can_be() {
    for bad in bad() {
        let name = bad.message.name;
        let Ok(Message::Request(request)) = Message::parse(Bytes::from(bad.message.bytes)) else {
            continue;
        };
        let answer = ResponseBuilder::answer(&request, StatusCode::BAD_REQUEST)
            .received_from("192.0.2.10:5060".parse().unwrap())
            .to_tag("t")
            .build();
        let Message::Response(response) = Message::parse(answer.clone()).unwrap() else {
            panic!("{name} is answered with a request");
        };
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{name}");
        assert!(!answer.contains(&0), "{name}");
        assert_eq!(
            response.headers(sip::HeaderName::Subject).count(),
            0,
            "{name}"
        );
    }
}

#[test]
fn odd_messages_are_sound_and_survive_their_canonical_spelling() {
    for fixture in odd() {
        let message = Message::parse(Bytes::from(fixture.bytes)).unwrap();
        let canonical = message.to_canonical();
        let again = Message::parse(canonical.clone()).unwrap();
        for message in [&message, &again] {
            if let Message::Request(request) = message {
                assert_eq!(request.clone().check(), Ok(()), "{}", fixture.name);
            }
        }
        assert_eq!(again.to_canonical(), canonical, "{}", fixture.name);
        assert_eq!(
            again.headers().body(),
            message.headers().body(),
            "{}",
            fixture.name
        );
    }
}

#[test]
fn compact_names_are_the_long_ones() {
    let request = odd_request("compact-names");
    assert_eq!(
        request.from().unwrap().sip_uri().unwrap().user,
        Some(&b"bob"[..])
    );
    assert_eq!(request.call_id(), Ok("a1@192.0.2.10"));
    assert_eq!(request.contacts().count(), 1);
    assert_eq!(request.body().as_ref(), b"hi");
}

#[test]
fn folded_lines_are_one_line_with_blanks() {
    let request = odd_request("folded");
    assert_eq!(
        request.header(sip::HeaderName::Subject),
        Some(&b"one   two  \tthree"[..])
    );
    assert_eq!(request.via().unwrap().branch(), Some("z9hG4bK1"));
    assert_eq!(request.from().unwrap().tag(), Some("1"));
}

#[test]
fn several_values_on_a_line_are_several_values() {
    let request = odd_request("two-vias-on-a-line");
    let branches: Vec<_> = request.vias().map(|via| via.unwrap().branch()).collect();
    assert_eq!(
        branches,
        [Some("z9hG4bK2"), Some("z9hG4bK1"), Some("z9hG4bK0")]
    );
    assert_eq!(request.contacts().filter(Result::is_ok).count(), 2);
}

#[test]
fn unknown_methods_and_headers_are_kept_byte_for_byte() {
    let request = odd_request("unknown-method");
    assert_eq!(
        (request.method(), request.method_text()),
        (Method::Other, &b"NEWMETHOD!%*"[..])
    );
    let value: Vec<_> = request.extension_headers("x-unheard").collect();
    assert_eq!(value, [br#"of: it, "all" <y>"#]);
}

#[test]
fn ipv6_references_are_addresses() {
    let request = odd_request("ipv6");
    let uri = request.uri().unwrap();
    assert_eq!(uri.host, Host::V6("2001:db8::10".parse().unwrap()));
    assert_eq!(uri.port, Some(5070));
    assert_eq!(
        request.via().unwrap().received(),
        Some("2001:db8::9:255".parse().unwrap())
    );
}

#[test]
fn bodies_end_where_they_should() {
    assert_eq!(
        odd_request("no-content-length").body().as_ref(),
        b"no length"
    );
    assert_eq!(
        odd_request("content-length-padded").body().as_ref(),
        b"nine byte"
    );
    assert_eq!(
        odd_request("content-length-below-body").body().as_ref(),
        b"abcd"
    );
}

#[test]
fn quoted_pairs_do_not_end_a_string() {
    let request = odd_request("quoted-pairs");
    assert_eq!(request.from().unwrap().tag(), Some("1"));
    assert_eq!(
        request.from().unwrap().display_name().unwrap(),
        r#"a "quoted" \ name;tag=no"#
    );
    assert_eq!(request.to().unwrap().tag(), None);
}

#[test]
fn user_parts_may_hold_nearly_everything() {
    let request = odd_request("user-with-everything");
    let uri = request.uri().unwrap();
    assert_eq!(uri.user_decoded().unwrap(), "a.l/i;ce=1,2?x#");
    assert_eq!(uri.password, Some(&b"pa$$"[..]));
    assert_eq!(uri.params.get("transport"), Some(Some(&b"udp"[..])));
    let contact = request.contacts().next().unwrap().unwrap();
    let headers = contact.address().unwrap().sip_uri().unwrap().headers;
    assert_eq!(headers, Some(&b"Subject=hi"[..]));
}
