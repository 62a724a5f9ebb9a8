//! What the transport has done, for whoever shows it. Must not know how it is shown.

use std::sync::atomic::{AtomicU64, Ordering};

use sip::transaction::Counts;

/// One counter as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// In small letters and underlines.
    pub name: &'static str,
    /// What it counts.
    pub help: &'static str,
    /// Since the start.
    pub value: u64,
}

macro_rules! counters {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// Totals since the start, of all sockets and connections.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[doc = $doc])* pub $name: AtomicU64,)*
        }

        impl Counters {
            /// Every counter as it stands.
            pub fn each(&self) -> impl Iterator<Item = Count> {
                [$(Count {
                    name: stringify!($name),
                    help: concat!($($doc),*).trim_ascii(),
                    value: self.$name.load(Ordering::Relaxed),
                },)*].into_iter()
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
    /// Messages and connections not looked at because their source is a scanner.
    silenced,
    /// Requests of likely scanners that were served all the same, one a second.
    slowed,
    /// Requests of likely scanners, and OPTIONS of strangers, that were not answered.
    strangers_ignored,
    /// Requests answered 503 because their source begins too much.
    requests_over_budget,
    /// Requests answered 503 because all sources together begin too much.
    requests_shed,
    /// Requests with a wrong password.
    wrong_passwords,
    /// Answers not sent over UDP because they are much longer than what came.
    answers_withheld,
    /// Keepalives (line ends alone).
    keepalives,
    /// STUN requests, answered or not.
    stun,
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
    /// Responses that came to another socket of their address than the request had left by.
    handed_over,
    /// Those among them that were dropped, because too many waited for that socket.
    hand_overs_dropped,
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
    /// Connections closed because their places were needed and their peers had proven nobody.
    connections_evicted,
    /// Connections closed because their source, or all together, had too much half read.
    half_read_too_much,
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
