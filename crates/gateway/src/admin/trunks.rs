//! `GET /v1/admin/trunks`: whether each way to the telephone network is in service, and why it is not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use utoipa::{IntoParams, ToSchema};

use super::authorisation::{Admin, MayRead};
use super::page::{Asked, Listed, Page};
use super::reps::seconds;
use crate::problem::Problem;

/// The newest report about each trunk, in the order they are tried; replaced as a whole.
pub type TrunkBoard = watch::Receiver<Arc<[TrunkReport]>>;

/// How a trunk stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkReport {
    /// Its address, with the user that calls over it, where there is one.
    pub trunk: String,
    /// Our registration there.
    pub registration: Registration,
    /// What it says to OPTIONS.
    pub ping: Ping,
}

/// How our registration at a trunk stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registration {
    /// The trunk wants none.
    None,
    /// It was asked for, and there is no answer yet.
    Asked,
    /// The trunk has it.
    Registered {
        /// Until then, unless it is refreshed.
        until: Instant,
    },
    /// It was refused, or nothing came back.
    Lost {
        /// Why, as a fragment that fits "not registered: …".
        why: String,
        /// When it is tried again.
        again_at: Instant,
        /// The end of what was granted before, where that is yet to come.
        held_until: Option<Instant>,
    },
}

/// What a trunk says to OPTIONS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ping {
    /// It is not asked.
    None,
    /// It was asked, and has neither answered nor failed yet.
    Asked,
    /// It answers.
    Answered {
        /// How long that took last.
        took: Duration,
    },
    /// It does not.
    Silent {
        /// Why, as a fragment that fits "no answer to OPTIONS: …".
        why: String,
        /// Since when.
        since: Instant,
    },
}

impl TrunkReport {
    /// Why nobody is called over it at this moment; `None` where calls may go over it.
    pub fn out_of_service(&self, now: Instant) -> Option<String> {
        if let Ping::Silent { why, .. } = &self.ping {
            return Some(format!("no answer to OPTIONS: {why}"));
        }
        match &self.registration {
            Registration::Lost {
                why, held_until, ..
            } if held_until.is_none_or(|until| until <= now) => {
                Some(format!("not registered: {why}"))
            }
            Registration::None
            | Registration::Asked
            | Registration::Registered { .. }
            | Registration::Lost { .. } => None,
        }
    }

    /// Whether the trunk has our registration.
    pub fn is_registered(&self) -> bool {
        matches!(self.registration, Registration::Registered { .. })
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TrunkDocument {
    trunk: String,
    /// Whether calls go over it at this moment.
    in_service: bool,
    /// Why they do not.
    why: Option<String>,
    /// `none`, `asked`, `registered` or `lost`.
    registration: &'static str,
    /// Until when the trunk has it.
    registered_for_s: Option<f64>,
    /// When a lost one is asked for again.
    again_in_s: Option<f64>,
    /// What the trunk says to OPTIONS: `none`, `asked`, `answered` or `silent`.
    ping: &'static str,
    /// How long its last answer took.
    answered_in_s: Option<f64>,
    /// For how long it has been silent.
    silent_for_s: Option<f64>,
}

/// Which trunks.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Those over which calls go, or those over which they do not.
    in_service: Option<bool>,
}

/// The ways to the telephone network.
#[utoipa::path(
    get,
    path = "/v1/admin/trunks",
    tag = "admin",
    params(Filter, Asked),
    responses((status = 200, description = "A page of trunks.", body = Listed<TrunkDocument>))
)]
pub(super) async fn list(
    admin: Admin<MayRead>,
    page: Page<Filter>,
) -> Result<Json<Listed<TrunkDocument>>, Problem> {
    let trunks = admin.face.trunks.borrow().clone();
    let now = Instant::now();
    let documents = trunks
        .iter()
        .map(|report| TrunkDocument::of(report, now))
        .filter(|trunk| {
            let asked = page.filter.in_service;
            asked.is_none_or(|is| is == trunk.in_service)
        })
        .collect();
    Ok(Json(
        page.of(documents, |trunk: &TrunkDocument| &trunk.trunk),
    ))
}

impl TrunkDocument {
    fn of(report: &TrunkReport, now: Instant) -> Self {
        let left = |at: Instant| seconds(at.saturating_duration_since(now));
        let why = report.out_of_service(now);
        let (registration, registered_for_s, again_in_s) = match &report.registration {
            Registration::None => ("none", None, None),
            Registration::Asked => ("asked", None, None),
            Registration::Registered { until } => ("registered", Some(left(*until)), None),
            Registration::Lost {
                again_at,
                held_until,
                ..
            } => ("lost", held_until.map(left), Some(left(*again_at))),
        };
        let (ping, answered_in_s, silent_for_s) = match &report.ping {
            Ping::None => ("none", None, None),
            Ping::Asked => ("asked", None, None),
            Ping::Answered { took } => ("answered", Some(seconds(*took)), None),
            Ping::Silent { since, .. } => {
                let time = now.saturating_duration_since(*since);
                ("silent", None, Some(seconds(time)))
            }
        };
        Self {
            trunk: report.trunk.clone(),
            in_service: why.is_none(),
            why,
            registration,
            registered_for_s,
            again_in_s,
            ping,
            answered_in_s,
            silent_for_s,
        }
    }
}
