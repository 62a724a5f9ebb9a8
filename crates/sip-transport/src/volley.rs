//! Very many requests at a time, each over its flow: handed to the sockets by the batch, and what becomes of them gathered in one
//! place, without a task or a channel for each. Must not know what they say.

use std::collections::HashMap;
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use sip::{Flow, Method, Protocol, RequestDraft, Response};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::PollSender;

use crate::flows::{Command, Flows};
use crate::sender::RequestError;
use crate::transport::Shared;
use crate::way;

/// Sends requests whose answers nobody waits for one by one. However many there are, none is refused for want of room: what
/// the owner of a flow has no place for yet is kept here, and goes to it while [`outcomes`](Self::outcomes) is awaited.
/// Dropping it ends the waiting, not the requests that were handed over.
pub struct Volley {
    shared: Arc<Shared>,
    inbox: Arc<Inbox>,
    /// Not handed over yet: for every UDP socket by itself, and for one connection.
    loads: Vec<Load>,
    /// What there was no place for, by the id of its flow.
    held: HashMap<u64, Held>,
    /// Our address towards the peer of the request before, where a socket is bound to all addresses.
    route: Option<Route>,
    /// Requests of which nothing was heard by whoever sends them.
    under_way: usize,
}

/// What became of one request.
#[derive(Debug)]
pub struct Outcome {
    /// As it was added.
    pub key: u64,
    /// A response of any status, or why there is none.
    pub result: Result<Response, RequestError>,
}

/// A request on its way to the owner of its flow.
#[derive(Debug)]
pub(crate) struct Shot {
    pub(crate) flow: Flow,
    pub(crate) draft: Box<RequestDraft>,
    pub(crate) reply: Reply,
}

/// Tells what becomes of one request; that its flow is closed, where it is dropped instead.
#[derive(Debug)]
pub(crate) struct Reply {
    key: u64,
    inbox: Option<Arc<Inbox>>,
}

/// Outcomes that nobody has looked at: no more than there are requests under way.
#[derive(Debug, Default)]
struct Inbox {
    outcomes: Mutex<Vec<Outcome>>,
    arrived: Notify,
}

/// What one owner of flows gets next.
struct Load {
    flow_id: u64,
    transport: Protocol,
    commands: mpsc::Sender<Command>,
    shots: Vec<Shot>,
}

/// Requests to one flow whose owner's queue was full, in order. They go all at once, so that they take one place there,
/// however many they are.
struct Held {
    commands: PollSender<Command>,
    shots: Vec<Shot>,
}

#[derive(Clone, Copy)]
struct Route {
    remote: IpAddr,
    local: IpAddr,
}

/// Requests in one batch: as many as the owner of a socket sends with one system call.
const BATCH: usize = 32;

impl Volley {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            inbox: Arc::default(),
            loads: Vec::new(),
            held: HashMap::new(),
            route: None,
            under_way: 0,
        }
    }

    /// Adds a request to the other end of this flow, by this flow and no other way (RFC 5626 §5.3). It may leave before
    /// [`Self::send`], but no earlier than one that was added before it for the same socket or connection.
    pub fn add(&mut self, key: u64, draft: Box<RequestDraft>, flow: Flow) {
        self.under_way += 1;
        let reply = Reply {
            key,
            inbox: Some(Arc::clone(&self.inbox)),
        };
        if matches!(
            draft.method(),
            Method::Invite | Method::Ack | Method::Cancel
        ) {
            return reply.tell(Err(RequestError::Unsupported));
        }
        let path = self.with_concrete_local(flow);
        let Self { loads, held, .. } = self;
        let Some(load) = load_for(flow, loads, held, &self.shared.flows) else {
            return reply.tell(Err(RequestError::FlowClosed));
        };
        load.shots.push(Shot {
            flow: path,
            draft,
            reply,
        });
        if load.shots.len() == BATCH {
            load.hand_over(held);
        }
    }

    /// Hands over what was added.
    pub fn send(&mut self) {
        for mut load in self.loads.drain(..) {
            load.hand_over(&mut self.held);
        }
        // The peer may have another one by the next time.
        self.route = None;
    }

    /// What has become of requests since this was last asked; at least one outcome. Loses none where it is cancelled.
    pub async fn outcomes(&mut self) -> Vec<Outcome> {
        loop {
            let outcomes = std::mem::take(&mut *self.inbox.lock());
            if !outcomes.is_empty() {
                self.under_way = self.under_way.saturating_sub(outcomes.len());
                return outcomes;
            }
            let Self { inbox, held, .. } = self;
            tokio::select! {
                () = inbox.arrived.notified() => {}
                () = poll_fn(|context| poll_held(held, context)), if !held.is_empty() => {}
            }
        }
    }

    /// Whether [`Self::outcomes`] will have something to tell.
    pub const fn is_waiting(&self) -> bool {
        self.under_way > 0
    }

    /// As [`way::with_concrete_local`], which asks the system, for many peers at one address.
    fn with_concrete_local(&mut self, flow: Flow) -> Flow {
        if !flow.local.ip().is_unspecified() {
            return flow;
        }
        let mut concrete = flow;
        match self.route {
            Some(route) if route.remote == flow.remote.ip() => concrete.local.set_ip(route.local),
            Some(_) | None => {
                concrete = way::with_concrete_local(flow);
                self.route = Some(Route {
                    remote: flow.remote.ip(),
                    local: concrete.local.ip(),
                });
            }
        }
        concrete
    }
}

/// What the owner of a flow gets next; `None` where the flow is closed.
fn load_for<'a>(
    flow: Flow,
    loads: &'a mut Vec<Load>,
    held: &mut HashMap<u64, Held>,
    flows: &Flows,
) -> Option<&'a mut Load> {
    let known = loads.iter().position(|load| load.flow_id == flow.id);
    let place = match known {
        Some(place) => place,
        None => {
            let commands = flows.commands(flow.id)?;
            // Peers at the few sockets come in turn; a connection has nothing more to send once another one has.
            if flow.transport != Protocol::Udp {
                loads.retain_mut(|load| {
                    let is_of_socket = load.transport == Protocol::Udp;
                    if !is_of_socket {
                        load.hand_over(held);
                    }
                    is_of_socket
                });
            }
            loads.push(Load {
                flow_id: flow.id,
                transport: flow.transport,
                commands,
                shots: Vec::new(),
            });
            loads.len() - 1
        }
    };
    loads.get_mut(place)
}

/// Hands over what is held, as queues have room; ready when nothing is left.
fn poll_held(held: &mut HashMap<u64, Held>, context: &mut Context<'_>) -> Poll<()> {
    held.retain(|_, held| held.poll_send(context).is_pending());
    match held.is_empty() {
        true => Poll::Ready(()),
        false => Poll::Pending,
    }
}

impl Load {
    fn hand_over(&mut self, held: &mut HashMap<u64, Held>) {
        let shots = std::mem::take(&mut self.shots);
        if shots.is_empty() {
            return;
        }
        if let Some(held) = held.get_mut(&self.flow_id) {
            held.shots.extend(shots);
            return;
        }
        // What is dropped, where the queue is closed, says that its flow is.
        if let Err(TrySendError::Full(Command::Requests(shots))) =
            self.commands.try_send(Command::Requests(shots))
        {
            let commands = PollSender::new(self.commands.clone());
            held.insert(self.flow_id, Held { commands, shots });
        }
    }
}

impl Held {
    /// Ready when it has gone, or can go no more.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // As above, what is dropped says that its flow is closed.
        if let Ok(()) = ready!(self.commands.poll_reserve(context)) {
            let shots = std::mem::take(&mut self.shots);
            drop(self.commands.send_item(Command::Requests(shots)));
        }
        Poll::Ready(())
    }
}

impl Drop for Volley {
    fn drop(&mut self) {
        self.send();
    }
}

impl Reply {
    pub(crate) fn tell(mut self, result: Result<Response, RequestError>) {
        self.put(result);
    }

    fn put(&mut self, result: Result<Response, RequestError>) {
        let Some(inbox) = self.inbox.take() else {
            return;
        };
        let key = self.key;
        let is_first = {
            let mut outcomes = inbox.lock();
            outcomes.push(Outcome { key, result });
            outcomes.len() == 1
        };
        if is_first {
            inbox.arrived.notify_one();
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        // The owner of the flow ends without a word only together with the flow.
        self.put(Err(RequestError::FlowClosed));
    }
}

impl Inbox {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Outcome>> {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;

    use sip::{Flow, Method, Protocol, RequestDraft};

    use crate::config::{Config, Listen};
    use crate::transport::Transport;

    #[tokio::test]
    async fn peers_of_several_sockets_that_come_in_turn_are_sent_to_by_the_batch() {
        let config = Config {
            listen: vec![Listen {
                protocol: Protocol::Udp,
                address: "127.0.0.1:0".parse().unwrap(),
            }],
            udp_sockets: NonZero::new(2).unwrap(),
            ..Config::default()
        };
        let most = config.queue_per_socket;
        let transport = Transport::bind(config).await.unwrap();
        let mut volley = transport.sender().volley();
        let ours = &volley.shared.udp[0];
        let (local, ids) = (ours.local, ours.ids.clone());
        for number in 0..80_u16 {
            let flow = Flow {
                transport: Protocol::Udp,
                local,
                remote: ([127, 0, 0, 1], 40_000 + number).into(),
                id: ids[usize::from(number % 2)],
            };
            let draft = RequestDraft::new(Method::Notify, "sip:zoe@shop.example");
            volley.add(number.into(), Box::new(draft), flow);
        }
        volley.send();
        for id in ids {
            let queue = volley.shared.flows.commands(id).unwrap();
            assert_eq!(most - queue.capacity(), 2, "32 at once, and then 8");
        }
    }
}
