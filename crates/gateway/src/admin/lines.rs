//! `GET /v1/admin/lines`: how the line of each rep with an extension is known, and why it is not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use helpdesk::RepId;
use presence::Line;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use utoipa::{IntoParams, ToSchema};

use super::authorisation::{Admin, MayRead};
use super::page::{Asked, Listed, Page};
use super::reps::seconds;
use crate::problem::Problem;

/// The newest report about each rep's line; replaced as a whole.
pub type LineBoard = watch::Receiver<Arc<BTreeMap<RepId, LineReport>>>;

/// How a line is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineReport {
    /// The address that is asked for.
    pub address: String,
    /// How it stands.
    pub standing: LineStanding,
    /// Since when.
    pub since: Instant,
}

/// Whether the telephone system tells of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineStanding {
    /// It was asked and has not answered yet.
    Asked,
    /// It tells.
    Known {
        /// What it told last.
        line: Line,
    },
    /// It does not.
    Lost {
        /// Why, as a fragment that fits "no line state: …".
        why: String,
        /// When it is asked again.
        again_at: Instant,
    },
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LineDocument {
    rep: String,
    address: String,
    /// `asked`, `known` or `lost`.
    standing: &'static str,
    /// `idle`, `ringing` or `talking` where it is known.
    line: Option<&'static str>,
    /// Why it is not known.
    why: Option<String>,
    for_s: f64,
    again_in_s: Option<f64>,
}

/// Which lines.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Those known so.
    #[param(inline)]
    standing: Option<Word>,
}

/// How a line is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Word {
    Asked,
    Known,
    Lost,
}

/// The reps' lines.
#[utoipa::path(
    get,
    path = "/v1/admin/lines",
    tag = "admin",
    params(Filter, Asked),
    responses((status = 200, description = "A page of lines.", body = Listed<LineDocument>))
)]
pub(super) async fn list(
    admin: Admin<MayRead>,
    page: Page<Filter>,
) -> Result<Json<Listed<LineDocument>>, Problem> {
    let lines = admin.face.lines.borrow().clone();
    let now = Instant::now();
    let documents = lines
        .iter()
        .map(|(rep, report)| LineDocument::of(rep, report, now))
        .filter(|line| {
            let asked = page.filter.standing;
            asked.is_none_or(|word| word.as_str() == line.standing)
        })
        .collect();
    Ok(Json(page.of(documents, |line: &LineDocument| &line.rep)))
}

impl Word {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Known => "known",
            Self::Lost => "lost",
        }
    }
}

impl LineDocument {
    fn of(rep: &RepId, report: &LineReport, now: Instant) -> Self {
        let (standing, line, why, again_at) = match &report.standing {
            LineStanding::Asked => ("asked", None, None, None),
            LineStanding::Known { line } => ("known", Some(word(*line)), None, None),
            LineStanding::Lost { why, again_at } => {
                ("lost", None, Some(why.clone()), Some(*again_at))
            }
        };
        Self {
            rep: rep.as_str().to_owned(),
            address: report.address.clone(),
            standing,
            line,
            why,
            for_s: seconds(now.saturating_duration_since(report.since)),
            again_in_s: again_at.map(|at| seconds(at.saturating_duration_since(now))),
        }
    }
}

const fn word(line: Line) -> &'static str {
    match line {
        Line::Idle => "idle",
        Line::Ringing => "ringing",
        Line::Talking => "talking",
    }
}
