//! The non-INVITE server transaction (RFC 3261 §17.2.2 as changed by RFC 4320): one type per state.
//! Must not know who answers, nor where the answer goes.

use std::time::Duration;

use bytes::Bytes;

use super::key::ServerKey;
use crate::flow::Flow;
use crate::status::StatusCode;

/// Awaits the user's answer: the states Trying and Proceeding.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) key: ServerKey,
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
    pub(super) key: ServerKey,
    pub(super) response: Bytes,
}

/// Whether a non-INVITE request may be answered so by the user.
pub(super) fn may_answer(status: StatusCode) -> bool {
    // RFC 4320 §4.1: no provisional response but 100, which is sent by the timer alone.
    // RFC 4320 §4.2: no 408.
    !status.is_provisional() && status != StatusCode::REQUEST_TIMEOUT
}

/// When a request without an answer is told 100.
pub(super) fn trying_delay(round_trip: Duration, longest_interval: Duration) -> Duration {
    // RFC 4320 §4.1: when the client's Timer E reaches T2, that is at T1 + 2*T1 + … below T2.
    let mut interval = round_trip;
    let mut delay = Duration::ZERO;
    while interval < longest_interval && !interval.is_zero() {
        delay += interval;
        interval *= 2;
    }
    delay
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::trying_delay;

    #[test]
    fn a_hundred_is_due_after_three_and_a_half_seconds() {
        let delay = trying_delay(Duration::from_millis(500), Duration::from_secs(4));
        assert_eq!(delay, Duration::from_millis(3500));
    }
}
