//! The task that owns one connection: reads, drives the transactions, writes. Must not know SIP, nor what the
//! connection is made of.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip::framing::Frame;
use sip::{Flow, Protocol};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::timeout;
use tracing::debug;

use crate::admission::{Counting, Place};
use crate::alarm::Alarm;
use crate::counters::Counters;
use crate::driver::{Driver, Incoming};
use crate::flows::{Command, Flows, Peer};
use crate::handshake;
use crate::random;
use crate::sender::RequestError;
use crate::stream::ByteWire;
use crate::transport::Shared;
use crate::wire::{Arrival, Outbox, Probe, Progress, Wire};

/// One connection with all it needs.
struct ConnectionTask<W> {
    shared: Arc<Shared>,
    wire: W,
    flow: Flow,
    driver: Driver,
    commands: mpsc::Receiver<Command>,
    outbox: Outbox,
    /// When the peer has to have done what, if it owes something.
    dues: Dues,
    liveness: Liveness,
    phase: Phase,
    place: Place,
}

#[derive(Debug)]
struct Dues {
    /// The first good request.
    first_request: Option<Instant>,
    /// The rest of a message begun.
    message: Option<Instant>,
    /// Taking what we write.
    write: Option<Instant>,
    /// Saying anything.
    activity: Instant,
}

impl Dues {
    const fn each(&self) -> [Option<Instant>; 4] {
        [
            self.first_request,
            self.message,
            self.write,
            Some(self.activity),
        ]
    }
}

/// How far the connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// Nothing more is read; it ends when everything is written.
    Closing,
    /// Nothing more is read or written.
    Lost,
}

/// Whether a silent peer is asked for a sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Liveness {
    /// The system looks after that.
    Unwatched,
    /// It is asked then.
    ProbeAt(Instant),
    /// It was asked.
    AnswerBy(Instant),
}

/// What a poll of the wire has brought.
enum Moved {
    Received(io::Result<Arrival>),
    Sent(io::Result<Progress>),
}

/// What the wire is asked for.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    reading: bool,
    writing: bool,
}

const COMMANDS_AT_A_TIME: usize = 64;
/// Requests made before it is asked whether the peer keeps up.
const PIECE: usize = 16;
/// So many pieces before the peer is read from again.
const PIECES_AT_A_TIME: usize = 16;
/// How long the last answer may take to arrive after a connection was ended for bad framing.
const LINGER: Duration = Duration::from_secs(1);

/// Opens a connection to a peer that takes TCP or TLS.
pub(crate) async fn open(shared: &Arc<Shared>, peer: &Peer) -> Result<Flow, RequestError> {
    if shared.drain.is_cancelled() {
        return Err(RequestError::NotRunning);
    }
    let remote = peer.address();
    let place = shared.admission.admit(remote.ip(), Counting::Here);
    let place = place.ok_or(RequestError::Overloaded)?;
    place.keep();
    let failed = |source| RequestError::Connect {
        address: remote,
        source,
    };
    let connecting = async {
        let stream = TcpStream::connect(remote).await?;
        handshake::prepare(&stream, &shared.limits.load())?;
        let local = stream.local_addr()?;
        match peer {
            Peer::Tcp(_) => {
                let flow = new_flow(Protocol::Tcp, local, remote);
                start(shared, ByteWire::new(stream), flow, place, None)?;
                Ok(flow)
            }
            Peer::Tls { name, trust, .. } => {
                let stream = trust.connect(name, stream).await?;
                let flow = new_flow(Protocol::Tls, local, remote);
                start(shared, ByteWire::new(stream), flow, place, None)?;
                Ok(flow)
            }
        }
    };
    let flow = timeout(shared.config.connect_time, connecting)
        .await
        .map_err(|_| failed(io::ErrorKind::TimedOut.into()))?
        .map_err(failed)?;
    shared.flows.add_opened(peer.clone(), flow);
    Ok(flow)
}

/// A flow that was never used.
pub(crate) fn new_flow(transport: Protocol, local: SocketAddr, remote: SocketAddr) -> Flow {
    Flow {
        transport,
        local,
        remote,
        id: Flows::next_id(),
    }
}

/// Starts the task of a connection; a peer that has opened it owes a good request by `first_request`.
pub(crate) fn start<W: Wire>(
    shared: &Arc<Shared>,
    wire: W,
    flow: Flow,
    place: Place,
    first_request: Option<Instant>,
) -> io::Result<()> {
    let Some(service) = shared.service.get() else {
        return Err(io::Error::other("the transport is not running"));
    };
    let (sender, commands) = mpsc::channel(shared.config.queue_per_connection.max(1));
    let secret = random::secret().map_err(io::Error::other)?;
    let driver = Driver::new(
        shared.config.transactions,
        Arc::clone(service),
        Arc::clone(&shared.defence),
        Arc::clone(&shared.counters),
        sender.clone(),
        None,
        secret,
    );
    let now = Instant::now();
    let task = ConnectionTask {
        shared: Arc::clone(shared),
        wire,
        flow,
        driver,
        commands,
        outbox: Outbox::default(),
        dues: Dues {
            first_request,
            message: None,
            write: None,
            activity: now + shared.limits.load().idle_time,
        },
        liveness: Liveness::ProbeAt(now + shared.limits.load().probe_time),
        phase: Phase::Open,
        place,
    };
    shared.flows.add_connection(flow, sender);
    Counters::count(&shared.counters.connections_opened);
    shared.spawn(task.run());
    Ok(())
}

impl<W: Wire> ConnectionTask<W> {
    async fn run(mut self) {
        let (stop, drain) = (self.shared.stop.clone(), self.shared.drain.clone());
        let (stopped, draining) = (stop.cancelled(), drain.cancelled());
        let taken_back = self.place.taken_back();
        let taken_back = taken_back.cancelled();
        tokio::pin!(stopped, draining, taken_back);
        let mut is_draining = false;
        let mut alarm = Alarm::new();
        while self.is_wanted() {
            alarm.set(self.next_timeout());
            let (has_room, has_backlog) = (self.has_room(), self.driver.has_backlog());
            let wanted = Wanted {
                reading: self.phase == Phase::Open,
                writing: self.is_sending(),
            };
            tokio::select! {
                () = &mut stopped => {
                    self.phase = Phase::Lost;
                    break;
                }
                () = &mut taken_back => {
                    Counters::count(&self.shared.counters.connections_evicted);
                    debug!(flow = %self.flow, "connection closed, its place is needed");
                    self.phase = Phase::Lost;
                    break;
                }
                () = &mut draining, if !is_draining => {
                    is_draining = true;
                    self.driver.drain();
                }
                Some(command) = self.commands.recv(), if has_room && !has_backlog => {
                    self.handle_commands(command).await;
                }
                () = yield_now(), if has_room && has_backlog => self.handle_backlog(Instant::now()).await,
                moved = poll_fn(|context| {
                    poll_move(&mut self.wire, &mut self.outbox, wanted, context)
                }) => match moved {
                    Moved::Received(received) => self.handle_received(received),
                    Moved::Sent(sent) => self.handle_sent(sent),
                },
                () = alarm.rung() => self.handle_timeout(Instant::now()),
            }
            self.driver.flush_counts();
            self.collect_outgoing();
            self.send().await;
        }
        self.close().await;
    }

    /// A write is under way, and stands still.
    fn is_sending(&self) -> bool {
        self.dues.write.is_some()
    }

    fn is_wanted(&self) -> bool {
        match self.phase {
            Phase::Open => {
                !(self.driver.is_drained() && !self.is_sending() && self.commands.is_empty())
            }
            Phase::Closing => self.is_sending(),
            Phase::Lost => false,
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        let liveness = match self.liveness {
            Liveness::Unwatched => None,
            Liveness::ProbeAt(at) | Liveness::AnswerBy(at) => Some(at),
        };
        let dues = self.dues.each().into_iter().flatten().chain(liveness);
        dues.chain(self.driver.next_timeout()).min()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.driver.handle_timeout(now);
        match self.liveness {
            Liveness::ProbeAt(at) if at <= now => {
                self.liveness = match self.wire.probe() {
                    Probe::Asked => Liveness::AnswerBy(now + self.shared.limits.load().probe_time),
                    Probe::NotNeeded => Liveness::Unwatched,
                };
            }
            Liveness::AnswerBy(by) if by <= now => self.give_up(),
            Liveness::Unwatched | Liveness::ProbeAt(_) | Liveness::AnswerBy(_) => {}
        }
        let mut dues = self.dues.each().into_iter().flatten();
        if dues.any(|due| due <= now) {
            self.give_up();
        }
    }

    fn give_up(&mut self) {
        Counters::count(&self.shared.counters.connections_timed_out);
        debug!(flow = %self.flow, dues = ?self.dues, "connection closed, the peer is too slow");
        self.phase = Phase::Lost;
    }

    fn handle_received(&mut self, received: io::Result<Arrival>) {
        let arrival = match received {
            Ok(arrival) => arrival,
            Err(error) => {
                debug!(flow = %self.flow, %error, "connection lost");
                self.phase = Phase::Lost;
                return;
            }
        };
        let now = Instant::now();
        self.dues.activity = now + self.shared.limits.load().idle_time;
        if self.liveness != Liveness::Unwatched {
            self.liveness = Liveness::ProbeAt(now + self.shared.limits.load().probe_time);
        }
        match arrival {
            Arrival::Bytes => self.handle_frames(now),
            Arrival::Liveness => Counters::count(&self.shared.counters.keepalives),
            // The peer may still listen: what is to be written goes before the end.
            Arrival::End => self.phase = Phase::Closing,
        }
    }

    fn handle_frames(&mut self, now: Instant) {
        let mut is_new_message = self.dues.message.is_none();
        while self.phase == Phase::Open {
            match self.wire.next_frame() {
                Ok(Some(Frame::Message(framed))) => {
                    is_new_message = true;
                    if !self.shared.defence.hears(self.flow.remote, now) {
                        debug!(flow = %self.flow, "connection closed, its source sends too much");
                        self.phase = Phase::Lost;
                        return;
                    }
                    match self.driver.handle_framed(self.flow, framed, now) {
                        Incoming::GoodRequest => {
                            self.dues.first_request = None;
                            if self.driver.take_proof() {
                                self.place.keep();
                            }
                        }
                        Incoming::BadRequest | Incoming::Response | Incoming::Keepalive => {}
                        Incoming::Unparseable => self.phase = Phase::Closing,
                    }
                    self.collect_outgoing();
                    self.check_waiting();
                }
                Ok(Some(Frame::KeepAlive)) => {
                    // RFC 5626 §4.4.1: a double CRLF is answered by a single one.
                    Counters::count(&self.shared.counters.keepalives);
                    self.outbox.push(Bytes::from_static(b"\r\n"));
                    self.check_waiting();
                }
                Ok(None) => break,
                Err(error) => {
                    debug!(flow = %self.flow, %error, "framing lost");
                    self.driver.handle_lost_framing(self.flow, error, now);
                    self.collect_outgoing();
                    self.phase = Phase::Closing;
                }
            }
        }
        let half_read = self.wire.half_read();
        if half_read == 0 {
            self.dues.message = None;
        } else if is_new_message {
            self.dues.message = Some(now + self.shared.limits.load().message_time);
        }
        if !self.place.hold(half_read) && self.phase == Phase::Open {
            Counters::count(&self.shared.counters.half_read_too_much);
            debug!(flow = %self.flow, "connection closed, too much is half read");
            self.phase = Phase::Lost;
        }
    }

    /// Whether the peer keeps up with what is sent to it of our own accord; what it does not take yet waits where it is.
    fn has_room(&self) -> bool {
        self.outbox.bytes() <= self.shared.limits.load().bytes_waiting / 2
    }

    async fn handle_commands(&mut self, first: Command) {
        let now = Instant::now();
        let mut next = Some(first);
        let mut left = COMMANDS_AT_A_TIME;
        while let Some(command) = next.take() {
            self.driver.handle_command(command, now);
            self.collect_outgoing();
            self.handle_backlog(now).await;
            left -= 1;
            if left > 0 && self.has_room() && !self.driver.has_backlog() {
                next = self.commands.try_recv().ok();
            }
        }
    }

    /// Sends requests that were handed over many at once, until the peer has something else to say or takes no more.
    async fn handle_backlog(&mut self, now: Instant) {
        for _ in 0..PIECES_AT_A_TIME {
            if !self.driver.has_backlog() || !self.has_room() {
                return;
            }
            self.driver.handle_backlog(PIECE, now);
            self.collect_outgoing();
            if !self.has_room() {
                self.send().await;
            }
        }
    }

    fn collect_outgoing(&mut self) {
        for outgoing in self.driver.take_outgoing() {
            self.outbox.push(outgoing.bytes);
        }
    }

    /// Ends it with a peer who asks and asks, and does not read the answers.
    fn check_waiting(&mut self) {
        if self.phase != Phase::Lost
            && self.outbox.bytes() > self.shared.limits.load().bytes_waiting
        {
            Counters::count(&self.shared.counters.connections_timed_out);
            debug!(flow = %self.flow, "connection closed, the peer reads too slowly");
            self.phase = Phase::Lost;
        }
    }

    /// Writes what the peer takes at once.
    async fn send(&mut self) {
        while self.phase != Phase::Lost {
            let sent =
                poll_fn(|context| Poll::Ready(self.wire.poll_send(&mut self.outbox, context)));
            match sent.await {
                Poll::Ready(sent) => {
                    let is_done = matches!(sent, Ok(Progress::Done));
                    self.handle_sent(sent);
                    if is_done {
                        return;
                    }
                }
                Poll::Pending => {
                    let limit = Instant::now() + self.shared.limits.load().write_time;
                    self.dues.write.get_or_insert(limit);
                    return;
                }
            }
        }
    }

    fn handle_sent(&mut self, sent: io::Result<Progress>) {
        match sent {
            Ok(Progress::Some | Progress::Done) => self.dues.write = None,
            Err(error) => {
                Counters::count(&self.shared.counters.send_errors);
                debug!(flow = %self.flow, %error, "connection lost");
                self.phase = Phase::Lost;
            }
        }
        Counters::add(&self.shared.counters.sent, self.outbox.take_count());
    }

    async fn close(mut self) {
        self.shared.flows.remove_connection(self.flow);
        self.commands.close();
        let now = Instant::now();
        while let Ok(command) = self.commands.try_recv() {
            self.driver.handle_command(command, now);
        }
        self.driver.handle_closed(now);
        Counters::count(&self.shared.counters.connections_closed);
        if let Some(service) = self.shared.service.get() {
            service.handle_flow_closed(self.flow);
        }
        if self.phase == Phase::Lost {
            return;
        }
        let (wire, phase) = (&mut self.wire, self.phase);
        let parting = async {
            poll_fn(|context| wire.poll_close(context)).await?;
            // Closing with bytes unread resets the connection, which may overtake the last answer.
            while phase == Phase::Closing
                && poll_fn(|context| wire.poll_receive(context)).await? != Arrival::End
            {
                while let Ok(Some(_)) = wire.next_frame() {}
            }
            io::Result::Ok(())
        };
        match timeout(LINGER, parting).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(flow = %self.flow, %error, "peer is gone"),
            Err(_) => debug!(flow = %self.flow, "peer does not close"),
        }
    }
}

fn poll_move<W: Wire>(
    wire: &mut W,
    outbox: &mut Outbox,
    wanted: Wanted,
    context: &mut Context<'_>,
) -> Poll<Moved> {
    if wanted.writing
        && let Poll::Ready(sent) = wire.poll_send(outbox, context)
    {
        return Poll::Ready(Moved::Sent(sent));
    }
    if wanted.reading {
        return wire.poll_receive(context).map(Moved::Received);
    }
    Poll::Pending
}
