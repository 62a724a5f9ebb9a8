//! What a NOTIFY says, in one line for people. Must not know where the line goes.

use presence::{Availability, Document, Source};
use sip::{HeaderName, Request};

/// Whether more is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Telling {
    /// The subscription goes on.
    More,
    /// It is over.
    Last,
}

/// The line for a NOTIFY about `uri`.
pub(super) fn tell(uri: &str, notify: &Request) -> (String, Telling) {
    let state = match Document::read_pidf(notify.body()) {
        Ok(document) => describe(&document),
        Err(_) if notify.body().is_empty() => "nothing is known".to_owned(),
        Err(error) => format!("failed to read a presence document: {error}"),
    };
    if is_last(notify) {
        let reason = parameter(notify, "reason").unwrap_or_else(|| "no reason given".to_owned());
        (format!("{uri} {state} (ended: {reason})"), Telling::Last)
    } else {
        (format!("{uri} {state}"), Telling::More)
    }
}

/// Whether a NOTIFY is the last of its subscription (RFC 6665 §4.1.3).
pub(super) fn is_last(notify: &Request) -> bool {
    let state = notify.header(HeaderName::SubscriptionState);
    state
        .and_then(|state| state.split(|byte| *byte == b';').next())
        .is_some_and(|state| state.trim_ascii().eq_ignore_ascii_case(b"terminated"))
}

fn describe(document: &Document) -> String {
    let availability = document.availability();
    let mut text = availability.to_string();
    if let Some(activity) = document.activity() {
        let activity = activity.element();
        // The plain words are no news.
        if activity != availability.as_str() {
            text.push_str(&format!(", {}", activity));
        }
    }
    match document.source() {
        Source::Line => text.push_str(" by the line"),
        Source::Computer => text.push_str(" by the computer"),
        Source::Hand if availability != Availability::Offline => text.push_str(" by hand"),
        Source::Hand | Source::Desk | Source::Nothing => {}
    }
    if let Some(note) = &document.note {
        // Somebody else's words never move the cursor of this terminal.
        let note: String = note.chars().filter(|sign| !sign.is_control()).collect();
        text.push_str(&format!(" \"{note}\""));
    }
    text
}

fn parameter(notify: &Request, name: &str) -> Option<String> {
    let state = notify.header(HeaderName::SubscriptionState)?;
    let state = String::from_utf8_lossy(state);
    state.split(';').skip(1).find_map(|parameter| {
        let (found, value) = parameter.split_once('=')?;
        found
            .trim()
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use sip::Message;

    use super::*;

    #[track_caller]
    fn check(state: &str, inside: &str, expected: &str, telling: Telling) {
        let body = format!(
            r#"<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:a@h">{inside}</presence>"#
        );
        let text = format!(
            "NOTIFY sip:w@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
             From: <sip:a@h>;tag=1\r\nTo: <sip:w@h>;tag=2\r\nCall-ID: c\r\nCSeq: 1 NOTIFY\r\n\
             Event: presence\r\nSubscription-State: {state}\r\nContent-Type: application/pidf+xml\r\n\r\n{body}"
        );
        let Message::Request(notify) = Message::parse(text.into_bytes().into()).unwrap() else {
            panic!("not a request");
        };
        assert_eq!(tell("sip:a@h", &notify), (expected.to_owned(), telling));
    }

    #[test]
    fn a_state_is_one_line() {
        let open = "<tuple id='t'><status><basic>open</basic></status></tuple>";
        check(
            "active;expires=60",
            open,
            "sip:a@h available by hand",
            Telling::More,
        );
        check(
            "active",
            &format!(
                "{open}<dm:person id='p'><rpid:activities><rpid:on-the-phone/></rpid:activities></dm:person>"
            ),
            "sip:a@h busy, on-the-phone by the line",
            Telling::More,
        );
        check(
            "active",
            &format!(
                "{open}<dm:person id='p'><rpid:activities><rpid:away/></rpid:activities><dm:note>back\nat four</dm:note></dm:person>"
            ),
            "sip:a@h away by hand \"backat four\"",
            Telling::More,
        );
        check(
            "Terminated ; reason=timeout",
            "<tuple id='t'><status><basic>closed</basic></status></tuple>",
            "sip:a@h offline (ended: timeout)",
            Telling::Last,
        );
    }
}
