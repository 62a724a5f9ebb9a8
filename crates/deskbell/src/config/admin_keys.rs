//! The tables `[[admin_key]]`. Must not know what a key opens in detail.

use gateway::{AdminKey, Scope};

use super::document::{Section, Value};
use super::names;
use super::secret::{Keys, Sought, Sources};

pub(super) const KEYS: [&str; 6] = ["id", "key", "key_file", "key_env", "scopes", "expires"];

const KEY: Keys = Keys {
    inline: "key",
    file: "key_file",
    environment: "key_env",
};

/// A key that can be guessed opens everything.
const KEY_BYTES: usize = 24;

/// The admin keys.
pub(super) fn read(tables: &[Section<'_>], secrets: Sources<'_>) -> Vec<AdminKey> {
    let mut taken = Vec::new();
    tables
        .iter()
        .filter_map(|table| {
            let id = names::read_id(table, &mut taken);
            let scopes = table
                .value("scopes")
                .map_or_else(|| vec![Scope::Read], |scopes| read_scopes(&scopes));
            let expires = table
                .value("expires")
                .and_then(|expires| read_expiry(&expires));
            let secret = match secrets.seek(table, &KEY) {
                Sought::Absent => {
                    table.mistake("key", "is missing; give key, key_file or key_env");
                    None
                }
                Sought::Unusable => None,
                Sought::Found(secret, value) => {
                    let bytes = secret.expose().len();
                    if bytes < KEY_BYTES {
                        value.mistake(format!(
                            "has {bytes} bytes; a key that cannot be guessed has at least {KEY_BYTES}"
                        ));
                        None
                    } else {
                        Some(secret)
                    }
                }
            };
            let mut key = AdminKey::new(id?, secret?.expose(), &scopes);
            key.expires_unix_ms = expires;
            Some(key)
        })
        .collect()
}

fn read_scopes(value: &Value<'_>) -> Vec<Scope> {
    let mut scopes = Vec::new();
    for item in value.items().unwrap_or_default() {
        match item.text() {
            Some("read") => scopes.push(Scope::Read),
            Some("write") => scopes.push(Scope::Write),
            Some(other) => item.mistake(format!(
                "{other:?} is no scope; write \"read\" or \"write\""
            )),
            None => {}
        }
    }
    scopes
}

fn read_expiry(value: &Value<'_>) -> Option<i64> {
    let text = value.text()?;
    match text.parse::<jiff::Timestamp>() {
        Ok(end) => Some(end.as_millisecond()),
        Err(_) => {
            value.mistake(format!(
                "{text:?} is no moment; write it like \"2027-01-31T00:00:00Z\""
            ));
            None
        }
    }
}
