//! Collects what walls show: at each change of the groups and twice a second while somebody looks, and every few
//! seconds for the charts while nobody does. Must not know who looks.

use std::sync::Arc;
use std::time::Duration;

use helpdesk::{RepReport, TicketReport, TicketState, WaitEnded};
use jiff::Timestamp;
use presence::Availability;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tracing::debug;

use super::history::Standing;
use crate::desk::{Command, DeskRefused};
use crate::face::Face;
use crate::report::Report;
use crate::wire::wall::{BrokenDocument, TodayDocument, WallDocument, WallParts};

/// How often a wall is told of what no group shows.
const TICK: Duration = Duration::from_millis(500);

/// The same while nobody looks, in ticks.
const IDLE_TICKS: u32 = 20;

/// Least time between two documents.
const GAP: Duration = Duration::from_millis(150);

/// Broken promises that are listed.
const BROKEN: usize = 12;

/// What has been counted since the start.
#[derive(Default)]
struct Counted {
    last_wait: u64,
    today: TodayDocument,
    broken: Vec<BrokenDocument>,
}

/// Runs until the server stops.
pub(crate) async fn run(face: Face) {
    let mut counted = Counted {
        today: TodayDocument {
            since: Timestamp::now().as_millisecond(),
            ..TodayDocument::default()
        },
        ..Counted::default()
    };
    let mut snapshots = face.desk.snapshots();
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut ticks = 0_u32;
    loop {
        let is_watched = face.wall.documents.receiver_count() > 0;
        tokio::select! {
            () = face.stop.cancelled() => return,
            _ = tick.tick() => ticks = ticks.wrapping_add(1),
            changed = snapshots.changed(), if is_watched => {
                if changed.is_err() {
                    return;
                }
                ticks = 0;
            }
        }
        if !is_watched && !ticks.is_multiple_of(IDLE_TICKS) {
            continue;
        }
        let gap = Instant::now() + GAP;
        match collect(&face, &mut counted).await {
            Ok(()) => {}
            Err(DeskRefused::Closed) => return,
            Err(error @ DeskRefused::NotRecording) => debug!(%error, "the wall stands still"),
        }
        sleep_until(gap).await;
    }
}

async fn collect(face: &Face, counted: &mut Counted) -> Result<(), DeskRefused> {
    let config = face.config();
    let Some(console) = &config.console else {
        return Ok(());
    };
    let desk = &face.desk;
    let reps = desk
        .call(|answer| Command::Report(Report::Reps(answer)))
        .await?;
    let queue = desk
        .call(|answer| Command::Report(Report::Queue(answer)))
        .await?;
    let after = counted.last_wait;
    let waits = desk
        .call(|answer| Command::Report(Report::WaitsEnded { after, answer }))
        .await?;
    counted.count(&waits);
    let minute = face.wall.with_history(|history| {
        history.end(&waits);
        history.stand(standing(&reps, &queue), Timestamp::now().as_millisecond());
        history.last()
    });
    if face.wall.documents.receiver_count() == 0 {
        return Ok(());
    }
    let document = WallDocument::new(WallParts {
        config: &config,
        snapshot: desk.snapshot(),
        reps,
        queue,
        presentities: console.presentities(),
        today: counted.today.clone(),
        broken: counted.broken.clone(),
        minute,
    });
    // Only a map with keys that are no strings or a failing Serialize could fail; there is neither.
    let text = serde_json::to_string(&document).unwrap_or_default();
    face.wall.documents.send_replace(Arc::from(text));
    Ok(())
}

impl Counted {
    fn count(&mut self, waits: &[WaitEnded]) {
        for wait in waits {
            self.last_wait = self.last_wait.max(wait.number);
            match wait.fate {
                helpdesk::WaitFate::Answered => self.today.answered += 1,
                helpdesk::WaitFate::Left => self.today.left += 1,
            }
            if let Some(is_kept) = wait.is_kept() {
                self.today.promised += 1;
                self.today.kept += u64::from(is_kept);
            }
            if let Some(broken) = BrokenDocument::of(wait) {
                self.broken.insert(0, broken);
                self.broken.truncate(BROKEN);
            }
        }
    }
}

fn standing(reps: &[RepReport], queue: &[TicketReport]) -> Standing {
    let are = |availability| {
        let count = reps
            .iter()
            .filter(|report| report.availability == availability);
        u32::try_from(count.count()).unwrap_or(u32::MAX)
    };
    let (mut queued, mut open) = (0, 0);
    for ticket in queue {
        match ticket.state {
            TicketState::Queued | TicketState::Offered => queued += 1,
            TicketState::Open | TicketState::Callback => open += 1,
            TicketState::Closed | TicketState::Abandoned => {}
        }
    }
    Standing {
        queued,
        open,
        available: are(Availability::Available),
        busy: are(Availability::Busy),
        away: are(Availability::Away),
    }
}
