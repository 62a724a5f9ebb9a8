//! `/v1/admin`: what supervisors and the shop's own programs are told of the desk, one file per resource.
//! Must not know the shopper's side.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use presence::Store;

use crate::face::Face;

mod authorisation;
mod decisions;
mod estimates;
mod groups;
mod lines;
mod page;
mod presentities;
mod queue;
mod reps;

pub use authorisation::{AdminKey, Scope};
pub use lines::{LineBoard, LineReport, LineStanding};
pub(crate) use reps::word;

/// What the admin addresses need; without it they are not found.
#[derive(Debug, Clone)]
pub struct AdminFace {
    /// Who may come in.
    pub keys: Vec<AdminKey>,
    /// Every publication of every rep.
    pub presentities: Arc<Store>,
    /// What is known of the reps' telephone lines.
    pub lines: LineBoard,
}

/// The admin addresses.
pub(crate) fn routes() -> Router<Face> {
    Router::new()
        .route("/v1/admin/reps", get(reps::list))
        .route("/v1/admin/groups", get(groups::list))
        .route("/v1/admin/queue", get(queue::list))
        .route("/v1/admin/decisions/{ticket}", get(decisions::show))
        .route("/v1/admin/estimates", get(estimates::show))
        .route("/v1/admin/lines", get(lines::list))
        .route("/v1/admin/presentities", get(presentities::list))
        .route("/v1/admin/presentities/{rep}", get(presentities::show))
}
