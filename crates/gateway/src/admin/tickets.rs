//! `/v1/admin/tickets`: tickets of the past in pages, and all that is kept of one customer.
//! Must not know where they are kept.

use axum::Json;
use axum::extract::State;
use helpdesk::{Case, CaseReason, CaseState, CloseReason, Record, TicketId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::authorisation::{Admin, MayRead};
use super::page::{Asked, Listed, Page};
use crate::errand::{Customer, CustomerPast, Errand, ErrandFailed, PastTicket};
use crate::face::Face;
use crate::problem::Problem;
use crate::wire::note::NoteDocument;
use crate::wire::past::PastDocument;
use crate::wire::presence::rfc_3339;

/// Which tickets.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Those opened at this moment or later, such as `2026-01-31T09:00:00Z`.
    since: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PastTicketDocument {
    ticket: String,
    site: Option<String>,
    tier: Option<String>,
    skills: Vec<String>,
    opened: String,
    ended: Option<String>,
    /// `shopper`, `rep`, `abandoned`, `called` or `unreached`.
    end: Option<&'static str>,
    /// Who answered last.
    rep: Option<String>,
    offers: u32,
    lines: u32,
    rating: Option<u8>,
    comment: Option<String>,
    /// What reps wrote down for whoever helps next.
    notes: Vec<NoteDocument>,
}

/// A customer, by whatever is known; who fits any of it is meant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CustomerAsked {
    /// A telephone number, however it is written.
    phone: Option<String>,
    /// A name, in small letters or capitals.
    name: Option<String>,
    /// Tickets known to be theirs.
    #[serde(default)]
    tickets: Vec<String>,
}

/// All that is kept of a customer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CustomerDocument<'a> {
    tickets: Vec<PastDocument<'a>>,
    cases: Vec<CaseDocument<'a>>,
}

#[derive(Debug, Serialize, ToSchema)]
struct CaseDocument<'a> {
    id: &'a str,
    site: &'a str,
    name: Option<&'a str>,
    contact: Option<&'a str>,
    ticket: Option<&'a str>,
    /// `offline`, `callback-failed` or `unfinished`.
    reason: &'static str,
    words: Option<&'a str>,
    opened: String,
    closed: Option<String>,
}

/// Tickets of the past and of now, the oldest first.
#[utoipa::path(
    get,
    path = "/v1/admin/tickets",
    tag = "admin",
    params(Filter, Asked),
    responses((status = 200, description = "A page of tickets.", body = Listed<PastTicketDocument>))
)]
pub(super) async fn list(
    _: Admin<MayRead>,
    State(face): State<Face>,
    page: Page<Filter>,
) -> Result<Json<Listed<PastTicketDocument>>, Problem> {
    let since_unix_ms = read_moment(page.filter.since.as_deref())?;
    // No page is longer than 1,000.
    let limit = u32::try_from(page.limit).unwrap_or(u32::MAX);
    let after = page.after.as_deref().map(read_place).transpose()?;
    let mut tickets = face
        .desk
        .errand(|answer| Errand::List {
            since_unix_ms,
            after,
            // One more tells whether there is a next page.
            at_most: limit.saturating_add(1),
            answer,
        })
        .await
        .map_err(not_now)?;
    let has_more = tickets.len() > page.limit;
    tickets.truncate(page.limit);
    let last = tickets.last().filter(|_| has_more);
    let next = last.map(|last| format!("{}.{}", last.opened_at_unix_ms, last.ticket));
    let items = tickets.into_iter().map(PastTicketDocument::of).collect();
    Ok(Json(Listed { items, next }))
}

/// A moment as milliseconds since the Unix epoch; without one, before all others.
pub(super) fn read_moment(text: Option<&str>) -> Result<i64, Problem> {
    let Some(text) = text else {
        return Ok(i64::MIN);
    };
    let moment = text.parse::<jiff::Timestamp>();
    moment
        .map(|moment| moment.as_millisecond())
        .map_err(|_| Problem::unprocessable("since is a moment such as 2026-01-31T09:00:00Z."))
}

/// All that is kept of a customer, as one document to hand over.
#[utoipa::path(
    post,
    path = "/v1/admin/customers/export",
    tag = "admin",
    request_body = CustomerAsked,
    responses((status = 200, description = "Their tickets and cases.", body = CustomerDocument<'static>))
)]
pub(super) async fn export(
    _: Admin<MayRead>,
    State(face): State<Face>,
    asked: crate::body::JsonBody<CustomerAsked>,
) -> Result<axum::response::Response, Problem> {
    use axum::response::IntoResponse;

    let customer = asked.0.into_customer()?;
    let past = face
        .desk
        .errand(|answer| Errand::Customer { customer, answer })
        .await
        .map_err(not_now)?;
    Ok(Json(CustomerDocument::of(&past)).into_response())
}

impl CustomerAsked {
    pub(super) fn into_customer(self) -> Result<Customer, Problem> {
        let customer = Customer {
            phone: self.phone,
            name: self.name,
            tickets: self.tickets.iter().map(|id| TicketId::new(id)).collect(),
        };
        if customer == Customer::default() {
            return Err(Problem::unprocessable(
                "Say who the customer is: phone, name or tickets.",
            ));
        }
        Ok(customer)
    }
}

impl<'a> CustomerDocument<'a> {
    fn of(past: &'a CustomerPast) -> Self {
        Self {
            tickets: past
                .tickets
                .iter()
                .map(|(ticket, records)| PastDocument::of(ticket, records))
                .collect(),
            cases: past.cases.iter().map(CaseDocument::of).collect(),
        }
    }
}

impl<'a> CaseDocument<'a> {
    fn of(case: &'a Case) -> Self {
        let closed = match &case.state {
            CaseState::Open => None,
            CaseState::Closed { at_unix_ms, .. } => Some(rfc_3339(*at_unix_ms)),
        };
        Self {
            id: case.id.as_str(),
            site: case.site.as_str(),
            name: case.name.as_deref(),
            contact: case.contact.as_deref(),
            ticket: case.ticket.as_ref().map(TicketId::as_str),
            reason: match case.reason {
                CaseReason::Offline => "offline",
                CaseReason::CallbackFailed => "callback-failed",
                CaseReason::Unfinished => "unfinished",
            },
            words: case.words.as_deref(),
            opened: rfc_3339(case.opened_unix_ms),
            closed,
        }
    }
}

impl PastTicketDocument {
    fn of(past: PastTicket) -> Self {
        let mut document = Self {
            ticket: past.ticket.as_str().to_owned(),
            site: None,
            tier: None,
            skills: Vec::new(),
            opened: rfc_3339(past.opened_at_unix_ms),
            ended: past.ended_at_unix_ms.map(rfc_3339),
            end: None,
            rep: None,
            offers: 0,
            lines: 0,
            rating: None,
            comment: None,
            notes: Vec::new(),
        };
        for record in past.records {
            document.take(record);
        }
        document
    }

    fn take(&mut self, record: Record) {
        match record {
            Record::Opened { ask, .. } => {
                self.site = Some(ask.site.as_str().to_owned());
                self.tier = Some(ask.tier.as_str().to_owned());
                let skills = ask.skills.iter();
                self.skills = skills.map(|skill| skill.as_str().to_owned()).collect();
            }
            Record::Line { .. } => self.lines += 1,
            Record::Offered { .. } => self.offers += 1,
            Record::Accepted { rep, .. } => self.rep = Some(rep.as_str().to_owned()),
            Record::Closed { reason, .. } => {
                self.end = Some(match reason {
                    CloseReason::Shopper => "shopper",
                    CloseReason::Rep => "rep",
                    CloseReason::Abandoned => "abandoned",
                    CloseReason::Called => "called",
                    CloseReason::Unreached => "unreached",
                });
            }
            Record::Rated { stars, comment, .. } => {
                self.rating = Some(stars);
                self.comment = comment;
            }
            Record::Noted {
                rep,
                text,
                at_unix_ms,
                ..
            } => NoteDocument::take(&mut self.notes, &rep, &text, at_unix_ms),
            Record::OfferEnded { .. }
            | Record::Transferred { .. }
            | Record::Promised { .. }
            | Record::Decided(_)
            | Record::Case(_)
            | Record::Paused { .. }
            | Record::Learnt(_)
            | Record::Scored { .. }
            | Record::Callback { .. } => {}
        }
    }
}

fn read_place(text: &str) -> Result<(i64, TicketId), Problem> {
    let place = text.split_once('.').and_then(|(opened, ticket)| {
        let opened = opened.parse().ok()?;
        Some((opened, TicketId::new(ticket)))
    });
    place.ok_or_else(|| Problem::unprocessable("after is what a page gave as next."))
}

pub(super) fn not_now(_: ErrandFailed) -> Problem {
    Problem::try_later(
        "What was written down cannot be reached just now. Try again in a minute.",
        60,
    )
}
