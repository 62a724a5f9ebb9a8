//! The gateway's line to the one task that owns the helpdesk: commands go out, snapshots come in.
//! Must not know how that task works.

use std::sync::Arc;
use std::time::Duration;

use helpdesk::{
    AccessDigest, Ask, AskRefused, CallbackRefused, Case, CaseId, CaseRefused, LineId, NewCase,
    RepId, SayRefused, Seq, ShopperEvent, Snapshot, TicketId, TicketView,
};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::console::RepCommand;
use crate::errand::{Errand, ErrandFailed};
use crate::report::Report;

/// What the gateway asks of the helpdesk's owner. Each command of a shopper but an ask names a ticket and the
/// digest of the token its sender holds; a digest that does not fit is answered like an unknown ticket.
#[derive(Debug)]
pub enum Command {
    /// One click for help; answered after its record is committed.
    Ask {
        /// What is asked.
        ask: Box<Ask>,
        /// The ticket, or why there is none.
        answer: oneshot::Sender<Result<TicketView, AskRefused>>,
    },
    /// Look at a ticket.
    View {
        /// Which and by whom.
        key: TicketKey,
        /// `None`: no such ticket for this holder.
        answer: oneshot::Sender<Option<TicketView>>,
    },
    /// Follow a conversation: first every line after `after`, then the present state, then all that happens.
    Follow {
        /// Which and by whom.
        key: TicketKey,
        /// The last line the follower has.
        after: Seq,
        /// Where events go. A follower that does not keep up is dropped and comes back with its last line.
        events: mpsc::Sender<ShopperEvent>,
        /// `None`: no such ticket for this holder; then nothing is sent.
        answer: oneshot::Sender<Option<TicketView>>,
    },
    /// Say a line; answered after its record is committed.
    Say {
        /// Which and by whom.
        key: TicketKey,
        /// The browser's identity for the line.
        id: LineId,
        /// The text.
        text: Arc<str>,
        /// The line's place; the same one again for a repeated `id`.
        answer: oneshot::Sender<Result<Seq, SayRefused>>,
    },
    /// The shopper is typing.
    Typing {
        /// Which and by whom.
        key: TicketKey,
    },
    /// The shopper's page has shown all lines up to `seq`.
    Seen {
        /// Which and by whom.
        key: TicketKey,
        /// The last line shown.
        seq: Seq,
    },
    /// End the conversation or leave the queue; answered with the ticket as it then stands.
    End {
        /// Which and by whom.
        key: TicketKey,
        /// `None`: no such ticket for this holder.
        answer: oneshot::Sender<Option<TicketView>>,
    },
    /// The shopper wants to be called; answered after that is on record.
    WantCall {
        /// Which and by whom.
        key: TicketKey,
        /// Where, as the shopper wrote it.
        number: Option<String>,
        /// The ticket, or why nobody is called.
        answer: oneshot::Sender<Result<TicketView, CallbackRefused>>,
    },
    /// The shopper does not want to be called any more.
    UnwantCall {
        /// Which and by whom.
        key: TicketKey,
        /// `None`: no such ticket for this holder.
        answer: oneshot::Sender<Option<TicketView>>,
    },
    /// What a rep does at a console.
    Rep(RepCommand),
    /// How these tickets stand, of which the sender was known to be the shopper when they were made.
    Standing {
        /// Which; those the desk has forgotten are left out of the answer.
        tickets: Vec<TicketId>,
        /// In the order asked.
        answer: oneshot::Sender<Vec<TicketView>>,
    },
    /// A shopper leaves a message that somebody will answer later; answered after its record is committed.
    OpenCase {
        /// What.
        case: Box<NewCase>,
        /// The case, or why there is none.
        answer: oneshot::Sender<Result<Case, CaseRefused>>,
    },
    /// Nothing is left to do about a case; answered after that is on record.
    CloseCase {
        /// Which.
        case: CaseId,
        /// The rep who has seen to it; `None` is a supervisor.
        by: Option<RepId>,
        /// The case as it stands, or why not.
        answer: oneshot::Sender<Result<Case, CaseRefused>>,
    },
    /// End these tickets and close these cases, and forget them, at the wish of the shopper who made them.
    Forget {
        /// Which.
        tickets: Vec<TicketId>,
        /// Which.
        cases: Vec<CaseId>,
        /// Told when their ends are recorded.
        answer: oneshot::Sender<()>,
    },
    /// A supervisor's look at the desk.
    Report(Report),
    /// Rate an ended conversation.
    Rate {
        /// Which and by whom.
        key: TicketKey,
        /// 1 to 5.
        stars: u8,
        /// In the shopper's words.
        comment: Option<String>,
        /// `None`: no such ticket for this holder.
        answer: oneshot::Sender<Option<TicketView>>,
    },
}

/// A ticket and the proof that the sender may open it.
#[derive(Debug, Clone)]
pub struct TicketKey {
    /// The ticket.
    pub ticket: TicketId,
    /// Digest of the presented bearer token.
    pub access: AccessDigest,
}

/// Whether what is said can be recorded at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recording {
    /// It can.
    Sound,
    /// It can, and little room is left on the disk: what has begun goes on, and nothing new begins.
    Scarce,
    /// The disk is full.
    Full,
    /// The database does not answer.
    Away,
}

impl Recording {
    /// Whether what is said is recorded.
    pub(crate) fn goes_on(self) -> bool {
        matches!(self, Self::Sound | Self::Scarce)
    }
}

/// Handle to the owner of the helpdesk. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Desk {
    commands: mpsc::Sender<Command>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    recording: watch::Receiver<Recording>,
    errands: Option<mpsc::Sender<Errand>>,
}

/// Why the owner does not do what it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DeskRefused {
    /// It has stopped.
    #[error("the server is shutting down")]
    Closed,
    /// Nothing can be recorded, so that nothing can be promised. What was asked may still be done, once it can.
    #[error("nothing can be recorded")]
    NotRecording,
}

/// How long a journal may stand still before whoever waits for it is told.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long the journal may take for an errand.
const ERRAND_TIME: Duration = Duration::from_secs(10);

/// How long it may take to look through all of it.
const SEARCH_TIME: Duration = Duration::from_secs(60);

impl Desk {
    /// Joins the ends the owner hands out.
    pub fn new(commands: mpsc::Sender<Command>, snapshots: watch::Receiver<Arc<Snapshot>>) -> Self {
        Self {
            commands,
            snapshots,
            recording: watch::Sender::new(Recording::Sound).subscribe(),
            errands: None,
        }
    }

    /// The same desk, which knows whether anything can be recorded.
    pub fn with_recording(self, recording: watch::Receiver<Recording>) -> Self {
        Self { recording, ..self }
    }

    /// The same desk, which also reaches the conversations of the past.
    pub fn with_errands(self, errands: mpsc::Sender<Errand>) -> Self {
        Self {
            errands: Some(errands),
            ..self
        }
    }

    /// Has an errand done; without a journal to go to, or when that fails, nothing is.
    pub(crate) async fn errand<T>(
        &self,
        make: impl FnOnce(oneshot::Sender<Result<T, ErrandFailed>>) -> Errand,
    ) -> Result<T, ErrandFailed> {
        let errands = self.errands.as_ref().ok_or(ErrandFailed)?;
        let (answer, answered) = oneshot::channel();
        let errand = make(answer);
        let time = match errand {
            Errand::Customer { .. } | Errand::Forget { .. } => SEARCH_TIME,
            Errand::Show { .. } | Errand::Erase { .. } | Errand::List { .. } => ERRAND_TIME,
        };
        let sent = timeout(PATIENCE, errands.send(errand)).await;
        match sent {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return Err(ErrandFailed),
        }
        match timeout(time, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(ErrandFailed),
        }
    }

    /// The newest snapshot.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshots.borrow().clone()
    }

    /// A receiver that sees each newer snapshot; skipped ones are no loss. Watchers that come back say
    /// which version they have, so that no version may come twice, not even after a restart.
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }

    /// Whether the owner still takes commands.
    pub fn is_open(&self) -> bool {
        !self.commands.is_closed()
    }

    /// Whether what is said can be recorded at this moment.
    pub fn recording(&self) -> Recording {
        *self.recording.borrow()
    }

    /// Sends one command, waiting while the owner is busy.
    pub async fn send(&self, command: Command) -> Result<(), DeskRefused> {
        tokio::select! {
            biased;
            sent = self.commands.send(command) => sent.map_err(|_| DeskRefused::Closed),
            () = self.stood_still() => Err(DeskRefused::NotRecording),
        }
    }

    /// Sends the command that `make` builds round an answer channel, and awaits the answer. Where nothing can be
    /// recorded, the wait ends after two seconds.
    pub async fn call<T>(
        &self,
        make: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, DeskRefused> {
        let (answer, answered) = oneshot::channel();
        self.send(make(answer)).await?;
        tokio::select! {
            biased;
            answer = answered => answer.map_err(|_| DeskRefused::Closed),
            () = self.stood_still() => Err(DeskRefused::NotRecording),
        }
    }

    /// Returns once nothing could be recorded for some time.
    async fn stood_still(&self) {
        let mut recording = self.recording.clone();
        let goes_on = |recording: &Recording| recording.goes_on();
        loop {
            // A journal that is gone is not known to stand still; whoever waits meets its end.
            let stands_still = recording.wait_for(|now| !now.goes_on()).await.is_ok();
            if !stands_still {
                return std::future::pending().await;
            }
            let sound_again = timeout(PATIENCE, recording.wait_for(goes_on)).await;
            let sound_again = sound_again.map(|sound| sound.is_ok());
            match sound_again {
                Ok(true) => {}
                Ok(false) => return std::future::pending().await,
                Err(_) => return,
            }
        }
    }
}
