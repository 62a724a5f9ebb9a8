//! WebSockets that another listener has accepted, negotiated and handed over. Must not know that listener.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use sip::Protocol;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::debug;

use crate::admission::Counting;
use crate::connection;
use crate::counters::Counters;
use crate::transport::Shared;
use crate::websocket;

/// Takes WebSockets over; cheap to clone.
#[derive(Clone)]
pub struct Upgraded {
    shared: Arc<Shared>,
}

/// Too many connections are open, or the transport does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("take over a WebSocket: there are too many connections, or the transport does not run")]
pub struct NotTaken;

impl Upgraded {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Serves SIP on a stream whose opening handshake has agreed on the subprotocol `sip` (RFC 7118 §4.1), and whose
    /// page and source were judged before. Whatever the accepting side knows of TLS stays there: the flow is WS.
    ///
    /// # Errors
    /// The stream is closed instead.
    pub fn serve<S>(&self, stream: S, local: SocketAddr, remote: SocketAddr) -> Result<(), NotTaken>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let shared = Arc::clone(&self.shared);
        if shared.service.get().is_none() || shared.drain.is_cancelled() {
            return Err(NotTaken);
        }
        let Some(place) = shared.admission.admit(remote.ip(), Counting::Elsewhere) else {
            Counters::count(&shared.counters.connections_refused);
            return Err(NotTaken);
        };
        let flow = connection::new_flow(Protocol::Ws, local, remote);
        let first_request = Instant::now() + shared.limits.load().first_request_time;
        let transport = Arc::clone(&shared);
        transport.spawn(async move {
            let wire = websocket::take_over(stream).await;
            let started: io::Result<()> =
                connection::start(&shared, wire, flow, place, Some(first_request));
            if let Err(error) = started {
                debug!(%flow, %error, "connection lost at once");
            }
        });
        Ok(())
    }
}
