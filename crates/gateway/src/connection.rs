//! One accepted connection: its place among all, and the deadlines of a peer that does not move.
//! Must not know HTTP beyond the length of its opening.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::config::Options;
use crate::metrics::Counted;
use crate::source::source_of;

/// The two ends of a connection, told to each of its requests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    /// Ours.
    pub(crate) local: SocketAddr,
    /// The peer's, which may be a proxy.
    pub(crate) remote: SocketAddr,
}

/// Time a peer may take to accept more bytes before it is dropped.
pub(crate) const WRITE_DEADLINE: Duration = Duration::from_secs(20);

/// Time a peer may take until it is clear which HTTP it speaks.
const OPENING_DEADLINE: Duration = Duration::from_secs(10);

// RFC 9113 §3.4: what a peer that speaks HTTP/2 sends first.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The places that connections take, in all and per source.
#[derive(Debug, Clone)]
pub(crate) struct Places(Arc<PlacesShared>);

#[derive(Debug)]
struct PlacesShared {
    limit: usize,
    limit_per_source: usize,
    uncounted: Vec<IpAddr>,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_source: HashMap<IpAddr, usize>,
}

/// One taken place; free again when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Places,
    source: Option<IpAddr>,
}

impl Places {
    /// None taken.
    pub(crate) fn new(options: &Options) -> Self {
        Self(Arc::new(PlacesShared {
            limit: options.connections,
            limit_per_source: options.connections_per_source,
            uncounted: options.proxies.clone(),
            taken: Mutex::default(),
        }))
    }

    /// A place for a connection from `address`, if both limits allow it.
    pub(crate) fn take(&self, address: IpAddr) -> Option<Place> {
        let address = address.to_canonical();
        let source = (!self.0.uncounted.contains(&address)).then(|| source_of(address));
        let mut taken = self.0.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.all >= self.0.limit {
            return None;
        }
        if let Some(source) = source {
            let count = taken.by_source.entry(source).or_default();
            if *count >= self.0.limit_per_source {
                return None;
            }
            *count += 1;
        }
        taken.all += 1;
        Some(Place {
            places: self.clone(),
            source,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self
            .places
            .0
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        let Some(source) = self.source else { return };
        if let Entry::Occupied(mut entry) = taken.by_source.entry(source) {
            if *entry.get() <= 1 {
                entry.remove();
            } else {
                *entry.get_mut() -= 1;
            }
        }
    }
}

/// A stream that fails when its peer does not move, also after an upgrade to WebSocket.
#[derive(Debug)]
pub(crate) struct Connection<S> {
    held: Exit<S>,
    /// Set while the peer accepts nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    opening: Option<Opening>,
}

/// The way out of a connection for its stream: once it is taken, the connection has ended for whoever holds it.
#[derive(Debug)]
pub(crate) struct Exit<S>(Arc<Mutex<Option<Held<S>>>>);

/// A stream with its place.
#[derive(Debug)]
pub(crate) struct Held<S> {
    /// The stream.
    pub(crate) stream: S,
    _place: Place,
    _counted: Counted,
}

impl<S> Held<S> {
    /// The same place with another kind of stream.
    pub(crate) fn map<T>(self, make: impl FnOnce(S) -> io::Result<T>) -> io::Result<Held<T>> {
        Ok(Held {
            stream: make(self.stream)?,
            _place: self._place,
            _counted: self._counted,
        })
    }
}

impl<S> Clone for Exit<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> Exit<S> {
    /// The stream; none where it has been taken.
    pub(crate) fn take(&self) -> Option<Held<S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Does something with the stream; none where it has been taken.
    fn with<T>(&self, act: impl FnOnce(Pin<&mut S>) -> T) -> Option<T>
    where
        S: Unpin,
    {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.as_mut().map(|held| act(Pin::new(&mut held.stream)))
    }
}

#[derive(Debug)]
struct Opening {
    /// Bytes of the HTTP/2 preface seen so far.
    matched: usize,
    deadline: Pin<Box<Sleep>>,
}

impl<S> Connection<S> {
    /// Takes the stream with its place.
    pub(crate) fn new(stream: S, place: Place, counted: Counted) -> Self {
        let held = Held {
            stream,
            _place: place,
            _counted: counted,
        };
        Self {
            held: Exit(Arc::new(Mutex::new(Some(held)))),
            stalled: None,
            opening: Some(Opening {
                matched: 0,
                deadline: Box::pin(sleep(OPENING_DEADLINE)),
            }),
        }
    }

    /// The way out for the stream.
    pub(crate) fn exit(&self) -> Exit<S> {
        self.held.clone()
    }

    /// Starts the write deadline on the first stall, stops it on progress.
    fn guard_write(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(sleep(WRITE_DEADLINE)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Opening {
    /// Whether it is still open which HTTP the peer speaks.
    fn is_open_after(&mut self, bytes: &[u8]) -> bool {
        let rest = HTTP2_PREFACE.get(self.matched..).unwrap_or_default();
        self.matched += bytes.len();
        bytes.len() < rest.len() && rest.starts_with(bytes)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        // A stream that was taken reads as one that has ended.
        let read = self.held.with(|stream| stream.poll_read(context, buffer));
        let read = read.unwrap_or(Poll::Ready(Ok(())));
        let Some(opening) = &mut self.opening else {
            return read;
        };
        if read.is_pending() {
            ready!(opening.deadline.as_mut().poll(context));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let fresh = buffer.filled().get(before..).unwrap_or_default();
        if !opening.is_open_after(fresh) {
            self.opening = None;
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.held.with(|stream| stream.poll_write(context, bytes));
        self.guard_write(context, written.unwrap_or_else(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.held.with(|stream| stream.poll_flush(context));
        flushed.unwrap_or(Poll::Ready(Ok(())))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = self.held.with(|stream| stream.poll_shutdown(context));
        shut.unwrap_or(Poll::Ready(Ok(())))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self
            .held
            .with(|stream| stream.poll_write_vectored(context, slices));
        self.guard_write(context, written.unwrap_or_else(taken))
    }

    fn is_write_vectored(&self) -> bool {
        let vectored = self.held.with(|stream| stream.is_write_vectored());
        vectored.unwrap_or(false)
    }
}

fn taken() -> Poll<io::Result<usize>> {
    Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::gauge::Gauge;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::{Instant, timeout};

    use super::*;

    #[test]
    fn places_are_counted_per_source_and_freed() {
        let places = Places::new(&Options {
            connections: 4,
            connections_per_source: 2,
            ..Options::default()
        });
        let source = |text: &str| text.parse::<IpAddr>().unwrap();
        let first = places.take(source("2001:db8::1")).unwrap();
        let _second = places.take(source("2001:db8::2")).unwrap();
        assert!(places.take(source("2001:db8::3")).is_none());
        drop(first);
        let _third = places.take(source("2001:db8::3")).unwrap();
        let _proxied = places.take(source("::ffff:127.0.0.1")).unwrap();
        let _last = places.take(source("127.0.0.1")).unwrap();
        assert!(places.take(source("127.0.0.1")).is_none());
        assert!(places.take(source("192.0.2.1")).is_none());
        drop(_second);
        drop(_third);
        assert!(places.0.taken.lock().unwrap().by_source.is_empty());
    }

    fn connection(buffer: usize) -> (Connection<DuplexStream>, DuplexStream) {
        let (ours, theirs) = duplex(buffer);
        let place = Places::new(&Options::default())
            .take(IpAddr::from([127, 0, 0, 1]))
            .unwrap();
        let counted = Counted::new(&Gauge::default());
        (Connection::new(ours, place, counted), theirs)
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_stops_reading_is_dropped() {
        let (mut connection, _peer) = connection(10);
        let started = Instant::now();
        let written = connection.write_all(&[0; 20]).await;
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
        // H18 of docs/security-tests.md: all that are frozen are gone within half a minute.
        assert_eq!(started.elapsed(), Duration::from_secs(20));
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_reads_slowly_is_kept() {
        let (mut connection, mut peer) = connection(10);
        let reading = tokio::spawn(async move {
            let mut bytes = [0; 10];
            for _ in 0..3 {
                sleep(WRITE_DEADLINE - Duration::from_secs(1)).await;
                peer.read_exact(&mut bytes).await.unwrap();
            }
        });
        connection.write_all(&[0; 30]).await.unwrap();
        reading.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_does_not_say_what_it_speaks_is_dropped() {
        for said in ["", "P", "PRI * HTTP/2.0\r\n"] {
            let (mut connection, mut peer) = connection(100);
            peer.write_all(said.as_bytes()).await.unwrap();
            let started = Instant::now();
            let read = connection.read_to_end(&mut Vec::new()).await;
            assert_eq!(read.unwrap_err().kind(), io::ErrorKind::TimedOut, "{said}");
            assert_eq!(started.elapsed(), OPENING_DEADLINE, "{said}");
        }
        let (mut connection, mut peer) = connection(100);
        peer.write_all(b"GET").await.unwrap();
        let mut bytes = Vec::new();
        let read = timeout(2 * OPENING_DEADLINE, connection.read_to_end(&mut bytes));
        assert!(
            read.await.is_err(),
            "HTTP has its own deadline for the rest"
        );
    }

    #[test]
    fn the_opening_ends_with_the_first_byte_that_is_not_http_2() {
        let check = |pieces: &[&[u8]], expected: bool| {
            let mut opening = Opening {
                matched: 0,
                deadline: Box::pin(sleep(OPENING_DEADLINE)),
            };
            let is_open = pieces.iter().all(|piece| opening.is_open_after(piece));
            assert_eq!(is_open, expected, "{pieces:?}");
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let _inside = runtime.enter();
        check(&[b"P", b"RI"], true);
        check(&[b"P", b"OST"], false);
        check(&[b"G"], false);
        check(&[HTTP2_PREFACE], false);
        check(&[&HTTP2_PREFACE[..23]], true);
        check(&[&HTTP2_PREFACE[..23], b"\n"], false);
    }

    #[tokio::test]
    async fn a_stream_that_is_taken_ends_for_whoever_held_it() {
        let (mut connection, mut peer) = connection(100);
        let exit = connection.exit();
        let mut held = exit.take().unwrap();
        assert!(exit.take().is_none());
        assert_eq!(connection.read(&mut [0; 4]).await.unwrap(), 0);
        let refused = connection.write_all(b"x").await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::BrokenPipe);
        drop(connection);
        held.stream.write_all(b"still here").await.unwrap();
        let mut bytes = [0; 10];
        peer.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"still here");
    }
}
