//! A courier for each address, so that what goes to one arrives in order and no address waits for another. Must not
//! know what is carried, nor how.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use helpdesk::{DeliveryId, DeliveryOutcome};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Letters that may wait for one address; beyond it they count as undeliverable.
const WAITING: usize = 64;

/// A courier goes home after this long without a letter.
const IDLE: Duration = Duration::from_secs(60);

/// The body type that every phone and messenger takes.
pub(super) const PLAIN_TEXT: &str = "text/plain;charset=UTF-8";

/// Something to be brought somewhere.
pub(super) trait Consignment: Send + 'static {
    /// What has a courier of its own.
    type Address: Eq + Hash + Clone + Send;

    /// Where it goes.
    fn address(&self) -> &Self::Address;

    /// What the helpdesk calls it.
    fn delivery(&self) -> DeliveryId;
}

/// What every courier can do.
pub(super) trait Bring<L>: Clone + Send + 'static {
    /// Brings a letter and says what became of it.
    fn bring(&self, letter: &L) -> impl Future<Output = DeliveryOutcome> + Send;
}

/// All couriers of one kind.
pub(super) struct Couriers<L: Consignment, B> {
    courier: Courier<B>,
    waiting_by_address: HashMap<L::Address, mpsc::Sender<L>>,
}

#[derive(Clone)]
struct Courier<B> {
    way: B,
    deliveries: mpsc::Sender<(DeliveryId, DeliveryOutcome)>,
}

impl<L: Consignment + Sync, B: Bring<L> + Sync> Couriers<L, B> {
    /// Couriers that go the given way and report to `deliveries`.
    pub(super) fn new(way: B, deliveries: mpsc::Sender<(DeliveryId, DeliveryOutcome)>) -> Self {
        Self {
            courier: Courier { way, deliveries },
            waiting_by_address: HashMap::new(),
        }
    }

    /// Runs until no more letters can come; what waits then is given up. `look` sees each letter before it leaves.
    pub(super) async fn run(mut self, mut letters: mpsc::Receiver<L>, mut look: impl FnMut(&L)) {
        let mut couriers = JoinSet::new();
        loop {
            tokio::select! {
                letter = letters.recv() => match letter {
                    Some(letter) => {
                        look(&letter);
                        self.hand_over(letter, &mut couriers).await;
                    }
                    None => return,
                },
                Some(gone) = couriers.join_next() => {
                    if let Err(error) = gone {
                        tracing::error!(%error, "a courier failed");
                    }
                    self.waiting_by_address.retain(|_, courier| !courier.is_closed());
                }
            }
        }
    }

    async fn hand_over(&mut self, letter: L, couriers: &mut JoinSet<()>) {
        let letter = match self.waiting_by_address.get(letter.address()) {
            Some(courier) => match courier.try_send(letter) {
                Ok(()) => return,
                Err(TrySendError::Full(letter)) => {
                    let outcome = DeliveryOutcome::Undeliverable;
                    return self.courier.report(letter.delivery(), outcome).await;
                }
                Err(TrySendError::Closed(letter)) => letter,
            },
            None => letter,
        };
        let (courier, waiting) = mpsc::channel(WAITING);
        let address = letter.address().clone();
        if courier.try_send(letter).is_ok() {
            self.waiting_by_address.insert(address, courier);
            couriers.spawn(self.courier.clone().run(waiting));
        }
    }
}

impl<B> Courier<B> {
    async fn run<L: Consignment>(self, mut letters: mpsc::Receiver<L>)
    where
        B: Bring<L>,
    {
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
            let outcome = self.way.bring(&letter).await;
            self.report(letter.delivery(), outcome).await;
        }
    }

    async fn report(&self, delivery: DeliveryId, outcome: DeliveryOutcome) {
        if self.deliveries.send((delivery, outcome)).await.is_err() {
            tracing::debug!("a delivery ended after the helpdesk had stopped");
        }
    }
}
