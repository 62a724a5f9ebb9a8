//! rsip, an independent reader, and ours agree on every message that rsip can read.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use bytes::Bytes;
use rsip::headers::{ToTypedHeader, UntypedHeader};
use rsip::message::HeadersExt;
use sip::Message;
use sip_fixtures::{Fixture, Kind, odd, phones, torture};

/// What both readers tell of a message; rsip's words, as it has no others.
#[derive(Debug, PartialEq)]
struct Told {
    first: String,
    user: Option<String>,
    host: Option<String>,
    branch: Option<String>,
    from_tag: Option<String>,
    to_tag: Option<String>,
    call_id: String,
    cseq: (u32, String),
    /// `None` where the reader cannot read a Contact.
    contacts: Option<Vec<(Option<String>, Option<String>)>>,
    expires: Option<u64>,
}

/// Fixtures whose Contact rsip cannot read, because a parameter's value is a quoted string, its URI has headers, or there
/// are two contacts on the line. All else is compared.
const CONTACT_UNREAD: [&str; 18] = [
    "baresip/01-REGISTER",
    "baresip/02-REGISTER",
    "baresip/16-REGISTER",
    "baresip/17-REGISTER",
    "jssip/01-REGISTER",
    "jssip/02-REGISTER",
    "jssip/06-REGISTER",
    "linphone/01-REGISTER",
    "linphone/02-REGISTER",
    "linphone/15-SUBSCRIBE",
    "linphone/16-SUBSCRIBE",
    "linphone/17-SUBSCRIBE",
    "linphone/18-SUBSCRIBE",
    "linphone/25-REGISTER",
    "pjsua2/02-REGISTER",
    "two-vias-on-a-line",
    "regbadct",
    "regescrt",
];

/// Fixtures that rsip cannot read at all, and why.
const UNREAD: [(&str, &str); 31] = [
    ("blank-rich", "blanks around the slashes of a Via"),
    ("blanks-before-colon", "blanks before a colon"),
    ("compact-names", "compact names are unknown to rsip"),
    ("folded", "folded lines"),
    ("ipv6", "IPv6 references"),
    ("latin-1", "bytes that are not UTF-8"),
    ("leading-line-ends", "line ends before the message"),
    ("quoted-pairs", "escapes in a quoted string"),
    ("response-without-reason", "a status line without a reason"),
    ("unknown-method", "a method of no standard"),
    ("user-with-everything", "commas and more in a user part"),
    ("wsinv", "blanks and folds wherever they may be"),
    ("intmeth", "a method of no standard"),
    ("esc01", "compact names"),
    ("esc02", "a method of no standard"),
    ("longreq", "compact names"),
    ("dblreq", "compact names"),
    ("semiuri", "folded lines"),
    ("unksm2", "other schemes in From and To"),
    ("ipv6-good", "IPv6 references"),
    ("port-ambiguous", "IPv6 references"),
    ("port-unambiguous", "IPv6 references"),
    ("via-received-param-with-delim", "IPv6 references"),
    ("via-received-param-no-delim", "IPv6 references"),
    ("ipv6-in-sdp", "IPv6 references"),
    ("mult-ip-in-header", "IPv6 references"),
    ("mult-ip-in-sdp", "IPv6 references"),
    ("ipv4-mapped-ipv6", "IPv6 references"),
    ("ipv6-bug-abnf-3-colons", "IPv6 references"),
    ("ipv6-correct-abnf-2-colons", "IPv6 references"),
    ("not-utf8", "bytes that are not UTF-8"),
];

/// Fixtures whose body rsip cannot hold.
#[cfg(feature = "rsip")]
const BINARY: [&str; 3] = ["linphone/16-SUBSCRIBE", "mpart01", "encoded-body"];

fn ours(bytes: &[u8]) -> Told {
    let message = Message::parse(Bytes::copy_from_slice(bytes)).unwrap();
    let headers = message.headers();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (first, uri) = match &message {
        Message::Request(request) => (text(request.method_text()), Some(request.uri().unwrap())),
        Message::Response(response) => (response.status().to_string(), None),
    };
    let cseq = headers.cseq().unwrap();
    Told {
        first,
        user: uri.and_then(|uri| uri.user.map(text)),
        host: uri.map(|uri| host_and_port(&uri)),
        branch: headers.via().unwrap().branch().map(str::to_owned),
        from_tag: headers.from().unwrap().tag().map(str::to_owned),
        to_tag: headers.to().unwrap().tag().map(str::to_owned),
        call_id: headers.call_id().unwrap().to_owned(),
        cseq: (cseq.number, cseq.method_text.to_owned()),
        contacts: headers
            .contacts()
            .map(|contact| {
                let contact = contact.ok()?;
                let uri = contact.address()?.sip_uri()?;
                Some((uri.user.map(text), Some(host_and_port(uri))))
            })
            .collect(),
        expires: headers.expires().unwrap().map(|expires| expires.as_secs()),
    }
}

fn host_and_port(uri: &sip::Uri<'_>) -> String {
    match uri.port {
        Some(port) => format!("{}:{port}", uri.host),
        None => uri.host.to_string(),
    }
}

fn theirs(bytes: &[u8]) -> Result<Told, rsip::Error> {
    let message = rsip::SipMessage::try_from(bytes)?;
    let (first, uri) = match &message {
        rsip::SipMessage::Request(request) => {
            (request.method.to_string(), Some(request.uri.clone()))
        }
        rsip::SipMessage::Response(response) => (response.status_code.code().to_string(), None),
    };
    let user = |uri: &rsip::Uri| uri.user().map(str::to_owned);
    let host = |uri: &rsip::Uri| Some(uri.host_with_port.to_string());
    let cseq = message.cseq_header()?.typed()?;
    let contacts = message
        .contact_headers()
        .into_iter()
        .map(|contact| {
            let contact = contact.typed()?;
            Ok((user(&contact.uri), host(&contact.uri)))
        })
        .collect::<Result<_, rsip::Error>>()
        .ok();
    let expires = message
        .expires_header()
        .map(|expires| expires.seconds())
        .transpose()?;
    Ok(Told {
        first,
        user: uri.as_ref().and_then(user),
        host: uri.as_ref().and_then(host),
        branch: message
            .via_header()?
            .typed()?
            .branch()
            .map(|branch| branch.value().to_owned()),
        from_tag: message
            .from_header()?
            .typed()?
            .tag()
            .map(|tag| tag.value().to_owned()),
        to_tag: message
            .to_header()?
            .typed()?
            .tag()
            .map(|tag| tag.value().to_owned()),
        call_id: message.call_id_header()?.value().to_owned(),
        cseq: (cseq.seq, cseq.method.to_string()),
        contacts,
        expires: expires.map(u64::from),
    })
}

fn messages() -> impl Iterator<Item = Fixture> {
    phones()
        .into_iter()
        .filter(|fixture| fixture.kind() == Kind::Message)
        .chain(odd())
        .chain(
            torture()
                .into_iter()
                .filter(|case| case.fault.is_none())
                // Its numbers are beyond their types, which is seen when they are read.
                .filter(|case| case.message.name != "scalarlg")
                .map(|case| case.message),
        )
}

#[test]
fn both_readers_tell_the_same_but_for_the_exceptions() {
    let mut unread = Vec::new();
    let mut contact_unread = Vec::new();
    for Fixture { name, bytes } in messages() {
        let mut ours = ours(&bytes);
        let Ok(theirs) = theirs(&bytes) else {
            unread.push(name);
            continue;
        };
        if theirs.contacts.is_none() {
            ours.contacts = None;
            contact_unread.push(name.clone());
        }
        assert_eq!(ours, theirs, "{name}");
    }
    assert_eq!(contact_unread, CONTACT_UNREAD);
    assert_eq!(unread, UNREAD.map(|(name, _)| name));
}

#[cfg(feature = "rsip")]
#[test]
fn conversions_lose_nothing_both_readers_know() {
    for Fixture { name, bytes } in messages() {
        let message = Message::parse(Bytes::copy_from_slice(&bytes)).unwrap();
        let Ok(converted) = rsip::SipMessage::try_from(&message) else {
            let is_beyond_rsip = UNREAD.iter().any(|(unread, _)| *unread == name);
            assert!(is_beyond_rsip, "{name} does not convert");
            continue;
        };
        match Message::try_from(&converted) {
            Ok(back) => {
                assert_eq!(ours(back.headers().bytes()), ours(&bytes), "{name}");
                assert_eq!(back.headers().body(), message.headers().body(), "{name}");
            }
            Err(sip::rsip::ConversionError::BinaryBody) => {
                assert!(BINARY.contains(&name.as_str()), "{name}")
            }
            Err(error) => panic!("{name}: {error}"),
        }
    }
}
