//! What is simulated: who comes, who serves, by which rules. Must not know the file it was read from.

use thiserror::Error;

use super::law::Law;
use crate::ask::Wishes;
use crate::config::{Routing, Tier};
use crate::ids::{Level, SkillId, TierId};

/// A day to be played.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// The same seed gives the same answer.
    pub seed: u64,
    /// Arrivals before counting starts.
    pub warm_up: u64,
    /// Where the arrivals come from.
    pub arrivals: Arrivals,
    /// Who comes.
    pub classes: Vec<Class>,
    /// Who serves.
    pub pools: Vec<Pool>,
    /// Every tier that a class or a pool names.
    pub tiers: Vec<Tier>,
    /// The rules, the very same as a server's.
    pub routing: Routing,
    /// Waits to be quoted by playing the queue forward, evenly spread over the run; 0 is none.
    pub quotes: u64,
}

impl Scenario {
    /// The skill that each class is routed by, numbered as they come.
    pub(super) fn skill_by_class(&self) -> Vec<usize> {
        let mut skills = Vec::new();
        let number = |class: &Class| {
            let first = class.skills.first().cloned();
            let known = skills.iter().position(|skill| *skill == first);
            known.unwrap_or_else(|| {
                skills.push(first);
                skills.len() - 1
            })
        };
        self.classes.iter().map(number).collect()
    }

    /// As which class the estimates know each: one with wishes, or of several skills, or for one rep, as the plain one of its first
    /// skill and tier, if there is one.
    pub(super) fn taught_as(&self) -> Vec<usize> {
        let is_plain = |class: &Class| {
            class.skills.len() == 1 && class.wishes == Wishes::NONE && class.usual.is_none()
        };
        let as_which = |(place, class): (usize, &Class)| {
            let alike = |other: &Class| {
                let same_skill = other.skills.first() == class.skills.first();
                is_plain(other) && same_skill && other.tier == class.tier
            };
            let plain = self.classes.iter().position(alike);
            plain.filter(|_| !is_plain(class)).unwrap_or(place)
        };
        self.classes.iter().enumerate().map(as_which).collect()
    }
}

/// Where the arrivals come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Arrivals {
    /// By chance, each class at its rate; this many are counted.
    Chance(u64),
    /// As recorded, ascending by time.
    Trace(Vec<Arrival>),
}

/// A recorded arrival.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arrival {
    /// When, in seconds.
    pub at: f64,
    /// Index of the class.
    pub class: usize,
    /// How long the shopper was ready to wait, in seconds; `None` is drawn by the law of the class.
    pub patience: Option<f64>,
    /// How long it took, in seconds; `None` is drawn by the law of the class.
    pub service: Option<f64>,
}

/// Shoppers of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    /// Its name.
    pub name: String,
    /// Arrivals a second; not used with a trace.
    pub rate: f64,
    /// What is asked for; the first is the one routed by.
    pub skills: Vec<SkillId>,
    /// What is wished beyond that.
    pub wishes: Wishes,
    /// The shoppers' tier.
    pub tier: TierId,
    /// How long a conversation takes.
    pub service: Law,
    /// How long a shopper is ready to wait; `None` is for ever.
    pub patience: Option<Law>,
    /// The rep who is asked for.
    pub usual: Option<Usual>,
}

/// One rep of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usual {
    /// The pool's name.
    pub pool: String,
    /// Which of its reps, from 0.
    pub number: u32,
}

/// Reps who are alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// How many.
    pub count: u32,
    /// What each can help with.
    pub skills: Vec<(SkillId, Level)>,
    /// The tiers they serve; `None` is all.
    pub tiers: Option<Vec<TierId>>,
    /// Conversations at once.
    pub capacity: u32,
}

/// Why a scenario cannot be played. Each text fits "failed to simulate: {text}".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScenarioError {
    /// Nobody comes.
    #[error("no class has a rate above 0")]
    NobodyComes,
    /// Nobody serves.
    #[error("the pools hold no rep")]
    NobodyServes,
    /// A class names a tier that is not there.
    #[error("class {class} is of tier {tier}, which is not defined")]
    UnknownTier {
        /// The class.
        class: String,
        /// The tier.
        tier: TierId,
    },
    /// A class asks for a rep who is not there.
    #[error("class {class} asks for rep {number} of pool {pool}, who is not defined")]
    UnknownRep {
        /// The class.
        class: String,
        /// The pool.
        pool: String,
        /// The rep's number in it.
        number: u32,
    },
    /// A recorded arrival names a class that is not there.
    #[error("arrival {row} is of a class that is not defined")]
    UnknownClass {
        /// Its place in the trace, from 1.
        row: usize,
    },
    /// Nobody could ever take a ticket of the class.
    #[error("no rep could ever take a ticket of class {class}; give a pool its skills and tier")]
    NobodyForClass {
        /// The class.
        class: String,
    },
    /// Simulated time would not fit.
    #[error("the scenario lasts longer than 290 years of simulated time; raise the rates")]
    TooLong,
}
