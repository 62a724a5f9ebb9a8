//! The one task that owns all helpdesk state. It does no I/O and no parsing: inputs come in over bounded
//! channels, everything that leaves goes to the carrier in order. Must not know SIP syntax or HTTP.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use gateway::desk::{Command, TicketKey};
use helpdesk::{
    Addressee, Answer, CallId, CallNews, CallbackFact, CallbackRefused, DeliveryId,
    DeliveryOutcome, Helpdesk, Input, LineId, Output, PageNews, Record, RepId, ReplyId, SayRefused,
    Snapshot, TicketId, TicketView,
};
use presence::{Availability, PresentityId, Store};
use sip_transport::PendingAnswer;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::{Duration, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::happenings::unix_ms;

use super::changes::PresenceChanges;
use super::effects::{Batch, Effect, Letter, RepMail};
use super::knowledge::{Knowledge, Now};
use super::replies::Waiting;
use super::reports;
use super::seats::Seats;

/// How often expired publications are looked for. A publication may outlive its lifetime by this much.
const EXPIRY_TICK: Duration = Duration::from_millis(250);

/// Records that may wait in the owner while the journal takes none.
const RECORDS_HELD: usize = 4096;

/// Wakes the owner after a presentity's composed state has changed. Marks may be merged.
#[derive(Debug, Clone, Default)]
pub(crate) struct PresenceSignal(Arc<Notify>);

impl PresenceSignal {
    /// Says that the store has something new to poll.
    pub(crate) fn mark(&self) {
        self.0.notify_one();
    }
}

/// What a rep's phone said, and the SIP answer that is owed once it is on record.
#[derive(Debug)]
pub(crate) struct RepSays {
    /// Proven sender.
    pub(crate) rep: RepId,
    /// The conversation meant.
    pub(crate) to: Addressee,
    /// A line or a command.
    pub(crate) text: Arc<str>,
    /// The transaction that waits.
    pub(crate) pending: PendingAnswer,
    /// What to answer when all is recorded.
    pub(crate) heard: Bytes,
    /// What to answer when there is no such conversation.
    pub(crate) unheard: Bytes,
}

/// What a shopper's own messenger said, and the SIP answer that is owed once it is on record.
#[derive(Debug)]
pub(crate) struct ShopperSays {
    /// The messenger's address, as its From says.
    pub(crate) from: Arc<str>,
    /// The conversation meant.
    pub(crate) ticket: TicketId,
    /// The same for a repetition.
    pub(crate) id: LineId,
    /// A line.
    pub(crate) text: Arc<str>,
    /// The transaction that waits.
    pub(crate) pending: PendingAnswer,
    /// What to answer when it is recorded.
    pub(crate) heard: Bytes,
    /// What to answer when it is of no conversation with this messenger.
    pub(crate) unheard: Bytes,
}

/// The receiving ends of everything that can happen to the helpdesk.
pub(crate) struct OwnerInputs {
    /// From the gateway.
    pub(crate) commands: mpsc::Receiver<Command>,
    /// From reps' phones.
    pub(crate) rep_says: mpsc::Receiver<RepSays>,
    /// From shoppers' own messengers.
    pub(crate) shopper_says: mpsc::Receiver<ShopperSays>,
    /// What becomes of calls.
    pub(crate) calls: mpsc::Receiver<CallReport>,
    /// Pages that are gone.
    pub(crate) gone: mpsc::Receiver<TicketId>,
    /// Outcomes of messages to reps and messengers.
    pub(crate) deliveries: mpsc::Receiver<(DeliveryId, DeliveryOutcome)>,
    /// New presence.
    pub(crate) presence: PresenceSignal,
    /// New configurations.
    pub(crate) reconfigure: mpsc::Receiver<helpdesk::Config>,
}

/// What becomes of a call.
#[derive(Debug)]
pub(crate) struct CallReport {
    /// The ticket it is for.
    pub(crate) ticket: TicketId,
    /// Which call.
    pub(crate) call: CallId,
    /// What has happened.
    pub(crate) news: CallNews,
}

/// Owns the helpdesk.
pub(crate) struct Owner {
    pub(super) helpdesk: Helpdesk,
    store: Arc<Store>,
    inputs: OwnerInputs,
    carrier: mpsc::Sender<Batch>,
    snapshots: watch::Sender<Arc<Snapshot>>,
    changes: PresenceChanges,
    waiting_by_reply: HashMap<ReplyId, Waiting>,
    next_reply: u64,
    pub(super) batch: Batch,
    knowledge: Knowledge,
    /// Open pages of each ticket that has any.
    pages: HashMap<TicketId, usize>,
    pub(super) seats: Seats,
}

impl Owner {
    /// An owner that sends what leaves to `carrier`, each newer group state to `snapshots` and each changed
    /// presentity to `changes`.
    pub(crate) fn new(
        helpdesk: Helpdesk,
        store: Arc<Store>,
        inputs: OwnerInputs,
        carrier: mpsc::Sender<Batch>,
        snapshots: watch::Sender<Arc<Snapshot>>,
        changes: PresenceChanges,
    ) -> Self {
        Self {
            helpdesk,
            store,
            inputs,
            carrier,
            snapshots,
            changes,
            waiting_by_reply: HashMap::new(),
            next_reply: 0,
            batch: Batch::default(),
            knowledge: Knowledge::default(),
            pages: HashMap::new(),
            seats: Seats::default(),
        }
    }

    /// Runs until `shutdown`; what was taken in by then is still sent to the carrier.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let mut expiry = interval(EXPIRY_TICK);
        expiry.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let carrier = self.carrier.clone();
        loop {
            self.drain_outputs();
            self.tell_knowledge();
            self.seats.tell(&mut self.helpdesk, &mut self.batch);
            if !self.batch.is_empty() {
                // While the journal is behind, nothing new is taken in but outcomes of what has left already, for
                // which the carrier may be waiting. Presence and time go on as long as their records find room.
                let wake_at = self.helpdesk.next_timeout();
                let has_room = self.batch.records.len() < RECORDS_HELD;
                tokio::select! {
                    permit = carrier.reserve() => match permit {
                        Ok(permit) => permit.send(std::mem::take(&mut self.batch)),
                        Err(_) => return,
                    },
                    Some(delivery) = self.inputs.deliveries.recv() => self.handle_delivery(delivery),
                    // The carrier may be waiting for whoever reports this.
                    Some(report) = self.inputs.calls.recv(), if has_room => self.handle_call(report),
                    () = self.inputs.presence.0.notified(), if has_room => self.read_presence(),
                    _ = expiry.tick(), if has_room => self.expire_presence(),
                    () = sleep_until_some(wake_at), if has_room => self.helpdesk.handle_timeout(Instant::now()),
                }
                continue;
            }
            let wake_at = self.helpdesk.next_timeout();
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.inputs.presence.0.notified() => self.read_presence(),
                _ = expiry.tick() => self.expire_presence(),
                () = sleep_until_some(wake_at) => self.helpdesk.handle_timeout(Instant::now()),
                Some(delivery) = self.inputs.deliveries.recv() => self.handle_delivery(delivery),
                Some(report) = self.inputs.calls.recv() => self.handle_call(report),
                Some(ticket) = self.inputs.gone.recv() => self.handle_gone(ticket),
                Some(says) = self.inputs.rep_says.recv() => self.handle_rep(says),
                Some(says) = self.inputs.shopper_says.recv() => self.handle_messenger(says),
                Some(command) = self.inputs.commands.recv() => self.handle_command(command),
                Some(config) = self.inputs.reconfigure.recv() => self.reconfigure(config),
            }
        }
    }

    fn tell_knowledge(&mut self) {
        let now = Now {
            at: Instant::now(),
            unix_ms: unix_ms(),
        };
        if self.knowledge.tell(&self.helpdesk, &self.store, now) {
            self.inputs.presence.mark();
        }
    }

    fn expire_presence(&mut self) {
        // Time also changes what nobody takes back: a phone's connection that went, a rest that is over.
        self.store.expire(Instant::now());
        self.read_presence();
    }

    fn handle_delivery(&mut self, (delivery, outcome): (DeliveryId, DeliveryOutcome)) {
        self.feed(Input::Delivery { delivery, outcome });
    }

    fn reconfigure(&mut self, config: helpdesk::Config) {
        if let Err(error) = self.helpdesk.reconfigure(config, Instant::now()) {
            tracing::error!(%error, "the helpdesk keeps its old configuration");
        }
    }

    /// A dirty mark is only a hint: the newest state is read from the store.
    fn read_presence(&mut self) {
        while let Some(presentity) = self.store.poll_changed() {
            self.changes.mark(&presentity);
            let availability = self.availability(&presentity);
            self.feed(Input::Presence {
                rep: RepId::new(presentity.as_str()),
                availability,
            });
        }
    }

    fn availability(&self, presentity: &PresentityId) -> Availability {
        self.store
            .presentity(presentity)
            .map_or(Availability::Offline, |presentity| {
                // Without the desk's own knowledge: the helpdesk has that already, and must not be told by itself.
                presentity.published().availability
            })
    }

    fn handle_command(&mut self, command: Command) {
        match command {
            Command::Ask { ask, answer } => {
                let reply = self.wait_for(Waiting::Ask(answer));
                self.feed(Input::Ask { ask, reply });
            }
            Command::View { key, answer } => {
                let view = self.view(&key);
                self.batch.push(Effect::View { answer, view });
            }
            Command::Follow {
                key,
                after,
                events,
                answer,
            } => {
                let view = self.view(&key);
                let backlog = match &view {
                    Some(_) => self
                        .helpdesk
                        .lines_after(&key.ticket, after)
                        .cloned()
                        .collect(),
                    None => Vec::new(),
                };
                if view.is_some() {
                    self.handle_page(&key.ticket);
                }
                self.batch.push(Effect::Follow {
                    ticket: key.ticket,
                    view,
                    backlog,
                    events,
                    answer,
                });
            }
            Command::Say {
                key,
                id,
                text,
                answer,
            } => {
                if self.grants(&key) {
                    let reply = self.wait_for(Waiting::Say(answer));
                    self.feed(Input::ShopperLine {
                        ticket: key.ticket,
                        id,
                        text,
                        reply,
                    });
                } else {
                    self.batch.push(Effect::Said {
                        answer,
                        said: Err(SayRefused::UnknownTicket),
                    });
                }
            }
            Command::Typing { key } => {
                if self.grants(&key) {
                    self.feed(Input::ShopperTyping { ticket: key.ticket });
                }
            }
            Command::Seen { key, seq } => {
                if self.grants(&key) {
                    self.feed(Input::ShopperSeen {
                        ticket: key.ticket,
                        seq,
                    });
                }
            }
            Command::End { key, answer } => {
                if self.grants(&key) {
                    self.feed(Input::ShopperEnd {
                        ticket: key.ticket.clone(),
                    });
                }
                self.answer_view(&key, answer);
            }
            Command::WantCall {
                key,
                number,
                answer,
            } => {
                if self.grants(&key) {
                    let reply = self.wait_for(Waiting::Call(answer));
                    self.feed(Input::WantCall {
                        ticket: key.ticket,
                        number,
                        reply,
                    });
                } else {
                    self.batch.push(Effect::Calling {
                        answer,
                        calling: Err(CallbackRefused::UnknownTicket),
                    });
                }
            }
            Command::UnwantCall { key, answer } => {
                if self.grants(&key) {
                    self.feed(Input::UnwantCall {
                        ticket: key.ticket.clone(),
                    });
                }
                self.answer_view(&key, answer);
            }
            Command::Rep(command) => self.handle_console(command),
            Command::Standing { tickets, answer } => {
                let standing = tickets
                    .iter()
                    .filter_map(|ticket| self.helpdesk.ticket(ticket))
                    .collect();
                // Behind the records of what it tells of, as every view.
                self.batch.push(Effect::Standing { answer, standing });
            }
            Command::OpenCase { case, answer } => {
                let reply = self.wait_for(Waiting::Case(answer));
                self.feed(Input::OpenCase { case, reply });
            }
            Command::CloseCase { case, by, answer } => {
                let reply = self.wait_for(Waiting::Case(answer));
                self.feed(Input::CloseCase { case, by, reply });
            }
            Command::Forget {
                tickets,
                cases,
                answer,
            } => {
                for ticket in tickets {
                    self.feed(Input::ShopperEnd {
                        ticket: ticket.clone(),
                    });
                    self.feed(Input::Forget { ticket });
                }
                for case in cases {
                    self.feed(Input::ForgetCase { case });
                }
                self.drain_outputs();
                self.batch.push(Effect::Forgotten { answer });
            }
            Command::Report(report) => reports::answer(&self.helpdesk, report),
            Command::Rate {
                key,
                stars,
                comment,
                answer,
            } => {
                if self.grants(&key) {
                    self.feed(Input::Rate {
                        ticket: key.ticket.clone(),
                        stars,
                        comment,
                    });
                }
                self.answer_view(&key, answer);
            }
        }
    }

    fn handle_rep(&mut self, says: RepSays) {
        let reply = self.wait_for(Waiting::Phone {
            pending: says.pending,
            heard: says.heard,
            unheard: says.unheard,
        });
        self.feed(Input::RepMessage {
            rep: says.rep,
            to: says.to,
            text: says.text,
            reply,
        });
    }

    fn handle_messenger(&mut self, says: ShopperSays) {
        let reply = self.wait_for(Waiting::Phone {
            pending: says.pending,
            heard: says.heard,
            unheard: says.unheard,
        });
        self.feed(Input::MessengerLine {
            ticket: says.ticket,
            from: says.from,
            id: says.id,
            text: says.text,
            reply,
        });
    }

    fn handle_call(&mut self, report: CallReport) {
        let CallReport { ticket, call, news } = report;
        self.feed(Input::Call { ticket, call, news });
    }

    /// One more page is open.
    fn handle_page(&mut self, ticket: &TicketId) {
        let open = self.pages.entry(ticket.clone()).or_default();
        *open += 1;
        if *open == 1 {
            self.feed(Input::Page {
                ticket: ticket.clone(),
                news: PageNews::Here,
            });
        }
    }

    fn handle_gone(&mut self, ticket: TicketId) {
        let Entry::Occupied(mut open) = self.pages.entry(ticket) else {
            return;
        };
        *open.get_mut() -= 1;
        if *open.get() > 0 {
            return;
        }
        let (ticket, _) = open.remove_entry();
        let news = PageNews::Gone;
        self.feed(Input::Page { ticket, news });
    }

    pub(super) fn feed(&mut self, input: Input) {
        self.drain_outputs();
        self.helpdesk.handle(input, Instant::now());
    }

    /// The answer stands behind the records of what it tells of.
    fn answer_view(&mut self, key: &TicketKey, answer: oneshot::Sender<Option<TicketView>>) {
        self.drain_outputs();
        let view = self.view(key);
        self.batch.push(Effect::View { answer, view });
    }

    fn view(&self, key: &TicketKey) -> Option<TicketView> {
        if self.grants(key) {
            self.helpdesk.ticket(&key.ticket)
        } else {
            None
        }
    }

    /// Both sides are digests of random tokens, so comparing them tells a guesser nothing.
    fn grants(&self, key: &TicketKey) -> bool {
        self.helpdesk.access(&key.ticket) == Some(key.access)
    }

    pub(super) fn wait_for(&mut self, waiting: Waiting) -> ReplyId {
        self.next_reply += 1;
        let reply = ReplyId(self.next_reply);
        self.waiting_by_reply.insert(reply, waiting);
        reply
    }

    pub(super) fn drain_outputs(&mut self) {
        while let Some(output) = self.helpdesk.poll_output() {
            match output {
                Output::Record(record) => {
                    alarm(&record);
                    self.batch.records.push(record);
                }
                Output::ToRep {
                    delivery,
                    rep,
                    ticket,
                    kind,
                    text,
                } => self.batch.push(Effect::ToRep(RepMail {
                    delivery,
                    rep,
                    ticket,
                    kind,
                    text,
                })),
                Output::PlaceCall(order) => self.batch.push(Effect::PlaceCall(order)),
                Output::EndCall { call } => self.batch.push(Effect::EndCall(call)),
                Output::ToMessenger {
                    delivery,
                    ticket,
                    address,
                    name,
                    text,
                } => self.batch.push(Effect::ToMessenger(Letter {
                    delivery,
                    ticket,
                    address,
                    name,
                    text,
                })),
                // No softphone known takes is-composing (RFC 3994): they answer it 415. Consoles do.
                Output::TypingToRep { rep, ticket } => self.seats.tell_typing(&rep, ticket),
                Output::ToShopper { ticket, event } => {
                    self.batch.push(Effect::ToShopper { ticket, event });
                }
                Output::Reply { reply, answer } => self.reply(reply, answer),
                Output::Snapshot(snapshot) => {
                    self.snapshots.send_replace(snapshot);
                }
            }
        }
    }

    fn reply(&mut self, reply: ReplyId, answer: Answer) {
        let Some(waiting) = self.waiting_by_reply.remove(&reply) else {
            tracing::error!(?reply, "the helpdesk answered a question nobody asked");
            return;
        };
        match waiting.answered(answer) {
            Ok(effect) => self.batch.push(effect),
            Err(answer) => {
                tracing::error!(?answer, "the helpdesk gave an answer of the wrong kind");
            }
        }
    }
}

/// Security row M2: whoever runs the server has to know at once, and the log is where that is looked for.
fn alarm(record: &Record) {
    if let Record::Callback {
        ticket,
        fact: CallbackFact::Tripped { why },
        ..
    } = record
    {
        tracing::error!(%ticket, %why, "no further callback is made for now");
    }
}

async fn sleep_until_some(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
