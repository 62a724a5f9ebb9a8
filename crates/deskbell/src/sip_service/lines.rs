//! What the reps' telephone lines do, as a telephone system tells it: one subscription for each extension
//! (RFC 4235), kept alive; each line is one more publication of its rep. Must not know how states are composed.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dashmap::DashMap;
use gateway::{LineReport, LineStanding};
use helpdesk::RepId;
use presence::{Change, DialogInfo, Dialogs, Document, EntityTag, PresentityId, Publish, Store};
use sip::subscription::{
    Loss, Subscriber, SubscriberConfig, SubscriberInput, SubscriberOutput, SubscriberStanding,
    Words,
};
use sip::{HeaderName, Protocol, Request, RequestDraft, Response, StatusCode};
use sip_transport::{
    Exchange, Handling, PendingAnswer, RequestError, ResolveError, Sender, Server,
};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use super::SipService;
use super::answer::{answer, refuse};
use crate::config::{Extension, PbxSettings};
use crate::desk::PresenceSignal;
use crate::happenings::Happenings;
use crate::phone::ip_towards;
use crate::random;

const PACKAGE: &str = "dialog";
const DIALOG_INFO: &str = "application/dialog-info+xml";

/// A line is believed a little longer than its subscription lasts, so that a refresh comes in time.
const SLACK: Duration = Duration::from_secs(5);

/// The dialogs in which NOTIFYs may come: our tags by Call-ID.
#[derive(Debug, Clone, Default)]
pub(crate) struct ExpectedNotifies(Arc<DashMap<String, String>>);

impl ExpectedNotifies {
    fn has(&self, request: &Request) -> bool {
        let (Ok(call_id), Ok(to)) = (request.call_id(), request.to()) else {
            return false;
        };
        let tag = self.0.get(call_id);
        tag.is_some_and(|tag| to.tag() == Some(tag.as_str()))
    }
}

/// A NOTIFY in a dialog of ours, and the answer that is owed.
#[derive(Debug)]
pub(crate) struct LineNotify {
    request: Request,
    pending: PendingAnswer,
}

impl SipService {
    /// RFC 6665 §4.1.3: a NOTIFY outside every dialog is answered 481, and nobody reads its body.
    pub(super) fn handle_notify(&self, request: &Request, exchange: Exchange<'_>) -> Handling {
        if !self.expected_notifies.has(request) {
            return refuse(answer(
                request,
                &exchange,
                StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST,
            ));
        }
        let Ok(permit) = self.line_notifies.try_reserve() else {
            return Handling::Overloaded;
        };
        let Ok(pending) = exchange.defer() else {
            return Handling::Overloaded;
        };
        permit.send(LineNotify {
            request: request.clone(),
            pending,
        });
        Handling::Later
    }
}

/// What the lines need of the server.
pub(crate) struct LineParts {
    pub(crate) store: Arc<Store>,
    pub(crate) presence: PresenceSignal,
    pub(crate) sender: Sender,
    /// Where NOTIFYs reach us.
    pub(crate) local: Vec<(Protocol, SocketAddr)>,
    pub(crate) expected: ExpectedNotifies,
    pub(crate) notifies: mpsc::Receiver<LineNotify>,
    pub(crate) board: watch::Sender<Arc<BTreeMap<RepId, LineReport>>>,
    pub(crate) happenings: Happenings,
}

/// Owns the subscriptions to the reps' lines.
pub(crate) struct Lines {
    settings: PbxSettings,
    parts: LineParts,
    lines: Vec<RepLine>,
    asking: JoinSet<(usize, Asked)>,
}

/// What became of a request, and which server answered it.
type Asked = Result<(Server, Response), RequestError>;

struct RepLine {
    rep: RepId,
    address: String,
    subscriber: Subscriber,
    /// Which of the system's servers has answered last; it knows the dialog.
    server: Option<Server>,
    dialogs: Dialogs,
    published: Option<EntityTag>,
    /// Until when the telephone system tells of it.
    until: Instant,
    /// The Call-ID under which its NOTIFYs are expected.
    expected: Option<String>,
}

impl Lines {
    /// Asks for each extension of `settings`.
    pub(crate) fn new(settings: PbxSettings, parts: LineParts, now: Instant) -> Self {
        let user = settings.user.clone().unwrap_or_default();
        let caller = if user.is_empty() { "deskbell" } else { &user };
        let line = |extension: &Extension| {
            let address = settings.address(&extension.number);
            let subscribing = SubscriberConfig {
                uri: address.clone(),
                from: settings.address(caller),
                event: PACKAGE,
                accept: DIALOG_INFO,
                lifetime: settings.lifetime,
                user: user.clone(),
                password: settings.password().to_owned(),
                realm: settings.realm.clone(),
            };
            RepLine {
                rep: extension.rep.clone(),
                address,
                subscriber: Subscriber::new(subscribing, now),
                server: None,
                dialogs: Dialogs::default(),
                published: None,
                until: now,
                expected: None,
            }
        };
        let lines: Vec<_> = settings.extensions.iter().map(line).collect();
        for line in &lines {
            report(&parts.board, line, LineStanding::Asked, now);
        }
        Self {
            settings,
            parts,
            lines,
            asking: JoinSet::new(),
        }
    }

    /// Runs until `shutdown`.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        loop {
            let next = self
                .lines
                .iter()
                .filter_map(|line| line.subscriber.next_timeout());
            let wake_at = next.min();
            tokio::select! {
                () = shutdown.cancelled() => return self.stop(),
                Some(notify) = self.parts.notifies.recv() => self.handle_notify(notify),
                Some(done) = self.asking.join_next() => match done {
                    Ok((place, answered)) => self.handle_answer(place, answered),
                    Err(error) => tracing::error!(%error, "asking for a line failed"),
                },
                () = sleep_until_some(wake_at) => self.handle_timeout(),
            }
        }
    }

    /// Says goodbye to the telephone system; its answers are not waited for.
    fn stop(mut self) {
        for place in 0..self.lines.len() {
            self.feed(place, SubscriberInput::Stop, None);
        }
        self.asking.detach_all();
    }

    fn handle_notify(&mut self, notify: LineNotify) {
        let LineNotify { request, pending } = notify;
        let place = self
            .lines
            .iter()
            .position(|line| line.subscriber.expects(&request));
        match place {
            Some(place) => {
                let owed = Owed {
                    request: request.clone(),
                    pending,
                };
                self.feed(place, SubscriberInput::Notify(request), Some(owed));
            }
            // A fork, or the dialog has ended meanwhile.
            None => Owed { request, pending }.pay(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST),
        }
    }

    fn handle_answer(&mut self, place: usize, asked: Asked) {
        let (server, input) = match asked {
            Ok((server, response)) => (Some(server), SubscriberInput::Answered(response)),
            Err(error) => {
                tracing::debug!(%error, "the telephone system was not reached");
                (None, SubscriberInput::Unanswered)
            }
        };
        if let Some(line) = self.lines.get_mut(place) {
            line.server = server;
        }
        self.feed(place, input, None);
    }

    fn handle_timeout(&mut self) {
        let now = Instant::now();
        for place in 0..self.lines.len() {
            let next = self
                .lines
                .get(place)
                .and_then(|line| line.subscriber.next_timeout());
            if next.is_some_and(|at| at <= now) {
                self.feed(place, SubscriberInput::Timeout, None);
            }
        }
    }

    fn feed(&mut self, place: usize, input: SubscriberInput, mut owed: Option<Owed>) {
        let (Some(line), Ok(words)) = (self.lines.get_mut(place), words()) else {
            tracing::error!("the operating system gave no randomness");
            return;
        };
        let now = Instant::now();
        line.subscriber.handle(input, &words, now);
        let mut missed = false;
        while let Some(output) = line.subscriber.poll_output() {
            match output {
                SubscriberOutput::Send(draft) => {
                    let server = line.server.clone();
                    let asked = ask(&self.settings, &self.parts, server, *draft);
                    self.asking.spawn(async move { (place, asked.await) });
                }
                SubscriberOutput::Answer(status) => match owed.take() {
                    Some(owed) => owed.pay(status),
                    None => tracing::error!("a NOTIFY nobody sent was answered"),
                },
                SubscriberOutput::Document(body) => {
                    let taken = DialogInfo::read(&body).map_err(|error| error.to_string());
                    let taken = taken.and_then(|info| {
                        line.dialogs.apply(&info).map_err(|error| error.to_string())
                    });
                    match taken {
                        Ok(()) => line.tell(&self.parts, now),
                        Err(error) => {
                            tracing::debug!(rep = %line.rep, %error, "the whole state of a line is asked for");
                            missed = true;
                        }
                    }
                }
                SubscriberOutput::Standing(SubscriberStanding::Active { until }) => {
                    line.until = until;
                    line.keep(&self.parts, now);
                }
                SubscriberOutput::Standing(SubscriberStanding::Lost { why, again_at }) => {
                    line.lose(&self.parts, &why, again_at, now);
                }
            }
        }
        line.expect(&self.parts.expected, &words);
        if missed {
            self.feed(place, SubscriberInput::Missed, None);
        }
    }
}

impl RepLine {
    /// The line's newest state is what its rep's line source says.
    fn tell(&mut self, parts: &LineParts, now: Instant) {
        let line = self.dialogs.line();
        let before = parts.board.borrow().get(&self.rep).cloned();
        let standing = LineStanding::Known { line };
        if before.is_none_or(|before| before.standing != standing) {
            tracing::info!(rep = %self.rep, ?line, "a line is in another state");
            parts
                .happenings
                .sip(|| format!("NOTIFY: the line of {} is {line:?}", self.rep));
            report(&parts.board, self, standing, now);
        }
        let (document, lifetime) = (Document::from(line), Some(self.lifetime(now)));
        let tag = self.published.map(|tag| tag.to_string());
        let publish = match &tag {
            Some(entity_tag) => Publish::Modify {
                entity_tag,
                document: document.clone(),
                lifetime,
                publisher: None,
            },
            None => Publish::Initial {
                document: document.clone(),
                lifetime,
                publisher: None,
            },
        };
        let told = self.publish(parts, publish, now);
        if !told && tag.is_some() {
            // It has lapsed meanwhile.
            let publish = Publish::Initial {
                document,
                lifetime,
                publisher: None,
            };
            self.publish(parts, publish, now);
        }
    }

    /// What was told holds as long as the subscription.
    fn keep(&mut self, parts: &LineParts, now: Instant) {
        if let Some(tag) = self.published {
            let publish = Publish::Refresh {
                entity_tag: &tag.to_string(),
                lifetime: Some(self.lifetime(now)),
                publisher: None,
            };
            self.publish(parts, publish, now);
        }
    }

    /// Nobody knows what the line does.
    fn lose(&mut self, parts: &LineParts, why: &Loss, again_at: Instant, now: Instant) {
        let standing = LineStanding::Lost {
            why: why.to_string(),
            again_at,
        };
        let known = parts.board.borrow().get(&self.rep).is_some_and(|report| {
            matches!(
                report.standing,
                LineStanding::Known { .. } | LineStanding::Asked
            )
        });
        if known {
            tracing::warn!(rep = %self.rep, %why, "no line state");
        }
        report(&parts.board, self, standing, now);
        self.dialogs = Dialogs::default();
        if let Some(tag) = self.published {
            let publish = Publish::Remove {
                entity_tag: &tag.to_string(),
            };
            self.publish(parts, publish, now);
            self.published = None;
        }
    }

    /// Whether the store took it.
    fn publish(&mut self, parts: &LineParts, publish: Publish<'_>, now: Instant) -> bool {
        let presentity = PresentityId::new(self.rep.as_str());
        match parts.store.publish(&presentity, publish, now) {
            Ok(published) => {
                self.published = (!published.lifetime.is_zero()).then_some(published.entity_tag);
                match published.change {
                    Change::Changed { .. } => parts.presence.mark(),
                    Change::Unchanged => {}
                }
                true
            }
            Err(error) => {
                tracing::debug!(rep = %self.rep, %error, "a line's state was not taken");
                self.published = None;
                false
            }
        }
    }

    fn lifetime(&self, now: Instant) -> Duration {
        self.until.saturating_duration_since(now) + SLACK
    }

    /// Lets NOTIFYs of the subscription's newest dialog in. `words` are those of a dialog that has just begun.
    fn expect(&mut self, expected: &ExpectedNotifies, words: &Words) {
        let call_id = self.subscriber.call_id();
        if call_id == self.expected.as_deref() {
            return;
        }
        let call_id = call_id.map(str::to_owned);
        if let Some(old) = std::mem::replace(&mut self.expected, call_id.clone()) {
            expected.0.remove(&old);
        }
        if let Some(call_id) = call_id {
            expected.0.insert(call_id, words.tag.clone());
        }
    }
}

/// The answer to a NOTIFY.
struct Owed {
    request: Request,
    pending: PendingAnswer,
}

impl Owed {
    fn pay(self, status: StatusCode) {
        // Inside a dialog To has its tag already.
        let response = sip::ResponseBuilder::answer(&self.request, status).build();
        self.pending.answer(response);
    }
}

/// Sends a SUBSCRIBE on its way: to the server that answered before, else to one that RFC 3263 finds.
fn ask(
    settings: &PbxSettings,
    parts: &LineParts,
    known: Option<Server>,
    draft: RequestDraft,
) -> impl Future<Output = Asked> + Send + use<> {
    let (sender, uri) = (parts.sender.clone(), settings.uri());
    let local = parts.local.clone();
    async move {
        let made_for = |server: &Server| {
            let contact = contact(&local, server);
            draft.clone().header(HeaderName::Contact, contact)
        };
        // Asked of DNS each time: what is known there may have moved.
        let found = sender.servers(&uri).await?;
        let known = known.filter(|known| found.contains(known));
        let others = found
            .iter()
            .filter(|server| Some(*server) != known.as_ref());
        let servers: Vec<_> = known.iter().chain(others).cloned().collect();
        let asked = sender.request_to_one(servers, made_for).await;
        let (server, result) = asked.ok_or(RequestError::Resolve(ResolveError::NoServer(uri)))?;
        Ok((server, result?))
    }
}

/// Where NOTIFYs of a server reach us.
fn contact(local: &[(Protocol, SocketAddr)], server: &Server) -> String {
    let Server {
        protocol, address, ..
    } = *server;
    let local = local.iter().find(|(found, _)| *found == protocol);
    let contact = match local {
        Some((_, local)) => concrete(*local, address),
        None => address,
    };
    let transport = match protocol {
        Protocol::Udp => "",
        Protocol::Tcp => ";transport=tcp",
        Protocol::Tls => ";transport=tls",
        Protocol::Ws | Protocol::Wss => ";transport=ws",
    };
    format!("<sip:deskbell@{contact}{transport}>")
}

/// A socket bound to every address does not know the one by which a peer reaches it.
fn concrete(local: SocketAddr, peer: SocketAddr) -> SocketAddr {
    let unspecified = local.ip().is_unspecified();
    let ip: Option<IpAddr> = unspecified.then(|| ip_towards(peer).ok()).flatten();
    SocketAddr::new(ip.unwrap_or(local.ip()), local.port())
}

fn words() -> Result<Words, getrandom::Error> {
    Ok(Words {
        call_id: random::word::<20>()?,
        tag: random::word::<16>()?,
        client_nonce: random::word::<16>()?,
    })
}

fn report(
    board: &watch::Sender<Arc<BTreeMap<RepId, LineReport>>>,
    line: &RepLine,
    standing: LineStanding,
    now: Instant,
) {
    board.send_modify(|reports| {
        let report = LineReport {
            address: line.address.clone(),
            standing,
            since: now,
        };
        Arc::make_mut(reports).insert(line.rep.clone(), report);
    });
}

async fn sleep_until_some(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
