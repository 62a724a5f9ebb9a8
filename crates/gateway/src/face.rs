//! What every route shares: the newest configuration, the desk, limits, counters, and the end of it all.
//! Must not know any route.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::audience::Audience;
use crate::clicks::Clicks;
use crate::config::{Config, Options};
use crate::desk::Desk;
use crate::metrics::Metrics;
use crate::pace::Paces;
use crate::ready::Ready;
use crate::repeats::Repeats;
use crate::visitor::Forgotten;
use crate::wall::Wall;
use crate::watcher::SharedEvents;

/// Shared by all routes. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Face(Arc<Shared>);

/// The parts of a [`Face`].
pub(crate) struct Shared {
    config: watch::Sender<Arc<Config>>,
    /// Line to the helpdesk's owner.
    pub(crate) desk: Desk,
    /// How the listener behaves.
    pub(crate) options: Options,
    /// Counters for `/metrics`.
    pub(crate) metrics: Metrics,
    /// How fast each conversation writes.
    pub(crate) paces: Paces,
    /// Changes that were asked for under a key of the caller's.
    pub(crate) repeats: Repeats,
    /// The same of shoppers, who are many and take no place from programs.
    pub(crate) clicked: Repeats,
    /// How often help is asked for.
    pub(crate) clicks: Clicks,
    /// Answers that are given again as long as nothing changes.
    pub(crate) ready: Ready,
    /// The pages that watch.
    pub(crate) audience: Audience,
    /// The newest events of presence.
    pub(crate) events: SharedEvents,
    /// Visitors who do not want to be known again.
    pub(crate) forgotten: Forgotten,
    /// What walls are shown.
    pub(crate) wall: Wall,
    /// Cancelled when the server stops; long answers end with it.
    pub(crate) stop: CancellationToken,
    /// What outlives its request: WebSocket conversations, and the end of clicks that nobody waited for.
    pub(crate) tasks: TaskTracker,
}

impl Face {
    /// Joins the parts.
    pub(crate) fn new(config: Config, desk: Desk, options: Options) -> Self {
        Self(Arc::new(Shared {
            config: watch::Sender::new(Arc::new(config)),
            desk,
            options,
            metrics: Metrics::default(),
            paces: Paces::default(),
            repeats: Repeats::default(),
            clicked: Repeats::default(),
            clicks: Clicks::default(),
            ready: Ready::default(),
            audience: Audience::default(),
            events: SharedEvents::default(),
            forgotten: Forgotten::default(),
            wall: Wall::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }))
    }

    /// One without sites, for tests; nobody is at the desk.
    #[cfg(test)]
    pub(crate) fn of_nobody() -> Self {
        let snapshot = Arc::new(helpdesk::Snapshot {
            version: 1,
            at_unix_ms: 0,
            sites: Vec::new(),
        });
        let commands = tokio::sync::mpsc::channel(1).0;
        let desk = Desk::new(commands, watch::channel(snapshot).1);
        Self::new(Config::without_sites(), desk, Options::default())
    }

    /// The newest configuration.
    pub(crate) fn config(&self) -> Arc<Config> {
        self.0.config.borrow().clone()
    }
}

impl std::ops::Deref for Face {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// Replaces the configuration of a running gateway. Cheap to clone.
#[derive(Clone)]
pub struct ConfigHandle(pub(crate) Face);

impl ConfigHandle {
    /// Serves by `config` from the next request on; streams already open keep their site.
    pub fn replace(&self, config: Config) {
        self.0.0.config.send_replace(Arc::new(config));
    }
}
