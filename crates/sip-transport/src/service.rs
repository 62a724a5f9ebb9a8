//! The border to whoever answers requests. Must not know sockets.

use std::cell::Cell;
use std::time::Instant;

use bytes::Bytes;
use sip::transaction::ServerTransactionId;
use sip::{Flow, Request};
use thiserror::Error;
use tokio::sync::mpsc;

use crate::defence::{Conduct, Defence};
use crate::flows::Command;
use crate::invitation::PendingInvite;
use crate::urgency::Standing;

/// Whoever answers requests.
pub trait Service: Send + Sync + 'static {
    /// Answers a request, on the task that read its bytes: it must not block.
    /// Retransmissions and bad requests never come here; each request comes once.
    fn handle_request(&self, request: &Request, exchange: Exchange<'_>) -> Handling;

    /// The ACK of a 2xx, or one that belongs to no INVITE this transport knows. It is never answered.
    fn handle_ack(&self, _ack: &Request, _flow: Flow) {}

    /// A peer has cancelled its INVITE, and the transport has answered it 487.
    fn handle_cancelled(&self, _flow: Flow, _transaction: ServerTransactionId) {}

    /// A connection is gone; nothing can be sent over this flow any more.
    fn handle_flow_closed(&self, _flow: Flow) {}
}

/// What becomes of a request.
#[derive(Debug)]
pub enum Handling {
    /// It is answered with this response, which is repeated to each retransmission.
    Answer(Bytes),
    /// It is answered with this response and forgotten: a retransmission is a new request (RFC 3261 §8.2.7). Over UDP
    /// it is not sent where it is longer than [`Exchange::longest_answer`].
    /// For challenges and refusals, so that a flood of requests without credentials costs no memory, and an INVITE in
    /// a third party's name does not make us repeat its refusal to that party.
    AnswerStateless(Bytes),
    /// It is answered through the [`PendingAnswer`] of [`Exchange::defer`].
    Later,
    /// It is answered 503 with Retry-After.
    Overloaded,
    /// It is not answered.
    Ignore,
}

/// One request's circumstances.
#[derive(Debug)]
pub struct Exchange<'a> {
    pub(crate) flow: Flow,
    pub(crate) now: Instant,
    pub(crate) transaction: ServerTransactionId,
    pub(crate) fingerprint: u64,
    pub(crate) commands: &'a mpsc::Sender<Command>,
    pub(crate) defence: &'a Defence,
    /// Set where the request proves somebody.
    pub(crate) proof: &'a Cell<Standing>,
    pub(crate) longest_answer: usize,
}

/// Too many answers are outstanding on this socket or connection: return [`Handling::Overloaded`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("defer one more answer: too many are outstanding")]
pub struct Overloaded;

/// The duty to answer a request; dropped without an answer, the request is answered 500.
#[derive(Debug)]
pub struct PendingAnswer {
    transaction: ServerTransactionId,
    /// Room in the queue of the task that sends the answer, taken when the answer was promised.
    permit: Option<mpsc::OwnedPermit<Command>>,
}

impl Exchange<'_> {
    /// The path the request came by, which is also the way back to its sender.
    pub const fn flow(&self) -> Flow {
        self.flow
    }

    /// When the request was read.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// A number that is the same for every copy of the request and differs between requests; nobody outside can foresee
    /// it. RFC 3261 §8.2.7: an answer that is not remembered must come out the same for a retransmission.
    pub const fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// Tells what the request shows of its sender, after which the sender's next ones are treated.
    pub fn note(&self, conduct: Conduct<'_>) {
        if matches!(conduct, Conduct::Proven(_)) {
            self.proof.set(Standing::Proven);
        }
        self.defence.note(self.flow, conduct, self.now);
    }

    /// Bytes that an answer may have which is not remembered: over UDP a longer one is not sent, because whoever is
    /// at the other end may not have asked.
    pub const fn longest_answer(&self) -> usize {
        self.longest_answer
    }

    /// Promises an answer for later; the handler then returns [`Handling::Later`].
    ///
    /// # Errors
    /// Too many answers are outstanding; the promise could not be kept.
    pub fn defer(self) -> Result<PendingAnswer, Overloaded> {
        let permit = self
            .commands
            .clone()
            .try_reserve_owned()
            .map_err(|_| Overloaded)?;
        Ok(PendingAnswer {
            transaction: self.transaction,
            permit: Some(permit),
        })
    }

    /// The same for an INVITE, which may have provisional answers, and whose 2xx is repeated by the call.
    ///
    /// # Errors
    /// Too many answers are outstanding; the promise could not be kept.
    pub fn defer_invite(self) -> Result<PendingInvite, Overloaded> {
        let (commands, transaction) = (self.commands.clone(), self.transaction);
        let flow = self.flow;
        let permit = self.defer()?.permit.take();
        Ok(PendingInvite {
            transaction,
            flow,
            commands,
            permit,
        })
    }
}

impl PendingAnswer {
    /// Answers. A final answer that comes more than 64*T1 after the request is dropped (RFC 4320 §4.2).
    pub fn answer(mut self, response: Bytes) {
        self.send(Command::Answer {
            transaction: self.transaction,
            response,
        });
    }

    fn send(&mut self, command: Command) {
        if let Some(permit) = self.permit.take() {
            permit.send(command);
        }
    }
}

impl Drop for PendingAnswer {
    fn drop(&mut self) {
        self.send(Command::Fail {
            transaction: self.transaction,
        });
    }
}
