//! `GET /console/ws`: one page of a console over one WebSocket. What a page lost with its connection it gets with
//! the next one: lines after the last it has, letters it has not confirmed, and the newest of everything else.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseCode, CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use helpdesk::{RepReport, SeatView, Seq, TicketId};
use http::StatusCode;
use presence::{Explanation, PresentityId, explain};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, interval_at, timeout};
use tracing::debug;

use super::ConsoleFace;
use super::act::{Done, Seat, no_conversation};
use super::call::{
    ConsoleCall, ConsoleEvent, ConsoleId, Leaving, OpenRefused, RepCommand, SeatWatch, SignedIn,
};
use super::followed::Followed;
use super::past::Past;
use super::sign_in::{AtConsole, ask, is_good};
use crate::authorised::Authorised;
use crate::body::read_object;
use crate::desk::Command;
use crate::errand::ErrandFailed;
use crate::face::Face;
use crate::metrics::Counted;
use crate::problem::Problem;
use crate::report::Report;
use crate::wire::console::{FromConsole, ToConsole, kind_word};
use crate::wire::earlier::EarlierDocument;

/// Time to say which page this is.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);

/// How often the composed state is looked at, and a silent peer missed.
const TICK: Duration = Duration::from_millis(500);

/// How often colleagues are looked at, in ticks.
const TEAM_TICKS: u32 = 4;

/// How often a ping goes out, in ticks.
const PING_TICKS: u32 = 20;

/// A page sends a sign of life every ten seconds; one that is silent for this long has lost its connection.
const SILENCE: Duration = Duration::from_secs(25);

/// Time for the peer to answer a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes of one message, and of what waits to be written.
const MESSAGE_BYTES: usize = 64 * 1024;

/// Frames in a row that may be refused before the peer is taken for broken.
const REFUSALS: u32 = 50;

/// Conversations that a page may remember from before.
const REMEMBERED: usize = 1000;

/// Upgrades, where the cookie says who it is.
pub(super) async fn open(
    rep: Authorised<AtConsole>,
    State(face): State<Face>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let AtConsole { console, session } = rep.into_right();
    let upgrade = upgrade
        .map_err(|_| Problem::for_status(StatusCode::UPGRADE_REQUIRED))?
        .max_message_size(MESSAGE_BYTES)
        .max_frame_size(MESSAGE_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * MESSAGE_BYTES);
    Ok(upgrade.on_upgrade(move |socket| {
        let tasks = face.tasks.clone();
        tasks.track_future(async move {
            let _counted = Counted::new(&face.metrics.websockets);
            let mut socket = socket;
            let parting = serve(&mut socket, &face, &console, session).await;
            close(socket, parting).await;
        })
    }))
}

/// Why the page's socket ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parting {
    /// The page was closed.
    Closed,
    /// The peer is gone.
    Lost,
    /// The first frame was not an opening one.
    NotOpened,
    /// The session is not good any more, or the rep has signed out.
    SignedOut,
    /// Another page has taken this one's name: a tab that was doubled.
    Replaced,
    /// The rep has too many pages open.
    TooMany,
    /// Too much that cannot be read.
    Broken,
    /// The server stops, or a part of it is gone.
    Stopping,
}

impl Parting {
    /// RFC 6455 §7.4.1 code and words; none where nobody listens any more.
    fn frame(self) -> Option<(CloseCode, &'static str)> {
        match self {
            Self::Closed | Self::Lost => None,
            Self::NotOpened => Some((close_code::POLICY, "say which page this is")),
            Self::SignedOut => Some((close_code::POLICY, "sign in again")),
            Self::Replaced => Some((close_code::POLICY, "another page has this name")),
            Self::TooMany => Some((close_code::AGAIN, "too many pages are open")),
            Self::Broken => Some((close_code::POLICY, "too many frames we cannot take")),
            Self::Stopping => Some((close_code::RESTART, "the server restarts")),
        }
    }
}

/// The socket takes nothing more.
struct Gone;

async fn serve(
    socket: &mut WebSocket,
    face: &Face,
    console: &ConsoleFace,
    session: SignedIn,
) -> Parting {
    let opening = tokio::select! {
        () = face.stop.cancelled() => return Parting::Stopping,
        opening = timeout(OPEN_TIMEOUT, opening(socket)) => opening,
    };
    let (id, hand, after) = match opening {
        Ok(Ok(opening)) => opening,
        Ok(Err(parting)) => return parting,
        Err(_) => return Parting::NotOpened,
    };
    let rep = session.rep.clone();
    let (answer, answered) = oneshot::channel();
    let call = ConsoleCall::Open {
        session: session.clone(),
        console: id.clone(),
        hand,
        answer,
    };
    if ask(console, call).await.is_err() {
        return Parting::Stopping;
    }
    let letters = match answered.await {
        Ok(Ok(letters)) => letters,
        Ok(Err(OpenRefused::SignedOut)) => return Parting::SignedOut,
        Ok(Err(OpenRefused::TooMany)) => return Parting::TooMany,
        Err(_) => return Parting::Stopping,
    };
    let seat = Seat::new(face, console, rep.clone(), id.clone());
    let parting = Page::new(socket, seat, session, after).run(letters).await;
    let leaving = match parting {
        Parting::Lost | Parting::Stopping | Parting::Broken => Leaving::Lost,
        Parting::Closed
        | Parting::NotOpened
        | Parting::SignedOut
        | Parting::Replaced
        | Parting::TooMany => Leaving::Closed,
    };
    let call = ConsoleCall::Leave {
        rep,
        console: id,
        leaving,
    };
    if ask(console, call).await.is_err() {
        debug!("a console was left after the desk had stopped");
    }
    parting
}

type Opening = (ConsoleId, Option<super::Hand>, HashMap<TicketId, Seq>);

async fn opening(socket: &mut WebSocket) -> Result<Opening, Parting> {
    loop {
        match socket.recv().await {
            Some(Ok(Message::Text(text))) => {
                let Ok(FromConsole::Open { page, hand, after }) = read_object(text.as_bytes())
                else {
                    return Err(Parting::NotOpened);
                };
                if page.is_empty() || page.len() > 64 || after.len() > REMEMBERED {
                    return Err(Parting::NotOpened);
                }
                let after = after
                    .into_iter()
                    .map(|(ticket, seq)| (TicketId::new(&ticket), Seq(seq)))
                    .collect();
                let id = ConsoleId(Arc::from(page));
                return Ok((id, hand.map(Into::into), after));
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Binary(_))) => return Err(Parting::NotOpened),
            Some(Ok(Message::Close(_))) => return Err(Parting::Closed),
            Some(Err(_)) | None => return Err(Parting::Lost),
        }
    }
}

/// One open page.
struct Page<'a> {
    socket: &'a mut WebSocket,
    seat: Seat<'a>,
    session: SignedIn,
    followed: Followed,
    past: Past,
    /// What is in hand, as the page was told last.
    view: Option<Arc<SeatView>>,
    /// What the page was told last, so that it is told changes only.
    told_presence: Option<u64>,
    told_team: Vec<RepReport>,
    heard_at: Instant,
    refusals: u32,
}

impl<'a> Page<'a> {
    fn new(
        socket: &'a mut WebSocket,
        seat: Seat<'a>,
        session: SignedIn,
        after: HashMap<TicketId, Seq>,
    ) -> Self {
        Self {
            followed: Followed::new(seat.rep.clone(), after),
            past: Past::new(),
            view: None,
            socket,
            seat,
            session,
            told_presence: None,
            told_team: Vec::new(),
            heard_at: Instant::now(),
            refusals: 0,
        }
    }

    async fn run(mut self, letters: mpsc::Receiver<ConsoleEvent>) -> Parting {
        match self.converse(letters).await {
            Ok(parting) => parting,
            Err(Gone) => Parting::Lost,
        }
    }

    async fn converse(
        &mut self,
        mut letters: mpsc::Receiver<ConsoleEvent>,
    ) -> Result<Parting, Gone> {
        let face = self.seat.face;
        let rep = self.seat.rep.clone();
        let watched = face
            .desk
            .call(|answer| Command::Rep(RepCommand::Watch { rep, answer }))
            .await;
        let mut watch = match watched {
            Ok(Some(watch)) => watch,
            Ok(None) => return Ok(Parting::SignedOut),
            Err(_) => return Ok(Parting::Stopping),
        };
        self.greet().await?;
        if let Some(parting) = self.tell_seat(&mut watch).await? {
            return Ok(parting);
        }
        // Whoever opens a page is there.
        let rep = self.seat.rep.clone();
        if self.seat.send(RepCommand::Life { rep }).await.is_err() {
            return Ok(Parting::Stopping);
        }
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ticks = 0_u32;
        let mut proof = later(face.options.session_check);
        loop {
            // A line goes before what comes of it: the seat is told once no event waits.
            tokio::select! {
                biased;
                () = face.stop.cancelled() => return Ok(Parting::Stopping),
                (ticket, event) = self.followed.next() => match event {
                    Some(event) => {
                        if let Some(frame) = ToConsole::of_event(&ticket, &event) {
                            send(self.socket, &frame).await?;
                        }
                    }
                    None => if let Some(parting) = self.follow(&watch).await {
                        return Ok(parting);
                    },
                },
                changed = watch.views.changed() => {
                    if changed.is_err() {
                        return Ok(Parting::Stopping);
                    }
                    if let Some(parting) = self.tell_seat(&mut watch).await? {
                        return Ok(parting);
                    }
                }
                letter = letters.recv() => match letter {
                    Some(letter) => self.tell_letter(&letter).await?,
                    // Whose session is good has opened another page of this name.
                    None => {
                        let over = prove(self.seat.console, &self.session).await;
                        return Ok(over.unwrap_or(Parting::Replaced));
                    }
                },
                typing = watch.typing.recv() => match typing {
                    Ok(ticket) => {
                        let ticket = ticket.as_str();
                        send(self.socket, &ToConsole::Typing { ticket }).await?;
                    }
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return Ok(Parting::Stopping),
                },
                (ticket, found) = self.past.next() => self.tell_past(&ticket, found).await?,
                message = self.socket.recv() => {
                    if let Some(parting) = self.take(message).await? {
                        return Ok(parting);
                    }
                }
                _ = proof.tick() => {
                    if let Some(parting) = prove(self.seat.console, &self.session).await {
                        return Ok(parting);
                    }
                }
                _ = tick.tick() => {
                    ticks = ticks.wrapping_add(1);
                    if self.heard_at.elapsed() > SILENCE {
                        return Ok(Parting::Lost);
                    }
                    self.tell_presence().await?;
                    if ticks % TEAM_TICKS == 1 {
                        self.tell_team().await?;
                    }
                    if ticks.is_multiple_of(PING_TICKS) {
                        let ping = Message::Ping(bytes::Bytes::new());
                        self.socket.send(ping).await.map_err(|_| Gone)?;
                    }
                }
            }
        }
    }

    async fn greet(&mut self) -> Result<(), Gone> {
        let config = self.seat.face.config();
        let hello = ToConsole::hello(&self.seat.rep, self.seat.console, &config);
        send(self.socket, &hello).await
    }

    async fn tell_seat(&mut self, watch: &mut SeatWatch) -> Result<Option<Parting>, Gone> {
        let view = watch.views.borrow_and_update().clone();
        let config = self.seat.face.config();
        send(self.socket, &ToConsole::seat(&view, &config)).await?;
        let parting = self.follow_those_of(&view).await;
        self.view = Some(view);
        Ok(parting)
    }

    async fn follow(&mut self, watch: &SeatWatch) -> Option<Parting> {
        let view = watch.views.borrow().clone();
        self.follow_those_of(&view).await
    }

    async fn follow_those_of(&mut self, view: &SeatView) -> Option<Parting> {
        let tickets: Vec<TicketId> = view
            .in_hand
            .iter()
            .map(|in_hand| in_hand.ticket.clone())
            .collect();
        let followed = self.followed.follow(&tickets, self.seat.face).await;
        followed.err().map(|_| Parting::Stopping)
    }

    async fn tell_letter(&mut self, letter: &ConsoleEvent) -> Result<(), Gone> {
        let frame = match letter {
            ConsoleEvent::Letter {
                delivery,
                ticket,
                kind,
                text,
            } => ToConsole::Letter {
                delivery: delivery.0,
                ticket: ticket.as_str(),
                kind: kind_word(*kind),
                text,
            },
            ConsoleEvent::Hand(hand) => ToConsole::Hand {
                state: (*hand).into(),
            },
        };
        send(self.socket, &frame).await
    }

    async fn tell_past(
        &mut self,
        ticket: &TicketId,
        found: Result<crate::errand::Past, ErrandFailed>,
    ) -> Result<(), Gone> {
        let Ok(found) = found else {
            let problem = Problem::try_later("What was said before cannot be read just now.", 60);
            return self.refuse(&problem, Some("past"), None).await;
        };
        let config = self.seat.face.config();
        let names = &self.seat.console.names_by_rep;
        let conversations = found.iter().rev();
        let conversations = conversations
            .filter_map(|(_, records)| EarlierDocument::of(records, names, &config))
            .collect();
        let ticket = ticket.as_str();
        let frame = ToConsole::Past {
            ticket,
            conversations,
        };
        send(self.socket, &frame).await
    }

    async fn tell_presence(&mut self) -> Result<(), Gone> {
        let store = self.seat.console.presentities();
        let presentity = store.presentity(&PresentityId::new(self.seat.rep.as_str()));
        let version = presentity.as_ref().map_or(0, |found| found.version());
        if self.told_presence == Some(version) {
            return Ok(());
        }
        self.told_presence = Some(version);
        let explanation = presentity.map_or_else(
            || Explanation::of_nothing(store.precedence()),
            |presentity| explain(&presentity, store.precedence()),
        );
        send(self.socket, &ToConsole::presence(&explanation)).await
    }

    async fn tell_team(&mut self) -> Result<(), Gone> {
        let reports = self
            .seat
            .face
            .desk
            .call(|answer| Command::Report(Report::Reps(answer)));
        let Ok(reports) = reports.await else {
            return Ok(());
        };
        let rep = self.seat.rep.as_str();
        if ToConsole::team(&reports, rep).text() != ToConsole::team(&self.told_team, rep).text() {
            send(self.socket, &ToConsole::team(&reports, rep)).await?;
            self.told_team = reports;
        }
        Ok(())
    }

    async fn take(
        &mut self,
        message: Option<Result<Message, axum::Error>>,
    ) -> Result<Option<Parting>, Gone> {
        self.heard_at = Instant::now();
        let taken = match message {
            Some(Ok(Message::Text(text))) => self.take_frame(&text).await?,
            Some(Ok(Message::Binary(_))) => {
                let problem = Problem::unprocessable("Frames are text.");
                self.refuse(&problem, None, None).await?;
                false
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(None),
            Some(Ok(Message::Close(_))) => return Ok(Some(Parting::Closed)),
            Some(Err(_)) | None => return Ok(Some(Parting::Lost)),
        };
        self.refusals = if taken { 0 } else { self.refusals + 1 };
        Ok((self.refusals > REFUSALS).then_some(Parting::Broken))
    }

    /// Whether the frame was taken.
    async fn take_frame(&mut self, text: &str) -> Result<bool, Gone> {
        let frame = match read_object::<FromConsole>(text.as_bytes()) {
            Ok(frame) => frame,
            Err(problem) => {
                self.refuse(&problem, None, None).await?;
                return Ok(false);
            }
        };
        match self.seat.act(&frame).await {
            Ok(Done::Quietly) => Ok(true),
            Ok(Done::Alive) => {
                send(self.socket, &ToConsole::pulse()).await?;
                Ok(true)
            }
            Ok(Done::Recorded(id)) => {
                send(self.socket, &ToConsole::Done { id: &id }).await?;
                Ok(true)
            }
            Ok(Done::LooksBack(ticket)) => {
                let view = self.view.as_deref();
                let held = view.and_then(|view| {
                    let mut held = view.in_hand.iter();
                    held.find(|held| held.ticket == ticket)
                });
                let Some(held) = held else {
                    let problem = no_conversation();
                    self.refuse(&problem, Some(frame.name()), None).await?;
                    return Ok(false);
                };
                if self.past.look(ticket, &held.earlier, self.seat.face) {
                    return Ok(true);
                }
                let problem = Problem::too_fast("What was said before is being read.", 1);
                self.refuse(&problem, Some(frame.name()), None).await?;
                Ok(false)
            }
            Err(problem) => {
                self.refuse(&problem, Some(frame.name()), frame.id())
                    .await?;
                Ok(false)
            }
        }
    }

    async fn refuse(
        &mut self,
        problem: &Problem,
        about: Option<&'static str>,
        id: Option<&str>,
    ) -> Result<(), Gone> {
        send(self.socket, &ToConsole::of_problem(problem, about, id)).await
    }
}

/// Nothing while the session is good.
async fn prove(console: &ConsoleFace, session: &SignedIn) -> Option<Parting> {
    match is_good(console, session.clone()).await {
        Ok(true) => None,
        Ok(false) => Some(Parting::SignedOut),
        Err(_) => Some(Parting::Stopping),
    }
}

async fn send(socket: &mut WebSocket, frame: &ToConsole<'_>) -> Result<(), Gone> {
    let sent = socket.send(Message::text(frame.text())).await;
    sent.map_err(|error| {
        debug!(%error, "a console's socket broke");
        Gone
    })
}

/// Ticks at this pace, the first time after one of them.
pub(crate) fn later(period: Duration) -> Interval {
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
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
        debug!(?parting, "a console did not close its socket");
    }
}
