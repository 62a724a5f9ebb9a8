//! `GET /v1/sites/{site}/presence/events`: the same document at each real change. The newest wins:
//! a watcher that is slow misses versions, never the last one.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use helpdesk::Snapshot;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::authorised::{Anyone, Authorised};
use crate::face::Face;
use crate::metrics::Counted;
use crate::problem::Problem;
use crate::routes::presence::select;
use crate::selection::{Selection, SelectionQuery};
use crate::wire::presence::PresenceDocument;

/// Least time between two events of one stream; what happens within it is one event.
const GAP: Duration = Duration::from_millis(100);

/// A comment goes out so often where nothing happens.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(15);

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
    let watcher = PresenceWatcher {
        selection,
        snapshots: face.desk.snapshots(),
        stop: face.stop.clone(),
        next: Next::Greeting {
            last_event_id: last_event_id(&headers),
        },
        _counted: Counted::new(&face.metrics.presence_watchers),
    };
    let events = stream::unfold(watcher, |mut watcher| async {
        let event = watcher.next_event().await?;
        Some((Ok::<_, Infallible>(event), watcher))
    });
    Ok(sse(events, KEEP_ALIVE))
}

/// An event stream with the comment that keeps it alive and the headers that keep it unbuffered.
pub(super) fn sse<S>(events: S, keep_alive: Duration) -> Response
where
    S: stream::Stream<Item = Result<Event, Infallible>> + Send + 'static,
{
    let mut response = Sse::new(events)
        .keep_alive(KeepAlive::new().interval(keep_alive))
        .into_response();
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
pub(super) fn greeting() -> Event {
    Event::default().comment("deskbell").retry(RETRY)
}

/// What the browser saw last before the stream broke (HTML §9.2.4).
pub(super) fn last_event_id(headers: &HeaderMap) -> Option<u64> {
    headers.get("last-event-id")?.to_str().ok()?.parse().ok()
}

struct PresenceWatcher {
    selection: Selection,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    stop: CancellationToken,
    next: Next,
    _counted: Counted,
}

enum Next {
    /// Nothing is sent yet.
    Greeting { last_event_id: Option<u64> },
    /// The present state, unless the watcher has this version.
    First { last_event_id: Option<u64> },
    /// What differs from the groups of the snapshot sent (or found the same) last.
    Change {
        sent: Arc<Snapshot>,
        not_before: Instant,
    },
}

impl PresenceWatcher {
    /// The next event, or the end of the stream.
    async fn next_event(&mut self) -> Option<Event> {
        match &self.next {
            Next::Greeting { last_event_id } => {
                self.next = Next::First {
                    last_event_id: *last_event_id,
                };
                return Some(greeting());
            }
            Next::First { last_event_id } => {
                let last_event_id = *last_event_id;
                let snapshot = self.snapshots.borrow_and_update().clone();
                let event = (last_event_id != Some(snapshot.version))
                    .then(|| self.event(&snapshot))
                    .flatten();
                self.remember(&snapshot);
                if event.is_some() {
                    return event;
                }
            }
            Next::Change { .. } => {}
        }
        let stop = self.stop.clone();
        tokio::select! {
            () = stop.cancelled() => None,
            event = self.next_change() => event,
        }
    }

    async fn next_change(&mut self) -> Option<Event> {
        loop {
            self.snapshots.changed().await.ok()?;
            if let Next::Change { not_before, .. } = &self.next {
                sleep_until(*not_before).await;
            }
            let snapshot = self.snapshots.borrow_and_update().clone();
            let is_new = self.is_new(&snapshot);
            self.remember(&snapshot);
            if is_new {
                return self.event(&snapshot);
            }
        }
    }

    fn is_new(&self, snapshot: &Snapshot) -> bool {
        match &self.next {
            Next::Greeting { .. } | Next::First { .. } => true,
            Next::Change { sent, .. } => !self
                .selection
                .groups(snapshot)
                .eq(self.selection.groups(sent)),
        }
    }

    fn remember(&mut self, snapshot: &Arc<Snapshot>) {
        self.next = Next::Change {
            sent: snapshot.clone(),
            not_before: Instant::now() + GAP,
        };
    }

    fn event(&self, snapshot: &Snapshot) -> Option<Event> {
        let groups = self.selection.groups(snapshot);
        let document = PresenceDocument::new(&self.selection.site, snapshot, groups);
        Event::default()
            .event("presence")
            .id(snapshot.version.to_string())
            .json_data(document)
            .inspect_err(|error| tracing::error!(%error, "presence does not become JSON"))
            .ok()
    }
}
