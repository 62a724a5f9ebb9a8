//! A small SIP user agent: registers, publishes, takes and sends messages. The demo's robots are made of
//! it. Must not know what its owner says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use sip::digest::{Challenge, Credentials, Ha1};
use sip::{
    HeaderName, Method, Protocol, Request, RequestDraft, Response, ResponseBuilder, StatusCode,
};
use sip_transport::{Config, Exchange, Handling, Listen, Sender, Service, Target, Transport};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::random;

/// Messages that may wait for the phone's owner; beyond it the phone answers 486.
const INBOX: usize = 32;

/// Who the phone belongs to and where it registers.
#[derive(Debug, Clone)]
pub(super) struct Account {
    /// The user part of its address of record.
    pub(super) user: String,
    /// Answers challenges.
    pub(super) password: String,
    /// The server, which is also the domain of its address of record.
    pub(super) server: SocketAddr,
}

/// A message that reached the phone.
#[derive(Debug, Clone)]
pub(super) struct Incoming {
    /// The URI it came from.
    pub(super) from: String,
    /// What it says.
    pub(super) text: String,
}

/// A running phone. Dropped, it stops without a word to the server.
pub(super) struct Phone {
    account: Account,
    sender: Sender,
    contact: String,
    call_id: String,
    tag: String,
    next_cseq: AtomicU32,
    _running: DropGuard,
    _transport: JoinHandle<()>,
}

/// What a phone says in one request.
struct Ask<'a> {
    method: Method,
    uri: String,
    to: String,
    headers: Vec<(HeaderName, String)>,
    body: Option<(&'a str, String)>,
}

impl Phone {
    /// Opens a socket for the account; nothing is sent yet.
    pub(super) async fn start(
        account: Account,
    ) -> anyhow::Result<(Self, mpsc::Receiver<Incoming>)> {
        let transport = Transport::bind(Config {
            listen: vec![Listen {
                protocol: Protocol::Udp,
                address: SocketAddr::new(account.server.ip(), 0),
            }],
            ..Config::default()
        })
        .await?;
        let Some((_, local)) = transport.local_addresses().first().copied() else {
            bail!("the phone of {} has no socket", account.user);
        };
        let (inbox, incoming) = mpsc::channel(INBOX);
        let shutdown = CancellationToken::new();
        let sender = transport.sender();
        let running = tokio::spawn(transport.run(Arc::new(Inbox(inbox)), shutdown.clone()));
        let phone = Self {
            contact: format!("sip:{}@{local}", account.user),
            call_id: random::word::<20>()?,
            tag: random::word::<10>()?,
            next_cseq: AtomicU32::new(1),
            account,
            sender,
            _running: shutdown.drop_guard(),
            _transport: running,
        };
        Ok((phone, incoming))
    }

    /// The Contact URI this phone registers.
    pub(super) fn contact(&self) -> &str {
        &self.contact
    }

    /// REGISTERs for `lifetime`; zero unregisters.
    pub(super) async fn register(&self, lifetime: Duration) -> anyhow::Result<()> {
        let response = self
            .send(Ask {
                method: Method::Register,
                uri: format!("sip:{}", self.account.server),
                to: self.address_of_record(),
                headers: vec![
                    (HeaderName::Contact, format!("<{}>", self.contact)),
                    (HeaderName::Expires, lifetime.as_secs().to_string()),
                ],
                body: None,
            })
            .await?;
        expect_success(&response).context("failed to register")
    }

    /// PUBLISHes `pidf` (or refreshes without one), in place of what `entity_tag` names; zero removes.
    /// Gives the new entity-tag.
    pub(super) async fn publish(
        &self,
        pidf: Option<String>,
        entity_tag: Option<&str>,
        lifetime: Duration,
    ) -> anyhow::Result<Option<String>> {
        let mut headers = vec![
            (HeaderName::Event, "presence".to_owned()),
            (HeaderName::Expires, lifetime.as_secs().to_string()),
        ];
        if let Some(tag) = entity_tag {
            headers.push((HeaderName::SipIfMatch, tag.to_owned()));
        }
        let response = self
            .send(Ask {
                method: Method::Publish,
                uri: self.address_of_record(),
                to: self.address_of_record(),
                headers,
                body: pidf.map(|pidf| ("application/pidf+xml", pidf)),
            })
            .await?;
        expect_success(&response).context("failed to publish")?;
        Ok(response.entity_tag().ok().flatten().map(str::to_owned))
    }

    /// Sends a text to `uri`.
    pub(super) async fn message(&self, uri: &str, text: String) -> anyhow::Result<()> {
        let response = self
            .send(Ask {
                method: Method::Message,
                uri: uri.to_owned(),
                to: uri.to_owned(),
                headers: Vec::new(),
                body: Some(("text/plain;charset=UTF-8", text)),
            })
            .await?;
        expect_success(&response).context("failed to send a message")
    }

    fn address_of_record(&self) -> String {
        format!("sip:{}@{}", self.account.user, self.account.server)
    }

    /// Sends a request, answering one challenge.
    async fn send(&self, ask: Ask<'_>) -> anyhow::Result<Response> {
        let target = Target::Address {
            protocol: Protocol::Udp,
            address: self.account.server,
        };
        let response = self.sender.request(self.draft(&ask), target).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        let Some((header, challenge)) = Challenge::of(&response) else {
            bail!("the server's challenge cannot be answered");
        };
        let Account { user, password, .. } = &self.account;
        let secret = Ha1::derive(challenge.algorithm, user, &challenge.realm, password);
        let credentials = Credentials::answer(
            &challenge,
            user,
            &secret,
            ask.method.as_str(),
            &ask.uri,
            &random::word::<16>()?,
            1,
        );
        let draft = self.draft(&ask).header(header, credentials);
        Ok(self.sender.request(draft, target).await?)
    }

    fn draft(&self, ask: &Ask<'_>) -> RequestDraft {
        let mut draft = RequestDraft::new(ask.method, ask.uri.clone())
            .from(&format!("<{}>", self.address_of_record()), &self.tag)
            .to(format!("<{}>", ask.to))
            .call_id(self.call_id.clone())
            .cseq(self.next_cseq.fetch_add(1, Ordering::Relaxed));
        for (name, value) in &ask.headers {
            draft = draft.header(*name, value.clone());
        }
        match &ask.body {
            Some((kind, body)) => draft.body(*kind, body.clone()),
            None => draft,
        }
    }
}

fn expect_success(response: &Response) -> anyhow::Result<()> {
    if response.status().is_success() {
        return Ok(());
    }
    bail!(
        "the server answered {} {}",
        response.status(),
        String::from_utf8_lossy(response.reason())
    )
}

/// Takes messages in, answers everything else 501.
struct Inbox(mpsc::Sender<Incoming>);

impl Service for Inbox {
    fn handle_request(&self, request: &Request, exchange: Exchange<'_>) -> Handling {
        let answer = |status| {
            Handling::Answer(
                ResponseBuilder::answer(request, status)
                    .received_from(exchange.flow().remote)
                    .to_tag("robot")
                    .build(),
            )
        };
        if request.method() != Method::Message {
            return answer(StatusCode::NOT_IMPLEMENTED);
        }
        let from = request
            .from()
            .ok()
            .and_then(|from| from.sip_uri().map(ToString::to_string));
        let Some(from) = from else {
            return answer(StatusCode::BAD_REQUEST);
        };
        let text = String::from_utf8_lossy(request.body()).into_owned();
        match self.0.try_send(Incoming { from, text }) {
            Ok(()) => answer(StatusCode::OK),
            Err(_) => answer(StatusCode::BUSY_HERE),
        }
    }
}
