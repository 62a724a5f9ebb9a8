//! CANCEL of a peer. The transport answers one that fits an INVITE; any other fits nothing (RFC 3261 §9.2).
//! Must not know what the leg makes of it.

use sip::transaction::ServerTransactionId;
use sip::{Flow, Request, StatusCode};
use sip_transport::{Exchange, Handling};

use super::SipService;
use super::answer::{answer, refuse};

impl SipService {
    pub(super) fn refuse_cancel(request: &Request, exchange: &Exchange<'_>) -> Handling {
        refuse(answer(
            request,
            exchange,
            StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST,
        ))
    }

    pub(super) fn pass_cancel(&self, flow: Flow, transaction: ServerTransactionId) {
        self.calls.handle_cancelled(flow, transaction);
    }
}
