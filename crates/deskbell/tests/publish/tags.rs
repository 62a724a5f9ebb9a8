//! Entity-tags: what they tell apart, what they name, and for how long.

use std::collections::HashSet;

use examples::unique;
use examples::wait;
use examples::wire::{Link, Protocol};

use crate::documents::{DIALOG_INFO, PIDF, closed, dialog_info, open, pidf};
use crate::room::{Answer, LIMIT, Publish, Room, receive};

#[test]
fn initial_refresh_modify_and_remove_are_told_apart_by_tag_and_body() {
    let room = Room::open();
    // RFC 3903 §4.2.
    let initial = room.send(&Publish::initial(&open()).expires("60"));
    assert_eq!(initial.seconds(), Some(60));
    assert_eq!(room.told(), "open");
    // RFC 3903 §4.3.
    let refreshed = room.send(&Publish::presence().tag(&initial.tag()).expires("90"));
    assert_eq!(refreshed.seconds(), Some(90));
    assert_eq!(room.told(), "open");
    // RFC 3903 §4.4.
    let modified = room.send(&Publish::initial(&closed()).tag(&refreshed.tag()));
    assert_eq!(modified.code(), 200);
    assert_eq!(room.told(), "closed");
    let again = room.send(&Publish::initial(&open()).tag(&modified.tag()));
    assert_eq!(room.told(), "open");
    // RFC 3903 §4.5.
    let removed = room.send(&Publish::presence().tag(&again.tag()).expires("0"));
    assert_eq!((removed.code(), removed.seconds()), (200, Some(0)));
    assert_eq!(room.told(), "closed");
    // RFC 3903 §4.1: each 200 has a tag of its own.
    let tags: HashSet<String> = [initial, refreshed, modified, again, removed]
        .iter()
        .map(Answer::tag)
        .collect();
    assert_eq!(tags.len(), 5);
}

/// Kamailio, where it keeps presence in memory, forgets the document at a refresh.
#[test]
fn a_refresh_keeps_the_document() {
    let room = Room::open();
    let busy = pidf(
        "<tuple id=\"t\"><status><basic>open</basic></status></tuple>\
         <dm:person id=\"p\"><rpid:activities><rpid:meeting/></rpid:activities></dm:person>",
    );
    let mut tag = room.send(&Publish::initial(&busy)).tag();
    let told = room.told();
    assert_eq!(told, "open <rpid:meeting/><rpid:busy/>");
    for content_type in [None, Some(PIDF), None] {
        let mut refresh = Publish::presence().tag(&tag);
        if let Some(content_type) = content_type {
            // baresip's refresh names a type and has no body.
            refresh = refresh.with("Content-Type", content_type);
        }
        tag = room.send(&refresh).tag();
        assert_eq!(room.told(), told);
    }
}

/// siphon-sip takes an unknown tag for the begin of a publication.
#[test]
fn an_entity_tag_that_names_nothing_is_answered_412_and_starts_nothing() {
    let room = Room::open();
    let first = room.send(&Publish::initial(&open())).tag();
    let used = first.clone();
    let second = room.send(&Publish::presence().tag(&first)).tag();
    let of_bob = room.send(
        &Publish::of("bob")
            .with("Event", "presence")
            .body(PIDF, open()),
    );
    let of_a_line = room.send(
        &Publish::of("alice")
            .with("Event", "dialog")
            .body(DIALOG_INFO, dialog_info("terminated")),
    );
    let removed = room.send(&Publish::initial(&open())).tag();
    let after = room.send(&Publish::presence().tag(&removed).expires("0"));
    let unknown = [
        used,
        of_bob.tag(),
        of_a_line.tag(),
        removed,
        after.tag(),
        "etag1".to_owned(),
        second.to_uppercase() + "0",
    ];
    for tag in &unknown {
        for publish in [
            Publish::presence().tag(tag),
            Publish::initial(&closed()).tag(tag),
            Publish::presence().tag(tag).expires("0"),
            // RFC 3903 §6: the tag is looked at before the body.
            Publish::presence().tag(tag).body("text/plain", "closed"),
        ] {
            assert_eq!(room.code(&publish), 412, "{tag}");
        }
    }
    assert_eq!(room.code(&Publish::presence().tag(&second)), 200);
    assert_eq!(room.told(), "open");
}

#[test]
fn an_entity_tag_ends_with_its_publication() {
    let room = Room::open();
    // The least lifetime is five seconds.
    let answer = room.send(&Publish::initial(&open()).expires("1"));
    assert_eq!(answer.seconds(), Some(5));
    wait::until("the end of the publication", LIMIT, || {
        Ok((room.told() == "closed").then_some(()))
    })
    .unwrap();
    assert_eq!(room.code(&Publish::presence().tag(&answer.tag())), 412);
}

#[test]
fn no_start_gives_out_a_tag_of_another_start() {
    let mut tags = HashSet::new();
    let mut last = String::new();
    for _ in 0..2 {
        let room = Room::open();
        if !last.is_empty() {
            assert_eq!(room.code(&Publish::presence().tag(&last)), 412);
        }
        for _ in 0..50 {
            last = room.send(&Publish::initial(&open())).tag();
            assert!(tags.insert(last.clone()), "{last} came twice");
        }
    }
}

#[test]
fn a_list_of_tags_and_a_refresh_of_nothing_are_answered_400() {
    let room = Room::open();
    let one = room.send(&Publish::initial(&open())).tag();
    let other = room.send(&Publish::initial(&open())).tag();
    // RFC 3903 §11.3.2.
    let list = Publish::presence().tag(&format!("{one}, {other}"));
    assert_eq!(room.code(&list), 400);
    assert_eq!(room.code(&Publish::presence().tag(&one).tag(&other)), 400);
    assert_eq!(room.code(&Publish::presence().tag("")), 400);
    // RFC 3903 §4.1, table 1: neither a body nor a tag is no row.
    let nothing = room.send(&Publish::presence());
    assert_eq!(nothing.code(), 400);
    assert!(nothing.0.contains("SIP-If-Match"), "{nothing:?}");
}

#[test]
fn of_two_publishes_with_one_tag_one_is_answered_412() {
    let room = Room::open();
    let address = room.serve.sip(Protocol::Udp).unwrap();
    let other = Link::open(Protocol::Udp, address).unwrap();
    let mut tag = room.send(&Publish::initial(&open())).tag();
    for _ in 0..50 {
        let branches = [unique::token(), unique::token()];
        let one = Publish::initial(&open()).tag(&tag).bytes(&branches[0]);
        let two = Publish::initial(&closed()).tag(&tag).bytes(&branches[1]);
        room.link.send(&one).unwrap();
        other.send(&two).unwrap();
        let answers = [
            receive(&room.link, &branches[0]),
            receive(&other, &branches[1]),
        ];
        let mut codes = [answers[0].code(), answers[1].code()];
        codes.sort_unstable();
        assert_eq!(codes, [200, 412]);
        let winner = answers.iter().find(|answer| answer.code() == 200).unwrap();
        tag = winner.tag();
    }
}

#[test]
fn a_retransmission_is_no_second_publication() {
    let room = Room::open();
    let branch = unique::token();
    let bytes = Publish::initial(&open()).bytes(&branch);
    let first = room.exchange(&bytes, &branch);
    for _ in 0..5 {
        assert_eq!(room.exchange(&bytes, &branch), first);
    }
    // One removal leaves nothing.
    let removed = Publish::presence().tag(&first.tag()).expires("0");
    assert_eq!(room.code(&removed), 200);
    assert_eq!(room.told(), "closed");
}
