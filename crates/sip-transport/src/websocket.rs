//! A connection that is a WebSocket: one SIP message in each WebSocket message (RFC 7118).
//! Must not know what is below the WebSocket, nor any SIP beyond line ends.

use std::borrow::Cow;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{Sink, Stream};
use sip::framing::{Frame, FramingError};
use sip::{MAX_MESSAGE_LENGTH, StatusCode};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderValue, header};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Error, Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

use crate::wire::{Arrival, Outbox, Probe, Progress, Wire};

/// A WebSocket and the message that has arrived on it.
pub(crate) struct MessageWire<S> {
    socket: WebSocketStream<Metered<S>>,
    arrived: Option<Frame>,
    failed: Option<FramingError>,
    rest: Rest,
    ping: Ping,
    /// The code to close with, until it is sent.
    farewell: Option<CloseCode>,
}

/// Whether the layers below may still hold bytes of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    Flushed,
    Unflushed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ping {
    Unwanted,
    Wanted,
}

/// Counts the bytes read since the last whole message, which the WebSocket keeps to itself.
struct Metered<S> {
    stream: S,
    since_message: usize,
}

/// RFC 7118 §4.1.
const SUBPROTOCOL: &str = "sip";
/// Of each direction; a longer message grows it for as long as it lasts.
const BUFFER: usize = 4 * 1024;
/// Messages that the socket holds back while the peer takes nothing; more wait outside of it.
const LONGEST_WRITE: usize = BUFFER + 4 * MAX_MESSAGE_LENGTH;

/// The server's half of the opening handshake, for pages of these origins beside our own.
pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    origins: &[String],
) -> Result<MessageWire<S>, Error> {
    #[expect(
        clippy::result_large_err,
        reason = "the handshake wants the whole response in its error"
    )]
    let judge = |request: &Request, mut response: Response| {
        judge(request.headers(), origins).map_err(refusal)?;
        let name = HeaderValue::from_static(SUBPROTOCOL);
        response
            .headers_mut()
            .insert(header::SEC_WEBSOCKET_PROTOCOL, name);
        Ok(response)
    };
    let stream = Metered::new(stream);
    let socket = accept_hdr_async_with_config(stream, judge, Some(limits())).await?;
    Ok(MessageWire::over(socket))
}

/// Takes over a stream on which the opening handshake is done.
pub(crate) async fn take_over<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> MessageWire<S> {
    let stream = Metered::new(stream);
    let socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(limits())).await;
    MessageWire::over(socket)
}

fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_write_buffer_size(LONGEST_WRITE)
        .max_message_size(Some(MAX_MESSAGE_LENGTH))
        .max_frame_size(Some(MAX_MESSAGE_LENGTH))
}

/// Why an opening handshake is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    NotSip,
    ForeignOrigin,
}

fn judge(headers: &HeaderMap, origins: &[String]) -> Result<(), Refusal> {
    let mut offered = headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    // RFC 7118 §4.1: without the subprotocol it is some other protocol's client.
    if !offered.any(|name| name.trim() == SUBPROTOCOL) {
        return Err(Refusal::NotSip);
    }
    let mut named = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = named.next() else {
        // Not a browser: a page cannot leave its origin out.
        return Ok(());
    };
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    match origin.to_str() {
        Ok(origin) if named.next().is_none() && is_welcome(origin, host, origins) => Ok(()),
        Ok(_) | Err(_) => Err(Refusal::ForeignOrigin),
    }
}

fn is_welcome(origin: &str, host: Option<&str>, origins: &[String]) -> bool {
    let authority = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    (authority.is_some() && authority == host) || origins.iter().any(|listed| listed == origin)
}

fn refusal(refusal: Refusal) -> ErrorResponse {
    let (status, text) = match refusal {
        Refusal::NotSip => (
            tungstenite::http::StatusCode::BAD_REQUEST,
            "The WebSocket subprotocol has to be sip.\n",
        ),
        Refusal::ForeignOrigin => (
            tungstenite::http::StatusCode::FORBIDDEN,
            "Pages of this origin may not connect.\n",
        ),
    };
    let mut response = ErrorResponse::new(Some(text.to_owned()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

impl<S: AsyncRead + AsyncWrite + Unpin> MessageWire<S> {
    fn over(socket: WebSocketStream<Metered<S>>) -> Self {
        Self {
            socket,
            arrived: None,
            failed: None,
            rest: Rest::Flushed,
            ping: Ping::Unwanted,
            farewell: Some(CloseCode::Normal),
        }
    }

    fn take_message(&mut self, bytes: Bytes) -> Arrival {
        self.socket.get_mut().since_message = 0;
        self.arrived = if !bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
            Some(Frame::Message(bytes.into()))
        } else if bytes.starts_with(b"\r\n\r\n") {
            Some(Frame::KeepAlive)
        } else {
            None
        };
        Arrival::Bytes
    }

    /// RFC 6455 §7.4.1: the code says what the peer did wrong.
    fn fail(&mut self, code: CloseCode, status: StatusCode, reason: String) -> Arrival {
        self.farewell = Some(code);
        self.failed = Some(FramingError {
            status,
            reason: Cow::Owned(reason),
            head: None,
        });
        Arrival::Bytes
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Wire for MessageWire<S> {
    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Arrival>> {
        let before = self.socket.get_ref().since_message;
        let received = match Pin::new(&mut self.socket).poll_next(context) {
            Poll::Ready(received) => received,
            // Part of a message: the task has to know that one has begun.
            Poll::Pending if self.socket.get_ref().since_message > before => {
                return Poll::Ready(Ok(Arrival::Bytes));
            }
            Poll::Pending => return Poll::Pending,
        };
        let arrival = match received {
            Some(Ok(Message::Text(text))) => self.take_message(text.into()),
            Some(Ok(Message::Binary(bytes))) => self.take_message(bytes),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                self.socket.get_mut().since_message = 0;
                // A ping's answer waits in the socket.
                self.rest = Rest::Unflushed;
                Arrival::Liveness
            }
            Some(Ok(Message::Close(_))) | None => Arrival::End,
            Some(Err(Error::Io(error))) => return Poll::Ready(Err(error)),
            Some(Err(error @ Error::Capacity(CapacityError::MessageTooLong { .. }))) => self.fail(
                CloseCode::Size,
                StatusCode::MESSAGE_TOO_LARGE,
                error.to_string(),
            ),
            Some(Err(error @ Error::Utf8(_))) => self.fail(
                CloseCode::Invalid,
                StatusCode::BAD_REQUEST,
                error.to_string(),
            ),
            Some(Err(error)) => self.fail(
                CloseCode::Protocol,
                StatusCode::BAD_REQUEST,
                error.to_string(),
            ),
        };
        Poll::Ready(Ok(arrival))
    }

    fn next_frame(&mut self) -> Result<Option<Frame>, FramingError> {
        match self.failed.take() {
            Some(error) => Err(error),
            None => Ok(self.arrived.take()),
        }
    }

    fn half_read(&self) -> usize {
        self.socket.get_ref().since_message
    }

    fn poll_send(
        &mut self,
        outbox: &mut Outbox,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Progress>> {
        let mut socket = Pin::new(&mut self.socket);
        let message = match self.ping {
            Ping::Wanted => {
                ready!(socket.as_mut().poll_ready(context)).map_err(into_io)?;
                self.ping = Ping::Unwanted;
                Some(Message::Ping(Bytes::new()))
            }
            Ping::Unwanted if outbox.is_empty() => None,
            Ping::Unwanted => {
                ready!(socket.as_mut().poll_ready(context)).map_err(into_io)?;
                outbox.pop().map(into_message)
            }
        };
        if let Some(message) = message {
            socket.start_send(message).map_err(into_io)?;
            self.rest = Rest::Unflushed;
            return Poll::Ready(Ok(Progress::Some));
        }
        if self.rest == Rest::Unflushed {
            ready!(socket.poll_flush(context)).map_err(into_io)?;
            self.rest = Rest::Flushed;
        }
        Poll::Ready(Ok(Progress::Done))
    }

    fn probe(&mut self) -> Probe {
        self.ping = Ping::Wanted;
        Probe::Asked
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(code) = self.farewell.take() {
            let frame = CloseFrame {
                code,
                reason: Utf8Bytes::default(),
            };
            match Pin::new(&mut self.socket).start_send(Message::Close(Some(frame))) {
                // The peer has said goodbye first, and its answer is in the socket.
                Ok(()) | Err(Error::ConnectionClosed | Error::Protocol(_)) => {}
                Err(error) => return Poll::Ready(Err(into_io(error))),
            }
        }
        ready!(Pin::new(&mut self.socket).poll_flush(context)).map_err(into_io)?;
        Pin::new(&mut self.socket.get_mut().stream).poll_shutdown(context)
    }
}

/// Text where the message is text; a body of other bytes makes it binary (RFC 7118 §4.2).
fn into_message(bytes: Bytes) -> Message {
    match Utf8Bytes::try_from(bytes.clone()) {
        Ok(text) => Message::Text(text),
        Err(_) => Message::Binary(bytes),
    }
}

fn into_io(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        other => io::Error::other(other),
    }
}

impl<S> Metered<S> {
    const fn new(stream: S) -> Self {
        Self {
            stream,
            since_message: 0,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.since_message += buffer.filled().len().saturating_sub(before);
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(&'static str, &str)], expected: Result<(), Refusal>) {
        let origins = ["https://phone.example".to_owned()];
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        assert_eq!(judge(&map, &origins), expected, "{headers:?}");
    }

    #[test]
    fn only_the_sip_subprotocol_is_served() {
        let protocol = "sec-websocket-protocol";
        check(&[(protocol, "sip")], Ok(()));
        check(&[(protocol, "xmpp, sip")], Ok(()));
        check(&[(protocol, "xmpp"), (protocol, "sip")], Ok(()));
        for other in ["", "SIP", "sips", "xmpp"] {
            check(&[(protocol, other)], Err(Refusal::NotSip));
        }
        check(&[], Err(Refusal::NotSip));
    }

    #[test]
    fn pages_of_other_origins_are_refused_to_the_letter() {
        let from = |origin: &str, expected| {
            let sip = ("sec-websocket-protocol", "sip");
            check(
                &[sip, ("host", "sip.example:5062"), ("origin", origin)],
                expected,
            );
        };
        from("https://phone.example", Ok(()));
        from("https://sip.example:5062", Ok(()));
        for foreign in [
            "null",
            "",
            "http://phone.example",
            "https://phone.example.evil.example",
            "https://sip.example",
            "ftp://sip.example:5062",
            "sip.example:5062",
        ] {
            from(foreign, Err(Refusal::ForeignOrigin));
        }
        let twice = [
            ("sec-websocket-protocol", "sip"),
            ("origin", "https://phone.example"),
            ("origin", "https://evil.example"),
        ];
        check(&twice, Err(Refusal::ForeignOrigin));
    }
}
