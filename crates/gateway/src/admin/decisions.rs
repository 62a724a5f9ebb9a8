//! `GET /v1/admin/decisions` and `…/{ticket}`: why a ticket went to whom it went, or waits.

use axum::Json;
use axum::extract::{Path, State};
use helpdesk::{Candidate, Decision, Outcome, RepId, Standing, TicketId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::authorisation::{Admin, MayRead};
use super::page::{Asked, Listed, Page};
use super::reps::seconds;
use super::tickets::read_moment;
use crate::desk::Command;
use crate::face::Face;
use crate::problem::Problem;
use crate::report::{DecidedAsked, DecidedTicket, OutcomeKind, Report};
use crate::wire::presence::rfc_3339;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DecisionsDocument {
    ticket: String,
    /// Oldest first.
    decisions: Vec<DecisionDocument>,
}

#[derive(Debug, Serialize, ToSchema)]
struct DecisionDocument {
    at: String,
    /// `offered`, `waits`, or `stranded`: nobody on duty could ever take it; `step`: one towards a call, whose words
    /// are in the reasons.
    outcome: &'static str,
    rep: Option<String>,
    age_s: f64,
    /// Time towards the relaxing rules.
    waited_s: f64,
    weight: f64,
    /// The relaxing rules that held.
    relaxed: Vec<String>,
    candidates: Vec<CandidateDocument>,
    /// Reps who are not among the candidates, by how they stood.
    others: Vec<OthersDocument>,
    /// The same for people, a sentence each.
    reasons: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct CandidateDocument {
    rep: String,
    standing: &'static str,
    presence: &'static str,
    level: Option<u8>,
    substitute: bool,
    preference: f64,
    score: f64,
    idle_s: f64,
}

#[derive(Debug, Serialize, ToSchema)]
struct OthersDocument {
    standing: &'static str,
    reps: u32,
}

/// What was decided last of a ticket.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DecidedDocument {
    ticket: String,
    /// Decisions about it that are kept.
    decisions: usize,
    latest: DecisionDocument,
}

/// Which tickets, by what was decided of them last.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Those that stand so.
    #[param(inline)]
    outcome: Option<Word>,
    /// Those offered to this rep.
    rep: Option<String>,
    /// Those decided of at this moment or later, such as `2026-01-31T09:00:00Z`.
    since: Option<String>,
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Word {
    Offered,
    Waits,
    Stranded,
    Step,
}

/// The tickets of which something was decided, the one decided first at first; of the latest 10,000.
#[utoipa::path(
    get,
    path = "/v1/admin/decisions",
    tag = "admin",
    params(Filter, Asked),
    responses((status = 200, description = "A page of tickets with what was decided last.", body = Listed<DecidedDocument>))
)]
pub(super) async fn list(
    _: Admin<MayRead>,
    State(face): State<Face>,
    page: Page<Filter>,
) -> Result<Json<Listed<DecidedDocument>>, Problem> {
    let Filter {
        outcome,
        rep,
        since,
    } = page.filter;
    let asked = DecidedAsked {
        outcome: outcome.map(OutcomeKind::from),
        rep: rep.as_deref().map(RepId::new),
        since_unix_ms: read_moment(since.as_deref())?,
        after: page.after.as_deref().map(TicketId::new),
        // One more tells whether there is a next page.
        at_most: page.limit.saturating_add(1),
    };
    let mut decided = face
        .desk
        .call(|answer| Command::Report(Report::Decided { asked, answer }))
        .await?;
    let has_more = decided.len() > page.limit;
    decided.truncate(page.limit);
    let items: Vec<DecidedDocument> = decided.iter().map(DecidedDocument::from).collect();
    let last = items.last().filter(|_| has_more);
    let next = last.map(|last| last.ticket.clone());
    Ok(Json(Listed { items, next }))
}

impl From<Word> for OutcomeKind {
    fn from(word: Word) -> Self {
        match word {
            Word::Offered => Self::Offered,
            Word::Waits => Self::Waits,
            Word::Stranded => Self::Stranded,
            Word::Step => Self::Step,
        }
    }
}

impl From<&DecidedTicket> for DecidedDocument {
    fn from(decided: &DecidedTicket) -> Self {
        Self {
            ticket: decided.latest.ticket.as_str().to_owned(),
            decisions: decided.decisions,
            latest: DecisionDocument::from(&decided.latest),
        }
    }
}

/// The decisions about one ticket.
#[utoipa::path(
    get,
    path = "/v1/admin/decisions/{ticket}",
    tag = "admin",
    params(("ticket" = String, Path, description = "The ticket.")),
    responses((status = 200, description = "The decisions about the ticket.", body = DecisionsDocument))
)]
pub(super) async fn show(
    _: Admin<MayRead>,
    State(face): State<Face>,
    Path(ticket): Path<String>,
) -> Result<Json<DecisionsDocument>, Problem> {
    DecisionsDocument::of(&face, ticket).await.map(Json)
}

impl DecisionsDocument {
    /// What was decided of a ticket, or the 404 of one of which nothing is known.
    pub(crate) async fn of(face: &Face, ticket: String) -> Result<Self, Problem> {
        let id = TicketId::new(&ticket);
        let decisions = face
            .desk
            .call(|answer| Command::Report(Report::Decisions { ticket: id, answer }))
            .await?;
        if decisions.is_empty() {
            return Err(Problem::not_found(
                "Nothing is known of a ticket of this name; the latest 10 000 are kept.",
            ));
        }
        Ok(Self {
            ticket,
            decisions: decisions.iter().map(DecisionDocument::from).collect(),
        })
    }
}

impl From<&Decision> for DecisionDocument {
    fn from(decision: &Decision) -> Self {
        let (outcome, rep) = match &decision.outcome {
            Outcome::Offered(rep) => ("offered", Some(rep.as_str().to_owned())),
            Outcome::Waits => ("waits", None),
            Outcome::Stranded => ("stranded", None),
            Outcome::Step(_) => ("step", None),
        };
        Self {
            at: rfc_3339(decision.at_unix_ms),
            outcome,
            rep,
            age_s: seconds(decision.age),
            waited_s: seconds(decision.waited),
            weight: decision.weight,
            relaxed: decision.relaxed.iter().map(ToString::to_string).collect(),
            candidates: decision
                .candidates
                .iter()
                .map(CandidateDocument::from)
                .collect(),
            others: decision
                .others
                .iter()
                .map(|(standing, reps)| OthersDocument {
                    standing: word(*standing),
                    reps: *reps,
                })
                .collect(),
            reasons: decision.reasons(),
        }
    }
}

impl From<&Candidate> for CandidateDocument {
    fn from(candidate: &Candidate) -> Self {
        Self {
            rep: candidate.rep.as_str().to_owned(),
            standing: word(candidate.standing),
            presence: super::reps::word(candidate.availability),
            level: candidate.level.map(|level| level.value()),
            substitute: candidate.substitute,
            preference: candidate.preference,
            score: candidate.score,
            idle_s: seconds(candidate.idle),
        }
    }
}

/// The word for how a rep stands to a ticket.
fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Ready => "ready",
        Standing::NotAvailable => "not-available",
        Standing::Doubted => "doubted",
        Standing::Paused => "paused",
        Standing::OnCall => "on-call",
        Standing::Full => "full",
        Standing::Refused => "refused",
        Standing::HandedOn => "handed-on",
        Standing::KeptForAnother => "kept-for-another",
        Standing::OtherTier => "other-tier",
        Standing::LacksSkill => "lacks-skill",
        Standing::BelowLevel => "below-level",
    }
}
