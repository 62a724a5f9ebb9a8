//! Commits the helpdesk's records, then carries out what they allow: answers, lines to pages, messages
//! to reps. Nothing leaves before its record is on disk. Must not know how the helpdesk decides.

use std::sync::Arc;

use bytes::Bytes;
use gateway::SeatWatch;
use helpdesk::{
    AskRefused, Case, CaseRefused, DeliveryId, Line, Record, RepId, RepText, SayRefused, SeatView,
    Seq, ShopperEvent, TicketId, TicketView,
};
use sip_transport::PendingAnswer;
use storage::{CommitError, Journal};
use tokio::sync::{mpsc, oneshot, watch};

use super::followers::Followers;

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

/// Commits and carries out.
pub(crate) struct Carrier {
    journal: Journal,
    batches: mpsc::Receiver<Batch>,
    mail: mpsc::Sender<RepMail>,
    followers: Followers,
}

impl Carrier {
    /// A carrier that journals to `journal` and hands reps' messages to `mail`.
    pub(crate) fn new(
        journal: Journal,
        batches: mpsc::Receiver<Batch>,
        mail: mpsc::Sender<RepMail>,
    ) -> Self {
        Self {
            journal,
            batches,
            mail,
            followers: Followers::default(),
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
                self.journal.commit(records).await?;
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
                    self.followers.follow(ticket, backlog, view.clone(), events);
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
                    self.followers.follow(ticket, backlog, view, events);
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
                if self.mail.send(letter).await.is_err() {
                    tracing::debug!("a message to a rep came after the phones were closed");
                }
            }
        }
    }
}
