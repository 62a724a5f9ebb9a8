//! What the help desk itself knows of a rep: one more source of the rep's state. Must not know tickets.

use std::time::Instant;

use crate::source::Rule;

/// The help desk's knowledge of one rep. It qualifies a rep whom something else says to be there, and makes nobody
/// appear: who has published nothing is offline, whatever the desk knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OwnKnowledge {
    /// Conversations and offers the rep has.
    pub conversations: u32,
    /// As many as the rep takes at a time; 0 says nothing.
    pub capacity: u32,
    /// Calls the desk has set up for the rep and that go on.
    pub calls: u32,
    /// Until when the rep rests after a conversation.
    pub resting_until: Option<Instant>,
    /// Until when the rep is taken for absent, because offers went unanswered.
    pub doubted_until: Option<Instant>,
}

impl OwnKnowledge {
    /// What it says, at most one of each.
    pub fn rules(&self) -> impl Iterator<Item = Rule> + use<> {
        let is_full = self.capacity > 0 && self.conversations >= self.capacity;
        [
            (self.calls > 0, Rule::OnThePhone),
            (is_full || self.resting_until.is_some(), Rule::Full),
            (self.doubted_until.is_some(), Rule::Away),
        ]
        .into_iter()
        .filter_map(|(says, rule)| says.then_some(rule))
    }

    /// The same without what has ended by `now`.
    pub(crate) fn at(self, now: Instant) -> Self {
        Self {
            resting_until: self.resting_until.filter(|until| *until > now),
            doubted_until: self.doubted_until.filter(|until| *until > now),
            ..self
        }
    }

    /// When the first part of it ends by itself.
    pub(crate) fn first_end(&self) -> Option<Instant> {
        let ends = [self.resting_until, self.doubted_until];
        ends.into_iter().flatten().min()
    }

    /// When what `rule` says ends by itself; `None` if only another word of the desk ends it.
    pub(crate) fn end_of(&self, rule: Rule) -> Option<Instant> {
        match rule {
            Rule::Full if self.capacity > 0 && self.conversations >= self.capacity => None,
            Rule::Full => self.resting_until,
            Rule::Away => self.doubted_until,
            Rule::Closed | Rule::OnThePhone | Rule::Busy | Rule::Idle | Rule::Available => None,
        }
    }

    /// True if it says nothing and is about to say nothing.
    pub(crate) fn is_nothing(&self) -> bool {
        self.conversations == 0
            && self.calls == 0
            && self.resting_until.is_none()
            && self.doubted_until.is_none()
    }
}

/// The help desk's knowledge as the store keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) knowledge: OwnKnowledge,
    /// Since when it has said what it says.
    pub(crate) since: Instant,
}
