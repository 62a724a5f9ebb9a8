//! Every address of the HTTP face, one file per resource.

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;

use crate::face::Face;
use crate::problem;
use crate::{headers, origin};

mod conditional;
mod conversation;
mod operations;
mod presence;
mod presence_events;
mod rating;
mod ticket;
mod ticket_events;
mod ticket_messages;
mod ticket_ws;
mod tickets;

/// All routes with what every answer goes through.
pub(crate) fn router(face: Face) -> Router {
    Router::new()
        .route("/v1/sites/{site}/presence", get(presence::show))
        .route(
            "/v1/sites/{site}/presence/events",
            get(presence_events::stream),
        )
        .route("/v1/sites/{site}/tickets", post(tickets::ask))
        .route("/v1/tickets/{id}", get(ticket::show).delete(ticket::cancel))
        .route("/v1/tickets/{id}/rating", post(rating::rate))
        .route("/v1/tickets/{id}/messages", post(ticket_messages::post))
        .route("/v1/tickets/{id}/events", get(ticket_events::stream))
        .route("/v1/tickets/{id}/ws", get(ticket_ws::open))
        .route("/healthz", get(operations::healthz))
        .route("/readyz", get(operations::readyz))
        .route("/metrics", get(operations::metrics))
        .layer(from_fn_with_state(face.clone(), origin::guard))
        .layer(CatchPanicLayer::custom(problem::after_panic))
        .layer(from_fn(problem::complete))
        .layer(from_fn(headers::secure))
        .layer(from_fn_with_state(face.clone(), count))
        .with_state(face)
}

async fn count(State(face): State<Face>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    face.metrics.count_request(
        &method,
        route.as_ref().map(MatchedPath::as_str),
        response.status(),
    );
    response
}
