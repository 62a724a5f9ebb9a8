//! `/v1/admin`: what supervisors and the shop's own programs are told of the desk, one file per resource.
//! Must not know the shopper's side.

use std::sync::Arc;

use axum::middleware::from_fn;
use presence::Store;
use tokio::sync::mpsc;

use crate::address;
use crate::addresses::Addresses;

mod authorisation;
#[expect(unused_qualifications, reason = "utoipa names the query in full")]
mod cases;
#[expect(unused_qualifications, reason = "utoipa names the query in full")]
mod decisions;
mod erasure;
#[expect(unused_qualifications, reason = "utoipa names the query in full")]
mod estimates;
#[expect(unused_qualifications, reason = "utoipa names the query in full")]
mod groups;
#[expect(unused_qualifications, reason = "utoipa names the query in full")]
mod lines;
mod page;
#[expect(unused_qualifications, reason = "utoipa names the query in full")]
mod presentities;
#[expect(unused_qualifications, reason = "utoipa names the query in full")]
mod queue;
#[expect(unused_qualifications, reason = "utoipa names the query in full")]
mod reps;
#[expect(unused_qualifications, reason = "utoipa names the query in full")]
mod sites;
#[expect(unused_qualifications, reason = "utoipa names the query in full")]
mod tickets;
#[expect(unused_qualifications, reason = "utoipa names the query in full")]
mod trunks;
mod unchanged;
#[expect(unused_qualifications, reason = "utoipa names the query in full")]
mod webhooks;

pub(crate) use authorisation::MayRead;
pub use authorisation::{AdminKey, Scope};
pub(crate) use decisions::DecisionsDocument;
pub use lines::{LineBoard, LineReport, LineStanding};
pub(crate) use presentities::PresentityDocument;
pub(crate) use reps::word;
pub use trunks::{Ping, Registration, TrunkBoard, TrunkReport};
pub use webhooks::{Delivery, WebhookDesk, WebhookReport};
pub(crate) use webhooks::{find, reports, revive};

/// What the admin addresses need; without it they are not found.
#[derive(Debug, Clone)]
pub struct AdminFace {
    /// Who may come in.
    pub keys: Vec<AdminKey>,
    /// Every publication of every rep.
    pub presentities: Arc<Store>,
    /// What is known of the reps' telephone lines.
    pub lines: LineBoard,
    /// How the ways to the telephone network stand.
    pub trunks: TrunkBoard,
    /// Whoever keeps the outbox.
    pub webhooks: mpsc::Sender<WebhookDesk>,
}

/// The admin addresses.
pub(crate) fn addresses() -> Addresses {
    Addresses::default()
        .add(address!(reps::list))
        .add(address!(groups::list))
        .add(address!(queue::list))
        .add(address!(sites::list))
        .add(address!(decisions::list))
        .add(address!(cases::list))
        .add(address!(cases::close))
        .add(address!(decisions::show))
        .add(address!(estimates::show))
        .add(address!(lines::list))
        .add(address!(presentities::list))
        .add(address!(presentities::show))
        .add(address!(tickets::list))
        .add(address!(tickets::export))
        .add(address!(trunks::list))
        .add(address!(erasure::erase))
        .add(address!(webhooks::list))
        .add(address!(webhooks::deliveries))
        .add(address!(webhooks::replay))
        .through(|router| router.layer(from_fn(unchanged::tag)))
}
