//! Answers that are ready: the state of a site changes a few times a second at most, and is asked for by every page. What
//! the router answered is given again, word for word, until the state or the configuration is another one.
//! Must not know how an answer is made.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::extract::MatchedPath;
use axum::response::Response;
use bytes::Bytes;
use helpdesk::Snapshot;
use http::{HeaderMap, Method, Request, StatusCode, header};
use prometheus_client::metrics::counter::Counter;
use tracing::trace;

use crate::config::Config;
use crate::face::Face;

/// Part of a response that may be given again: it rests on nothing but the newest state, the configuration, and what
/// [`Question`] holds of its request.
#[derive(Debug, Clone)]
pub(crate) struct Repeatable {
    /// All of it.
    pub(crate) body: Bytes,
    /// As requests are counted.
    pub(crate) route: MatchedPath,
}

/// All that an answer rests on.
#[derive(Debug)]
pub(crate) struct Question {
    asked: Vec<u8>,
    moment: Moment,
}

/// One state under one configuration.
#[derive(Debug, Clone)]
struct Moment {
    snapshot: Arc<Snapshot>,
    config: Arc<Config>,
}

/// The answers of one moment.
#[derive(Debug, Default)]
pub(crate) struct Ready(Mutex<Answers>);

#[derive(Debug, Default)]
struct Answers {
    moment: Option<Moment>,
    by_question: HashMap<Vec<u8>, Arc<Answer>>,
    /// Of all questions and bodies.
    bytes: usize,
}

#[derive(Debug)]
struct Answer {
    headers: HeaderMap,
    body: Bytes,
    counter: Counter,
}

/// Kept at most; callers may make up as many questions as they like.
const BYTES: usize = 8 * 1024 * 1024;

/// What an answer takes beside its body, about.
const HEAD_BYTES: usize = 4096;

impl Question {
    /// What a request asks; `None` where its answer rests on more.
    pub(crate) fn of<B: hyper::body::Body>(request: &Request<B>, face: &Face) -> Option<Self> {
        let (uri, headers) = (request.uri(), request.headers());
        let rests_on_more = [header::IF_NONE_MATCH, header::UPGRADE]
            .iter()
            .any(|name| headers.contains_key(name));
        let target = uri.path_and_query()?.as_str();
        if *request.method() != Method::GET
            || !target.starts_with("/v1/sites/")
            || rests_on_more
            || !request.body().is_end_stream()
        {
            return None;
        }
        let moment = Moment::of(face);
        // Whoever watches the demo is told of each request.
        if moment.config.demo.is_some() {
            return None;
        }
        let authority = uri.authority().map(|authority| authority.as_str());
        let header = |name| headers.get(name).map(http::HeaderValue::as_bytes);
        let parts = [
            Some(target.as_bytes()),
            authority.map(str::as_bytes),
            header(header::HOST),
            header(header::ORIGIN),
        ];
        let mut asked = Vec::with_capacity(256);
        for part in parts {
            // Neither an address nor a header holds a control character.
            asked.push(if part.is_some() { 1 } else { 0 });
            asked.extend_from_slice(part.unwrap_or_default());
        }
        Some(Self { asked, moment })
    }
}

impl Moment {
    fn of(face: &Face) -> Self {
        Self {
            snapshot: face.desk.snapshot(),
            config: face.config(),
        }
    }

    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.snapshot, &other.snapshot) && Arc::ptr_eq(&self.config, &other.config)
    }
}

impl Ready {
    /// The answer, if it is ready; it is counted as every answer is.
    pub(crate) fn answer(&self, question: &Question) -> Option<Response> {
        let answer = {
            let answers = self.answers();
            let is_present = answers
                .moment
                .as_ref()
                .is_some_and(|moment| moment.is(&question.moment));
            is_present
                .then(|| answers.by_question.get(&question.asked).cloned())
                .flatten()?
        };
        answer.counter.inc();
        trace!("request answered as before");
        let mut response = Response::new(Body::from(answer.body.clone()));
        *response.headers_mut() = answer.headers.clone();
        Some(response)
    }

    /// Keeps what the router answered, if it may be given again and the state is still what it was before.
    pub(crate) fn keep(&self, question: Question, response: &Response, face: &Face) {
        let Some(Repeatable { body, route }) = response.extensions().get() else {
            return;
        };
        let size = HEAD_BYTES + question.asked.len() + body.len();
        if response.status() != StatusCode::OK
            || size > BYTES
            || !question.moment.is(&Moment::of(face))
        {
            return;
        }
        let answer = Answer {
            headers: response.headers().clone(),
            body: body.clone(),
            counter: face.metrics.counter_of_request(
                &Method::GET,
                Some(route.as_str()),
                StatusCode::OK,
            ),
        };
        let mut answers = self.answers();
        let is_present = answers
            .moment
            .as_ref()
            .is_some_and(|moment| moment.is(&question.moment));
        if !is_present || answers.bytes + size > BYTES {
            *answers = Answers {
                moment: Some(question.moment),
                ..Answers::default()
            };
        }
        if answers
            .by_question
            .insert(question.asked, Arc::new(answer))
            .is_none()
        {
            answers.bytes += size;
        }
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
