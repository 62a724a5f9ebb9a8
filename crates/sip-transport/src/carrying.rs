//! Carries one request of a leg to its end: an INVITE from server to server (RFC 3263 §4.3), until one of them has it
//! and may be calling somebody. Must not know the leg, nor decide how long a server may be silent.

use std::collections::VecDeque;
use std::future::pending;

use sip::call::RequestId;
use sip::{RequestDraft, Response, StatusCode};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::invitation::{Invitation, InviteEvent};
use crate::resolve::Server;
use crate::sender::{RequestError, Sender, Target};

/// What becomes of a request of a leg.
#[derive(Debug)]
pub(crate) struct News {
    pub(crate) request: RequestId,
    pub(crate) told: Told,
}

#[derive(Debug)]
pub(crate) enum Told {
    Response(Box<Response>),
    /// There is none.
    Failed(RequestError),
    /// An INVITE goes to the first of these servers; the others were not asked.
    Asks(Attempt, Vec<Server>),
    /// The server that has the INVITE was to be given up, and there is no other.
    NobodyElse,
}

/// Counts the servers that are asked for one INVITE, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Attempt(u32);

/// Carries requests of a leg.
#[derive(Clone)]
pub(crate) struct Carrier {
    pub(crate) sender: Sender,
    pub(crate) target: Target,
    pub(crate) request: RequestId,
    pub(crate) news: mpsc::Sender<News>,
}

/// What a leg may still say to an INVITE under way.
pub(crate) struct InviteOrders {
    cancel: CancellationToken,
    given_up: watch::Sender<Attempt>,
}

/// The same, where it is heard.
pub(crate) struct Heeding {
    cancel: CancellationToken,
    given_up: watch::Receiver<Attempt>,
    /// A server has brought somebody who takes the call: the others are to be cancelled.
    taken: CancellationToken,
}

/// How far an INVITE has come at one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hearing {
    Nothing,
    /// 100.
    Heard,
    /// Another provisional response: somebody may be called.
    Rings,
    Cancelled,
    Answered,
}

/// What became of an INVITE at one server.
enum Asked {
    /// It is at its end, and everything is told.
    Told,
    /// Untold: another server may do better.
    Failed(Box<Result<Response, RequestError>>),
    /// It was given up: nothing has come back, and what comes late is to be looked after.
    GivenUp(Option<Invitation>),
}

/// Whether an INVITE may go to another server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Others {
    Left,
    None,
    /// The leg knows that there is none.
    NoneTold,
}

impl From<Result<Response, RequestError>> for Told {
    fn from(result: Result<Response, RequestError>) -> Self {
        match result {
            Ok(response) => Self::Response(Box::new(response)),
            Err(error) => Self::Failed(error),
        }
    }
}

impl Attempt {
    /// Whether a server was asked before.
    pub(crate) fn is_another(self) -> bool {
        self > Self(1)
    }

    const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl InviteOrders {
    pub(crate) fn new() -> (Self, Heeding) {
        let (given_up, watching) = watch::channel(Attempt::default());
        let cancel = CancellationToken::new();
        let heeding = Heeding {
            cancel: cancel.clone(),
            given_up: watching,
            taken: CancellationToken::new(),
        };
        (Self { cancel, given_up }, heeding)
    }

    /// Nobody wants the call any more.
    pub(crate) fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Nothing comes back from the server that is asked by this attempt.
    pub(crate) fn give_up(&self, attempt: Attempt) {
        self.given_up.send_replace(attempt);
    }
}

impl Heeding {
    fn is_over(&self) -> bool {
        self.cancel.is_cancelled() || self.taken.is_cancelled()
    }

    /// The call is wanted no more, or not from who is asked.
    async fn over(&self) {
        tokio::select! {
            () = self.cancel.cancelled() => {}
            () = self.taken.cancelled() => {}
        }
    }

    async fn given_up(&self, attempt: Attempt) {
        let mut given_up = self.given_up.clone();
        // A leg that is gone gives nobody up.
        if given_up.wait_for(|up_to| *up_to >= attempt).await.is_err() {
            pending().await
        }
    }
}

impl Carrier {
    pub(crate) async fn carry(self, draft: RequestDraft) {
        let result = self.sender.request(draft, self.target.clone()).await;
        self.tell(result.into()).await;
    }

    /// RFC 3263 §4.3: the next server is tried after a failure to connect, silence and 503, while nobody may ring yet.
    /// `known` are the servers that are left of an INVITE that was sent before to the same place.
    pub(crate) async fn carry_invite(
        self,
        draft: RequestDraft,
        known: Vec<Server>,
        heeding: Heeding,
    ) {
        let mut targets = match self.targets(known).await {
            Ok(targets) => targets,
            Err(error) => return self.tell(Told::Failed(error)).await,
        };
        let mut late = JoinSet::new();
        let mut attempt = Attempt::default();
        while let Some(target) = targets.pop_front() {
            attempt = attempt.next();
            self.announce(attempt, &target, &targets).await;
            let others = if targets.is_empty() {
                Others::None
            } else {
                Others::Left
            };
            let asked = self.ask(draft.clone(), target, attempt, others, &heeding);
            match asked.await {
                Asked::Told => break,
                Asked::Failed(result) => {
                    if targets.is_empty() || heeding.is_over() {
                        self.tell((*result).into()).await;
                        break;
                    }
                }
                Asked::GivenUp(None) => {}
                Asked::GivenUp(Some(invitation)) => {
                    late.spawn(self.clone().watch(invitation, heeding.taken.clone()));
                }
            }
        }
        while let Some(ended) = late.join_next().await {
            if let Err(error) = ended {
                debug!(%error, "a server that was given up is watched no more");
            }
        }
    }

    async fn targets(&self, known: Vec<Server>) -> Result<VecDeque<Target>, RequestError> {
        match &self.target {
            Target::Uri(uri) => {
                let servers = if known.is_empty() {
                    self.sender.servers(uri).await?
                } else {
                    known
                };
                Ok(servers.into_iter().map(Target::Server).collect())
            }
            target @ (Target::Flow(_) | Target::Address { .. } | Target::Server(_)) => {
                Ok(VecDeque::from([target.clone()]))
            }
        }
    }

    async fn announce(&self, attempt: Attempt, target: &Target, left: &VecDeque<Target>) {
        let all = std::iter::once(target).chain(left);
        let servers = all.filter_map(|target| match target {
            Target::Server(server) => Some(server.clone()),
            Target::Flow(_) | Target::Address { .. } | Target::Uri(_) => None,
        });
        self.tell(Told::Asks(attempt, servers.collect())).await;
    }

    /// Sends an INVITE to one server and tells what becomes of it.
    async fn ask(
        &self,
        draft: RequestDraft,
        target: Target,
        attempt: Attempt,
        mut others: Others,
        heeding: &Heeding,
    ) -> Asked {
        let mut inviting = Box::pin(self.sender.invite(draft, target));
        let invited = loop {
            tokio::select! {
                biased;
                // It was not sent, and will not be.
                () = heeding.over() => return Asked::Failed(Box::new(Err(RequestError::FlowClosed))),
                invited = &mut inviting => break invited,
                () = heeding.given_up(attempt), if others != Others::NoneTold => match others {
                    Others::Left => return Asked::GivenUp(None),
                    Others::None | Others::NoneTold => {
                        others = Others::NoneTold;
                        self.tell(Told::NobodyElse).await;
                    }
                },
            }
        };
        match invited {
            Ok(invitation) => self.follow(invitation, attempt, others, heeding).await,
            Err(error) => Asked::Failed(Box::new(Err(error))),
        }
    }

    async fn follow(
        &self,
        mut invitation: Invitation,
        attempt: Attempt,
        mut others: Others,
        heeding: &Heeding,
    ) -> Asked {
        let mut hearing = Hearing::Nothing;
        loop {
            let is_silent = hearing == Hearing::Nothing && others != Others::NoneTold;
            let event = tokio::select! {
                biased;
                () = heeding.over(), if hearing != Hearing::Cancelled && hearing != Hearing::Answered => {
                    hearing = Hearing::Cancelled;
                    cancel(&invitation);
                    continue;
                }
                event = invitation.next() => event,
                () = heeding.given_up(attempt), if is_silent => {
                    match others {
                        Others::Left => {
                            // It leaves as soon as anything comes back (RFC 3261 §9.1).
                            cancel(&invitation);
                            return Asked::GivenUp(Some(invitation));
                        }
                        Others::None | Others::NoneTold => {
                            others = Others::NoneTold;
                            self.tell(Told::NobodyElse).await;
                        }
                    }
                    continue;
                }
            };
            match event {
                Some(InviteEvent::Provisional(response)) => {
                    let may_ring = response.status() != StatusCode::TRYING;
                    hearing = match hearing {
                        Hearing::Nothing | Hearing::Heard if may_ring => Hearing::Rings,
                        Hearing::Nothing => Hearing::Heard,
                        Hearing::Heard
                        | Hearing::Rings
                        | Hearing::Cancelled
                        | Hearing::Answered => hearing,
                    };
                    self.tell(Told::Response(Box::new(response))).await;
                }
                Some(InviteEvent::Final(response)) => {
                    // Whoever may ring already is not called by another server.
                    let is_elsewhere = response.status() == StatusCode::SERVICE_UNAVAILABLE
                        && hearing != Hearing::Rings;
                    if is_elsewhere {
                        return Asked::Failed(Box::new(Ok(response)));
                    }
                    hearing = Hearing::Answered;
                    self.tell(Told::Response(Box::new(response))).await;
                }
                Some(InviteEvent::FurtherSuccess(response)) => {
                    self.tell(Told::Response(Box::new(response))).await;
                }
                Some(InviteEvent::Failed(error)) if hearing == Hearing::Nothing => {
                    return Asked::Failed(Box::new(Err(error)));
                }
                Some(InviteEvent::Failed(error)) => {
                    self.tell(Told::Failed(error)).await;
                    return Asked::Told;
                }
                None if hearing == Hearing::Answered => return Asked::Told,
                // The socket is gone, and its transactions with it.
                None => {
                    self.tell(Told::Failed(RequestError::FlowClosed)).await;
                    return Asked::Told;
                }
            }
        }
    }

    /// Looks after an INVITE at a server that was given up: only a 2xx of it is told, which ends the asking of others.
    /// RFC 3261 §13.2.2.4: it wants an ACK, and is kept or hung up.
    async fn watch(self, mut invitation: Invitation, taken: CancellationToken) {
        while let Some(event) = invitation.next().await {
            match event {
                InviteEvent::Final(response) if response.status().is_success() => {
                    taken.cancel();
                    self.tell(Told::Response(Box::new(response))).await;
                }
                InviteEvent::FurtherSuccess(response) => {
                    self.tell(Told::Response(Box::new(response))).await;
                }
                InviteEvent::Provisional(_) | InviteEvent::Final(_) => {}
                InviteEvent::Failed(error) => {
                    debug!(%error, "a server that was given up has said nothing");
                }
            }
        }
    }

    async fn tell(&self, told: Told) {
        let request = self.request;
        // A leg that is over wants to know no more.
        drop(self.news.send(News { request, told }).await);
    }
}

fn cancel(invitation: &Invitation) {
    if let Err(error) = invitation.cancel() {
        debug!(%error, "an INVITE was not cancelled");
    }
}
