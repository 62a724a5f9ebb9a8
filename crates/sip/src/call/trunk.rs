//! The one peer that gets credentials from us, and what it gets. Must not know when it asks.

use std::fmt;

use crate::digest::{Algorithm, Asked, Challenge, Credentials, Ha1};
use crate::header_name::HeaderName;
use crate::message::Response;

/// Our account at a trunk or PBX. Never printed.
#[derive(Clone)]
pub struct Trunk {
    realm: Box<str>,
    user: Box<str>,
    secrets: Vec<Ha1>,
}

/// How often a request was sent with credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    Plain,
    WithCredentials,
    /// Because the nonce was stale, which says that the credentials were right.
    Again,
}

/// Credentials, and the header they go in.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    pub(crate) header: HeaderName,
    pub(crate) value: String,
    pub(crate) attempt: Attempt,
}

impl Trunk {
    /// An account; `secrets` are that of this user in this realm, by any algorithms.
    pub fn new(realm: impl Into<Box<str>>, user: impl Into<Box<str>>, secrets: Vec<Ha1>) -> Self {
        Self {
            realm: realm.into(),
            user: user.into(),
            secrets,
        }
    }

    /// The account of a password, which is not kept.
    pub fn with_password(
        realm: impl Into<Box<str>>,
        user: impl Into<Box<str>>,
        password: &str,
    ) -> Self {
        let (realm, user) = (realm.into(), user.into());
        let secrets = STRONGEST_FIRST
            .into_iter()
            .map(|algorithm| Ha1::derive(algorithm, &user, &realm, password));
        Self::new(realm.clone(), user.clone(), secrets.collect())
    }

    /// Answers the challenge in a 401 or 407, if it may be answered.
    pub(crate) fn answer(
        &self,
        response: &Response,
        asked: &Asked<'_>,
        attempt: Attempt,
        client_nonce: &str,
    ) -> Option<Pass> {
        let (challenged, header) = match response.status().code() {
            401 => (HeaderName::WwwAuthenticate, HeaderName::Authorization),
            407 => (
                HeaderName::ProxyAuthenticate,
                HeaderName::ProxyAuthorization,
            ),
            _ => return None,
        };
        let challenges: Vec<_> = response
            .headers(challenged)
            .filter_map(Challenge::parse)
            // Whoever names another realm wants what is not his.
            .filter(|challenge| challenge.realm == *self.realm)
            .collect();
        // The strongest that is offered: whoever offers more and wants less has been tampered with.
        let (secret, challenge) = STRONGEST_FIRST.into_iter().find_map(|algorithm| {
            let mut offered = challenges.iter();
            let challenge = offered.find(|challenge| challenge.suite.algorithm == algorithm)?;
            let mut secrets = self.secrets.iter();
            let secret = secrets.find(|secret| secret.algorithm() == algorithm)?;
            Some((secret, challenge))
        })?;
        // RFC 3261 §22.2 and §22.3: the same credentials are not tried twice, and a new nonce alone is no reason.
        let attempt = match (attempt, challenge.is_stale) {
            (Attempt::Plain, _) => Attempt::WithCredentials,
            (Attempt::WithCredentials, true) => Attempt::Again,
            (Attempt::WithCredentials, false) | (Attempt::Again, _) => return None,
        };
        let value = Credentials::answer(challenge, &self.user, secret, asked, client_nonce, 1);
        Some(Pass {
            header,
            value,
            attempt,
        })
    }
}

impl fmt::Debug for Trunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trunk({}, ..)", self.realm)
    }
}

const STRONGEST_FIRST: [Algorithm; 3] = [
    Algorithm::Sha512Truncated,
    Algorithm::Sha256,
    Algorithm::Md5,
];
