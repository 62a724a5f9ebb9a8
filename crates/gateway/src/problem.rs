//! Every error of the HTTP face is an RFC 9457 problem document, whoever made it.
//! Must not know any route.

use std::borrow::Cow;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use helpdesk::CallbackRefused;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::desk::DeskRefused;
use crate::random::NoRandom;
use crate::wire::presence::rfc_3339;

/// An error as the client is told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    kind: Kind,
    detail: Cow<'static, str>,
    retry_after_s: Option<u32>,
}

/// What a script can branch on beside the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The status says it all.
    Plain,
    Closed,
    QueueFull,
    Ended,
    TooFast,
    ManyOpen,
}

impl Problem {
    /// A problem that its status and `detail` describe.
    pub(crate) fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::of(status, Kind::Plain, detail.into())
    }

    /// 404, in words that do not tell whether the thing exists for somebody else.
    pub(crate) fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 404 for a ticket: unknown, or opened with another ticket's token.
    pub(crate) fn no_ticket() -> Self {
        Self::not_found("There is no such ticket, or this token does not open it.")
    }

    /// 422: understood, but it cannot be done as it stands.
    pub(crate) fn unprocessable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// 409: nobody who could help is on duty.
    pub(crate) fn closed() -> Self {
        Self::of(
            StatusCode::CONFLICT,
            Kind::Closed,
            "Nobody who can help with this is on duty.".into(),
        )
    }

    /// 409: nobody is there at this hour; says when somebody will be, where that is known.
    pub(crate) fn outside_hours(opens_unix_ms: Option<i64>) -> Self {
        let opens = opens_unix_ms.map_or_else(String::new, |opens| {
            format!(" It opens at {}.", rfc_3339(opens))
        });
        Self::of(
            StatusCode::CONFLICT,
            Kind::Closed,
            format!("Help with this is closed at this hour.{opens}").into(),
        )
    }

    /// 503: as many shoppers wait as may wait.
    pub(crate) fn queue_full() -> Self {
        Self {
            retry_after_s: Some(60),
            ..Self::of(
                StatusCode::SERVICE_UNAVAILABLE,
                Kind::QueueFull,
                "So many people wait already that we cannot promise you an answer. \
                 Try again in a minute."
                    .into(),
            )
        }
    }

    /// 409: nothing more can be said in this conversation.
    pub(crate) fn ended() -> Self {
        Self::of(
            StatusCode::CONFLICT,
            Kind::Ended,
            "The conversation has ended.".into(),
        )
    }

    /// Nobody is called, and why: 404, 409, 403, 429 where a limit is reached, else 422.
    pub(crate) fn not_called(refused: &CallbackRefused) -> Self {
        let words = |words: &CallbackRefused| format!("You cannot be called: {words}.");
        let of_status = |status| Self::new(status, words(refused));
        match refused {
            CallbackRefused::UnknownTicket => Self::no_ticket(),
            CallbackRefused::Ended => Self::ended(),
            CallbackRefused::NotProven => of_status(StatusCode::FORBIDDEN),
            CallbackRefused::QuietHours | CallbackRefused::InDoubt => {
                of_status(StatusCode::CONFLICT)
            }
            CallbackRefused::LinesBusy
            | CallbackRefused::NumberLimit
            | CallbackRefused::HourLimit
            | CallbackRefused::DayLimit
            | CallbackRefused::MinutesSpent
            | CallbackRefused::TooManyFailures => of_status(StatusCode::TOO_MANY_REQUESTS),
            CallbackRefused::NotSetUp
            | CallbackRefused::NoNumber
            | CallbackRefused::BadNumber(_)
            | CallbackRefused::NotAllowed => Self::unprocessable(words(refused)),
        }
    }

    /// 429, with the seconds to wait and in words.
    pub(crate) fn too_fast(detail: impl Into<Cow<'static, str>>, wait_s: u32) -> Self {
        Self {
            retry_after_s: Some(wait_s),
            ..Self::of(StatusCode::TOO_MANY_REQUESTS, Kind::TooFast, detail.into())
        }
    }

    /// 503, with the seconds to wait.
    pub(crate) fn try_later(detail: impl Into<Cow<'static, str>>, wait_s: u32) -> Self {
        Self {
            retry_after_s: Some(wait_s),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        }
    }

    /// 429: the shopper has as many conversations as one may have.
    pub(crate) fn many_open(most: usize) -> Self {
        Self::of(
            StatusCode::TOO_MANY_REQUESTS,
            Kind::ManyOpen,
            format!("You have {most} conversations open. End one, then ask again.").into(),
        )
    }

    /// The problem of an answer that has only a status.
    pub(crate) fn for_status(status: StatusCode) -> Self {
        let detail = match status {
            StatusCode::NOT_FOUND => "Nothing is at this address.",
            StatusCode::METHOD_NOT_ALLOWED => {
                "This address does not take this method; Allow lists those it takes."
            }
            StatusCode::UPGRADE_REQUIRED => "This address speaks WebSocket only.",
            StatusCode::INTERNAL_SERVER_ERROR => "Something broke here. Try again.",
            status if status.is_client_error() => "The request is not one we can read.",
            _ => "We cannot answer just now. Try again.",
        };
        Self::new(status, detail)
    }

    fn of(status: StatusCode, kind: Kind, detail: Cow<'static, str>) -> Self {
        Self {
            status,
            kind,
            detail,
            retry_after_s: None,
        }
    }

    /// The document.
    pub(crate) fn document(&self) -> Document<'_> {
        Document {
            kind: self.kind.uri(),
            title: self.kind.title(self.status),
            status: self.status.as_u16(),
            detail: &self.detail,
            retry_after: self.retry_after_s,
        }
    }
}

/// RFC 9457 §3.1 members.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Document<'a> {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) title: &'a str,
    pub(crate) status: u16,
    pub(crate) detail: &'a str,
    /// Seconds to wait, an extension member (RFC 9457 §3.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after: Option<u32>,
}

impl Kind {
    fn uri(self) -> &'static str {
        match self {
            Self::Plain => "about:blank",
            Self::Closed => "urn:deskbell:problem:closed",
            Self::QueueFull => "urn:deskbell:problem:queue-full",
            Self::Ended => "urn:deskbell:problem:ended",
            Self::TooFast => "urn:deskbell:problem:too-fast",
            Self::ManyOpen => "urn:deskbell:problem:many-open",
        }
    }

    fn title(self, status: StatusCode) -> &'static str {
        match self {
            // RFC 9457 §4.2.1: about:blank is titled by the status phrase.
            Self::Plain => status.canonical_reason().unwrap_or("Error"),
            Self::Closed => "Closed",
            Self::QueueFull => "Queue full",
            Self::Ended => "Conversation ended",
            Self::TooFast => "Too fast",
            Self::ManyOpen => "Too many conversations",
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.document()).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 9110 §15.5.2: a 401 names the scheme; RFC 6750 §3.
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"deskbell\""),
            );
        }
        if self.status == StatusCode::UPGRADE_REQUIRED {
            // RFC 9110 §15.5.22: a 426 names the protocol.
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        }
        response
    }
}

impl From<DeskRefused> for Problem {
    fn from(refused: DeskRefused) -> Self {
        let detail = match refused {
            DeskRefused::Closed => "The server is restarting. Try again in a few seconds.",
            DeskRefused::NotRecording => {
                "Nothing can be written down just now, so that we cannot promise anything. Try again in a few seconds."
            }
        };
        Self {
            retry_after_s: Some(5),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        }
    }
}

impl From<NoRandom> for Problem {
    fn from(error: NoRandom) -> Self {
        tracing::error!(%error, "no unguessable name");
        Self::for_status(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// Turns errors that come without a document (no route, wrong method, the framework's own
/// rejections) into problems, and keeps their headers.
pub(crate) async fn complete(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() || has_document(&response) {
        return response;
    }
    let (parts, _) = response.into_parts();
    let mut problem = Problem::for_status(status).into_response();
    for (name, value) in &parts.headers {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            problem.headers_mut().insert(name, value.clone());
        }
    }
    problem
}

/// The answer to a request whose handler panicked.
pub(crate) fn after_panic(panic: Box<dyn std::any::Any + Send + 'static>) -> http::Response<Body> {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    tracing::error!(text, "a request panicked");
    Problem::for_status(StatusCode::INTERNAL_SERVER_ERROR).into_response()
}

/// Problems have one, and SOAP faults, which are XML.
fn has_document(response: &Response) -> bool {
    response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("problem+json") || value.contains("xml"))
}
