//! Brings the helpdesk's words to reps' phones by SIP MESSAGE (RFC 3428 §5), in order for each rep, over
//! the connection the phone registered on. Must not know what the words say.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use helpdesk::{DeliveryId, DeliveryOutcome, RepId};
use sip::{HeaderName, Method, RequestDraft};
use sip_transport::{RequestError, Sender};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::JoinSet;
use tokio::time::{timeout, timeout_at};

use super::bindings::{Binding, Bindings};
use crate::desk::RepMail;
use crate::happenings::Happenings;
use crate::random;

/// Messages that may wait for one rep's phone; beyond it they count as undeliverable.
const WAITING_PER_REP: usize = 64;

/// A rep's courier goes home after this long without a message.
const IDLE: Duration = Duration::from_secs(60);

/// A phone that is silent for this long lets the rep's next one have the message: an offer does not last
/// as long as the 64*T1 after which a phone counts as gone.
const NEXT_PHONE: Duration = Duration::from_secs(3);

/// The body type that every phone takes.
const PLAIN_TEXT: &str = "text/plain;charset=UTF-8";

/// Brings mail to reps and reports what became of it.
pub(crate) struct Mail {
    courier: Courier,
    couriers_by_rep: HashMap<RepId, mpsc::Sender<RepMail>>,
}

/// What one courier needs.
#[derive(Clone)]
struct Courier {
    bindings: Arc<Bindings>,
    sender: Sender,
    deliveries: mpsc::Sender<(DeliveryId, DeliveryOutcome)>,
    happenings: Happenings,
}

impl Mail {
    /// Mail that finds phones in `bindings` and reports to `deliveries`.
    pub(crate) fn new(
        bindings: Arc<Bindings>,
        sender: Sender,
        deliveries: mpsc::Sender<(DeliveryId, DeliveryOutcome)>,
        happenings: Happenings,
    ) -> Self {
        Self {
            courier: Courier {
                bindings,
                sender,
                deliveries,
                happenings,
            },
            couriers_by_rep: HashMap::new(),
        }
    }

    /// Runs until no more mail can come; what waits then is given up.
    pub(crate) async fn run(mut self, mut mail: mpsc::Receiver<RepMail>) {
        let mut couriers = JoinSet::new();
        loop {
            tokio::select! {
                letter = mail.recv() => match letter {
                    Some(letter) => self.hand_over(letter, &mut couriers).await,
                    None => return,
                },
                Some(gone) = couriers.join_next() => {
                    if let Err(error) = gone {
                        tracing::error!(%error, "a courier failed");
                    }
                    self.couriers_by_rep.retain(|_, courier| !courier.is_closed());
                }
            }
        }
    }

    async fn hand_over(&mut self, letter: RepMail, couriers: &mut JoinSet<()>) {
        let letter = match self.couriers_by_rep.get(&letter.rep) {
            Some(courier) => match courier.try_send(letter) {
                Ok(()) => return,
                Err(TrySendError::Full(letter)) => {
                    self.courier
                        .report(letter.delivery, DeliveryOutcome::Undeliverable)
                        .await;
                    return;
                }
                Err(TrySendError::Closed(letter)) => letter,
            },
            None => letter,
        };
        let (courier, letters) = mpsc::channel(WAITING_PER_REP);
        let rep = letter.rep.clone();
        if courier.try_send(letter).is_ok() {
            self.couriers_by_rep.insert(rep, courier);
            couriers.spawn(self.courier.clone().run(letters));
        }
    }
}

impl Courier {
    async fn run(self, mut letters: mpsc::Receiver<RepMail>) {
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

    /// Tries the rep's phones in the table's order until one takes it. Where no phone is connected, one that was a
    /// moment ago has the time of grace to come back.
    async fn deliver(&self, letter: &RepMail) -> DeliveryOutcome {
        let mut arrivals = self.bindings.arrivals();
        loop {
            let phones = self.bindings.phones(&letter.rep, Instant::now());
            if let Some(outcome) = self.try_phones(letter, &phones).await {
                return outcome;
            }
            let Some(until) = phones.iter().filter_map(Binding::lost_until).max() else {
                break;
            };
            let came = timeout_at(until.into(), arrivals.changed()).await;
            if !matches!(came, Ok(Ok(()))) {
                break;
            }
        }
        self.happenings
            .sip(|| format!("MESSAGE: {} cannot be reached", letter.rep));
        DeliveryOutcome::Undeliverable
    }

    /// `None` where no phone is connected.
    async fn try_phones(&self, letter: &RepMail, phones: &[Binding]) -> Option<DeliveryOutcome> {
        let connected: Vec<_> = phones
            .iter()
            .filter_map(|phone| Some((phone, phone.target()?)))
            .collect();
        let mut connected = connected.into_iter().peekable();
        connected.peek()?;
        while let Some((phone, target)) = connected.next() {
            let Ok(draft) = message(letter, phone) else {
                tracing::error!("the operating system gave no randomness");
                return Some(DeliveryOutcome::Undeliverable);
            };
            let answered = self.sender.request(draft, target);
            let answered = match connected.peek() {
                Some(_) => match timeout(NEXT_PHONE, answered).await {
                    Ok(answered) => answered,
                    Err(_) => {
                        tracing::debug!(rep = %letter.rep, "a phone is silent, the next is tried");
                        self.bindings.handle_silence(&letter.rep, phone);
                        continue;
                    }
                },
                None => answered.await,
            };
            match answered {
                Ok(response) if response.status().is_success() => {
                    self.happenings
                        .sip(|| format!("MESSAGE: {} has a message on the phone", letter.rep));
                    return Some(DeliveryOutcome::Delivered);
                }
                Ok(response) => {
                    tracing::debug!(rep = %letter.rep, status = %response.status(), "a phone refused a message");
                }
                Err(error) => {
                    tracing::debug!(rep = %letter.rep, %error, "a phone could not be reached");
                    if matches!(error, RequestError::Timeout) {
                        self.bindings.handle_silence(&letter.rep, phone);
                    }
                }
            }
        }
        self.happenings
            .sip(|| format!("MESSAGE: {} cannot be reached", letter.rep));
        Some(DeliveryOutcome::Undeliverable)
    }

    async fn report(&self, delivery: DeliveryId, outcome: DeliveryOutcome) {
        if self.deliveries.send((delivery, outcome)).await.is_err() {
            tracing::debug!("a delivery ended after the helpdesk had stopped");
        }
    }
}

/// The MESSAGE comes from the conversation's own address, so that the phone's answer goes there. Its host is
/// the one the phone knows this server by.
fn message(letter: &RepMail, phone: &Binding) -> Result<RequestDraft, getrandom::Error> {
    let mut draft = RequestDraft::new(Method::Message, phone.contact.as_ref())
        .from(
            &format!("<sip:{}@{}>", letter.ticket, phone.domain),
            &random::word::<10>()?,
        )
        .to(format!("<sip:{}@{}>", letter.rep, phone.domain))
        .call_id(random::word::<20>()?)
        .cseq(1);
    // RFC 3327 §5.3: the path is the route to the phone.
    for hop in phone.path.iter() {
        draft = draft.header(HeaderName::Route, hop.as_ref());
    }
    Ok(draft.body(PLAIN_TEXT, letter.text.as_bytes().to_vec()))
}
