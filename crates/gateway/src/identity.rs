//! Who a shopper is by the shop's signed token. Must not fail: a token that proves nothing is no token.

use std::collections::HashSet;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::config::Secret;

/// What a verified token says of the shopper. Made only by [`verify`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Shopper {
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
}

/// The shopper that `token` proves; nobody in particular when it is forged, expired or foreign.
pub(crate) fn verify(token: &str, secret: &Secret) -> Shopper {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.required_spec_claims = HashSet::from(["exp".to_owned()]);
    validation.leeway = 0;
    validation.validate_nbf = true;
    // The secret is the site's own, so that a token for another audience cannot carry its signature.
    validation.validate_aud = false;
    let key = DecodingKey::from_secret(secret.expose());
    match jsonwebtoken::decode::<Shopper>(token, &key, &validation) {
        Ok(data) => data.claims,
        Err(error) => {
            tracing::debug!(%error, "a shop's token proves nothing");
            Shopper::default()
        }
    }
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
