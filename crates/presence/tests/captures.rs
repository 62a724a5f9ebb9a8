//! What real softphones published, read as documents: each capture must come to the state that its phone meant.
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use expect_test::expect;
use presence::{Basic, Document, Source};
use sip_fixtures::State;

/// The body of a SIP message: what follows the first empty line.
fn body(message: &[u8]) -> &[u8] {
    let end_of_head = message.windows(4).position(|four| four == b"\r\n\r\n");
    end_of_head.map_or(&[], |end| &message[end + 4..])
}

#[test]
fn every_captured_publish_says_what_its_phone_meant() {
    let mut documents = 0;
    for (fixture, state) in sip_fixtures::expected_states() {
        let State::Document {
            basic,
            activity,
            note,
        } = state
        else {
            assert!(body(&fixture.bytes).is_empty(), "{}", fixture.name);
            continue;
        };
        documents += 1;
        let document = Document::read_pidf(body(&fixture.bytes))
            .unwrap_or_else(|error| panic!("{}: {error}", fixture.name));
        let expected_basic = match basic {
            sip_fixtures::Basic::Open => Basic::Open,
            sip_fixtures::Basic::Closed => Basic::Closed,
        };
        assert_eq!(document.basic, Some(expected_basic), "{}", fixture.name);
        let first = document
            .activities
            .first()
            .map(|activity| activity.element().to_owned());
        assert_eq!(first, activity, "{}", fixture.name);
        assert_eq!(
            document.note.as_deref(),
            note.as_deref(),
            "{}",
            fixture.name
        );
    }
    assert_eq!(documents, 35);
}

/// The one word that decides whether a shopper's click goes there, for every capture.
#[test]
fn every_captured_publish_comes_to_one_word() {
    let mut words = String::new();
    for (fixture, state) in sip_fixtures::expected_states() {
        let word = match state {
            State::Refresh => "refreshed".to_owned(),
            State::Removal => "removed".to_owned(),
            State::Document { .. } => {
                let document = Document::read_pidf(body(&fixture.bytes)).unwrap();
                match document.source() {
                    Source::Line => format!("{} on the phone", document.availability()),
                    Source::Hand | Source::Computer | Source::Desk | Source::Nothing => {
                        document.availability().to_string()
                    }
                }
            }
        };
        words += &format!("{}: {word}\n", fixture.name);
    }
    expect![[r#"
        baresip/03-PUBLISH: available
        baresip/04-PUBLISH: refreshed
        baresip/05-PUBLISH: offline
        baresip/06-PUBLISH: available
        baresip/07-PUBLISH: available
        baresip/08-PUBLISH: offline
        baresip/09-PUBLISH: removed
        linphone/03-PUBLISH: available
        linphone/04-PUBLISH: away
        linphone/05-PUBLISH: offline
        linphone/06-PUBLISH: removed
        linphone/07-PUBLISH: away
        linphone/08-PUBLISH: busy
        linphone/09-PUBLISH: busy
        linphone/10-PUBLISH: busy on the phone
        linphone/11-PUBLISH: available
        linphone/12-PUBLISH: busy
        linphone/13-PUBLISH: busy on the phone
        linphone/14-PUBLISH: removed
        twinkle/03-PUBLISH: available
        twinkle/04-PUBLISH: available
        twinkle/05-PUBLISH: offline
        twinkle/06-PUBLISH: available
        twinkle/07-PUBLISH: offline
        twinkle/08-PUBLISH: refreshed
        twinkle/09-PUBLISH: removed
        pjsua2/03-PUBLISH: away
        pjsua2/04-PUBLISH: busy
        pjsua2/05-PUBLISH: busy
        pjsua2/06-PUBLISH: available
        pjsua2/07-PUBLISH: offline
        pjsua2/08-PUBLISH: available
        pjsua2/09-PUBLISH: away
        pjsua2/10-PUBLISH: busy
        pjsua2/11-PUBLISH: removed
        sipjs/04-PUBLISH: available
        sipjs/05-PUBLISH: available
        sipjs/06-PUBLISH: available
        sipjs/07-PUBLISH: available
        sipjs/08-PUBLISH: available
        sipjs/16-PUBLISH: removed
        sipp/01-PUBLISH: available
        sipp/02-PUBLISH: available
    "#]]
    .assert_eq(&words);
}

#[test]
fn a_document_that_a_phone_notifies_is_read_like_one_it_publishes() {
    for (name, word) in [
        ("baresip/14-NOTIFY", "available"),
        ("pjsua2/14-NOTIFY", "offline"),
    ] {
        let fixture = sip_fixtures::phone(name);
        let document = Document::read_pidf(body(&fixture.bytes)).unwrap();
        assert_eq!(document.availability().to_string(), word, "{name}");
    }
}
