//! Client and server transactions (RFC 3261 §17, RFC 4320, RFC 6026) as one pure machine per socket or connection.
//! Must not know sockets, clocks or what a request means.

mod answered;
mod arena;
mod client;
mod clients;
mod effects;
mod endpoint;
mod invite_client;
mod invite_server;
mod key;
mod merged;
mod reply;
mod server;
mod servers;
mod step;
mod timers;

#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::Bytes;

pub use self::endpoint::Endpoint;
use self::servers::ServerSlot;
use crate::error::BadRequest;
use crate::flow::Flow;
use crate::message::{Message, Request, Response};
use crate::write::request::RequestDraft;

/// What happens to an [`Endpoint`].
#[derive(Debug)]
pub enum Input {
    /// A message came in. A request must have passed [`Request::check`].
    Received {
        /// Where it came from.
        flow: Flow,
        /// The message.
        message: Message,
    },
    /// The user answers a request; a final answer is repeated to each retransmission of the request.
    Answer {
        /// From [`Output::Request`].
        transaction: ServerTransactionId,
        /// The whole response.
        response: Bytes,
    },
    /// The user answers a request, and a retransmission of it is to be judged afresh (RFC 3261 §8.2.7):
    /// for challenges and refusals, which must cost no memory and, for an INVITE, must not be repeated by a timer.
    AnswerStateless {
        /// From [`Output::Request`].
        transaction: ServerTransactionId,
        /// The whole response.
        response: Bytes,
    },
    /// A request that [`Request::check`] found bad: it is answered and forgotten.
    Malformed {
        /// Where it came from.
        flow: Flow,
        /// The request.
        request: Request,
        /// What is wrong with it.
        error: BadRequest,
    },
    /// The user has too much to do for this request; it is answered 503 with Retry-After and forgotten.
    Refuse {
        /// From [`Output::Request`].
        transaction: ServerTransactionId,
    },
    /// The user cannot answer a request; it is answered 500.
    Fail {
        /// From [`Output::Request`].
        transaction: ServerTransactionId,
    },
    /// The user will not answer a request; a retransmission of it is shown again.
    Forget {
        /// From [`Output::Request`].
        transaction: ServerTransactionId,
    },
    /// Send a request. What becomes of an INVITE: any number of [`Output::Provisional`], one [`Output::Final`] or
    /// [`Output::Failed`], and after a 2xx any number of [`Output::FurtherSuccess`], each of which wants an ACK, until
    /// [`Output::Over`].
    Send {
        /// Comes back with what becomes of it.
        token: RequestToken,
        /// Where to.
        flow: Flow,
        /// The request without its Via.
        draft: Box<RequestDraft>,
        /// The branch parameter, with the magic cookie; unguessable, never used before.
        branch: String,
    },
    /// No answer is wanted any more to an INVITE of ours: it is cancelled as soon as RFC 3261 §9.1 allows. It still
    /// gets its one final response or failure, and that may be a 2xx.
    Cancel {
        /// From [`Input::Send`].
        token: RequestToken,
    },
    /// Send the ACK of a 2xx; it has no transaction and no answer (RFC 3261 §13.2.2.4).
    Acknowledge {
        /// Where to.
        flow: Flow,
        /// The ACK without its Via.
        draft: Box<RequestDraft>,
        /// The branch parameter, with the magic cookie; the same for each repetition of one ACK.
        branch: String,
    },
    /// [`Endpoint::next_timeout`] has come.
    Timeout,
    /// Nothing can be sent any more: every transaction ends, and none begins.
    FlowClosed,
}

impl Input {
    /// Whether it says what becomes of a request that was shown.
    const fn is_word_on_a_request(&self) -> bool {
        match self {
            Self::Answer { .. }
            | Self::AnswerStateless { .. }
            | Self::Refuse { .. }
            | Self::Fail { .. }
            | Self::Forget { .. } => true,
            Self::Received { .. }
            | Self::Malformed { .. }
            | Self::Send { .. }
            | Self::Cancel { .. }
            | Self::Acknowledge { .. }
            | Self::Timeout
            | Self::FlowClosed => false,
        }
    }
}

/// What an [`Endpoint`] wants done.
#[derive(Debug)]
pub enum Output {
    /// Send these bytes.
    Transmit {
        /// Where to; for answers already as RFC 3261 §18.2.2 and RFC 3581 §4 say.
        flow: Flow,
        /// One message.
        bytes: Bytes,
    },
    /// A request the user has not seen yet.
    Request {
        /// For the answer.
        transaction: ServerTransactionId,
        /// Where it came from.
        flow: Flow,
        /// The request.
        request: Request,
        /// The same for every copy of the request, and another for every other one; nobody outside can foresee it. For
        /// what is not remembered and yet comes out the same for a retransmission (RFC 3261 §8.2.7), such as a To tag.
        fingerprint: u64,
    },
    /// The ACK of a 2xx, or one that belongs to nothing this endpoint knows; it is never answered.
    Acknowledged {
        /// Where it came from.
        flow: Flow,
        /// The ACK.
        ack: Request,
    },
    /// The client does not want an answer to its INVITE any more; it was answered 487.
    Cancelled {
        /// From [`Output::Request`].
        transaction: ServerTransactionId,
        /// Where the CANCEL came from.
        flow: Flow,
    },
    /// A final response to a request of ours.
    Final {
        /// From [`Input::Send`].
        token: RequestToken,
        /// The response.
        response: Response,
    },
    /// One more 2xx to an INVITE of ours: the same one again, because its ACK was lost, or that of another peer to
    /// whom a proxy has forked the INVITE (RFC 6026 §7.2).
    FurtherSuccess {
        /// From [`Input::Send`].
        token: RequestToken,
        /// The response.
        response: Response,
    },
    /// No more 2xx will be told of an INVITE of ours.
    Over {
        /// From [`Input::Send`].
        token: RequestToken,
    },
    /// A provisional response to a request of ours.
    Provisional {
        /// From [`Input::Send`].
        token: RequestToken,
        /// The response.
        response: Response,
    },
    /// A response that belongs to no request of this endpoint. It is the user who counts it, having looked elsewhere.
    Stray {
        /// Where it came from.
        flow: Flow,
        /// The response.
        response: Response,
    },
    /// A request of ours gets no response.
    Failed {
        /// From [`Input::Send`].
        token: RequestToken,
        /// Why.
        cause: Failure,
    },
}

/// Why a request of ours gets no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No final response in 64*T1; for an INVITE, counted from its CANCEL once it rings.
    Timeout,
    /// The connection is gone.
    FlowClosed,
    /// [`Config::client_transactions`] are under way.
    Overload,
    /// The user asked for what this machine does not do: a CANCEL or ACK by itself, or a branch in use.
    Misuse,
}

/// Names a request of ours to the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestToken(pub u64);

/// Names a request that awaits the user's answer; worthless once it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ServerTransactionId(ServerSlot);

/// Times and limits of one endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// T1, the estimate of the round-trip time.
    pub round_trip: Duration,
    /// T2, the longest interval between retransmissions.
    pub longest_interval: Duration,
    /// T4, the longest time a message stays in the network.
    pub message_lifetime: Duration,
    /// Server transactions held at a time; an answered one takes about 70 bytes. Beyond it the oldest answered ones are
    /// forgotten (a retransmission of their request would be shown again); when none is answered, new requests get 503
    /// with Retry-After.
    pub server_transactions: u32,
    /// Those of them that await an answer; beyond it new requests get 503 with Retry-After.
    pub unanswered_requests: u32,
    /// Requests of ours that await an answer at a time, and INVITEs that are not over; beyond it they fail at once.
    pub client_transactions: u32,
    /// Answered requests of ours held to absorb repeated answers until Timer K; beyond it such an answer is a stray.
    pub answered_requests: u32,
    /// Goes out as Retry-After with the 503.
    pub retry_after: Duration,
    /// An INVITE of ours that rings longer than this is cancelled; more than 3 minutes (RFC 3261 §16.6).
    pub longest_ringing: Duration,
}

impl Default for Config {
    fn default() -> Self {
        // RFC 3261 table 4.
        Self {
            round_trip: Duration::from_millis(500),
            longest_interval: Duration::from_secs(4),
            message_lifetime: Duration::from_secs(5),
            server_transactions: 4_800_000,
            unanswered_requests: 131_072,
            client_transactions: 65_536,
            answered_requests: 16_384,
            retry_after: Duration::from_secs(5),
            longest_ringing: Duration::from_secs(181),
        }
    }
}

impl Config {
    /// 64*T1: after it the client has given up, whatever it sent.
    const fn patience(&self) -> Duration {
        self.round_trip.saturating_mul(64)
    }

    /// When a request without an answer is told 100.
    fn trying_delay(&self) -> Duration {
        // RFC 4320 §4.1: when the client's Timer E reaches T2, that is at T1 + 2*T1 + … below T2.
        let mut interval = self.round_trip;
        let mut delay = Duration::ZERO;
        while interval < self.longest_interval && !interval.is_zero() {
            delay += interval;
            interval *= 2;
        }
        delay
    }
}

/// What an endpoint did, since the start or since it was last asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests shown to the user.
    pub requests: u64,
    /// Requests and ACKs recognised as repeated; never shown to the user.
    pub retransmissions_absorbed: u64,
    /// Requests of ours and refusals of INVITEs sent once more.
    pub retransmissions_sent: u64,
    /// Bad requests answered.
    pub bad_requests: u64,
    /// Requests answered 482, because they had come before by another way.
    pub merged: u64,
    /// Requests answered 503 because too many awaited an answer.
    pub refused: u64,
    /// Answered transactions forgotten before their time, for room.
    pub evicted: u64,
    /// Answers of the user that came after the client had given up, or that RFC 4320 forbids.
    pub answers_dropped: u64,
    /// ACKs that belong to nothing, and requests that cannot be answered; responses are told by [`Output::Stray`].
    pub strays: u64,
    /// Requests of ours without a final response in time.
    pub timeouts: u64,
}
