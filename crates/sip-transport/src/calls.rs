//! The legs of calls that run over one transport: places them, and finds the leg of what peers send.
//! Must not know why somebody is called, nor what legs have to do with each other.

use std::net::SocketAddr;
use std::sync::Arc;

use dashmap::DashMap;
use sip::call::{Body, Config, Event, Input, Setup};
use sip::transaction::ServerTransactionId;
use sip::{Flow, Method, Request};
use thiserror::Error;
use tokio::sync::mpsc;

use crate::calling::{Calling, Way};
use crate::invitation::PendingInvite;
use crate::sender::Sender;
use crate::service::{Exchange, Handling, PendingAnswer};

/// Every leg that is not over.
#[derive(Debug, Default)]
pub struct Calls {
    by_call_id: DashMap<Box<str>, mpsc::Sender<Message>>,
}

/// Gives orders to one leg; cheap to clone.
#[derive(Clone, Debug)]
pub struct LegOrders {
    messages: mpsc::Sender<Message>,
}

/// The leg is over, or has more orders than it can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("give an order to the leg: it is over, or takes no more at once")]
pub struct NotTaken;

/// A leg that was placed.
#[derive(Debug)]
pub struct Placed {
    /// To give it orders.
    pub orders: LegOrders,
    /// All that is told of it; [`Event::Ended`] is the last. Whoever drops this, or lets it run full, hangs up.
    pub events: mpsc::Receiver<Event>,
}

/// What a leg's task is told.
#[derive(Debug)]
pub(crate) enum Message {
    Order(Input),
    Request {
        request: Request,
        source: SocketAddr,
        duty: Duty,
    },
    Acknowledged(Request),
    Cancelled {
        flow: Flow,
        transaction: ServerTransactionId,
    },
}

/// The duty to answer a request of the peer.
#[derive(Debug)]
pub(crate) enum Duty {
    Invite(PendingInvite),
    Other(PendingAnswer),
}

/// What may wait for one leg, and what it may have to tell.
const WAITING: usize = 64;

impl Calls {
    /// Places a call. The leg runs in a task of its own until it is over.
    pub fn place(
        self: &Arc<Self>,
        sender: &Sender,
        way: Way,
        config: Config,
        setup: Setup,
        offer: Option<Body>,
    ) -> Placed {
        let (messages, inbox) = mpsc::channel(WAITING);
        let (told, events) = mpsc::channel(WAITING);
        let call_id = setup.call_id.clone();
        self.by_call_id.insert(call_id.clone(), messages.clone());
        let calling = Calling::new(sender.clone(), way, config, setup, inbox, told);
        let calls = Arc::clone(self);
        sender.spawn(async move {
            calling.run(offer).await;
            calls.by_call_id.remove(&call_id);
        });
        Placed {
            orders: LegOrders { messages },
            events,
        }
    }

    /// Hands a request to the leg it belongs to; gives the exchange back where it belongs to none.
    ///
    /// # Errors
    /// The request is of no leg.
    #[expect(
        clippy::result_large_err,
        reason = "the exchange is given back as it came, on the path of every request"
    )]
    pub fn handle_request<'a>(
        &self,
        request: &Request,
        exchange: Exchange<'a>,
    ) -> Result<Handling, Exchange<'a>> {
        let is_inside = request.to().is_ok_and(|to| to.tag().is_some());
        let messages = match request.call_id() {
            Ok(call_id) if is_inside => self.by_call_id.get(call_id).map(|it| it.clone()),
            Ok(_) | Err(_) => None,
        };
        let Some(messages) = messages else {
            return Err(exchange);
        };
        let flow = exchange.flow();
        let Ok(permit) = messages.try_reserve_owned() else {
            return Ok(Handling::Overloaded);
        };
        let duty = if request.method() == Method::Invite {
            let Ok(pending) = exchange.defer_invite() else {
                return Ok(Handling::Overloaded);
            };
            Duty::Invite(pending)
        } else {
            let Ok(pending) = exchange.defer() else {
                return Ok(Handling::Overloaded);
            };
            Duty::Other(pending)
        };
        permit.send(Message::Request {
            request: request.clone(),
            source: flow.remote,
            duty,
        });
        Ok(Handling::Later)
    }

    /// Hands an ACK to the leg it belongs to.
    pub fn handle_ack(&self, ack: &Request) {
        if let Ok(call_id) = ack.call_id()
            && let Some(messages) = self.by_call_id.get(call_id)
        {
            // A leg too busy for it repeats its 2xx, and the peer its ACK.
            drop(messages.try_send(Message::Acknowledged(ack.clone())));
        }
    }

    /// Tells the legs that a peer has cancelled an INVITE; the one it belongs to knows it.
    pub fn handle_cancelled(&self, flow: Flow, transaction: ServerTransactionId) {
        for leg in &self.by_call_id {
            // A leg too busy for it has its answer dropped by the transaction.
            drop(leg.try_send(Message::Cancelled { flow, transaction }));
        }
    }

    /// Legs that are not over.
    pub fn len(&self) -> usize {
        self.by_call_id.len()
    }

    /// Whether every leg is over.
    pub fn is_empty(&self) -> bool {
        self.by_call_id.is_empty()
    }
}

impl LegOrders {
    /// Gives an order: [`Input::Acknowledge`], [`Input::Modify`], [`Input::Accept`], [`Input::Refuse`] or
    /// [`Input::HangUp`]. What comes from a transport comes to the leg by itself.
    ///
    /// # Errors
    /// The leg is over, or takes no more orders at once.
    pub fn give(&self, order: Input) -> Result<(), NotTaken> {
        let sent = self.messages.try_send(Message::Order(order));
        sent.map_err(|_| NotTaken)
    }
}

impl Duty {
    pub(crate) fn is_cancelled_by(&self, flow: Flow, transaction: ServerTransactionId) -> bool {
        match self {
            Self::Invite(pending) => {
                pending.flow.id == flow.id && pending.transaction() == transaction
            }
            Self::Other(_) => false,
        }
    }
}
