//! What verifies a site's tokens: its secret, and the tables `[[site.key]]`. Must not know what a token says.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use gateway::config::Secret;
use gateway::{TokenKey, TokenVerifier};

use super::document::Section;
use super::names;
use super::secret::{Keys, Sought, Sources};

const TOKEN_KEYS: [&str; 6] = [
    "id",
    "secret",
    "secret_file",
    "secret_env",
    "ed25519",
    "ed25519_file",
];

const SECRET: Keys = Keys {
    inline: "secret",
    file: "secret_file",
    environment: "secret_env",
};

/// RFC 7518 §3.2: a key of HS256 has at least the size of the hash.
const SECRET_BYTES: usize = 32;

/// The secret of the site itself, then its `[[site.key]]` tables.
pub(super) fn read(table: &Section<'_>, secrets: Sources<'_>) -> Vec<TokenKey> {
    let own = read_secret(table, secrets).map(|secret| TokenKey {
        id: None,
        verifier: TokenVerifier::Shared(secret),
    });
    let named = table.tables("key", "[[site.key]]", &TOKEN_KEYS);
    let mut taken = Vec::new();
    let named = named.iter().filter_map(|key| {
        let id = names::read_id(key, &mut taken);
        let verifier = match (read_secret(key, secrets), read_public_key(key, secrets)) {
            (Some(secret), None) => TokenVerifier::Shared(secret),
            (None, Some(public)) => TokenVerifier::Ed25519(public),
            (None, None) => {
                // A key that is there and cannot be used has been told already.
                if TOKEN_KEYS
                    .iter()
                    .skip(1)
                    .all(|name| key.value(name).is_none())
                {
                    key.mistake(
                        "id",
                        "has no key; give a secret (HS256) or ed25519, a public key",
                    );
                }
                return None;
            }
            (Some(_), Some(_)) => {
                key.mistake(
                    "id",
                    "has two keys; a key is for one algorithm, so give each its own table",
                );
                return None;
            }
        };
        Some(TokenKey {
            id: Some(id?.to_owned()),
            verifier,
        })
    });
    own.into_iter().chain(named).collect()
}

/// RFC 8037 §2: the `x` of a JSON Web Key; or the PEM that OpenSSL writes (RFC 8410).
fn read_public_key(table: &Section<'_>, secrets: Sources<'_>) -> Option<[u8; 32]> {
    let (value, text) = match (table.value("ed25519"), table.value("ed25519_file")) {
        (None, None) => return None,
        (Some(value), _) => {
            let text = value.text()?.to_owned();
            (value, text)
        }
        (None, Some(value)) => {
            let text = secrets.read_text(&value)?;
            (value, text)
        }
    };
    let public = public_key(&text);
    if public.is_none() {
        value.mistake("is no Ed25519 public key; give the x of its JWK, or a PEM file");
    }
    public
}

fn public_key(text: &str) -> Option<[u8; 32]> {
    if text.contains("-----BEGIN PUBLIC KEY-----") {
        /// RFC 8410 §4: what precedes the key's own bytes.
        const PREFIX: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";
        let base64: String = text
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .map(str::trim)
            .collect();
        let der = BASE64_STANDARD.decode(base64).ok()?;
        der.strip_prefix(PREFIX)?.try_into().ok()
    } else {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.trim()).ok()?;
        bytes.try_into().ok()
    }
}

fn read_secret(table: &Section<'_>, secrets: Sources<'_>) -> Option<Secret> {
    match secrets.seek(table, &SECRET) {
        Sought::Absent | Sought::Unusable => None,
        Sought::Found(secret, value) => {
            let bytes = secret.expose().as_bytes();
            if bytes.len() < SECRET_BYTES {
                value.warning(format!(
                    "has {} bytes; with fewer than {SECRET_BYTES} the shop's tokens can be forged",
                    bytes.len()
                ));
            }
            Some(Secret::new(bytes))
        }
    }
}
