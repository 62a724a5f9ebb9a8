//! One endpoint with its service: what every socket and connection does with bytes and commands alike.
//! Must not read, write or wait.

use std::cell::Cell;
use std::fmt;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use sip::framing::{Framed, FramingError};
use sip::transaction::{
    Config, Endpoint, Failure, Input, Output, RequestToken, ServerTransactionId,
};
use sip::{
    BadRequest, Flow, Message, ParseError, Protocol, Request, RequestDraft, Response, StatusCode,
};
use tokio::sync::mpsc;
use tracing::{debug, error, trace};

use crate::counters::Counters;
use crate::defence::{Defence, Judgement, longest_answer};
use crate::flows::{Command, Flows};
use crate::group::{HandOver, Place};
use crate::invitation::InviteEvent;
use crate::random::{self, NoRandomness};
use crate::sender::RequestError;
use crate::service::{Exchange, Handling, Service};
use crate::urgency::Standing;
use crate::volley::Shot;
use crate::waiting::{Replying, Waiting};
use crate::way::LONGEST_UDP_REQUEST;

/// Transactions, service and outgoing bytes of one socket or connection.
pub(crate) struct Driver {
    endpoint: Endpoint,
    service: Arc<dyn Service>,
    defence: Arc<Defence>,
    counters: Arc<Counters>,
    /// The queue of the task that owns this, for deferred answers.
    commands: mpsc::Sender<Command>,
    /// Where several sockets share an address.
    place: Option<Place>,
    waiting: Waiting,
    /// Requests of ours that were handed over many at once, and not sent yet.
    backlog: std::vec::IntoIter<Shot>,
    outgoing: Vec<Outgoing>,
    /// Of whoever sent the request shown last.
    proof: Cell<Standing>,
    /// Of an answer to somebody who has proven nothing, in bytes, while a message is handled.
    longest_answer: usize,
    /// The same of whatever the transactions say by themselves.
    longest_transmission: usize,
    mode: Mode,
}

/// One message to write.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) remote: SocketAddr,
    pub(crate) bytes: Bytes,
}

/// The first line of a message of ours, for those who follow what is said.
struct StartLine<'a>(&'a [u8]);

/// What came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    GoodRequest,
    BadRequest,
    Response,
    Keepalive,
    Unparseable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Serving,
    /// New requests are refused, what is under way is finished.
    Draining,
}

impl Driver {
    pub(crate) fn new(
        config: Config,
        service: Arc<dyn Service>,
        defence: Arc<Defence>,
        counters: Arc<Counters>,
        commands: mpsc::Sender<Command>,
        place: Option<Place>,
        secret: [u64; 2],
    ) -> Self {
        Self {
            endpoint: Endpoint::new(config, secret),
            service,
            defence,
            counters,
            commands,
            place,
            waiting: Waiting::default(),
            backlog: Vec::new().into_iter(),
            outgoing: Vec::new(),
            proof: Cell::new(Standing::Stranger),
            longest_answer: usize::MAX,
            longest_transmission: usize::MAX,
            mode: Mode::Serving,
        }
    }

    /// Takes one message in.
    pub(crate) fn handle_framed(&mut self, flow: Flow, framed: Framed, now: Instant) -> Incoming {
        Counters::count(&self.counters.received);
        let longest_answer = longest_answer(framed.bytes().len(), flow.transport);
        let message = match framed.read() {
            Ok(message) => message,
            Err(ParseError::Empty) => {
                Counters::count(&self.counters.keepalives);
                return Incoming::Keepalive;
            }
            Err(error) => {
                Counters::count(&self.counters.unparseable);
                debug!(%flow, %error, "message dropped");
                return Incoming::Unparseable;
            }
        };
        let (incoming, input) = match message {
            Message::Request(mut request) => match request.check() {
                Ok(()) => {
                    trace!(%flow, method = %request.method(), "request received");
                    let message = Message::Request(request);
                    (Incoming::GoodRequest, Input::Received { flow, message })
                }
                Err(error) => {
                    debug!(%flow, %error, "bad request");
                    let input = Input::Malformed {
                        flow,
                        request,
                        error,
                    };
                    (Incoming::BadRequest, input)
                }
            },
            Message::Response(response) => {
                trace!(%flow, status = %response.status(), "response received");
                let message = Message::Response(response);
                (Incoming::Response, Input::Received { flow, message })
            }
        };
        self.longest_answer = longest_answer;
        if incoming == Incoming::BadRequest {
            self.longest_transmission = longest_answer;
        }
        self.handle(input, now);
        self.longest_answer = usize::MAX;
        self.longest_transmission = usize::MAX;
        incoming
    }

    /// Takes the beginning of a message in that is too long to be served.
    pub(crate) fn handle_oversized(&mut self, flow: Flow, start: Bytes, now: Instant) {
        Counters::count(&self.counters.received);
        let Ok(Message::Request(request)) = Message::parse(start) else {
            Counters::count(&self.counters.unparseable);
            return;
        };
        // RFC 3261 §21.5.7: the message, not its body alone, is longer than this server reads.
        let status = StatusCode::MESSAGE_TOO_LARGE;
        let error = BadRequest {
            status,
            reason: status.reason().into(),
        };
        let input = Input::Malformed {
            flow,
            request,
            error,
        };
        self.handle(input, now);
    }

    /// Answers the message whose end cannot be found, where it can be answered.
    pub(crate) fn handle_lost_framing(&mut self, flow: Flow, error: FramingError, now: Instant) {
        Counters::count(&self.counters.received);
        Counters::count(&self.counters.framing_lost);
        let FramingError {
            status,
            reason,
            head,
        } = error;
        if let Some(Ok(Message::Request(request))) = head.map(Message::parse) {
            let error = BadRequest { status, reason };
            let input = Input::Malformed {
                flow,
                request,
                error,
            };
            self.handle(input, now);
        }
    }

    /// Sends bytes that belong to no transaction.
    pub(crate) fn send_aside(&mut self, flow: Flow, bytes: Bytes) {
        let remote = flow.remote;
        self.outgoing.push(Outgoing { remote, bytes });
    }

    /// Requests that are handed over many at once become the backlog. One that was there before is to be worked off first: what
    /// is left of it hears that its flow is closed.
    pub(crate) fn handle_command(&mut self, command: Command, now: Instant) {
        match command {
            Command::Request { flow, draft, reply } => {
                self.request_once(Replying::ToOne(reply), flow, draft, now);
            }
            Command::Requests(shots) => self.backlog = shots.into_iter(),
            Command::Invite {
                token,
                flow,
                draft,
                events,
                last,
            } => match self.branch() {
                Ok(branch) => {
                    self.waiting.add_invitation(token, events, last);
                    self.request(token, flow, draft, branch, now);
                }
                Err(error) => {
                    error!(%error, "INVITE not sent");
                    last.send(InviteEvent::Failed(RequestError::NoRandomness));
                }
            },
            Command::Cancel { token } => self.handle(Input::Cancel { token }, now),
            Command::Acknowledge {
                flow,
                draft,
                branch,
            } => {
                let input = Input::Acknowledge {
                    flow,
                    draft,
                    branch,
                };
                self.handle(input, now);
            }
            Command::Response {
                flow,
                response,
                room: _given_back,
            } => {
                let message = Message::Response(*response);
                self.handle(Input::Received { flow, message }, now);
            }
            Command::Answer {
                transaction,
                response,
            } => {
                let input = Input::Answer {
                    transaction,
                    response,
                };
                self.handle(input, now);
            }
            Command::Fail { transaction } => self.handle(Input::Fail { transaction }, now),
        }
    }

    /// Requests are left that [`handle_backlog`](Self::handle_backlog) will send.
    pub(crate) fn has_backlog(&self) -> bool {
        !self.backlog.as_slice().is_empty()
    }

    /// Sends the next requests of the backlog, so many at most.
    pub(crate) fn handle_backlog(&mut self, most: usize, now: Instant) {
        for _ in 0..most {
            let Some(Shot { flow, draft, reply }) = self.backlog.next() else {
                return;
            };
            self.request_once(Replying::ToVolley(reply), flow, draft, now);
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.handle(Input::Timeout, now);
    }

    /// Ends everything: nothing can be sent any more.
    pub(crate) fn handle_closed(&mut self, now: Instant) {
        self.handle(Input::FlowClosed, now);
        self.waiting.end_all();
        // Who waits for these hears the same.
        self.backlog = Vec::new().into_iter();
        self.flush_counts();
    }

    /// Refuses new requests from here on.
    pub(crate) const fn drain(&mut self) {
        self.mode = Mode::Draining;
    }

    /// Whether the request shown last has proven somebody.
    pub(crate) fn take_proof(&mut self) -> bool {
        self.proof.replace(Standing::Stranger) == Standing::Proven
    }

    /// What is to be written, to be brought into another order.
    pub(crate) fn outgoing_mut(&mut self) -> &mut [Outgoing] {
        &mut self.outgoing
    }

    /// What is to be written, in order.
    pub(crate) fn take_outgoing(&mut self) -> std::vec::Drain<'_, Outgoing> {
        self.outgoing.drain(..)
    }

    /// Hands the endpoint's counts over; to be called once per batch.
    pub(crate) fn flush_counts(&mut self) {
        self.counters.add_transactions(self.endpoint.take_counts());
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.endpoint.next_timeout()
    }

    /// Whether draining has come to its end.
    pub(crate) fn is_drained(&self) -> bool {
        self.mode == Mode::Draining
            && !self.has_backlog()
            && !self.waiting.is_anybody()
            && self.endpoint.unanswered_requests() == 0
    }

    fn handle(&mut self, input: Input, now: Instant) {
        self.endpoint.handle(input, now);
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Transmit { flow, bytes } => self.transmit(flow, bytes),
                Output::Request {
                    transaction,
                    flow,
                    request,
                    fingerprint,
                } => self.serve(transaction, flow, fingerprint, &request, now),
                Output::Final { token, response } => self.waiting.tell_last(token, Ok(response)),
                Output::FurtherSuccess { token, response } => {
                    self.waiting.tell_further_success(token, response);
                }
                Output::Over { token } => self.waiting.end(token),
                Output::Acknowledged { flow, ack } => self.show_ack(flow, &ack),
                Output::Cancelled { transaction, flow } => self.show_cancelled(flow, transaction),
                Output::Failed { token, cause } => {
                    let error = match cause {
                        Failure::Timeout => RequestError::Timeout,
                        Failure::FlowClosed => RequestError::FlowClosed,
                        Failure::Overload => RequestError::Overloaded,
                        Failure::Misuse => RequestError::Unsupported,
                    };
                    self.waiting.tell_last(token, Err(error));
                }
                Output::Provisional { token, response } => {
                    self.waiting.tell_provisional(token, response);
                }
                Output::Stray { flow, response } => self.hand_over(flow, response),
            }
        }
    }

    fn serve(
        &mut self,
        transaction: ServerTransactionId,
        flow: Flow,
        fingerprint: u64,
        request: &Request,
        now: Instant,
    ) {
        if self.mode == Mode::Draining {
            return self.endpoint.handle(Input::Refuse { transaction }, now);
        }
        match self.defence.judge(request, flow, now) {
            Judgement::Serve => {}
            Judgement::Refuse => return self.endpoint.handle(Input::Refuse { transaction }, now),
            Judgement::Ignore => return self.endpoint.handle(Input::Forget { transaction }, now),
        }
        let exchange = Exchange {
            flow,
            now,
            transaction,
            fingerprint,
            commands: &self.commands,
            defence: &self.defence,
            proof: &self.proof,
            longest_answer: self.longest_answer,
        };
        // One request that breaks the service must not end the socket for all others.
        let handling = catch_unwind(AssertUnwindSafe(|| {
            self.service.handle_request(request, exchange)
        }));
        let input = match handling {
            Ok(Handling::Answer(response)) => Input::Answer {
                transaction,
                response,
            },
            Ok(Handling::AnswerStateless(response)) if response.len() > self.longest_answer => {
                Counters::count(&self.counters.answers_withheld);
                Input::Forget { transaction }
            }
            Ok(Handling::AnswerStateless(response)) => Input::AnswerStateless {
                transaction,
                response,
            },
            Ok(Handling::Later) => return,
            Ok(Handling::Overloaded) => Input::Refuse { transaction },
            Ok(Handling::Ignore) => Input::Forget { transaction },
            Err(_) => {
                Counters::count(&self.counters.service_panics);
                error!(method = %request.method(), "service panicked, request answered 500");
                Input::Fail { transaction }
            }
        };
        self.endpoint.handle(input, now);
    }

    /// A response that belongs to nothing here.
    fn hand_over(&self, flow: Flow, response: Response) {
        let done = match &self.place {
            Some(place) => place.hand_over(flow, response),
            None => HandOver::NobodyElse,
        };
        Counters::count(match done {
            HandOver::Taken => &self.counters.handed_over,
            HandOver::NoRoom => &self.counters.hand_overs_dropped,
            HandOver::NobodyElse => &self.counters.strays,
        });
    }

    fn branch(&self) -> Result<String, NoRandomness> {
        random::branch(self.place.as_ref().map(Place::number))
    }

    fn transmit(&mut self, flow: Flow, bytes: Bytes) {
        if flow.transport == Protocol::Udp
            && bytes.len() > LONGEST_UDP_REQUEST
            && !bytes.starts_with(b"SIP/2.0 ")
        {
            // RFC 3261 §18.1.1: the peer takes no TCP, or the request belongs to a phone's own flow.
            Counters::count(&self.counters.oversized_requests);
        }
        if bytes.len() > self.longest_transmission {
            Counters::count(&self.counters.answers_withheld);
            return;
        }
        trace!(%flow, message = %StartLine(&bytes), "message sent");
        self.outgoing.push(Outgoing {
            remote: flow.remote,
            bytes,
        });
    }

    fn request_once(
        &mut self,
        reply: Replying,
        flow: Flow,
        draft: Box<RequestDraft>,
        now: Instant,
    ) {
        match self.branch() {
            Ok(branch) => {
                let token = RequestToken(Flows::next_id());
                self.waiting.add_request(token, reply);
                self.request(token, flow, draft, branch, now);
            }
            Err(error) => {
                error!(%error, "request not sent");
                reply.tell(Err(RequestError::NoRandomness));
            }
        }
    }

    fn request(
        &mut self,
        token: RequestToken,
        flow: Flow,
        draft: Box<RequestDraft>,
        branch: String,
        now: Instant,
    ) {
        let input = Input::Send {
            token,
            flow,
            draft,
            branch,
        };
        self.handle(input, now);
    }

    fn show_ack(&self, flow: Flow, ack: &Request) {
        self.guard(|service| service.handle_ack(ack, flow));
    }

    fn show_cancelled(&self, flow: Flow, transaction: ServerTransactionId) {
        self.guard(|service| service.handle_cancelled(flow, transaction));
    }

    /// One message that breaks the service must not end the socket for all others.
    fn guard(&self, show: impl FnOnce(&dyn Service)) {
        if catch_unwind(AssertUnwindSafe(|| show(self.service.as_ref()))).is_err() {
            Counters::count(&self.counters.service_panics);
            error!("service panicked");
        }
    }
}

impl fmt::Display for StartLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.0.split(|byte| *byte == b'\r').next();
        f.write_str(&String::from_utf8_lossy(line.unwrap_or_default()))
    }
}
