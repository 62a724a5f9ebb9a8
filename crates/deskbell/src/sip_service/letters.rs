//! Brings the lines of conversations to shoppers' own messengers by SIP MESSAGE, over the outbound proxy or by the
//! servers of their domain (RFC 3263), in order for each conversation. Must not know what the lines say.

use std::collections::VecDeque;
use std::sync::Arc;

use dashmap::DashMap;
use helpdesk::{DeliveryId, DeliveryOutcome, TicketId};
use sip::{HeaderName, Method, RequestDraft};
use sip_transport::{Sender, Target};
use tokio::sync::{mpsc, watch};

use super::couriers::{Bring, Consignment, Couriers, PLAIN_TEXT};
use crate::desk::Letter;
use crate::happenings::Happenings;
use crate::random;

/// The messengers that were sent a line, by the conversation they may answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct MessengerBoard(Arc<DashMap<TicketId, Arc<str>>>);

impl MessengerBoard {
    /// The messenger of a conversation.
    pub(super) fn address(&self, ticket: &TicketId) -> Option<Arc<str>> {
        Some(self.0.get(ticket)?.clone())
    }

    fn remember(&self, letter: &Letter, order: &mut VecDeque<TicketId>) {
        let address = Arc::clone(&letter.address);
        if self.0.insert(letter.ticket.clone(), address).is_some() {
            return;
        }
        order.push_back(letter.ticket.clone());
        if order.len() > REMEMBERED
            && let Some(oldest) = order.pop_front()
        {
            self.0.remove(&oldest);
        }
    }
}

/// Conversations whose messengers are remembered; beyond, the one first written to is forgotten.
const REMEMBERED: usize = 10_000;

/// Brings letters and reports what became of them.
pub(crate) struct Letters {
    couriers: Couriers<Letter, Messengers>,
    board: MessengerBoard,
}

/// The way to shoppers: their own messengers.
#[derive(Clone)]
struct Messengers {
    sender: Sender,
    /// The domain that conversations' addresses are in.
    domain: String,
    /// A whole Route value.
    outbound_proxy: watch::Receiver<Option<String>>,
    happenings: Happenings,
}

impl Letters {
    /// Letters from addresses of `domain`, that report to `deliveries`.
    pub(crate) fn new(
        sender: Sender,
        domain: String,
        outbound_proxy: watch::Receiver<Option<String>>,
        deliveries: mpsc::Sender<(DeliveryId, DeliveryOutcome)>,
        happenings: Happenings,
    ) -> Self {
        let messengers = Messengers {
            sender,
            domain,
            outbound_proxy,
            happenings,
        };
        Self {
            couriers: Couriers::new(messengers, deliveries),
            board: MessengerBoard::default(),
        }
    }

    /// Which messengers may answer.
    pub(crate) fn board(&self) -> MessengerBoard {
        self.board.clone()
    }

    /// Runs until no more letters can come; what waits then is given up.
    pub(crate) async fn run(self, letters: mpsc::Receiver<Letter>) {
        // The conversations on the board, in the order they came there.
        let mut order = VecDeque::new();
        let board = self.board;
        let remember = |letter: &Letter| board.remember(letter, &mut order);
        self.couriers.run(letters, remember).await;
    }
}

impl Consignment for Letter {
    type Address = TicketId;

    fn address(&self) -> &TicketId {
        &self.ticket
    }

    fn delivery(&self) -> DeliveryId {
        self.delivery
    }
}

impl Bring<Letter> for Messengers {
    async fn bring(&self, letter: &Letter) -> DeliveryOutcome {
        let Ok(draft) = self.message(letter) else {
            tracing::error!("the operating system gave no randomness");
            return DeliveryOutcome::Undeliverable;
        };
        let target = Target::Uri(draft.next_hop().into());
        match self.sender.request(draft, target).await {
            Ok(response) if response.status().is_success() => {
                self.happenings
                    .sip(|| "MESSAGE: a shopper's messenger has a line".to_owned());
                DeliveryOutcome::Delivered
            }
            Ok(response) => {
                tracing::debug!(status = %response.status(), "a messenger refused a line");
                DeliveryOutcome::Undeliverable
            }
            Err(error) => {
                tracing::debug!(%error, "a messenger could not be reached");
                DeliveryOutcome::Undeliverable
            }
        }
    }
}

impl Messengers {
    /// It comes from the conversation's own address, so that the messenger's answer goes there.
    fn message(&self, letter: &Letter) -> Result<RequestDraft, getrandom::Error> {
        let address = format!("<sip:{}@{}>", letter.ticket, self.domain);
        let from = match &letter.name {
            Some(name) => format!("\"{}\" {address}", quotable(name)),
            None => address,
        };
        let mut draft = RequestDraft::new(Method::Message, letter.address.as_ref())
            .from(&from, &random::word::<10>()?)
            .to(format!("<{}>", letter.address))
            .call_id(random::word::<20>()?)
            .cseq(1);
        if let Some(route) = &*self.outbound_proxy.borrow() {
            draft = draft.header(HeaderName::Route, route.as_str());
        }
        Ok(draft.body(PLAIN_TEXT, letter.text.as_bytes().to_vec()))
    }
}

/// A display name between quotes (RFC 3261 §25.1), without what would end or escape it.
pub(crate) fn quotable(name: &str) -> String {
    let is_plain = |c: &char| !c.is_control() && !matches!(c, '"' | '\\');
    name.chars().filter(is_plain).take(80).collect()
}
