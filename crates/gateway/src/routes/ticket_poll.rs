//! `GET /v1/tickets/{id}/messages`: the conversation's frames by long polling, where nothing else gets through.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use helpdesk::{Seq, ShopperEvent};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep_until};
use utoipa::{IntoParams, ToSchema};

use crate::assets::etag;
use crate::authorised::{Authorised, Holder};
use crate::face::Face;
use crate::metrics::Counted;
use crate::problem::Problem;
use crate::routes::conversation::follow;
use crate::wire::frame::ToBrowser;

/// The longest wait for news, in seconds: shorter than what proxies allow an answer.
const LONGEST_WAIT_S: u64 = 25;

/// Frames of one answer; the next request fetches the rest.
const FRAMES: usize = 256;

/// What the page has, and how long it waits for more.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PollQuery {
    /// The last line the page has.
    after: Option<u64>,
    /// Seconds, with or without an `s`; none: answered at once.
    #[param(pattern = "^[0-9]{1,3}s?$")]
    wait: Option<String>,
    /// The state the page has, as an earlier answer named it.
    seen: Option<String>,
}

/// The answer. Frames are those of the WebSocket.
#[derive(Debug, Serialize, ToSchema)]
struct NewsDocument<'a> {
    frames: Vec<ToBrowser<'a>>,
    /// Names the state, for the next request.
    seen: &'a str,
}

/// What is new, as soon as there is something, or nothing after the time to wait.
#[utoipa::path(
    get,
    path = "/v1/tickets/{id}/messages",
    tag = "tickets",
    params(("id" = String, Path, description = "The ticket."), PollQuery),
    responses((status = 200, description = "What is new.", body = NewsDocument<'static>))
)]
pub(super) async fn poll(
    holder: Authorised<Holder>,
    State(face): State<Face>,
    query: Result<Query<PollQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let key = holder.into_right().into_key();
    let Query(query) = query.map_err(|error| bad_request(format!("{error}.")))?;
    let until = Instant::now() + wait_of(query.wait.as_deref())?;
    let events = follow(&face, key, Seq(query.after.unwrap_or_default())).await?;
    let _counted = Counted::new(&face.metrics.conversation_streams);
    let mut news = News::default();
    let known = query.seen.as_deref().unwrap_or_default();
    tokio::select! {
        () = news.gather_until(events, known, until) => {}
        () = face.stop.cancelled() => {}
    }
    let frames = news.events.iter().map(ToBrowser::of_event).collect();
    let seen = news.seen.as_str();
    Ok(Json(NewsDocument { frames, seen }).into_response())
}

fn wait_of(wait: Option<&str>) -> Result<Duration, Problem> {
    let Some(wait) = wait else {
        return Ok(Duration::ZERO);
    };
    let seconds: u64 = wait
        .strip_suffix('s')
        .unwrap_or(wait)
        .parse()
        .map_err(|_| bad_request("wait is a number of seconds, such as 25.".to_owned()))?;
    Ok(Duration::from_secs(seconds.min(LONGEST_WAIT_S)))
}

fn bad_request(words: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, words)
}

/// What a page does not have yet.
#[derive(Default)]
struct News {
    events: Vec<ShopperEvent>,
    /// Name of the newest state.
    seen: String,
}

impl News {
    /// Takes what comes until there is news or the time is over; what is there already is taken even when it is over.
    async fn gather_until(&mut self, events: Receiver<ShopperEvent>, known: &str, until: Instant) {
        tokio::select! {
            biased;
            () = self.gather(events, known) => {}
            () = sleep_until(until) => {}
        }
    }

    /// Takes what comes until there is something that the page does not have. Cancelled at any time, it
    /// has lost nothing that the next request would not find again.
    async fn gather(&mut self, mut events: Receiver<ShopperEvent>, known: &str) {
        while let Some(event) = events.recv().await {
            self.take(event, known);
            // The lines missed come first, and the state ends them.
            let is_caught_up = !self.seen.is_empty();
            if is_caught_up && !self.events.is_empty() || self.events.len() >= FRAMES {
                while let Ok(event) = events.try_recv()
                    && self.events.len() < FRAMES
                {
                    self.take(event, known);
                }
                return;
            }
        }
    }

    fn take(&mut self, event: ShopperEvent, known: &str) {
        let is_news = match &event {
            ShopperEvent::State(_) => {
                let name = name_of(&event);
                let is_first = self.seen.is_empty();
                self.seen = name;
                // A page that has this state and misses lines needs only the lines.
                !(is_first && self.seen == known)
            }
            ShopperEvent::Line(_) | ShopperEvent::RepTyping => true,
        };
        if is_news {
            self.events.push(event);
        }
    }
}

/// A short name of a state: the same one for the same words to the page.
fn name_of(state: &ShopperEvent) -> String {
    etag(ToBrowser::of_event(state).text().as_bytes())
        .chars()
        .filter(char::is_ascii_hexdigit)
        .take(12)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use helpdesk::{Line, Speaker, TicketId, TicketState, TicketView};
    use tokio::sync::mpsc;

    use super::*;

    fn line() -> ShopperEvent {
        ShopperEvent::Line(Line {
            seq: Seq(1),
            id: None,
            from: Speaker::Rep,
            name: None,
            text: Arc::from("hello"),
            at_unix_ms: 0,
        })
    }

    fn state() -> ShopperEvent {
        ShopperEvent::State(TicketView {
            id: TicketId::new("t"),
            state: TicketState::Open,
            position: None,
            wait: None,
            rep: None,
            why: None,
            callback: None,
            delivered: None,
            answered_by: None,
        })
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_wait_is_told_all_there_is() {
        for _ in 0..100 {
            let (sender, events) = mpsc::channel(8);
            for event in [line(), state()] {
                sender.try_send(event).unwrap();
            }
            let mut news = News::default();
            let over = Instant::now();
            tokio::time::advance(Duration::from_secs(1)).await;
            news.gather_until(events, "", over).await;
            assert_eq!(news.events, [line(), state()]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_answered_when_the_time_is_over() {
        let (_sender, events) = mpsc::channel(8);
        let mut news = News::default();
        let until = Instant::now() + Duration::from_secs(25);
        news.gather_until(events, "", until).await;
        assert_eq!(Instant::now(), until);
        assert!(news.events.is_empty());
    }
}
