//! Changes that are asked for twice under one `Idempotency-Key` are made once: the second is answered as the first was.
//! Kept in memory for a day. Must not know what is changed.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::BodyExt;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::body;
use crate::face::Face;
use crate::key;
use crate::problem::Problem;

/// The header that names a request.
pub(crate) const KEY: &str = "idempotency-key";

/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// Answers kept; the oldest go first.
const MOST: usize = 1000;

/// Shoppers need not say who they are. Whoever names a key as long as this knows it from nobody but its maker.
const UNGUESSABLE: usize = 20;

/// What was asked for under a key, and what it was answered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Repeats(Arc<Mutex<Answers>>);

#[derive(Debug, Default)]
struct Answers {
    by_key: HashMap<String, Answer>,
    in_order: VecDeque<String>,
}

#[derive(Debug)]
struct Answer {
    asked: [u8; 32],
    since: Instant,
    /// `None` while it is being done.
    kept: Option<Kept>,
}

/// An answer that can be given again.
#[derive(Debug, Clone)]
struct Kept {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// Whether something was asked for before.
pub(crate) enum Repeat {
    /// It was, and this was the answer.
    Known(Response),
    /// It was not: it is to be done.
    First(Place),
}

/// Where the answer is to be kept; dropped without one, the key is free again.
pub(crate) struct Place {
    repeats: Repeats,
    key: Option<String>,
}

impl Repeats {
    /// Looks for an earlier request of `caller` with the key of these headers; without a key each is the first.
    pub(crate) fn begin(
        &self,
        caller: &str,
        headers: &HeaderMap,
        asked: impl AsRef<[u8]>,
    ) -> Result<Repeat, Problem> {
        let first = |key| {
            Repeat::First(Place {
                repeats: self.clone(),
                key,
            })
        };
        let Some(value) = headers.get(KEY) else {
            return Ok(first(None));
        };
        let is_readable = |text: &&str| {
            (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
        };
        let key = value.to_str().ok().filter(is_readable).ok_or_else(|| {
            Problem::unprocessable(
                "Idempotency-Key has 1 to 255 printable ASCII characters without blanks.",
            )
        })?;
        let key = format!("{caller}\n{key}");
        let asked: [u8; 32] = Sha256::digest(asked.as_ref()).into();
        let now = Instant::now();
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answers.forget(now);
        match answers.by_key.get(&key) {
            None => {
                answers.in_order.push_back(key.clone());
                answers.by_key.insert(
                    key.clone(),
                    Answer {
                        asked,
                        since: now,
                        kept: None,
                    },
                );
                Ok(first(Some(key)))
            }
            Some(known) if known.asked != asked => Err(Problem::unprocessable(
                "Something else was asked for under this Idempotency-Key.",
            )),
            Some(Answer { kept: None, .. }) => Err(Problem::new(
                StatusCode::CONFLICT,
                "This is being done already, under the same Idempotency-Key.",
            )),
            Some(Answer {
                kept: Some(kept), ..
            }) => {
                let mut response = kept.clone().into_response();
                let headers = response.headers_mut();
                headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
                Ok(Repeat::Known(response))
            }
        }
    }
}

impl Answers {
    fn forget(&mut self, now: Instant) {
        while let Some(oldest) = self.in_order.front() {
            let is_over = self
                .by_key
                .get(oldest)
                .is_none_or(|answer| now.duration_since(answer.since) > KEPT);
            if !is_over && self.in_order.len() < MOST {
                return;
            }
            if let Some(key) = self.in_order.pop_front() {
                self.by_key.remove(&key);
            }
        }
    }
}

impl Place {
    /// Keeps the answer for those who ask again, and gives it.
    pub(crate) fn keep(self, document: &impl Serialize) -> Response {
        let json = HeaderValue::from_static("application/json");
        self.put(Kept {
            status: StatusCode::OK,
            headers: HeaderMap::from_iter([(header::CONTENT_TYPE, json)]),
            body: Bytes::from(serde_json::to_vec(document).unwrap_or_default()),
        })
    }

    fn put(mut self, kept: Kept) -> Response {
        if let Some(key) = self.key.take() {
            let mut answers = self
                .repeats
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some(answer) = answers.by_key.get_mut(&key) {
                answer.kept = Some(kept.clone());
            }
        }
        kept.into_response()
    }
}

impl IntoResponse for Kept {
    fn into_response(self) -> Response {
        let mut response = (self.status, Body::from(self.body)).into_response();
        *response.headers_mut() = self.headers;
        response
    }
}

/// Has what a shopper asks for under an `Idempotency-Key` done once.
pub(crate) async fn once(State(face): State<Face>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_shoppers = path.starts_with("/v1/sites/") || path.starts_with("/v1/tickets/");
    let has_key = request.headers().contains_key(KEY);
    if request.method() != Method::POST || !is_shoppers || !has_key {
        return next.run(request).await;
    }
    match try_once(&face, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn try_once(face: &Face, request: Request, next: Next) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let is_long = |value: &HeaderValue| value.len() >= UNGUESSABLE;
    if !parts.headers.get(KEY).is_some_and(is_long) {
        return Err(Problem::unprocessable(
            "An Idempotency-Key of a shopper has 20 characters at least, so that nobody else hits on it.",
        ));
    }
    // A token is part of the name, as digest: it proves something at the time only when it was asked with.
    let token = key::presented(&parts.headers).unwrap_or_default();
    let caller = format!("{}\n{:02x?}", parts.uri, key::digest(&token).0);
    let asked = body::read(body).await?;
    let place = match face.clicked.begin(&caller, &parts.headers, &asked)? {
        Repeat::Known(response) => return Ok(response),
        Repeat::First(place) => place,
    };
    let request = Request::from_parts(parts, Body::from(asked));
    let (parts, body) = next.run(request).await.into_parts();
    if !parts.status.is_success() {
        return Ok(Response::from_parts(parts, body));
    }
    let body = body.collect().await;
    let body = body.map_err(|_| Problem::for_status(StatusCode::INTERNAL_SERVER_ERROR))?;
    Ok(place.put(Kept {
        status: parts.status,
        headers: parts.headers,
        body: body.to_bytes(),
    }))
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            let mut answers = self
                .repeats
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            answers.by_key.remove(&key);
            // What fails takes no place from what was done.
            answers.in_order.retain(|known| *known != key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(key: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("idempotency-key", key.parse().unwrap());
        headers
    }

    #[test]
    fn the_same_key_is_one_change_and_another_body_under_it_a_mistake() {
        let repeats = Repeats::default();
        let begin =
            |caller: &str, key: &str, asked: &str| repeats.begin(caller, &headers(key), asked);
        let Ok(Repeat::First(place)) = begin("wall", "k1", "a") else {
            panic!("the first")
        };
        assert!(
            matches!(begin("wall", "k1", "a"), Err(problem) if problem.document().status == 409)
        );
        drop(place.keep(&1));
        let Ok(Repeat::Known(again)) = begin("wall", "k1", "a") else {
            panic!("known")
        };
        assert_eq!(again.headers()["idempotent-replayed"], "true");
        assert!(
            matches!(begin("wall", "k1", "b"), Err(problem) if problem.document().status == 422)
        );
        assert!(
            matches!(begin("another", "k1", "b"), Ok(Repeat::First(_))),
            "keys are their caller's own"
        );
        assert!(
            matches!(begin("wall", "a b", "a"), Err(problem) if problem.document().status == 422)
        );
    }

    #[test]
    fn what_failed_may_be_tried_again_and_old_answers_make_room() {
        let repeats = Repeats::default();
        drop(repeats.begin("wall", &headers("k"), "a"));
        assert!(matches!(
            repeats.begin("wall", &headers("k"), "a"),
            Ok(Repeat::First(_))
        ));
        let Ok(Repeat::First(place)) = repeats.begin("wall", &headers("done"), "a") else {
            panic!("the first")
        };
        drop(place.keep(&1));
        for key in 0..MOST {
            drop(repeats.begin("wall", &headers(&key.to_string()), "a"));
        }
        assert!(
            matches!(
                repeats.begin("wall", &headers("done"), "a"),
                Ok(Repeat::Known(_))
            ),
            "what fails takes no place from what was done"
        );
        for key in 0..2 * MOST {
            let Ok(Repeat::First(place)) = repeats.begin("wall", &headers(&key.to_string()), "a")
            else {
                panic!("the first")
            };
            drop(place.keep(&key));
        }
        assert!(repeats.0.lock().unwrap().by_key.len() <= MOST);
    }
}
