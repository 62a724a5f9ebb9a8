//! The torture set of RFC 4475 and RFC 5118: what this crate alone makes of each message.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use bytes::Bytes;
use sip::framing::{Frame, StreamFramer};
use sip::{HeaderName, Host, Message, Request, Response, ResponseBuilder, StatusCode};
use sip_fixtures::{Torture, Verdict, torture};

fn bytes(name: &str) -> Bytes {
    let mut cases = torture().into_iter();
    Bytes::from(
        cases
            .find(|case| case.message.name == name)
            .unwrap()
            .message
            .bytes,
    )
}

fn request(name: &str) -> Request {
    match Message::parse(bytes(name)).unwrap() {
        Message::Request(request) => request,
        Message::Response(_) => panic!("{name} is a response"),
    }
}

fn response(name: &str) -> Response {
    match Message::parse(bytes(name)).unwrap() {
        Message::Response(response) => response,
        Message::Request(_) => panic!("{name} is a request"),
    }
}

#[test]
fn each_message_is_judged_as_the_table_says() {
    let mut wrong = Vec::new();
    for Torture { message, fault, .. } in torture() {
        let found = match Message::parse(Bytes::from(message.bytes)) {
            Err(_) => Some(Verdict::Dropped),
            Ok(Message::Response(_)) => None,
            Ok(Message::Request(mut request)) => {
                request.check().err().map(|bad| Verdict::Answered {
                    status: bad.status.code(),
                    reason: bad.reason.into_owned(),
                })
            }
        };
        if found != fault {
            wrong.push(format!("{}: {found:?} instead of {fault:?}", message.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// RFC 3261 §8.2.6.2: also what is refused is answered to the letter.
#[test]
fn answers_repeat_what_they_must_to_the_octet() {
    for Torture { message, .. } in torture() {
        let Ok(Message::Request(request)) = Message::parse(Bytes::from(message.bytes)) else {
            continue;
        };
        let answer = ResponseBuilder::answer(&request, StatusCode::OK)
            .to_tag("t")
            .build();
        let Ok(Message::Response(answer)) = Message::parse(answer) else {
            panic!("{} is answered with no response", message.name);
        };
        for name in [
            HeaderName::Via,
            HeaderName::From,
            HeaderName::CallId,
            HeaderName::CSeq,
        ] {
            let asked: Vec<_> = request.headers(name).collect();
            let answered: Vec<_> = answer.headers(name).collect();
            let is_repeated = name != HeaderName::Via && asked.len() > 1;
            let is_broken = |value: &&[u8]| value.contains(&0) && !value.contains(&b'\\');
            if !is_repeated && !asked.iter().any(is_broken) {
                assert_eq!(answered, asked, "{} {name}", message.name);
            }
        }
        let tagged = request
            .header(HeaderName::To)
            .map(|to| [to, b";tag=t"].concat());
        let to = answer.header(HeaderName::To);
        assert!(
            to == request.header(HeaderName::To) || to == tagged.as_deref(),
            "{}",
            message.name
        );
    }
}

#[test]
fn a_tortuous_invite_is_read_to_its_last_part() {
    let invite = request("wsinv");
    let vias: Vec<_> = invite.vias().map(Result::unwrap).collect();
    let branches: Vec<_> = vias.iter().map(|via| via.branch().unwrap()).collect();
    assert_eq!(branches, ["770skdjvw", "z9hG4bK8ikj9", "z9hG4bK20329"]);
    assert_eq!(
        vias.iter().map(|via| via.transport).collect::<Vec<_>>(),
        ["UDP", "TCP", "UDP"]
    );
    assert_eq!(invite.max_forwards(), Ok(Some(68)));
    assert_eq!(invite.cseq().unwrap().number, 7);
    assert_eq!(
        invite.from().unwrap().display_name().unwrap(),
        r#"A. Bell \""#
    );
    assert_eq!(invite.from().unwrap().tag(), Some("77asjd8x"));
    assert_eq!(invite.to().unwrap().tag(), Some("1830ud7x"));
    assert_eq!(invite.header(HeaderName::Subject), Some(&b""[..]));
    assert_eq!(
        invite.extension_headers("HeaderOfStrangeValue").next(),
        Some(&b";;,,;;,;"[..])
    );
    let contact = invite.contacts().next().unwrap().unwrap();
    assert_eq!(contact.address().unwrap().params.token("q"), Some("0.33"));
}

#[test]
fn quoted_control_characters_are_text() {
    let odd = request("intmeth");
    assert_eq!(
        odd.to().unwrap().display_name().unwrap(),
        "BEL:\x07 NUL:\0 DEL:\x7f"
    );
    assert_eq!(
        odd.call_id(),
        Ok(r#"odd.word%ZK-!.*_+'@word`~)(><:\/"][?}{"#)
    );
    assert_eq!(
        odd.uri().unwrap().password,
        Some(&b"&a+b=1,pass!*wo$rd~.(no'so)"[..])
    );
    assert_eq!(odd.from().unwrap().tag(), Some("_word~1'+`*%!-."));
}

#[test]
fn escapes_mean_letters_in_uris_alone() {
    let invite = request("esc01");
    assert_eq!(
        invite.uri().unwrap().user_decoded().unwrap(),
        "sips:alice@home.example"
    );
    assert_eq!(
        invite
            .to()
            .unwrap()
            .sip_uri()
            .unwrap()
            .user_decoded()
            .unwrap(),
        "alice"
    );
    let contact = invite.contacts().next().unwrap().unwrap();
    let uri = contact.address().unwrap().sip_uri().unwrap();
    // The escape of a percent sign is undone once: `%25%34%31` is `%41`, not `A`.
    assert_eq!(
        uri.params.get("name").unwrap().unwrap(),
        b"v%61lue%25%34%31"
    );
    assert_eq!(request("esc02").method_text(), b"RE%47IST%45R");
    assert_eq!(request("esc02").contacts().count(), 2);
}

#[test]
fn escaped_nuls_tell_users_apart() {
    let register = request("escnull");
    let users: Vec<_> = register
        .contacts()
        .map(|contact| {
            let contact = contact.unwrap();
            contact
                .address()
                .unwrap()
                .sip_uri()
                .unwrap()
                .user_decoded()
                .unwrap()
                .into_owned()
        })
        .collect();
    assert_eq!(users, ["\0", "\0\0"]);
}

#[test]
fn what_follows_a_datagram_is_dropped_and_on_a_stream_is_the_next_message() {
    let two = bytes("dblreq");
    let Message::Request(first) = Message::parse(two.clone()).unwrap() else {
        panic!("not a request");
    };
    assert!(first.body().is_empty());
    let mut framer = StreamFramer::new();
    framer.push(&two);
    let frames: Vec<_> = std::iter::from_fn(|| framer.poll_frame().unwrap()).collect();
    let methods: Vec<_> = frames
        .into_iter()
        .map(|frame| match frame {
            Frame::Message(framed) => match framed.read().unwrap() {
                Message::Request(request) => request.method_text().to_vec(),
                Message::Response(_) => panic!("a response"),
            },
            Frame::KeepAlive => panic!("a keepalive"),
        })
        .collect();
    assert_eq!(methods, [&b"REGISTER"[..], b"INVITE"]);
}

#[test]
fn reasons_are_kept_as_they_came() {
    let odd = response("unreason");
    assert!(
        odd.reason()
            .starts_with("= 2**3 * 5**2 \u{441}\u{442}\u{43e}".as_bytes())
    );
    assert_eq!(response("noreason").reason(), b"");
    assert!(response("scalarlg").cseq().is_err());
}

#[test]
fn a_binary_part_comes_out_octet_for_octet() {
    let message = request("mpart01");
    assert!(bytes("mpart01").ends_with(message.body()));
    assert!(message.body().windows(4).any(|part| part == b"\r\n\r\n"));
}

#[test]
fn a_parameter_belongs_to_what_its_brackets_say() {
    let parameters = |name: &str| {
        let register = request(name);
        let contact = register.contacts().next().unwrap().unwrap();
        let address = contact.address().unwrap();
        (
            address.params.get("unknownparam").is_some(),
            address
                .sip_uri()
                .unwrap()
                .params
                .get("unknownparam")
                .is_some(),
        )
    };
    assert_eq!(parameters("cparam01"), (true, false));
    assert_eq!(parameters("cparam02"), (false, true));
}

/// RFC 5118.
#[test]
fn ports_stand_behind_the_brackets() {
    let host_and_port = |name: &str| {
        let uri = request(name);
        let uri = uri.uri().unwrap();
        (uri.host.to_string(), uri.port)
    };
    assert_eq!(
        host_and_port("port-ambiguous"),
        ("[2001:db8::10:5070]".to_owned(), None)
    );
    assert_eq!(
        host_and_port("port-unambiguous"),
        ("[2001:db8::10]".to_owned(), Some(5070))
    );
    let mapped = request("ipv4-mapped-ipv6");
    assert_eq!(
        mapped.via().unwrap().host,
        Host::V6("::ffff:192.0.2.10".parse().unwrap())
    );
    for name in [
        "via-received-param-with-delim",
        "via-received-param-no-delim",
    ] {
        let received = request(name).via().unwrap().received();
        assert_eq!(received, Some("2001:db8::9:255".parse().unwrap()), "{name}");
    }
    let three = request("ipv6-bug-abnf-3-colons");
    let two = request("ipv6-correct-abnf-2-colons");
    assert_eq!(three.uri().unwrap().host, two.uri().unwrap().host);
}
