//! Keeps how the groups stand in line with the desk, and publishes it when that has changed.
//! Must not know how a group is looked at, nor who is told.

use std::sync::Arc;

use crate::desk::Helpdesk;
use crate::io::Output;
use crate::snapshot::Snapshot;

impl Helpdesk {
    /// Only those groups are looked at that what has happened can have changed; all of them at opening and closing
    /// times, and at first.
    pub(crate) fn look_at_groups(&mut self) {
        let seen = self.seen();
        if self.looked == Some(seen) {
            return;
        }
        let (reps, kinds) = (self.roster.take_moved(), self.board.take_asked_anew());
        let before = self.looked.replace(seen);
        let concerns_all = before.is_none_or(|before| before.openings != seen.openings);
        let mut groups = std::mem::take(&mut self.groups);
        let (desk, clicks) = (self.promising(), &self.forecast.clicks);
        if concerns_all {
            groups.refresh_all(desk, clicks);
        } else {
            groups.refresh(&reps, &kinds, desk, clicks);
        }
        self.groups = groups;
    }

    /// Waits were forecast anew.
    pub(crate) fn look_at_waiting_groups(&mut self) {
        let mut groups = std::mem::take(&mut self.groups);
        groups.refresh_waiting(self.promising(), &self.forecast.clicks);
        self.groups = groups;
    }

    /// Publishes how the groups stand, if that has changed.
    pub(crate) fn publish_snapshot(&mut self) {
        self.look_at_groups();
        if !self.groups.take_has_changed() {
            return;
        }
        let sites = self.groups.snapshots();
        // What has changed twice may be as it was.
        if sites == self.snapshot.sites {
            return;
        }
        self.snapshot = Arc::new(Snapshot {
            version: self.snapshot.version.saturating_add(1),
            at_unix_ms: self.now.0,
            sites,
        });
        self.push(Output::Snapshot(Arc::clone(&self.snapshot)));
    }
}
