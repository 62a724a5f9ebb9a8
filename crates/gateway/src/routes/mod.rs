//! Every address of the HTTP face, one file per resource.

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::trace;

use crate::address;
use crate::addresses::Addresses;
use crate::admin;
use crate::console;
use crate::face::Face;
use crate::problem;
use crate::repeats;
use crate::soap;
use crate::wall;
use crate::{headers, origin};

mod api;
mod assets;
mod badge;
mod cases;
mod conditional;
mod conversation;
mod demo;
#[expect(unused_qualifications, reason = "utoipa names the query in full")]
mod form;
mod fragment;
mod me;
mod operations;
mod presence;
mod presence_events;
mod rating;
mod softphone;
mod ticket;
#[expect(unused_qualifications, reason = "utoipa names the query in full")]
mod ticket_events;
mod ticket_messages;
#[expect(unused_qualifications, reason = "utoipa names the query in full")]
mod ticket_poll;
mod ticket_ws;
pub(crate) mod tickets;

pub(crate) use conditional::is_known;
pub(crate) use presence_events::{greeting, sse};

/// All routes, ready to serve.
pub(crate) fn router(face: Face) -> Router {
    dressed(addresses().into_router(), face)
}

/// Every address.
pub(crate) fn addresses() -> Addresses {
    assets::addresses()
        .merge(admin::addresses())
        .merge(console::addresses())
        .merge(wall::addresses())
        .add(address!(presence::show))
        .add(address!(presence_events::stream))
        .add(address!(fragment::show))
        .add(address!(badge::show))
        .add(address!(form::show))
        .add(address!(me::show))
        .add(address!(me::forget))
        .add(address!(tickets::ask))
        .add(address!(cases::leave))
        .add(address!(ticket::show))
        .add(address!(ticket::cancel))
        .add(address!(rating::rate))
        .add(address!(ticket_poll::poll))
        .add(address!(ticket_messages::post))
        .add(address!(ticket_events::stream))
        .add(address!(operations::healthz))
        .add(address!(operations::readyz))
        .add(address!(operations::metrics))
        .add(address!(api::document))
        .page("/api/", api::show)
        .page("/api/api.css", api::sheet)
        .page("/soap", soap::describe)
        .post("/soap", soap::perform)
        // A socket's token may come in its first frame; without it nothing is shown.
        .page("/v1/tickets/{id}/ws", ticket_ws::open)
        .page("/sip", softphone::open)
        .page("/demo/token", demo::token)
        .page("/demo/events", demo::events)
}

/// The routes with what every answer goes through, the last one first.
fn dressed(routes: Router<Face>, face: Face) -> Router {
    routes
        .layer(from_fn_with_state(face.clone(), repeats::once))
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
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    let status = response.status();
    let route = route.as_ref().map(MatchedPath::as_str);
    face.metrics.count_request(&method, route, status);
    trace!(%method, route, status = status.as_u16(), "request answered");
    match route {
        Some(route) if route.starts_with("/v1/tickets/") => {
            demo::tell(&face, &method, &route.replace("{id}", "…"), status);
        }
        Some(route) if route.starts_with("/v1/") => demo::tell(&face, &method, &path, status),
        Some(_) | None => {}
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use tower::ServiceExt;

    use super::*;
    use crate::authorised::{Anyone, Authorised};

    async fn broken(_: Authorised<Anyone>) {
        panic!("by design")
    }

    #[tokio::test]
    async fn a_panic_is_answered_like_any_error() {
        let face = Face::of_nobody();
        let app = dressed(
            addresses().page("/broken", broken).into_router(),
            face.clone(),
        );
        let request = Request::get("/broken").body(Body::empty()).unwrap();
        let response = app.oneshot(request).await.unwrap();
        assert_eq!(response.status(), 500);
        for (name, value) in [
            ("content-type", "application/problem+json"),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(response.headers()[name], value);
        }
        let counted = {
            let scores = helpdesk::EstimateScores::default();
            let figures = crate::figures::Figures::default();
            let text = face.metrics.text(&face.desk.snapshot(), &scores, &figures);
            text.unwrap()
        };
        assert!(counted.contains(r#"route="/broken",class="5xx"} 1"#));
    }
}
