//! `GET /wall/events`: the wall as server-sent events, the newest wins.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use axum::response::sse::Event;
use futures_util::stream;
use http::HeaderMap;
use tokio::sync::watch;
use tokio::time::Interval;

use super::sign_in::Supervisor;
use crate::authorised::Authorised;
use crate::console::later;
use crate::face::Face;
use crate::routes::{greeting, sse};

/// A comment goes out after so long without an event.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

struct Watcher {
    face: Face,
    /// What proved who looks.
    headers: HeaderMap,
    proof: Interval,
    documents: watch::Receiver<Arc<str>>,
    is_greeted: bool,
}

/// Streams the wall.
pub(super) async fn stream(
    _: Authorised<Supervisor>,
    State(face): State<Face>,
    headers: HeaderMap,
) -> Response {
    let mut documents = face.wall.documents.subscribe();
    // What was collected for somebody before may be old; the next one comes within half a second.
    documents.mark_unchanged();
    let watcher = Watcher {
        documents,
        proof: later(face.options.session_check),
        face,
        headers,
        is_greeted: false,
    };
    let events = stream::unfold(watcher, |mut watcher| async {
        let event = watcher.next_event().await?;
        Some((Ok::<_, Infallible>(event), watcher))
    });
    sse(events, KEEP_ALIVE)
}

impl Watcher {
    async fn next_event(&mut self) -> Option<Event> {
        if !std::mem::replace(&mut self.is_greeted, true) {
            return Some(greeting());
        }
        loop {
            tokio::select! {
                () = self.face.stop.cancelled() => return None,
                _ = self.proof.tick() => {
                    // Who may not look any more is told so on coming back.
                    Supervisor::of(&self.headers, &self.face).await.ok()?;
                }
                changed = self.documents.changed() => {
                    changed.ok()?;
                    let text = self.documents.borrow_and_update().clone();
                    return Some(Event::default().event("wall").data(&*text));
                }
            }
        }
    }
}
