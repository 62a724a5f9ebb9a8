//! How many server transactions there are, and which timers still matter to them. Must not change any.

use super::{Id, Servers, Timer};

impl Servers {
    pub(in crate::transaction) fn len(&self) -> usize {
        self.pending.len() + self.answered.len() + self.invites.len()
    }

    /// Requests not yet answered, and INVITEs not yet over.
    pub(in crate::transaction) fn unanswered(&self) -> usize {
        self.pending.len() + self.invites.len()
    }

    /// Whether a timer that was set still matters.
    pub(in crate::transaction) fn awaits(&self, timer: Timer, id: Id) -> bool {
        match timer {
            Timer::Trying | Timer::Abandon => self.pending.entry(id).is_some(),
            Timer::InviteTrying
            | Timer::InviteAbandon
            | Timer::G
            | Timer::H
            | Timer::I
            | Timer::L => self.invites.entry(id).is_some_and(|it| it.awaits(timer)),
            Timer::A
            | Timer::B
            | Timer::C
            | Timer::D
            | Timer::Cancelled
            | Timer::M
            | Timer::E
            | Timer::F
            | Timer::K
            | Timer::J => false,
        }
    }
}
