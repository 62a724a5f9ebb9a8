//! `GET /v1/admin/reps`: every rep, what each has in hand and for how long.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use helpdesk::{PauseFor, RepReport, TicketId};
use presence::Availability;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::authorisation::{Admin, MayRead};
use super::page::{Asked, Listed, Page};
use crate::desk::Command;
use crate::face::Face;
use crate::problem::Problem;
use crate::report::Report;

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RepDocument {
    rep: String,
    name: String,
    /// What presence says: `available`, `busy`, `away` or `offline`.
    presence: &'static str,
    /// A click that fits would be offered at once.
    free: bool,
    doubted_for_s: Option<u64>,
    wrap_up_for_s: Option<u64>,
    /// The rep has begun a pause; without `paused_for_s` it lasts until the rep says so.
    paused: bool,
    paused_for_s: Option<u64>,
    /// Any call fills the rep.
    on_calls: u32,
    idle_for_s: u64,
    capacity: u32,
    offers: Vec<String>,
    conversations: Vec<String>,
    skills: BTreeMap<String, u8>,
    tiers: Option<Vec<String>>,
}

/// Which reps.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Those of whom presence says this.
    #[param(inline)]
    presence: Option<Word>,
    /// Those to whom a click that fits would be offered at once, or the others.
    free: Option<bool>,
    /// Those who know this.
    skill: Option<String>,
    /// Those who serve this tier.
    tier: Option<String>,
}

/// The words for an availability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Word {
    Available,
    Busy,
    Away,
    Offline,
}

/// Reps.
#[utoipa::path(
    get,
    path = "/v1/admin/reps",
    tag = "admin",
    params(Filter, Asked),
    responses((status = 200, description = "A page of reps.", body = Listed<RepDocument>))
)]
pub(super) async fn list(
    _: Admin<MayRead>,
    State(face): State<Face>,
    page: Page<Filter>,
) -> Result<Json<Listed<RepDocument>>, Problem> {
    let reps = face
        .desk
        .call(|answer| Command::Report(Report::Reps(answer)))
        .await?;
    let fits = |report: &RepReport| page.filter.fits(report);
    let documents = reps.into_iter().filter(fits);
    let documents = documents.map(RepDocument::from).collect();
    Ok(Json(page.of(documents, |rep: &RepDocument| &rep.rep)))
}

impl Filter {
    fn fits(&self, report: &RepReport) -> bool {
        let Self {
            presence,
            free,
            skill,
            tier,
        } = self;
        presence.is_none_or(|word| Availability::from(word) == report.availability)
            && free.is_none_or(|free| free == report.is_free)
            && skill.as_ref().is_none_or(|skill| {
                let mut known = report.skills.iter();
                known.any(|(known, _)| known.as_str() == skill)
            })
            && tier.as_ref().is_none_or(|tier| {
                let served = report.tiers.as_ref();
                served.is_none_or(|served| served.iter().any(|served| served.as_str() == tier))
            })
    }
}

impl From<Word> for Availability {
    fn from(word: Word) -> Self {
        match word {
            Word::Available => Self::Available,
            Word::Busy => Self::Busy,
            Word::Away => Self::Away,
            Word::Offline => Self::Offline,
        }
    }
}

impl From<RepReport> for RepDocument {
    fn from(report: RepReport) -> Self {
        let ids = |tickets: Vec<TicketId>| {
            tickets
                .iter()
                .map(|ticket| ticket.as_str().to_owned())
                .collect()
        };
        Self {
            rep: report.rep.as_str().to_owned(),
            name: report.name,
            presence: word(report.availability),
            free: report.is_free,
            doubted_for_s: report.doubted_for.map(|time| time.as_secs()),
            wrap_up_for_s: report.wrap_up_for.map(|time| time.as_secs()),
            paused: report.paused.is_some(),
            paused_for_s: report.paused.and_then(|pause| match pause {
                PauseFor::Time(time) => Some(time.as_secs()),
                PauseFor::Good => None,
            }),
            on_calls: report.on_calls,
            idle_for_s: report.idle_for.as_secs(),
            capacity: report.capacity,
            offers: ids(report.offers),
            conversations: ids(report.conversations),
            skills: report
                .skills
                .iter()
                .map(|(skill, level)| (skill.as_str().to_owned(), level.value()))
                .collect(),
            tiers: report
                .tiers
                .map(|tiers| tiers.iter().map(|tier| tier.as_str().to_owned()).collect()),
        }
    }
}

/// The word for an availability.
pub(crate) fn word(availability: Availability) -> &'static str {
    match availability {
        Availability::Available => "available",
        Availability::Busy => "busy",
        Availability::Away => "away",
        Availability::Offline => "offline",
    }
}

/// Seconds with the tenth that people can see.
pub(super) fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 10.0).round() / 10.0
}
