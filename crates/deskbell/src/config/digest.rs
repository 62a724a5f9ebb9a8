//! The keys of `[sip]` that say how phones prove who they are. Must not know how a challenge is answered.

use sip::digest::{Algorithm, Keying, Qop, Suite};

use super::document::{Section, Value};
use super::settings::{DigestSettings, Protocol};

pub(super) const KEYS: [&str; 3] = ["digest", "digest_over", "qop"];

/// What a listener's scheme is called.
const PROTOCOLS: [(&str, Protocol); 5] = [
    ("udp", Protocol::Udp),
    ("tcp", Protocol::Tcp),
    ("tls", Protocol::Tls),
    ("ws", Protocol::Ws),
    ("wss", Protocol::Wss),
];

const QUALITIES: [(&str, Qop); 2] = [("auth", Qop::Auth), ("auth-int", Qop::AuthInt)];

pub(super) fn read(sip: Option<&Section<'_>>) -> DigestSettings {
    let value = |key: &str| sip.and_then(|sip| sip.value(key));
    DigestSettings {
        suites: value("digest")
            .and_then(|digest| read_suites(&digest))
            .unwrap_or_else(default_suites),
        suites_by_protocol: value("digest_over")
            .and_then(|over| read_over(&over))
            .unwrap_or_default(),
        qualities: value("qop")
            .and_then(|qop| read_qualities(&qop))
            .unwrap_or_else(|| vec![Qop::Auth]),
    }
}

fn default_suites() -> Vec<Suite> {
    // Some phones (baresip 1) give up where anything but MD5 is offered beside it.
    vec![Algorithm::Md5.into()]
}

fn read_suites(value: &Value<'_>) -> Option<Vec<Suite>> {
    let items = value.items()?;
    if items.is_empty() {
        value.mistake("is empty: nobody could log in; write [\"SHA-256\", \"MD5\"]");
    }
    let known: Vec<_> = [Keying::Password, Keying::Session]
        .into_iter()
        .flat_map(|keying| Algorithm::ALL.map(|algorithm| Suite { algorithm, keying }))
        .map(|suite| (suite.to_string(), suite))
        .collect();
    let words: Vec<_> = known
        .iter()
        .map(|(name, suite)| (name.as_str(), *suite))
        .collect();
    let mut suites = Vec::new();
    for item in &items {
        let Some(suite) = item.choice(&words) else {
            continue;
        };
        if suites.contains(&suite) {
            item.mistake(format!("names {suite} twice"));
        } else {
            suites.push(suite);
        }
    }
    if let [Suite { algorithm, .. }, .., last] = suites.as_slice()
        && *algorithm == Algorithm::Md5
        && last.algorithm != Algorithm::Md5
    {
        value.warning(format!(
            "put {last} first: most phones take the first challenge they know"
        ));
    }
    Some(suites)
}

fn read_over(value: &Value<'_>) -> Option<Vec<(Protocol, Vec<Suite>)>> {
    let table = value.table(&PROTOCOLS.map(|(name, _)| name))?;
    let read = |(name, protocol)| {
        let suites = read_suites(&table.value(name)?)?;
        Some((protocol, suites))
    };
    Some(PROTOCOLS.into_iter().filter_map(read).collect())
}

fn read_qualities(value: &Value<'_>) -> Option<Vec<Qop>> {
    let items = value.items()?;
    if items.is_empty() {
        value.mistake("is empty; write [\"auth\"]");
    }
    let mut qualities = Vec::new();
    for item in &items {
        let Some(quality) = item.choice(&QUALITIES) else {
            continue;
        };
        if qualities.contains(&quality) {
            item.mistake(format!("names {} twice", quality.as_str()));
        } else {
            qualities.push(quality);
        }
    }
    Some(qualities)
}
