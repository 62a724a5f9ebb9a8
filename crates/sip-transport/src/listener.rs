//! Accepts connections. Must not read them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sip::Protocol;
use tokio::net::TcpListener;
use tokio::time::sleep;
use tracing::{debug, warn};

use crate::admission::Counting;
use crate::counters::Counters;
use crate::handshake;
use crate::transport::Shared;

/// How long to wait when the system has no more descriptors or memory.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts until the signal to drain.
pub(crate) async fn run(shared: Arc<Shared>, protocol: Protocol, listener: TcpListener) {
    let drain = shared.drain.clone();
    let draining = drain.cancelled();
    tokio::pin!(draining);
    loop {
        let accepted = tokio::select! {
            () = &mut draining => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "no connection accepted");
                tokio::select! {
                    () = &mut draining => return,
                    () = sleep(PAUSE) => continue,
                }
            }
        };
        if !shared.defence.welcomes(remote, Instant::now()) {
            Counters::count(&shared.counters.silenced);
            continue;
        }
        let Some(place) = shared.admission.admit(remote.ip(), Counting::Here) else {
            Counters::count(&shared.counters.connections_refused);
            debug!(%remote, "connection refused, there are too many");
            continue;
        };
        if let Err(error) = handshake::begin(&shared, protocol, stream, remote, place) {
            debug!(%error, %remote, "connection lost at once");
        }
    }
}
