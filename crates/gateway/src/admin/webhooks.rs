//! `/v1/admin/webhooks`: the programs that are told, what waits for each, what was given up, and its replay.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use helpdesk::{SiteId, TicketId};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use utoipa::{IntoParams, ToSchema};

use super::AdminFace;
use super::authorisation::{Admin, MayRead, MayWrite};
use super::page::{Asked, Listed, Page};
use crate::body::JsonBody;
use crate::face::Face;
use crate::problem::Problem;
use crate::push::{Form, Topic};
use crate::repeats::Repeat;
use crate::wire::presence::rfc_3339;

/// What the admin addresses ask of whoever keeps the outbox.
#[derive(Debug)]
pub enum WebhookDesk {
    /// Every program that is told.
    List {
        /// One report for each.
        answer: oneshot::Sender<Vec<WebhookReport>>,
    },
    /// What waits for one of them and what was given up, in the order of the events.
    Deliveries {
        /// Its name.
        webhook: String,
        /// The events.
        answer: oneshot::Sender<Vec<Delivery>>,
    },
    /// Tries events again that were given up.
    Replay {
        /// Whose.
        webhook: String,
        /// Which; `None` is all.
        events: Option<Vec<String>>,
        /// How many there were.
        answer: oneshot::Sender<usize>,
    },
}

/// A program that is told.
#[derive(Debug, Clone)]
pub struct WebhookReport {
    /// Its name in the configuration.
    pub id: String,
    /// Where it listens, without its query.
    pub url: String,
    /// In which form it is told.
    pub form: Form,
    /// Of what.
    pub topics: Vec<Topic>,
    /// Of which sites; `None` is all.
    pub sites: Option<Vec<SiteId>>,
    /// Events that wait for it.
    pub waiting: usize,
    /// Those of them that failed before.
    pub failing: usize,
    /// Events that were given up.
    pub dead: usize,
}

/// An event on its way to a program.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Its identity, the same at every try.
    pub event: String,
    /// What it tells, such as `ticket.opened`.
    pub kind: String,
    /// Of which ticket.
    pub ticket: Option<TicketId>,
    /// When it came to be, in milliseconds since the Unix epoch.
    pub at_unix_ms: i64,
    /// Tries that failed.
    pub attempts: u32,
    /// Whether it was given up.
    pub is_dead: bool,
    /// When it is tried next, in milliseconds since the Unix epoch.
    pub due_at_unix_ms: i64,
    /// Why the last try failed.
    pub why: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WebhookDocument {
    id: String,
    url: String,
    /// `webhook`, `soap11` or `soap12`.
    form: &'static str,
    /// `presence`, `ticket`.
    events: Vec<&'static str>,
    /// Null is all.
    sites: Option<Vec<String>>,
    waiting: usize,
    /// Those of them that failed before.
    failing: usize,
    dead: usize,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliveryDocument {
    event: String,
    #[serde(rename = "type")]
    kind: String,
    ticket: Option<String>,
    at: String,
    /// `waiting` or `dead`.
    state: &'static str,
    /// Tries that failed.
    attempts: u32,
    /// When it is tried next; null where it was given up.
    due: Option<String>,
    /// Why the last try failed.
    why: Option<String>,
}

/// Which programs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Those for which events wait that failed before, or none do.
    failing: Option<bool>,
    /// Those for which events were given up, or none were.
    dead: Option<bool>,
}

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DeliveriesFilter {
    /// Those that stand so.
    #[param(inline)]
    state: Option<Standing>,
    /// Those that tell this, such as `ticket.opened`.
    r#type: Option<String>,
    /// Those of this ticket.
    ticket: Option<String>,
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Standing {
    Waiting,
    Dead,
}

/// What is replayed.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReplayBody {
    /// Events that were given up; without it all of them.
    #[schema(max_items = 1000)]
    events: Option<Vec<String>>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReplayedDocument {
    /// Events that are tried again.
    replayed: usize,
}

/// Every program that is told.
#[utoipa::path(
    get,
    path = "/v1/admin/webhooks",
    tag = "admin",
    params(Filter, Asked),
    responses((status = 200, description = "A page of programs.", body = Listed<WebhookDocument>))
)]
pub(super) async fn list(
    admin: Admin<MayRead>,
    page: Page<Filter>,
) -> Result<Json<Listed<WebhookDocument>>, Problem> {
    let reports = reports(&admin.face).await?;
    let Filter { failing, dead } = page.filter;
    let documents = reports
        .into_iter()
        .filter(|report| failing.is_none_or(|failing| failing == (report.failing > 0)))
        .filter(|report| dead.is_none_or(|dead| dead == (report.dead > 0)))
        .map(WebhookDocument::from)
        .collect();
    Ok(Json(
        page.of(documents, |webhook: &WebhookDocument| &webhook.id),
    ))
}

/// What waits for one program, and what was given up.
#[utoipa::path(
    get,
    path = "/v1/admin/webhooks/{webhook}/deliveries",
    tag = "admin",
    params(("webhook" = String, Path, description = "The program."), DeliveriesFilter, Asked),
    responses((status = 200, description = "A page of events, in their order.", body = Listed<DeliveryDocument>))
)]
pub(super) async fn deliveries(
    admin: Admin<MayRead>,
    Path(webhook): Path<String>,
    page: Page<DeliveriesFilter>,
) -> Result<Json<Listed<DeliveryDocument>>, Problem> {
    find(&admin.face, &webhook).await?;
    let deliveries = ask(&admin.face, |answer| WebhookDesk::Deliveries {
        webhook,
        answer,
    })
    .await?;
    let documents = deliveries
        .into_iter()
        .filter(|delivery| page.filter.fits(delivery))
        .map(DeliveryDocument::from)
        .collect();
    Ok(Json(page.of(documents, |delivery: &DeliveryDocument| {
        &delivery.event
    })))
}

/// Tries events again that were given up. A repeated `Idempotency-Key` is answered with the first answer.
#[utoipa::path(
    post,
    path = "/v1/admin/webhooks/{webhook}/replay",
    tag = "admin",
    params(
        ("webhook" = String, Path, description = "The program."),
        ("Idempotency-Key" = Option<String>, Header, description = "Up to 255 printable ASCII characters of the caller's choice.", max_length = 255, pattern = "^[!-~]+$")
    ),
    request_body = ReplayBody,
    responses((status = 200, description = "How many there were.", body = ReplayedDocument))
)]
pub(super) async fn replay(
    admin: Admin<MayWrite>,
    State(face): State<Face>,
    Path(webhook): Path<String>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<ReplayBody>,
) -> Result<Response, Problem> {
    let asked = format!("replay {webhook} {body:?}");
    let place = match face.repeats.begin(&admin.key, &headers, &asked)? {
        Repeat::Known(response) => return Ok(response),
        Repeat::First(place) => place,
    };
    find(&admin.face, &webhook).await?;
    tracing::info!(key = %admin.key, webhook, "events are replayed");
    let replayed = revive(&admin.face, webhook, body.events).await?;
    Ok(place.keep(&ReplayedDocument { replayed }).into_response())
}

impl DeliveriesFilter {
    fn fits(&self, delivery: &Delivery) -> bool {
        let Self {
            state,
            r#type,
            ticket,
        } = self;
        state.is_none_or(|state| (state == Standing::Dead) == delivery.is_dead)
            && r#type.as_ref().is_none_or(|kind| *kind == delivery.kind)
            && ticket.as_ref().is_none_or(|ticket| {
                let of = delivery.ticket.as_ref();
                of.is_some_and(|of| of.as_str() == ticket)
            })
    }
}

/// Has events tried again that were given up; without names all of them. How many there were.
pub(crate) async fn revive(
    face: &AdminFace,
    webhook: String,
    events: Option<Vec<String>>,
) -> Result<usize, Problem> {
    ask(face, |answer| WebhookDesk::Replay {
        webhook,
        events,
        answer,
    })
    .await
}

/// The 404 of a program that is none.
pub(crate) async fn find(face: &AdminFace, webhook: &str) -> Result<(), Problem> {
    let is_known = reports(face)
        .await?
        .iter()
        .any(|report| report.id == webhook);
    is_known
        .then_some(())
        .ok_or_else(|| Problem::not_found("No webhook has this name."))
}

/// Every program that is told.
pub(crate) async fn reports(face: &AdminFace) -> Result<Vec<WebhookReport>, Problem> {
    ask(face, |answer| WebhookDesk::List { answer }).await
}

async fn ask<T>(
    face: &AdminFace,
    make: impl FnOnce(oneshot::Sender<T>) -> WebhookDesk,
) -> Result<T, Problem> {
    let (answer, answered) = oneshot::channel();
    let gone = || Problem::from(crate::desk::DeskRefused::Closed);
    face.webhooks.send(make(answer)).await.map_err(|_| gone())?;
    answered.await.map_err(|_| gone())
}

impl From<WebhookReport> for WebhookDocument {
    fn from(report: WebhookReport) -> Self {
        let topics = report.topics.iter();
        let sites = report
            .sites
            .map(|sites| sites.iter().map(|site| site.as_str().to_owned()).collect());
        Self {
            id: report.id,
            url: report.url,
            form: match report.form {
                Form::Webhook => "webhook",
                Form::Soap11 => "soap11",
                Form::Soap12 => "soap12",
            },
            events: topics
                .map(|topic| match topic {
                    Topic::Presence => "presence",
                    Topic::Ticket => "ticket",
                })
                .collect(),
            sites,
            waiting: report.waiting,
            failing: report.failing,
            dead: report.dead,
        }
    }
}

impl From<Delivery> for DeliveryDocument {
    fn from(delivery: Delivery) -> Self {
        Self {
            event: delivery.event,
            kind: delivery.kind,
            ticket: delivery.ticket.map(|ticket| ticket.as_str().to_owned()),
            at: rfc_3339(delivery.at_unix_ms),
            state: if delivery.is_dead { "dead" } else { "waiting" },
            attempts: delivery.attempts,
            due: (!delivery.is_dead).then(|| rfc_3339(delivery.due_at_unix_ms)),
            why: delivery.why,
        }
    }
}
