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

mod assets;
mod badge;
mod conditional;
mod conversation;
mod demo;
mod fragment;
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
    assets::routes()
        .route("/v1/sites/{site}/presence", get(presence::show))
        .route(
            "/v1/sites/{site}/presence/events",
            get(presence_events::stream),
        )
        .route("/v1/sites/{site}/fragment", get(fragment::show))
        .route("/v1/sites/{site}/badge.svg", get(badge::show))
        .route("/v1/sites/{site}/tickets", post(tickets::ask))
        .route("/v1/tickets/{id}", get(ticket::show).delete(ticket::cancel))
        .route("/v1/tickets/{id}/rating", post(rating::rate))
        .route("/v1/tickets/{id}/messages", post(ticket_messages::post))
        .route("/v1/tickets/{id}/events", get(ticket_events::stream))
        .route("/v1/tickets/{id}/ws", get(ticket_ws::open))
        .route("/demo/token", get(demo::token))
        .route("/demo/events", get(demo::events))
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
    let route = route.as_ref().map(MatchedPath::as_str);
    face.metrics
        .count_request(&method, route, response.status());
    if let Some(route) = route.filter(|route| route.starts_with("/v1/")) {
        demo::tell(&face, &method, route, response.status());
    }
    response
}
