//! An INVITE of ours on its way, and the duty to answer one of a peer. Must not know what a call is.

use bytes::Bytes;
use sip::transaction::{RequestToken, ServerTransactionId};
use sip::{Flow, Response};
use tokio::sync::mpsc;

use crate::flows::Command;
use crate::sender::RequestError;

/// An INVITE of ours on its way. Dropped, nobody hears its end, but the INVITE goes on.
#[derive(Debug)]
pub struct Invitation {
    pub(crate) token: RequestToken,
    pub(crate) flow: Flow,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) events: mpsc::Receiver<InviteEvent>,
}

/// What becomes of an INVITE of ours.
#[derive(Debug)]
pub enum InviteEvent {
    /// A provisional response. Those that come faster than they are taken are dropped.
    Provisional(Response),
    /// The final response; comes once, unless the INVITE fails.
    Final(Response),
    /// One more 2xx: a repetition whose ACK was lost, or that of another peer behind a forking proxy. It wants an ACK.
    FurtherSuccess(Response),
    /// There is no response.
    Failed(RequestError),
}

impl Invitation {
    /// What happens next; `None` once nothing can happen any more.
    pub async fn next(&mut self) -> Option<InviteEvent> {
        self.events.recv().await
    }

    /// Cancels the INVITE as soon as RFC 3261 §9.1 allows. Its end still comes, and it may be a 2xx.
    ///
    /// # Errors
    /// Too much waits for the socket or connection, or it is gone.
    pub fn cancel(&self) -> Result<(), RequestError> {
        let command = Command::Cancel { token: self.token };
        send(&self.commands, command)
    }

    /// The path it has taken, for its ACK (RFC 3261 §13.2.2.4) where the dialog names no other.
    pub const fn flow(&self) -> Flow {
        self.flow
    }
}

/// The duty to answer an INVITE of a peer; dropped without a final answer, it is answered 500.
#[derive(Debug)]
pub struct PendingInvite {
    pub(crate) transaction: ServerTransactionId,
    pub(crate) flow: Flow,
    pub(crate) commands: mpsc::Sender<Command>,
    /// Room for the final answer, taken when it was promised.
    pub(crate) permit: Option<mpsc::OwnedPermit<Command>>,
}

impl PendingInvite {
    /// Names the INVITE in [`crate::Service::handle_cancelled`], beside its flow.
    pub const fn transaction(&self) -> ServerTransactionId {
        self.transaction
    }

    /// Gives a provisional answer.
    ///
    /// # Errors
    /// Too much waits for the socket or connection, or it is gone.
    pub fn provisional(&self, response: Bytes) -> Result<(), RequestError> {
        self.try_answer(response)
    }

    /// Gives the final answer, the first time it is called; then repeats a 2xx whose ACK does not come.
    ///
    /// # Errors
    /// Too much waits for the socket or connection, or it is gone; never the first time.
    pub fn answer(&mut self, response: Bytes) -> Result<(), RequestError> {
        let Some(permit) = self.permit.take() else {
            return self.try_answer(response);
        };
        permit.send(Command::Answer {
            transaction: self.transaction,
            response,
        });
        Ok(())
    }

    fn try_answer(&self, response: Bytes) -> Result<(), RequestError> {
        let command = Command::Answer {
            transaction: self.transaction,
            response,
        };
        send(&self.commands, command)
    }
}

impl Drop for PendingInvite {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take() {
            permit.send(Command::Fail {
                transaction: self.transaction,
            });
        }
    }
}

/// Asks the owner of a flow to do something.
pub(crate) fn send(commands: &mpsc::Sender<Command>, command: Command) -> Result<(), RequestError> {
    commands.try_send(command).map_err(|error| match error {
        mpsc::error::TrySendError::Full(_) => RequestError::Overloaded,
        mpsc::error::TrySendError::Closed(_) => RequestError::FlowClosed,
    })
}
