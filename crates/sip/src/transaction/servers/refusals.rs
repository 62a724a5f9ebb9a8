//! What is refused without a transaction: more than there is room for, what came before by another way, and what
//! cannot be read. Must not know what is kept of requests that are served.

use std::time::Instant;

use super::{Arrival, ServerSlot, Servers};
use crate::error::BadRequest;
use crate::flow::Flow;
use crate::header_name::HeaderName;
use crate::message::{Message, Request};
use crate::method::Method;
use crate::status::StatusCode;
use crate::transaction::effects::Effects;
use crate::transaction::key::ServerKey;
use crate::transaction::server::Pending;
use crate::transaction::{ServerTransactionId, reply};
use crate::write::response::ResponseBuilder;

impl Servers {
    pub(in crate::transaction) fn handle_refuse(
        &mut self,
        transaction: ServerTransactionId,
        effects: &mut Effects,
        now: Instant,
    ) {
        let ServerSlot::Pending(id) = transaction.0 else {
            return self.answer_alone(transaction, StatusCode::SERVICE_UNAVAILABLE, effects, now);
        };
        if let Some(Pending {
            identity,
            flow,
            request,
            ..
        }) = self.release(id)
            && let Ok(Message::Request(request)) = Message::parse(request)
        {
            self.refuse(&request, identity.key, flow, effects);
        }
    }

    pub(in crate::transaction) fn handle_malformed(
        &mut self,
        flow: Flow,
        request: &Request,
        error: &BadRequest,
        effects: &mut Effects,
    ) {
        // Without a Via no answer finds its way; an ACK is never answered.
        if request.header(HeaderName::Via).is_none() || request.method() == Method::Ack {
            effects.counts.strays += 1;
            return;
        }
        effects.counts.bad_requests += 1;
        let answer_flow = request
            .via()
            .map_or(flow, |via| reply::answer_flow(request, &via, flow));
        let tag = self.keys.tag_of_bytes(request.bytes());
        let response = ResponseBuilder::answer(request, error.status)
            .reason(error.reason.as_ref())
            .received_from(flow.remote)
            .to_tag(tag)
            .build();
        effects.transmit(answer_flow, response);
    }

    /// Answers 503 without keeping anything.
    pub(super) fn refuse(
        &mut self,
        request: &Request,
        key: ServerKey,
        flow: Flow,
        effects: &mut Effects,
    ) {
        effects.counts.refused += 1;
        let tag = self.keys.tag(key);
        let response = reply::overload(request, flow.remote, &tag, self.config.retry_after);
        effects.transmit(flow, response);
    }

    /// Answers 482 without keeping anything.
    pub(super) fn refuse_merged(
        &mut self,
        request: &Request,
        arrival: &Arrival,
        effects: &mut Effects,
    ) {
        effects.counts.merged += 1;
        let flow = arrival.answer_flow;
        let tag = self.keys.tag(arrival.identity.key);
        let response = reply::answer(request, StatusCode::LOOP_DETECTED, flow.remote, &tag);
        effects.transmit(flow, response);
    }
}
