//! Whether a request proves who sent it. Must not know what the user may do, or count wrong tries.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::digest::algorithm::{Algorithm, HexHash, Suite};
use crate::digest::challenge::{Qop, Spelled, quoted};
use crate::digest::credentials::{Credentials, Protection};
use crate::digest::nonce::{NonceKeeper, Use};
use crate::digest::reuse::{Reuse, ReusedNonces};
use crate::digest::secret::{Ha1, Prepared};
use crate::error::HeaderError;
use crate::message::Request;
use crate::uri::Uri;

/// Challenges requests for one realm, and judges their answers.
#[derive(Debug)]
pub struct Authenticator {
    realm: String,
    quoted_realm: String,
    nonces: NonceKeeper,
    reused: ReusedNonces,
    /// What answers of unknown users are judged by, for each of [`Algorithm::ALL`].
    nobodys: [Ha1; Algorithm::ALL.len()],
}

/// How somebody may prove an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// In the order of the challenges: the best first, MD5 last, as some phones read only the last.
    pub suites: Vec<Suite>,
    /// The kinds of protection to choose from. Without any, or with `auth` among them, an answer without `qop`
    /// (RFC 2617) will do.
    pub qualities: Vec<Qop>,
    /// How long a nonce serves.
    pub nonce_lifetime: Duration,
}

/// What surrounds a request.
#[derive(Clone, Copy, Debug)]
pub struct Occasion {
    /// Where it came from: a nonce serves nobody else.
    pub source: IpAddr,
    /// When it came.
    pub now: Instant,
}

/// What the credentials of a request are worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// None for our realm and what we offer: challenge.
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
        /// For a success without a body: the value of Authentication-Info, by which the server proves that it knows
        /// the secret too, and hands out the next nonce when this one is past half its life (RFC 7616 §3.5). None for
        /// credentials without `qop`.
        info: Option<String>,
    },
}

impl Authenticator {
    /// One that has challenged nobody.
    pub fn new(realm: impl Into<String>, nonces: NonceKeeper) -> Self {
        let realm = realm.into();
        let nobodys = Algorithm::ALL.map(|algorithm| Ha1::derive(algorithm, "", &realm, ""));
        Self {
            quoted_realm: quoted(&realm),
            realm,
            nonces,
            reused: ReusedNonces::new(),
            nobodys,
        }
    }

    /// The realm.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The values of WWW-Authenticate, one for each algorithm, with one nonce. `salt` is random, or at least another one
    /// for each request.
    pub fn challenges(
        &self,
        offer: &Offer,
        freshness: Freshness,
        salt: u64,
        occasion: Occasion,
    ) -> impl Iterator<Item = String> {
        let nonce = self.nonces.issue(occasion.source, salt, occasion.now);
        offer.suites.iter().map(move |suite| {
            let spelled = Spelled {
                quoted_realm: &self.quoted_realm,
                nonce: &nonce,
                suite: *suite,
                is_stale: freshness == Freshness::NonceUsedUp,
                qualities: &offer.qualities,
                opaque: None,
            };
            spelled.text()
        })
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
        offer: &Offer,
        occasion: Occasion,
    ) -> Result<Verdict, HeaderError> {
        let Some((credentials, suite)) = self.credentials_for_us(request, offer)? else {
            return Ok(Verdict::Missing);
        };
        let user = credentials.username().into_owned();
        let found = secret_of(&user, suite.algorithm)
            .filter(|secret| secret.algorithm() == suite.algorithm);
        let is_known = found.is_some();
        let nobodys = self
            .nobodys
            .iter()
            .find(|secret| secret.algorithm() == suite.algorithm);
        let Some(secret) = found.as_ref().or(nobodys) else {
            return Ok(Verdict::Wrong { user });
        };
        let (method, protection) = (request.method_text(), credentials.protection());
        let reuse = Reuse {
            nonce: credentials.nonce(),
            source: occasion.source,
            secret,
            method,
            uri: credentials.uri(),
        };
        let (known, common) = match credentials.quality_alone(suite) {
            None => (None, None),
            Some(quality) => match self.reused.find(&reuse) {
                Some((stamp, prepared)) => (Some(stamp), Some((quality, prepared))),
                None => (None, Some((quality, Prepared::new(&reuse)))),
            },
        };
        let is_proven = match &common {
            Some((quality, prepared)) => credentials.is_response(&prepared.response(quality)),
            None => credentials.prove(secret, method, request.body_bytes()),
        };
        if !(is_proven && is_known && names_the_same(credentials.uri(), request.uri_text())) {
            return Ok(Verdict::Wrong { user });
        }
        // RFC 7616 §3.3: stale tells that the secret was right, so it is judged after the response.
        let stamp = known.or_else(|| self.nonces.read(credentials.nonce(), occasion.source));
        let Some(stamp) = stamp else {
            return Ok(Verdict::Stale { user });
        };
        let (count, lifetime) = (protection.nonce_count(), offer.nonce_lifetime);
        let age = match self.nonces.count(stamp, count, lifetime, occasion.now) {
            Use::Stale => return Ok(Verdict::Stale { user }),
            Use::Fresh { age } => age,
        };
        let info = protection.quality().map(|quality| {
            let response = match &common {
                Some((hashed, prepared)) => prepared.server_response(hashed),
                None => credentials.server_response(secret, suite, b""),
            };
            let Occasion { source, now } = occasion;
            let next = count
                .filter(|_| age > lifetime / 2)
                .map(|count| self.nonces.renew(stamp, count, source, now));
            authentication_info(protection, quality, &response, next.as_deref())
        });
        // Most nonces are used once: what came twice will come again.
        if let (None, Some((_, prepared)), Some(2..)) = (known, common, count) {
            self.reused.keep(&reuse, stamp, prepared);
        }
        Ok(Verdict::Good { user, info })
    }

    fn credentials_for_us<'a>(
        &self,
        request: &'a Request,
        offer: &Offer,
    ) -> Result<Option<(Credentials<'a>, Suite)>, HeaderError> {
        for credentials in request.authorizations() {
            let credentials = credentials?;
            if credentials.realm().as_ref() != self.realm.as_bytes()
                || !offer.takes(credentials.protection())
            {
                continue;
            }
            match credentials.suite() {
                Some(suite) if offer.suites.contains(&suite) => {
                    return Ok(Some((credentials, suite)));
                }
                Some(_) | None => {}
            }
        }
        Ok(None)
    }
}

impl Offer {
    fn takes(&self, protection: Protection<'_>) -> bool {
        match protection {
            // Deviates from RFC 7616 §3.4, which wants `qop` where it was offered: old phones know none.
            Protection::Legacy => self.qualities.is_empty() || self.qualities.contains(&Qop::Auth),
            Protection::Authentication { .. } => self.qualities.contains(&Qop::Auth),
            Protection::Integrity { .. } => self.qualities.contains(&Qop::AuthInt),
            Protection::Other => false,
        }
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

/// Bytes that the value of Authentication-Info seldom has more of.
const LONG_INFO: usize = 192;

/// RFC 7616 §3.5, for an answer without a body.
fn authentication_info(
    protection: Protection<'_>,
    quality: Qop,
    response: &HexHash,
    next_nonce: Option<&str>,
) -> String {
    let mut info = String::with_capacity(LONG_INFO);
    if let Some(nonce) = next_nonce {
        info.extend(["nextnonce=\"", nonce, "\", "]);
    }
    let hashed = protection.hashed(b"");
    let [client_nonce, nonce_count] = hashed.map_or([&b""[..]; 2], |hashed| {
        [hashed.client_nonce, hashed.nonce_count]
    });
    for (before, value) in [
        ("qop=", quality.as_str().as_bytes()),
        (", rspauth=\"", response.as_bytes()),
        ("\", cnonce=\"", client_nonce),
        ("\", nc=", nonce_count),
    ] {
        info.push_str(before);
        info.push_str(&String::from_utf8_lossy(value));
    }
    info
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
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::{Duration, Instant};

    use super::{Authenticator, Freshness, Occasion, Offer, Verdict};
    use crate::digest::{
        Algorithm, Asked, Challenge, Credentials, Ha1, Keying, NonceKeeper, Qop, Suite,
    };
    use crate::header_name::HeaderName;
    use crate::message::{Message, Request};
    use crate::method::Method;
    use crate::write::request::RequestDraft;

    const URI: &str = "sip:alice@shop.example:5060";
    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const BODY: &[u8] = b"<presence/>";

    #[expect(
        clippy::disallowed_methods,
        reason = "an Instant can only be had from the clock; the tests move it by hand"
    )]
    fn start() -> Instant {
        Instant::now()
    }

    struct Desk {
        authenticator: Authenticator,
        offer: Offer,
        now: Instant,
    }

    impl Desk {
        fn new(algorithms: &[Algorithm]) -> Self {
            let suites = algorithms.iter().copied().map(Suite::from).collect();
            Self::offering(suites, vec![Qop::Auth])
        }

        fn offering(suites: Vec<Suite>, qualities: Vec<Qop>) -> Self {
            let now = start();
            let nonces = NonceKeeper::new([1; 32], now);
            Self {
                authenticator: Authenticator::new("shop.example", nonces),
                offer: Offer {
                    suites,
                    qualities,
                    nonce_lifetime: Duration::from_secs(60),
                },
                now,
            }
        }

        fn occasion(&self) -> Occasion {
            Occasion {
                source: HERE,
                now: self.now,
            }
        }

        fn challenges(&self, freshness: Freshness) -> Vec<Challenge> {
            self.authenticator
                .challenges(&self.offer, freshness, 1, self.occasion())
                .map(|value| Challenge::parse(value.as_bytes()).unwrap())
                .collect()
        }

        fn challenge(&self) -> Challenge {
            self.challenges(Freshness::First).remove(0)
        }

        fn judge(&self, credentials: Option<&str>) -> Verdict {
            self.judge_at(self.occasion(), &request(credentials, BODY))
        }

        fn judge_at(&self, occasion: Occasion, request: &Request) -> Verdict {
            let secret_of = |user: &str, algorithm| {
                (user == "alice").then(|| Ha1::derive(algorithm, user, "shop.example", "wonder"))
            };
            self.authenticator
                .judge(request, secret_of, &self.offer, occasion)
                .unwrap()
        }
    }

    fn request(credentials: Option<&str>, body: &[u8]) -> Request {
        request_to(Method::Publish, credentials, body)
    }

    fn request_to(method: Method, credentials: Option<&str>, body: &[u8]) -> Request {
        let mut draft = RequestDraft::new(method, URI)
            .from("<sip:alice@shop.example>", "1")
            .to("<sip:alice@shop.example>")
            .call_id("c1")
            .body("application/pidf+xml", body.to_vec());
        if let Some(value) = credentials {
            draft = draft.header(HeaderName::Authorization, value);
        }
        match Message::parse(draft.print("UDP h", "z9hG4bK1")).unwrap() {
            Message::Request(request) => request,
            Message::Response(_) => panic!("not a request"),
        }
    }

    fn answer(challenge: &Challenge, user: &str, password: &str, uri: &str, count: u32) -> String {
        let algorithm = challenge.suite.algorithm;
        let secret = Ha1::derive(algorithm, user, &challenge.realm, password);
        let asked = Asked {
            method: "PUBLISH",
            uri,
            body: BODY,
        };
        Credentials::answer(challenge, user, &secret, &asked, "c1", count)
    }

    fn alice() -> String {
        "alice".to_owned()
    }

    fn is_good(verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Good { user, .. } if user == "alice")
    }

    #[test]
    fn the_right_password_is_good_and_the_wrong_one_is_not() {
        for algorithm in Algorithm::ALL {
            let desk = Desk::new(&[algorithm]);
            let challenge = desk.challenge();
            assert_eq!(challenge.suite, algorithm.into());
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
            let right = answer(&challenge, "alice", "wonder", URI, 1);
            assert!(is_good(&desk.judge(Some(&right))));
        }
    }

    #[test]
    fn credentials_sent_again_to_the_letter_are_stale_and_not_wrong() {
        let desk = Desk::new(&[Algorithm::Md5]);
        let credentials = answer(&desk.challenge(), "alice", "wonder", URI, 1);
        assert!(is_good(&desk.judge(Some(&credentials))));
        assert_eq!(
            desk.judge(Some(&credentials)),
            Verdict::Stale { user: alice() }
        );
        assert!(desk.challenges(Freshness::NonceUsedUp)[0].is_stale);
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
        assert!(is_good(&desk.judge(Some(&right))));
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
            assert_eq!(is_good(&verdict), is_same, "{uri}");
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
        let request = request(Some("Digest username="), BODY);
        let nobody = |_: &str, _| None;
        let (offer, occasion) = (&desk.offer, desk.occasion());
        let found = desk.authenticator.judge(&request, nobody, offer, occasion);
        assert!(found.is_err());
    }

    #[test]
    fn challenges_come_in_the_configured_order() {
        let desk = Desk::new(&[Algorithm::Sha256, Algorithm::Md5]);
        let found = desk.challenges(Freshness::First);
        let suites: Vec<_> = found.iter().map(|challenge| challenge.suite).collect();
        assert_eq!(suites, desk.offer.suites);
    }

    #[test]
    fn a_session_is_proven_where_it_is_offered() {
        let session = Suite {
            algorithm: Algorithm::Sha256,
            keying: Keying::Session,
        };
        let desk = Desk::offering(vec![session], vec![Qop::Auth]);
        let right = answer(&desk.challenge(), "alice", "wonder", URI, 1);
        assert!(right.contains("algorithm=SHA-256-sess"));
        assert!(is_good(&desk.judge(Some(&right))));
        let elsewhere = Desk::new(&[Algorithm::Sha256]);
        assert_eq!(elsewhere.judge(Some(&right)), Verdict::Missing);
    }

    #[test]
    fn with_auth_int_the_body_is_proven_and_nothing_less_will_do() {
        let desk = Desk::offering(vec![Algorithm::Sha256.into()], vec![Qop::AuthInt]);
        let right = answer(&desk.challenge(), "alice", "wonder", URI, 1);
        let other_body = request(Some(&right), b"<presence>forged</presence>");
        assert_eq!(
            desk.judge_at(desk.occasion(), &other_body),
            Verdict::Wrong { user: alice() }
        );
        assert!(is_good(&desk.judge(Some(&right))));
        for qualities in [vec![Qop::Auth], Vec::new()] {
            let mut challenge = desk.challenge();
            challenge.qualities = qualities;
            let less = answer(&challenge, "alice", "wonder", URI, 2);
            assert_eq!(desk.judge(Some(&less)), Verdict::Missing);
        }
        // Where it is not offered, it is not taken.
        let plain = Desk::new(&[Algorithm::Sha256]);
        assert_eq!(plain.judge(Some(&right)), Verdict::Missing);
    }

    /// Security row S8: what was heard elsewhere, or long ago, is worth a challenge and nothing else.
    #[test]
    fn a_nonce_of_another_source_or_time_is_stale_for_whoever_knows_the_password() {
        let desk = Desk::new(&[Algorithm::Md5]);
        let challenge = desk.challenge();
        let stale = Verdict::Stale { user: alice() };
        let right = request(Some(&answer(&challenge, "alice", "wonder", URI, 1)), BODY);
        let elsewhere = Occasion {
            source: [127, 0, 0, 2].into(),
            ..desk.occasion()
        };
        assert_eq!(desk.judge_at(elsewhere, &right), stale);
        let later = Occasion {
            now: desk.now + Duration::from_secs(61),
            ..desk.occasion()
        };
        assert_eq!(desk.judge_at(later, &right), stale);
        assert!(is_good(&desk.judge_at(desk.occasion(), &right)));
        let wrong = request(Some(&answer(&challenge, "alice", "wrong", URI, 2)), BODY);
        let refused = Verdict::Wrong { user: alice() };
        assert_eq!(desk.judge_at(elsewhere, &wrong), refused);
        assert_eq!(desk.judge_at(later, &wrong), refused);
    }

    #[test]
    fn the_server_proves_itself_and_renews_an_aging_nonce() {
        let desk = Desk::new(&[Algorithm::Md5]);
        let challenge = desk.challenge();
        let info = |count, age| {
            let occasion = Occasion {
                now: desk.now + Duration::from_secs(age),
                ..desk.occasion()
            };
            let credentials = answer(&challenge, "alice", "wonder", URI, count);
            match desk.judge_at(occasion, &request(Some(&credentials), BODY)) {
                Verdict::Good { info, .. } => info.unwrap(),
                other => panic!("{other:?}"),
            }
        };
        let young = info(1, 30);
        assert!(young.starts_with("qop=auth, rspauth=\""), "{young}");
        assert!(young.ends_with("\", cnonce=\"c1\", nc=00000001"), "{young}");
        let old = info(2, 31);
        let next = old.strip_prefix("nextnonce=\"").unwrap();
        let (next, rest) = next.split_once("\", ").unwrap();
        assert!(rest.starts_with("qop=auth, rspauth="), "{old}");
        let renewed = Challenge {
            nonce: next.to_owned(),
            ..desk.challenge()
        };
        let renewed = answer(&renewed, "alice", "wonder", URI, 1);
        let later = Occasion {
            now: desk.now + Duration::from_secs(91),
            ..desk.occasion()
        };
        assert!(is_good(
            &desk.judge_at(later, &request(Some(&renewed), BODY))
        ));
    }

    /// What is kept of a nonce that is used again must not change any verdict.
    #[test]
    fn a_nonce_used_again_proves_no_more_than_before() {
        for algorithm in Algorithm::ALL {
            let desk = Desk::new(&[algorithm]);
            let challenge = desk.challenge();
            let with = |password, uri, count| answer(&challenge, "alice", password, uri, count);
            let good = |count| {
                let credentials = with("wonder", URI, count);
                let Verdict::Good { info, .. } = desk.judge(Some(&credentials)) else {
                    panic!("{algorithm} {count}");
                };
                let credentials =
                    Credentials::parse(HeaderName::Authorization, credentials.as_bytes());
                let secret = Ha1::derive(algorithm, "alice", "shop.example", "wonder");
                let proof =
                    credentials
                        .unwrap()
                        .unwrap()
                        .server_response(&secret, algorithm.into(), b"");
                let proof = String::from_utf8_lossy(proof.as_bytes()).into_owned();
                assert!(info.unwrap().contains(&proof), "{algorithm} {count}");
            };
            (1..=5).for_each(good);
            let refused = Verdict::Wrong { user: alice() };
            let stale = Verdict::Stale { user: alice() };
            let right = with("wonder", URI, 6);
            for changed in [
                with("wrong", URI, 6),
                with("wonder", "sip:bob@shop.example", 6),
                right.replace("cnonce=\"c1", "cnonce=\"c2"),
                right.replace("nc=00000006", "nc=00000007"),
                right.replace(URI, "sip:alice@shop.example"),
                right.replace("alice\", realm", "mallory\", realm"),
            ] {
                assert_ne!(changed, right);
                let verdict = desk.judge(Some(&changed));
                assert!(matches!(verdict, Verdict::Wrong { .. }), "{changed}");
            }
            let other_method = request_to(Method::Message, Some(&right), BODY);
            assert_eq!(desk.judge_at(desk.occasion(), &other_method), refused);
            assert_eq!(desk.judge(Some(&with("wonder", URI, 5))), stale);
            let elsewhere = Occasion {
                source: [127, 0, 0, 2].into(),
                ..desk.occasion()
            };
            let later = Occasion {
                now: desk.now + Duration::from_secs(61),
                ..desk.occasion()
            };
            for occasion in [elsewhere, later] {
                let request = request(Some(&right), BODY);
                assert_eq!(desk.judge_at(occasion, &request), stale);
            }
            let after_a_change = |user: &str, algorithm| {
                Some(Ha1::derive(algorithm, user, "shop.example", "changed"))
            };
            for (password, is_right) in [("wonder", false), ("changed", true)] {
                let request = request(Some(&with(password, URI, 8)), BODY);
                let verdict = desk.authenticator.judge(
                    &request,
                    after_a_change,
                    &desk.offer,
                    desk.occasion(),
                );
                assert_eq!(is_good(&verdict.unwrap()), is_right, "{password}");
            }
            good(6);
        }
    }

    #[test]
    fn without_qop_nothing_is_proven_back() {
        let desk = Desk::new(&[Algorithm::Md5]);
        let mut challenge = desk.challenge();
        challenge.qualities.clear();
        let legacy = answer(&challenge, "alice", "wonder", URI, 1);
        let expected = Verdict::Good {
            user: alice(),
            info: None,
        };
        assert_eq!(desk.judge(Some(&legacy)), expected);
    }
}
