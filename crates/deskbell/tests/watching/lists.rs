//! Lists: a watcher's own (RFC 5367), and a group as the list of its reps (RFC 4662).

use std::io::{Read, Write};

use examples::document::{Activity, Basic};
use examples::phone::watcher::{Notify, granted};
use examples::rsip::Header;
use examples::rsip::headers::{self, UntypedHeader};
use examples::wire::Protocol;

use crate::shop::{LIMIT, aor, code, other, quiet, rep, serve, told};

/// As Linphone asks for the states of its friends.
pub(crate) fn list_headers() -> Vec<Header> {
    vec![
        other("Supported", "eventlist"),
        headers::Require::new("recipient-list-subscribe").into(),
        headers::Accept::new("multipart/related").into(),
        headers::Accept::new("application/pidf+xml").into(),
        headers::Accept::new("application/rlmi+xml").into(),
        other("Content-Disposition", "recipient-list"),
        headers::ContentType::new("application/resource-lists+xml").into(),
    ]
}

pub(crate) fn list(entries: &[&str]) -> String {
    let entries: String = entries
        .iter()
        .map(|uri| format!("<entry uri=\"{uri}\"/>"))
        .collect();
    format!(
        "<?xml version=\"1.0\"?><resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list>{entries}</list></resource-lists>"
    )
}

/// The rlmi part and the presence documents.
#[track_caller]
fn parts(notify: &Notify) -> (String, Vec<String>) {
    assert!(
        notify
            .content_type
            .starts_with("multipart/related;type=\"application/rlmi+xml\""),
        "{notify:?}"
    );
    assert_eq!(notify.require, "eventlist");
    let boundary = notify
        .content_type
        .split("boundary=")
        .nth(1)
        .unwrap()
        .trim();
    let delimiter = format!("--{boundary}");
    let mut parts = notify.body.split(&delimiter).skip(1).map(str::to_owned);
    let rlmi = parts.next().unwrap();
    assert!(
        rlmi.contains("<list xmlns=\"urn:ietf:params:xml:ns:rlmi\""),
        "{rlmi}"
    );
    let documents: Vec<_> = parts.filter(|part| part.contains("<presence")).collect();
    for document in &documents {
        let id = document
            .split("Content-Id: <")
            .nth(1)
            .unwrap()
            .split('>')
            .next()
            .unwrap();
        assert!(rlmi.contains(&format!("cid=\"{id}\"")), "{id} in {rlmi}");
    }
    (rlmi, documents)
}

/// RFC 5367, RFC 4662.
#[test]
fn a_watchers_own_list_is_told_whole_and_then_in_parts() {
    let mut server = serve("");
    let mut alice = rep(&server, "alice");
    alice.publish(Basic::Open, Activity::Busy, 60).unwrap();
    let mut watcher = server.watcher(Protocol::Tcp, "bob").unwrap();
    let body = list(&[
        &aor("alice"),
        &aor("carol"),
        &aor("lenses.gold"),
        &aor("nobody"),
    ]);
    let answer = watcher
        .subscribe_with_body(&aor("rls"), 600, list_headers(), body.as_bytes())
        .unwrap();
    assert_eq!((code(&answer), granted(&answer)), (200, Some(600)));
    assert!(
        answer.to_string().contains("Require: eventlist"),
        "{answer}"
    );
    let (rlmi, documents) = parts(&told(&mut watcher));
    assert!(rlmi.contains("version=\"0\" fullState=\"true\""), "{rlmi}");
    assert!(
        rlmi.contains(&format!(
            "uri=\"{}\"><instance id=\"i3\" state=\"terminated\" reason=\"noresource\"",
            aor("nobody")
        )),
        "{rlmi}"
    );
    assert_eq!(documents.len(), 3);
    assert!(documents[0].contains("<rpid:busy/>"), "{documents:?}");
    // Alice's group follows from her state, and may be told of after it.
    if !documents[2].contains("1 busy") {
        watcher.wait_notify("lenses.gold@", LIMIT).unwrap();
    }
    quiet(&mut watcher);

    // Only who changed is told of.
    let mut carol = rep(&server, "carol");
    carol.publish(Basic::Open, Activity::None, 60).unwrap();
    let changed = watcher.wait_notify("carol@", LIMIT).unwrap();
    let (rlmi, documents) = parts(&changed);
    assert!(
        rlmi.contains(&format!(
            "version=\"{}\" fullState=\"false\"",
            changed.cseq - 1
        )),
        "{rlmi}"
    );
    assert!(
        !rlmi.contains("alice@") && documents.len() <= 2,
        "{documents:?}"
    );
    // Her group follows from her state: it is told of with her, or after her.
    if !rlmi.contains("lenses.gold@") {
        watcher.wait_notify("lenses.gold@", LIMIT).unwrap();
    }

    // A refresh, and the end, tell all.
    assert_eq!(code(&watcher.refresh(600).unwrap()), 200);
    let (rlmi, documents) = parts(&watcher.wait_notify("fullState=\"true\"", LIMIT).unwrap());
    assert!(rlmi.contains("alice@") && documents.len() == 3, "{rlmi}");
    assert_eq!(code(&watcher.refresh(0).unwrap()), 200);
    assert_eq!(
        watcher.wait_notify("terminated", LIMIT).unwrap().state,
        "terminated;reason=timeout"
    );
    carol.publish(Basic::Open, Activity::Busy, 60).unwrap();
    quiet(&mut watcher);
    server.check_alive().unwrap();
}

/// Both ways, as Linphone does.
#[test]
fn a_list_comes_and_goes_packed() {
    let server = serve("");
    let mut watcher = server.watcher(Protocol::Udp, "bob").unwrap();
    let mut extra = list_headers();
    extra.push(other("Content-Encoding", "deflate"));
    extra.push(other("Accept-Encoding", "deflate"));
    let mut packing = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    let entries = [aor("alice"), aor("carol"), aor("dave"), aor("erin")];
    let entries: Vec<_> = entries.iter().map(String::as_str).collect();
    packing.write_all(list(&entries).as_bytes()).unwrap();
    let body = packing.finish().unwrap();
    let answer = watcher
        .subscribe_with_body(&aor("rls"), 600, extra, &body)
        .unwrap();
    assert_eq!(code(&answer), 200);
    let first = told(&mut watcher);
    assert_eq!(first.encoding, "deflate");
    assert!(
        first.bytes.len() < 1300,
        "it fits a datagram: {}",
        first.bytes.len()
    );
    let mut text = String::new();
    flate2::read::ZlibDecoder::new(first.bytes.as_slice())
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text.matches("<presence").count(), 4, "{text}");
}

#[test]
fn a_list_that_cannot_be_read_is_refused_by_the_book() {
    let mut server = serve("");
    let ask = |without: &str, body: &[u8]| {
        let extra = list_headers();
        let extra = extra
            .into_iter()
            .filter(|header| !header.to_string().contains(without));
        let mut watcher = server.watcher(Protocol::Udp, "bob").unwrap();
        watcher
            .subscribe_with_body(&aor("rls"), 60, extra.collect(), body)
            .unwrap()
    };
    let good = list(&[&aor("alice")]);
    assert_eq!(code(&ask("nothing", good.as_bytes())), 200);
    let answer = ask("Supported", good.as_bytes());
    assert_eq!(code(&answer), 421);
    assert!(
        answer.to_string().contains("Require: eventlist"),
        "{answer}"
    );
    assert_eq!(code(&ask("rlmi", good.as_bytes())), 421);
    let answer = ask("resource-lists", good.as_bytes());
    assert_eq!(code(&answer), 415);
    assert!(
        answer
            .to_string()
            .contains("application/resource-lists+xml"),
        "{answer}"
    );
    assert_eq!(code(&ask("nothing", b"<list/>")), 415);
    assert_eq!(code(&ask("nothing", b"")), 415);
    assert_eq!(
        code(&ask("nothing", &good.as_bytes()[..good.len() - 9])),
        400
    );
    let many: Vec<String> = (0..201)
        .map(|place| format!("sip:r{place}@shop.example"))
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(code(&ask("nothing", list(&many).as_bytes())), 400);
    server.check_alive().unwrap();
}

/// RFC 4662 §4.1: the same address is one presentity for some and a list for others.
#[test]
fn a_group_is_the_list_of_its_reps_for_whoever_knows_lists() {
    let server = serve("");
    let mut watcher = server.watcher(Protocol::Tcp, "bob").unwrap();
    let extra = list_headers().into_iter().filter(|header| {
        let header = header.to_string();
        !header.contains("recipient-list") && !header.contains("resource-lists")
    });
    let answer = watcher
        .subscribe(&aor("lenses.standard"), Some(600), extra.collect())
        .unwrap();
    assert_eq!(code(&answer), 200);
    let (rlmi, documents) = parts(&told(&mut watcher));
    assert!(
        rlmi.contains(&format!("uri=\"{}\"", aor("lenses.standard"))),
        "{rlmi}"
    );
    // carol serves gold and platinum only.
    for (user, listed) in [
        ("alice", true),
        ("bob", false),
        ("carol", false),
        ("erin", true),
    ] {
        assert_eq!(rlmi.contains(&aor(user)), listed, "{user} in {rlmi}");
    }
    assert_eq!(documents.len(), 2);
    let mut erin = rep(&server, "erin");
    erin.publish(Basic::Open, Activity::Away, 60).unwrap();
    let (_, documents) = parts(&watcher.wait_notify("<rpid:away/>", LIMIT).unwrap());
    assert_eq!(documents.len(), 1);
}
