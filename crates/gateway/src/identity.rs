//! Who a shopper is by the shop's signed token. Must not fail: a token that proves nothing is no token.

use std::collections::HashSet;

use helpdesk::Proof;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Deserializer, Serialize};

use crate::config::{Secret, SiteFace, TokenKey, TokenVerifier};

/// What a verified token says of the shopper. Made only by [`verify`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Shopper {
    /// Who the customer is to the shop.
    pub(crate) sub: Option<String>,
    /// Name for people.
    pub(crate) name: Option<String>,
    /// Membership.
    pub(crate) tier: Option<String>,
    /// Telephone number.
    pub(crate) phone: Option<String>,
    /// The rep who knows the customer.
    pub(crate) rep: Option<String>,
    /// The case the customer comes back with.
    pub(crate) case: Option<String>,
    /// The customer's own SIP messenger.
    #[serde(default, deserialize_with = "read_im")]
    pub(crate) im: Option<String>,
    /// Whether a token proved any of this.
    #[serde(skip)]
    pub(crate) proof: Proof,
}

/// A messenger's address that is none is no address: the token is worth the rest.
fn read_im<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    Ok(text.filter(|text| is_messenger(text)))
}

/// `sip:` or `sips:`, a user and a host, without headers; what SIP makes of it is judged when it is used.
fn is_messenger(text: &str) -> bool {
    let rest = text
        .strip_prefix("sip:")
        .or_else(|| text.strip_prefix("sips:"));
    let Some((user, host)) = rest.and_then(|rest| rest.split_once('@')) else {
        return false;
    };
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"<>\"?,@".contains(&byte);
    text.len() <= LONGEST_IM
        && !user.is_empty()
        && !host.is_empty()
        && user.bytes().all(is_plain)
        && host.bytes().all(is_plain)
}

/// Bytes that a messenger's address may have.
const LONGEST_IM: usize = 256;

/// Bytes that a shop's token may have; what is longer is none of ours.
const LONGEST: usize = 8 * 1024;

/// The shopper that `token` proves at this site; nobody in particular when it is forged, expired or foreign.
pub(crate) fn verify(token: &str, site: &SiteFace) -> Shopper {
    let named = match jsonwebtoken::decode_header(token) {
        Ok(header) if token.len() <= LONGEST => header.kid,
        Ok(_) | Err(_) => return Shopper::default(),
    };
    let fits = |key: &&TokenKey| named.is_none() || key.id == named;
    site.token_keys
        .iter()
        .filter(fits)
        .find_map(|key| verified(token, key, site))
        .unwrap_or_else(|| {
            tracing::debug!(site = %site.id, "a shop's token proves nothing");
            Shopper::default()
        })
}

fn verified(token: &str, key: &TokenKey, site: &SiteFace) -> Option<Shopper> {
    let (algorithm, key) = match &key.verifier {
        TokenVerifier::Shared(secret) => {
            (Algorithm::HS256, DecodingKey::from_secret(secret.expose()))
        }
        TokenVerifier::Ed25519(public) => (Algorithm::EdDSA, DecodingKey::from_ed_der(public)),
    };
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims = HashSet::from(["exp".to_owned()]);
    validation.leeway = 0;
    validation.validate_nbf = true;
    // A shop may sign for several sites with one key: a token that names its audience is for that one alone.
    validation.set_audience(&[site.id.as_str()]);
    jsonwebtoken::decode::<Shopper>(token, &key, &validation)
        .map(|data| Shopper {
            proof: Proof::Token,
            ..data.claims
        })
        .ok()
}

/// A token for the demo's storefront that proves `tier` until `expires_unix_s`.
pub(crate) fn sign(
    tier: &str,
    expires_unix_s: i64,
    secret: &Secret,
) -> Result<String, jsonwebtoken::errors::Error> {
    #[derive(Serialize)]
    struct Claims<'a> {
        sub: &'a str,
        tier: &'a str,
        exp: i64,
    }
    jsonwebtoken::encode(
        &Header::new(Algorithm::HS256),
        &Claims {
            sub: "demo",
            tier,
            exp: expires_unix_s,
        },
        &EncodingKey::from_secret(secret.expose()),
    )
}
