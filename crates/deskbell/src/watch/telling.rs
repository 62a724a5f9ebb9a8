//! What a NOTIFY says, in one line for people. Must not know where the line goes.

use jiff::Timestamp;
use presence::watchers::{Instance, ListedResource, read_rlmi};
use presence::{Availability, Decision, Document, Rule, Source, read_decision};
use sip::multipart::Part;
use sip::{HeaderName, Request};

/// Whether more is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Telling {
    /// The subscription goes on.
    More,
    /// It is over.
    Last,
}

/// The lines for a NOTIFY about `uri`: one, or one for each member of a list that it tells of.
pub(super) fn tell(uri: &str, notify: &Request, now: Timestamp) -> (Vec<String>, Telling) {
    let mut lines = match notify.parts() {
        Some(parts) => tell_list(&parts, now),
        None => vec![format!("{uri} {}", state(notify.body(), now))],
    };
    if is_last(notify) {
        let reason = parameter(notify, "reason").unwrap_or_else(|| "no reason given".to_owned());
        match lines.as_mut_slice() {
            [line] => line.push_str(&format!(" (ended: {reason})")),
            _ => lines.push(format!("{uri} (ended: {reason})")),
        }
        (lines, Telling::Last)
    } else {
        (lines, Telling::More)
    }
}

/// RFC 4662 §5.5: each member's document is the part that its instance names.
fn tell_list(parts: &[Part], now: Timestamp) -> Vec<String> {
    let list = parts.first().map(|root| read_rlmi(&root.body));
    let list = match list {
        Some(Ok(list)) => list,
        Some(Err(error)) => return vec![format!("failed to read a list: {error}")],
        None => return vec!["the list says nothing".to_owned()],
    };
    let line = |resource: &ListedResource| {
        let said = match &resource.instance {
            Some(Instance::Active { content_id }) => {
                let part = parts.iter().find(|part| part.content_id == *content_id);
                part.map_or_else(
                    || "nothing is known".to_owned(),
                    |part| state(&part.body, now),
                )
            }
            Some(Instance::Pending) => "waits for permission".to_owned(),
            Some(Instance::Terminated { reason }) => format!("is not told ({})", plain(reason)),
            None => "nothing is known".to_owned(),
        };
        format!("{} {said}", plain(&resource.uri))
    };
    list.resources.iter().map(line).collect()
}

fn state(body: &[u8], now: Timestamp) -> String {
    match Document::read_pidf(body) {
        Ok(document) => describe(&document, read_decision(body), now),
        Err(_) if body.is_empty() => "nothing is known".to_owned(),
        Err(error) => format!("failed to read a presence document: {error}"),
    }
}

/// Somebody else's words never move the cursor of this terminal.
fn plain(text: &str) -> String {
    text.chars().filter(|sign| !sign.is_control()).collect()
}

/// How long a state has held, in one unit.
fn age(document: &Document, now: Timestamp) -> Option<String> {
    let since: Timestamp = document.timestamp.as_deref()?.parse().ok()?;
    let seconds = now.as_second().saturating_sub(since.as_second()).max(0);
    Some(match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    })
}

/// Whether a NOTIFY is the last of its subscription (RFC 6665 §4.1.3).
pub(super) fn is_last(notify: &Request) -> bool {
    let state = notify.header(HeaderName::SubscriptionState);
    state
        .and_then(|state| state.split(|byte| *byte == b';').next())
        .is_some_and(|state| state.trim_ascii().eq_ignore_ascii_case(b"terminated"))
}

fn describe(document: &Document, decision: Option<Decision>, now: Timestamp) -> String {
    let availability = document.availability();
    let mut text = availability.to_string();
    if let Some(activity) = document.activity() {
        let activity = activity.element();
        // The plain words are no news.
        if activity != availability.as_str() {
            text.push_str(&format!(", {}", activity));
        }
    }
    text.push_str(match decision {
        Some(decision) => decider(decision),
        // Another server does not say; a document that only says closed may be of somebody who is not there.
        None => match document.source() {
            Source::Hand if availability == Availability::Offline => "",
            source => decider(Decision { source, rule: None }),
        },
    });
    if let Some(age) = age(document, now) {
        text.push_str(&format!(", for {age}"));
    }
    if let Some(note) = &document.note {
        text.push_str(&format!(" \"{}\"", plain(note)));
    }
    text
}

fn decider(decision: Decision) -> &'static str {
    match (decision.source, decision.rule) {
        (Source::Hand, _) => " by hand",
        (Source::Line, _) => " by the line",
        (Source::Computer, _) => " by the computer",
        (Source::Desk, Some(Rule::Full)) => " by the desk (no more conversations for the moment)",
        (Source::Desk, Some(Rule::OnThePhone)) => " by the desk (on a call it has set up)",
        (Source::Desk, Some(Rule::Away)) => " by the desk (offers went unanswered)",
        (Source::Desk, Some(Rule::Closed | Rule::Busy | Rule::Idle | Rule::Available) | None) => {
            " by the desk"
        }
        (Source::Nothing, _) => "",
    }
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
        let now = "2026-01-01T12:00:00Z".parse().unwrap();
        let (lines, found) = tell("sip:a@h", &notify, now);
        assert_eq!((lines.join("\n").as_str(), found), (expected, telling));
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
        for (by, told) in [
            (
                "by='desk' rule='full'",
                "busy by the desk (no more conversations for the moment)",
            ),
            ("by='desk'", "busy by the desk"),
            ("by='line' rule='on-the-phone'", "busy by the line"),
            ("by='a phone'", "busy by hand"),
        ] {
            let busy = format!(
                "{open}<dm:person id='p'><rpid:activities><rpid:busy/></rpid:activities><d:decided xmlns:d='urn:deskbell:presence' {by}/></dm:person>"
            );
            check("active", &busy, &format!("sip:a@h {told}"), Telling::More);
        }
        check(
            "active",
            "<tuple id='t'><status><basic>closed</basic></status></tuple><dm:person id='p'><d:decided xmlns:d='urn:deskbell:presence' by='hand' rule='closed'/></dm:person>",
            "sip:a@h offline by hand",
            Telling::More,
        );
        let since = |date: &str| {
            format!(
                "{open}<dm:person id='p'><rpid:activities/><dm:timestamp>{date}</dm:timestamp></dm:person>"
            )
        };
        for (date, told) in [
            ("2026-01-01T11:59:18Z", "42 s"),
            ("2026-01-01T12:30:00+01:00", "30 min"),
            ("2025-12-30T12:00:00Z", "48 h"),
            ("2026-01-01T12:00:09Z", "0 s"),
        ] {
            let expected = format!("sip:a@h available by hand, for {told}");
            check("active", &since(date), &expected, Telling::More);
        }
        check(
            "Terminated ; reason=timeout",
            "<tuple id='t'><status><basic>closed</basic></status></tuple>",
            "sip:a@h offline (ended: timeout)",
            Telling::Last,
        );
    }
}
