//! What the transport has done, for whoever shows it. Must not know how it is shown.

use std::sync::atomic::{AtomicU64, Ordering};

use sip::transaction::Counts;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Totals since the start, of all sockets and connections.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: AtomicU64,)*
        }

        impl Counters {
            /// Every counter with its name.
            pub fn each(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name.load(Ordering::Relaxed)),)*].into_iter()
            }
        }
    };
}

counters! {
    /// Messages taken in, good or bad.
    received,
    /// Messages sent.
    sent,
    /// Messages dropped because nothing in them could be answered.
    unparseable,
    /// Requests answered 400, 513 or the like before the service saw them.
    bad_requests,
    /// Messages not looked at because their source sends too many.
    over_budget,
    /// Keepalives (line ends alone).
    keepalives,
    /// Requests shown to the service.
    requests,
    /// Repeated requests and ACKs the service did not see.
    retransmissions_absorbed,
    /// Requests of ours and refusals sent again.
    retransmissions_sent,
    /// Requests answered 482, because they had come before by another way.
    merged,
    /// Requests answered 503.
    refused,
    /// Answered transactions forgotten before their time, for room.
    evicted,
    /// Answers that came too late or may not be sent.
    answers_dropped,
    /// Responses and ACKs that belong to nothing.
    strays,
    /// Requests of ours without an answer in time.
    timeouts,
    /// Messages the kernel would not send.
    send_errors,
    /// Datagrams dropped because too many waited for the kernel.
    send_queue_full,
    /// Requests of ours longer than RFC 3261 §18.1.1 wants over UDP.
    oversized_requests,
    /// Panics of the service, each answered 500.
    service_panics,
    /// Connections accepted or opened.
    connections_opened,
    /// Connections ended, for any reason.
    connections_closed,
    /// Connections closed at once because there were too many.
    connections_refused,
    /// Connections that did not become TLS or WebSocket in time, or at all.
    handshakes_failed,
    /// Connections closed because of silence, slow messages or slow reading.
    connections_timed_out,
    /// Connections closed because the bytes could not be cut into messages.
    framing_lost,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, amount: u64) {
        if amount > 0 {
            counter.fetch_add(amount, Ordering::Relaxed);
        }
    }

    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_transactions(&self, counts: Counts) {
        let Counts {
            requests,
            retransmissions_absorbed,
            retransmissions_sent,
            refused,
            evicted,
            answers_dropped,
            strays,
            timeouts,
            bad_requests,
            merged,
        } = counts;
        Self::add(&self.requests, requests);
        Self::add(&self.retransmissions_absorbed, retransmissions_absorbed);
        Self::add(&self.retransmissions_sent, retransmissions_sent);
        Self::add(&self.refused, refused);
        Self::add(&self.evicted, evicted);
        Self::add(&self.answers_dropped, answers_dropped);
        Self::add(&self.strays, strays);
        Self::add(&self.timeouts, timeouts);
        Self::add(&self.bad_requests, bad_requests);
        Self::add(&self.merged, merged);
    }
}
