//! What the desk learns from, one observation each: kept, so that a restart makes nobody a beginner again.
//! Must not know what is made of it.

use crate::clock::Moment;
use crate::estimate::quote::Form;
use crate::ids::{SkillId, TierId};
use crate::tickets::Ticket;

/// One observation of a skill and tier.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesson {
    /// The skill routed by.
    pub skill: SkillId,
    /// The shopper's tier.
    pub tier: TierId,
    /// When it was made, in milliseconds since the Unix epoch.
    pub at_unix_ms: i64,
    /// What was seen.
    pub observation: Observation,
}

/// What was seen. Times are in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Observation {
    /// A click came in.
    Arrival,
    /// A conversation took so long.
    Handling {
        /// From its acceptance to its end.
        seconds: f64,
    },
    /// A ticket left the queue after so long.
    Wait {
        /// Since the ask.
        seconds: f64,
        /// How.
        end: WaitEnd,
    },
    /// A wait for which this range was forecast by playing the queue came to its end, or has outlasted it.
    Range {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
        /// The wait.
        seconds: f64,
    },
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaitEnd {
    /// A rep took the ticket.
    Served,
    /// The shopper left.
    Left,
}

/// Lessons that are worth keeping; of more, the oldest teach nothing that newer ones do not.
pub const LESSONS_KEPT: usize = 50_000;

/// A ticket came in.
pub(crate) fn of_arrival(ticket: &Ticket, at: Moment) -> Option<Lesson> {
    lesson(ticket, at, Observation::Arrival)
}

/// A conversation that began then has ended.
pub(crate) fn of_handling(ticket: &Ticket, since: Moment, at: Moment) -> Option<Lesson> {
    let seconds = at.since(since).as_secs_f64();
    lesson(ticket, at, Observation::Handling { seconds })
}

/// A ticket that waited since its ask has left the queue; what a wait after a transfer says of patience
/// nobody knows.
pub(crate) fn of_wait(ticket: &Ticket, end: WaitEnd, at: Moment) -> Option<Lesson> {
    let seconds = at.since(ticket.asked_at).as_secs_f64();
    let is_first = ticket.handed_on_by.is_none();
    is_first.then(|| lesson(ticket, at, Observation::Wait { seconds, end }))?
}

/// A ticket's first wait has ended: what became of the range that was promised, as far as it is known.
pub(crate) fn of_range(ticket: &Ticket, end: WaitEnd, at: Moment) -> Option<Lesson> {
    let first = ticket
        .promised
        .filter(|_| ticket.handed_on_by.is_none())?
        .first;
    let (low, high) = (f64::from(first.wait.low), f64::from(first.wait.high));
    let seconds = at.since(first.at).as_secs_f64();
    let is_known = match end {
        WaitEnd::Served => true,
        WaitEnd::Left => seconds > high,
    };
    let is_played = first.form == Form::Played;
    (is_known && is_played)
        .then(|| lesson(ticket, at, Observation::Range { low, high, seconds }))?
}

fn lesson(ticket: &Ticket, at: Moment, observation: Observation) -> Option<Lesson> {
    Some(Lesson {
        skill: ticket.skills.first()?.clone(),
        tier: ticket.ask.tier.clone(),
        at_unix_ms: at.0,
        observation,
    })
}
