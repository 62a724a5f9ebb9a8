//! What the helpdesk is told at start and on reload: sites, skills, tiers, reps and the routing table.
//! Must not know the file it was read from; the edge that reads it has its own types.

use std::sync::Arc;
use std::time::Duration;

use crate::callback::CallbackRules;
use crate::hours::{Hours, Openness};
use crate::ids::{Level, RepId, SiteId, SkillId, TierId};

/// Everything the helpdesk needs to know. Identities are unique within their list.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Web properties served.
    pub sites: Vec<Site>,
    /// All skills.
    pub skills: Vec<Skill>,
    /// All tiers; the first is the one of shoppers who prove no other.
    pub tiers: Vec<Tier>,
    /// All reps.
    pub reps: Vec<Rep>,
    /// How tickets find reps.
    pub routing: Routing,
}

/// A web property.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// Its identity in addresses.
    pub id: SiteId,
    /// Its name for people.
    pub name: String,
    /// The skills it offers, in the order they are shown.
    pub skills: Vec<SkillId>,
    /// When it is open; `None` is always.
    pub hours: Option<Hours>,
    /// Of some of its skills, when they are open; the site has to be open too.
    pub skill_hours: Vec<(SkillId, Hours)>,
    /// Whether pages and shoppers are shown who is likely to be free first.
    pub shows_next_rep: bool,
    /// Whom it calls back, and when.
    pub callback: CallbackRules,
}

/// Something reps can help with.
#[derive(Debug, Clone, PartialEq)]
pub struct Skill {
    /// Its identity.
    pub id: SkillId,
    /// Its name for people.
    pub name: String,
    /// The language that it is, as a BCP 47 primary subtag: asks of pages in it prefer it.
    pub language: Option<String>,
    /// How long a conversation usually takes, until the desk has seen enough of them.
    pub handling: Option<Duration>,
}

/// A membership of customers.
#[derive(Debug, Clone, PartialEq)]
pub struct Tier {
    /// Its identity.
    pub id: TierId,
    /// Multiplies the time waited in the score; under strict priority orders the queue first.
    pub weight: f64,
}

/// A representative.
#[derive(Debug, Clone, PartialEq)]
pub struct Rep {
    /// The user part of the rep's address of record.
    pub id: RepId,
    /// The name shoppers see.
    pub name: String,
    /// What the rep can help with, and how well.
    pub skills: Vec<(SkillId, Level)>,
    /// The tiers the rep serves; `None` is all.
    pub tiers: Option<Vec<TierId>>,
    /// Conversations at once, at least 1.
    pub capacity: u32,
}

/// How tickets find reps.
#[derive(Debug, Clone, PartialEq)]
pub struct Routing {
    /// Which waiting ticket goes first.
    pub priority: Priority,
    /// Which free rep is asked first.
    pub choose: Choose,
    /// How long a rep may leave an offer unanswered.
    pub offer_timeout: Duration,
    /// Rest after a conversation before the next offer.
    pub wrap_up: Duration,
    /// How long a ticket waits for the rep it named before any other may take it.
    pub sticky_for: Duration,
    /// How long a conversation of any skill usually takes, until the desk has seen enough of them; `None`
    /// promises nothing until then.
    pub handling: Option<Duration>,
    /// What the weight of a ticket is multiplied by once nine tenths of the longest wait it was promised
    /// are over; 1 is no difference.
    pub promise_boost: f64,
    /// Tickets that may wait at once.
    pub queue_limit: usize,
    /// How long a ticket keeps its place while its shopper's page is out of reach and there is no other way to the
    /// shopper.
    pub keep_place: Duration,
    /// What is relaxed as a ticket waits, ascending by time.
    pub relax: Vec<Relax>,
}

/// The order of waiting tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// Tier weight times time waited.
    Weighted,
    /// Higher tier weight first, then time waited.
    Strict,
}

/// The order of free reps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choose {
    /// Highest level in the skill, ties to the longest idle.
    Best,
    /// Longest idle, whatever the level.
    LongestIdle,
}

/// One relaxing rule: what a ticket that has waited this long no longer insists on.
#[derive(Debug, Clone, PartialEq)]
pub struct Relax {
    /// Time waited from which the rule holds.
    pub after: Duration,
    /// The least level that is enough from then on. Without any such rule every level is enough. With
    /// them a ticket holds out for the best rep at work until the first of them, and never for a level
    /// that nobody at work has.
    pub min_level: Option<Level>,
    /// Applies only to tickets for this skill; `None` is every skill.
    pub skill: Option<SkillId>,
    /// Reps of these skills will do.
    pub accept: Vec<SkillId>,
    /// Reps reserved for other tiers will do.
    pub any_tier: bool,
}

impl Site {
    /// Whether it helps with all of these at the time, in milliseconds since the Unix epoch.
    pub(crate) fn openness(&self, skills: &[SkillId], now: i64) -> Openness {
        let of_skills = self.skill_hours.iter();
        let of_skills = of_skills.filter(|(skill, _)| skills.contains(skill));
        let all: Vec<&Hours> = self
            .hours
            .iter()
            .chain(of_skills.map(|(_, hours)| hours))
            .collect();
        Openness::of(&all, now)
    }
}

impl Relax {
    /// The rule in words, as a reason.
    pub(crate) fn words(&self) -> Arc<str> {
        let list = |skills: &[SkillId]| {
            let names: Vec<&str> = skills.iter().map(SkillId::as_str).collect();
            names.join(" or ")
        };
        let mut parts = Vec::new();
        if let Some(level) = self.min_level {
            parts.push(format!("level {} is enough", level.value()));
        }
        if !self.accept.is_empty() {
            parts.push(format!("{} will do", list(&self.accept)));
        }
        if self.any_tier {
            parts.push("reps kept for other tiers will do".to_owned());
        }
        let of = self
            .skill
            .as_ref()
            .map_or_else(String::new, |skill| format!(" for {skill}"));
        let seconds = self.after.as_secs();
        Arc::from(format!("after {seconds} s{of} {}", parts.join(" and ")))
    }

    /// Whether it asks for a higher level, of some ticket, than a rule that holds by then.
    pub fn narrows(&self, before: &Self) -> bool {
        let meet = match (&self.skill, &before.skill) {
            (Some(one), Some(other)) => one == other,
            (None, Some(_) | None) | (Some(_), None) => true,
        };
        let raises = self.min_level.zip(before.min_level);
        meet && raises.is_some_and(|(level, enough)| level > enough)
    }

    /// Whether it may change anything for a ticket that asks for these.
    pub(crate) fn concerns(&self, skills: &[SkillId]) -> bool {
        self.skill.as_ref().is_none_or(|only| skills.contains(only))
    }
}

impl Routing {
    /// How many rules hold for who has waited so long.
    pub(crate) fn fired(&self, waited: Duration) -> usize {
        self.relax.partition_point(|rule| rule.after <= waited)
    }
}

impl Rep {
    pub(crate) fn level(&self, skill: &SkillId) -> Option<Level> {
        let (_, level) = self.skills.iter().find(|(known, _)| known == skill)?;
        Some(*level)
    }

    pub(crate) fn serves(&self, tier: &TierId) -> bool {
        match &self.tiers {
            Some(tiers) => tiers.contains(tier),
            None => true,
        }
    }
}

impl Default for Routing {
    fn default() -> Self {
        Self {
            priority: Priority::Weighted,
            choose: Choose::Best,
            offer_timeout: Duration::from_secs(20),
            wrap_up: Duration::from_secs(10),
            sticky_for: Duration::from_secs(45),
            handling: Some(Duration::from_secs(240)),
            promise_boost: 1.0,
            queue_limit: 200,
            keep_place: Duration::from_secs(30 * 60),
            relax: Vec::new(),
        }
    }
}
