//! A small SIP user agent: registers, publishes, subscribes, takes and sends messages. The demo's robots and
//! `deskbell rep` and `watch` are made of it. Must not know what its owner says.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use sip::digest::{Asked, Challenge, Credentials, Ha1};
use sip::{
    HeaderName, Method, Protocol, Request, RequestDraft, Response, ResponseBuilder, StatusCode,
};
use sip_transport::{Config, Exchange, Handling, Listen, Sender, Service, Target, Transport};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::random;

/// Messages that may wait for the phone's owner; beyond it the phone answers 486.
const INBOX: usize = 32;

/// Who the phone belongs to and where it registers.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// The user part of its address of record.
    pub(crate) user: String,
    /// Answers challenges.
    pub(crate) password: String,
    /// Host and port of its address of record.
    pub(crate) domain: String,
    /// Where its requests go.
    pub(crate) server: SocketAddr,
}

/// What reached the phone.
#[derive(Debug, Clone)]
pub(crate) enum Incoming {
    /// A MESSAGE.
    Text(Text),
    /// A NOTIFY.
    Notify(Box<Request>),
}

/// A message that reached the phone.
#[derive(Debug, Clone)]
pub(crate) struct Text {
    /// The URI it came from.
    pub(crate) from: String,
    /// What it says.
    pub(crate) text: String,
}

/// A running phone. Dropped, it stops without a word to the server.
pub(crate) struct Phone {
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
    /// The whole value.
    to: String,
    /// Another one than the phone's own.
    call_id: Option<&'a str>,
    headers: Vec<(HeaderName, String)>,
    body: Option<(&'a str, String)>,
}

/// One subscription as its watcher knows it.
#[derive(Debug, Clone)]
pub(crate) struct Watching {
    /// Whose presence.
    pub(crate) uri: String,
    /// Tells its NOTIFYs from others.
    pub(crate) call_id: String,
    /// The To of the answer to the first SUBSCRIBE, with the notifier's tag.
    to: Option<String>,
    /// Where the next SUBSCRIBE goes: the notifier's newest Contact.
    target: Option<String>,
}

impl Watching {
    /// A subscription that has yet to be asked for.
    pub(crate) fn of(uri: &str) -> Result<Self, getrandom::Error> {
        Ok(Self {
            uri: uri.to_owned(),
            call_id: random::word::<20>()?,
            to: None,
            target: None,
        })
    }
}

impl Phone {
    /// Opens a socket for the account; nothing is sent yet.
    pub(crate) async fn start(
        account: Account,
    ) -> anyhow::Result<(Self, mpsc::Receiver<Incoming>)> {
        let transport = Transport::bind(Config {
            listen: vec![Listen {
                protocol: Protocol::Udp,
                address: SocketAddr::new(ip_towards(account.server)?, 0),
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
        let running = tokio::spawn(transport.run(
            Arc::new(Inbox {
                server: account.server.ip(),
                incoming: inbox,
            }),
            shutdown.clone(),
        ));
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
    pub(crate) fn contact(&self) -> &str {
        &self.contact
    }

    /// REGISTERs for `lifetime`; zero unregisters.
    pub(crate) async fn register(&self, lifetime: Duration) -> anyhow::Result<()> {
        let response = self
            .send(Ask {
                method: Method::Register,
                uri: format!("sip:{}", self.account.domain),
                to: format!("<{}>", self.address_of_record()),
                call_id: None,
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
    pub(crate) async fn publish(
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
                to: format!("<{}>", self.address_of_record()),
                call_id: None,
                headers,
                body: pidf.map(|pidf| ("application/pidf+xml", pidf)),
            })
            .await?;
        expect_success(&response).context("failed to publish")?;
        Ok(response.entity_tag().ok().flatten().map(str::to_owned))
    }

    /// Sends a text to `uri`.
    pub(crate) async fn message(&self, uri: &str, text: String) -> anyhow::Result<()> {
        let response = self
            .send(Ask {
                method: Method::Message,
                uri: uri.to_owned(),
                to: format!("<{uri}>"),
                call_id: None,
                headers: Vec::new(),
                body: Some(("text/plain;charset=UTF-8", text)),
            })
            .await?;
        expect_success(&response).context("failed to send a message")
    }

    /// SUBSCRIBEs for `lifetime` (RFC 6665 §4.1.2), or ends the subscription with zero. Gives the lifetime
    /// granted, or the refusal.
    pub(crate) async fn subscribe(
        &self,
        watching: &mut Watching,
        lifetime: Duration,
    ) -> anyhow::Result<Result<Duration, Refusal>> {
        let Watching {
            uri,
            call_id,
            to,
            target,
        } = &*watching;
        let response = self
            .send(Ask {
                method: Method::Subscribe,
                uri: target.clone().unwrap_or_else(|| uri.clone()),
                to: to.clone().unwrap_or_else(|| format!("<{uri}>")),
                call_id: Some(call_id),
                headers: vec![
                    (HeaderName::Event, "presence".to_owned()),
                    (HeaderName::Accept, "application/pidf+xml".to_owned()),
                    (HeaderName::Contact, format!("<{}>", self.contact)),
                    (HeaderName::Expires, lifetime.as_secs().to_string()),
                ],
                body: None,
            })
            .await?;
        if !response.status().is_success() {
            return Ok(Err(Refusal::of(&response)));
        }
        let to = response.header(HeaderName::To);
        watching.to = to.map(|to| String::from_utf8_lossy(to).into_owned());
        let contact = response.contacts().next().and_then(Result::ok);
        if let Some(uri) = contact.and_then(|contact| contact.address()?.sip_uri().copied()) {
            watching.target = Some(uri.to_string());
        }
        Ok(Ok(response.expires()?.unwrap_or(lifetime)))
    }

    /// The address of record.
    pub(crate) fn address_of_record(&self) -> String {
        format!("sip:{}@{}", self.account.user, self.account.domain)
    }

    /// The address that means the rep's own current conversation.
    pub(crate) fn desk(&self) -> String {
        format!("sip:desk@{}", self.account.domain)
    }

    /// Sends a request, answering one challenge.
    async fn send(&self, ask: Ask<'_>) -> anyhow::Result<Response> {
        let target = Target::Address {
            protocol: Protocol::Udp,
            address: self.account.server,
        };
        let response = self
            .sender
            .request(self.draft(&ask), target.clone())
            .await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        let Some((header, challenge)) = Challenge::of(&response) else {
            bail!("the server's challenge cannot be answered");
        };
        let Account { user, password, .. } = &self.account;
        let secret = Ha1::derive(challenge.suite.algorithm, user, &challenge.realm, password);
        let body = ask.body.as_ref().map(|(_, body)| body.as_bytes());
        let asked = Asked {
            method: ask.method.as_str(),
            uri: &ask.uri,
            body: body.unwrap_or_default(),
        };
        let client_nonce = random::word::<16>()?;
        let credentials = Credentials::answer(&challenge, user, &secret, &asked, &client_nonce, 1);
        let draft = self.draft(&ask).header(header, credentials);
        Ok(self.sender.request(draft, target).await?)
    }

    fn draft(&self, ask: &Ask<'_>) -> RequestDraft {
        let mut draft = RequestDraft::new(ask.method, ask.uri.clone())
            .from(&format!("<{}>", self.address_of_record()), &self.tag)
            .to(ask.to.clone())
            .call_id(ask.call_id.unwrap_or(&self.call_id))
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
    Err(Refusal::of(response).into())
}

/// What the server said instead of yes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the server answered {status} {reason}")]
pub(crate) struct Refusal {
    /// Its status.
    pub(crate) status: StatusCode,
    reason: String,
}

impl Refusal {
    fn of(response: &Response) -> Self {
        Self {
            status: response.status(),
            reason: String::from_utf8_lossy(response.reason()).into_owned(),
        }
    }
}

/// Our address on the way to the server, which its answers can reach. Nothing is sent.
pub(crate) fn ip_towards(server: SocketAddr) -> anyhow::Result<IpAddr> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let probe = UdpSocket::bind((any, 0))?;
    probe
        .connect(server)
        .with_context(|| format!("failed to find a way to {server}"))?;
    Ok(probe.local_addr()?.ip())
}

/// Takes the server's messages and NOTIFYs in, answers everything else 501.
struct Inbox {
    server: IpAddr,
    incoming: mpsc::Sender<Incoming>,
}

impl Service for Inbox {
    fn handle_request(&self, request: &Request, exchange: Exchange<'_>) -> Handling {
        let answer = |status| {
            Handling::Answer(
                ResponseBuilder::answer(request, status)
                    .received_from(exchange.flow().remote)
                    .to_tag("phone")
                    .build(),
            )
        };
        // Nobody but the server has something to say to this phone.
        if exchange.flow().remote.ip() != self.server {
            return answer(StatusCode::FORBIDDEN);
        }
        let incoming = match request.method() {
            Method::Notify => Incoming::Notify(Box::new(request.clone())),
            Method::Message => {
                let from = request
                    .from()
                    .ok()
                    .and_then(|from| from.sip_uri().map(ToString::to_string));
                let Some(from) = from else {
                    return answer(StatusCode::BAD_REQUEST);
                };
                let text = String::from_utf8_lossy(request.body()).into_owned();
                Incoming::Text(Text { from, text })
            }
            _ => return answer(StatusCode::NOT_IMPLEMENTED),
        };
        match self.incoming.try_send(incoming) {
            Ok(()) => answer(StatusCode::OK),
            Err(_) => answer(StatusCode::BUSY_HERE),
        }
    }
}
