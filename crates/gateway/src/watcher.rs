//! One who watches the presence of a site: what is sent to it and when. The newest wins: a watcher that is slow
//! misses versions, never the last one. Must not know how bytes reach it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use helpdesk::Snapshot;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::face::Face;
use crate::metrics::Counted;
use crate::selection::Selection;
use crate::wire::presence::PresenceDocument;

/// Least time between the moments at which two events of one stream are due; what happens within it is one event. One
/// that is late, because others were told first, puts none off that comes after it.
pub(crate) const GAP: Duration = Duration::from_millis(100);

/// A comment goes out so often where nothing happens.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The comment that opens a stream, so that its headers arrive, with the time to wait after a break.
pub(crate) const GREETING: Bytes = Bytes::from_static(b": deskbell\nretry: 2000\n\n");

pub(crate) const COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// Kinds of watchers whose newest event is kept.
const SHARED: usize = 1024;

/// The newest event of each kind of watcher, made once for all of the kind.
#[derive(Default)]
pub(crate) struct SharedEvents(Mutex<HashMap<Selection, (u64, Bytes)>>);

impl SharedEvents {
    /// The event of this snapshot; nothing where it cannot be written.
    pub(crate) fn event(&self, selection: &Selection, snapshot: &Snapshot) -> Option<Bytes> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((version, event)) = shared.get(selection)
            && *version == snapshot.version
        {
            return Some(event.clone());
        }
        let groups = selection.groups(snapshot);
        let document = PresenceDocument::new(&selection.site, snapshot, groups);
        let data = serde_json::to_string(&document)
            .inspect_err(|error| tracing::error!(%error, "presence does not become JSON"))
            .ok()?;
        let event = format!(
            "event: presence\nid: {}\ndata: {data}\n\n",
            snapshot.version
        );
        let event = Bytes::from(event);
        if shared.len() >= SHARED {
            shared.clear();
        }
        shared.insert(selection.clone(), (snapshot.version, event.clone()));
        Some(event)
    }
}

/// A watcher.
pub(crate) struct PresenceWatcher {
    selection: Selection,
    face: Face,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    stop: CancellationToken,
    next: Next,
    quiet_since: Instant,
    counted: Counted,
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
    /// One who has seen the event of this identity, if any.
    pub(crate) fn new(selection: Selection, face: &Face, last_event_id: Option<u64>) -> Self {
        Self {
            selection,
            snapshots: face.desk.snapshots(),
            stop: face.stop.clone(),
            next: Next::Greeting { last_event_id },
            quiet_since: Instant::now(),
            counted: Counted::new(&face.metrics.presence_watchers),
            face: face.clone(),
        }
    }

    /// What it watches and has seen, and what counts it; nothing may have been sent.
    pub(crate) fn into_parts(self) -> (Selection, Option<u64>, Counted) {
        let last_event_id = match self.next {
            Next::Greeting { last_event_id } | Next::First { last_event_id } => last_event_id,
            Next::Change { sent, .. } => Some(sent.version),
        };
        (self.selection, last_event_id, self.counted)
    }

    /// What to send next; `None` when the server stops. Cancelled, the watcher has to be given up.
    pub(crate) async fn next_chunk(&mut self) -> Option<Bytes> {
        let chunk = match &self.next {
            Next::Greeting { last_event_id } => {
                self.next = Next::First {
                    last_event_id: *last_event_id,
                };
                GREETING
            }
            Next::First { last_event_id } => match self.first(*last_event_id) {
                Some(event) => event,
                None => self.change_or_comment().await?,
            },
            Next::Change { .. } => self.change_or_comment().await?,
        };
        self.quiet_since = Instant::now();
        Some(chunk)
    }

    fn first(&mut self, last_event_id: Option<u64>) -> Option<Bytes> {
        let snapshot = self.snapshots.borrow_and_update().clone();
        self.remember(&snapshot, Instant::now());
        if last_event_id == Some(snapshot.version) {
            return None;
        }
        self.face.events.event(&self.selection, &snapshot)
    }

    async fn change_or_comment(&mut self) -> Option<Bytes> {
        loop {
            tokio::select! {
                changed = self.snapshots.changed() => changed.ok()?,
                () = sleep_until(self.quiet_since + KEEP_ALIVE) => return Some(COMMENT),
                () = self.stop.cancelled() => return None,
            }
            let heard = Instant::now();
            let due = match &self.next {
                Next::Greeting { .. } | Next::First { .. } => heard,
                Next::Change { not_before, .. } => heard.max(*not_before),
            };
            if due > heard {
                sleep_until(due).await;
            }
            let snapshot = self.snapshots.borrow_and_update().clone();
            let is_new = self.is_new(&snapshot);
            self.remember(&snapshot, due);
            if is_new {
                return self.face.events.event(&self.selection, &snapshot);
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

    fn remember(&mut self, snapshot: &Arc<Snapshot>, due: Instant) {
        self.next = Next::Change {
            sent: snapshot.clone(),
            not_before: due + GAP,
        };
    }
}
