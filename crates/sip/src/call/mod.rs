//! One leg of a call that we set up between two others (RFC 3725), seen from us, its caller: INVITE, its end, and all
//! that happens between (RFC 3261 §12 to §15, RFC 3262, 3264, 4028) as one pure machine above the transactions.
//! Must not know the other leg, why there is a call, what its bodies say, or sockets.

mod acknowledgements;
mod deadlines;
mod effects;
mod inviting;
mod leg;
mod ours;
pub(crate) mod random;
mod session;
mod session_timer;
mod theirs;
pub(crate) mod trunk;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

pub use self::leg::Leg;
pub use self::trunk::Trunk;
use crate::header_name::HeaderName;
use crate::headers::Headers;
use crate::message::{Request, Response};
use crate::status::StatusCode;
use crate::transaction::Failure;
use crate::write::request::RequestDraft;

/// What happens to a [`Leg`].
#[derive(Debug)]
pub enum Input {
    /// Call. Without an offer the peer makes one, which [`Input::Acknowledge`] answers (RFC 3725, flow I).
    Place {
        /// Ours.
        offer: Option<Body>,
    },
    /// A response to a request of ours: each provisional one, the final one, and to an INVITE every further 2xx.
    Response {
        /// From [`Output::Send`].
        request: RequestId,
        /// The response.
        response: Response,
    },
    /// A request of ours has no final response. Every [`Output::Send`] has one or fails once.
    Failed {
        /// From [`Output::Send`].
        request: RequestId,
        /// Why.
        cause: Failure,
    },
    /// The INVITE has gone to another server (RFC 3263 §4.3): the one before cannot be reached, has said 503, or was
    /// given up after [`Output::TryElsewhere`]. What that one says late belongs here only where it is a 2xx.
    Elsewhere {
        /// From [`Output::Send`].
        request: RequestId,
    },
    /// There is no other server to [`Output::TryElsewhere`].
    NobodyElse {
        /// From [`Output::Send`].
        request: RequestId,
    },
    /// The peer sends a request that may belong to the dialog; never an ACK or CANCEL.
    Request {
        /// For [`Output::Answer`]; never used before.
        id: PeerRequestId,
        /// The request; it has passed [`Request::check`].
        request: Request,
        /// Where it came from.
        source: SocketAddr,
    },
    /// The peer acknowledges a 2xx of ours.
    Acknowledged {
        /// The ACK.
        ack: Request,
    },
    /// The peer has cancelled its INVITE, and the transaction has answered it.
    Cancelled {
        /// From [`Input::Request`].
        id: PeerRequestId,
    },
    /// The answer to the offer in a 2xx; it leaves in the ACK.
    Acknowledge {
        /// Ours.
        answer: Body,
    },
    /// Change the session by a re-INVITE; without an offer the peer makes one.
    Modify {
        /// Ours.
        offer: Option<Body>,
    },
    /// Take an offer of the peer's re-INVITE, or make one, if it asked for one.
    Accept {
        /// From [`Event::PeerOffer`].
        id: PeerRequestId,
        /// Ours.
        body: Body,
    },
    /// Do not take it; the session stays as it is.
    Refuse {
        /// From [`Event::PeerOffer`].
        id: PeerRequestId,
        /// From 300 on; 488 where it is less.
        status: StatusCode,
    },
    /// End the call, in whatever state it is.
    HangUp,
    /// [`Leg::next_timeout`] has come.
    Timeout,
}

/// What a [`Leg`] wants done.
#[derive(Debug)]
pub enum Output {
    /// Send a request, by a transaction of its own.
    Send {
        /// For its responses.
        request: RequestId,
        /// All but the Via.
        draft: Box<RequestDraft>,
    },
    /// Cancel an INVITE, as soon as its transaction may (RFC 3261 §9.1).
    Cancel {
        /// From [`Output::Send`].
        request: RequestId,
    },
    /// Nothing has come back from the server that has the INVITE, not even 100: cancel it there as soon as that may be,
    /// and send it to the next server. [`Input::Elsewhere`] or [`Input::NobodyElse`] tells, unless something comes back.
    TryElsewhere {
        /// From [`Output::Send`].
        request: RequestId,
    },
    /// Send an ACK, without a transaction.
    Acknowledge {
        /// All but the Via.
        draft: Box<RequestDraft>,
        /// The branch of its Via.
        branch: String,
    },
    /// Answer a request of the peer. A 2xx to an INVITE comes again until its ACK.
    Answer {
        /// From [`Input::Request`].
        id: PeerRequestId,
        /// The whole response.
        response: Bytes,
    },
    /// Something the call's owner wants to know.
    Event(Event),
}

/// What a call's owner wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The peer is being called: a provisional response other than 100.
    Ringing {
        /// 180, 183 or another.
        status: StatusCode,
        /// An early answer, which may be another peer's than the one that answers.
        body: Option<Body>,
    },
    /// The peer has taken the call, and our offer.
    Answered {
        /// The peer's answer, `None` where it has none.
        answer: Option<Body>,
    },
    /// The peer has taken the call and makes an offer: [`Input::Acknowledge`] has to answer it in time.
    Offered {
        /// The peer's.
        offer: Body,
    },
    /// The peer has taken our re-INVITE, or has changed its side of the session in answer to a refresh.
    Modified {
        /// The peer's answer.
        answer: Option<Body>,
    },
    /// The peer has taken our re-INVITE and makes the offer: [`Input::Acknowledge`] has to answer it in time.
    ModifyOffered {
        /// The peer's.
        offer: Body,
    },
    /// Our re-INVITE came to nothing; the session is as before.
    ModifyFailed {
        /// What the peer says; `None` where it was never asked, because another INVITE is under way.
        status: Option<StatusCode>,
    },
    /// The peer wants to change the session; [`Input::Accept`] or [`Input::Refuse`] has to answer in time.
    PeerOffer {
        /// For the answer.
        id: PeerRequestId,
        /// The peer's; `None` where it asks for ours.
        offer: Option<Body>,
    },
    /// The peer wants no answer to that any more, or has waited too long for it.
    PeerOfferWithdrawn {
        /// From [`Event::PeerOffer`].
        id: PeerRequestId,
    },
    /// The peer answers the offer that it had asked for.
    PeerAnswer {
        /// The peer's.
        answer: Option<Body>,
    },
    /// The leg is at its end, and nothing more is told of it. Comes exactly once.
    Ended(Outcome),
}

/// How a leg has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The peer, or somebody on the way, has refused the call.
    Refused(StatusCode),
    /// Somebody wants us to call elsewhere, which we never do.
    Redirected(StatusCode),
    /// We are asked for credentials we do not have, or that are not taken.
    NotAuthorised,
    /// Nobody could be asked, or nothing came back.
    Unreachable(Failure),
    /// Nothing came back within [`Config::response_time`] from any server, or 408 before anything else: nobody is known
    /// to have been called. What comes late is cancelled, or hung up.
    Silent,
    /// It rang for too long.
    NoAnswer,
    /// We wanted no call any more before it was taken.
    Cancelled,
    /// The peer took the call with a response that makes no dialog or no session.
    Unusable,
    /// We did not answer the peer's offer in time.
    AnsweredTooLate,
    /// We ended the call.
    HungUp,
    /// The peer ended the call.
    PeerHungUp,
    /// The peer is gone: it does not acknowledge, refresh or know the call any more.
    Lost,
    /// [`Config::longest_call`] is over.
    TooLong,
}

/// Names a request of ours; unique within its leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// Names a request of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerRequestId(pub u64);

/// A session description as it came, or anything else; nobody here reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// The value of its Content-Type.
    pub content_type: Box<str>,
    /// The bytes.
    pub bytes: Bytes,
}

/// Who calls whom. Nothing in it may be guessed by others or used twice where it says so.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Unguessable, never used before.
    pub call_id: Box<str>,
    /// Our tag; unguessable, never used before.
    pub local_tag: Box<str>,
    /// Who calls, as the peer sees it.
    pub local_name: Option<Box<str>>,
    /// The URI in From.
    pub local_uri: Box<str>,
    /// The URI in To.
    pub remote_uri: Box<str>,
    /// The Request-URI.
    pub request_uri: Box<str>,
    /// Our Contact, a whole value.
    pub contact: Box<str>,
    /// Outbound proxies, as Route values, nearest first.
    pub routes: Vec<Box<str>>,
    /// More headers of the INVITE.
    pub headers: Vec<(HeaderName, Box<str>)>,
    /// Who may ask us for credentials; nobody else gets any.
    pub trunk: Option<Trunk>,
    /// Random; makes branches, client nonces and waiting times.
    pub seed: [u64; 2],
}

/// Times and limits of a leg.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// An INVITE that is not answered by then is cancelled; 60 s.
    pub ring_timeout: Duration,
    /// A server from which nothing at all comes back by then, not even 100, is given up; 60 s, which leaves it to the
    /// transaction.
    pub response_time: Duration,
    /// So many servers are given up before the call is; 3.
    pub most_silent: u32,
    /// Our side has so long to answer an offer; 25 s, which is less than the peer's 64*T1.
    pub answer_time: Duration,
    /// A call ends after that; 1 hour.
    pub longest_call: Duration,
    /// The session is refreshed twice in this time (RFC 4028); 30 min.
    pub session_interval: Duration,
    /// The shortest session interval that is taken; 90 s, the least that RFC 4028 §5 allows.
    pub shortest_session: Duration,
    /// T1: 500 ms.
    pub round_trip: Duration,
    /// T2: 4 s.
    pub longest_interval: Duration,
    /// How often a re-INVITE is sent that meets one of the peer; 3.
    pub modify_attempts: u32,
    /// Dialogs that one INVITE may open, by forking proxies; 8.
    pub most_forks: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ring_timeout: Duration::from_secs(60),
            response_time: Duration::from_secs(60),
            most_silent: 3,
            answer_time: Duration::from_secs(25),
            longest_call: Duration::from_secs(3600),
            session_interval: Duration::from_secs(1800),
            shortest_session: Duration::from_secs(90),
            round_trip: Duration::from_millis(500),
            longest_interval: Duration::from_secs(4),
            modify_attempts: 3,
            most_forks: 8,
        }
    }
}

impl Body {
    /// The body of a message, if it has one.
    fn of(headers: &Headers) -> Option<Self> {
        let bytes = headers.body();
        if bytes.is_empty() {
            return None;
        }
        let content_type = headers.header(HeaderName::ContentType).unwrap_or_default();
        Some(Self {
            content_type: String::from_utf8_lossy(content_type).into(),
            bytes: bytes.clone(),
        })
    }

    /// A draft with this body, if there is one.
    fn attach(draft: RequestDraft, body: Option<&Self>) -> RequestDraft {
        match body {
            Some(Self {
                content_type,
                bytes,
            }) => draft.body(content_type, bytes.clone()),
            None => draft,
        }
    }
}
