//! The non-INVITE server transaction (RFC 3261 §17.2.2 as changed by RFC 4320) until it is answered.
//! Must not know who answers, nor where the answer goes.

use bytes::Bytes;

use super::key::{BranchKey, Identity};
use crate::flow::Flow;
use crate::status::StatusCode;

/// Awaits the user's answer: the states Trying and Proceeding.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) identity: Identity,
    pub(super) branch: BranchKey,
    /// Where the answer goes.
    pub(super) flow: Flow,
    /// For the answers we give ourselves.
    pub(super) request: Bytes,
    /// The 100 that was sent.
    pub(super) trying: Option<Bytes>,
}

/// Whether a non-INVITE request may be answered so by the user.
pub(super) fn may_answer(status: StatusCode) -> bool {
    // RFC 4320 §4.1: no provisional response but 100, which is sent by the timer alone.
    // RFC 4320 §4.2: no 408.
    !status.is_provisional() && status != StatusCode::REQUEST_TIMEOUT
}
