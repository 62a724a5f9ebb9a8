//! What may be published: the packages `presence` and `dialog`, whole documents and changes in them.

use crate::documents::{DIALOG_INFO, PIDF, PIDF_DIFF, dialog_info, open, pidf_diff, pidf_full};
use crate::room::{Publish, Room};

#[test]
fn what_is_not_known_is_refused_with_what_is() {
    let room = Room::open();
    // RFC 3903 §6 step 2.
    for publish in [
        Publish::of("alice").body(PIDF, open()),
        Publish::of("alice")
            .with("Event", "presence.winfo")
            .body(PIDF, open()),
    ] {
        let answer = room.send(&publish);
        assert_eq!(answer.code(), 489);
        assert_eq!(answer.header("Allow-Events"), Some("presence, dialog"));
    }
    // RFC 3903 §6 step 6.
    let presence = "application/pidf+xml, application/pidf-diff+xml";
    for (event, content_type, accepted) in [
        ("presence", "text/plain", presence),
        ("presence", DIALOG_INFO, presence),
        ("dialog", PIDF, DIALOG_INFO),
    ] {
        let publish = Publish::of("alice").with("Event", event);
        let answer = room.send(&publish.body(content_type, open()));
        assert_eq!(answer.code(), 415, "{event} {content_type}");
        assert_eq!(answer.header("Accept"), Some(accepted));
    }
    let untyped = Publish {
        body: open().into_bytes(),
        ..Publish::presence()
    };
    assert_eq!(room.code(&untyped), 415);
    let packed = room.send(&Publish::initial("x").with("Content-Encoding", "br"));
    assert_eq!(packed.code(), 415);
    assert_eq!(
        packed.header("Accept-Encoding"),
        Some("identity, deflate, gzip")
    );
    // RFC 3903 §6 step 1.
    assert_eq!(
        room.code(
            &Publish::of("desk")
                .with("Event", "presence")
                .body(PIDF, open())
        ),
        404
    );
}

#[test]
fn a_pbx_publishes_the_calls_of_a_line() {
    let room = Room::open();
    room.send(&Publish::initial(&open()));
    let call = |state: &str| {
        Publish::of("alice")
            .with("Event", "dialog")
            .body(DIALOG_INFO, dialog_info(state))
    };
    let ringing = room.send(&call("early")).tag();
    assert_eq!(room.told(), "open <rpid:on-the-phone/>");
    let second = room.send(&call("confirmed")).tag();
    let talking = room.send(&call("confirmed").tag(&ringing)).tag();
    assert_eq!(
        room.code(&call("confirmed").tag(&talking).expires("0")),
        200
    );
    assert_eq!(room.told(), "open <rpid:on-the-phone/>");
    let over = room.send(&call("terminated").tag(&second));
    assert_eq!(over.code(), 200);
    assert_eq!(room.told(), "open");
    assert_eq!(room.code(&call("humming")), 400);
    // The tag of a line is none of presence.
    assert_eq!(room.code(&Publish::presence().tag(&over.tag())), 412);
}

#[test]
fn changes_are_made_in_the_document_that_the_tag_names() {
    let room = Room::open();
    let full = |body: &str| Publish::presence().body(PIDF_DIFF, body);
    // RFC 5264 §4: what begins is whole.
    let close = pidf_diff("<p:replace sel='*/tuple/status/basic/text()'>closed</p:replace>");
    assert_eq!(room.code(&full(&close)), 400);
    let tag = room.send(&full(&pidf_full())).tag();
    assert_eq!(room.told(), "open");
    let unfit = pidf_diff("<p:remove sel='*/nothing'/>");
    let answer = room.send(&full(&unfit).tag(&tag));
    assert_eq!(answer.code(), 400);
    assert!(
        answer.0.contains("what is to be changed is not there"),
        "{answer:?}"
    );
    let tag = room.send(&full(&close).tag(&tag)).tag();
    assert_eq!(room.told(), "closed");
    let tag = room.send(&Publish::presence().tag(&tag)).tag();
    let open_again = pidf_diff("<p:replace sel='*/tuple/status/basic/text()'>open</p:replace>");
    let tag = room.send(&full(&open_again).tag(&tag)).tag();
    assert_eq!(room.told(), "open");
    // Nothing can be changed in a document that was not meant to be: the phone begins anew.
    let plain = room.send(&Publish::initial(&open()).tag(&tag)).tag();
    assert_eq!(room.code(&full(&close).tag(&plain)), 412);
}
