//! Tells the store what the helpdesk itself knows of each rep, so that a rep who is full, rests or left an offer
//! unanswered is shown so. Must not decide anything: the store weighs it against what phones say.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use helpdesk::{Helpdesk, PauseEnd, RepId, RepKnowledge};
use presence::{Change, OwnKnowledge, PresentityId, Store};

/// A pause without an end: longer than any server runs.
const ENDLESS: Duration = Duration::from_secs(366 * 24 * 3600);

/// What the store was last told of each rep.
#[derive(Debug, Default)]
pub(super) struct Knowledge {
    told_by_rep: HashMap<RepId, Told>,
}

/// What of a rep's knowledge makes a state. Times are in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Told {
    in_hand: u32,
    capacity: u32,
    calls: u32,
    resting_until: Option<i64>,
    absent: Option<PauseEnd>,
}

/// One moment on both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) at: Instant,
    pub(super) unix_ms: i64,
}

impl Knowledge {
    /// Tells what has changed; true if that changed anybody's state.
    pub(super) fn tell(&mut self, helpdesk: &Helpdesk, store: &Store, now: Now) -> bool {
        let mut has_changed = false;
        let mut configured = 0;
        for knowledge in helpdesk.knowledge() {
            configured += 1;
            let says = Told::of(&knowledge);
            let told = self.told_by_rep.get(&knowledge.rep).copied();
            if told.unwrap_or(Told::nothing(says.capacity)) != says {
                has_changed |= learn(store, &knowledge.rep, says.own_knowledge(now), now);
            }
            if told != Some(says) {
                self.told_by_rep.insert(knowledge.rep, says);
            }
        }
        if self.told_by_rep.len() > configured {
            self.told_by_rep.retain(|rep, _| {
                let stays = helpdesk.knowledge_of(rep).is_some();
                if !stays {
                    has_changed |= learn(store, rep, OwnKnowledge::default(), now);
                }
                stays
            });
        }
        has_changed
    }
}

fn learn(store: &Store, rep: &RepId, knowledge: OwnKnowledge, now: Now) -> bool {
    match store.learn(&PresentityId::new(rep.as_str()), knowledge, now.at) {
        Ok(Change::Changed { .. }) => true,
        Ok(Change::Unchanged) => false,
        Err(error) => {
            tracing::warn!(%rep, %error, "watchers are not told what the desk knows of a rep");
            false
        }
    }
}

impl Told {
    /// What is taken for told before anything was: a rep with nothing in hand.
    fn nothing(capacity: u32) -> Self {
        Self {
            capacity,
            ..Self::default()
        }
    }

    fn of(knowledge: &RepKnowledge) -> Self {
        let in_hand = knowledge.conversations + knowledge.offers;
        // A rest that leaves room for another conversation is nobody's business.
        let is_full = in_hand + knowledge.wrap_ups >= knowledge.capacity;
        Self {
            in_hand,
            capacity: knowledge.capacity,
            calls: knowledge.calls,
            resting_until: knowledge.wrap_up_until_unix_ms.filter(|_| is_full),
            absent: knowledge
                .pause
                .or(knowledge.doubted_until_unix_ms.map(PauseEnd::At)),
        }
    }

    fn own_knowledge(self, now: Now) -> OwnKnowledge {
        let at = |unix_ms: i64| {
            let ahead = u64::try_from(unix_ms.saturating_sub(now.unix_ms)).unwrap_or(0);
            now.at + Duration::from_millis(ahead).min(ENDLESS)
        };
        OwnKnowledge {
            conversations: self.in_hand,
            capacity: self.capacity,
            calls: self.calls,
            resting_until: self.resting_until.map(at),
            doubted_until: self.absent.map(|end| match end {
                PauseEnd::At(end) => at(end),
                PauseEnd::WhenResumed => now.at + ENDLESS,
            }),
        }
    }
}
