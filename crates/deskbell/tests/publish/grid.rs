//! Every combination of what a PUBLISH may say or leave out.

use std::collections::HashSet;

use crate::documents::{DIALOG_INFO, PIDF, PIDF_DIFF, dialog_info, open, pidf_full};
use crate::room::{Publish, Room};

/// Security row S17: every combination of what a PUBLISH may say or leave out is answered as the table says.
#[test]
fn every_kind_of_publish_has_its_answer() {
    const EVENTS: [&str; 5] = ["", "presence", "dialog", "presence.winfo", "x"];
    const TYPES: [&str; 8] = [
        "",
        PIDF,
        "application/pidf+xml;charset=UTF-8",
        PIDF_DIFF,
        DIALOG_INFO,
        "text/plain",
        "application/xml",
        "pidf",
    ];
    const TAGS: [&str; 4] = ["", "live", "etag1", "one, two"];
    const EXPIRES: [&str; 6] = ["", "0", "60", "4294967295", "-1", "soon"];
    let bodies: [Vec<u8>; 6] = [
        Vec::new(),
        open().into(),
        dialog_info("confirmed").into(),
        pidf_full().into(),
        b"<presence".to_vec(),
        vec![0xff; 40],
    ];
    let expected = |event: &str, content_type: &str, body: usize, tag: &str, expires: &str| {
        let live = match tag {
            "one, two" => return 400,
            "etag1" => return 412,
            tag => tag == "live",
        };
        match (expires, live, body) {
            ("-1" | "soon", ..) => return 400,
            (_, false, 0) => return 400,
            ("0", true, _) | (_, true, 0) => return 200,
            _ => {}
        }
        // Which of the bodies is of the type.
        let fitting = match (event, content_type) {
            (_, "pidf") => return 400,
            ("presence", PIDF | "application/pidf+xml;charset=UTF-8") => 1,
            ("dialog", DIALOG_INFO) => 2,
            ("presence", PIDF_DIFF) => 3,
            _ => return 415,
        };
        match body {
            4 | 5 => 400,
            body if body == fitting => 200,
            _ => 415,
        }
    };
    let mut room = Room::open();
    let (mut sent, mut tags) = (0_usize, HashSet::new());
    for event in EVENTS {
        for content_type in TYPES {
            for (number, body) in bodies.iter().enumerate() {
                for tag in TAGS {
                    for expires in EXPIRES {
                        sent += 1;
                        let user = format!("rep{sent}");
                        let mut publish = Publish::of(&user);
                        publish.body.clone_from(body);
                        for (name, value) in [
                            ("Event", event),
                            ("Content-Type", content_type),
                            ("Expires", expires),
                        ] {
                            if !value.is_empty() {
                                publish = publish.with(name, value);
                            }
                        }
                        if tag == "live" {
                            let initial = match event {
                                "dialog" => Publish::of(&user)
                                    .with("Event", event)
                                    .body(DIALOG_INFO, dialog_info("early")),
                                _ => Publish::of(&user)
                                    .with("Event", "presence")
                                    .body(PIDF, open()),
                            };
                            publish = publish.tag(&room.send(&initial).tag());
                        } else if !tag.is_empty() {
                            publish = publish.tag(tag);
                        }
                        let answer = room.send(&publish);
                        let code = match event {
                            "presence" | "dialog" => {
                                expected(event, content_type, number, tag, expires)
                            }
                            _ => 489,
                        };
                        let case =
                            format!("{event:?} {content_type:?} body {number} {tag:?} {expires:?}");
                        assert_eq!(answer.code(), code, "{case}: {answer:?}");
                        if code == 200 {
                            assert!(tags.insert(answer.tag()), "{case}: a tag came twice");
                            let granted = match expires {
                                "0" => 0,
                                "60" => 60,
                                "" => 600,
                                _ => 3600,
                            };
                            assert_eq!(answer.seconds(), Some(granted), "{case}");
                        }
                    }
                }
            }
        }
    }
    assert_eq!(sent, 5_760);
    room.serve.check_alive().unwrap();
}
