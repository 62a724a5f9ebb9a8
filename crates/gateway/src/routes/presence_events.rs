//! `GET /v1/sites/{site}/presence/events`: the same document at each real change. The newest wins:
//! a watcher that is slow misses versions, never the last one.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::authorised::{Anyone, Authorised};
use crate::face::Face;
use crate::leaving::Leaving;
use crate::problem::Problem;
use crate::routes::presence::select;
use crate::selection::SelectionQuery;
use crate::watcher::PresenceWatcher;

/// How long a browser waits before it connects again.
const RETRY: Duration = Duration::from_secs(2);

/// Streams the groups asked for.
#[utoipa::path(
    get,
    path = "/v1/sites/{site}/presence/events",
    tag = "presence",
    params(("site" = String, Path, description = "The site."), SelectionQuery),
    responses((status = 200, description = "Events called `presence`, each with a presence document.", content_type = "text/event-stream", body = String))
)]
pub(super) async fn stream(
    _: Authorised<Anyone>,
    State(face): State<Face>,
    Path(site): Path<String>,
    query: Result<Query<SelectionQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let selection = select(&face, &site, query)?;
    let watcher = PresenceWatcher::new(selection, &face, last_event_id(&headers));
    let leaving = Leaving::new(watcher);
    let events = stream::unfold((leaving.clone(), None), |(leaving, watcher)| async {
        let mut watcher: Box<PresenceWatcher> = watcher.or_else(|| leaving.take())?;
        let chunk = watcher.next_chunk().await?;
        Some((Ok::<_, Infallible>(chunk), (leaving, Some(watcher))))
    });
    let mut response = streaming(Body::from_stream(events).into_response());
    // Where the connection can be left to the stream alone, it is.
    response.extensions_mut().insert(leaving);
    Ok(response)
}

/// An event stream with the comment that keeps it alive and the headers that keep it unbuffered.
pub(crate) fn sse<S>(events: S, keep_alive: Duration) -> Response
where
    S: stream::Stream<Item = Result<Event, Infallible>> + Send + 'static,
{
    streaming(
        Sse::new(events)
            .keep_alive(KeepAlive::new().interval(keep_alive))
            .into_response(),
    )
}

/// The headers that say what it is, and keep it unbuffered.
fn streaming(mut response: Response) -> Response {
    for (name, value) in [
        (header::CONTENT_TYPE, "text/event-stream; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The comment that opens a stream, so that its headers arrive, with the time to wait after a break.
pub(crate) fn greeting() -> Event {
    Event::default().comment("deskbell").retry(RETRY)
}

/// What the browser saw last before the stream broke (HTML §9.2.4).
pub(super) fn last_event_id(headers: &HeaderMap) -> Option<u64> {
    headers.get("last-event-id")?.to_str().ok()?.parse().ok()
}
