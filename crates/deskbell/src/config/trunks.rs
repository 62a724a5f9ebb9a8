//! The tables `[[trunk]]` and the `callback` of a site: by which ways telephones are called, and whom a site calls.
//! Must not know how a call is made.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use helpdesk::{CallbackRules, Country, Dialling, Hours, Reach, RepId, Strangers};
use jiff::tz::TimeZone;
use sip::{Scheme, Uri};

use super::document::{Section, Value};
use super::secret::{Keys, Sought, Sources};
use super::settings::{OfferBy, TrunkSettings};

pub(super) const TRUNK_KEYS: [&str; 14] = [
    "uri",
    "user",
    "password",
    "password_file",
    "password_env",
    "realm",
    "from",
    "ring",
    "offer",
    "register",
    "expires",
    "ping",
    "answers_within",
    "outbound_proxy",
];

const PASSWORD: Keys = Keys {
    inline: "password",
    file: "password_file",
    environment: "password_env",
};

const CALLBACK_KEYS: [&str; 16] = [
    "allow",
    "country",
    "quiet_hours",
    "timezone",
    "at_once",
    "per_number_per_day",
    "per_hour",
    "per_day",
    "talk_per_day",
    "failures",
    "longest",
    "tries",
    "retry_after",
    "grace",
    "strangers",
    "reach",
];

/// The rep's phone waits for the answer to its offer so long: its 2xx comes again for 64*T1, 32 s, and we answer within
/// 25 s (RFC 3725 §4.1).
const LONGEST_FOR_OFFER_OF_REP: Duration = Duration::from_secs(24);
const RINGING: RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_secs(120);

/// Providers want hours at most; less than a minute is for tests.
const LIFETIMES: RangeInclusive<Duration> = Duration::from_secs(2)..=Duration::from_secs(24 * 3600);
const DEFAULT_LIFETIME: Duration = Duration::from_secs(600);
const PINGS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(600);
/// A rep's phone, which waits for 25 s at most, is not to wait in vain: within it the next trunk rings, too.
const ANSWERS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(20);
/// Over UDP an INVITE has been sent four times by then, which no path loses.
const DEFAULT_ANSWER: Duration = Duration::from_secs(4);

const COUNTS: RangeInclusive<u32> = 1..=10_000;
const TIMES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(24 * 3600);

/// The trunks, the first to be tried first.
pub(super) fn read(tables: &[Section<'_>], secrets: Sources<'_>) -> Vec<TrunkSettings> {
    tables
        .iter()
        .filter_map(|table| read_trunk(table, secrets))
        .collect()
}

fn read_trunk(table: &Section<'_>, secrets: Sources<'_>) -> Option<TrunkSettings> {
    let text = |key: &str| {
        let value = table.value(key)?;
        value.text().map(str::to_owned)
    };
    let (user, realm) = (text("user"), text("realm"));
    let password = match secrets.seek(table, &PASSWORD) {
        Sought::Unusable => None,
        Sought::Found(secret, _) => Some(Arc::new(secret)),
        Sought::Absent => {
            if user.is_some() {
                table.mistake(
                    "password",
                    "is missing; write password_file = \"FILE\" (or password_env, password)",
                );
            }
            None
        }
    };
    if user.is_some() && realm.is_none() {
        // Whoever names another realm than the trunk's wants what is not his.
        table.mistake(
            "realm",
            "is missing; write the realm of the trunk's challenges: no other is answered",
        );
    }
    let uri = table.required(
        "uri",
        "write the trunk's address, such as \"sip:trunk.example\"",
    )?;
    let text = uri.text()?;
    if !is_server(text) {
        uri.mistake(format!(
            "{text:?} is no address of a trunk; write \"sip:trunk.example\" or \"sip:192.0.2.7:5080;transport=tcp\""
        ));
        return None;
    }
    let from = table.value("from").and_then(|value| {
        let from = value.text()?;
        let fits = from
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte));
        if !fits {
            value.mistake("is no caller; write a number or a name, such as \"+33140000000\"");
        }
        fits.then(|| from.to_owned())
    });
    let ring = table
        .value("ring")
        .and_then(|value| value.duration(RINGING));
    let ring = ring.unwrap_or(LONGEST_FOR_OFFER_OF_REP);
    let words = [("rep", OfferBy::Rep), ("shopper", OfferBy::Shopper)];
    let offer = table.value("offer").and_then(|value| {
        let offer = value.choice(&words)?;
        if offer == OfferBy::Rep && ring > LONGEST_FOR_OFFER_OF_REP {
            value.mistake(
                "cannot wait for so long: a rep's phone that makes the offer lets a telephone ring for 24s at most; write offer = \"shopper\"",
            );
        }
        Some(offer)
    });
    let offer = offer.unwrap_or(if ring > LONGEST_FOR_OFFER_OF_REP {
        OfferBy::Shopper
    } else {
        OfferBy::Rep
    });
    let duration = |key: &str, within| table.value(key).and_then(|value| value.duration(within));
    let lifetime = duration("expires", LIFETIMES);
    let wants_register = table.value("register").and_then(|value| {
        let wanted = value.truth()?;
        if wanted && user.is_none() {
            value.mistake("needs a user, whose address is registered; write user and realm");
        }
        Some(wanted)
    });
    let register = match wants_register {
        Some(true) => Some(lifetime.unwrap_or(DEFAULT_LIFETIME)),
        Some(false) | None => {
            if lifetime.is_some() {
                table.warning("expires", "is not used: register is not true");
            }
            None
        }
    };
    let outbound_proxy = table.value("outbound_proxy");
    Some(TrunkSettings {
        register,
        ping: duration("ping", PINGS),
        answers_within: duration("answers_within", ANSWERS).unwrap_or(DEFAULT_ANSWER),
        outbound_proxy: outbound_proxy.and_then(|value| read_proxy(&value)),
        hostport: text.trim_start_matches("sip:").to_owned(),
        user,
        password,
        realm,
        from,
        ring,
        offer,
    })
}

/// A SIP URI that names a server, and nobody there.
fn is_server(text: &str) -> bool {
    Uri::parse(text.as_bytes())
        .is_ok_and(|uri| uri.scheme == Scheme::Sip && uri.user.is_none() && uri.headers.is_none())
}

/// A proxy that everything of a kind goes over.
pub(super) fn read_proxy(value: &Value<'_>) -> Option<String> {
    let text = value.text()?;
    if !is_server(text) {
        value.mistake(format!(
            "{text:?} is no address of a proxy; write \"sip:proxy.example\" or \"sip:192.0.2.7:5080;transport=tcp\""
        ));
        return None;
    }
    Some(text.to_owned())
}

/// Whom a site calls back: nobody, unless its `callback` allows a country.
pub(super) fn read_rules(site: &Section<'_>, dialling: Dialling) -> CallbackRules {
    let table = site
        .value("callback")
        .and_then(|value| value.table(&CALLBACK_KEYS));
    let mut rules = CallbackRules {
        dialling,
        ..CallbackRules::default()
    };
    let Some(table) = table else {
        return rules;
    };
    let count = |key: &str, of: &mut u32| {
        if let Some(read) = table.value(key).and_then(|value| value.whole(COUNTS)) {
            *of = read;
        }
    };
    count("at_once", &mut rules.at_once);
    count("per_number_per_day", &mut rules.per_number_per_day);
    count("per_hour", &mut rules.per_hour);
    count("per_day", &mut rules.per_day);
    count("failures", &mut rules.failures);
    count("tries", &mut rules.tries);
    let time = |key: &str, of: &mut Duration| {
        if let Some(read) = table.value(key).and_then(|value| value.duration(TIMES)) {
            *of = read;
        }
    };
    time("talk_per_day", &mut rules.talk_per_day);
    time("longest", &mut rules.longest);
    time("retry_after", &mut rules.retry_after);
    time("grace", &mut rules.grace);
    if let Some(allow) = table.required(
        "allow",
        "write the beginnings that may be called, such as [\"+33\"]",
    ) {
        rules.prefixes = read_prefixes(&allow);
    }
    rules.country = table.value("country").and_then(|value| {
        let country = Country::read(value.text()?);
        if country.is_none() {
            value.mistake("is no country; write its ISO 3166 code, such as \"FR\"");
        }
        country
    });
    rules.quiet = table.value("quiet_hours").and_then(|value| {
        let zone = match table.value("timezone") {
            None => TimeZone::UTC,
            Some(zone) => match TimeZone::get(zone.text()?) {
                Ok(read) => read,
                Err(error) => {
                    zone.mistake(error);
                    return None;
                }
            },
        };
        Hours::read(value.text()?, zone, None)
            .map_err(|error| value.mistake(error))
            .ok()
    });
    if let Some(order) = table.value("reach") {
        rules.order = read_order(&order);
    }
    let words = [
        ("refused", Strangers::Refused),
        ("allowed", Strangers::Allowed),
    ];
    if let Some(value) = table.value("strangers")
        && let Some(strangers) = value.choice(&words)
    {
        if strangers == Strangers::Allowed {
            value.warning("whoever clicks can have any allowed number called");
        }
        rules.strangers = strangers;
    }
    rules
}

/// The ways to a shopper, the page before all others.
fn read_order(value: &Value<'_>) -> Vec<Reach> {
    let words = [
        ("messenger", Reach::Messenger),
        ("telephone", Reach::Telephone),
    ];
    let mut order = vec![Reach::Browser];
    for item in value.items().unwrap_or_default() {
        match item.choice(&words) {
            Some(reach) if order.contains(&reach) => item.mistake("is there already"),
            Some(reach) => order.push(reach),
            None => {}
        }
    }
    order
}

fn read_prefixes(value: &Value<'_>) -> Vec<String> {
    let mut prefixes = Vec::new();
    for item in value.items().unwrap_or_default() {
        let Some(text) = item.text() else { continue };
        let digits = text.strip_prefix('+').unwrap_or_default();
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            item.mistake(format!(
                "{text:?} begins no number; write + and digits, such as \"+33\""
            ));
        } else {
            prefixes.push(text.to_owned());
        }
    }
    prefixes
}

/// Who dials: Deskbell where there is a trunk, else each rep by hand.
pub(super) fn dialling(trunks: &[TrunkSettings]) -> Dialling {
    if trunks.is_empty() {
        Dialling::ByHand
    } else {
        Dialling::Desk {
            but_for: Vec::<RepId>::new(),
        }
    }
}
