//! The forms of what was learnt and promised: lessons, scores of promises, promises. A form, once released, is only
//! ever added to. Must not know columns.

use helpdesk::{
    EstimateScore, Form, GivenPromise, Lesson, Observation, SkillId, TierId, Wait, WaitEnd,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
pub(crate) struct LessonV1 {
    skill: String,
    tier: String,
    #[serde(flatten)]
    observation: ObservationV1,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "kebab-case")]
enum ObservationV1 {
    Arrival,
    Handling { seconds: f64 },
    Wait { seconds: f64, end: WaitEndV1 },
    Range { low: f64, high: f64, seconds: f64 },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WaitEndV1 {
    Served,
    Left,
}

impl LessonV1 {
    pub(crate) fn from_lesson(lesson: &Lesson) -> Self {
        let observation = match lesson.observation {
            Observation::Arrival => ObservationV1::Arrival,
            Observation::Handling { seconds } => ObservationV1::Handling { seconds },
            Observation::Wait { seconds, end } => ObservationV1::Wait {
                seconds,
                end: match end {
                    WaitEnd::Served => WaitEndV1::Served,
                    WaitEnd::Left => WaitEndV1::Left,
                },
            },
            Observation::Range { low, high, seconds } => {
                ObservationV1::Range { low, high, seconds }
            }
        };
        Self {
            skill: lesson.skill.as_str().to_owned(),
            tier: lesson.tier.as_str().to_owned(),
            observation,
        }
    }

    pub(crate) fn into_lesson(self, at_unix_ms: i64) -> Lesson {
        let observation = match self.observation {
            ObservationV1::Arrival => Observation::Arrival,
            ObservationV1::Handling { seconds } => Observation::Handling { seconds },
            ObservationV1::Wait { seconds, end } => Observation::Wait {
                seconds,
                end: match end {
                    WaitEndV1::Served => WaitEnd::Served,
                    WaitEndV1::Left => WaitEnd::Left,
                },
            },
            ObservationV1::Range { low, high, seconds } => {
                Observation::Range { low, high, seconds }
            }
        };
        Lesson {
            skill: SkillId::new(&self.skill),
            tier: TierId::new(&self.tier),
            at_unix_ms,
            observation,
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct ScoreV1 {
    skill: String,
    tier: String,
    at: i64,
    promised: u64,
    /// Earlier rows do not tell.
    #[serde(default)]
    by_length: u64,
    unknown: u64,
    scored: u64,
    held: u64,
    left: u64,
    left_after: u64,
    grown: u64,
    error_sum: f64,
    square_error_sum: f64,
}

impl ScoreV1 {
    pub(crate) fn from_score(
        skill: &SkillId,
        tier: &TierId,
        score: &EstimateScore,
        at_unix_ms: i64,
    ) -> Self {
        let EstimateScore {
            promised,
            by_length,
            unknown,
            scored,
            held,
            left,
            left_after,
            grown,
            error_sum,
            square_error_sum,
        } = *score;
        Self {
            skill: skill.as_str().to_owned(),
            tier: tier.as_str().to_owned(),
            at: at_unix_ms,
            promised,
            by_length,
            unknown,
            scored,
            held,
            left,
            left_after,
            grown,
            error_sum,
            square_error_sum,
        }
    }

    pub(crate) fn into_score(self) -> (SkillId, TierId, EstimateScore, i64) {
        let score = EstimateScore {
            promised: self.promised,
            by_length: self.by_length,
            unknown: self.unknown,
            scored: self.scored,
            held: self.held,
            left: self.left,
            left_after: self.left_after,
            grown: self.grown,
            error_sum: self.error_sum,
            square_error_sum: self.square_error_sum,
        };
        let (skill, tier) = (SkillId::new(&self.skill), TierId::new(&self.tier));
        (skill, tier, score, self.at)
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct PromisedV1 {
    /// As every time here but `at`, in seconds.
    seconds: u32,
    low: u32,
    high: u32,
    confidence: f64,
    position: u32,
    servers: u32,
    form: FormV1,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FormV1 {
    Played,
    Formula,
}

impl PromisedV1 {
    pub(crate) fn from_promise(promise: &GivenPromise) -> Self {
        let Wait {
            seconds,
            low,
            high,
            confidence,
        } = promise.wait;
        Self {
            seconds,
            low,
            high,
            confidence,
            position: promise.position,
            servers: promise.servers,
            form: match promise.form {
                Form::Played => FormV1::Played,
                Form::Formula => FormV1::Formula,
            },
        }
    }

    pub(crate) fn into_promise(self) -> GivenPromise {
        GivenPromise {
            wait: Wait {
                seconds: self.seconds,
                low: self.low,
                high: self.high,
                confidence: self.confidence,
            },
            position: self.position,
            servers: self.servers,
            form: match self.form {
                FormV1::Played => Form::Played,
                FormV1::Formula => Form::Formula,
            },
        }
    }
}
