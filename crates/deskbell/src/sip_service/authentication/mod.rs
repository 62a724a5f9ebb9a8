//! Who sent a request: digest challenges and verdicts, with a limit on wrong tries (RFC 3261 §22).
//! Must not know what the sender may do.

mod offers;
mod proven;
mod tries;

use std::time::{Duration, Instant};

use helpdesk::RepId;
use sip::digest::{Algorithm, Authenticator, Freshness, NonceKeeper, Occasion, Verdict};
use sip::{HeaderName, Request, ResponseBuilder, StatusCode};
use sip_transport::{Conduct, Exchange, Handling};

use super::answer::{answer, bad, fingerprint, refuse};
use super::directory::SharedDirectory;
use tries::{Admission, Tries};

pub(crate) use offers::Offers;

/// Nonces carry their time in steps of this, so that a retransmitted request is challenged with the same
/// nonce; longer than it takes to retransmit a few times (RFC 3261 §17.1.2.2).
const NONCE_TICK: Duration = Duration::from_secs(8);

/// Proves senders.
pub(super) struct Login {
    directory: SharedDirectory,
    authenticator: Authenticator,
    offers: Offers,
    tries: Tries,
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
    pub(super) fn new(
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
            salt: fingerprint(request, exchange),
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
        match self.tries.admit(user, flow, now) {
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
                self.tries.handle_wrong(&user, flow, now);
                exchange.note(Conduct::WrongPassword(user.as_bytes()));
                // Kept in the transaction, so that a retransmission is not one more try.
                match self.challenge(request, exchange, Freshness::First) {
                    Handling::AnswerStateless(response) => Err(Handling::Answer(response)),
                    other => Err(other),
                }
            }
            Verdict::Good { user, info } => {
                self.tries.handle_right(&user, flow, now);
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
            salt: fingerprint(request, exchange),
            now: self.started + NONCE_TICK * u32::try_from(ticks).unwrap_or(u32::MAX),
        };
        let offer = self.offers.over(exchange.flow().transport);
        let mut response = answer(request, exchange, StatusCode::UNAUTHORIZED);
        for challenge in self.authenticator.challenges(offer, freshness, occasion) {
            response = response.header(HeaderName::WwwAuthenticate, challenge);
        }
        refuse(response)
    }
}

impl Proven {
    /// Begins a success, in which the server proves itself too. It must have no body.
    pub(super) fn success<'a>(
        &self,
        request: &'a Request,
        exchange: &Exchange<'_>,
    ) -> ResponseBuilder<'a> {
        let response = answer(request, exchange, StatusCode::OK);
        match &self.info {
            Some(info) => response.header(HeaderName::AuthenticationInfo, info.clone()),
            None => response,
        }
    }
}

fn names(address: &sip::NameAddr<'_>, user: &str) -> bool {
    address
        .sip_uri()
        .and_then(|uri| uri.user_decoded())
        .is_some_and(|found| found.eq_ignore_ascii_case(user))
}
