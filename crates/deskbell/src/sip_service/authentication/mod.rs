//! Who sent a request: digest challenges and verdicts, with a limit on wrong tries (RFC 3261 §22).
//! Must not know what the sender may do.

mod offers;
mod proven;
mod tries;

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gateway::SignInRefused;
use helpdesk::RepId;
use sha2::{Digest as _, Sha256};
use sip::digest::{Algorithm, Authenticator, Freshness, Ha1, NonceKeeper, Occasion, Verdict};
use sip::{Flow, HeaderName, Protocol, Request, ResponseBuilder, StatusCode};
use sip_transport::{Conduct, Exchange, Handling};

use super::answer::{answer, bad, refuse};
use super::directory::SharedDirectory;
use tries::{Admission, Tries};

pub(crate) use offers::Offers;

/// Nonces carry their time in steps of this, so that a request that is retransmitted at once (RFC 3261 §17.1.2.2) is mostly
/// challenged with the same nonce. In one step 262,144 users can log in with nonces of their own.
const NONCE_TICK: Duration = Duration::from_secs(2);

/// What somebody who was wrong too often is told to wait at a console, in seconds.
const REFUSED_FOR: u32 = 60;

/// Proves senders, and who signs in at a console.
pub(crate) struct Login {
    directory: SharedDirectory,
    authenticator: Authenticator,
    offers: Offers,
    tries: Tries,
    /// Tries that came otherwise than by SIP.
    sign_ins: AtomicU64,
    started: Instant,
}

/// Whoever sent a request, beyond doubt.
pub(super) struct Proven {
    /// The rep.
    pub(super) rep: RepId,
    /// The value of Authentication-Info for a success without a body (RFC 7616 §3.5).
    info: Option<String>,
}

impl Login {
    /// A login that refuses an address that has been wrong about one user `limit` times.
    pub(crate) fn new(
        directory: SharedDirectory,
        offers: Offers,
        nonce_key: [u8; 32],
        limit: u32,
    ) -> Self {
        let realm = directory.load().realm.clone();
        let started = Instant::now();
        let nonces = NonceKeeper::new(nonce_key, started);
        Self {
            directory,
            authenticator: Authenticator::new(realm, nonces),
            offers,
            tries: Tries::new(limit),
            sign_ins: AtomicU64::new(0),
            started,
        }
    }

    /// The rep who sent the request, or the answer it gets instead.
    pub(super) fn authenticate(
        &self,
        request: &Request,
        exchange: &Exchange<'_>,
    ) -> Result<RepId, Handling> {
        self.prove(request, exchange).map(|proven| proven.rep)
    }

    /// Who sent the request, and what proves to them who answers; or the answer it gets instead.
    ///
    /// A user who does not exist is answered as one whose password is wrong, after the same work.
    pub(super) fn prove(
        &self,
        request: &Request,
        exchange: &Exchange<'_>,
    ) -> Result<Proven, Handling> {
        let (now, flow) = (exchange.now(), exchange.flow());
        let directory = self.directory.load();
        let secret_of = |user: &str, algorithm: Algorithm| directory.secret(user, algorithm);
        let offer = self.offers.over(flow.transport);
        let occasion = Occasion {
            source: flow.remote.ip(),
            now,
        };
        let verdict = self
            .authenticator
            .judge(request, secret_of, offer, occasion)
            .map_err(|error| bad(request, exchange, error.header))?;
        let user = match &verdict {
            Verdict::Missing => {
                let named = request.from().ok();
                let user = named.and_then(|from| from.sip_uri()?.user_decoded());
                exchange.note(Conduct::Named(user.unwrap_or_default().as_bytes()));
                return Err(self.challenge(request, exchange, Freshness::First));
            }
            Verdict::Stale { user } | Verdict::Wrong { user } | Verdict::Good { user, .. } => user,
        };
        let key = self.tries.key(user);
        match self.tries.admit(key, flow, now) {
            Admission::Granted => {}
            Admission::Refused => {
                return Err(refuse(
                    answer(request, exchange, StatusCode::FORBIDDEN)
                        .reason("Too Many Wrong Passwords"),
                ));
            }
            Admission::Postponed { until } => {
                let seconds = until.saturating_duration_since(now).as_secs() + 1;
                return Err(refuse(
                    answer(request, exchange, StatusCode::SERVICE_UNAVAILABLE)
                        .header(HeaderName::RetryAfter, seconds.to_string()),
                ));
            }
        }
        match verdict {
            Verdict::Missing => Err(self.challenge(request, exchange, Freshness::First)),
            Verdict::Stale { .. } => Err(self.challenge(request, exchange, Freshness::NonceUsedUp)),
            Verdict::Wrong { user } => {
                self.tries.handle_wrong(key, flow, now);
                exchange.note(Conduct::WrongPassword(user.as_bytes()));
                // Kept in the transaction, so that a retransmission is not one more try.
                match self.challenge(request, exchange, Freshness::First) {
                    Handling::AnswerStateless(response) => Err(Handling::Answer(response)),
                    other => Err(other),
                }
            }
            Verdict::Good { user, info } => {
                self.tries.handle_right(key, flow, now);
                exchange.note(Conduct::Proven(user.as_bytes()));
                let rep = RepId::new(&user);
                // RFC 3261 §22.1: the password proves the user, and the user must be who From says.
                if request.from().is_ok_and(|from| names(&from, &user)) {
                    Ok(Proven { rep, info })
                } else {
                    Err(refuse(
                        answer(request, exchange, StatusCode::FORBIDDEN).reason("From Is Not You"),
                    ))
                }
            }
        }
    }

    /// The rep whom user and password prove who come from `source` otherwise than by SIP, counted by the same limits.
    pub(crate) fn sign_in(
        &self,
        user: &str,
        password: &str,
        source: IpAddr,
        now: Instant,
    ) -> Result<(RepId, Ha1), SignInRefused> {
        let unspecified = SocketAddr::new(source, 0);
        // Never the flow of somebody proven: each try is counted.
        let flow = Flow {
            transport: Protocol::Ws,
            local: unspecified,
            remote: unspecified,
            id: u64::MAX - self.sign_ins.fetch_add(1, Ordering::Relaxed),
        };
        let key = self.tries.key(user);
        match self.tries.admit(key, flow, now) {
            Admission::Granted => {}
            Admission::Refused => {
                return Err(SignInRefused::TooOften {
                    seconds: REFUSED_FOR,
                });
            }
            Admission::Postponed { until } => {
                let seconds = until.saturating_duration_since(now).as_secs() + 1;
                return Err(SignInRefused::TooOften {
                    seconds: u32::try_from(seconds).unwrap_or(u32::MAX),
                });
            }
        }
        let directory = self.directory.load();
        // The same work for a user who does not exist.
        let made = Algorithm::ALL
            .map(|algorithm| Ha1::derive(algorithm, user, &directory.realm, password));
        let kept = directory.secrets_by_rep.get(&RepId::new(user));
        let found = made
            .into_iter()
            .find(|made| kept.is_some_and(|kept| kept.iter().any(|kept| same(kept, made))));
        match found {
            Some(secret) => {
                self.tries.handle_right(key, flow, now);
                Ok((RepId::new(user), secret))
            }
            None => {
                self.tries.handle_wrong(key, flow, now);
                Err(SignInRefused::Wrong)
            }
        }
    }

    fn challenge(
        &self,
        request: &Request,
        exchange: &Exchange<'_>,
        freshness: Freshness,
    ) -> Handling {
        let since_start = exchange.now().saturating_duration_since(self.started);
        let ticks = since_start.as_secs() / NONCE_TICK.as_secs();
        let occasion = Occasion {
            source: exchange.flow().remote.ip(),
            now: self.started + NONCE_TICK * u32::try_from(ticks).unwrap_or(u32::MAX),
        };
        let offer = self.offers.over(exchange.flow().transport);
        let salt = exchange.fingerprint();
        let mut response = answer(request, exchange, StatusCode::UNAUTHORIZED);
        for challenge in self
            .authenticator
            .challenges(offer, freshness, salt, occasion)
        {
            response = response.header(HeaderName::WwwAuthenticate, challenge);
        }
        refuse(response)
    }
}

impl Proven {
    /// Begins a success, in which the server proves itself too. It must have no body.
    pub(super) fn success<'a>(
        &'a self,
        request: &'a Request,
        exchange: &Exchange<'_>,
    ) -> ResponseBuilder<'a> {
        let response = answer(request, exchange, StatusCode::OK);
        match &self.info {
            Some(info) => response.header(HeaderName::AuthenticationInfo, info.as_str()),
            None => response,
        }
    }
}

/// Whether both are one secret, in a time that tells nothing of where they differ: digests of both are compared.
fn same(one: &Ha1, other: &Ha1) -> bool {
    let digest = |secret: &Ha1| Sha256::digest(secret.to_hex().as_bytes());
    one.algorithm() == other.algorithm() && digest(one) == digest(other)
}

fn names(address: &sip::NameAddr<'_>, user: &str) -> bool {
    address
        .sip_uri()
        .and_then(|uri| uri.user_decoded())
        .is_some_and(|found| found.eq_ignore_ascii_case(user))
}
