//! What is remembered of answers, for how long, and that it comes out as it was.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Answered, Known};
use crate::header_name::HeaderName;
use crate::message::{Message, Request};
use crate::status::StatusCode;
use crate::transaction::key::{BranchKey, Identity, Keys};
use crate::transaction::merged::Novelty;
use crate::transaction::tests::script::{address, flow, parse, request_text, start};
use crate::write::response::ResponseBuilder;

const J: Duration = Duration::from_secs(32);

fn request(branch: &str) -> Request {
    match parse(&request_text(
        "PUBLISH",
        &format!("branch=z9hG4bK{branch};rport"),
    )) {
        Message::Request(request) => request,
        Message::Response(_) => panic!("a request was written"),
    }
}

fn names(request: &Request) -> (Identity, BranchKey) {
    let keys = Keys::new([1, 2]);
    let via = request.via().unwrap();
    let identity = Identity {
        key: keys
            .of_request(request, &via, flow(crate::flow::Protocol::Udp))
            .unwrap(),
        merge: keys.of_merged(request).unwrap(),
    };
    (identity, keys.of_branch(request, &via))
}

fn source() -> SocketAddr {
    address("127.0.0.1:40000")
}

fn published(request: &Request, tag: &str) -> Bytes {
    ResponseBuilder::answer(request, StatusCode::OK)
        .received_from(source())
        .to_tag("1f2e3d4c")
        .header(HeaderName::SipEtag, tag)
        .header(HeaderName::Expires, "600")
        .build()
}

fn insert(answered: &mut Answered, request: &Request, response: &[u8], now: Instant) {
    let (identity, branch) = names(request);
    answered.insert(&identity, branch, response, now);
}

fn look_up(answered: &Answered, request: &Request) -> Option<Bytes> {
    let (identity, branch) = names(request);
    match answered.look_up(&identity, branch, request, source()) {
        Known::Repeated(response) => Some(response),
        Known::No(_) => None,
    }
}

#[test]
fn each_answer_comes_again_to_the_octet_until_its_time_is_over() {
    let (mut answered, start) = (Answered::new(J), start());
    let requests: Vec<_> = (0..3000).map(|n| request(&format!("b{n}"))).collect();
    let at = |n: usize| start + Duration::from_millis(n as u64 * 10);
    for (n, request) in requests.iter().enumerate() {
        answered.expire(at(n));
        insert(
            &mut answered,
            request,
            &published(request, &format!("{n:016x}")),
            at(n),
        );
    }
    for (n, request) in requests.iter().enumerate() {
        let again = look_up(&answered, request);
        assert_eq!(again, Some(published(request, &format!("{n:016x}"))), "{n}");
    }
    for now in [
        J,
        J + Duration::from_secs(7),
        J + Duration::from_millis(29_989),
    ] {
        answered.expire(start + now);
        let left = requests
            .iter()
            .enumerate()
            .filter(|(n, _)| at(*n) + J > start + now)
            .count();
        assert_eq!(answered.len(), left);
        let found = requests
            .iter()
            .filter(|it| look_up(&answered, it).is_some());
        assert_eq!(found.count(), left);
    }
    answered.expire(start + J + J);
    assert!(answered.len() == 0 && answered.buckets.is_empty() && answered.next().is_none());
    // Each of four buckets had one, and the next answers take them.
    assert!(answered.spare.count() >= 4, "{}", answered.spare.count());
}

#[test]
fn answers_of_every_kind_come_again_to_the_octet() {
    let now = start();
    let plain = request("plain");
    let with_tag = parse(&request_text("MESSAGE", "branch=z9hG4bKtag").replace(
        "To: <sip:alice@shop.example>",
        "To: <sip:alice@shop.example>;tag=x;y=z",
    ));
    let Message::Request(with_tag) = with_tag else {
        panic!("a request was written")
    };
    for request in [plain, with_tag] {
        let answer = |code| ResponseBuilder::answer(&request, StatusCode::new(code).unwrap());
        let answers = [
            answer(200).build(),
            answer(200)
                .to_tag("a")
                .received_from(source())
                .body("text/plain", "h\u{e9}llo\r\nExpires: 7")
                .build(),
            answer(403)
                .to_tag("b")
                .reason("Not You, \u{fc}")
                .received_from(source())
                .build(),
            answer(423)
                .to_tag("c")
                .header(HeaderName::MinExpires, "60")
                .build(),
        ];
        for response in answers {
            let mut answered = Answered::new(J);
            insert(&mut answered, &request, &response, now);
            assert_eq!(look_up(&answered, &request), Some(response));
        }
    }
}

/// A To tag of 300 bytes is too long for a record, and one of 200 with such a body makes one too long for a page. They come
/// where a new page begins, and the next answer needs one, too.
#[test]
fn an_answer_that_cannot_be_kept_keeps_no_other_from_being_forgotten() {
    let (mut answered, now) = (Answered::new(J), start());
    let mut kept = Vec::new();
    for (tag, body) in [(1, 32_000), (300, 32_000), (200, 65_400), (1, 40_000)] {
        let request = request(&format!("b{tag}x{body}"));
        let response = ResponseBuilder::answer(&request, StatusCode::OK)
            .to_tag("t".repeat(tag))
            .body("text/plain", "x".repeat(body))
            .build();
        insert(&mut answered, &request, &response, now);
        kept.push(look_up(&answered, &request) == Some(response));
    }
    assert_eq!(kept, [true, false, false, true]);
    answered.expire(now + J);
    assert_eq!((answered.len(), answered.next()), (0, None));
}

#[test]
fn the_same_request_by_another_way_has_merged() {
    let (mut answered, now) = (Answered::new(J), start());
    let first = request("one");
    insert(&mut answered, &first, &published(&first, "a"), now);
    let other =
        request_text("PUBLISH", "branch=z9hG4bKone;rport").replace("=z9hG4bKone", "=z9hG4bKtwo");
    let Message::Request(other) = parse(&other) else {
        panic!("a request was written")
    };
    let (identity, branch) = names(&other);
    let known = answered.look_up(&identity, branch, &other, source());
    assert!(matches!(known, Known::No(Novelty::Merged)));
    let (identity, branch) = names(&request("else"));
    let known = answered.look_up(&identity, branch, &other, source());
    assert!(matches!(known, Known::No(Novelty::New)));
}

#[test]
fn requests_that_share_a_label_alone_have_not_merged() {
    let (mut answered, now) = (Answered::new(J), start());
    let keys = Keys::new([1, 2]);
    let (first, second) = (request("one"), request("two"));
    let merge = keys.merge_of_number(1);
    let mut identity = names(&first).0;
    identity.merge = Some(merge);
    answered.insert(&identity, names(&first).1, &published(&first, "a"), now);
    let (mut identity, branch) = names(&second);
    for (merge, novelty) in [
        (merge, Novelty::Merged),
        (keys.merge_beside(merge), Novelty::New),
    ] {
        identity.merge = Some(merge);
        let known = answered.look_up(&identity, branch, &second, source());
        assert!(
            matches!(known, Known::No(found) if found == novelty),
            "{novelty:?}"
        );
    }
}

#[test]
fn an_answered_publish_takes_about_70_bytes() {
    let (mut answered, start) = (Answered::new(J), start());
    const COUNT: usize = 200_000;
    let keys = Keys::new([1, 2]);
    let (request, identity) = (request("one"), names(&request("one")).0);
    let response = published(&request, "18c3f2a9b0d4e5f6");
    for n in 0..COUNT {
        let identity = Identity {
            merge: Some(keys.merge_of_number(n as u64)),
            ..identity
        };
        let branch = names(&request).1;
        answered.insert(
            &identity,
            branch,
            &response,
            start + Duration::from_micros(n as u64 * 20),
        );
    }
    let bytes: usize = answered.buckets.iter().map(super::Bucket::bytes).sum();
    assert!(bytes / COUNT <= 76, "{}", bytes / COUNT);
}
