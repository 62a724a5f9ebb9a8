//! `GET /v1/admin/sites`: the web properties that are served, and how each stands.

use axum::Json;
use axum::extract::State;
use helpdesk::{GroupState, SiteId, TicketReport, TicketState};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::authorisation::{Admin, MayRead};
use super::page::{Asked, Listed, Page};
use crate::config::SiteFace;
use crate::desk::Command;
use crate::face::Face;
use crate::form::{Need, Remember};
use crate::problem::Problem;
use crate::report::Report;
use crate::wire::presence::state_word;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Site)]
pub(super) struct SiteDocument {
    site: String,
    name: String,
    skills: Vec<String>,
    /// Origins whose pages may embed the bell.
    origins: Vec<String>,
    /// Whether the shop can sign tokens; without, every shopper has the first tier.
    signs_tokens: bool,
    asks_name: Need,
    asks_phone: Need,
    asks_email: Need,
    remembers: Remember,
    /// The best state of its groups: `available`, `wait` or `closed`.
    state: &'static str,
    /// Tickets that wait or are offered.
    waiting: usize,
    /// Tickets in conversation or on their way to a call.
    open: usize,
}

/// Which sites.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Those that offer this skill.
    skill: Option<String>,
    /// Those that stand so.
    #[param(inline)]
    state: Option<Word>,
}

/// How a site stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Word {
    Available,
    Wait,
    Closed,
}

/// The sites.
#[utoipa::path(
    get,
    path = "/v1/admin/sites",
    tag = "admin",
    params(Filter, Asked),
    responses((status = 200, description = "A page of sites.", body = Listed<SiteDocument>))
)]
pub(super) async fn list(
    _: Admin<MayRead>,
    State(face): State<Face>,
    page: Page<Filter>,
) -> Result<Json<Listed<SiteDocument>>, Problem> {
    let queue = face
        .desk
        .call(|answer| Command::Report(Report::Queue(answer)))
        .await?;
    let config = face.config();
    let Filter { skill, state } = &page.filter;
    let items = config
        .sites
        .iter()
        .filter(|site| {
            let offers = |id: &String| site.skills.iter().any(|skill| skill.as_str() == id);
            skill.as_ref().is_none_or(offers)
        })
        .map(|site| (best(&face, &site.id), site))
        .filter(|(best, _)| state.is_none_or(|word| GroupState::from(word) == *best))
        .map(|(best, site)| SiteDocument::new(site, best, &queue))
        .collect();
    Ok(Json(page.of(items, |site: &SiteDocument| &site.site)))
}

/// The best that any group of the site can say.
fn best(face: &Face, id: &SiteId) -> GroupState {
    let snapshot = face.desk.snapshot();
    let of_site = snapshot.sites.iter().find(|site| site.site == *id);
    let mut best = GroupState::Closed;
    for group in of_site.iter().flat_map(|site| &site.groups) {
        match group.state {
            GroupState::Available => return GroupState::Available,
            GroupState::Wait => best = GroupState::Wait,
            GroupState::Closed => {}
        }
    }
    best
}

impl SiteDocument {
    fn new(site: &SiteFace, best: GroupState, queue: &[TicketReport]) -> Self {
        let (mut waiting, mut open) = (0, 0);
        for ticket in queue.iter().filter(|ticket| ticket.site == site.id) {
            match ticket.state {
                TicketState::Queued | TicketState::Offered => waiting += 1,
                TicketState::Open | TicketState::Callback => open += 1,
                TicketState::Closed | TicketState::Abandoned => {}
            }
        }
        let skills = site.skills.iter();
        Self {
            site: site.id.as_str().to_owned(),
            name: site.name.clone(),
            skills: skills.map(|skill| skill.as_str().to_owned()).collect(),
            origins: site.origins.clone(),
            signs_tokens: !site.token_keys.is_empty(),
            asks_name: site.form.name,
            asks_phone: site.form.phone,
            asks_email: site.form.email,
            remembers: site.form.remember,
            state: state_word(best),
            waiting,
            open,
        }
    }
}

impl From<Word> for GroupState {
    fn from(word: Word) -> Self {
        match word {
            Word::Available => Self::Available,
            Word::Wait => Self::Wait,
            Word::Closed => Self::Closed,
        }
    }
}
