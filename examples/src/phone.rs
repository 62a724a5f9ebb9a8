//! A small SIP user agent over UDP or TCP: registers, publishes, sends and answers texts.
//! Must not know the server's code; every message is built and read with rsip.

mod answering;
mod digest;
pub mod watcher;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rsip::headers::{self, UntypedHeader};
use rsip::message::HeadersExt;
use rsip::{Header, Method, Request, Response, Uri};

use crate::document::{Activity, Basic, pidf};
use crate::unique::token;
use crate::wire::{Link, Protocol};

pub use answering::{Answering, Text};
pub use digest::credentials;

/// How long a request may stay without a final answer. RFC 3261 would wait 32 s; a test would rather know.
const ANSWER_LIMIT: Duration = Duration::from_secs(8);

/// RFC 3261 §17.1.1.1: the first wait before a request is sent again over UDP.
const T1: Duration = Duration::from_millis(500);

/// Messages that may wait to be looked at; a phone that nobody looks at loses the rest.
const INBOX: usize = 256;

/// Who the phone is.
#[derive(Debug, Clone)]
pub struct Account {
    /// The user part of the address of record, and the name for digest.
    pub user: String,
    /// The password for digest.
    pub password: String,
    /// The host part of the address of record.
    pub domain: String,
}

/// A softphone of our own.
#[derive(Debug)]
pub struct TestPhone {
    account: Account,
    link: Arc<Link>,
    answers: Receiver<Response>,
    texts: Receiver<Text>,
    answering: answering::Switch,
    closing: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
    /// RFC 3261 §10.2: one Call-ID for all registrations of a phone.
    registration: Series,
    entity_tag: Option<String>,
}

/// Requests that belong together: they share a Call-ID and count up.
#[derive(Debug)]
struct Series {
    call_id: String,
    tag: String,
    sequence: u32,
}

impl Series {
    fn new() -> Self {
        Self {
            call_id: token(),
            tag: token(),
            sequence: 0,
        }
    }
}

/// What a request is about, before it is addressed and numbered.
#[derive(Debug)]
struct Draft<'a> {
    method: Method,
    uri: &'a str,
    to: &'a str,
    extra: Vec<Header>,
    body: &'a [u8],
}

impl TestPhone {
    /// Opens the phone's socket; nothing is sent yet.
    ///
    /// # Errors
    /// Where the server does not listen.
    pub fn connect(
        protocol: Protocol,
        server: SocketAddr,
        account: Account,
    ) -> anyhow::Result<Self> {
        let link = Arc::new(Link::open(protocol, server)?);
        let (answer_sender, answers) = sync_channel(INBOX);
        let (text_sender, texts) = sync_channel(INBOX);
        let answering = answering::Switch::default();
        let closing = Arc::new(AtomicBool::new(false));
        let desk = answering::Desk {
            link: Arc::clone(&link),
            answers: answer_sender,
            texts: text_sender,
            answering: answering.clone(),
            closing: Arc::clone(&closing),
        };
        Ok(Self {
            account,
            link,
            answers,
            texts,
            answering,
            closing,
            reader: Some(std::thread::spawn(move || desk.run())),
            registration: Series::new(),
            entity_tag: None,
        })
    }

    /// The phone's address of record.
    #[must_use]
    pub fn aor(&self) -> String {
        format!("sip:{}@{}", self.account.user, self.account.domain)
    }

    /// The entity-tag of what is published at present.
    #[must_use]
    pub fn entity_tag(&self) -> Option<&str> {
        self.entity_tag.as_deref()
    }

    /// What the phone does with the next texts it is sent.
    pub fn answer_texts(&self, answering: Answering) {
        self.answering.set(answering);
    }

    /// Registers for so many seconds; 0 ends the registration.
    ///
    /// # Errors
    /// Where no final answer comes. A refusal is an answer.
    pub fn register(&mut self, expires: u32) -> anyhow::Result<Response> {
        let transport = match self.link.protocol() {
            Protocol::Udp => "",
            Protocol::Tcp => ";transport=tcp",
        };
        let contact = format!(
            "<sip:{}@{}{transport}>",
            self.account.user,
            self.link.local()
        );
        let registrar = format!("sip:{}", self.account.domain);
        let aor = self.aor();
        let mut registration = std::mem::replace(&mut self.registration, Series::new());
        let answer = self.converse(
            &mut registration,
            &Draft {
                method: Method::Register,
                uri: &registrar,
                to: &aor,
                extra: vec![
                    headers::Contact::new(contact).into(),
                    headers::Expires::new(expires.to_string()).into(),
                ],
                body: &[],
            },
        );
        self.registration = registration;
        answer
    }

    /// Publishes a state: the first time a new publication, then changes of it.
    ///
    /// # Errors
    /// Where no final answer comes. A refusal is an answer.
    pub fn publish(
        &mut self,
        basic: Basic,
        activity: Activity,
        expires: u32,
    ) -> anyhow::Result<Response> {
        let body = pidf(&self.aor(), basic, activity);
        let aor = self.aor();
        self.publish_document(&aor, "application/pidf+xml", body.as_bytes(), expires)
    }

    /// Says that what was published still holds.
    ///
    /// # Errors
    /// Where nothing is published, or no final answer comes.
    pub fn refresh(&mut self, expires: u32) -> anyhow::Result<Response> {
        if self.entity_tag.is_none() {
            bail!("nothing is published, so nothing can be refreshed");
        }
        let aor = self.aor();
        self.publish_document(&aor, "", &[], expires)
    }

    /// Takes back what was published.
    ///
    /// # Errors
    /// Where nothing is published, or no final answer comes.
    pub fn unpublish(&mut self) -> anyhow::Result<Response> {
        self.refresh(0)
    }

    /// Forgets what is published without taking it back, as baresip does when it starts twice within a moment.
    pub fn forget_publication(&mut self) {
        self.entity_tag = None;
    }

    /// Publishes any document for any address, as `publish`, `refresh` and `unpublish` do for their own.
    ///
    /// # Errors
    /// Where no final answer comes. A refusal is an answer.
    pub fn publish_document(
        &mut self,
        aor: &str,
        content_type: &str,
        document: &[u8],
        expires: u32,
    ) -> anyhow::Result<Response> {
        let mut extra: Vec<Header> = vec![
            headers::Event::new("presence").into(),
            headers::Expires::new(expires.to_string()).into(),
        ];
        if !content_type.is_empty() {
            extra.push(headers::ContentType::new(content_type).into());
        }
        if let Some(entity_tag) = &self.entity_tag {
            extra.push(Header::Other("SIP-If-Match".to_owned(), entity_tag.clone()));
        }
        let answer = self.request(Method::Publish, aor, extra, document)?;
        match answer.status_code.code() {
            // RFC 3903 §6: each 200 carries the entity-tag that the next request has to name.
            200 => self.entity_tag = extension(&answer, "SIP-ETag").filter(|_| expires > 0),
            // RFC 3903 §4.1: after a 412 the next publication starts anew.
            412 => self.entity_tag = None,
            _ => {}
        }
        Ok(answer)
    }

    /// Sends a text to an address such as `sip:desk@shop.example`.
    ///
    /// # Errors
    /// Where no final answer comes. A refusal is an answer.
    pub fn send_text(&mut self, to: &str, text: &str) -> anyhow::Result<Response> {
        let extra = vec![headers::ContentType::new("text/plain;charset=utf-8").into()];
        self.request(Method::Message, to, extra, text.as_bytes())
    }

    /// Asks an address what it can do.
    ///
    /// # Errors
    /// Where no final answer comes. A refusal is an answer.
    pub fn options(&mut self, to: &str) -> anyhow::Result<Response> {
        self.request(Method::Options, to, Vec::new(), &[])
    }

    /// The next text that came, if one comes within `patience`.
    ///
    /// # Errors
    /// Where the connection is gone.
    pub fn next_text(&self, patience: Duration) -> anyhow::Result<Option<Text>> {
        match self.texts.recv_timeout(patience) {
            Ok(text) => Ok(Some(text)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => bail!("the connection is gone"),
        }
    }

    /// Sends any request of its own Call-ID, answers a challenge once, and returns the final answer.
    ///
    /// # Errors
    /// Where no final answer comes. A refusal is an answer.
    pub fn request(
        &mut self,
        method: Method,
        uri: &str,
        extra: Vec<Header>,
        body: &[u8],
    ) -> anyhow::Result<Response> {
        let draft = Draft {
            method,
            uri,
            to: uri,
            extra,
            body,
        };
        self.converse(&mut Series::new(), &draft)
    }

    fn converse(&self, series: &mut Series, draft: &Draft<'_>) -> anyhow::Result<Response> {
        let first = self.exchange(series, draft, None)?;
        let Some(challenge) = digest::challenge(&first) else {
            return Ok(first);
        };
        let authorization = digest::answer(&challenge?, &self.account, draft.method, draft.uri)?;
        self.exchange(series, draft, Some(authorization))
    }

    /// One transaction: RFC 3261 §17.1.2 with its retransmissions.
    fn exchange(
        &self,
        series: &mut Series,
        draft: &Draft<'_>,
        authorization: Option<Header>,
    ) -> anyhow::Result<Response> {
        series.sequence += 1;
        let cseq = format!("{} {}", series.sequence, draft.method);
        let bytes: Vec<u8> = self.write(series, draft, &cseq, authorization)?;
        let started = Instant::now();
        let mut wait = T1;
        let mut again = started;
        loop {
            let now = Instant::now();
            if now >= again {
                self.link.send(&bytes)?;
                again = match self.link.protocol() {
                    Protocol::Udp => now + wait,
                    Protocol::Tcp => started + ANSWER_LIMIT,
                };
                wait *= 2;
            }
            let answer = match self
                .answers
                .recv_timeout(again.saturating_duration_since(now))
            {
                Ok(answer) => answer,
                Err(RecvTimeoutError::Timeout) if started.elapsed() < ANSWER_LIMIT => continue,
                Err(RecvTimeoutError::Timeout) => {
                    bail!("no final answer to {cseq} within {ANSWER_LIMIT:?}")
                }
                Err(RecvTimeoutError::Disconnected) => bail!("the connection is gone"),
            };
            // Answers to an earlier request that was sent twice are none of ours.
            let ours = answer.call_id_header()?.value() == series.call_id
                && answer.cseq_header()?.value() == cseq;
            if ours && answer.status_code.code() >= 200 {
                return Ok(answer);
            }
        }
    }

    fn write(
        &self,
        series: &Series,
        draft: &Draft<'_>,
        cseq: &str,
        authorization: Option<Header>,
    ) -> anyhow::Result<Vec<u8>> {
        let via = format!(
            "SIP/2.0/{} {};branch=z9hG4bK{};rport",
            self.link.protocol().name(),
            self.link.local(),
            token()
        );
        let mut headers: Vec<Header> = vec![
            headers::Via::new(via).into(),
            headers::MaxForwards::new("70").into(),
            headers::From::new(format!("<{}>;tag={}", self.aor(), series.tag)).into(),
            headers::To::new(format!("<{}>", draft.to)).into(),
            headers::CallId::new(&series.call_id).into(),
            headers::CSeq::new(cseq).into(),
            headers::UserAgent::new("Deskbell test phone").into(),
        ];
        headers.extend(draft.extra.iter().cloned());
        headers.extend(authorization);
        headers.push(headers::ContentLength::new(draft.body.len().to_string()).into());
        let request = Request {
            method: draft.method,
            uri: Uri::try_from(draft.uri).context("failed to read the request's address")?,
            version: rsip::Version::V2,
            headers: headers.into(),
            body: draft.body.to_vec(),
        };
        Ok(request.into())
    }
}

impl Drop for TestPhone {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            // The reader has nothing to tell that the test has not seen.
            let _ = reader.join();
        }
    }
}

/// The value of a header that rsip has no name for.
#[must_use]
pub fn extension(response: &Response, name: &str) -> Option<String> {
    response.headers.iter().find_map(|header| match header {
        Header::Other(other, value) if other.eq_ignore_ascii_case(name) => Some(value.clone()),
        _ => None,
    })
}
