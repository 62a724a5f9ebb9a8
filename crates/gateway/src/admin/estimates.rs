//! `GET /v1/admin/estimates`: how good the promised waits were, in all and by skill and tier.

use axum::Json;
use axum::extract::State;
use helpdesk::EstimateScore;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::authorisation::{Admin, MayRead};
use super::page::{Asked, Listed, Page};
use crate::desk::Command;
use crate::face::Face;
use crate::problem::Problem;
use crate::report::Report;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EstimatesDocument {
    /// Of all groups, whatever is asked for.
    total: ScoreDocument,
    groups: Vec<GroupDocument>,
    /// What to give as `after` for the next page of groups; null on the last one.
    next: Option<String>,
}

/// Which groups.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Those with this skill.
    skill: Option<String>,
    /// Those of this tier.
    tier: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GroupEstimates)]
struct GroupDocument {
    /// What it is called as a presentity: `SKILL.TIER`.
    group: String,
    skill: String,
    tier: String,
    #[serde(flatten)]
    score: ScoreDocument,
}

#[derive(Debug, Serialize, ToSchema)]
struct ScoreDocument {
    promised: u64,
    /// Of those, by the length of the queue: it could not be played forward, or not in time.
    by_length: u64,
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
    params(Filter, Asked),
    responses((status = 200, description = "The scores since the start.", body = EstimatesDocument))
)]
pub(super) async fn show(
    _: Admin<MayRead>,
    State(face): State<Face>,
    page: Page<Filter>,
) -> Result<Json<EstimatesDocument>, Problem> {
    let scores = face
        .desk
        .call(|answer| Command::Report(Report::Estimates(answer)))
        .await?;
    let Filter { skill, tier } = &page.filter;
    let groups = scores.groups.iter();
    let groups = groups
        .filter(|(known, ..)| skill.as_ref().is_none_or(|skill| known.as_str() == skill))
        .filter(|(_, known, _)| tier.as_ref().is_none_or(|tier| known.as_str() == tier))
        .map(|(skill, tier, score)| GroupDocument {
            group: format!("{}.{}", skill.as_str(), tier.as_str()),
            skill: skill.as_str().to_owned(),
            tier: tier.as_str().to_owned(),
            score: ScoreDocument::from(score),
        })
        .collect();
    let Listed { items, next } = page.of(groups, |group: &GroupDocument| &group.group);
    Ok(Json(EstimatesDocument {
        total: ScoreDocument::from(&scores.total),
        groups: items,
        next,
    }))
}

impl From<&EstimateScore> for ScoreDocument {
    fn from(score: &EstimateScore) -> Self {
        Self {
            promised: score.promised,
            by_length: score.by_length,
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
