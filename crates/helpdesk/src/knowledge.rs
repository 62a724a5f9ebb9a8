//! What the helpdesk itself knows of a rep, for whoever composes the rep's state.
//! Must not know presence documents.

use crate::desk::Helpdesk;
use crate::ids::RepId;
use crate::roster::{Pause, Seat};

/// What a rep has in hand, and why nothing is offered to the rep though presence says available.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepKnowledge {
    /// The rep.
    pub rep: RepId,
    /// Open conversations.
    pub conversations: u32,
    /// Offers that the rep has not answered yet.
    pub offers: u32,
    /// Conversations the rep may hold at once, offers and rests included.
    pub capacity: u32,
    /// Calls the rep is on; any fills the rep.
    pub calls: u32,
    /// Rests after conversations that are not over.
    pub wrap_ups: u32,
    /// When the last of them ends, in milliseconds since the Unix epoch.
    pub wrap_up_until_unix_ms: Option<i64>,
    /// Until when the rep is doubted, because an offer lapsed or the phone could not be reached.
    pub doubted_until_unix_ms: Option<i64>,
    /// Whether and how long the rep has a pause.
    pub pause: Option<PauseEnd>,
    /// When the rep last came on duty, was put a ticket, took a conversation or ended one.
    pub idle_since_unix_ms: i64,
}

/// When a pause ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseEnd {
    /// At this time, in milliseconds since the Unix epoch.
    At(i64),
    /// When the rep says so.
    WhenResumed,
}

impl From<Pause> for PauseEnd {
    fn from(pause: Pause) -> Self {
        match pause {
            Pause::Until(end) => Self::At(end.0),
            Pause::UntilResumed => Self::WhenResumed,
        }
    }
}

impl Helpdesk {
    /// What is known of one rep; `None` for who is not configured. It changes with inputs and with time,
    /// at the latest when [`next_timeout`](Self::next_timeout) has come.
    pub fn knowledge_of(&self, rep: &RepId) -> Option<RepKnowledge> {
        self.roster.seat(rep).map(RepKnowledge::of)
    }

    /// What is known of every rep, in order of identity.
    pub fn knowledge(&self) -> impl Iterator<Item = RepKnowledge> {
        self.roster.seats().map(RepKnowledge::of)
    }
}

impl RepKnowledge {
    /// Whether the rep could be put one more ticket, were presence to say available.
    pub fn has_room(&self) -> bool {
        self.conversations + self.offers + self.wrap_ups < self.capacity
            && self.calls == 0
            && self.pause.is_none()
            && self.doubted_until_unix_ms.is_none()
    }

    fn of(seat: &Seat) -> Self {
        Self {
            rep: seat.rep.id.clone(),
            conversations: count(seat.conversations.len()),
            offers: count(seat.offers.len()),
            capacity: seat.rep.capacity,
            calls: seat.calls_in_all(),
            wrap_ups: count(seat.wrap_ups.len()),
            wrap_up_until_unix_ms: seat.wrap_ups.iter().max().map(|end| end.0),
            doubted_until_unix_ms: seat.doubted_until.map(|end| end.0),
            pause: seat.pause.map(PauseEnd::from),
            idle_since_unix_ms: seat.idle_since.0,
        }
    }
}

fn count(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}
