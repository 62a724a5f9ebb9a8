//! Whether a request proves who sent it. Must not know what the user may do, or count wrong tries.

use std::time::Instant;

use crate::digest::algorithm::{Algorithm, Ha1};
use crate::digest::challenge::Challenge;
use crate::digest::credentials::{Credentials, Protection};
use crate::digest::nonce::{NonceKeeper, Use};
use crate::error::HeaderError;
use crate::message::Request;
use crate::uri::Uri;

/// Challenges requests for one realm, and judges their answers.
#[derive(Debug)]
pub struct Authenticator {
    realm: String,
    algorithms: Vec<Algorithm>,
    nonces: NonceKeeper,
}

/// What the credentials of a request are worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// None for our realm and our algorithms: challenge.
    Missing,
    /// The user knows the password, but the nonce is used up: challenge with `stale=true`, never refuse.
    Stale {
        /// The user name.
        user: String,
    },
    /// The password is wrong, the user unknown, or the credentials are for another address.
    Wrong {
        /// The user name as claimed.
        user: String,
    },
    /// The user is who they say.
    Good {
        /// The user name.
        user: String,
    },
}

impl Authenticator {
    /// `algorithms` in the order of the challenges: the best first, MD5 last, as some phones read
    /// only the last.
    pub fn new(realm: impl Into<String>, algorithms: Vec<Algorithm>, nonces: NonceKeeper) -> Self {
        Self {
            realm: realm.into(),
            algorithms,
            nonces,
        }
    }

    /// The realm.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The values of WWW-Authenticate, one for each algorithm, with one nonce. `salt` is random.
    pub fn challenges(&self, salt: u64, freshness: Freshness, now: Instant) -> Vec<String> {
        let nonce = self.nonces.issue(salt, now);
        self.algorithms
            .iter()
            .map(|algorithm| {
                Challenge {
                    realm: self.realm.clone(),
                    nonce: nonce.clone(),
                    algorithm: *algorithm,
                    is_stale: freshness == Freshness::NonceUsedUp,
                    offers_authentication: true,
                    opaque: None,
                }
                .to_string()
            })
            .collect()
    }

    /// Judges the credentials of `request`. `secret_of` finds the secret of a user; where it finds
    /// none, the same work is done, so that time does not tell who exists.
    ///
    /// # Errors
    /// Where digest credentials are malformed, which is answered 400.
    pub fn judge(
        &self,
        request: &Request,
        secret_of: impl FnOnce(&str, Algorithm) -> Option<Ha1>,
        now: Instant,
    ) -> Result<Verdict, HeaderError> {
        let Some((credentials, algorithm)) = self.credentials_for_us(request)? else {
            return Ok(Verdict::Missing);
        };
        let user = credentials.username().into_owned();
        let found = secret_of(&user, algorithm).filter(|secret| secret.algorithm() == algorithm);
        let is_known = found.is_some();
        let nobodys = Ha1::derive(algorithm, &user, &self.realm, "");
        let secret = found.unwrap_or(nobodys);
        let is_proven = credentials.prove(&secret, request.method_text());
        if !(is_proven && is_known && names_the_same(credentials.uri(), request.uri_text())) {
            return Ok(Verdict::Wrong { user });
        }
        // RFC 7616 §3.3: stale tells that the secret was right, so it is judged after the response.
        Ok(
            match self
                .nonces
                .count(credentials.nonce(), nonce_count(&credentials), now)
            {
                Use::Fresh => Verdict::Good { user },
                Use::Stale => Verdict::Stale { user },
            },
        )
    }

    fn credentials_for_us<'a>(
        &self,
        request: &'a Request,
    ) -> Result<Option<(Credentials<'a>, Algorithm)>, HeaderError> {
        for credentials in request.authorizations() {
            let credentials = credentials?;
            if credentials.realm().as_ref() != self.realm.as_bytes()
                || credentials.protection() == Protection::Other
            {
                continue;
            }
            match credentials.algorithm() {
                Some(algorithm) if self.algorithms.contains(&algorithm) => {
                    return Ok(Some((credentials, algorithm)));
                }
                Some(_) | None => {}
            }
        }
        Ok(None)
    }
}

/// Why a challenge is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// For want of credentials, or for wrong ones.
    First,
    /// The credentials were right, their nonce was not: `stale=true`.
    NonceUsedUp,
}

fn nonce_count(credentials: &Credentials<'_>) -> Option<u32> {
    match credentials.protection() {
        Protection::Authentication { nonce_count, .. } => {
            u32::from_str_radix(std::str::from_utf8(nonce_count).ok()?, 16).ok()
        }
        Protection::Legacy | Protection::Other => None,
    }
}

/// Whether the hashed URI is for the same user as the Request-URI; whether its host is ours is not decided here.
// Deviates from RFC 7616 §3.4.6, which wants the same resource: host, port and parameters may differ, because
// a domain has aliases, proxies and phones (Linphone) drop ports, and SIPp hashes the address it sends to.
fn names_the_same(hashed: &[u8], requested: &[u8]) -> bool {
    if hashed == requested {
        return true;
    }
    let (Ok(hashed), Ok(requested)) = (Uri::parse(hashed), Uri::parse(requested)) else {
        return false;
    };
    hashed.user.is_none() || hashed.user_decoded() == requested.user_decoded()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Authenticator, Freshness, Verdict};
    use crate::digest::{Algorithm, Challenge, Credentials, Ha1, NonceKeeper};
    use crate::header_name::HeaderName;
    use crate::message::{Message, Request};
    use crate::method::Method;
    use crate::write::request::RequestDraft;

    const URI: &str = "sip:alice@shop.example:5060";

    #[expect(
        clippy::disallowed_methods,
        reason = "an Instant can only be had from the clock; the tests move it by hand"
    )]
    fn start() -> Instant {
        Instant::now()
    }

    struct Desk {
        authenticator: Authenticator,
        now: Instant,
    }

    impl Desk {
        fn new(algorithms: &[Algorithm]) -> Self {
            let now = start();
            let nonces = NonceKeeper::new([1; 32], Duration::from_secs(60), now);
            Self {
                authenticator: Authenticator::new("shop.example", algorithms.to_vec(), nonces),
                now,
            }
        }

        fn challenge(&self) -> Challenge {
            let values = self.authenticator.challenges(1, Freshness::First, self.now);
            Challenge::parse(values[0].as_bytes()).unwrap()
        }

        fn judge(&self, credentials: Option<&str>) -> Verdict {
            let secret_of = |user: &str, algorithm| {
                (user == "alice").then(|| Ha1::derive(algorithm, user, "shop.example", "wonder"))
            };
            self.authenticator
                .judge(&request(credentials), secret_of, self.now)
                .unwrap()
        }
    }

    fn request(credentials: Option<&str>) -> Request {
        let mut draft = RequestDraft::new(Method::Publish, URI)
            .from("<sip:alice@shop.example>", "1")
            .to("<sip:alice@shop.example>")
            .call_id("c1");
        if let Some(value) = credentials {
            draft = draft.header(HeaderName::Authorization, value);
        }
        match Message::parse(draft.print("UDP h", "z9hG4bK1")).unwrap() {
            Message::Request(request) => request,
            Message::Response(_) => panic!("not a request"),
        }
    }

    fn answer(challenge: &Challenge, user: &str, password: &str, uri: &str, count: u32) -> String {
        let secret = Ha1::derive(challenge.algorithm, user, &challenge.realm, password);
        Credentials::answer(challenge, user, &secret, "PUBLISH", uri, "c1", count)
    }

    fn alice() -> String {
        "alice".to_owned()
    }

    #[test]
    fn the_right_password_is_good_and_the_wrong_one_is_not() {
        for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
            let desk = Desk::new(&[algorithm]);
            let challenge = desk.challenge();
            assert_eq!(challenge.algorithm, algorithm);
            assert_eq!(desk.judge(None), Verdict::Missing);
            assert_eq!(
                desk.judge(Some(&answer(&challenge, "alice", "wrong", URI, 1))),
                Verdict::Wrong { user: alice() }
            );
            assert_eq!(
                desk.judge(Some(&answer(&challenge, "mallory", "", URI, 1))),
                Verdict::Wrong {
                    user: "mallory".to_owned()
                }
            );
            assert_eq!(
                desk.judge(Some(&answer(&challenge, "alice", "wonder", URI, 1))),
                Verdict::Good { user: alice() }
            );
        }
    }

    #[test]
    fn credentials_sent_again_to_the_letter_are_stale_and_not_wrong() {
        let desk = Desk::new(&[Algorithm::Md5]);
        let credentials = answer(&desk.challenge(), "alice", "wonder", URI, 1);
        assert_eq!(
            desk.judge(Some(&credentials)),
            Verdict::Good { user: alice() }
        );
        assert_eq!(
            desk.judge(Some(&credentials)),
            Verdict::Stale { user: alice() }
        );
        let values = desk
            .authenticator
            .challenges(2, Freshness::NonceUsedUp, desk.now);
        assert!(Challenge::parse(values[0].as_bytes()).unwrap().is_stale);
    }

    #[test]
    fn a_wrong_password_does_not_learn_that_its_nonce_is_stale_and_uses_no_count() {
        let desk = Desk::new(&[Algorithm::Md5]);
        let mut challenge = desk.challenge();
        let right = answer(&challenge, "alice", "wonder", URI, 1);
        assert_eq!(
            desk.judge(Some(&answer(&challenge, "alice", "wrong", URI, 1))),
            Verdict::Wrong { user: alice() }
        );
        assert_eq!(desk.judge(Some(&right)), Verdict::Good { user: alice() });
        challenge.nonce = "before-the-restart".to_owned();
        assert_eq!(
            desk.judge(Some(&answer(&challenge, "alice", "wrong", URI, 1))),
            Verdict::Wrong { user: alice() }
        );
        assert_eq!(
            desk.judge(Some(&answer(&challenge, "alice", "wonder", URI, 1))),
            Verdict::Stale { user: alice() }
        );
    }

    #[test]
    fn the_hashed_uri_may_differ_in_all_but_its_user() {
        for (uri, is_same) in [
            ("sip:alice@shop.example", true),
            ("sip:alice@SHOP.example:5060;transport=tcp", true),
            ("sip:shop.example", true),
            ("sip:bob@shop.example", false),
            ("sip:alice@127.0.0.1:5060", true),
            ("*", false),
        ] {
            let desk = Desk::new(&[Algorithm::Md5]);
            let verdict = desk.judge(Some(&answer(&desk.challenge(), "alice", "wonder", uri, 1)));
            assert_eq!(verdict == Verdict::Good { user: alice() }, is_same, "{uri}");
        }
    }

    #[test]
    fn credentials_for_others_are_passed_over() {
        let desk = Desk::new(&[Algorithm::Sha256, Algorithm::Md5]);
        let mut challenge = desk.challenge();
        challenge.realm = "elsewhere.example".to_owned();
        assert_eq!(
            desk.judge(Some(&answer(&challenge, "alice", "wonder", URI, 1))),
            Verdict::Missing
        );
        assert_eq!(desk.judge(Some("Basic YWxpY2U6d29uZGVy")), Verdict::Missing);
        let only_md5 = Desk::new(&[Algorithm::Md5]);
        let sha = answer(&desk.challenge(), "alice", "wonder", URI, 1);
        assert_eq!(only_md5.judge(Some(&sha)), Verdict::Missing);
    }

    #[test]
    fn malformed_credentials_are_the_peers_fault() {
        let desk = Desk::new(&[Algorithm::Md5]);
        let found =
            desk.authenticator
                .judge(&request(Some("Digest username=")), |_, _| None, desk.now);
        assert!(found.is_err());
    }

    #[test]
    fn challenges_come_in_the_configured_order() {
        let desk = Desk::new(&[Algorithm::Sha256, Algorithm::Md5]);
        let values = desk.authenticator.challenges(1, Freshness::First, desk.now);
        let algorithms: Vec<_> = values
            .iter()
            .map(|value| Challenge::parse(value.as_bytes()).unwrap().algorithm)
            .collect();
        assert_eq!(algorithms, [Algorithm::Sha256, Algorithm::Md5]);
    }
}
