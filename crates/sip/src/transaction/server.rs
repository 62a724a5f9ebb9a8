//! The non-INVITE server transaction (RFC 3261 §17.2.2 as changed by RFC 4320): one type per state.
//! Must not know who answers, nor where the answer goes.

use bytes::Bytes;

use super::key::Identity;
use crate::flow::Flow;
use crate::status::StatusCode;

/// Awaits the user's answer: the states Trying and Proceeding.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) identity: Identity,
    /// Where the answer goes.
    pub(super) flow: Flow,
    /// For the answers we give ourselves.
    pub(super) request: Bytes,
    /// The 100 that was sent.
    pub(super) trying: Option<Bytes>,
}

/// Awaits the end of the client's retransmissions: the state Completed. Kept small, there are many.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) identity: Identity,
    pub(super) response: Bytes,
}

/// Whether a non-INVITE request may be answered so by the user.
pub(super) fn may_answer(status: StatusCode) -> bool {
    // RFC 4320 §4.1: no provisional response but 100, which is sent by the timer alone.
    // RFC 4320 §4.2: no 408.
    !status.is_provisional() && status != StatusCode::REQUEST_TIMEOUT
}
