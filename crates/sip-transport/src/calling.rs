//! The task of one leg: carries out what the machine says, and tells it what becomes of that.
//! Must not decide anything about the call.

use std::collections::HashMap;
use std::time::Instant;

use bytes::Bytes;
use sip::call::{Body, Config, Event, Input, Leg, Output, PeerRequestId, RequestId, Setup};
use sip::transaction::Failure;
use sip::{Flow, Method, RequestDraft};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tracing::debug;

use crate::alarm::Alarm;
use crate::calls::{Duty, Message};
use crate::carrying::{Attempt, Carrier, InviteOrders, News, Told};
use crate::resolve::Server;
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
    /// The newest ACK, until it is sent: the request after it waits for that and does not overtake it.
    acknowledging: Option<oneshot::Receiver<()>>,
    /// The INVITE of ours under way, or the last one.
    invite: Option<Inviting>,
    duties: HashMap<PeerRequestId, Duty>,
    next_peer_request: u64,
}

/// An INVITE of ours; of those of a leg one is under way at a time.
struct Inviting {
    request: RequestId,
    next_hop: Box<str>,
    orders: InviteOrders,
    attempt: Attempt,
    /// The server that has it, and those that are left.
    servers: Vec<Server>,
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
            acknowledging: None,
            invite: None,
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

    fn handle_news(&mut self, News { request, told }: News) {
        match told {
            Told::Response(response) => self.handle(Input::Response {
                request,
                response: *response,
            }),
            Told::Asks(attempt, servers) => {
                if let Some(invite) = self.invite_of(request) {
                    invite.attempt = attempt;
                    invite.servers = servers;
                }
                if attempt.is_another() {
                    self.handle(Input::Elsewhere { request });
                }
            }
            Told::NobodyElse => self.handle(Input::NobodyElse { request }),
            Told::Failed(error) => {
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
                    if let Some(invite) = self.invite_of(request) {
                        invite.orders.cancel();
                    }
                }
                Output::TryElsewhere { request } => {
                    if let Some(invite) = self.invite_of(request) {
                        invite.orders.give_up(invite.attempt);
                    }
                }
                Output::Acknowledge { draft, branch } => {
                    let (sender, target) = (self.sender.clone(), self.target(&draft));
                    let (under_way, acknowledging) = oneshot::channel();
                    self.acknowledging = Some(acknowledging);
                    self.carriers.spawn(async move {
                        if let Err(error) = sender.acknowledge(*draft, branch, target).await {
                            debug!(%error, "an ACK was not sent");
                        }
                        drop(under_way);
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
        let acknowledging = self.acknowledging.take();
        if draft.method() == Method::Invite {
            let next_hop = draft.next_hop().into();
            // One that is sent once more, with credentials, goes where they were asked for; not to who was silent.
            let servers = match self.invite.take() {
                Some(before) if before.next_hop == next_hop => before.servers,
                Some(_) | None => Vec::new(),
            };
            let (orders, heeding) = InviteOrders::new();
            self.invite = Some(Inviting {
                request,
                next_hop,
                orders,
                attempt: Attempt::default(),
                servers: servers.clone(),
            });
            self.carriers.spawn(async move {
                end_of(acknowledging).await;
                carrier.carry_invite(draft, servers, heeding).await;
            });
        } else {
            self.carriers.spawn(async move {
                end_of(acknowledging).await;
                carrier.carry(draft).await;
            });
        }
    }

    fn invite_of(&mut self, request: RequestId) -> Option<&mut Inviting> {
        let invite = self.invite.as_mut();
        invite.filter(|invite| invite.request == request)
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

/// Until an ACK under way is sent, or failed.
async fn end_of(acknowledging: Option<oneshot::Receiver<()>>) {
    if let Some(acknowledging) = acknowledging {
        // Nothing is ever told by it but its end.
        drop(acknowledging.await);
    }
}
