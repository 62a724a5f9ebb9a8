//! Keeps the ways to the telephone network: registers where that is wanted, asks by OPTIONS whether somebody is there,
//! and tells how each stands. Must not know who is called over them.

mod pinging;
mod registering;

use std::sync::Arc;
use std::time::Instant;

use gateway::{Ping, Registration, TrunkBoard, TrunkReport};
use sip_transport::Sender;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::config::TrunkSettings;
use crate::happenings::Happenings;
use crate::reached::Reached;

/// The trunks that are configured, the first to be tried first; a call keeps those it began with.
pub(crate) type SharedTrunks = watch::Receiver<Arc<[TrunkSettings]>>;

/// Changes that may wait; beyond it the trunk's task waits.
const CHANGES: usize = 64;

/// What keeping needs of the server.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) sender: Sender,
    /// Where peers reach us.
    pub(crate) reached: Reached,
    pub(crate) happenings: Happenings,
}

/// Owns what is known of each trunk.
pub(crate) struct Trunks {
    parts: Parts,
    settings: SharedTrunks,
    board: watch::Sender<Arc<[TrunkReport]>>,
    kept: Vec<Kept>,
    next_id: u64,
    tasks: JoinSet<()>,
    changes_in: mpsc::Sender<(u64, Change)>,
    changes: mpsc::Receiver<(u64, Change)>,
}

/// One trunk that is kept.
struct Kept {
    id: u64,
    settings: TrunkSettings,
    report: TrunkReport,
    stop: CancellationToken,
    task: AbortHandle,
}

/// What is new of a trunk.
#[derive(Debug)]
enum Change {
    Registration(Registration),
    Ping(Ping),
}

/// Those of the trunks that calls may go over at this moment; otherwise why there is none.
pub(crate) fn in_service(
    trunks: &[TrunkSettings],
    board: &TrunkBoard,
) -> Result<Vec<TrunkSettings>, String> {
    let reports = board.borrow().clone();
    let now = Instant::now();
    let mut reasons = Vec::new();
    let mut usable = Vec::new();
    for trunk in trunks {
        let label = trunk.label();
        let report = reports.iter().find(|report| report.trunk == label);
        match report.and_then(|report| report.out_of_service(now)) {
            None => usable.push(trunk.clone()),
            Some(why) => reasons.push(format!("{label}: {why}")),
        }
    }
    if usable.is_empty() && !trunks.is_empty() {
        return Err(format!("no trunk is in service ({})", reasons.join("; ")));
    }
    for why in reasons {
        tracing::warn!(%why, "a trunk is passed over");
    }
    Ok(usable)
}

impl Trunks {
    /// A keeper of the trunks of `settings`, that tells on `board`.
    pub(crate) fn new(
        parts: Parts,
        settings: SharedTrunks,
        board: watch::Sender<Arc<[TrunkReport]>>,
    ) -> Self {
        let (changes_in, changes) = mpsc::channel(CHANGES);
        Self {
            parts,
            settings,
            board,
            kept: Vec::new(),
            next_id: 0,
            tasks: JoinSet::new(),
            changes_in,
            changes,
        }
    }

    /// Runs until the farewell, and then until the trunks are told that we leave, or do not answer.
    pub(crate) async fn run(mut self, farewell: CancellationToken) {
        self.adopt();
        loop {
            tokio::select! {
                () = farewell.cancelled() => break,
                changed = self.settings.changed() => match changed {
                    Ok(()) => self.adopt(),
                    Err(_) => break,
                },
                Some((id, change)) = self.changes.recv() => self.note(id, change),
                Some(done) = self.tasks.join_next() => heed(done),
            }
        }
        for kept in &self.kept {
            kept.stop.cancel();
        }
        // They may have something to tell until the end.
        self.changes.close();
        while let Some(done) = self.tasks.join_next().await {
            heed(done);
        }
    }

    /// Keeps what is configured, and no other trunk any more; those that are as before go on.
    fn adopt(&mut self) {
        let settings = self.settings.borrow_and_update().clone();
        let mut before = std::mem::take(&mut self.kept);
        for trunk in settings.iter() {
            let same = before.iter().position(|kept| kept.settings == *trunk);
            let kept = match same {
                Some(place) => before.swap_remove(place),
                None => self.keep(trunk.clone()),
            };
            self.kept.push(kept);
        }
        for old in before {
            let label = &old.report.trunk;
            if self.kept.iter().any(|kept| kept.report.trunk == *label) {
                // Taking it back would take back what its successor registers.
                old.task.abort();
            } else {
                old.stop.cancel();
            }
        }
        self.tell();
    }

    fn keep(&mut self, settings: TrunkSettings) -> Kept {
        let id = self.next_id;
        self.next_id += 1;
        let stop = CancellationToken::new();
        let teller = Teller {
            id,
            changes: self.changes_in.clone(),
        };
        let task = self.tasks.spawn(keep(
            self.parts.clone(),
            settings.clone(),
            teller,
            stop.clone(),
        ));
        let report = TrunkReport {
            trunk: settings.label(),
            registration: match settings.register {
                Some(_) => Registration::Asked,
                None => Registration::None,
            },
            ping: match settings.ping {
                Some(_) => Ping::Asked,
                None => Ping::None,
            },
        };
        Kept {
            id,
            settings,
            report,
            stop,
            task,
        }
    }

    fn note(&mut self, id: u64, change: Change) {
        let Some(kept) = self.kept.iter_mut().find(|kept| kept.id == id) else {
            return;
        };
        let now = Instant::now();
        let before = kept.report.out_of_service(now);
        match change {
            Change::Registration(registration) => kept.report.registration = registration,
            Change::Ping(ping) => kept.report.ping = ping,
        }
        let trunk = &kept.report.trunk;
        match (before, kept.report.out_of_service(now)) {
            (None, Some(why)) => {
                tracing::warn!(%trunk, %why, "a trunk is out of service");
            }
            (Some(_), None) => tracing::info!(%trunk, "a trunk is in service"),
            (None, None) | (Some(_), Some(_)) => {}
        }
        self.tell();
    }

    fn tell(&self) {
        let reports = self.kept.iter().map(|kept| kept.report.clone());
        self.board.send_replace(reports.collect());
    }
}

/// Tells what is new of one trunk.
struct Teller {
    id: u64,
    changes: mpsc::Sender<(u64, Change)>,
}

impl Teller {
    async fn tell(&self, change: Change) {
        if self.changes.send((self.id, change)).await.is_err() {
            tracing::debug!("a trunk changed after the server had begun to stop");
        }
    }
}

/// Keeps one trunk until it is stopped.
async fn keep(parts: Parts, trunk: TrunkSettings, teller: Teller, stop: CancellationToken) {
    tokio::join!(
        registering::keep(&parts, &trunk, &teller, &stop),
        pinging::keep(&parts, &trunk, &teller, &stop),
    );
}

/// Our Contact as this trunk reaches us.
pub(crate) async fn contact_towards(
    sender: &Sender,
    reached: &Reached,
    trunk: &TrunkSettings,
) -> String {
    // Asked as the request will ask, so that the answer is kept for it.
    let found = sender.servers(&trunk.first_hop()).await;
    match found.as_deref() {
        Ok([server, ..]) => reached.contact(server.protocol, server.address),
        // The request says why it finds nobody.
        Ok([]) | Err(_) => reached.contact_by_name(trunk.protocol()),
    }
}

fn heed(done: Result<(), tokio::task::JoinError>) {
    if let Err(error) = done
        && !error.is_cancelled()
    {
        tracing::error!(%error, "keeping a trunk failed");
    }
}
