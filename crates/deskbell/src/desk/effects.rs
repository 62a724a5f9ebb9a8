//! Commits the helpdesk's records, then carries out what they allow: answers, lines to pages, messages
//! to reps. Nothing leaves before its record is on disk. Must not know how the helpdesk decides.

use std::sync::Arc;

use bytes::Bytes;
use gateway::SeatWatch;
use helpdesk::{
    AskRefused, CallId, CallOrder, CallbackRefused, Case, CaseRefused, DeliveryId, Line, Record,
    RepId, RepText, SayRefused, SeatView, Seq, ShopperEvent, TicketId, TicketView,
};
use sip_transport::PendingAnswer;
use storage::{CommitError, Journal, OutboxChange, Work};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::followers::Followers;
use crate::webhooks::Announcer;

/// Batches that wait for the journal are committed together, at most this many at once.
const GROUP: usize = 64;

/// What one turn of the owner wants done: records first, then effects in order.
#[derive(Default)]
pub(crate) struct Batch {
    pub(super) records: Vec<Record>,
    effects: Vec<Effect>,
}

impl Batch {
    pub(super) fn push(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty() && self.effects.is_empty()
    }
}

/// One thing that leaves the helpdesk.
pub(super) enum Effect {
    Asked {
        answer: oneshot::Sender<Result<TicketView, AskRefused>>,
        asked: Result<TicketView, AskRefused>,
    },
    Said {
        answer: oneshot::Sender<Result<Seq, SayRefused>>,
        said: Result<Seq, SayRefused>,
    },
    Calling {
        answer: oneshot::Sender<Result<TicketView, CallbackRefused>>,
        calling: Result<TicketView, CallbackRefused>,
    },
    PlaceCall(Box<CallOrder>),
    EndCall(CallId),
    ToMessenger(Letter),
    View {
        answer: oneshot::Sender<Option<TicketView>>,
        view: Option<TicketView>,
    },
    Standing {
        answer: oneshot::Sender<Vec<TicketView>>,
        standing: Vec<TicketView>,
    },
    Kept {
        answer: oneshot::Sender<Result<Case, CaseRefused>>,
        kept: Result<Case, CaseRefused>,
    },
    Forgotten {
        answer: oneshot::Sender<()>,
    },
    Follow {
        ticket: TicketId,
        view: Option<TicketView>,
        backlog: Vec<Line>,
        events: mpsc::Sender<ShopperEvent>,
        answer: oneshot::Sender<Option<TicketView>>,
    },
    Watched {
        answer: oneshot::Sender<Option<SeatWatch>>,
        watch: Option<SeatWatch>,
    },
    FollowAsRep {
        ticket: TicketId,
        view: Option<TicketView>,
        backlog: Vec<Line>,
        events: mpsc::Sender<ShopperEvent>,
        answer: oneshot::Sender<bool>,
    },
    Heard {
        answer: oneshot::Sender<bool>,
        heard: bool,
    },
    Seat {
        views: watch::Sender<Arc<SeatView>>,
        view: Arc<SeatView>,
    },
    AnswerPhone {
        pending: PendingAnswer,
        response: Bytes,
    },
    ToShopper {
        ticket: TicketId,
        event: ShopperEvent,
    },
    ToRep(RepMail),
}

/// A text for a rep's phone; what became of it is reported.
#[derive(Debug, Clone)]
pub(crate) struct RepMail {
    /// Names it for the report.
    pub(crate) delivery: DeliveryId,
    /// To whom.
    pub(crate) rep: RepId,
    /// The conversation it speaks for.
    pub(crate) ticket: TicketId,
    /// What the text is.
    pub(crate) kind: RepText,
    /// The text.
    pub(crate) text: Arc<str>,
}

/// A line for a shopper's own messenger; what became of it is reported.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    /// Names it for the report.
    pub(crate) delivery: DeliveryId,
    /// The conversation it speaks for.
    pub(crate) ticket: TicketId,
    /// The messenger's SIP address.
    pub(crate) address: Arc<str>,
    /// Who speaks, where it is a person.
    pub(crate) name: Option<Arc<str>>,
    /// The text.
    pub(crate) text: Arc<str>,
}

/// What whoever makes the calls is told.
#[derive(Debug)]
pub(crate) enum CallCommand {
    /// Make this call.
    Place(Box<CallOrder>),
    /// End it, however far it is.
    End(CallId),
}

/// Where what leaves the carrier goes.
pub(crate) struct Ways {
    /// To reps' phones.
    pub(crate) mail: mpsc::Sender<RepMail>,
    /// To shoppers' own messengers.
    pub(crate) letters: mpsc::Sender<Letter>,
    /// To whoever makes the calls.
    pub(crate) calls: mpsc::Sender<CallCommand>,
    /// Back to the owner: a page of this ticket is gone.
    pub(crate) gone: mpsc::Sender<TicketId>,
}

/// Commits and carries out.
pub(crate) struct Carrier {
    journal: Journal,
    announcer: Announcer,
    batches: mpsc::Receiver<Batch>,
    ways: Ways,
    followers: Followers,
    /// One task for each open page, which tells of its end.
    pages: JoinSet<()>,
}

impl Carrier {
    /// A carrier that journals to `journal` what comes with its events, and hands what is not for pages to `ways`.
    pub(crate) fn new(
        journal: Journal,
        announcer: Announcer,
        batches: mpsc::Receiver<Batch>,
        ways: Ways,
    ) -> Self {
        Self {
            journal,
            announcer,
            batches,
            ways,
            followers: Followers::default(),
            pages: JoinSet::new(),
        }
    }

    /// Runs until the owner is gone. An error means that something could not be recorded: whoever waited
    /// for it gets no answer, and the process must stop and recover from what is on disk.
    pub(crate) async fn run(mut self) -> Result<(), CommitError> {
        let mut group = Vec::with_capacity(GROUP);
        while self.batches.recv_many(&mut group, GROUP).await > 0 {
            let records: Vec<Record> = group
                .iter_mut()
                .flat_map(|batch| std::mem::take(&mut batch.records))
                .collect();
            if !records.is_empty() {
                let told = self.announcer.announce(&records);
                let outbox = told.iter().cloned().map(OutboxChange::Put).collect();
                self.journal
                    .write(Work {
                        records,
                        outbox,
                        ..Work::default()
                    })
                    .await?;
                self.announcer.committed(told);
            }
            for effect in group.drain(..).flat_map(|batch| batch.effects) {
                self.carry_out(effect).await;
            }
        }
        Ok(())
    }

    /// An asker that has gone away is no error: what it asked for is done and on record.
    async fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Asked { answer, asked } => drop(answer.send(asked)),
            Effect::Said { answer, said } => drop(answer.send(said)),
            Effect::Calling { answer, calling } => drop(answer.send(calling)),
            Effect::PlaceCall(order) => self.tell_operator(CallCommand::Place(order)).await,
            Effect::EndCall(call) => self.tell_operator(CallCommand::End(call)).await,
            Effect::ToMessenger(letter) => {
                if self.ways.letters.send(letter).await.is_err() {
                    tracing::debug!("a message to a messenger came after the phones were closed");
                }
            }
            Effect::View { answer, view } => drop(answer.send(view)),
            Effect::Standing { answer, standing } => drop(answer.send(standing)),
            Effect::Kept { answer, kept } => drop(answer.send(kept)),
            Effect::Forgotten { answer } => drop(answer.send(())),
            Effect::Follow {
                ticket,
                view,
                backlog,
                events,
                answer,
            } => {
                if let Some(view) = &view {
                    let page = self.watch(&ticket, &events);
                    self.followers
                        .follow(ticket, backlog, view.clone(), (events, page));
                }
                drop(answer.send(view));
            }
            Effect::Watched { answer, watch } => drop(answer.send(watch)),
            Effect::FollowAsRep {
                ticket,
                view,
                backlog,
                events,
                answer,
            } => {
                // First, so that the page waits for events of a conversation that it knows it follows.
                if answer.send(view.is_some()).is_err() {
                    return;
                }
                if let Some(view) = view {
                    // Nobody is told when a console goes: it is no page of the shopper.
                    let page = (events, CancellationToken::new().drop_guard());
                    self.followers.follow(ticket, backlog, view, page);
                }
            }
            Effect::Heard { answer, heard } => {
                if answer.send(heard).is_err() {
                    tracing::debug!("a console is gone before it heard what became of its word");
                }
            }
            Effect::Seat { views, view } => drop(views.send_replace(view)),
            Effect::AnswerPhone { pending, response } => pending.answer(response),
            Effect::ToShopper { ticket, event } => self.followers.tell(&ticket, &event),
            Effect::ToRep(letter) => {
                if self.ways.mail.send(letter).await.is_err() {
                    tracing::debug!("a message to a rep came after the phones were closed");
                }
            }
        }
    }

    async fn tell_operator(&self, command: CallCommand) {
        if self.ways.calls.send(command).await.is_err() {
            tracing::debug!("a call came after the phones were closed");
        }
    }

    /// Has the owner told when a page is gone: by itself, or because it was let go.
    fn watch(&mut self, ticket: &TicketId, page: &mpsc::Sender<ShopperEvent>) -> DropGuard {
        let held = CancellationToken::new();
        let (let_go, page) = (held.clone(), page.clone());
        let (gone, ticket) = (self.ways.gone.clone(), ticket.clone());
        while self.pages.try_join_next().is_some() {}
        self.pages.spawn(async move {
            tokio::select! {
                () = page.closed() => {}
                () = let_go.cancelled() => {}
            }
            drop(page);
            if gone.send(ticket).await.is_err() {
                tracing::debug!("a page went after the desk");
            }
        });
        held.drop_guard()
    }
}
