//! Requests of the peer in a call that was taken: its offers, refreshes and BYE. Must not know the offers of our side.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::deadlines::Timer;
use super::effects::Effects;
use super::inviting::ALLOWED;
use super::session::{Fate, Session};
use super::session_timer::{SessionTimer, TooShort};
use super::{Body, Event, PeerRequestId};
use crate::header_name::HeaderName;
use crate::message::Request;
use crate::method::Method;
use crate::status::StatusCode;
use crate::write::response::ResponseBuilder;

/// A request of the peer, and what its answer needs.
#[derive(Debug)]
pub(super) struct PeerRequest {
    pub(super) id: PeerRequestId,
    pub(super) request: Request,
    pub(super) source: SocketAddr,
}

/// One INVITE of the peer.
#[derive(Debug)]
pub(super) enum PeerInvite {
    /// Our side has not answered.
    Asked {
        peer: Box<PeerRequest>,
        timer: Option<SessionTimer>,
    },
    /// Our 2xx is on its way.
    Accepted {
        id: PeerRequestId,
        cseq: u32,
        response: Bytes,
        /// Until it is sent again.
        interval: Duration,
        exchange: Exchange,
    },
}

/// Who has made the offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exchange {
    /// The INVITE; the 2xx has answered it.
    Complete,
    /// The 2xx; the ACK answers it.
    AnswerInAck,
}

impl PeerRequest {
    pub(super) fn answer(&self, status: StatusCode) -> ResponseBuilder<'_> {
        ResponseBuilder::answer(&self.request, status).received_from(self.source)
    }
}

impl Session {
    /// A request that belongs to the dialog.
    pub(super) fn handle_request(
        &mut self,
        peer: PeerRequest,
        effects: &mut Effects,
        now: Instant,
    ) -> Fate {
        if let Err(error) = self.dialog.handle_request(&peer.request) {
            let answer = peer.answer(error.status).reason(error.reason);
            effects.answer(peer.id, &answer);
            return Fate::Lasts;
        }
        match peer.request.method() {
            Method::Bye => {
                effects.answer(peer.id, &peer.answer(StatusCode::OK));
                return Fate::EndedByPeer;
            }
            Method::Invite => self.handle_re_invite(peer, effects, now),
            Method::Update => self.handle_update(&peer, effects, now),
            Method::Options => {
                let answer = peer.answer(StatusCode::OK);
                effects.answer(peer.id, &answer.header(HeaderName::Allow, ALLOWED));
            }
            // RFC 3262 §3: we send nothing reliable that it could acknowledge.
            Method::Prack => {
                let status = StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST;
                effects.answer(peer.id, &peer.answer(status));
            }
            Method::Ack
            | Method::Cancel
            | Method::Info
            | Method::Message
            | Method::Notify
            | Method::Publish
            | Method::Refer
            | Method::Register
            | Method::Subscribe
            | Method::Other => {
                let answer = peer.answer(StatusCode::METHOD_NOT_ALLOWED);
                effects.answer(peer.id, &answer.header(HeaderName::Allow, ALLOWED));
            }
        }
        Fate::Lasts
    }

    /// Our side takes the peer's offer, or makes one.
    pub(super) fn accept(
        &mut self,
        id: PeerRequestId,
        body: Body,
        effects: &mut Effects,
        now: Instant,
    ) {
        let Some((peer, timer)) = self.take_asked(id) else {
            return;
        };
        let offered = Body::of(&peer.request);
        let exchange = match &offered {
            Some(_) => Exchange::Complete,
            None => Exchange::AnswerInAck,
        };
        self.remote = offered.or(self.remote.take());
        self.local = Some(body.clone());
        self.timer = timer;
        let response = Self::accept_timer(&peer, &effects.setup.contact, timer)
            .body(body.content_type.to_string(), body.bytes)
            .build();
        let interval = effects.config.round_trip;
        self.peer = Some(PeerInvite::Accepted {
            id,
            cseq: peer.request.cseq().map_or(0, |cseq| cseq.number),
            response: response.clone(),
            interval,
            exchange,
        });
        effects.answer_with(id, response);
        effects.deadlines.clear(Timer::Answer);
        effects.deadlines.set(Timer::Repeat, now + interval);
        let patience = effects.config.round_trip.saturating_mul(64);
        effects
            .deadlines
            .set(Timer::Acknowledgement, now + patience);
        self.start_timer(effects, now);
    }

    /// Our side does not take the peer's offer.
    pub(super) fn refuse(&mut self, id: PeerRequestId, status: StatusCode, effects: &mut Effects) {
        let Some((peer, _)) = self.take_asked(id) else {
            return;
        };
        let status = if status.code() < 300 {
            StatusCode::NOT_ACCEPTABLE_HERE
        } else {
            status
        };
        effects.answer(id, &peer.answer(status));
        effects.deadlines.clear(Timer::Answer);
    }

    /// The INVITE of the peer that our side has not answered.
    pub(super) fn asked(&self) -> Option<PeerRequestId> {
        match &self.peer {
            Some(PeerInvite::Asked { peer, .. }) => Some(peer.id),
            Some(PeerInvite::Accepted { .. }) | None => None,
        }
    }

    /// RFC 3261 §13.3.1.4: on every transport, because the loss may be beyond the next hop.
    pub(super) fn repeat_success(&mut self, effects: &mut Effects, now: Instant) {
        if let Some(PeerInvite::Accepted {
            id,
            response,
            interval,
            ..
        }) = &mut self.peer
        {
            *interval = interval
                .saturating_mul(2)
                .min(effects.config.longest_interval);
            effects.deadlines.set(Timer::Repeat, now + *interval);
            effects.answer_with(*id, response.clone());
        }
    }

    pub(super) fn handle_ack(&mut self, ack: &Request, effects: &mut Effects) {
        let (true, Ok(number)) = (self.dialog.is_of(ack), ack.cseq().map(|cseq| cseq.number))
        else {
            return;
        };
        let exchange = match self.peer {
            Some(PeerInvite::Accepted { cseq, exchange, .. }) if cseq == number => exchange,
            Some(PeerInvite::Accepted { .. } | PeerInvite::Asked { .. }) | None => return,
        };
        self.peer = None;
        effects.deadlines.clear(Timer::Repeat);
        effects.deadlines.clear(Timer::Acknowledgement);
        if exchange == Exchange::AnswerInAck {
            let answer = Body::of(ack);
            self.remote.clone_from(&answer);
            effects.tell(Event::PeerAnswer { answer });
        }
    }

    pub(super) fn handle_cancelled(&mut self, id: PeerRequestId, effects: &mut Effects) {
        if self.take_asked(id).is_some() {
            effects.deadlines.clear(Timer::Answer);
            effects.tell(Event::PeerOfferWithdrawn { id });
        }
    }

    /// RFC 3261 §15.1.2: what waits for an answer when the dialog ends is answered 487.
    pub(super) fn terminate_asked(&mut self, effects: &mut Effects) {
        if let Some(id) = self.asked() {
            self.refuse(id, StatusCode::REQUEST_TERMINATED, effects);
        }
    }

    fn take_asked(
        &mut self,
        id: PeerRequestId,
    ) -> Option<(Box<PeerRequest>, Option<SessionTimer>)> {
        match self.peer.take() {
            Some(PeerInvite::Asked { peer, timer }) if peer.id == id => Some((peer, timer)),
            other => {
                self.peer = other;
                None
            }
        }
    }

    fn handle_re_invite(&mut self, peer: PeerRequest, effects: &mut Effects, now: Instant) {
        if self.peer.is_some() {
            // RFC 3261 §14.2: one after the other.
            let pause = effects.random.below(10).to_string();
            let answer = peer.answer(StatusCode::SERVER_INTERNAL_ERROR);
            return effects.answer(peer.id, &answer.header(HeaderName::RetryAfter, pause));
        }
        if self.is_inviting() {
            return effects.answer(peer.id, &peer.answer(StatusCode::REQUEST_PENDING));
        }
        let timer = match SessionTimer::of_request(&peer.request, &effects.config) {
            Ok(timer) => timer,
            Err(TooShort) => return refuse_short(&peer, effects),
        };
        let (id, offer) = (peer.id, Body::of(&peer.request));
        self.peer = Some(PeerInvite::Asked {
            peer: Box::new(peer),
            timer,
        });
        let answer_by = now + effects.config.answer_time;
        effects.deadlines.set(Timer::Answer, answer_by);
        effects.tell(Event::PeerOffer { id, offer });
    }

    fn handle_update(&mut self, peer: &PeerRequest, effects: &mut Effects, now: Instant) {
        // RFC 3311 §5.2 wants an offer in UPDATE answered at once, which our side cannot.
        if !peer.request.body_bytes().is_empty() {
            return effects.answer(peer.id, &peer.answer(StatusCode::NOT_ACCEPTABLE_HERE));
        }
        let timer = match SessionTimer::of_request(&peer.request, &effects.config) {
            Ok(timer) => timer,
            Err(TooShort) => return refuse_short(peer, effects),
        };
        let response = Self::accept_timer(peer, &effects.setup.contact, timer).build();
        effects.answer_with(peer.id, response);
        self.timer = timer;
        self.start_timer(effects, now);
    }
}

/// RFC 4028 §9: the peer wants refreshes more often than we take them.
fn refuse_short(peer: &PeerRequest, effects: &mut Effects) {
    let shortest = effects.config.shortest_session.as_secs().to_string();
    let answer = peer.answer(StatusCode::SESSION_INTERVAL_TOO_SMALL);
    effects.answer(peer.id, &answer.header(HeaderName::MinSe, shortest));
}
