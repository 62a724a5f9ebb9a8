//! Reads a JSON body: bounded in bytes and in time, strict in type.
//! Must not know what it says.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::problem::Problem;

/// Bytes that a body may have.
pub(crate) const LIMIT: usize = 64 * 1024;

/// Time that a client may take to send it.
const TIME: Duration = Duration::from_secs(30);

/// A JSON body of this type.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T, S> FromRequest<S> for JsonBody<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        check_type(request.headers())?;
        let bytes = read(request.into_body()).await?;
        read_object(&bytes).map(Self)
    }
}

/// A document or frame from its JSON text, which has to be an object: derived readers would take a
/// list of the values just as well, which no document of ours means.
pub(crate) fn read_object<T: DeserializeOwned>(text: &[u8]) -> Result<T, Problem> {
    if text.trim_ascii_start().first() == Some(&b'[') {
        return Err(Problem::unprocessable("This has to be a JSON object."));
    }
    serde_json::from_slice(text).map_err(|error| match error.classify() {
        Category::Data => Problem::unprocessable(format!("This does not fit: {error}.")),
        Category::Io | Category::Syntax | Category::Eof => Problem::new(
            StatusCode::BAD_REQUEST,
            format!("This is not JSON: {error}."),
        ),
    })
}

/// The whole body, of [`LIMIT`] bytes at most and in time.
pub(crate) async fn read(body: Body) -> Result<Bytes, Problem> {
    let body = Limited::new(body, LIMIT).collect();
    match tokio::time::timeout(TIME, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("A body may have {LIMIT} bytes."),
        )),
        Ok(Err(_)) => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "The body broke off before its end.",
        )),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "The body did not arrive in time.",
        )),
    }
}

fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let essence = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(str::trim);
    let is_json = essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    if is_json && !headers.contains_key(header::CONTENT_ENCODING) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "The body has to be application/json without a Content-Encoding.",
    ))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::response::IntoResponse;
    use futures_util::stream;
    use tokio::time::{Instant, sleep};

    use super::*;

    /// H17: a body may not come a byte at a time for ever.
    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_in_is_not_waited_for() {
        let trickle = stream::unfold((), |()| async {
            sleep(Duration::from_secs(1)).await;
            Some((Ok::<_, Infallible>(Bytes::from_static(b" ")), ()))
        });
        let started = Instant::now();
        let refused = read(Body::from_stream(trickle)).await.unwrap_err();
        assert_eq!(
            refused.into_response().status(),
            StatusCode::REQUEST_TIMEOUT
        );
        assert_eq!(started.elapsed(), TIME);
    }
}
