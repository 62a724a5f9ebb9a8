//! Who may watch whom (RFC 3856 §6.6.2, in the words of RFC 5025 §3.2.1). Must not know how anybody watches.

use helpdesk::RepId;

use crate::config::{Audience, Refusal, WatcherSettings};

/// The rules in force.
#[derive(Debug, Default)]
pub(crate) struct Permissions {
    settings: WatcherSettings,
}

/// What becomes of a wish to watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The watcher is told everything.
    Allowed,
    /// The watcher is told of somebody who is always offline, and cannot tell it from the truth.
    Hidden,
    /// The watcher is told to wait.
    Held,
    /// The watcher is refused.
    Forbidden,
}

impl Permissions {
    /// These rules.
    pub(crate) fn new(settings: WatcherSettings) -> Self {
        Self { settings }
    }

    /// May `watcher` see the state of `rep`?
    pub(super) fn of_rep(&self, watcher: &RepId, rep: &RepId) -> Verdict {
        let chosen = self.settings.chosen_by_rep.get(rep);
        let allowed = watcher == rep
            || self.is_supervisor(watcher)
            || match chosen {
                Some(chosen) => chosen.contains(watcher),
                None => self.settings.of_reps == Audience::Reps,
            };
        self.verdict(allowed)
    }

    /// May `watcher` see the state of groups?
    pub(super) fn of_group(&self, watcher: &RepId) -> Verdict {
        self.verdict(self.is_supervisor(watcher) || self.settings.of_groups == Audience::Reps)
    }

    /// May `watcher` see who watches `rep`? RFC 3857 §4.6: that is for the eyes of the presentity.
    pub(super) fn of_watchers(&self, watcher: &RepId, rep: &RepId) -> Verdict {
        if watcher == rep || self.is_supervisor(watcher) {
            Verdict::Allowed
        } else {
            Verdict::Forbidden
        }
    }

    fn is_supervisor(&self, rep: &RepId) -> bool {
        self.settings.supervisors.contains(rep)
    }

    fn verdict(&self, allowed: bool) -> Verdict {
        match (allowed, self.settings.refusal) {
            (true, _) => Verdict::Allowed,
            (false, Refusal::Forbid) => Verdict::Forbidden,
            (false, Refusal::Hide) => Verdict::Hidden,
            (false, Refusal::Hold) => Verdict::Held,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    fn rep(name: &str) -> RepId {
        RepId::new(name)
    }

    fn rules(of_reps: Audience, refusal: Refusal) -> Permissions {
        Permissions::new(WatcherSettings {
            of_reps,
            of_groups: of_reps,
            supervisors: HashSet::from([rep("sue")]),
            refusal,
            chosen_by_rep: HashMap::from([(rep("shy"), HashSet::from([rep("bob")]))]),
            ..WatcherSettings::default()
        })
    }

    #[test]
    fn reps_watch_each_other_and_supervisors_everybody() {
        let open = rules(Audience::Reps, Refusal::Forbid);
        let closed = rules(Audience::Supervisors, Refusal::Forbid);
        for (watcher, watched, by_open, by_closed) in [
            ("bob", "ann", Verdict::Allowed, Verdict::Forbidden),
            ("ann", "ann", Verdict::Allowed, Verdict::Allowed),
            ("sue", "ann", Verdict::Allowed, Verdict::Allowed),
            ("bob", "shy", Verdict::Allowed, Verdict::Allowed),
            ("ann", "shy", Verdict::Forbidden, Verdict::Forbidden),
            ("sue", "shy", Verdict::Allowed, Verdict::Allowed),
        ] {
            let (watcher, watched) = (rep(watcher), rep(watched));
            assert_eq!(
                open.of_rep(&watcher, &watched),
                by_open,
                "{watcher} {watched}"
            );
            assert_eq!(
                closed.of_rep(&watcher, &watched),
                by_closed,
                "{watcher} {watched}"
            );
        }
        assert_eq!(open.of_group(&rep("bob")), Verdict::Allowed);
        assert_eq!(closed.of_group(&rep("bob")), Verdict::Forbidden);
        assert_eq!(closed.of_group(&rep("sue")), Verdict::Allowed);
    }

    #[test]
    fn the_refusal_is_the_one_that_is_configured() {
        for (refusal, verdict) in [
            (Refusal::Forbid, Verdict::Forbidden),
            (Refusal::Hide, Verdict::Hidden),
            (Refusal::Hold, Verdict::Held),
        ] {
            let rules = rules(Audience::Supervisors, refusal);
            assert_eq!(rules.of_rep(&rep("bob"), &rep("ann")), verdict);
            // Who watches is never shown to others, nor hinted at.
            assert_eq!(
                rules.of_watchers(&rep("bob"), &rep("ann")),
                Verdict::Forbidden
            );
            assert_eq!(
                rules.of_watchers(&rep("sue"), &rep("ann")),
                Verdict::Allowed
            );
        }
    }
}
