//! The table `[sip]`. Must not know the SIP stack.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZero;
use std::ops::RangeInclusive;
use std::path::Path;
use std::thread::available_parallelism;
use std::time::Duration;

use sip_transport::{TlsIdentity, TlsTrust};

use super::digest;
use super::document::{Section, Value};
use super::duration;
use super::hosts;
use super::settings::{ExpiresBounds, Listen, Protocol, SipSettings};
use super::sites;
use super::tls;
use super::trunks;

const KEYS: [&str; 16] = {
    let [digest, digest_over, qop] = digest::KEYS;
    [
        "domain",
        "aliases",
        "realm",
        "listen",
        "udp_sockets",
        digest,
        digest_over,
        qop,
        "expires",
        "flow_grace",
        "login_tries",
        "origins",
        "name_servers",
        "outbound_proxy",
        "authorities",
        "tls",
    ]
};

/// More than processors that one address could keep at work.
const MOST_UDP_SOCKETS: NonZero<u8> = NonZero::new(64).unwrap();

const DEFAULT_LOGIN_TRIES: u32 = 5;

/// Longer than a web page takes to load again, shorter than an offer waits.
const DEFAULT_FLOW_GRACE: Duration = Duration::from_secs(5);

/// Files of certificates are looked for in `directory`.
pub(super) fn read(
    root: &Section<'_>,
    directory: &Path,
) -> (SipSettings, Option<TlsIdentity>, Option<TlsTrust>) {
    let table = root.table("sip", "[sip]", &KEYS);
    if root.value("sip").is_none() {
        root.mistake(
            "[sip]",
            "is missing; write [sip] and below it domain = \"your.domain\"",
        );
    }
    let sip = table.as_ref();
    let value = |key: &str| sip.and_then(|sip| sip.value(key));

    let domain = sip
        .and_then(|sip| sip.required("domain", "write the domain of the reps' addresses"))
        .and_then(|domain| hosts::read_host(&domain))
        .unwrap_or_default();
    let realm = value("realm").and_then(|realm| read_realm(&realm));
    let settings = SipSettings {
        aliases: value("aliases").map_or_else(Vec::new, |aliases| read_aliases(&aliases, &domain)),
        realm: realm.unwrap_or_else(|| domain.clone()),
        domain,
        listen: value("listen")
            .and_then(|listen| read_listen(&listen))
            .unwrap_or_else(default_listen),
        udp_sockets: value("udp_sockets")
            .and_then(|sockets| sockets.whole(1..=MOST_UDP_SOCKETS.get().into()))
            .and_then(NonZero::new)
            .map_or_else(one_a_processor, as_many),
        digest: digest::read(sip),
        expires: value("expires")
            .and_then(|expires| read_expires(&expires))
            .unwrap_or_default(),
        flow_grace: value("flow_grace")
            .and_then(|grace| grace.duration(Duration::ZERO..=Duration::from_secs(600)))
            .unwrap_or(DEFAULT_FLOW_GRACE),
        login_tries: value("login_tries")
            .and_then(|tries| tries.whole(1..=1000))
            .unwrap_or(DEFAULT_LOGIN_TRIES),
        origins: value("origins").map_or_else(Vec::new, |origins| sites::read_origins(&origins)),
        name_servers: value("name_servers").map_or_else(Vec::new, |servers| {
            let items = servers.items().unwrap_or_default();
            items.iter().filter_map(hosts::read_name_server).collect()
        }),
        outbound_proxy: value("outbound_proxy").and_then(|proxy| trunks::read_proxy(&proxy)),
    };
    let shows_certificate = settings
        .listen
        .iter()
        .any(|listen| matches!(listen.protocol, Protocol::Tls | Protocol::Wss));
    let tls = match (sip, value("tls")) {
        (_, Some(table)) => {
            if !shows_certificate {
                table.warning("is not used: no listener is tls:// or wss://");
            }
            tls::read(&table, directory)
        }
        (Some(sip), None) if shows_certificate => {
            sip.mistake(
                "tls",
                "is missing; write [sip.tls] and below it certificate = \"…\" and key = \"…\"",
            );
            None
        }
        (_, None) => None,
    };
    let trust = value("authorities").and_then(|value| tls::read_trust(&value, directory));
    (settings, tls, trust)
}

fn default_listen() -> Vec<Listen> {
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 5060));
    [Protocol::Udp, Protocol::Tcp]
        .map(|protocol| Listen { protocol, address })
        .into()
}

fn read_realm(value: &Value<'_>) -> Option<String> {
    let realm = value.text()?;
    if realm.contains(['"', '\\']) {
        value.mistake("must hold neither quotes nor backslashes: some phones cannot read them");
        return None;
    }
    Some(realm.to_owned())
}

fn read_aliases(value: &Value<'_>, domain: &str) -> Vec<String> {
    let mut aliases = Vec::new();
    for item in value.items().unwrap_or_default() {
        let Some(alias) = hosts::read_host(&item) else {
            continue;
        };
        if alias == domain || aliases.contains(&alias) {
            item.mistake(format!("names {alias} twice"));
        } else {
            aliases.push(alias);
        }
    }
    aliases
}

fn read_listen(value: &Value<'_>) -> Option<Vec<Listen>> {
    let items = value.items()?;
    if items.is_empty() {
        value.mistake("is empty: no softphone could reach the server");
    }
    let mut listeners = Vec::new();
    for item in &items {
        let Some(listen) = read_listener(item) else {
            continue;
        };
        // Port 0 is another port each time.
        if listen.address.port() != 0 && listeners.contains(&listen) {
            item.mistake(format!("names {listen} twice"));
        } else {
            listeners.push(listen);
        }
    }
    Some(listeners)
}

fn read_listener(value: &Value<'_>) -> Option<Listen> {
    let text = value.text()?;
    let Some((scheme, address)) = text.split_once("://") else {
        value.mistake(format!(
            "{text:?} is no listener; write \"udp://0.0.0.0:5060\" or \"tcp://0.0.0.0:5060\""
        ));
        return None;
    };
    let protocol = match scheme {
        "udp" => Protocol::Udp,
        "tcp" => Protocol::Tcp,
        "tls" => Protocol::Tls,
        "ws" => Protocol::Ws,
        "wss" => Protocol::Wss,
        other => {
            value.mistake(format!(
                "SIP is not served over {other}; write udp://, tcp://, tls://, ws:// or wss://"
            ));
            return None;
        }
    };
    let address = hosts::read_socket_address(value, address)?;
    Some(Listen { protocol, address })
}

/// One where the system does not say how many processors there are.
fn one_a_processor() -> NonZero<u8> {
    available_parallelism().map_or(NonZero::<u8>::MIN, as_many)
}

/// So many, or as many as there may be.
fn as_many<N>(wanted: N) -> NonZero<u8>
where
    NonZero<u8>: TryFrom<N>,
{
    NonZero::try_from(wanted).map_or(MOST_UDP_SOCKETS, |wanted| wanted.min(MOST_UDP_SOCKETS))
}

fn read_expires(value: &Value<'_>) -> Option<ExpiresBounds> {
    const BOUNDS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(86_400);
    let table = value.table(&["min", "default", "max"])?;
    let usual = ExpiresBounds::default();
    let read = |key: &str, usual| {
        table
            .value(key)
            .map_or(Some(usual), |value| value.duration(BOUNDS))
    };
    let (min, default, max) = (
        read("min", usual.min),
        read("default", usual.default),
        read("max", usual.max),
    );
    let expires = ExpiresBounds {
        min: min?,
        default: default?,
        max: max?,
    };
    if expires.min > expires.default || expires.default > expires.max {
        let [min, default, max] = [expires.min, expires.default, expires.max].map(duration::write);
        value.mistake(format!(
            "min {min}, default {default} and max {max} must not descend; raise or lower one"
        ));
        return None;
    }
    Some(expires)
}
