//! Third-party call control (RFC 3725): two legs that we set up and join to one call, as one pure machine above
//! [`Leg`](crate::call::Leg). The bodies of the one go to the other unread, but for the origin of a session.
//! Must not know how a leg is placed, who the two are, or sockets.

mod controller;
mod deadlines;
mod exchange;
mod origin;
mod state;
mod verdict;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::controller::Controller;
pub use self::origin::Origin;
use crate::call::{self, Body, Outcome};

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// Whoever is called first.
    First,
    /// Whoever is called when the first has answered.
    Second,
}

/// Who makes the offer that the call begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The first: its offer waits for the second's answer, so that the second may not ring for long (RFC 3725 §4.1,
    /// flow I).
    OfferOfFirst,
    /// The second: the first is put on hold meanwhile, by an offer of ours in which nothing is heard (RFC 3725 §4.4,
    /// flow IV).
    OfferOfSecond,
}

/// What happens to a [`Controller`].
#[derive(Debug)]
pub enum Input {
    /// Call the first.
    Begin,
    /// A leg that [`Output::Place`] asked for tells something. [`call::Event::Ended`] is the last of each.
    Leg {
        /// Whose.
        side: Side,
        /// What.
        event: call::Event,
    },
    /// [`Output::Place`] led to no leg.
    NotPlaced {
        /// Whose.
        side: Side,
    },
    /// What [`Output::Commit`] asked for is done.
    Committed,
    /// It cannot be done: the second is not called.
    NotCommitted,
    /// End the call, however far it is.
    End,
    /// [`Controller::next_timeout`] has come.
    Timeout,
}

/// What a [`Controller`] wants done.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Place a leg. Each side has one at a time.
    Place {
        /// Whose.
        side: Side,
        /// By which of the ways there are, from 0.
        way: usize,
        /// Ours; `None` has the peer make one.
        offer: Option<Body>,
    },
    /// Give a leg an order.
    Order {
        /// Whose.
        side: Side,
        /// One of those that its owner gives.
        order: Order,
    },
    /// Write down that the second is called next. It is, as soon as [`Input::Committed`] comes.
    Commit,
    /// Something the call's owner wants to know.
    News(News),
    /// The call is at its end: both legs are over, or say nothing more. Comes exactly once, and is the last.
    Ended(End),
}

/// What a leg is told to do; each is an [`call::Input`] of that name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// The answer to the leg's offer.
    Acknowledge(Body),
    /// Change the session.
    Modify(Option<Body>),
    /// Take what the peer asks for.
    Accept(call::PeerRequestId, Body),
    /// Do not take it.
    Refuse(call::PeerRequestId, crate::StatusCode),
    /// End the leg.
    HangUp,
}

/// How far a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// A side is being called, and its phone rings.
    Rings(Side),
    /// The first has answered, and it is written down that the second is called.
    FirstAnswered,
    /// The second has answered: they talk.
    Joined,
    /// A way to the second takes no call, the next one is tried.
    NextWay {
        /// The one that does not.
        way: usize,
        /// Why.
        outcome: Outcome,
    },
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// A side led to nothing, by the last way tried. Where it is the first, the second was not called.
    NotReached(Side, Outcome),
    /// There is no way to a side. Where it is the first, the second was not called.
    NoWay(Side),
    /// The first hung up before they talked.
    FirstLeft,
    /// The two found no way to speak with each other.
    NoCommonMedia,
    /// That the second is called could not be written down; it was not called.
    NotCommitted,
    /// Somebody asked for the end before they talked.
    Cancelled,
    /// They have talked.
    Talked {
        /// For how long.
        time: Duration,
        /// Who hung up; `None` where neither did.
        by: Option<Side>,
    },
}

/// What is known of a call before it begins.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who makes the offer.
    pub flow: Flow,
    /// The first's session as we describe it, while it is on hold and in what follows.
    pub origin: Origin,
    /// How many ways there are to the first.
    pub ways_to_first: usize,
    /// How many ways there are to the second.
    pub ways_to_second: usize,
    /// One way may take so long to be answered; longer than the legs themselves allow.
    pub longest_ringing: Duration,
    /// Writing down may take so long; 10 s.
    pub longest_commit: Duration,
    /// The first may be up alone for so long.
    pub longest_alone: Duration,
    /// A leg that was hung up has so long to say how it ended; 40 s.
    pub longest_parting: Duration,
}

impl Side {
    /// The other one.
    pub const fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

impl From<Order> for call::Input {
    fn from(order: Order) -> Self {
        match order {
            Order::Acknowledge(answer) => Self::Acknowledge { answer },
            Order::Modify(offer) => Self::Modify { offer },
            Order::Accept(id, body) => Self::Accept { id, body },
            Order::Refuse(id, status) => Self::Refuse { id, status },
            Order::HangUp => Self::HangUp,
        }
    }
}
