//! `/v1/admin/customers/erase`: all that is kept of one customer, taken out for good.
//! Must not know where it is kept.

use axum::Json;
use axum::extract::State;
use helpdesk::{CaseId, TicketId};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::authorisation::{Admin, MayWrite};
use super::tickets::{CustomerAsked, not_now};
use crate::body::JsonBody;
use crate::errand::{Errand, Forgetting};
use crate::face::Face;
use crate::problem::Problem;

/// What was taken out.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErasedDocument {
    tickets: u64,
    cases: u64,
}

/// Takes all that is kept of a customer out of the journal for good. Where a conversation or a case of theirs has not
/// ended, nothing is taken out.
#[utoipa::path(
    post,
    path = "/v1/admin/customers/erase",
    tag = "admin",
    request_body = CustomerAsked,
    responses(
        (status = 200, description = "How much there was; it is gone.", body = ErasedDocument),
        (status = 409, description = "Something of theirs has not ended; nothing was taken out.")
    )
)]
pub(super) async fn erase(
    admin: Admin<MayWrite>,
    State(face): State<Face>,
    JsonBody(asked): JsonBody<CustomerAsked>,
) -> Result<Json<ErasedDocument>, Problem> {
    let customer = asked.into_customer()?;
    let done = face
        .desk
        .errand(|answer| Errand::Forget { customer, answer })
        .await
        .map_err(not_now)?;
    match done {
        Forgetting::Done { tickets, cases } => {
            let MayWrite { key, .. } = admin.into_right();
            tracing::info!(key, tickets, cases, "a customer was erased");
            Ok(Json(ErasedDocument { tickets, cases }))
        }
        Forgetting::StillOpen { tickets, cases } => {
            let tickets = tickets.iter().map(TicketId::as_str);
            let cases = cases.iter().map(CaseId::as_str);
            let open: Vec<&str> = tickets.chain(cases).collect();
            Err(Problem::new(
                StatusCode::CONFLICT,
                format!(
                    "Nothing was erased: {} has not ended. End the conversation or close the case first.",
                    open.join(", ")
                ),
            ))
        }
    }
}
