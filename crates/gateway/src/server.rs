//! The listener: accepts within limits, serves HTTP/1.1 and HTTP/2, drains and stops.
//! Must not know any route.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use http::{Method, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::Service;
use tracing::{debug, info, warn};

use crate::addresses::Address;
use crate::config::{Config, Options};
use crate::connection::{Connection, Ends, Places};
use crate::desk::Desk;
use crate::face::{ConfigHandle, Face};
use crate::leaving::leave;
use crate::metrics::Counted;
use crate::ready::Question;
use crate::routes;
use crate::source::Peer;
use crate::wall;

/// Time a client may take to send a request's headers, and an idle connection may stay open.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);

/// Time that open answers have to end after a shutdown.
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// Connections that may wait to be accepted: all pages come back at once after a restart, and the kernel has whoever finds
/// no place wait for a second and more. It gives no more than its own limit.
const BACKLOG: u32 = 4096;

/// Bytes that the headers of one request may have.
const HEADER_BYTES: usize = 16 * 1024;

/// The HTTP server, bound and not yet serving.
pub struct Gateway {
    listener: TcpListener,
    local_address: SocketAddr,
    face: Face,
}

/// The address cannot be listened on. The text fits "failed to {text}".
#[derive(Debug, Error)]
#[error("listen for HTTP on {listen}: {source}")]
pub struct BindError {
    listen: SocketAddr,
    source: io::Error,
}

fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Else a restart waits for the connections of the run before to leave TIME_WAIT.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Gateway {
    /// Listens with the default [`Options`].
    pub async fn bind(listen: SocketAddr, config: Config, desk: Desk) -> Result<Self, BindError> {
        Self::bind_with(listen, config, desk, Options::default()).await
    }

    /// Listens; connections wait in the backlog until [`Gateway::run`].
    pub async fn bind_with(
        listen: SocketAddr,
        config: Config,
        desk: Desk,
        options: Options,
    ) -> Result<Self, BindError> {
        let refused = |source| BindError { listen, source };
        let listener = listen_on(listen).map_err(refused)?;
        let local_address = listener.local_addr().map_err(refused)?;
        Ok(Self {
            listener,
            local_address,
            face: Face::new(config, desk, options),
        })
    }

    /// Serves until `shutdown` is cancelled, then lets open answers end for a few seconds.
    pub async fn run(self, shutdown: CancellationToken) {
        let Self {
            listener,
            local_address,
            face,
        } = self;
        let app = routes::router(face.clone());
        let places = Places::new(&face.options);
        // Conversations outlive their connections' tasks, but not this one, however it ends.
        let _stop = face.stop.clone().drop_guard();
        face.tasks.spawn(wall::run(face.clone()));
        if let Err(error) = face.audience.start(&face) {
            warn!(%error, "streams of presence stay with HTTP and take more memory");
        }
        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(ended) = connections.join_next() => log_panic(ended),
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        let Some(place) = places.take(peer.ip()) else {
                            face.metrics.refused_connections.inc();
                            debug!(%peer, "too many connections");
                            continue;
                        };
                        // Best effort: without it small events may be held back for a moment.
                        if let Err(error) = stream.set_nodelay(true) {
                            debug!(%error, "no TCP_NODELAY");
                        }
                        let ends = Ends {
                            local: stream.local_addr().unwrap_or(local_address),
                            remote: peer,
                        };
                        let counted = Counted::new(&face.metrics.connections);
                        let connection = Connection::new(stream, place, counted);
                        let watcher = graceful.watcher();
                        let serving = Serving {
                            app: app.clone(),
                            face: face.clone(),
                        };
                        connections.spawn(serve(connection, ends, serving, watcher));
                    }
                    Err(error) => pause_after(&error).await,
                },
            }
        }
        drop(listener);
        face.stop.cancel();
        face.tasks.close();
        let drained = timeout(DRAIN_TIME, async {
            tokio::join!(graceful.shutdown(), face.tasks.wait());
        });
        if drained.await.is_err() {
            warn!("some HTTP answers did not end in time");
        }
        connections.shutdown().await;
        info!("HTTP has stopped");
    }

    /// The address listened on, with the port the system chose where 0 was asked for.
    pub fn local_address(&self) -> SocketAddr {
        self.local_address
    }

    /// Every address that is served, with who may come.
    pub fn addresses() -> Vec<Address> {
        routes::addresses().table().to_vec()
    }

    /// Replaces the configuration while [`Gateway::run`] runs.
    pub fn config_handle(&self) -> ConfigHandle {
        ConfigHandle(self.face.clone())
    }
}

/// What every connection is served with.
struct Serving {
    app: Router,
    face: Face,
}

async fn serve(
    connection: Connection<TcpStream>,
    ends: Ends,
    Serving { app, face }: Serving,
    watcher: Watcher,
) {
    let exit = connection.exit();
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        let question = Question::of(&request, &face);
        let ready = question
            .as_ref()
            .and_then(|question| face.ready.answer(question));
        let routed = match ready {
            Some(response) => Err(response),
            None => {
                request.extensions_mut().insert(Peer(ends.remote.ip()));
                request.extensions_mut().insert(ends);
                let may_leave =
                    request.version() == Version::HTTP_11 && request.method() == Method::GET;
                let answer = app.clone().call(request);
                Ok((answer, may_leave, question, exit.clone(), face.clone()))
            }
        };
        async move {
            let (answer, may_leave, question, exit, face) = match routed {
                Ok(routed) => routed,
                Err(ready) => return Ok(ready),
            };
            let response = answer.await?;
            if let Some(question) = question {
                face.ready.keep(question, &response, &face);
            }
            if may_leave {
                leave(response, &exit, &face).await
            } else {
                Ok(response)
            }
        }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        .max_buf_size(HEADER_BYTES)
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(100)
        .max_header_list_size(16 * 1024)
        .max_send_buf_size(64 * 1024)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20));
    let serving = builder
        .serve_connection_with_upgrades(TokioIo::new(connection), service)
        .into_owned();
    if let Err(error) = watcher.watch(serving).await {
        debug!(error, "a connection broke");
    }
}

/// An accept that fails for want of file handles fails again at once; other connections have to end first.
async fn pause_after(error: &io::Error) {
    match error.kind() {
        io::ErrorKind::ConnectionAborted
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::Interrupted => {}
        _ => {
            warn!(%error, "cannot accept a connection");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task failed");
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::time::Duration;

    use super::listen_on;

    #[tokio::test]
    async fn all_pages_may_come_back_at_once() {
        let listener = listen_on("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        // Nobody accepts them: who finds no place is not let in however often it asks again.
        let pages: Vec<_> = (0..600)
            .map(|_| TcpStream::connect_timeout(&address, Duration::from_secs(5)).unwrap())
            .collect();
        assert_eq!(pages.len(), 600);
    }
}
