//! The task of one leg: carries out what the machine says, and tells it what becomes of that.
//! Must not decide anything about the call.

use std::collections::HashMap;
use std::time::Instant;

use bytes::Bytes;
use sip::call::{Body, Config, Event, Input, Leg, Output, PeerRequestId, RequestId, Setup};
use sip::transaction::Failure;
use sip::{Flow, Method, RequestDraft, Response, StatusCode};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::alarm::Alarm;
use crate::calls::{Duty, Message};
use crate::invitation::{Invitation, InviteEvent};
use crate::sender::{RequestError, Sender, Target};

/// How the requests of a leg find their peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Over this flow, as a phone has registered (RFC 5626 §5.3).
    Flow(Flow),
    /// By the next hop of each request: its first loose route, or its Request-URI (RFC 3263).
    NextHop,
}

/// One leg with all it needs.
pub(crate) struct Calling {
    sender: Sender,
    way: Way,
    leg: Leg,
    inbox: mpsc::Receiver<Message>,
    events: mpsc::Sender<Event>,
    /// What becomes of the requests of ours, told by the tasks that carry them.
    news: mpsc::Receiver<News>,
    news_sender: mpsc::Sender<News>,
    /// One task for each request of ours under way; they end with this one.
    carriers: JoinSet<()>,
    cancels: HashMap<RequestId, CancellationToken>,
    duties: HashMap<PeerRequestId, Duty>,
    next_peer_request: u64,
}

/// What becomes of a request of ours.
#[derive(Debug)]
struct News {
    request: RequestId,
    result: Result<Response, RequestError>,
}

/// Responses that wait for the leg.
const NEWS_WAITING: usize = 64;

impl Calling {
    pub(crate) fn new(
        sender: Sender,
        way: Way,
        config: Config,
        setup: Setup,
        inbox: mpsc::Receiver<Message>,
        events: mpsc::Sender<Event>,
    ) -> Self {
        let (news_sender, news) = mpsc::channel(NEWS_WAITING);
        Self {
            sender,
            way,
            leg: Leg::new(config, setup),
            inbox,
            events,
            news,
            news_sender,
            carriers: JoinSet::new(),
            cancels: HashMap::new(),
            duties: HashMap::new(),
            next_peer_request: 0,
        }
    }

    /// Runs until the leg is over and no 2xx of it can come again.
    pub(crate) async fn run(mut self, offer: Option<Body>) {
        let mut alarm = Alarm::new();
        let mut is_owned = true;
        self.handle(Input::Place { offer });
        while !(self.leg.is_over() && self.carriers.is_empty() && self.news.is_empty()) {
            alarm.set(self.leg.next_timeout());
            tokio::select! {
                Some(message) = self.inbox.recv() => self.handle_message(message),
                Some(news) = self.news.recv() => self.handle_news(news),
                Some(ended) = self.carriers.join_next() => {
                    if let Err(error) = ended {
                        debug!(%error, "a carrier of a call's request has failed");
                    }
                }
                () = self.events.closed(), if is_owned => {
                    is_owned = false;
                    self.handle(Input::HangUp);
                }
                () = alarm.rung() => self.handle(Input::Timeout),
            }
        }
    }

    fn handle_message(&mut self, message: Message) {
        match message {
            Message::Order(order) => self.handle(order),
            Message::Request {
                request,
                source,
                duty,
            } => {
                self.next_peer_request += 1;
                let id = PeerRequestId(self.next_peer_request);
                self.duties.insert(id, duty);
                self.handle(Input::Request {
                    id,
                    request,
                    source,
                });
            }
            Message::Acknowledged(ack) => self.handle(Input::Acknowledged { ack }),
            Message::Cancelled { flow, transaction } => {
                let mut duties = self.duties.iter();
                let found = duties.find(|(_, duty)| duty.is_cancelled_by(flow, transaction));
                if let Some((id, _)) = found {
                    let id = *id;
                    self.duties.remove(&id);
                    self.handle(Input::Cancelled { id });
                }
            }
        }
    }

    fn handle_news(&mut self, News { request, result }: News) {
        match result {
            Ok(response) => self.handle(Input::Response { request, response }),
            Err(error) => {
                debug!(%error, "a call's request has failed");
                let cause = cause_of(&error);
                self.handle(Input::Failed { request, cause });
            }
        }
    }

    fn handle(&mut self, input: Input) {
        self.leg.handle(input, Instant::now());
        while let Some(output) = self.leg.poll_output() {
            match output {
                Output::Send { request, draft } => self.send(request, *draft),
                Output::Cancel { request } => {
                    if let Some(cancel) = self.cancels.get(&request) {
                        cancel.cancel();
                    }
                }
                Output::Acknowledge { draft, branch } => {
                    let (sender, target) = (self.sender.clone(), self.target(&draft));
                    self.carriers.spawn(async move {
                        if let Err(error) = sender.acknowledge(*draft, branch, target).await {
                            debug!(%error, "an ACK was not sent");
                        }
                    });
                }
                Output::Answer { id, response } => self.answer(id, response),
                Output::Event(event) => {
                    // An owner that is gone, or takes nothing, loses the call: see `closed` in the loop.
                    if self.events.try_send(event).is_err() && self.leg.outcome().is_none() {
                        self.leg.handle(Input::HangUp, Instant::now());
                    }
                }
            }
        }
    }

    fn send(&mut self, request: RequestId, draft: RequestDraft) {
        let carrier = Carrier {
            sender: self.sender.clone(),
            target: self.target(&draft),
            request,
            news: self.news_sender.clone(),
        };
        if draft.method() == Method::Invite {
            let cancel = CancellationToken::new();
            // Of the INVITEs of a leg one is under way at a time.
            self.cancels.clear();
            self.cancels.insert(request, cancel.clone());
            self.carriers.spawn(carrier.carry_invite(draft, cancel));
        } else {
            self.carriers.spawn(carrier.carry(draft));
        }
    }

    fn answer(&mut self, id: PeerRequestId, response: Bytes) {
        match self.duties.remove(&id) {
            Some(Duty::Other(pending)) => pending.answer(response),
            Some(Duty::Invite(mut pending)) => {
                if let Err(error) = pending.answer(response) {
                    debug!(%error, "a 2xx was not repeated");
                }
                // It may have to be answered again.
                self.duties.insert(id, Duty::Invite(pending));
            }
            None => {}
        }
    }

    fn target(&self, draft: &RequestDraft) -> Target {
        match self.way {
            Way::Flow(flow) => Target::Flow(flow),
            Way::NextHop => Target::Uri(draft.next_hop().into()),
        }
    }
}

/// Carries one request of a leg to its end.
struct Carrier {
    sender: Sender,
    target: Target,
    request: RequestId,
    news: mpsc::Sender<News>,
}

impl Carrier {
    async fn carry(self, draft: RequestDraft) {
        let result = self.sender.request(draft, self.target.clone()).await;
        self.tell(result).await;
    }

    /// RFC 3263 §4.3: the next server is tried after a failure to connect, silence and 503, while nobody may ring yet.
    async fn carry_invite(self, draft: RequestDraft, cancel: CancellationToken) {
        let targets = match &self.target {
            Target::Uri(uri) => match self.sender.servers(uri).await {
                Ok(servers) => servers.into_iter().map(Target::Server).collect(),
                Err(error) => return self.tell(Err(error.into())).await,
            },
            target @ (Target::Flow(_) | Target::Address { .. } | Target::Server(_)) => {
                vec![target.clone()]
            }
        };
        let mut targets = targets.into_iter().peekable();
        while let Some(target) = targets.next() {
            let is_last = targets.peek().is_none() || cancel.is_cancelled();
            let untold = match self.sender.invite(draft.clone(), target).await {
                Ok(invitation) => self.follow(invitation, &cancel).await,
                Err(error) => Some(Err(error)),
            };
            let Some(result) = untold else { return };
            if is_last || cancel.is_cancelled() {
                return self.tell(result).await;
            }
        }
    }

    /// Tells what becomes of an INVITE at one server; gives back, untold, what another server may do better.
    async fn follow(
        &self,
        mut invitation: Invitation,
        cancel: &CancellationToken,
    ) -> Option<Result<Response, RequestError>> {
        let mut hearing = Hearing::Nothing;
        loop {
            let event = tokio::select! {
                event = invitation.next() => event,
                () = cancel.cancelled(), if hearing != Hearing::Cancelled => {
                    hearing = Hearing::Cancelled;
                    if let Err(error) = invitation.cancel() {
                        debug!(%error, "an INVITE was not cancelled");
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
                    self.tell(Ok(response)).await;
                }
                Some(InviteEvent::Final(response)) => {
                    // Whoever may ring already is not called by another server.
                    let is_elsewhere = response.status() == StatusCode::SERVICE_UNAVAILABLE
                        && hearing != Hearing::Rings;
                    if is_elsewhere {
                        return Some(Ok(response));
                    }
                    self.tell(Ok(response)).await;
                    hearing = Hearing::Answered;
                }
                Some(InviteEvent::FurtherSuccess(response)) => self.tell(Ok(response)).await,
                Some(InviteEvent::Failed(error)) if hearing == Hearing::Nothing => {
                    return Some(Err(error));
                }
                Some(InviteEvent::Failed(error)) => {
                    self.tell(Err(error)).await;
                    return None;
                }
                None if hearing == Hearing::Answered => return None,
                // The socket is gone, and its transactions with it.
                None => {
                    self.tell(Err(RequestError::FlowClosed)).await;
                    return None;
                }
            }
        }
    }

    async fn tell(&self, result: Result<Response, RequestError>) {
        let request = self.request;
        // A leg that is over wants to know no more.
        drop(self.news.send(News { request, result }).await);
    }
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

fn cause_of(error: &RequestError) -> Failure {
    match error {
        RequestError::Timeout => Failure::Timeout,
        RequestError::Overloaded => Failure::Overload,
        RequestError::Unsupported => Failure::Misuse,
        RequestError::FlowClosed
        | RequestError::NoSocket { .. }
        | RequestError::Connect { .. }
        | RequestError::Resolve(_)
        | RequestError::NotRunning
        | RequestError::NoRandomness => Failure::FlowClosed,
    }
}
