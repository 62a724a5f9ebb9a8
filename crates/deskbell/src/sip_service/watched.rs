//! What can be watched, and its state as a document: reps as they publish, groups as the helpdesk counts them,
//! and a rep's watchers. Must not know how it is watched.

use std::time::Instant;

use helpdesk::RepId;
use jiff::{Timestamp, Unit};
use presence::watchers::{Watcher, WatcherStatus, write_watcherinfo};
use presence::{Composed, PresentityId, Store, write_dated_pidf, write_pidf};

use sip::subscription::{Notifier, Standing};

use super::directory::GroupName;
use super::group_states::GroupStates;
use super::watched_list::ListHandle;

/// The type of a presence document.
pub(super) const PIDF: &str = "application/pidf+xml";

/// The type of a document about watchers.
pub(super) const WATCHERINFO: &str = "application/watcherinfo+xml";

/// The type of the states of a list (RFC 4662 §5).
pub(super) const RLMI: &str = "application/rlmi+xml";

/// What a subscription is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Watched {
    /// A rep's presence.
    Rep(RepId),
    /// A rep who seems to be offline, whatever the truth is.
    HiddenRep(RepId),
    /// The presence of the reps for a skill.
    Group(GroupName),
    /// Those who watch a rep's presence.
    WatchersOf(RepId),
    /// The presence of several at once.
    List(ListHandle),
}

/// Tells instants as dates: always the same one as the same date, whatever happens to the system's clock.
#[derive(Debug)]
pub(super) struct Calendar {
    at: Instant,
    date: Timestamp,
}

impl Calendar {
    /// One that goes right at this moment.
    pub(super) fn new(at: Instant) -> Self {
        Self {
            at,
            date: Timestamp::now(),
        }
    }

    /// To the second, as RFC 3339 writes it.
    fn date(&self, instant: Instant) -> Option<String> {
        let date = match instant.checked_duration_since(self.at) {
            Some(after) => self.date.checked_add(after),
            None => self.date.checked_sub(self.at.duration_since(instant)),
        };
        let date = date.ok()?.round(Unit::Second).ok()?;
        Some(date.to_string())
    }
}

/// The newest state of a rep, as PIDF about `address`.
pub(super) fn rep_document(
    rep: &RepId,
    address: &str,
    store: &Store,
    calendar: &Calendar,
) -> Vec<u8> {
    let presentity = store.presentity(&PresentityId::new(rep.as_str()));
    let composed = presentity.as_ref().map(|presentity| presentity.composed());
    let composed = composed.unwrap_or(&Composed::NOTHING);
    let since = composed.since.and_then(|since| calendar.date(since));
    write_dated_pidf(address, composed, since.as_deref())
}

/// The state of somebody who is hidden from the watcher, as PIDF about `address`: as if nothing were published.
pub(super) fn hidden_document(address: &str) -> Vec<u8> {
    write_pidf(address, &Composed::NOTHING)
}

/// The newest state of a group, as PIDF about `address`.
pub(super) fn group_document(name: &GroupName, address: &str, groups: &GroupStates) -> Vec<u8> {
    write_pidf(address, groups.state(name))
}

/// A rep's watchers at this moment, those from whom the rep is hidden among them. `version` counts the documents
/// of one subscription from 0.
pub(super) fn watchers_document(
    address: &str,
    version: u32,
    rep: &RepId,
    notifier: &Notifier<Watched>,
    now: Instant,
) -> Vec<u8> {
    let seen = notifier.watchers(&Watched::Rep(rep.clone()));
    let fooled = notifier.watchers(&Watched::HiddenRep(rep.clone()));
    let watchers: Vec<_> = seen
        .chain(fooled)
        .map(|watcher| Watcher {
            id: format!("w{}", watcher.subscription),
            address: watcher.address.into(),
            status: match watcher.standing {
                Standing::Active => WatcherStatus::Active,
                Standing::Pending => WatcherStatus::Pending,
            },
            subscribed_for: now.saturating_duration_since(watcher.since),
            expires_in: watcher.until.saturating_duration_since(now),
        })
        .collect();
    write_watcherinfo(address, version, &watchers)
}
