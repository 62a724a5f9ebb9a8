//! Who a shopper is by the shop's signed token. Must not fail: a token that proves nothing is no token.

use std::collections::HashSet;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

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
    /// Address of the customer's own messenger.
    pub(crate) im: Option<String>,
    /// The rep who knows the customer.
    pub(crate) rep: Option<String>,
    /// The case the customer comes back with.
    pub(crate) case: Option<String>,
}

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
        .map(|data| data.claims)
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
