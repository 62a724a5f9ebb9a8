//! `/demo/token` and `/demo/events`: what only the demo has, to show the tiers and what happens behind
//! the page.

use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use helpdesk::TierId;
use http::{Method, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::authorised::{Anyone, Authorised};
use crate::config::SiteFace;
use crate::config::{DemoEvent, DemoFace};
use crate::face::Face;
use crate::identity;
use crate::problem::Problem;
use crate::routes::presence_events::{greeting, sse};
use crate::watcher::KEEP_ALIVE;
use crate::wire::presence::rfc_3339;

/// How long a demo token proves its tier.
const TOKEN_LIFE: Duration = Duration::from_secs(600);

#[derive(Debug, Deserialize)]
pub(super) struct TokenQuery {
    tier: String,
    /// The first site where none is named.
    site: Option<String>,
}

#[derive(Debug, Serialize)]
struct TokenDocument {
    token: String,
}

/// A token that the site might have signed for a customer of this tier.
pub(super) async fn token(
    _: Authorised<Anyone>,
    State(face): State<Face>,
    query: Result<Query<TokenQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    demo(&face)?;
    let config = face.config();
    let Query(query) =
        query.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("{error}.")))?;
    if !config.tiers.contains(&TierId::new(&query.tier)) {
        return Err(Problem::not_found(format!(
            "No tier is called {:?}.",
            query.tier
        )));
    }
    let site = match &query.site {
        Some(name) => config.site(name),
        None => config.sites.first(),
    };
    let secret = site
        .and_then(SiteFace::shared_secret)
        .ok_or_else(|| Problem::not_found("There is no such site, or it has no secret."))?;
    let expires = Timestamp::now() + TOKEN_LIFE;
    let token = identity::sign(&query.tier, expires.as_second(), secret).map_err(|error| {
        tracing::error!(%error, "a demo token cannot be signed");
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The token cannot be signed.",
        )
    })?;
    Ok(Json(TokenDocument { token }).into_response())
}

/// What happens behind the page, from now on.
pub(super) async fn events(
    _: Authorised<Anyone>,
    State(face): State<Face>,
) -> Result<Response, Problem> {
    let spectator = Spectator {
        is_greeted: false,
        events: demo(&face)?.events.subscribe(),
        stop: face.stop.clone(),
    };
    let events = stream::unfold(spectator, |mut spectator| async {
        let event = spectator.next_event().await?;
        Some((Ok::<_, Infallible>(event), spectator))
    });
    Ok(sse(events, KEEP_ALIVE))
}

/// Lets the demo's spectators see a request.
pub(super) fn tell(face: &Face, method: &Method, path: &str, status: StatusCode) {
    let config = face.config();
    let Some(demo) = &config.demo else { return };
    // Fails only when nobody watches.
    let _ = demo.events.send(DemoEvent {
        at_unix_ms: Timestamp::now().as_millisecond(),
        kind: "http",
        text: format!("{method} {path} {}", status.as_u16()),
    });
}

fn demo(face: &Face) -> Result<DemoFace, Problem> {
    face.config()
        .demo
        .clone()
        .ok_or_else(|| Problem::not_found("Only the demo has this address."))
}

struct Spectator {
    is_greeted: bool,
    events: Receiver<DemoEvent>,
    stop: CancellationToken,
}

/// One thing that happened, as the page lists it.
#[derive(Debug, Serialize)]
struct HappeningDocument<'a> {
    at: String,
    kind: &'a str,
    text: &'a str,
}

impl Spectator {
    async fn next_event(&mut self) -> Option<Event> {
        if !self.is_greeted {
            self.is_greeted = true;
            return Some(greeting());
        }
        loop {
            let event = tokio::select! {
                () = self.stop.cancelled() => return None,
                event = self.events.recv() => event,
            };
            match event {
                Ok(event) => {
                    let happening = HappeningDocument {
                        at: rfc_3339(event.at_unix_ms),
                        kind: event.kind,
                        text: &event.text,
                    };
                    return Event::default().json_data(happening).ok();
                }
                // A slow spectator misses the oldest ones; the list is for looking, not for keeping.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }
}
