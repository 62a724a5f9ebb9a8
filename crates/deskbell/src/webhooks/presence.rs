//! Tells listeners the groups of each site as they change: the newest state, never one that is over.
//! Must not know how a listener is called.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use gateway::push::{Caller, Listener, Told, Topic};
use helpdesk::{GroupSnapshots, SiteId, SiteSnapshot, Snapshot};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::announcer::SharedListeners;
use crate::happenings::unix_ms;

/// The least time between two tellings to one listener about one site.
const INTERVAL: Duration = Duration::from_secs(1);

/// The longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How often a new listener is looked for.
const LOOK: Duration = Duration::from_secs(2);

/// Tells every listener that wants it, until `shutdown`.
pub(crate) async fn tell_presence(
    listeners: SharedListeners,
    caller: Caller,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    shutdown: CancellationToken,
) {
    let mut tasks: HashMap<String, CancellationToken> = HashMap::new();
    let mut looking = tokio::time::interval(LOOK);
    while shutdown.run_until_cancelled(looking.tick()).await.is_some() {
        let wanted = listeners.load_full();
        let wants = |listener: &&Listener| listener.topics.contains(&Topic::Presence);
        tasks.retain(|id, stop| {
            let stays = wanted
                .iter()
                .filter(wants)
                .any(|listener| listener.id == *id);
            if !stays {
                stop.cancel();
            }
            stays
        });
        for listener in wanted.iter().filter(wants) {
            if !tasks.contains_key(&listener.id) {
                let stop = shutdown.child_token();
                tasks.insert(listener.id.clone(), stop.clone());
                let follower = Follower {
                    id: listener.id.clone(),
                    listeners: listeners.clone(),
                    caller: caller.clone(),
                    snapshots: snapshots.clone(),
                    told: HashMap::new(),
                };
                // Ends with its token, which is a child of the shutdown's.
                tokio::spawn(async move { stop.run_until_cancelled(follower.run()).await });
            }
        }
    }
}

/// Follows the groups for one listener.
struct Follower {
    id: String,
    listeners: SharedListeners,
    caller: Caller,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    told: HashMap<SiteId, GroupSnapshots>,
}

impl Follower {
    async fn run(mut self) {
        let mut pause = INTERVAL;
        loop {
            let begun = Instant::now();
            let has_failed = self.tell_changed().await;
            pause = if has_failed {
                (pause * 2).min(LONGEST_PAUSE)
            } else {
                INTERVAL
            };
            sleep_until(begun + pause).await;
            if !has_failed && self.snapshots.changed().await.is_err() {
                return;
            }
        }
    }

    /// Tells the sites that have changed since; true if one could not be told.
    async fn tell_changed(&mut self) -> bool {
        let snapshot = self.snapshots.borrow_and_update().clone();
        let listeners = self.listeners.load_full();
        let Some(listener) = listeners.iter().find(|listener| listener.id == self.id) else {
            return false;
        };
        let mut has_failed = false;
        for site in snapshot
            .sites
            .iter()
            .filter(|site| listener.wants(Topic::Presence, &site.site))
        {
            if self.told.get(&site.site) != Some(&site.groups) {
                has_failed |= !self.tell(listener, &snapshot, site).await;
            }
        }
        has_failed
    }

    async fn tell(
        &mut self,
        listener: &Listener,
        snapshot: &Snapshot,
        site: &SiteSnapshot,
    ) -> bool {
        match listener
            .tell_presence(&self.caller, snapshot, site, unix_ms() / 1000)
            .await
        {
            Told::Taken => {
                self.told.insert(site.site.clone(), site.groups.clone());
                true
            }
            Told::Never => false,
            Told::NotNow { why, .. } => {
                tracing::debug!(listener = %listener.id, why, "a listener does not hear of the groups");
                false
            }
        }
    }
}
