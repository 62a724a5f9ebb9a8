//! Binds the sockets, starts their tasks and ends them. Must not read or write any socket itself.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::num::NonZero;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use rustls::ServerConfig;
use sip::Protocol;
use socket2::{Domain, Socket, Type};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{OnceCell, mpsc};
use tokio::time::{interval, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::admission::Admission;
use crate::config::{Config, Listen};
use crate::counters::Counters;
use crate::datagrams::DatagramSocket;
use crate::defence::Defence;
use crate::dns::Dns;
use crate::driver::Driver;
use crate::flows::{Command, Flows};
use crate::group::{Group, Place, SharedAddress, Shift};
use crate::limits::{Limits, LimitsInForce};
use crate::listener;
use crate::random::{self, NoRandomness};
use crate::sender::Sender;
use crate::service::Service;
use crate::socket_thread::SocketThread;
use crate::tls::TlsIdentity;
use crate::trust::TlsTrust;
use crate::udp::DatagramTask;
use crate::upgraded::Upgraded;

/// Bound sockets, ready to run.
pub struct Transport {
    shared: Arc<Shared>,
    addresses: Vec<(Protocol, SocketAddr)>,
    sockets: Vec<Prepared>,
    listeners: Vec<(Protocol, TcpListener)>,
}

/// A UDP socket before its task starts.
struct Prepared {
    socket: DatagramSocket,
    bound: BoundSocket,
    /// Where several sockets share an address.
    thread: Option<SocketThread>,
    place: Option<Place>,
    shift: Shift,
    secret: [u64; 2],
    commands: mpsc::Sender<Command>,
    queue: mpsc::Receiver<Command>,
}

/// Replaces what TLS listeners show; cheap to clone.
#[derive(Clone)]
pub struct TlsHandle(Arc<Shared>);

impl TlsHandle {
    /// Shows `identity` to every connection from the next on; open ones stay as they are.
    pub fn replace(&self, identity: TlsIdentity) {
        self.0.tls.store(Some(identity.into_config()));
    }
}

/// Replaces whom we believe when we connect over TLS; cheap to clone.
#[derive(Clone)]
pub struct TrustHandle(Arc<Shared>);

impl TrustHandle {
    /// Has every request from the next on go over connections to servers that `trust` vouches for. Connections that
    /// others have vouched for end when what is under way on them does, and they rest.
    pub fn replace(&self, trust: TlsTrust) {
        self.0.tls_trust.store(Some(Arc::new(trust)));
    }
}

/// Replaces the limits; cheap to clone.
#[derive(Clone)]
pub struct LimitsHandle(Arc<Shared>);

impl LimitsHandle {
    /// Puts other limits in force. What is known of sources stays, but what they have used up of a changed rate does
    /// not; [`Limits::longest_datagram`] stays as it was.
    pub fn replace(&self, limits: Limits) {
        let limits = Arc::new(limits);
        self.0.limits.store(Arc::clone(&limits));
        self.0.defence.replace(&limits, Instant::now());
    }
}

/// A listener that cannot be had.
#[derive(Debug, Error)]
pub enum BindError {
    /// Somebody else listens there.
    #[error("listen on {protocol}://{address}: it is in use", protocol = scheme(*.0), address = .1)]
    InUse(Protocol, SocketAddr),
    /// The system refuses for another reason.
    #[error("listen on {protocol}://{address}", protocol = scheme(*.protocol))]
    Refused {
        /// Wanted.
        protocol: Protocol,
        /// Wanted.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Nothing can be matched or sent safely without randomness.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// TLS needs a certificate, and the configuration has none.
    #[error("listen on {protocol}://{address}: there is no certificate", protocol = scheme(*.0), address = .1)]
    NoIdentity(Protocol, SocketAddr),
}

/// What all tasks of one transport share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) limits: LimitsInForce,
    pub(crate) flows: Flows,
    pub(crate) admission: Arc<Admission>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) defence: Arc<Defence>,
    /// What the next TLS connection is shown.
    pub(crate) tls: ArcSwapOption<ServerConfig>,
    /// Who vouches for the servers that we connect to.
    pub(crate) tls_trust: ArcSwapOption<TlsTrust>,
    /// Opened when the first name has to be resolved.
    pub(crate) dns: OnceCell<Dns>,
    /// The bound UDP addresses.
    pub(crate) udp: Vec<SharedAddress>,
    /// Every task of sockets, listeners and connections.
    pub(crate) tasks: TaskTracker,
    /// Where they run, but for sockets with threads of their own, which start nothing there.
    runtime: Handle,
    /// Set when the transport runs.
    pub(crate) service: OnceLock<Arc<dyn Service>>,
    /// Accept nothing new, finish what is under way.
    pub(crate) drain: CancellationToken,
    /// End at once.
    pub(crate) stop: CancellationToken,
}

impl Shared {
    /// Runs a task of the transport, whoever asks for it: the thread of a socket has time for nothing else.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(task, &self.runtime);
    }
}

/// A UDP socket as others know it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BoundSocket {
    pub(crate) local: SocketAddr,
    pub(crate) id: u64,
}

/// Connections that may wait to be accepted: phones come back at once after a restart. The kernel gives no more than its own limit.
const BACKLOG: i32 = 4096;
/// How often it is looked for sources that can be forgotten.
const SWEEP_INTERVAL: Duration = Duration::from_secs(15);

impl Transport {
    /// Binds every listener of the configuration, or none.
    ///
    /// # Errors
    /// Names the listener that cannot be had.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn bind(config: Config) -> Result<Self, BindError> {
        let flows = Flows::default();
        let mut addresses = Vec::new();
        let mut udp = Vec::new();
        let mut sockets = Vec::new();
        let mut listeners = Vec::new();
        for listen in &config.listen {
            match listen.protocol {
                Protocol::Udp => {
                    let (ours, bound) =
                        prepare_udp(*listen, &config, &flows, sockets.len()).await?;
                    addresses.push((Protocol::Udp, ours.local));
                    udp.push(ours);
                    sockets.extend(bound);
                }
                protocol @ (Protocol::Tls | Protocol::Wss) if config.tls.is_none() => {
                    return Err(BindError::NoIdentity(protocol, listen.address));
                }
                protocol @ (Protocol::Tcp | Protocol::Tls | Protocol::Ws | Protocol::Wss) => {
                    let (listener, local) =
                        bind_tcp(*listen).map_err(|source| bind_error(*listen, source))?;
                    addresses.push((protocol, local));
                    listeners.push((protocol, listener));
                }
            }
        }
        let counters = Arc::new(Counters::default());
        let limits: LimitsInForce = Arc::new(ArcSwap::from_pointee(config.limits.clone()));
        let shared = Shared {
            flows,
            admission: Arc::new(Admission::new(Arc::clone(&limits))),
            defence: Arc::new(Defence::new(&limits, Arc::clone(&counters), Instant::now())),
            counters,
            limits,
            udp,
            tasks: TaskTracker::new(),
            runtime: Handle::current(),
            service: OnceLock::new(),
            drain: CancellationToken::new(),
            stop: CancellationToken::new(),
            dns: OnceCell::new(),
            tls_trust: ArcSwapOption::from_pointee(config.tls_trust.clone()),
            tls: ArcSwapOption::new(config.tls.clone().map(TlsIdentity::into_config)),
            config,
        };
        Ok(Self {
            shared: Arc::new(shared),
            addresses,
            sockets,
            listeners,
        })
    }

    /// The addresses listened on, in the order of the configuration, with the ports the system chose.
    pub fn local_addresses(&self) -> &[(Protocol, SocketAddr)] {
        &self.addresses
    }

    /// Sends requests of ours; it works while the transport runs.
    pub fn sender(&self) -> Sender {
        Sender::new(Arc::clone(&self.shared))
    }

    /// Takes over WebSockets accepted elsewhere; it works while the transport runs.
    pub fn upgraded(&self) -> Upgraded {
        Upgraded::new(Arc::clone(&self.shared))
    }

    /// Replaces the limits.
    pub fn limits_handle(&self) -> LimitsHandle {
        LimitsHandle(Arc::clone(&self.shared))
    }

    /// Replaces what TLS listeners show.
    pub fn tls_handle(&self) -> TlsHandle {
        TlsHandle(Arc::clone(&self.shared))
    }

    /// Replaces whom we believe.
    pub fn trust_handle(&self) -> TrustHandle {
        TrustHandle(Arc::clone(&self.shared))
    }

    /// What the transport does, counted.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.shared.counters)
    }

    /// Serves until `shutdown`, then finishes what is under way within [`Config::drain_time`] and closes everything.
    pub async fn run(self, service: Arc<dyn Service>, shutdown: CancellationToken) {
        let Self {
            shared,
            addresses,
            sockets,
            listeners,
        } = self;
        // Should this future be dropped, the tasks end too.
        let _stop = shared.stop.clone().drop_guard();
        // `self` is consumed, so nobody has set it before.
        shared.service.get_or_init(|| Arc::clone(&service));
        for prepared in sockets {
            let driver = Driver::new(
                shared.config.transactions,
                Arc::clone(&service),
                Arc::clone(&shared.defence),
                Arc::clone(&shared.counters),
                prepared.commands,
                prepared.place,
                prepared.secret,
            );
            let task = DatagramTask::new(
                Arc::clone(&shared),
                prepared.socket,
                prepared.bound,
                driver,
                prepared.shift,
                prepared.queue,
            );
            match prepared.thread {
                Some(thread) => thread.start(task, shared.tasks.token()),
                None => shared.spawn(task.run()),
            }
        }
        for (protocol, listener) in listeners {
            shared.spawn(listener::run(Arc::clone(&shared), protocol, listener));
        }
        shared.spawn(sweep(Arc::clone(&shared)));
        for (protocol, address) in addresses {
            info!(%protocol, %address, "listening");
        }
        shutdown.cancelled().await;
        shared.drain.cancel();
        shared.tasks.close();
        if timeout(shared.config.drain_time, shared.tasks.wait())
            .await
            .is_err()
        {
            warn!("some transactions are not over, closing all the same");
        }
        shared.stop.cancel();
        shared.tasks.wait().await;
    }
}

/// Gives back what a flood has taken, until the signal to drain.
async fn sweep(shared: Arc<Shared>) {
    let mut ticks = interval(SWEEP_INTERVAL);
    while let Some(tick) = shared.drain.run_until_cancelled(ticks.tick()).await {
        shared.defence.sweep(tick.into_std());
    }
}

/// Binds the sockets of one address, and opens the threads they run on where they are several.
async fn prepare_udp(
    listen: Listen,
    config: &Config,
    flows: &Flows,
    threads: usize,
) -> Result<(SharedAddress, Vec<Prepared>), BindError> {
    let refused = |source| bind_error(listen, source);
    let (sockets, local) =
        bind_udp(listen, config.udp_sockets, config.socket_buffer).map_err(refused)?;
    // One for all: an answer that is not remembered comes out the same whichever of them has to make it.
    let secret = random::secret()?;
    let queues: Vec<_> = sockets
        .iter()
        .map(|_| mpsc::channel(config.queue_per_socket.max(1)))
        .collect();
    let group = Group::new(queues.iter().map(|(commands, _)| commands.clone()));
    let mut prepared = Vec::new();
    for ((number, socket), (commands, queue)) in (0..).zip(sockets).zip(queues) {
        let place = group.place(number);
        let (thread, socket) = if place.is_some() {
            let name = format!("udp-{}", threads + prepared.len());
            let opened = SocketThread::open(name, socket).await;
            let (thread, socket) = opened.map_err(refused)?;
            (Some(thread), socket)
        } else {
            (None, DatagramSocket::new(socket).map_err(refused)?)
        };
        let id = Flows::next_id();
        flows.add_socket(id, commands.clone());
        prepared.push(Prepared {
            socket,
            bound: BoundSocket { local, id },
            thread,
            place,
            shift: group.shift(),
            secret,
            commands,
            queue,
        });
    }
    let ids = prepared.iter().map(|prepared| prepared.bound.id).collect();
    Ok((SharedAddress { local, ids }, prepared))
}

fn bind_udp(
    listen: Listen,
    count: NonZero<u8>,
    buffer: usize,
) -> io::Result<(Vec<UdpSocket>, SocketAddr)> {
    let open = || {
        let socket = new_socket(listen, Type::DGRAM)?;
        // The kernel gives what its own limit allows.
        socket.set_recv_buffer_size(buffer)?;
        socket.set_send_buffer_size(buffer)?;
        io::Result::Ok(socket)
    };
    let first = open()?;
    first.bind(&listen.address.into())?;
    let local = first.local_addr()?;
    if count.get() > 1 {
        // The first is bound without it, and lets the others in only now: an address that a server of the same user has
        // is in use, however many sockets that one has there.
        first.set_reuse_port(true)?;
    }
    let sockets = with_more(first, count.get().into(), || {
        let socket = open()?;
        socket.set_reuse_port(true)?;
        socket.bind(&local)?;
        Ok(socket)
    });
    let local = local.as_socket().ok_or(io::ErrorKind::Unsupported)?;
    Ok((sockets.into_iter().map(UdpSocket::from).collect(), local))
}

/// As many as wanted, or as the system gives: fewer of them serve an address as well.
fn with_more<S>(first: S, wanted: usize, mut open: impl FnMut() -> io::Result<S>) -> Vec<S> {
    let mut sockets = vec![first];
    while sockets.len() < wanted {
        match open() {
            Ok(socket) => sockets.push(socket),
            Err(error) => {
                let opened = sockets.len();
                warn!(%error, opened, wanted, "a UDP address has fewer sockets than wanted");
                break;
            }
        }
    }
    sockets
}

fn bind_tcp(listen: Listen) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = new_socket(listen, Type::STREAM)?;
    // Else a restart waits for the connections of the run before to leave TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.bind(&listen.address.into())?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from_std(socket.into())?;
    let local = listener.local_addr()?;
    Ok((listener, local))
}

fn new_socket(listen: Listen, kind: Type) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(listen.address), kind, None)?;
    if listen.address.is_ipv6() {
        // IPv4 peers have sockets of their own, so that no address is ever written as ::ffff:a.b.c.d.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn bind_error(listen: Listen, source: io::Error) -> BindError {
    let Listen { protocol, address } = listen;
    if source.kind() == io::ErrorKind::AddrInUse {
        return BindError::InUse(protocol, address);
    }
    BindError::Refused {
        protocol,
        address,
        source,
    }
}

fn scheme(protocol: Protocol) -> String {
    protocol.as_str().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::with_more;

    #[test]
    fn sockets_are_as_many_as_the_system_gives() {
        let sockets = |wanted, given| {
            let mut next = 0;
            let open = || {
                next += 1;
                let is_given = next < given;
                is_given
                    .then_some(next)
                    .ok_or(io::ErrorKind::AddrInUse.into())
            };
            with_more(0, wanted, open)
        };
        assert_eq!(sockets(1, 1), [0]);
        assert_eq!(sockets(3, 9), [0, 1, 2]);
        assert_eq!(sockets(4, 3), [0, 1, 2]);
        assert_eq!(sockets(4, 1), [0]);
    }
}
