//! `GET /v1/admin/groups`: the groups of the sites, uncoarsened.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use helpdesk::{GroupSnapshot, GroupState};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::authorisation::{Admin, MayRead};
use super::page::{Asked, Listed, Page};
use crate::face::Face;
use crate::wire::presence::PresenceDocument;

/// Which groups; a site without any that fits is left out.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Those of this site.
    site: Option<String>,
    /// Those with this skill.
    skill: Option<String>,
    /// Those of this tier.
    tier: Option<String>,
    /// Those that stand so.
    #[param(inline)]
    state: Option<Word>,
}

/// How a group stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Word {
    Available,
    Wait,
    Closed,
}

/// The presence document of each site.
#[utoipa::path(
    get,
    path = "/v1/admin/groups",
    tag = "admin",
    params(Filter, Asked),
    responses((status = 200, description = "A page of sites with their groups.", body = Listed<PresenceDocument<'static>>))
)]
pub(super) async fn list(
    _: Admin<MayRead>,
    State(face): State<Face>,
    page: Page<Filter>,
) -> Response {
    let snapshot = face.desk.snapshot();
    let of_site = |id: &str| page.filter.site.as_ref().is_none_or(|site| site == id);
    let sites = snapshot.sites.iter();
    let items = sites
        .filter(|site| of_site(site.site.as_str()))
        .filter_map(|site| {
            let fits = |group: &&GroupSnapshot| page.filter.fits(group);
            let mut groups = site.groups.iter().filter(fits).peekable();
            groups.peek()?;
            Some(PresenceDocument::new(&site.site, &snapshot, groups))
        })
        .collect();
    Json(page.of(items, |item: &PresenceDocument<'_>| item.site())).into_response()
}

impl Filter {
    fn fits(&self, group: &GroupSnapshot) -> bool {
        let Self {
            site: _,
            skill,
            tier,
            state,
        } = self;
        skill
            .as_ref()
            .is_none_or(|skill| group.skill.as_str() == skill)
            && tier.as_ref().is_none_or(|tier| group.tier.as_str() == tier)
            && state.is_none_or(|word| GroupState::from(word) == group.state)
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
