//! Brings the lines of conversations to shoppers' own messengers by SIP MESSAGE, over the outbound proxy or by the
//! servers of their domain (RFC 3263), in order for each conversation. Must not know what the lines say.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use helpdesk::{DeliveryId, DeliveryOutcome, TicketId};
use sip::{HeaderName, Method, RequestDraft};
use sip_transport::{Sender, Target};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::desk::Letter;
use crate::happenings::Happenings;
use crate::random;

/// Lines that may wait for one messenger; beyond it they count as undeliverable.
const WAITING: usize = 64;

/// A conversation's courier goes home after this long without a line.
const IDLE: Duration = Duration::from_secs(60);

const PLAIN_TEXT: &str = "text/plain;charset=UTF-8";

/// The messengers that were sent a line, by the conversation they may answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct MessengerBoard(Arc<DashMap<TicketId, Arc<str>>>);

impl MessengerBoard {
    /// The messenger of a conversation.
    pub(super) fn address(&self, ticket: &TicketId) -> Option<Arc<str>> {
        Some(self.0.get(ticket)?.clone())
    }
}

/// Conversations whose messengers are remembered; beyond, the one first written to is forgotten.
const REMEMBERED: usize = 10_000;

/// Brings letters and reports what became of them.
pub(crate) struct Letters {
    courier: Courier,
    couriers_by_ticket: HashMap<TicketId, mpsc::Sender<Letter>>,
    board: MessengerBoard,
    /// The conversations on the board, in the order they came there.
    order: VecDeque<TicketId>,
}

/// What one courier needs.
#[derive(Clone)]
struct Courier {
    sender: Sender,
    /// The domain that conversations' addresses are in.
    domain: String,
    /// A whole Route value.
    outbound_proxy: Option<String>,
    deliveries: mpsc::Sender<(DeliveryId, DeliveryOutcome)>,
    happenings: Happenings,
}

impl Letters {
    /// Letters from addresses of `domain`, that report to `deliveries`.
    pub(crate) fn new(
        sender: Sender,
        domain: String,
        outbound_proxy: Option<String>,
        deliveries: mpsc::Sender<(DeliveryId, DeliveryOutcome)>,
        happenings: Happenings,
    ) -> Self {
        Self {
            courier: Courier {
                sender,
                domain,
                outbound_proxy,
                deliveries,
                happenings,
            },
            couriers_by_ticket: HashMap::new(),
            board: MessengerBoard::default(),
            order: VecDeque::new(),
        }
    }

    /// Which messengers may answer.
    pub(crate) fn board(&self) -> MessengerBoard {
        self.board.clone()
    }

    /// Runs until no more letters can come; what waits then is given up.
    pub(crate) async fn run(mut self, mut letters: mpsc::Receiver<Letter>) {
        let mut couriers = JoinSet::new();
        loop {
            tokio::select! {
                letter = letters.recv() => match letter {
                    Some(letter) => self.hand_over(letter, &mut couriers).await,
                    None => return,
                },
                Some(gone) = couriers.join_next() => {
                    if let Err(error) = gone {
                        tracing::error!(%error, "a courier failed");
                    }
                    self.couriers_by_ticket.retain(|_, courier| !courier.is_closed());
                }
            }
        }
    }

    fn remember(&mut self, letter: &Letter) {
        let address = Arc::clone(&letter.address);
        if self
            .board
            .0
            .insert(letter.ticket.clone(), address)
            .is_some()
        {
            return;
        }
        self.order.push_back(letter.ticket.clone());
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.board.0.remove(&oldest);
        }
    }

    async fn hand_over(&mut self, letter: Letter, couriers: &mut JoinSet<()>) {
        self.remember(&letter);
        let letter = match self.couriers_by_ticket.get(&letter.ticket) {
            Some(courier) => match courier.try_send(letter) {
                Ok(()) => return,
                Err(TrySendError::Full(letter)) => {
                    let outcome = DeliveryOutcome::Undeliverable;
                    return self.courier.report(letter.delivery, outcome).await;
                }
                Err(TrySendError::Closed(letter)) => letter,
            },
            None => letter,
        };
        let (courier, waiting) = mpsc::channel(WAITING);
        let ticket = letter.ticket.clone();
        if courier.try_send(letter).is_ok() {
            self.couriers_by_ticket.insert(ticket, courier);
            couriers.spawn(self.courier.clone().run(waiting));
        }
    }
}

impl Courier {
    async fn run(self, mut letters: mpsc::Receiver<Letter>) {
        loop {
            let letter = match timeout(IDLE, letters.recv()).await {
                Ok(Some(letter)) => letter,
                Ok(None) => return,
                Err(_) => {
                    letters.close();
                    match letters.recv().await {
                        Some(letter) => letter,
                        None => return,
                    }
                }
            };
            let outcome = self.deliver(&letter).await;
            self.report(letter.delivery, outcome).await;
        }
    }

    async fn deliver(&self, letter: &Letter) -> DeliveryOutcome {
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
        if let Some(route) = &self.outbound_proxy {
            draft = draft.header(HeaderName::Route, route.as_str());
        }
        Ok(draft.body(PLAIN_TEXT, letter.text.as_bytes().to_vec()))
    }

    async fn report(&self, delivery: DeliveryId, outcome: DeliveryOutcome) {
        if self.deliveries.send((delivery, outcome)).await.is_err() {
            tracing::debug!("a delivery ended after the helpdesk had stopped");
        }
    }
}

/// A display name between quotes (RFC 3261 §25.1), without what would end or escape it.
pub(crate) fn quotable(name: &str) -> String {
    let is_plain = |c: &char| !c.is_control() && !matches!(c, '"' | '\\');
    name.chars().filter(is_plain).take(80).collect()
}
