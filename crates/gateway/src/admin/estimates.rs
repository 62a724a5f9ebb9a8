//! `GET /v1/admin/estimates`: how good the promised waits were, in all and by skill and tier.

use axum::Json;
use axum::extract::State;
use helpdesk::EstimateScore;
use serde::Serialize;
use utoipa::ToSchema;

use super::authorisation::{Admin, MayRead};
use crate::desk::Command;
use crate::face::Face;
use crate::problem::Problem;
use crate::report::Report;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EstimatesDocument {
    total: ScoreDocument,
    groups: Vec<GroupDocument>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GroupEstimates)]
struct GroupDocument {
    skill: String,
    tier: String,
    #[serde(flatten)]
    score: ScoreDocument,
}

#[derive(Debug, Serialize, ToSchema)]
struct ScoreDocument {
    promised: u64,
    /// Had to wait with nothing promised: too little was known.
    unknown: u64,
    scored: u64,
    left: u64,
    /// Told of a longer wait than promised.
    grown: u64,
    /// Mean of promised less actual, in seconds; null before the first.
    bias_s: Option<f64>,
    /// Mean of its square, in square seconds.
    mse_s2: Option<f64>,
    /// Share of waits in the promised range, which is meant to hold 0.8.
    coverage_80: Option<f64>,
}

/// The scores since the start.
#[utoipa::path(
    get,
    path = "/v1/admin/estimates",
    tag = "admin",
    responses((status = 200, description = "The scores since the start.", body = EstimatesDocument))
)]
pub(super) async fn show(
    _: Admin<MayRead>,
    State(face): State<Face>,
) -> Result<Json<EstimatesDocument>, Problem> {
    let scores = face
        .desk
        .call(|answer| Command::Report(Report::Estimates(answer)))
        .await?;
    Ok(Json(EstimatesDocument {
        total: ScoreDocument::from(&scores.total),
        groups: scores
            .groups
            .iter()
            .map(|(skill, tier, score)| GroupDocument {
                skill: skill.as_str().to_owned(),
                tier: tier.as_str().to_owned(),
                score: ScoreDocument::from(score),
            })
            .collect(),
    }))
}

impl From<&EstimateScore> for ScoreDocument {
    fn from(score: &EstimateScore) -> Self {
        Self {
            promised: score.promised,
            unknown: score.unknown,
            scored: score.scored,
            left: score.left,
            grown: score.grown,
            bias_s: score.bias(),
            mse_s2: score.mean_square_error(),
            coverage_80: score.coverage(),
        }
    }
}
