//! Robots that play a few shoppers over real HTTP: they ask, talk and thank. Must not know how the server
//! finds them a rep.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::facts::Facts;
use super::robot::{below, seconds_between};
use super::words::{STORIES, Story};

/// How long a shopper waits for somebody before leaving.
const PATIENCE: Duration = Duration::from_secs(90);

/// How long one request may take.
const REQUEST_TIME: Duration = Duration::from_secs(10);

/// The longest answer read.
const ANSWER_LIMIT: usize = 64 * 1024;

/// Starts one shopper after another.
pub(super) fn start(players: &mut JoinSet<()>, facts: &Facts) {
    let server = facts.http;
    players.spawn(async move {
        loop {
            sleep(seconds_between(20, 45)).await;
            let Some(story) = STORIES.get(below(STORIES.len())) else {
                return;
            };
            if let Err(error) = (Shopper { server }).live(story).await {
                tracing::debug!("a shopper gave up: {error:#}");
            }
        }
    });
}

struct Shopper {
    server: SocketAddr,
}

/// A ticket and its token.
struct Ticket {
    id: String,
    token: String,
}

impl Shopper {
    async fn live(&self, story: &Story) -> anyhow::Result<()> {
        let [question, ..] = story.lines;
        let asked = self
            .call(
                Method::POST,
                &format!("/v1/sites/{}/tickets", story.site),
                None,
                Some(json!({"skills": [story.skill], "name": story.name, "message": question})),
            )
            .await?;
        let text = |name: &str| {
            asked
                .get(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
                .with_context(|| format!("the ticket has no {name}"))
        };
        let ticket = Ticket {
            id: text("id")?,
            token: text("token")?,
        };
        if timeout(PATIENCE, self.wait_until(&ticket, "open"))
            .await
            .is_err()
        {
            return self.leave(&ticket).await;
        }
        for line in story.lines.iter().skip(1) {
            sleep(seconds_between(6, 12)).await;
            self.say(&ticket, line).await?;
        }
        // The rep ends it; a shopper who has thanked does not wait for ever.
        sleep(seconds_between(10, 15)).await;
        self.leave(&ticket).await
    }

    async fn wait_until(&self, ticket: &Ticket, state: &str) -> anyhow::Result<()> {
        let path = format!("/v1/tickets/{}", ticket.id);
        loop {
            sleep(Duration::from_secs(1)).await;
            let seen = self.call(Method::GET, &path, Some(ticket), None).await?;
            if seen.get("state").and_then(Value::as_str) == Some(state) {
                return Ok(());
            }
        }
    }

    async fn say(&self, ticket: &Ticket, line: &str) -> anyhow::Result<()> {
        let id = crate::random::word::<12>()?;
        let path = format!("/v1/tickets/{}/messages", ticket.id);
        let frame = json!({"type": "say", "id": id, "text": line});
        self.call(Method::POST, &path, Some(ticket), Some(frame))
            .await?;
        Ok(())
    }

    async fn leave(&self, ticket: &Ticket) -> anyhow::Result<()> {
        let path = format!("/v1/tickets/{}", ticket.id);
        self.call(Method::DELETE, &path, Some(ticket), None).await?;
        Ok(())
    }

    /// One request on a connection of its own; the answer's JSON.
    async fn call(
        &self,
        method: Method,
        path: &str,
        ticket: Option<&Ticket>,
        body: Option<Value>,
    ) -> anyhow::Result<Value> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.server.to_string());
        if let Some(ticket) = ticket {
            request = request.header("authorization", format!("Bearer {}", ticket.token));
        }
        let request = match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(Full::new(Bytes::from(body.to_string())))?,
            None => request.body(Full::default())?,
        };
        timeout(REQUEST_TIME, exchange(self.server, request))
            .await
            .context("the server took too long")?
    }
}

async fn exchange(server: SocketAddr, request: Request<Full<Bytes>>) -> anyhow::Result<Value> {
    let stream = TcpStream::connect(server).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answered = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_LIMIT)
            .collect()
            .await
            .map_err(|error| anyhow::anyhow!(error))?
            .to_bytes();
        if !status.is_success() {
            bail!(
                "the server answered {status}: {}",
                String::from_utf8_lossy(&body)
            );
        }
        if body.is_empty() {
            return Ok(Value::Null);
        }
        Ok(serde_json::from_slice(&body)?)
    };
    let mut answered = std::pin::pin!(answered);
    tokio::select! {
        answer = &mut answered => answer,
        ended = connection => {
            ended?;
            answered.await
        }
    }
}
