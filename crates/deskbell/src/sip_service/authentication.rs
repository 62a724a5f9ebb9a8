//! Who sent a request: digest challenges and verdicts, with a limit on wrong tries (RFC 3261 §22).
//! Must not know what the sender may do.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use dashmap::DashMap;
use helpdesk::RepId;
use sip::digest::{Algorithm, Authenticator, Freshness, NonceKeeper, Verdict};
use sip::{HeaderName, Request, StatusCode};
use sip_transport::{Conduct, Exchange, Handling};

use super::answer::{answer, bad, fingerprint, refuse};
use super::directory::SharedDirectory;

/// How long a nonce serves. A phone that comes later is challenged again with `stale=true`.
const NONCE_LIFETIME: Duration = Duration::from_secs(60);

/// Nonces carry their time in steps of this, so that a retransmitted request is challenged with the same
/// nonce; longer than it takes to retransmit a few times (RFC 3261 §17.1.2.2).
const NONCE_TICK: Duration = Duration::from_secs(8);

/// Wrong tries are forgotten after this long.
const TRIES_REMEMBERED: Duration = Duration::from_secs(60);

/// Pairs of user and address whose tries are remembered at once.
const PAIRS: usize = 65_536;

/// Proves senders.
pub(super) struct Login {
    directory: SharedDirectory,
    authenticator: Authenticator,
    tries: WrongTries,
    started: Instant,
}

impl Login {
    /// A login that sends `algorithms`' challenges in their order and refuses an address that has been wrong
    /// about one user `limit` times.
    pub(super) fn new(
        directory: SharedDirectory,
        algorithms: Vec<Algorithm>,
        nonce_key: [u8; 32],
        limit: u32,
    ) -> Self {
        let realm = directory.load().realm.clone();
        let started = Instant::now();
        let nonces = NonceKeeper::new(nonce_key, NONCE_LIFETIME, started);
        Self {
            directory,
            authenticator: Authenticator::new(realm, algorithms, nonces),
            tries: WrongTries {
                limit,
                by_pair: DashMap::new(),
            },
            started,
        }
    }

    /// The rep who sent the request, or the answer it gets instead.
    pub(super) fn authenticate(
        &self,
        request: &Request,
        exchange: &Exchange<'_>,
    ) -> Result<RepId, Handling> {
        let now = exchange.now();
        let source = exchange.flow().remote.ip();
        let directory = self.directory.load();
        let secret_of = |user: &str, algorithm: Algorithm| directory.secret(user, algorithm);
        match self.authenticator.judge(request, secret_of, now) {
            Err(error) => Err(bad(request, exchange, error.header)),
            Ok(Verdict::Missing) => {
                let named = request.from().ok();
                let user = named
                    .as_ref()
                    .and_then(|from| from.sip_uri()?.user_decoded());
                exchange.note(Conduct::Named(user.unwrap_or_default().as_bytes()));
                Err(self.challenge(request, exchange, Freshness::First))
            }
            Ok(Verdict::Stale { .. }) => {
                Err(self.challenge(request, exchange, Freshness::NonceUsedUp))
            }
            Ok(Verdict::Good { user }) if !self.tries.is_over_limit(&user, source, now) => {
                let rep = RepId::new(&user);
                exchange.note(Conduct::Proven(user.as_bytes()));
                // RFC 3261 §22.1: the password proves the user, and the user must be who From says.
                if request.from().is_ok_and(|from| names(&from, &user)) {
                    Ok(rep)
                } else {
                    Err(refuse(
                        answer(request, exchange, StatusCode::FORBIDDEN).reason("From Is Not You"),
                    ))
                }
            }
            Ok(Verdict::Good { user } | Verdict::Wrong { user }) => {
                exchange.note(Conduct::WrongPassword(user.as_bytes()));
                let known = directory.has(&RepId::new(&user));
                if self.tries.add(&user, source, now) {
                    return Err(refuse(
                        answer(request, exchange, StatusCode::FORBIDDEN)
                            .reason("Too Many Wrong Passwords"),
                    ));
                }
                if !known {
                    return Err(refuse(answer(request, exchange, StatusCode::NOT_FOUND)));
                }
                // Kept in the transaction, so that a retransmission is not one more try.
                match self.challenge(request, exchange, Freshness::First) {
                    Handling::AnswerStateless(response) => Err(Handling::Answer(response)),
                    other => Err(other),
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
        let salt = fingerprint(request, exchange);
        let since_start = exchange.now().saturating_duration_since(self.started);
        let ticks = since_start.as_secs() / NONCE_TICK.as_secs();
        let now = self.started + NONCE_TICK * u32::try_from(ticks).unwrap_or(u32::MAX);
        let mut response = answer(request, exchange, StatusCode::UNAUTHORIZED);
        for challenge in self.authenticator.challenges(salt, freshness, now) {
            response = response.header(HeaderName::WwwAuthenticate, challenge);
        }
        refuse(response)
    }
}

fn names(address: &sip::NameAddr<'_>, user: &str) -> bool {
    address
        .sip_uri()
        .and_then(|uri| uri.user_decoded())
        .is_some_and(|found| found.eq_ignore_ascii_case(user))
}

/// Wrong tries by user and source, so that a stranger elsewhere cannot lock a rep out.
struct WrongTries {
    limit: u32,
    by_pair: DashMap<(String, IpAddr), Tries>,
}

struct Tries {
    count: u32,
    since: Instant,
}

impl WrongTries {
    /// Counts one wrong try; true once the pair is over the limit.
    fn add(&self, user: &str, source: IpAddr, now: Instant) -> bool {
        if self.by_pair.len() >= PAIRS {
            self.by_pair
                .retain(|_, tries| now < tries.since + TRIES_REMEMBERED);
        }
        if self.by_pair.len() >= PAIRS {
            // So many pairs in so short a time are an attack; nobody new gets a try.
            return true;
        }
        let mut tries = self
            .by_pair
            .entry((user.to_owned(), source))
            .or_insert(Tries {
                count: 0,
                since: now,
            });
        if now >= tries.since + TRIES_REMEMBERED {
            *tries = Tries {
                count: 0,
                since: now,
            };
        }
        tries.count = tries.count.saturating_add(1);
        tries.count > self.limit
    }

    fn is_over_limit(&self, user: &str, source: IpAddr, now: Instant) -> bool {
        self.by_pair
            .get(&(user.to_owned(), source))
            .is_some_and(|tries| tries.count > self.limit && now < tries.since + TRIES_REMEMBERED)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

    fn tries() -> WrongTries {
        WrongTries {
            limit: 2,
            by_pair: DashMap::new(),
        }
    }

    #[test]
    fn one_more_wrong_try_than_the_limit_is_refused_for_a_minute() {
        let (tries, now) = (tries(), Instant::now());
        assert!(!tries.add("alice", HERE, now));
        assert!(!tries.add("alice", HERE, now));
        assert!(tries.add("alice", HERE, now));
        assert!(tries.is_over_limit("alice", HERE, now));
        assert!(!tries.is_over_limit("alice", HERE, now + TRIES_REMEMBERED));
        assert!(!tries.add("alice", HERE, now + TRIES_REMEMBERED));
    }

    #[test]
    fn a_stranger_elsewhere_locks_nobody_out() {
        let (tries, now) = (tries(), Instant::now());
        for _ in 0..10 {
            tries.add("alice", ELSEWHERE, now);
        }
        assert!(!tries.is_over_limit("alice", HERE, now));
        assert!(!tries.is_over_limit("bob", ELSEWHERE, now));
    }
}
