//! Whether a message is looked at and a request served, after what its source has sent and shown so far.
//! Must not know sockets, nor what any request means to the service.

use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use sip::{Flow, HeaderName, Method, Protocol, Request};
use tracing::debug;

use crate::admission::source_of;
use crate::budget::Budget;
use crate::counters::Counters;
use crate::limits::{Limits, LimitsInForce, Rate};
use crate::load::Load;
use crate::strangers::{Bears, Strangers, Treatment};
use crate::urgency::{Standing, Urgency};

/// What all sockets and connections of one transport know of their peers.
#[derive(Debug)]
pub(crate) struct Defence {
    rules: ArcSwap<Rules>,
    strangers: Strangers,
    counters: Arc<Counters>,
}

/// What the limits allow, and what has been used up of it.
#[derive(Debug)]
struct Rules {
    uncounted: Vec<IpAddr>,
    scanners: Vec<String>,
    messages: Arc<Budget<IpAddr>>,
    messages_by_sender: Arc<Budget<SocketAddr>>,
    requests: Arc<Budget<IpAddr>>,
    options: Arc<Budget<IpAddr>>,
    requests_in_all: Rate,
    load: Arc<Load>,
}

impl Rules {
    fn new(limits: &Limits, now: Instant) -> Self {
        Self {
            uncounted: limits.uncounted_sources.clone(),
            scanners: limits.scanners.clone(),
            messages: Arc::new(Budget::new(limits.messages_per_source, now)),
            messages_by_sender: Arc::new(Budget::new(limits.messages_per_sender, now)),
            requests: Arc::new(Budget::new(limits.requests_per_source, now)),
            options: Arc::new(Budget::new(limits.options_per_stranger, now)),
            requests_in_all: limits.requests_in_all,
            load: Arc::new(Load::new(limits.requests_in_all, now)),
        }
    }

    /// Keeps what has been used up wherever these rules allow the same as those before.
    fn after(mut self, before: &Self) -> Self {
        keep(&mut self.messages, &before.messages);
        keep(&mut self.messages_by_sender, &before.messages_by_sender);
        keep(&mut self.requests, &before.requests);
        keep(&mut self.options, &before.options);
        if self.requests_in_all == before.requests_in_all {
            self.load = Arc::clone(&before.load);
        }
        self
    }

    fn is_uncounted(&self, peer: SocketAddr) -> bool {
        self.uncounted.contains(&peer.ip())
    }

    fn is_scanner(&self, request: &Request) -> bool {
        let Some(agent) = request.header(HeaderName::UserAgent) else {
            return false;
        };
        self.scanners.iter().any(|name| {
            let start = agent.get(..name.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
        })
    }
}

fn keep<K: Hash>(next: &mut Arc<Budget<K>>, before: &Arc<Budget<K>>) {
    if next.is_like(before) {
        *next = Arc::clone(before);
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    Serve,
    /// Answered 503 with Retry-After.
    Refuse,
    /// Not answered.
    Ignore,
}

/// What the service has found out about whoever sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conduct<'a> {
    /// The request names this user and proves nothing; it is challenged.
    Named(&'a [u8]),
    /// It names this user with a wrong password.
    WrongPassword(&'a [u8]),
    /// It proves this user.
    Proven(&'a [u8]),
}

impl Defence {
    pub(crate) fn new(limits: &LimitsInForce, counters: Arc<Counters>, now: Instant) -> Self {
        Self {
            rules: ArcSwap::from_pointee(Rules::new(&limits.load(), now)),
            strangers: Strangers::new(Arc::clone(limits), now),
            counters,
        }
    }

    /// Other limits are in force.
    pub(crate) fn replace(&self, limits: &Limits, now: Instant) {
        let next = Rules::new(limits, now).after(&self.rules.load());
        self.rules.store(Arc::new(next));
        self.strangers.handle_limits(limits, now);
    }

    /// Whether a message of this peer is looked at.
    pub(crate) fn hears(&self, peer: SocketAddr, now: Instant) -> bool {
        let rules = self.rules.load();
        if rules.is_uncounted(peer) {
            return true;
        }
        let source = source_of(peer.ip());
        if self.strangers.is_silent(source, now) {
            Counters::count(&self.counters.silenced);
            return false;
        }
        // The sender first: what one phone sends too much is not taken from what its neighbours have.
        let is_heard = rules.messages_by_sender.take(peer, now) && rules.messages.take(source, now);
        if !is_heard {
            Counters::count(&self.counters.over_budget);
        }
        is_heard
    }

    /// Forgets what is over, so that a flood leaves no memory behind; to be called now and then.
    pub(crate) fn sweep(&self, now: Instant) {
        let rules = self.rules.load();
        rules.messages.sweep(now);
        rules.messages_by_sender.sweep(now);
        rules.requests.sweep(now);
        rules.options.sweep(now);
        self.strangers.sweep(now);
    }

    /// Whether a connection of this peer is taken at all.
    pub(crate) fn welcomes(&self, peer: SocketAddr, now: Instant) -> bool {
        self.rules.load().is_uncounted(peer) || !self.strangers.is_silent(source_of(peer.ip()), now)
    }

    /// What becomes of a new request, before the service sees it.
    pub(crate) fn judge(&self, request: &Request, flow: Flow, now: Instant) -> Judgement {
        let source = source_of(flow.remote.ip());
        let standing = self.strangers.standing(source, now);
        let rules = self.rules.load();
        if !rules.is_uncounted(flow.remote) {
            match self.treat(&rules, request, source, standing, now) {
                Treatment::Served => {}
                Treatment::Slowed => Counters::count(&self.counters.slowed),
                Treatment::Ignored => {
                    Counters::count(&self.counters.strangers_ignored);
                    debug!(%flow, method = %request.method(), "request of a stranger ignored");
                    return Judgement::Ignore;
                }
            }
            if !rules.requests.take(source, now) {
                Counters::count(&self.counters.requests_over_budget);
                return Judgement::Refuse;
            }
        }
        if rules.load.take(Urgency::of(request, standing), now) {
            Judgement::Serve
        } else {
            Counters::count(&self.counters.requests_shed);
            Judgement::Refuse
        }
    }

    /// Remembers what the service says of the peer of a flow.
    pub(crate) fn note(&self, flow: Flow, conduct: Conduct<'_>, now: Instant) {
        let source = source_of(flow.remote.ip());
        let is_counted = !self.rules.load().is_uncounted(flow.remote);
        match conduct {
            Conduct::Named(user) if is_counted => self.strangers.note_user(source, user, now),
            Conduct::WrongPassword(user) => {
                Counters::count(&self.counters.wrong_passwords);
                if is_counted {
                    self.strangers.note_wrong_password(source, user, now);
                }
            }
            // A datagram that proves a user was sent by whoever has the address: the nonce went there.
            Conduct::Proven(user) => self.strangers.note_login(source, user, now),
            Conduct::Named(_) => {}
        }
    }

    fn treat(
        &self,
        rules: &Rules,
        request: &Request,
        source: IpAddr,
        standing: Standing,
        now: Instant,
    ) -> Treatment {
        if rules.is_scanner(request) {
            return self.strangers.note_scanner(source, now);
        }
        let is_idle_question =
            request.method() == Method::Options && standing == Standing::Stranger;
        if is_idle_question && !rules.options.take(source, now) {
            return Treatment::Ignored;
        }
        let bears = match request.header(HeaderName::Authorization) {
            Some(_) => Bears::Credentials,
            None => Bears::Nothing,
        };
        self.strangers.treat(source, bears, now)
    }
}

/// How many bytes an answer to somebody who has proven nothing may have: over UDP the source may be forged, and
/// whoever is there shall not get much more than was sent in its name.
pub(crate) const fn longest_answer(request: usize, protocol: Protocol) -> usize {
    match protocol {
        Protocol::Udp => request.saturating_mul(3) / 2,
        Protocol::Tcp | Protocol::Tls | Protocol::Ws | Protocol::Wss => usize::MAX,
    }
}
