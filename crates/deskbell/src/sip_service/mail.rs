//! Brings the helpdesk's words to reps' phones by SIP MESSAGE (RFC 3428 §5), in order for each rep, over
//! the connection the phone registered on. Must not know what the words say.

use std::sync::Arc;
use std::time::{Duration, Instant};

use helpdesk::{DeliveryId, DeliveryOutcome, RepId};
use sip::{HeaderName, Method, RequestDraft};
use sip_transport::{RequestError, Sender};
use tokio::sync::mpsc;
use tokio::time::{timeout, timeout_at};

use super::bindings::{Binding, Bindings};
use super::couriers::{Bring, Consignment, Couriers, PLAIN_TEXT};
use crate::desk::RepMail;
use crate::happenings::Happenings;
use crate::random;

/// A phone that is silent for this long lets the rep's next one have the message: an offer does not last
/// as long as the 64*T1 after which a phone counts as gone.
const NEXT_PHONE: Duration = Duration::from_secs(3);

/// Brings mail to reps and reports what became of it.
pub(crate) struct Mail {
    couriers: Couriers<RepMail, Phones>,
}

/// The way to reps: their phones.
#[derive(Clone)]
struct Phones {
    bindings: Arc<Bindings>,
    sender: Sender,
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
        let phones = Phones {
            bindings,
            sender,
            happenings,
        };
        Self {
            couriers: Couriers::new(phones, deliveries),
        }
    }

    /// Runs until no more mail can come; what waits then is given up.
    pub(crate) async fn run(self, mail: mpsc::Receiver<RepMail>) {
        self.couriers.run(mail, |_| {}).await;
    }
}

impl Consignment for RepMail {
    type Address = RepId;

    fn address(&self) -> &RepId {
        &self.rep
    }

    fn delivery(&self) -> DeliveryId {
        self.delivery
    }
}

impl Bring<RepMail> for Phones {
    /// Tries the rep's phones in the table's order until one takes it. Where no phone is connected, one that was a
    /// moment ago has the time of grace to come back.
    async fn bring(&self, letter: &RepMail) -> DeliveryOutcome {
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
}

impl Phones {
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
