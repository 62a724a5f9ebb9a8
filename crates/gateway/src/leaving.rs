//! Streams of presence that leave HTTP behind: once a request is read, nothing comes on its connection but events, and a
//! connection that waits for hours should not cost the buffers of one that serves pages.
//! Must not know what is sent.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use axum::response::Response;
use bytes::Bytes;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::connection::{Exit, Held, WRITE_DEADLINE};
use crate::face::Face;
use crate::watcher::PresenceWatcher;

/// Part of a response whose body may be written by [`leave`] instead: whoever comes first takes the watcher.
#[derive(Clone)]
pub(crate) struct Leaving(Arc<Mutex<Option<Box<PresenceWatcher>>>>);

impl Leaving {
    /// One that nobody has taken.
    pub(crate) fn new(watcher: PresenceWatcher) -> Self {
        Self(Arc::new(Mutex::new(Some(Box::new(watcher)))))
    }

    /// The watcher, once.
    pub(crate) fn take(&self) -> Option<Box<PresenceWatcher>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Writes the response on its connection's stream from here on, if it is one that may leave; else gives it back.
pub(crate) async fn leave(
    mut response: Response,
    exit: &Exit<TcpStream>,
    face: &Face,
) -> Result<Response, Infallible> {
    let Some(leaving) = response.extensions_mut().remove::<Leaving>() else {
        return Ok(response);
    };
    let Some(held) = exit.take() else {
        return Ok(response);
    };
    let Some(watcher) = leaving.take() else {
        return Ok(response);
    };
    face.tasks.spawn(stream(held, head_of(&response), *watcher));
    drop(response);
    // Nothing more is answered here; hyper looks again, finds the connection at its end, and lets go of it.
    let mut is_told = false;
    poll_fn(|context| {
        if !std::mem::replace(&mut is_told, true) {
            context.waker().wake_by_ref();
        }
        Poll::Pending
    })
    .await
}

/// RFC 9112 §6.3: without a length and not in chunks, the body ends with the connection.
fn head_of(response: &Response) -> Bytes {
    // RFC 9110 §6.6.1: who has a clock says when. Fails for years beyond 9999 alone.
    let date = DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&Timestamp::now())
        .unwrap_or_default();
    let mut head = format!(
        "HTTP/1.1 {}\r\ndate: {}\r\nconnection: close\r\n",
        response.status(),
        date
    )
    .into_bytes();
    for (name, value) in response.headers() {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    Bytes::from(head)
}

async fn stream(mut held: Held<TcpStream>, head: Bytes, mut watcher: PresenceWatcher) {
    let mut chunk = head;
    loop {
        match timeout(WRITE_DEADLINE, held.stream.write_all(&chunk)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
        let next = tokio::select! {
            next = watcher.next_chunk() => next,
            () = gone(&held.stream) => return,
        };
        let Some(next) = next else { break };
        chunk = next;
    }
    // The server stops; a peer that is gone by now hears nothing of it.
    drop(held.stream.shutdown().await);
}

/// Returns when the peer has closed; whatever else it says is not read.
async fn gone(stream: &TcpStream) {
    let mut ignored = [0; 64];
    loop {
        if stream.readable().await.is_err() {
            return;
        }
        match stream.try_read(&mut ignored) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}
