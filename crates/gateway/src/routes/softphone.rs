//! `GET /sip`: a softphone's WebSocket (RFC 7118), negotiated here and handed over unread.
//! Must not know what it carries.

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tracing::debug;

use crate::authorised::{Anyone, Authorised};
use crate::config::SoftphoneSocket;
use crate::connection::Ends;
use crate::face::Face;
use crate::problem::Problem;

/// RFC 7118 §4.1.
const SUBPROTOCOL: &str = "sip";

/// Upgrades to a WebSocket with the subprotocol `sip` and hands it over.
pub(super) async fn open(
    _: Authorised<Anyone>,
    State(face): State<Face>,
    Extension(ends): Extension<Ends>,
    mut request: Request,
) -> Result<Response, Problem> {
    let config = face.config();
    let Some(door) = &config.softphones else {
        return Err(Problem::for_status(StatusCode::NOT_FOUND));
    };
    let mut response = create_response_with_body(&request, Body::empty).map_err(not_a_socket)?;
    if !offers_sip(request.headers()) {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "The WebSocket subprotocol has to be sip.",
        ));
    }
    // A place in the queue before the upgrade: after it there is no answer to refuse with.
    let Ok(place) = door.sockets.clone().try_reserve_owned() else {
        return Err(Problem::for_status(StatusCode::SERVICE_UNAVAILABLE));
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let stop = face.stop.clone();
    let Ends { local, remote } = ends;
    face.tasks.spawn(async move {
        let upgraded = tokio::select! {
            () = stop.cancelled() => return,
            upgraded = upgrade => upgraded,
        };
        match upgraded {
            Ok(upgraded) => {
                place.send(SoftphoneSocket {
                    stream: TokioIo::new(upgraded),
                    local,
                    remote,
                });
            }
            Err(error) => debug!(%error, %remote, "a softphone left before its upgrade"),
        }
    });
    let name = HeaderValue::from_static(SUBPROTOCOL);
    response
        .headers_mut()
        .insert(header::SEC_WEBSOCKET_PROTOCOL, name);
    Ok(response)
}

fn offers_sip(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|name| name.trim() == SUBPROTOCOL)
}

fn not_a_socket(error: Error) -> Problem {
    match error {
        Error::Protocol(
            ProtocolError::WrongHttpMethod
            | ProtocolError::WrongHttpVersion
            | ProtocolError::MissingConnectionUpgradeHeader
            | ProtocolError::MissingUpgradeWebSocketHeader,
        ) => Problem::for_status(StatusCode::UPGRADE_REQUIRED),
        other => Problem::new(StatusCode::BAD_REQUEST, format!("{other}.")),
    }
}
