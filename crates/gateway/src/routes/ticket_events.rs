//! `GET /v1/tickets/{id}/events`: the conversation's frames as an event stream, where WebSocket is blocked.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::response::sse::Event;
use futures_util::stream;
use helpdesk::{Seq, ShopperEvent};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use utoipa::IntoParams;

use crate::authorised::{Authorised, Holder};
use crate::face::Face;
use crate::metrics::Counted;
use crate::problem::Problem;
use crate::routes::conversation::follow;
use crate::routes::presence_events::{greeting, last_event_id, sse};
use crate::wire::frame::{ToBrowser, seq_of};

/// A comment goes out so often, so that a page knows in seconds that its line is gone.
const BEAT: Duration = Duration::from_secs(5);

/// Where to go on.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ResumeQuery {
    /// The last line the page has.
    pub(super) after: Option<u64>,
}

/// Follows the conversation. The stream of a ticket that is over ends when the desk ends it.
#[utoipa::path(
    get,
    path = "/v1/tickets/{id}/events",
    tag = "tickets",
    params(("id" = String, Path, description = "The ticket."), ResumeQuery),
    responses((status = 200, description = "The frames of the conversation.", content_type = "text/event-stream", body = String))
)]
pub(super) async fn stream(
    holder: Authorised<Holder>,
    State(face): State<Face>,
    query: Result<Query<ResumeQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let key = holder.into_right().into_key();
    let after = resume_after(query, &headers)?;
    let follower = Follower {
        is_greeted: false,
        events: follow(&face, key, after).await?,
        stop: face.stop.clone(),
        _counted: Counted::new(&face.metrics.conversation_streams),
    };
    let events = stream::unfold(follower, |mut follower| async {
        let event = follower.next_event().await?;
        Some((Ok::<_, Infallible>(event), follower))
    });
    Ok(sse(events, BEAT))
}

/// The last line the page has: a browser that reconnects by itself says it in a header, and that is newer.
pub(super) fn resume_after(
    query: Result<Query<ResumeQuery>, QueryRejection>,
    headers: &HeaderMap,
) -> Result<Seq, Problem> {
    let Query(query) =
        query.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("{error}.")))?;
    let after = last_event_id(headers).or(query.after).unwrap_or_default();
    Ok(Seq(after))
}

struct Follower {
    is_greeted: bool,
    events: mpsc::Receiver<ShopperEvent>,
    stop: CancellationToken,
    _counted: Counted,
}

impl Follower {
    async fn next_event(&mut self) -> Option<Event> {
        if !self.is_greeted {
            self.is_greeted = true;
            return Some(greeting());
        }
        let event = tokio::select! {
            () = self.stop.cancelled() => return None,
            event = self.events.recv() => event?,
        };
        let sent = Event::default().data(ToBrowser::of_event(&event).text());
        Some(match seq_of(&event) {
            Some(seq) => sent.id(seq.0.to_string()),
            None => sent,
        })
    }
}
