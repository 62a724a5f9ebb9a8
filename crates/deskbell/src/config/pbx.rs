//! The table `[pbx]`: the telephone system that tells what the reps' lines do.
//! Must not know how it is asked.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use helpdesk::RepId;
use sip::{Scheme, Uri};

use super::document::{Section, Value};
use super::secret::{Keys, Sought, Sources};
use super::settings::{Extension, PbxSettings, Protocol};

/// The key of `[[rep]]` that this table's reader reads.
pub(super) const REP_KEY: &str = "extension";

const KEYS: [&str; 7] = [
    "uri",
    "user",
    "password",
    "password_file",
    "password_env",
    "realm",
    "expires",
];

const PASSWORD: Keys = Keys {
    inline: "password",
    file: "password_file",
    environment: "password_env",
};

const LIFETIMES: RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_secs(3600);

const DEFAULT_LIFETIME: Duration = Duration::from_secs(600);

/// The lines of the reps who have an extension, and the system that knows them.
pub(super) fn read(
    root: &Section<'_>,
    reps: &[Section<'_>],
    secrets: Sources<'_>,
) -> Option<PbxSettings> {
    let extensions: Vec<_> = reps.iter().filter_map(read_extension).collect();
    let Some(table) = root.table("pbx", "[pbx]", &KEYS) else {
        for value in reps.iter().filter_map(|rep| rep.value(REP_KEY)) {
            value.warning("is not used: there is no [pbx]");
        }
        return None;
    };
    if extensions.is_empty() {
        table.warning("uri", "is not used: no [[rep]] has an extension");
    }
    let text = |key: &str| {
        table
            .value(key)
            .and_then(|value| value.text().map(str::to_owned))
    };
    let password = match secrets.seek(&table, &PASSWORD) {
        Sought::Unusable => None,
        Sought::Found(secret, _) => Some(Arc::new(secret)),
        Sought::Absent => {
            if table.value("user").is_some() {
                table.mistake(
                    "password",
                    "is missing; write password_file = \"FILE\" (or password_env, password)",
                );
            }
            None
        }
    };
    let lifetime = table
        .value("expires")
        .and_then(|expires| expires.duration(LIFETIMES));
    let uri = table.required(
        "uri",
        "write the system's address, such as \"sip:pbx.example\"",
    )?;
    let (host, port, protocol) = read_uri(&uri)?;
    Some(PbxSettings {
        host,
        port,
        protocol,
        user: text("user"),
        password,
        realm: text("realm"),
        lifetime: lifetime.unwrap_or(DEFAULT_LIFETIME),
        extensions,
    })
}

fn read_extension(rep: &Section<'_>) -> Option<Extension> {
    let value = rep.value(REP_KEY)?;
    let number = value.text()?;
    let fits = number
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.+*".contains(&byte));
    if !fits {
        value.mistake("is no extension; write the user part of its address, such as \"101\"");
        return None;
    }
    let id = rep.value("id")?;
    Some(Extension {
        rep: RepId::new(id.written_text()?),
        number: number.to_owned(),
    })
}

fn read_uri(value: &Value<'_>) -> Option<(String, Option<u16>, Option<Protocol>)> {
    let text = value.text()?;
    let uri = Uri::parse(text.as_bytes())
        .ok()
        .filter(|uri| uri.scheme == Scheme::Sip && uri.user.is_none());
    let Some(uri) = uri else {
        value.mistake(format!(
            "{text:?} is no address of a telephone system; write \"sip:pbx.example\" or \"sip:192.0.2.7:5080;transport=tcp\""
        ));
        return None;
    };
    let transport = uri
        .params
        .get("transport")
        .flatten()
        .map(<[u8]>::to_ascii_lowercase);
    let protocol = match transport.as_deref() {
        None => None,
        Some(b"udp") => Some(Protocol::Udp),
        Some(b"tcp") => Some(Protocol::Tcp),
        Some(_) => {
            value.mistake("can be asked over udp or tcp only");
            return None;
        }
    };
    Some((uri.host.to_string(), uri.port, protocol))
}

impl PbxSettings {
    /// The address of an extension, or of our own user.
    pub(crate) fn address(&self, user: &str) -> String {
        match self.port {
            Some(port) => format!("sip:{user}@{}:{port}", self.host),
            None => format!("sip:{user}@{}", self.host),
        }
    }

    /// The URI by which its servers are found (RFC 3263).
    pub(crate) fn uri(&self) -> String {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        let transport = match self.protocol {
            Some(Protocol::Tcp) => ";transport=tcp",
            Some(Protocol::Udp) => ";transport=udp",
            Some(Protocol::Tls | Protocol::Ws | Protocol::Wss) | None => "",
        };
        format!("sip:{}{port}{transport}", self.host)
    }

    /// The password, where there is one.
    pub(crate) fn password(&self) -> &str {
        self.password.as_ref().map_or("", |secret| secret.expose())
    }
}
