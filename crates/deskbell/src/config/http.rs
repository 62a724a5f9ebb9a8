//! The table `[http]`: where web pages connect, and what the gateway is to browsers.
//! Must not know what is served.

use std::net::IpAddr;

use gateway::CookieKeys;

use super::document::Section;
use super::hosts;
use super::secret::{Keys, Sought, Sources};
use super::settings::HttpSettings;
use super::sites;

const KEYS: [&str; 9] = [
    "listen",
    "public_origin",
    "proxies",
    "cookie_secret",
    "cookie_secret_file",
    "cookie_secret_env",
    "old_cookie_secret",
    "old_cookie_secret_file",
    "old_cookie_secret_env",
];

const SECRET: Keys = Keys {
    inline: "cookie_secret",
    file: "cookie_secret_file",
    environment: "cookie_secret_env",
};

const OLD_SECRET: Keys = Keys {
    inline: "old_cookie_secret",
    file: "old_cookie_secret_file",
    environment: "old_cookie_secret_env",
};

/// Bytes of a secret that nobody guesses.
const SECRET_BYTES: usize = 32;

pub(super) fn read(root: &Section<'_>, secrets: Sources<'_>) -> HttpSettings {
    let usual = HttpSettings::default();
    let Some(table) = root.table("http", "[http]", &KEYS) else {
        return usual;
    };
    let listen = table
        .value("listen")
        .and_then(|listen| hosts::read_socket_address(&listen, listen.text()?));
    let public_origin = table.value("public_origin").and_then(|value| {
        let text = value.text()?;
        let is_origin = sites::is_origin(text);
        if !is_origin {
            value.mistake(format!(
                "{text:?} is no origin; write scheme and host as browsers do, such as \"https://help.example\""
            ));
        }
        is_origin.then(|| text.to_owned())
    });
    let proxies = table.value("proxies").and_then(|value| value.items());
    let proxies = proxies.map(|items| {
        items
            .iter()
            .filter_map(|item| {
                let text = item.text()?;
                let address: Option<IpAddr> = text.parse().ok();
                if address.is_none() {
                    item.mistake(format!("{text:?} is no IP address"));
                }
                address
            })
            .collect()
    });
    HttpSettings {
        listen: listen.unwrap_or(usual.listen),
        public_origin,
        proxies: proxies.unwrap_or(usual.proxies),
        cookie_keys: read_keys(&table, secrets),
    }
}

fn read_keys(table: &Section<'_>, secrets: Sources<'_>) -> Option<CookieKeys> {
    let read = |keys: &Keys| match secrets.seek(table, keys) {
        Sought::Absent | Sought::Unusable => None,
        Sought::Found(secret, value) => {
            let bytes = secret.expose().as_bytes().to_vec();
            if bytes.len() < SECRET_BYTES {
                value.mistake(format!(
                    "has {} bytes; write at least {SECRET_BYTES}, for example from `openssl rand -hex 32`",
                    bytes.len()
                ));
                return None;
            }
            Some(bytes)
        }
    };
    let found: Vec<Vec<u8>> = [&SECRET, &OLD_SECRET]
        .into_iter()
        .filter_map(read)
        .collect();
    (!found.is_empty()).then(|| CookieKeys::new(found.iter().map(Vec::as_slice)))
}
