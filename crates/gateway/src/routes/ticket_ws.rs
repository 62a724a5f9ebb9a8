//! `GET /v1/tickets/{id}/ws`: the conversation over one WebSocket.

use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseCode, CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use helpdesk::{Seq, ShopperEvent};
use http::{HeaderMap, StatusCode};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tracing::debug;

use crate::authorised::{Anyone, Authorised};
use crate::body::read_object;
use crate::desk::TicketKey;
use crate::face::Face;
use crate::key;
use crate::metrics::Counted;
use crate::problem::Problem;
use crate::routes::conversation::{act, follow};
use crate::routes::ticket_events::{ResumeQuery, resume_after};
use crate::wire::frame::{FromBrowser, ToBrowser};

/// Time to present the token in the first frame.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);

/// A ping goes out so often, and a frame that the page sees, for pings are hidden from it; a peer that sends nothing
/// for two of them is gone.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// Time for the peer to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes of one message, and of what waits to be written.
const MESSAGE_BYTES: usize = 64 * 1024;

/// Frames in a row that may be refused before the peer is taken for broken.
const REFUSALS: u32 = 50;

/// Upgrades to the conversation. A token in the headers that does not fit is a 404 before the upgrade.
pub(super) async fn open(
    _: Authorised<Anyone>,
    State(face): State<Face>,
    Path(id): Path<String>,
    query: Result<Query<ResumeQuery>, QueryRejection>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let after = resume_after(query, &headers)?;
    let upgrade = upgrade
        .map_err(not_a_socket)?
        .max_message_size(MESSAGE_BYTES)
        .max_frame_size(MESSAGE_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * MESSAGE_BYTES);
    let known = match key::presented(&headers) {
        Some(_) => {
            let key = key::of_request(&id, &headers)?;
            let events = follow(&face, key.clone(), after).await?;
            Some((key, events))
        }
        None => None,
    };
    Ok(upgrade.on_upgrade(move |socket| {
        let tasks = face.tasks.clone();
        tasks.track_future(async move {
            let _counted = Counted::new(&face.metrics.websockets);
            let mut socket = socket;
            let parting = converse(&mut socket, &face, &id, after, known).await;
            close(socket, parting).await;
        })
    }))
}

fn not_a_socket(rejection: WebSocketUpgradeRejection) -> Problem {
    match rejection {
        WebSocketUpgradeRejection::MethodNotGet(_)
        | WebSocketUpgradeRejection::InvalidConnectionHeader(_)
        | WebSocketUpgradeRejection::InvalidUpgradeHeader(_) => {
            Problem::for_status(StatusCode::UPGRADE_REQUIRED)
        }
        other => Problem::new(StatusCode::BAD_REQUEST, format!("{}.", other.body_text())),
    }
}

/// Why the conversation's socket ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parting {
    /// The peer has closed or is gone.
    Gone,
    /// No token in time.
    NoToken,
    /// The token does not open the ticket.
    NoTicket,
    /// The conversation has ended and the peer knows it.
    Over,
    /// The peer fell behind, or the desk let go of it; it comes back with its last line.
    Lagging,
    /// Too much that cannot be read.
    Broken,
    /// The server stops.
    Stopping,
}

impl Parting {
    /// RFC 6455 §7.4.1 code and words; none where nobody listens any more.
    fn frame(self) -> Option<(CloseCode, &'static str)> {
        match self {
            Self::Gone => None,
            Self::NoToken => Some((close_code::POLICY, "no token within 5 seconds")),
            Self::NoTicket => Some((close_code::POLICY, "no such ticket")),
            Self::Over => Some((close_code::NORMAL, "the conversation has ended")),
            Self::Lagging => Some((close_code::AGAIN, "resume after your last line")),
            Self::Broken => Some((close_code::POLICY, "too many frames we cannot take")),
            Self::Stopping => Some((close_code::RESTART, "the server restarts")),
        }
    }
}

type Known = (TicketKey, mpsc::Receiver<ShopperEvent>);

async fn converse(
    socket: &mut WebSocket,
    face: &Face,
    ticket: &str,
    after: Seq,
    known: Option<Known>,
) -> Parting {
    let known = match known {
        Some(known) => known,
        None => match admit(socket, face, ticket, after).await {
            Ok(known) => known,
            Err(parting) => return parting,
        },
    };
    let (key, mut events) = known;
    let mut ping = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard_at = Instant::now();
    let mut refusals = 0;
    let mut is_over = false;
    loop {
        tokio::select! {
            () = face.stop.cancelled() => return Parting::Stopping,
            _ = ping.tick() => {
                if heard_at.elapsed() > 2 * PING_INTERVAL
                    || socket.send(Message::Ping(bytes::Bytes::new())).await.is_err()
                    || send(socket, &ToBrowser::Beat {}).await.is_err()
                {
                    return Parting::Gone;
                }
            }
            event = events.recv() => {
                let Some(event) = event else {
                    return if is_over { Parting::Over } else { Parting::Lagging };
                };
                if let ShopperEvent::State(view) = &event {
                    is_over = view.state.is_final();
                }
                if send(socket, &ToBrowser::of_event(&event)).await.is_err() {
                    return Parting::Gone;
                }
            }
            message = socket.recv() => {
                heard_at = Instant::now();
                let answered = match message {
                    Some(Ok(Message::Text(text))) => take(socket, face, &key, &text).await,
                    Some(Ok(Message::Binary(_))) => {
                        let problem = Problem::unprocessable("Frames are text.");
                        refuse(socket, &problem, None, None).await
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Parting::Gone,
                };
                match answered {
                    Ok(Taken::Yes) => refusals = 0,
                    Ok(Taken::No) => refusals += 1,
                    Err(Lost) => return Parting::Gone,
                }
                if refusals > REFUSALS {
                    return Parting::Broken;
                }
            }
        }
    }
}

/// Waits for the frame that opens the ticket.
async fn admit(
    socket: &mut WebSocket,
    face: &Face,
    ticket: &str,
    after: Seq,
) -> Result<Known, Parting> {
    let token = tokio::select! {
        () = face.stop.cancelled() => return Err(Parting::Stopping),
        first = timeout(OPEN_TIMEOUT, first_token(socket)) => {
            first.map_err(|_| Parting::NoToken)??
        }
    };
    let Some(key) = key::new(ticket, &token) else {
        return Err(turn_away(socket).await);
    };
    match follow(face, key.clone(), after).await {
        Ok(events) => Ok((key, events)),
        Err(problem) if problem == Problem::no_ticket() => Err(turn_away(socket).await),
        Err(_) => Err(Parting::Stopping),
    }
}

async fn first_token(socket: &mut WebSocket) -> Result<String, Parting> {
    loop {
        match socket.recv().await {
            Some(Ok(Message::Text(text))) => {
                return match read_object(text.as_bytes()) {
                    Ok(FromBrowser::Open { token }) => Ok(token),
                    Ok(_) | Err(_) => Err(Parting::NoToken),
                };
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Binary(_))) => return Err(Parting::NoToken),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(Parting::Gone),
        }
    }
}

async fn turn_away(socket: &mut WebSocket) -> Parting {
    match refuse(socket, &Problem::no_ticket(), Some("open"), None).await {
        Ok(_) => Parting::NoTicket,
        Err(Lost) => Parting::Gone,
    }
}

/// Whether a frame was taken.
enum Taken {
    Yes,
    No,
}

/// The socket takes nothing more.
struct Lost;

async fn take(
    socket: &mut WebSocket,
    face: &Face,
    key: &TicketKey,
    text: &str,
) -> Result<Taken, Lost> {
    let frame = match read_object::<FromBrowser>(text.as_bytes()) {
        Ok(frame) => frame,
        Err(problem) => return refuse(socket, &problem, None, None).await,
    };
    match act(face, key, &frame).await {
        Ok(_) => Ok(Taken::Yes),
        Err(problem) => {
            let id = match &frame {
                FromBrowser::Say { id, .. } => Some(id.as_str()),
                FromBrowser::Open { .. }
                | FromBrowser::Typing {}
                | FromBrowser::Ack { .. }
                | FromBrowser::End {}
                | FromBrowser::Call { .. }
                | FromBrowser::Uncall {} => None,
            };
            refuse(socket, &problem, Some(frame.name()), id).await
        }
    }
}

async fn refuse(
    socket: &mut WebSocket,
    problem: &Problem,
    about: Option<&'static str>,
    id: Option<&str>,
) -> Result<Taken, Lost> {
    send(socket, &ToBrowser::of_problem(problem, about, id)).await?;
    Ok(Taken::No)
}

async fn send(socket: &mut WebSocket, frame: &ToBrowser<'_>) -> Result<(), Lost> {
    socket
        .send(Message::text(frame.text()))
        .await
        .map_err(|error| {
            debug!(%error, "a conversation's socket broke");
            Lost
        })
}

/// Says why, and waits a moment for the peer to close its side.
async fn close(mut socket: WebSocket, parting: Parting) {
    let Some((code, reason)) = parting.frame() else {
        return;
    };
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    let closed = timeout(CLOSE_TIMEOUT, async {
        if socket.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = socket.recv().await {}
        }
    });
    if closed.await.is_err() {
        debug!(?parting, "a peer did not close its socket");
    }
}
