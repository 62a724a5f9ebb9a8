//! Subscriptions (RFC 6665) as pure machines: all of one notifier (§4.2), and one of a subscriber (§4.1).
//! Must not know event packages, documents, sockets or who may watch whom.

mod notifier;
mod one;
mod rates;
mod saved;
mod subscriber;

#[cfg(test)]
mod tests;

use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;

pub use self::notifier::{Notifier, address_of};
pub use self::saved::{Reach, Saved, SavedRates};
pub use self::subscriber::{
    Loss, Subscriber, SubscriberConfig, SubscriberInput, SubscriberOutput, SubscriberStanding,
    Words,
};
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
    /// A watcher that waited for permission has it.
    Admit {
        /// Whose.
        subscription: SubscriptionId,
    },
    /// A subscription is over, whatever time it has left.
    End {
        /// Which.
        subscription: SubscriptionId,
        /// What the watcher is told.
        reason: EndReason,
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
    /// What the To tag of a new dialog begins with; unguessable, never used before.
    pub local_tag: Box<str>,
    /// Names the state the watcher would be told, for Suppress-If-Match (RFC 5839 §4). `None` where it has no name.
    pub entity_tag: Option<Box<str>>,
    /// Whether the watcher of a new subscription may be told.
    pub standing: Standing,
    /// An extension that the answer must name in Require, such as `eventlist` (RFC 4662 §4.1).
    pub require: Option<&'static str>,
}

/// Whether a watcher may be told (RFC 6665 §4.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may.
    Active,
    /// Nobody has decided; it is told that it waits, and nothing else.
    Pending,
}

/// What a [`Notifier`] wants done. An answer comes before the NOTIFY that follows from it.
#[derive(Debug)]
pub enum Output<R> {
    /// Answer the SUBSCRIBE that was handled last. Comes once for each, before its NOTIFY.
    Answer {
        /// The whole response.
        response: Bytes,
        /// The subscription that was begun, refreshed or ended; `None` where the SUBSCRIBE was refused.
        subscription: Option<SubscriptionId>,
    },
    /// Send a NOTIFY about the newest state of the resource.
    Notify {
        /// For [`Input::Notified`].
        subscription: SubscriptionId,
        /// What the body is about.
        resource: R,
        /// The address by which the watcher subscribed, without parameters.
        address: Box<str>,
        /// The way to the watcher.
        path: Path,
        /// What its body tells.
        content: Content,
        /// All but Via and body. The first NOTIFY of a subscription has CSeq 1, the next 2, and so on; after a restart
        /// some are left out.
        draft: Box<RequestDraft>,
    },
    /// What [`Notifier::saved`] says of a subscription is not what it said; it says nothing of what is over. A hint:
    /// whoever keeps it reads the newest.
    ToKeep {
        /// Which.
        subscription: SubscriptionId,
    },
    /// A subscription is over and forgotten; its last NOTIFY came before.
    Ended {
        /// Which.
        subscription: SubscriptionId,
    },
    /// Somebody watches a resource who did not, or does not any more.
    WatchersChanged {
        /// Which.
        resource: R,
    },
}

/// The way to a watcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// The flow of its last SUBSCRIBE, and no other (RFC 5626 §5.3).
    Flow(Flow),
    /// Its address, since that flow ended with a restart.
    Reach(Reach),
}

/// What a NOTIFY tells its watcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// The whole state: after a SUBSCRIBE, and where the watcher may have missed something.
    Full,
    /// The state, or only what of it is new since the NOTIFY before, which has arrived.
    Changes,
    /// No state, for the watcher has it already; only its entity-tag (RFC 5839 §6.2).
    Known,
    /// No state at all, for the watcher must not have it.
    Nothing,
}

/// One subscription that is kept.
#[derive(Debug)]
pub struct Held<'a, R> {
    /// Its name.
    pub subscription: SubscriptionId,
    /// Who subscribed, proven.
    pub watcher: &'a str,
    /// To what.
    pub resource: &'a R,
    /// Whether the watcher may be told.
    pub standing: Standing,
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
    /// Whether the watcher may be told.
    pub standing: Standing,
}

/// Names a subscription; never used twice while it is kept anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionId(pub u64);

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
    /// The watcher should subscribe anew at once.
    Deactivated,
    /// The watcher should subscribe anew later.
    Probation {
        /// How much later.
        retry_after: Duration,
    },
    /// The watcher may not watch.
    Rejected,
    /// Its time is over, or the watcher asked for the end.
    Timeout,
    /// Nobody decided in time whether the watcher may watch.
    GiveUp,
    /// What was watched is no more.
    NoResource,
}

impl fmt::Display for EndReason {
    /// As the parameters of Subscription-State have it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deactivated => f.write_str("reason=deactivated"),
            Self::Probation { retry_after } => {
                write!(f, "reason=probation;retry-after={}", retry_after.as_secs())
            }
            Self::Rejected => f.write_str("reason=rejected"),
            Self::Timeout => f.write_str("reason=timeout"),
            Self::GiveUp => f.write_str("reason=giveup"),
            Self::NoResource => f.write_str("reason=noresource"),
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
    /// NOTIFYs of one subscription for which numbers are set aside at a time, so that not each of them has to be written
    /// down; 65 536. While nothing can be written down, half of them may go out before a restart could use a number
    /// twice: at one each five seconds that takes 45 hours.
    pub numbers_ahead: u32,
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
            numbers_ahead: 65_536,
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
