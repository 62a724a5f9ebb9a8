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
use tokio::net::TcpStream;

use crate::audience::Arrival;
use crate::connection::Exit;
use crate::face::Face;
use crate::watcher::{GREETING, PresenceWatcher};

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
    // What waits comes first: from the moment the stream is taken nothing may.
    let Some(seat) = face.audience.seat().await else {
        return Ok(response);
    };
    let Some(held) = exit.take() else {
        return Ok(response);
    };
    let Some(watcher) = leaving.take() else {
        return Ok(response);
    };
    let (selection, last_event_id, counted) = watcher.into_parts();
    seat.take(Arrival {
        held,
        selection,
        last_event_id,
        opening: opening_of(&response),
        counted,
    });
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

/// The head and what opens the stream.
/// RFC 9112 §6.3: without a length and not in chunks, the body ends with the connection.
fn opening_of(response: &Response) -> Bytes {
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
    head.extend_from_slice(&GREETING);
    Bytes::from(head)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures_util::FutureExt;
    use helpdesk::SiteId;
    use prometheus_client::metrics::gauge::Gauge;
    use tokio::net::TcpListener;
    use tokio::task::unconstrained;

    use super::*;
    use crate::config::Options;
    use crate::connection::{Connection, Places};
    use crate::metrics::Counted;
    use crate::selection::Selection;

    async fn exit() -> Exit<TcpStream> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let place = Places::new(&Options::default()).take(address.ip());
        let counted = Counted::new(&Gauge::default());
        Connection::new(stream, place.unwrap(), counted).exit()
    }

    fn stream_of_presence(face: &Face) -> Response {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(leaving(face));
        response
    }

    fn leaving(face: &Face) -> Leaving {
        let selection = Selection {
            site: SiteId::new("shop"),
            skill: None,
            tier: None,
        };
        Leaving::new(PresenceWatcher::new(selection, face, None))
    }

    /// Its body is written by whoever has the watcher: without a task to take it in, or without its socket, that is HTTP.
    #[tokio::test]
    async fn a_stream_that_cannot_leave_stays_with_http() {
        for is_started in [false, true] {
            let (face, exit) = (Face::of_nobody(), exit().await);
            let held = is_started.then(|| {
                face.audience.start(&face).unwrap();
                exit.take().unwrap()
            });
            let leaving = leaving(&face);
            let mut response = Response::new(Body::from("body"));
            response.extensions_mut().insert(leaving.clone());
            let response = leave(response, &exit, &face).now_or_never();
            let body = response.unwrap().unwrap().into_body();
            let body = axum::body::to_bytes(body, 100).await.unwrap();
            assert_eq!(&body[..], b"body");
            assert!(leaving.take().is_some(), "nobody would write it");
            assert_eq!(exit.take().is_some(), held.is_none());
            face.stop.cancel();
        }
    }

    /// hyper reads on while it waits for an answer, and gives the answer up where the stream has gone.
    #[tokio::test]
    async fn a_page_that_waits_to_be_taken_in_keeps_its_connection() {
        let (waiting, seated) = (exit().await, exit().await);
        let face = Face::of_nobody();
        face.audience.start(&face).unwrap();
        // Nobody takes anything in before this test waits for something.
        let mut seats = Vec::new();
        while let Some(seat) = unconstrained(face.audience.seat()).now_or_never() {
            seats.push(seat.unwrap());
        }
        let answer = leave(stream_of_presence(&face), &waiting, &face);
        assert!(unconstrained(answer).now_or_never().is_none());
        let held = waiting.take();
        assert!(held.is_some(), "it was let go of before it had a seat");

        drop(seats);
        let answer = leave(stream_of_presence(&face), &seated, &face);
        assert!(unconstrained(answer).now_or_never().is_none());
        assert!(seated.take().is_none(), "it stays with HTTP");
        face.stop.cancel();
    }
}
