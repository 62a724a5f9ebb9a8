//! Writes a composed state as a presence document (RFC 3863, RFC 4479, RFC 4480) that phones really read.
//! Must not know how the state was composed.

use crate::{
    activity::Activity,
    availability::Availability,
    composed::Composed,
    pidf::{DATA_MODEL, PIDF, RPID, decision},
    source::Source,
    xml::escaped,
};

/// Writes a state as PIDF with RPID. `entity` is the address the document is about.
///
/// Spelled for baresip, which looks for the very words `<basic>`, `<rpid:away/>`, `<rpid:busy/>` and
/// `<rpid:on-the-phone/>`: PIDF has no prefix, RPID has `rpid:`, elements without content close themselves, and a
/// finer activity is followed by the plain one.
pub fn write_pidf(entity: &str, state: &Composed) -> Vec<u8> {
    write_dated_pidf(entity, state, None)
}

/// As [`write_pidf`], with the time since when the state holds, as RFC 3339 writes it (RFC 4479 §3.2).
pub fn write_dated_pidf(entity: &str, state: &Composed, since: Option<&str>) -> Vec<u8> {
    let basic = match state.availability {
        Availability::Available | Availability::Busy | Availability::Away => "open",
        Availability::Offline => "closed",
    };
    let note = state.note.as_deref().map(escaped).unwrap_or_default();
    let mut text = String::with_capacity(640 + note.len() * 2);
    text += r#"<?xml version="1.0" encoding="UTF-8"?>"#;
    text += "\n<presence";
    push(&mut text, [" xmlns=\"", PIDF, "\" xmlns:dm=\"", DATA_MODEL]);
    push(&mut text, ["\" xmlns:rpid=\"", RPID, "\" entity=\""]);
    push(&mut text, [&escaped(entity), "\">\n"]);
    push(&mut text, ["<tuple id=\"t1\"><status><basic>", basic]);
    text += "</basic></status>";
    if !note.is_empty() {
        push(&mut text, ["<note>", &note, "</note>"]);
    }
    text += "</tuple>\n";
    text += r#"<dm:person id="p1">"#;
    push_activities(&mut text, state);
    text += match (state.source, state.availability) {
        (Source::Computer, Availability::Available) => "<rpid:user-input>active</rpid:user-input>",
        (Source::Computer, Availability::Busy | Availability::Away | Availability::Offline) => {
            "<rpid:user-input>idle</rpid:user-input>"
        }
        (Source::Hand | Source::Line | Source::Desk | Source::Nothing, _) => "",
    };
    // RFC 4479 §3.3: what is of other namespaces stands before notes and timestamp.
    decision::push_element(&mut text, state);
    if !note.is_empty() {
        push(&mut text, ["<dm:note>", &note, "</dm:note>"]);
    }
    if let Some(since) = since {
        push(
            &mut text,
            ["<dm:timestamp>", &escaped(since), "</dm:timestamp>"],
        );
    }
    text += "</dm:person>\n</presence>\n";
    text.into_bytes()
}

fn push_activities(text: &mut String, state: &Composed) {
    let plain = match state.availability {
        Availability::Busy => Some(Activity::Busy),
        Availability::Away => Some(Activity::Away),
        Availability::Available | Availability::Offline => None,
    };
    // RFC 4480 §3.2 lets a person do several things at once.
    let plain = plain.filter(|plain| {
        !matches!(&state.activity, Some(Activity::OnThePhone))
            && state.activity.as_ref() != Some(plain)
    });
    if plain.is_none() && state.activity.is_none() {
        text.push_str("<rpid:activities/>");
        return;
    }
    text.push_str("<rpid:activities>");
    for activity in state.activity.iter().chain(&plain) {
        match activity {
            Activity::Other(other) => {
                push(text, ["<rpid:other>", &escaped(other), "</rpid:other>"]);
            }
            known => push(text, ["<rpid:", known.element(), "/>"]),
        }
    }
    text.push_str("</rpid:activities>");
}

fn push<const N: usize>(text: &mut String, pieces: [&str; N]) {
    for piece in pieces {
        text.push_str(piece);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use expect_test::expect;
    use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};

    use super::write_pidf;
    use crate::{
        activity::Activity, availability::Availability, composed::Composed, document::Document,
        source::Source,
    };

    fn state(
        availability: Availability,
        activity: Option<Activity>,
        note: Option<&str>,
        source: Source,
    ) -> Composed {
        Composed {
            availability,
            activity,
            note: note.map(Arc::from),
            source,
            rule: None,
            since: None,
        }
    }

    #[test]
    fn baresip_finds_the_words_it_looks_for() {
        let written = |state: &Composed| {
            String::from_utf8(write_pidf("sip:alice@shop.example", state)).unwrap()
        };
        let in_meeting = written(&state(
            Availability::Busy,
            Some(Activity::Meeting),
            Some("Q&A"),
            Source::Hand,
        ));
        expect![[r#"
            <?xml version="1.0" encoding="UTF-8"?>
            <presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:alice@shop.example">
            <tuple id="t1"><status><basic>open</basic></status><note>Q&amp;A</note></tuple>
            <dm:person id="p1"><rpid:activities><rpid:meeting/><rpid:busy/></rpid:activities><d:decided xmlns:d="urn:deskbell:presence" by="hand"/><dm:note>Q&amp;A</dm:note></dm:person>
            </presence>
        "#]].assert_eq(&in_meeting);
        let on_the_phone = written(&state(
            Availability::Busy,
            Some(Activity::OnThePhone),
            None,
            Source::Line,
        ));
        assert!(
            on_the_phone.contains("<rpid:activities><rpid:on-the-phone/></rpid:activities>"),
            "{on_the_phone}"
        );
        let idle = written(&state(Availability::Away, None, None, Source::Computer));
        assert!(
            idle.contains("<basic>open</basic>") && idle.contains("<rpid:away/>"),
            "{idle}"
        );
        let free = written(&state(Availability::Available, None, None, Source::Hand));
        assert!(
            free.contains("<basic>open</basic>") && free.contains("<rpid:activities/>"),
            "{free}"
        );
        // Somebody touches it, and that is all there is to say.
        let there = state(Availability::Available, None, None, Source::Computer);
        let there = Document::read_pidf(&write_pidf("sip:alice@shop.example", &there)).unwrap();
        assert_eq!(there.availability(), Availability::Available);
        let gone = written(&Composed::NOTHING);
        assert!(gone.contains("<basic>closed</basic>"), "{gone}");
    }

    fn any_state() -> impl Strategy<Value = Composed> {
        let availability = prop_oneof![
            Just(Availability::Available),
            Just(Availability::Busy),
            Just(Availability::Away),
            Just(Availability::Offline),
        ];
        let activity = prop::sample::select(&[
            "on-the-phone",
            "meeting",
            "meal",
            "away",
            "busy",
            "working",
            "Q&A <3>",
        ])
        .prop_map(|name| Activity::from_element(name, ""));
        (
            availability,
            prop::option::of(activity),
            prop::option::of(any::<String>()),
        )
            .prop_map(|(availability, activity, note)| {
                let activity = activity.filter(|activity| activity.availability() == availability);
                let source = match &activity {
                    Some(Activity::OnThePhone) => Source::Line,
                    _ => Source::Hand,
                };
                state(availability, activity, note.as_deref(), source)
            })
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_reads_back_as_what_was_meant(state in any_state(), entity in any::<String>()) {
            let written = write_pidf(&entity, &state);
            let document = Document::read_pidf(&written).unwrap();
            assert_eq!(document.availability(), state.availability);
            assert_eq!(document.source(), state.source);
            if let Some(activity) = &state.activity {
                assert_eq!(document.activity(), Some(activity));
            }
            let writable = |sign: char| if crate::xml::is_xml_char(sign) { sign } else { char::REPLACEMENT_CHARACTER };
            let note = state.note.as_deref().unwrap_or_default().chars().map(writable).collect::<String>();
            // XML 1.0 §2.11 reads every way to end a line as one newline.
            let note = note.replace("\r\n", "\n").replace('\r', "\n");
            assert_eq!(document.note.as_deref().unwrap_or_default(), note.trim());
        }
    }
}
