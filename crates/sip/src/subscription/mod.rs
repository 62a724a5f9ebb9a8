//! Subscriptions seen from the notifier: their dialogs, lifetimes and NOTIFYs (RFC 6665 §4.2) as one pure machine.
//! Must not know event packages, documents, sockets or who may watch whom.

mod notifier;
mod one;

#[cfg(test)]
mod tests;

use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;

pub use self::notifier::Notifier;
use crate::flow::Flow;
use crate::message::Request;
use crate::status::StatusCode;
use crate::write::request::RequestDraft;

/// What happens to a [`Notifier`] of resources `R`.
#[derive(Debug)]
pub enum Input<R> {
    /// A SUBSCRIBE whose sender is proven and may watch.
    Subscribe(Box<Subscribe<R>>),
    /// A resource has a newer state. May come as often as it likes.
    Changed {
        /// Which.
        resource: R,
    },
    /// What became of a NOTIFY.
    Notified {
        /// From [`Output::Notify`].
        subscription: SubscriptionId,
        /// The watcher's answer, or its absence.
        outcome: Outcome,
    },
    /// [`Notifier::next_timeout`] has come.
    Timeout,
}

/// A SUBSCRIBE, and what its answer needs.
#[derive(Debug)]
pub struct Subscribe<R> {
    /// The request; it has passed [`Request::check`].
    pub request: Request,
    /// The way it came by, which the NOTIFYs take back (RFC 5626 §3).
    pub flow: Flow,
    /// Who subscribes, proven.
    pub watcher: Box<str>,
    /// What a request outside a dialog subscribes to. `None` inside one, where the dialog says it.
    pub resource: Option<R>,
    /// Our Contact, a whole value.
    pub contact: String,
    /// The To tag of a new dialog; unguessable, never used before.
    pub local_tag: Box<str>,
}

/// What a [`Notifier`] wants done. An answer comes before the NOTIFY that follows from it.
#[derive(Debug)]
pub enum Output<R> {
    /// Answer the SUBSCRIBE that was handled last. Comes once for each, before its NOTIFY.
    Answer {
        /// The whole response.
        response: Bytes,
    },
    /// Send a NOTIFY, with the newest state of the resource as its body.
    Notify {
        /// For [`Input::Notified`].
        subscription: SubscriptionId,
        /// What the body is about.
        resource: R,
        /// The address by which the watcher subscribed, without parameters.
        address: Box<str>,
        /// The way to the watcher.
        flow: Flow,
        /// All but Via and body. The first NOTIFY of a subscription has CSeq 1, the next 2, and so on.
        draft: Box<RequestDraft>,
    },
    /// Somebody watches a resource who did not, or does not any more.
    WatchersChanged {
        /// Which.
        resource: R,
    },
}

/// One who watches a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watcher {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// The watcher's address, as From has it.
    pub address: Box<str>,
    /// When the subscription began.
    pub since: Instant,
    /// When it ends unless refreshed.
    pub until: Instant,
}

/// Names a subscription; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionId(pub(crate) u64);

impl fmt::Display for SubscriptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What became of a NOTIFY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A final answer.
    Answered {
        /// Its status.
        status: StatusCode,
        /// Its Retry-After.
        retry_after: Option<Duration>,
    },
    /// None came in time.
    TimedOut,
    /// The connection to the watcher is gone.
    FlowClosed,
    /// It could not be sent at this time.
    NotSent,
}

/// Why a subscription ends, in the words of RFC 6665 §4.1.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// Its time is over, or the watcher asked for the end.
    Timeout,
}

impl EndReason {
    /// As Subscription-State spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
        }
    }
}

/// Limits and times of a [`Notifier`].
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Granted to a SUBSCRIBE that names no time; 1 hour (RFC 3856 §6.4).
    pub default_lifetime: Duration,
    /// The most that is granted; 1 hour.
    pub longest_lifetime: Duration,
    /// Time between two NOTIFYs that only a change causes; 5 s (RFC 3856 §6.10). Changes in between cost one.
    pub shortest_interval: Duration,
    /// When a NOTIFY that was refused for the moment is tried again; 30 s.
    pub retry_interval: Duration,
    /// When a NOTIFY that could not be sent, because too many are under way, is tried again; 1 s.
    pub unsent_interval: Duration,
    /// Subscriptions at a time; 20 000.
    pub most: usize,
    /// Subscriptions of one watcher at a time; 500.
    pub most_per_watcher: usize,
    /// Goes out as Retry-After with the 503 that a full table answers; 60 s.
    pub retry_after: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            default_lifetime: Duration::from_secs(3600),
            longest_lifetime: Duration::from_secs(3600),
            shortest_interval: Duration::from_secs(5),
            retry_interval: Duration::from_secs(30),
            unsent_interval: Duration::from_secs(1),
            most: 20_000,
            most_per_watcher: 500,
            retry_after: Duration::from_secs(60),
        }
    }
}

impl Config {
    /// RFC 6665 §3.1.1: what is granted may be shorter than what was asked for, never longer.
    fn granted(&self, wish: Option<Duration>) -> Duration {
        wish.unwrap_or(self.default_lifetime)
            .min(self.longest_lifetime)
    }
}
