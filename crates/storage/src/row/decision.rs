//! The form of a routing decision's body. A form, once released, is only ever added to. Must not know columns.

use std::sync::Arc;
use std::time::Duration;

use helpdesk::{Candidate, Decision, Level, Outcome, RepId, Standing, TicketId};
use presence::Availability;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(crate) struct DecisionV1 {
    age_ms: u64,
    waited_ms: u64,
    weight: f64,
    outcome: OutcomeV1,
    /// To whom it was offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rep: Option<String>,
    /// The words of a step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    relaxed: Vec<Arc<str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<CandidateV1>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    others: Vec<(StandingV1, u32)>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum OutcomeV1 {
    Offered,
    Waits,
    Stranded,
    Step,
}

#[derive(Serialize, Deserialize)]
struct CandidateV1 {
    rep: String,
    standing: StandingV1,
    availability: AvailabilityV1,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    level: Option<u8>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    substitute: bool,
    #[serde(default)]
    preference: f64,
    score: f64,
    idle_ms: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum AvailabilityV1 {
    Available,
    Busy,
    Away,
    Offline,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StandingV1 {
    Ready,
    NotAvailable,
    Doubted,
    Paused,
    OnCall,
    Full,
    Refused,
    HandedOn,
    KeptForAnother,
    OtherTier,
    LacksSkill,
    BelowLevel,
}

impl DecisionV1 {
    pub(crate) fn from_decision(decision: &Decision) -> Self {
        let (outcome, rep) = match &decision.outcome {
            Outcome::Offered(rep) => (OutcomeV1::Offered, Some(rep.as_str().to_owned())),
            Outcome::Waits => (OutcomeV1::Waits, None),
            Outcome::Stranded => (OutcomeV1::Stranded, None),
            Outcome::Step(_) => (OutcomeV1::Step, None),
        };
        let step = match &decision.outcome {
            Outcome::Step(step) => Some(Arc::clone(step)),
            Outcome::Offered(_) | Outcome::Waits | Outcome::Stranded => None,
        };
        Self {
            age_ms: milliseconds(decision.age),
            waited_ms: milliseconds(decision.waited),
            weight: decision.weight,
            outcome,
            rep,
            step,
            relaxed: decision.relaxed.clone(),
            candidates: decision
                .candidates
                .iter()
                .map(CandidateV1::from_candidate)
                .collect(),
            others: decision
                .others
                .iter()
                .map(|(standing, count)| ((*standing).into(), *count))
                .collect(),
        }
    }

    pub(crate) fn into_decision(
        self,
        ticket: TicketId,
        at_unix_ms: i64,
    ) -> Result<Decision, String> {
        let outcome = match (self.outcome, self.rep) {
            (OutcomeV1::Offered, Some(rep)) => Outcome::Offered(RepId::new(&rep)),
            (OutcomeV1::Offered, None) => return Err("it was offered to nobody".to_owned()),
            (OutcomeV1::Waits, _) => Outcome::Waits,
            (OutcomeV1::Stranded, _) => Outcome::Stranded,
            (OutcomeV1::Step, _) => Outcome::Step(self.step.ok_or("the step has no words")?),
        };
        let candidates: Result<_, String> = self
            .candidates
            .into_iter()
            .map(CandidateV1::into_candidate)
            .collect();
        Ok(Decision {
            ticket,
            at_unix_ms,
            age: Duration::from_millis(self.age_ms),
            waited: Duration::from_millis(self.waited_ms),
            weight: self.weight,
            outcome,
            relaxed: self.relaxed,
            candidates: candidates?,
            others: self
                .others
                .into_iter()
                .map(|(standing, count)| (standing.into(), count))
                .collect(),
        })
    }
}

impl CandidateV1 {
    fn from_candidate(candidate: &Candidate) -> Self {
        Self {
            rep: candidate.rep.as_str().to_owned(),
            standing: candidate.standing.into(),
            availability: match candidate.availability {
                Availability::Available => AvailabilityV1::Available,
                Availability::Busy => AvailabilityV1::Busy,
                Availability::Away => AvailabilityV1::Away,
                Availability::Offline => AvailabilityV1::Offline,
            },
            level: candidate.level.map(Level::value),
            substitute: candidate.substitute,
            preference: candidate.preference,
            score: candidate.score,
            idle_ms: milliseconds(candidate.idle),
        }
    }

    fn into_candidate(self) -> Result<Candidate, String> {
        let level = self
            .level
            .map(|level| Level::new(level).ok_or("a level is out of range"));
        Ok(Candidate {
            rep: RepId::new(&self.rep),
            standing: self.standing.into(),
            availability: match self.availability {
                AvailabilityV1::Available => Availability::Available,
                AvailabilityV1::Busy => Availability::Busy,
                AvailabilityV1::Away => Availability::Away,
                AvailabilityV1::Offline => Availability::Offline,
            },
            level: level.transpose()?,
            substitute: self.substitute,
            preference: self.preference,
            score: self.score,
            idle: Duration::from_millis(self.idle_ms),
        })
    }
}

impl From<Standing> for StandingV1 {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Ready => Self::Ready,
            Standing::NotAvailable => Self::NotAvailable,
            Standing::Doubted => Self::Doubted,
            Standing::Paused => Self::Paused,
            Standing::OnCall => Self::OnCall,
            Standing::Full => Self::Full,
            Standing::Refused => Self::Refused,
            Standing::HandedOn => Self::HandedOn,
            Standing::KeptForAnother => Self::KeptForAnother,
            Standing::OtherTier => Self::OtherTier,
            Standing::LacksSkill => Self::LacksSkill,
            Standing::BelowLevel => Self::BelowLevel,
        }
    }
}

impl From<StandingV1> for Standing {
    fn from(standing: StandingV1) -> Self {
        match standing {
            StandingV1::Ready => Self::Ready,
            StandingV1::NotAvailable => Self::NotAvailable,
            StandingV1::Doubted => Self::Doubted,
            StandingV1::Paused => Self::Paused,
            StandingV1::OnCall => Self::OnCall,
            StandingV1::Full => Self::Full,
            StandingV1::Refused => Self::Refused,
            StandingV1::HandedOn => Self::HandedOn,
            StandingV1::KeptForAnother => Self::KeptForAnother,
            StandingV1::OtherTier => Self::OtherTier,
            StandingV1::LacksSkill => Self::LacksSkill,
            StandingV1::BelowLevel => Self::BelowLevel,
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
