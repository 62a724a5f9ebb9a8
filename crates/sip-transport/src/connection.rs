//! The task that owns one TCP connection: reads, frames, drives the transactions, writes. Must not know SIP.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sip::framing::{Frame, StreamFramer};
use sip::{Flow, Protocol};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::debug;

use crate::admission::Place;
use crate::alarm::Alarm;
use crate::counters::Counters;
use crate::driver::{Driver, Incoming};
use crate::flows::Command;
use crate::random;
use crate::sender::RequestError;
use crate::transport::Shared;

/// One connection with all it needs.
struct ConnectionTask {
    shared: Arc<Shared>,
    stream: TcpStream,
    flow: Flow,
    driver: Driver,
    commands: mpsc::Receiver<Command>,
    framer: StreamFramer,
    waiting: VecDeque<Bytes>,
    bytes_waiting: usize,
    /// When the peer has to have done what, if it owes something.
    dues: Dues,
    phase: Phase,
    _place: Place,
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

/// How far the connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// Nothing more is read; it ends when everything is written.
    Closing,
    /// Nothing more is read or written.
    Lost,
}

const READ_AT_A_TIME: usize = 16 * 1024;
const SLICES_AT_A_TIME: usize = 16;
const COMMANDS_AT_A_TIME: usize = 64;
/// How long the last answer may take to arrive after a connection was ended for bad framing.
const LINGER: Duration = Duration::from_secs(1);
/// A dead peer shows within about two minutes.
const KEEPALIVE_TIME: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// Serves a connection a peer has opened.
pub(crate) fn accept(
    shared: &Arc<Shared>,
    stream: TcpStream,
    remote: SocketAddr,
    place: Place,
) -> io::Result<()> {
    let first_request = Instant::now() + shared.config.first_request_time;
    start(shared, stream, remote, place, Some(first_request)).map(|_| ())
}

/// Opens a connection.
pub(crate) async fn open(shared: &Arc<Shared>, remote: SocketAddr) -> Result<Flow, RequestError> {
    if shared.drain.is_cancelled() {
        return Err(RequestError::NotRunning);
    }
    let place = shared.admission.admit(remote.ip());
    let place = place.ok_or(RequestError::Overloaded)?;
    let failed = |source| RequestError::Connect {
        address: remote,
        source,
    };
    let stream = timeout(shared.config.connect_time, TcpStream::connect(remote))
        .await
        .map_err(|_| failed(io::ErrorKind::TimedOut.into()))?
        .map_err(failed)?;
    start(shared, stream, remote, place, None).map_err(failed)
}

fn start(
    shared: &Arc<Shared>,
    stream: TcpStream,
    remote: SocketAddr,
    place: Place,
    first_request: Option<Instant>,
) -> io::Result<Flow> {
    let Some(service) = shared.service.get() else {
        return Err(io::Error::other("the transport is not running"));
    };
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_TIME)
        .with_interval(KEEPALIVE_INTERVAL);
    SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    let flow = Flow {
        transport: Protocol::Tcp,
        local: stream.local_addr()?,
        remote,
        id: crate::flows::Flows::next_id(),
    };
    let (sender, commands) = mpsc::channel(shared.config.queue_per_connection.max(1));
    let secret = random::secret().map_err(io::Error::other)?;
    let driver = Driver::new(
        shared.config.transactions,
        Arc::clone(service),
        Arc::clone(&shared.counters),
        sender.clone(),
        secret,
    );
    let task = ConnectionTask {
        shared: Arc::clone(shared),
        stream,
        flow,
        driver,
        commands,
        framer: StreamFramer::new(),
        waiting: VecDeque::new(),
        bytes_waiting: 0,
        dues: Dues {
            first_request,
            message: None,
            write: None,
            activity: Instant::now() + shared.config.idle_time,
        },
        phase: Phase::Open,
        _place: place,
    };
    shared.flows.add_connection(flow, sender);
    Counters::count(&shared.counters.connections_opened);
    shared.tasks.spawn(task.run());
    Ok(flow)
}

impl ConnectionTask {
    async fn run(mut self) {
        let (stop, drain) = (self.shared.stop.clone(), self.shared.drain.clone());
        let (stopped, draining) = (stop.cancelled(), drain.cancelled());
        tokio::pin!(stopped, draining);
        let mut is_draining = false;
        let mut alarm = Alarm::new();
        let mut batch = Vec::new();
        while self.is_wanted() {
            alarm.set(self.next_timeout());
            tokio::select! {
                () = &mut stopped => break,
                () = &mut draining, if !is_draining => {
                    is_draining = true;
                    self.driver.drain();
                }
                _ = self.commands.recv_many(&mut batch, COMMANDS_AT_A_TIME) => {
                    let now = Instant::now();
                    for command in batch.drain(..) {
                        self.driver.handle_command(command, now);
                    }
                }
                ready = ready(&self.stream, self.phase, self.bytes_waiting) => match ready {
                    Ok(ready) if ready.is_readable() => self.read(),
                    Ok(_) => {}
                    Err(_) => self.phase = Phase::Lost,
                },
                () = alarm.rung() => self.handle_timeout(Instant::now()),
            }
            self.driver.flush_counts();
            self.write();
        }
        self.close().await;
    }

    fn is_wanted(&self) -> bool {
        match self.phase {
            Phase::Open => {
                !(self.driver.is_drained() && self.waiting.is_empty() && self.commands.is_empty())
            }
            Phase::Closing => !self.waiting.is_empty(),
            Phase::Lost => false,
        }
    }

    fn next_timeout(&self) -> Option<Instant> {
        let Dues {
            first_request,
            message,
            write,
            activity,
        } = self.dues;
        let dues = [first_request, message, write, Some(activity)];
        let dues = dues.into_iter().flatten();
        dues.chain(self.driver.next_timeout()).min()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.driver.handle_timeout(now);
        let Dues {
            first_request,
            message,
            write,
            activity,
        } = self.dues;
        let mut dues = [first_request, message, write, Some(activity)].into_iter();
        if dues.any(|due| due.is_some_and(|due| due <= now)) {
            Counters::count(&self.shared.counters.connections_timed_out);
            debug!(flow = %self.flow, dues = ?self.dues, "connection closed, the peer is too slow");
            self.phase = Phase::Lost;
        }
    }

    fn read(&mut self) {
        let mut scratch = [0; READ_AT_A_TIME];
        let length = match self.stream.try_read(&mut scratch) {
            Ok(0) => {
                // The peer may still listen: what is to be written goes before the end.
                self.phase = Phase::Closing;
                return;
            }
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(error) => {
                debug!(flow = %self.flow, %error, "connection lost");
                self.phase = Phase::Lost;
                return;
            }
        };
        let now = Instant::now();
        self.dues.activity = now + self.shared.config.idle_time;
        let bytes = scratch.get(..length).unwrap_or_default();
        self.framer.push(bytes);
        let mut is_new_message = self.dues.message.is_none();
        while self.phase == Phase::Open {
            match self.framer.poll_frame() {
                Ok(Some(Frame::Message(bytes))) => {
                    is_new_message = true;
                    match self.driver.handle_bytes(self.flow, bytes, now) {
                        Incoming::GoodRequest => self.dues.first_request = None,
                        Incoming::BadRequest | Incoming::Response | Incoming::Keepalive => {}
                        Incoming::Unparseable => self.phase = Phase::Closing,
                    }
                    self.collect_outgoing();
                }
                Ok(Some(Frame::KeepAlive)) => {
                    // RFC 5626 §4.4.1: a double CRLF is answered by a single one.
                    Counters::count(&self.shared.counters.keepalives);
                    self.enqueue(Bytes::from_static(b"\r\n"));
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
        // Line ends alone are a keepalive, of which no more need come.
        let is_line_ends = bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
        if !self.framer.is_mid_message() {
            self.dues.message = None;
        } else if is_new_message && !is_line_ends {
            self.dues.message = Some(now + self.shared.config.message_time);
        }
    }

    fn collect_outgoing(&mut self) {
        let Self {
            driver,
            waiting,
            bytes_waiting,
            ..
        } = self;
        for outgoing in driver.take_outgoing() {
            *bytes_waiting += outgoing.bytes.len();
            waiting.push_back(outgoing.bytes);
        }
        self.check_waiting();
    }

    fn enqueue(&mut self, bytes: Bytes) {
        self.bytes_waiting += bytes.len();
        self.waiting.push_back(bytes);
        self.check_waiting();
    }

    fn check_waiting(&mut self) {
        if self.bytes_waiting > self.shared.config.bytes_waiting {
            Counters::count(&self.shared.counters.connections_timed_out);
            debug!(flow = %self.flow, "connection closed, the peer reads too slowly");
            self.phase = Phase::Lost;
        }
    }

    fn write(&mut self) {
        self.collect_outgoing();
        while self.phase != Phase::Lost && !self.waiting.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES_AT_A_TIME];
            for (slice, bytes) in slices.iter_mut().zip(&self.waiting) {
                *slice = IoSlice::new(bytes);
            }
            match self.stream.try_write_vectored(&slices) {
                Ok(written) => {
                    self.dues.write = None;
                    self.forget_written(written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let limit = Instant::now() + self.shared.config.write_time;
                    self.dues.write.get_or_insert(limit);
                    return;
                }
                Err(error) => {
                    Counters::count(&self.shared.counters.send_errors);
                    debug!(flow = %self.flow, %error, "connection lost");
                    self.phase = Phase::Lost;
                }
            }
        }
    }

    fn forget_written(&mut self, mut written: usize) {
        self.bytes_waiting = self.bytes_waiting.saturating_sub(written);
        let mut sent = 0;
        while let Some(first) = self.waiting.front_mut() {
            if written < first.len() {
                bytes::Buf::advance(first, written);
                break;
            }
            written -= first.len();
            sent += 1;
            self.waiting.pop_front();
        }
        Counters::add(&self.shared.counters.sent, sent);
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
        if self.phase == Phase::Closing && self.stream.shutdown().await.is_ok() {
            // Closing with bytes unread resets the connection, which may overtake the last answer.
            let drained = async {
                let mut scratch = [0; 1024];
                while self.stream.readable().await.is_ok() {
                    match self.stream.try_read(&mut scratch) {
                        Ok(0) => return,
                        Ok(_) => {}
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Err(_) => return,
                    }
                }
            };
            if timeout(LINGER, drained).await.is_err() {
                debug!(flow = %self.flow, "peer does not close");
            }
        }
    }
}

/// Waits for what the phase asks for.
async fn ready(
    stream: &TcpStream,
    phase: Phase,
    bytes_waiting: usize,
) -> io::Result<tokio::io::Ready> {
    let interest = match (phase, bytes_waiting) {
        (Phase::Open, 0) => Interest::READABLE,
        (Phase::Open, _) => Interest::READABLE | Interest::WRITABLE,
        (Phase::Closing | Phase::Lost, _) => Interest::WRITABLE,
    };
    stream.ready(interest).await
}
