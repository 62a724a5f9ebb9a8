//! The task that owns one UDP socket: reads, drives the transactions, writes. Must not know SIP.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use sip::{Flow, Protocol};
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tracing::{debug, warn};

use crate::alarm::Alarm;
use crate::counters::Counters;
use crate::datagrams::DatagramSocket;
use crate::dispatch::{self, Dispatched, Segmentation};
use crate::driver::{Driver, Outgoing};
use crate::flows::Command;
use crate::group::Shift;
use crate::receive::{Extent, Receiver};
use crate::stun::{self, Stun};
use crate::transport::{BoundSocket, Shared};

/// One socket with all it needs.
pub(crate) struct DatagramTask {
    shared: Arc<Shared>,
    socket: DatagramSocket,
    bound: BoundSocket,
    driver: Driver,
    shift: Shift,
    commands: mpsc::Receiver<Command>,
    receiver: Receiver,
    /// What the kernel would not take yet.
    waiting: VecDeque<Outgoing>,
    segmentation: Segmentation,
}

/// Commands taken before the socket is looked at again.
const COMMANDS_AT_A_TIME: usize = 64;
/// The same of requests of ours that were handed over many at once.
const REQUESTS_AT_A_TIME: usize = 64;

impl DatagramTask {
    pub(crate) fn new(
        shared: Arc<Shared>,
        socket: DatagramSocket,
        bound: BoundSocket,
        driver: Driver,
        shift: Shift,
        commands: mpsc::Receiver<Command>,
    ) -> Self {
        let receiver = Receiver::new(shared.config.limits.longest_datagram);
        Self {
            shared,
            socket,
            bound,
            driver,
            shift,
            commands,
            receiver,
            waiting: VecDeque::new(),
            segmentation: Segmentation::default(),
        }
    }

    /// Runs until stopped, or drained after the signal to drain with all other sockets of the address.
    pub(crate) async fn run(mut self) {
        let (stop, drain) = (self.shared.stop.clone(), self.shared.drain.clone());
        let (stopped, draining) = (stop.cancelled(), drain.cancelled());
        let all_finished = self.shift.all_finished();
        tokio::pin!(stopped, draining, all_finished);
        let mut alarm = Alarm::new();
        let mut is_draining = false;
        loop {
            alarm.set(self.driver.next_timeout());
            // What the kernel does not take yet waits where it is.
            let (has_room, has_backlog) = (self.waiting.is_empty(), self.driver.has_backlog());
            tokio::select! {
                () = &mut stopped => break,
                () = &mut draining, if !is_draining => {
                    is_draining = true;
                    self.driver.drain();
                }
                () = &mut all_finished, if self.shift.is_finished() => break,
                Some(command) = self.commands.recv(), if has_room && !has_backlog => {
                    self.handle_commands(command);
                }
                () = yield_now(), if has_room && has_backlog => {
                    self.driver.handle_backlog(REQUESTS_AT_A_TIME, Instant::now());
                }
                ready = self.socket.readable() => match ready {
                    Ok(()) => self.receive(),
                    Err(error) => {
                        warn!(%error, local = %self.bound.local, "socket lost");
                        break;
                    }
                },
                ready = self.socket.writable(), if !self.waiting.is_empty() => {
                    if let Err(error) = ready {
                        warn!(%error, local = %self.bound.local, "socket lost");
                        break;
                    }
                }
                () = alarm.rung() => self.driver.handle_timeout(Instant::now()),
            }
            self.driver.flush_counts();
            self.send();
            if self.driver.is_drained() && self.waiting.is_empty() && self.commands.is_empty() {
                self.shift.finish();
                if self.shift.are_all_finished() {
                    break;
                }
            }
        }
        self.driver.handle_closed(Instant::now());
        self.shared.flows.remove_socket(self.bound.id);
    }

    fn handle_commands(&mut self, first: Command) {
        let now = Instant::now();
        let mut next = Some(first);
        let mut left = COMMANDS_AT_A_TIME;
        while let Some(command) = next.take() {
            self.driver.handle_command(command, now);
            self.driver.handle_backlog(REQUESTS_AT_A_TIME, now);
            left -= 1;
            let has_made_many = self.driver.outgoing_mut().len() >= REQUESTS_AT_A_TIME;
            if left > 0 && !has_made_many && !self.driver.has_backlog() {
                next = self.commands.try_recv().ok();
            }
        }
    }

    fn receive(&mut self) {
        let datagrams = match self.receiver.receive(&self.socket, self.bound.local) {
            Ok(datagrams) => datagrams,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(error) => {
                debug!(%error, local = %self.bound.local, "nothing read");
                return;
            }
        };
        let now = Instant::now();
        for datagram in datagrams {
            if !self.shared.defence.hears(datagram.source, now) {
                continue;
            }
            let flow = Flow {
                transport: Protocol::Udp,
                local: self.bound.local,
                remote: datagram.source,
                id: self.bound.id,
            };
            // RFC 5626 §8: STUN shares the socket with SIP.
            if let Some(stun) = stun::judge(&datagram.bytes, datagram.source) {
                Counters::count(&self.shared.counters.stun);
                if let Stun::Answer(bytes) = stun {
                    self.driver.send_aside(flow, bytes);
                }
                continue;
            }
            match datagram.extent {
                Extent::Whole => {
                    self.driver.handle_framed(flow, datagram.bytes.into(), now);
                }
                Extent::Cut => self.driver.handle_oversized(flow, datagram.bytes, now),
            }
        }
    }

    fn send(&mut self) {
        let counters = &self.shared.counters;
        let limit = self.shared.config.datagrams_waiting;
        dispatch::arrange(self.driver.outgoing_mut(), self.segmentation);
        for outgoing in self.driver.take_outgoing() {
            if self.waiting.len() < limit {
                self.waiting.push_back(outgoing);
            } else {
                Counters::count(&counters.send_queue_full);
            }
        }
        let Dispatched { sent, failed } = dispatch::send(
            self.socket.plain(),
            self.bound.local,
            &mut self.waiting,
            &mut self.segmentation,
        );
        Counters::add(&counters.send_errors, failed);
        Counters::add(&counters.sent, sent);
    }
}
