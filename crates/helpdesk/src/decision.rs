//! One routing decision as it can be shown: who could have taken the ticket, who did, and why.
//! Must not know how it was made, nor who asks for it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use presence::Availability;

use crate::ids::{Level, RepId, TicketId};
use crate::routing::Standing;

/// What became of one ticket at one moment, with everything it was decided by. Replaying the same inputs at
/// the same times makes the same decisions.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The ticket.
    pub ticket: TicketId,
    /// When, in milliseconds since the Unix epoch.
    pub at_unix_ms: i64,
    /// Time since the ask.
    pub age: Duration,
    /// Time waited towards the relaxing rules: since the ask, or since the last transfer.
    pub waited: Duration,
    /// The weight of the shopper's tier.
    pub weight: f64,
    /// What was decided.
    pub outcome: Outcome,
    /// The relaxing rules that held by then, in words.
    pub relaxed: Vec<Arc<str>>,
    /// The reps who came nearest, those who could take the ticket first, in the order they would be asked.
    pub candidates: Vec<Candidate>,
    /// How many more reps stood how.
    pub others: Vec<(Standing, u32)>,
}

/// What was decided of a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was put to this rep.
    Offered(RepId),
    /// It waits: somebody on duty may take it, or will when the rules have relaxed it.
    Waits,
    /// It waits although nobody on duty could take it, however long it does.
    Stranded,
    /// It went one step towards a call or a messenger, or away from it: in words.
    Step(Arc<str>),
}

/// One rep as one decision saw the rep.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The rep.
    pub rep: RepId,
    /// How the rep stood to the ticket.
    pub standing: Standing,
    /// What presence said of the rep.
    pub availability: Availability,
    /// The rep's level in the first skill asked for, or in the one that stands in for it.
    pub level: Option<Level>,
    /// Whether a rule lets another skill stand in.
    pub substitute: bool,
    /// Weight of the preferred skills the rep has.
    pub preference: f64,
    /// Tier weight times age in seconds times expertise: the ticket's score with this rep.
    pub score: f64,
    /// How long the rep had been idle.
    pub idle: Duration,
}

impl Decision {
    /// The reasons, a sentence each.
    pub fn reasons(&self) -> Vec<String> {
        let mut reasons = vec![self.headline()];
        reasons.extend(self.relaxed.iter().map(|rule| format!("Rule: {rule}.")));
        reasons.extend(self.candidates.iter().map(Candidate::reason));
        reasons.extend(self.others.iter().map(|(standing, count)| {
            let reps = if *count == 1 { "rep" } else { "reps" };
            format!("{count} more {reps}: {standing}.")
        }));
        reasons
    }

    fn headline(&self) -> String {
        let age = seconds(self.age);
        match &self.outcome {
            Outcome::Offered(rep) => {
                let ready = self.ready().count();
                let chosen = self.candidates.iter().find(|one| one.rep == *rep);
                let runner_up = self.ready().find(|one| one.rep != *rep);
                let why = match (chosen, runner_up) {
                    (Some(chosen), Some(next)) => chosen.advantage_over(next),
                    (Some(_) | None, None) | (None, Some(_)) => {
                        "the only one who could take it".to_owned()
                    }
                };
                let choice = if ready > 1 {
                    format!(", of {ready} who could take it")
                } else {
                    String::new()
                };
                format!("Offered to {rep} after {age}{choice}: {why}.")
            }
            Outcome::Step(step) => step.to_string(),
            Outcome::Waits => format!("Waits, after {age}: nobody who may take it is free."),
            Outcome::Stranded => {
                format!("Waits, after {age}: nobody who could ever take it is on duty.")
            }
        }
    }

    fn ready(&self) -> impl Iterator<Item = &Candidate> {
        let ready = |one: &&Candidate| one.standing == Standing::Ready;
        self.candidates.iter().filter(ready)
    }
}

impl Candidate {
    /// How the rep stood, in one sentence.
    pub fn reason(&self) -> String {
        let Self { rep, standing, .. } = self;
        let level = match self.level {
            Some(level) if self.substitute => {
                format!(", level {} in a skill that will do", level.value())
            }
            Some(level) => format!(", level {}", level.value()),
            None => String::new(),
        };
        let idle = seconds(self.idle);
        match standing {
            Standing::Ready => {
                format!(
                    "{rep}: {standing}{level}, idle for {idle}, score {:.1}.",
                    self.score
                )
            }
            Standing::NotAvailable => {
                format!("{rep}: fits, but is {}{level}.", self.availability)
            }
            Standing::Doubted
            | Standing::Paused
            | Standing::OnCall
            | Standing::Full
            | Standing::Refused
            | Standing::HandedOn
            | Standing::KeptForAnother
            | Standing::OtherTier
            | Standing::LacksSkill
            | Standing::BelowLevel => format!("{rep}: {standing}{level}."),
        }
    }

    /// Why this rep was asked before that one.
    fn advantage_over(&self, other: &Self) -> String {
        let than = &other.rep;
        if self.substitute != other.substitute {
            return format!("has the very skill, {than} only one that will do");
        }
        if self.preference > other.preference {
            return format!("has more of what was preferred than {than}");
        }
        match (self.level, other.level) {
            (Some(mine), Some(theirs)) if mine > theirs => {
                format!("level {} before {than}'s {}", mine.value(), theirs.value())
            }
            (Some(_) | None, Some(_) | None) if self.idle > other.idle => {
                format!(
                    "idle for {}, {than} for {}",
                    seconds(self.idle),
                    seconds(other.idle)
                )
            }
            (Some(_) | None, Some(_) | None) => format!("goes before {than}"),
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready => "could take it at once",
            Self::NotAvailable => "fits, but is not available",
            Self::Doubted => "fits, but did not answer lately",
            Self::Paused => "fits, but has a pause",
            Self::OnCall => "fits, but is on a call",
            Self::Full => "fits, but has as much in hand as may be",
            Self::Refused => "fits, but did not take it a short while ago",
            Self::HandedOn => "handed it on",
            Self::KeptForAnother => "fits, but it is kept for another rep",
            Self::OtherTier => "serves other tiers",
            Self::LacksSkill => "lacks a required skill",
            Self::BelowLevel => "is below the level it holds out for",
        })
    }
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs())
}
