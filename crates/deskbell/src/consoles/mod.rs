//! Reps at consoles: who signs in, whether they are there, and that what is written to them arrives, at the console
//! or on the phone. One task owns all of it. Must not know HTTP, nor what a letter says.

mod letters;
mod presence;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::presence::{Store, UserInput};
use gateway::{ConsoleCall, ConsoleEvent, ConsoleId, Hand, Leaving, OpenRefused, SignedIn};
use helpdesk::{DeliveryId, DeliveryOutcome, RepId};
use sha2::{Digest as _, Sha256};
use sip::digest::Ha1;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::desk::{PresenceSignal, RepMail};
use crate::happenings::{Happenings, unix_ms};
use crate::sip_service::{Bindings, Login, SharedDirectory};

use self::letters::Letters;
use self::presence::Presences;

/// How often it is looked for what time has ended.
const TICK: Duration = Duration::from_millis(250);

/// Letters and words that may wait for one page.
const EVENTS: usize = 256;

/// A page that broke off comes back within this time, or the rep is not there.
const LOST_GRACE: Duration = Duration::from_secs(30);

/// A page that was closed is back after this time if it was only loaded again.
const CLOSED_GRACE: Duration = Duration::from_secs(5);

/// Pages that one rep may have open.
const PAGES: usize = 16;

/// What the consoles are made of.
pub(crate) struct Parts {
    /// Checks credentials.
    pub(crate) login: Arc<Login>,
    /// Whom the domain has.
    pub(crate) directory: SharedDirectory,
    /// Where publications go.
    pub(crate) store: Arc<Store>,
    /// Wakes the helpdesk's owner.
    pub(crate) signal: PresenceSignal,
    /// Where the reps' phones are.
    pub(crate) bindings: Arc<Bindings>,
    /// From the gateway.
    pub(crate) calls: mpsc::Receiver<ConsoleCall>,
    /// From the carrier.
    pub(crate) letters: mpsc::Receiver<RepMail>,
    /// To the phones.
    pub(crate) mail: mpsc::Sender<RepMail>,
    /// What became of a letter to a phone.
    pub(crate) phone_outcomes: mpsc::Receiver<(DeliveryId, DeliveryOutcome)>,
    /// To the helpdesk's owner.
    pub(crate) deliveries: mpsc::Sender<(DeliveryId, DeliveryOutcome)>,
    /// Shows what happens.
    pub(crate) happenings: Happenings,
}

/// Every rep at a console.
pub(crate) struct Consoles {
    parts: Parts,
    letters: Letters,
    presences: Presences,
    desks_by_rep: HashMap<RepId, Desk>,
    /// Sessions that began before are over. In milliseconds since the Unix epoch.
    signed_out_by_rep: HashMap<RepId, i64>,
}

/// One rep with at least one page open, or just gone.
struct Desk {
    hand: Hand,
    pages_by_id: HashMap<ConsoleId, Page>,
}

/// One page.
struct Page {
    /// `None` while its connection is gone.
    events: Option<mpsc::Sender<ConsoleEvent>>,
    user_input: UserInput,
    /// When it is given up, unless it comes back.
    gone_at: Option<Instant>,
}

impl Consoles {
    /// Nobody yet.
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            letters: Letters::default(),
            presences: Presences::new(parts.store.clone(), parts.signal.clone()),
            desks_by_rep: HashMap::new(),
            signed_out_by_rep: HashMap::new(),
            parts,
        }
    }

    /// Runs until no more letters can come.
    pub(crate) async fn run(mut self) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let now = Instant::now;
            tokio::select! {
                letter = self.parts.letters.recv() => match letter {
                    Some(letter) => self.handle_letter(letter, now()),
                    None => return,
                },
                Some((delivery, outcome)) = self.parts.phone_outcomes.recv() => {
                    self.letters.handle_phone(delivery, outcome);
                }
                Some(call) = self.parts.calls.recv() => self.handle_call(call, now()),
                _ = tick.tick() => self.handle_time(now()),
            }
            while let Some(report) = self.letters.poll_report() {
                if self.parts.deliveries.send(report).await.is_err() {
                    tracing::debug!("a delivery ended after the helpdesk had stopped");
                }
            }
        }
    }

    fn handle_letter(&mut self, letter: RepMail, now: Instant) {
        let is_at_console = self.desks_by_rep.contains_key(&letter.rep);
        let has_phone = !self.parts.bindings.phones(&letter.rep, now).is_empty();
        if is_at_console {
            let (delivery, rep) = (letter.delivery, letter.rep.clone());
            let event = self.letters.handle_letter(&letter, has_phone, now);
            self.tell_pages(&rep, &event);
            if !has_phone {
                return;
            }
            if self.parts.mail.try_send(letter).is_err() {
                self.letters
                    .handle_phone(delivery, DeliveryOutcome::Undeliverable);
            }
        } else if let Err(refused) = self.parts.mail.try_send(letter) {
            tracing::warn!("the phones cannot keep up with their mail");
            let letter = refused.into_inner();
            self.letters
                .handle_phone(letter.delivery, DeliveryOutcome::Undeliverable);
        }
    }

    fn handle_call(&mut self, call: ConsoleCall, now: Instant) {
        match call {
            ConsoleCall::SignIn {
                user,
                password,
                source,
                answer,
            } => {
                let user = self.user(&user);
                let signed_in = self.parts.login.sign_in(&user, &password.0, source, now);
                let signed_in = signed_in.map(|(rep, secret)| SignedIn {
                    proof: proof(&secret),
                    since_unix_ms: unix_ms(),
                    rep,
                });
                if signed_in.is_err() {
                    self.parts
                        .happenings
                        .sip(|| "console: somebody could not sign in".to_owned());
                }
                drop(answer.send(signed_in));
            }
            ConsoleCall::Check { session, answer } => {
                if answer.send(self.is_good(&session)).is_err() {
                    tracing::debug!("nobody waits any more to know whether a session is good");
                }
            }
            ConsoleCall::Open {
                session,
                console,
                hand,
                answer,
            } => {
                let opened = if self.is_good(&session) {
                    self.open(&session.rep, console, hand, now)
                } else {
                    Err(OpenRefused::SignedOut)
                };
                drop(answer.send(opened));
            }
            ConsoleCall::Set { rep, console, hand } => self.set(&rep, &console, hand, now),
            ConsoleCall::Use {
                rep,
                console,
                user_input,
            } => {
                if let Some(desk) = self.desks_by_rep.get_mut(&rep)
                    && let Some(page) = desk.pages_by_id.get_mut(&console)
                {
                    page.user_input = user_input;
                    self.presences
                        .publish(&rep, &console, desk.hand, user_input, now);
                }
            }
            ConsoleCall::Got { rep, delivery } => self.letters.handle_got(&rep, delivery),
            ConsoleCall::Leave {
                rep,
                console,
                leaving,
            } => self.leave(&rep, &console, leaving, now),
            ConsoleCall::SignOut { session } => {
                // What an old password or an older session has opened does not end what a newer one has.
                if !self.is_good(&session) {
                    return;
                }
                let rep = session.rep;
                self.signed_out_by_rep.insert(rep.clone(), unix_ms());
                if let Some(desk) = self.desks_by_rep.remove(&rep) {
                    self.parts.bindings.note_off_console(&rep);
                    for console in desk.pages_by_id.keys() {
                        self.presences.remove(&rep, console, now);
                    }
                    self.letters.handle_nobody(&rep);
                    self.parts
                        .happenings
                        .sip(|| format!("console: {rep} has signed out"));
                }
            }
        }
    }

    /// What was typed as a user: the user part where it is a whole address.
    fn user(&self, typed: &str) -> String {
        let typed = typed.trim().to_ascii_lowercase();
        let bare = typed.strip_prefix("sip:").unwrap_or(&typed);
        match bare.split_once('@') {
            Some((user, host))
                if self
                    .parts
                    .directory
                    .load()
                    .hosts
                    .iter()
                    .any(|our| our == host) =>
            {
                user.to_owned()
            }
            Some(_) | None => bare.to_owned(),
        }
    }

    fn is_good(&self, session: &SignedIn) -> bool {
        let directory = self.parts.directory.load();
        let secrets = directory.secrets_by_rep.get(&session.rep);
        let fits = secrets
            .is_some_and(|secrets| secrets.iter().any(|secret| proof(secret) == session.proof));
        let signed_out_at = self.signed_out_by_rep.get(&session.rep);
        fits && signed_out_at.is_none_or(|at| session.since_unix_ms > *at)
    }

    fn open(
        &mut self,
        rep: &RepId,
        console: ConsoleId,
        hand: Option<Hand>,
        now: Instant,
    ) -> Result<mpsc::Receiver<ConsoleEvent>, OpenRefused> {
        let (events, receiver) = mpsc::channel(EVENTS);
        let desk = self.desks_by_rep.entry(rep.clone()).or_insert_with(|| {
            self.parts
                .happenings
                .sip(|| format!("console: {rep} is there"));
            self.parts.bindings.note_at_console(rep);
            Desk {
                hand: hand.unwrap_or(Hand::Available),
                pages_by_id: HashMap::new(),
            }
        });
        if desk.pages_by_id.len() >= PAGES && !desk.pages_by_id.contains_key(&console) {
            tracing::warn!(%rep, "a rep has too many consoles open");
            return Err(OpenRefused::TooMany);
        }
        // What waits fits: both are bounded alike.
        let waiting = self.letters.unconfirmed(rep).cloned();
        for event in [ConsoleEvent::Hand(desk.hand)].into_iter().chain(waiting) {
            if events.try_send(event).is_err() {
                tracing::warn!(%rep, "more letters wait for a console than it takes at once");
                break;
            }
        }
        let page = Page {
            events: Some(events),
            user_input: UserInput::Active,
            gone_at: None,
        };
        desk.pages_by_id.insert(console.clone(), page);
        self.presences
            .publish(rep, &console, desk.hand, UserInput::Active, now);
        Ok(receiver)
    }

    fn set(&mut self, rep: &RepId, console: &ConsoleId, hand: Hand, now: Instant) {
        let Some(desk) = self.desks_by_rep.get_mut(rep) else {
            return;
        };
        desk.hand = hand;
        if let Some(page) = desk.pages_by_id.get_mut(console) {
            page.user_input = UserInput::Active;
        }
        for (console, page) in &desk.pages_by_id {
            self.presences
                .publish(rep, console, hand, page.user_input, now);
        }
        self.tell_pages(rep, &ConsoleEvent::Hand(hand));
    }

    fn leave(&mut self, rep: &RepId, console: &ConsoleId, leaving: Leaving, now: Instant) {
        let Some(desk) = self.desks_by_rep.get_mut(rep) else {
            return;
        };
        let Some(page) = desk.pages_by_id.get_mut(console) else {
            return;
        };
        // The page may be back by another connection already, before the old one is missed.
        if page
            .events
            .as_ref()
            .is_some_and(|events| !events.is_closed())
        {
            return;
        }
        page.events = None;
        page.gone_at = Some(
            now + match leaving {
                Leaving::Closed => CLOSED_GRACE,
                Leaving::Lost => LOST_GRACE,
            },
        );
    }

    fn tell_pages(&mut self, rep: &RepId, event: &ConsoleEvent) {
        let Some(desk) = self.desks_by_rep.get(rep) else {
            return;
        };
        for page in desk.pages_by_id.values() {
            if let Some(events) = &page.events
                && events.try_send(event.clone()).is_err()
            {
                // It is sent again once the page is back.
                tracing::debug!(%rep, "a console does not take a letter");
            }
        }
    }

    fn handle_time(&mut self, now: Instant) {
        let (presences, letters) = (&mut self.presences, &mut self.letters);
        let (happenings, bindings) = (&self.parts.happenings, &self.parts.bindings);
        self.desks_by_rep.retain(|rep, desk| {
            desk.pages_by_id.retain(|console, page| {
                let stays = page.gone_at.is_none_or(|gone_at| now < gone_at);
                if !stays {
                    presences.remove(rep, console, now);
                }
                stays
            });
            let stays = !desk.pages_by_id.is_empty();
            if !stays {
                letters.handle_nobody(rep);
                bindings.note_off_console(rep);
                happenings.sip(|| format!("console: {rep} has gone"));
            }
            stays
        });
        self.letters.handle_time(now);
    }
}

/// A digest of what proves a rep, worth nothing to whoever finds it in a cookie.
fn proof(secret: &Ha1) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(format!("console {}", secret.to_hex())).into();
    let mut half = [0; 16];
    for (to, from) in half.iter_mut().zip(digest) {
        *to = from;
    }
    half
}

#[cfg(test)]
mod tests;
