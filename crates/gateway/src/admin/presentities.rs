//! `GET /v1/admin/presentities/{rep}`: why a rep is shown as available, busy or away: every source, and the one
//! that decides.

use std::time::Instant;

use axum::Json;
use axum::extract::{Path, State};
use presence::{
    Basic, Composed, Explanation, Line, Part, PresentityId, PublicationSummary, SourceAccount,
    Store, Trust, UserInput, explain,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::authorisation::{Admin, MayRead};
use super::page::{Asked, Listed, Page};
use super::reps::{Word, seconds, word};
use crate::desk::Command;
use crate::face::Face;
use crate::problem::Problem;
use crate::report::Report;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PresentityDocument {
    rep: String,
    state: &'static str,
    /// The kind of source that decided: `hand`, `line`, `computer`, `desk` or `nothing`.
    decided_by: &'static str,
    /// The line of the precedence that decided.
    rule: Option<&'static str>,
    activity: Option<String>,
    note: Option<String>,
    /// How long it has been so.
    for_s: Option<f64>,
    /// How long it holds if nobody says another word.
    good_for_s: Option<f64>,
    /// What phones alone say, without the desk's own knowledge.
    published_state: &'static str,
    version: Option<u64>,
    /// One sentence for people.
    reason: String,
    /// The weightiest first.
    sources: Vec<SourceDocument>,
    /// The weightiest first.
    precedence: Vec<&'static str>,
}

#[derive(Debug, Serialize, ToSchema)]
struct SourceDocument {
    kind: &'static str,
    decides: bool,
    /// What it says; null if it says nothing that makes a state.
    rule: Option<&'static str>,
    activity: Option<String>,
    for_s: f64,
    good_for_s: Option<f64>,
    /// `believed`, `believed-for-now` (its connection is gone), `doubted` or `forgotten`.
    trust: &'static str,
    publication: Option<PublicationDocument>,
}

#[derive(Debug, Serialize, ToSchema)]
struct PublicationDocument {
    open: Option<bool>,
    activities: Vec<String>,
    idle: Option<bool>,
    line: Option<&'static str>,
    note: Option<String>,
    written_at: Option<String>,
    expires_in_s: f64,
}

/// Which reps.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Those who are shown so.
    #[param(inline)]
    state: Option<Word>,
    /// Those for whom this kind of source decided.
    #[param(inline)]
    decided_by: Option<Source>,
}

/// The kinds of source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Source {
    Hand,
    Line,
    Computer,
    Desk,
    Nothing,
}

/// The reps' states with their reasons.
#[utoipa::path(
    get,
    path = "/v1/admin/presentities",
    tag = "admin",
    params(Filter, Asked),
    responses((status = 200, description = "A page of presentities.", body = Listed<PresentityDocument>))
)]
pub(super) async fn list(
    admin: Admin<MayRead>,
    State(face): State<Face>,
    page: Page<Filter>,
) -> Result<Json<Listed<PresentityDocument>>, Problem> {
    let reps = face
        .desk
        .call(|answer| Command::Report(Report::Reps(answer)))
        .await?;
    let documents = reps
        .iter()
        .map(|report| document(report.rep.as_str(), &admin.face.presentities))
        .filter(|presentity| page.filter.fits(presentity))
        .collect();
    Ok(Json(
        page.of(documents, |presentity: &PresentityDocument| &presentity.rep),
    ))
}

/// One rep's state with its reasons.
#[utoipa::path(
    get,
    path = "/v1/admin/presentities/{rep}",
    tag = "admin",
    params(("rep" = String, Path, description = "The rep.")),
    responses((status = 200, description = "The presentity with its sources.", body = PresentityDocument))
)]
pub(super) async fn show(
    admin: Admin<MayRead>,
    State(face): State<Face>,
    Path(rep): Path<String>,
) -> Result<Json<PresentityDocument>, Problem> {
    PresentityDocument::of(&face, &rep, &admin.face.presentities)
        .await
        .map(Json)
}

impl Filter {
    fn fits(&self, presentity: &PresentityDocument) -> bool {
        let Self { state, decided_by } = self;
        state.is_none_or(|state| word(state.into()) == presentity.state)
            && decided_by.is_none_or(|source| source.as_str() == presentity.decided_by)
    }
}

impl Source {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Hand => "hand",
            Self::Line => "line",
            Self::Computer => "computer",
            Self::Desk => "desk",
            Self::Nothing => "nothing",
        }
    }
}

impl PresentityDocument {
    /// One rep's state, or the 404 of who is none.
    pub(crate) async fn of(face: &Face, rep: &str, store: &Store) -> Result<Self, Problem> {
        let reps = face
            .desk
            .call(|answer| Command::Report(Report::Reps(answer)))
            .await?;
        if !reps.iter().any(|report| report.rep.as_str() == rep) {
            return Err(Problem::not_found("No rep has this name."));
        }
        Ok(document(rep, store))
    }
}

fn document(rep: &str, store: &Store) -> PresentityDocument {
    let now = Instant::now();
    let presentity = store.presentity(&PresentityId::new(rep));
    let explanation = presentity.as_ref().map_or_else(
        || Explanation::of_nothing(store.precedence()),
        |presentity| explain(presentity, store.precedence()),
    );
    let reason = explanation.sentence();
    let Explanation {
        composed,
        published,
        good_until,
        sources,
        precedence,
        ..
    } = explanation;
    let Composed {
        availability,
        activity,
        note,
        source,
        rule,
        since,
        ..
    } = composed;
    PresentityDocument {
        rep: rep.to_owned(),
        state: word(availability),
        decided_by: source.as_str(),
        rule: rule.map(|rule| rule.as_str()),
        activity: activity.as_ref().map(ToString::to_string),
        note: note.as_deref().map(str::to_owned),
        for_s: since.map(|since| seconds(now.saturating_duration_since(since))),
        good_for_s: good_until.map(|end| seconds(end.saturating_duration_since(now))),
        published_state: word(published.availability),
        version: presentity.map(|presentity| presentity.version()),
        reason,
        sources: sources.iter().map(|account| told(account, now)).collect(),
        precedence: precedence
            .rules()
            .iter()
            .map(|rule| rule.as_str())
            .collect(),
    }
}

fn told(account: &SourceAccount, now: Instant) -> SourceDocument {
    SourceDocument {
        kind: account.source.as_str(),
        decides: account.part == Part::Decides,
        rule: account.rule.map(|rule| rule.as_str()),
        activity: account.activity.as_ref().map(ToString::to_string),
        for_s: seconds(now.saturating_duration_since(account.since)),
        good_for_s: account
            .good_until
            .map(|end| seconds(end.saturating_duration_since(now))),
        trust: match account.trust {
            Trust::Believed => "believed",
            Trust::BelievedUntil(_) => "believed-for-now",
            Trust::Doubted => "doubted",
            Trust::Forgotten => "forgotten",
        },
        publication: account
            .publication
            .as_ref()
            .map(|publication| summary(publication, now)),
    }
}

fn summary(publication: &PublicationSummary, now: Instant) -> PublicationDocument {
    let activities = publication.activities.iter();
    PublicationDocument {
        open: publication.basic.map(|basic| basic == Basic::Open),
        activities: activities.map(ToString::to_string).collect(),
        idle: publication.user_input.map(|input| input == UserInput::Idle),
        line: publication.line.map(|line| match line {
            Line::Idle => "idle",
            Line::Ringing => "ringing",
            Line::Talking => "talking",
        }),
        note: publication.note.as_deref().map(str::to_owned),
        written_at: publication.timestamp.as_deref().map(str::to_owned),
        expires_in_s: seconds(publication.expires_at.saturating_duration_since(now)),
    }
}
