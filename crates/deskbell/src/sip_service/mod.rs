//! SIP as Deskbell speaks it: hands each request to the file of its method. Everything here runs on the
//! task that read the request and never waits. Must not know how sockets work or how the helpdesk decides.

mod ack;
mod agent;
mod answer;
mod authentication;
mod bindings;
mod bye;
mod cancel;
mod couriers;
mod directory;
mod extensions;
mod formats;
mod group_states;
mod invite;
mod kept;
mod letters;
mod lines;
mod mail;
mod message;
mod options;
mod packed;
mod permission;
mod publication;
mod publish;
mod publishers;
mod register;
mod subscribe;
mod telling;
mod watched;
mod watched_list;

use std::sync::Arc;
use std::time::{Duration, Instant};

use presence::Store;
use sip::transaction::ServerTransactionId;
use sip::{Flow, HeaderName, Method, Request, StatusCode};
use sip_transport::{Calls, Exchange, Handling, Service};
use storage::Health;
use tokio::sync::{mpsc, watch};

use self::answer::{answer, refuse};
use self::publishers::Publishers;
use crate::desk::{PresenceSignal, RepSays, ShopperSays};
use crate::happenings::Happenings;
use crate::keeper::AnswerWay;

pub(crate) use agent::{Agent, AgentInputs};
pub(crate) use authentication::{Login, Offers};
pub(crate) use bindings::{Binding, Bindings, SavedBinding};
pub(crate) use directory::{Directory, SharedDirectory, TiersServed};
pub(crate) use kept::{KeptSubscriptions, SavedSubscription};
pub(crate) use letters::{Letters, MessengerBoard};
pub(crate) use lines::{ExpectedNotifies, LineNotify, LineParts, Lines};
pub(crate) use mail::Mail;
pub(crate) use permission::Permissions;
pub(crate) use register::Lifetimes;
pub(crate) use subscribe::SubscribeAsk;

/// The methods of the outer face, as an Allow header lists them.
const ALLOW: &str = "REGISTER, PUBLISH, MESSAGE, OPTIONS, SUBSCRIBE";

/// The event packages that can be subscribed to.
const ALLOW_EVENTS: &str = "presence, presence.winfo";

/// Everything a request may touch.
pub(crate) struct SipService {
    directory: SharedDirectory,
    login: Arc<Login>,
    bindings: Arc<Bindings>,
    store: Arc<Store>,
    answers: AnswerWay,
    health: watch::Receiver<Health>,
    publishers: Publishers,
    flow_grace: Duration,
    presence: PresenceSignal,
    rep_says: mpsc::Sender<RepSays>,
    shopper_says: mpsc::Sender<ShopperSays>,
    messengers: MessengerBoard,
    calls: Arc<Calls>,
    subscribes: mpsc::Sender<SubscribeAsk>,
    expected_notifies: ExpectedNotifies,
    line_notifies: mpsc::Sender<LineNotify>,
    registration_lifetimes: Lifetimes,
    happenings: Happenings,
}

/// What a [`SipService`] is made of.
pub(crate) struct Parts {
    /// Whom the domain has.
    pub(crate) directory: SharedDirectory,
    /// How phones are challenged.
    pub(crate) offers: Offers,
    /// Signs nonces.
    pub(crate) nonce_key: [u8; 32],
    /// Wrong passwords one address may send for one user before it is refused.
    pub(crate) login_tries: u32,
    /// Where the reps' phones are.
    pub(crate) bindings: Arc<Bindings>,
    /// Where publications go.
    pub(crate) store: Arc<Store>,
    /// When an answer that tells of soft state may go out.
    pub(crate) answers: AnswerWay,
    /// Whether anything can be recorded.
    pub(crate) health: watch::Receiver<Health>,
    /// How long what a phone published is believed after its connection has gone.
    pub(crate) flow_grace: Duration,
    /// Wakes the helpdesk's owner.
    pub(crate) presence: PresenceSignal,
    /// Where reps' messages go.
    pub(crate) rep_says: mpsc::Sender<RepSays>,
    /// Where messages of shoppers' own messengers go.
    pub(crate) shopper_says: mpsc::Sender<ShopperSays>,
    /// Which messengers may write without credentials, and where.
    pub(crate) messengers: MessengerBoard,
    /// The legs of calls under way.
    pub(crate) calls: Arc<Calls>,
    /// Where watchers' SUBSCRIBEs go.
    pub(crate) subscribes: mpsc::Sender<SubscribeAsk>,
    /// The dialogs in which we are told something.
    pub(crate) expected_notifies: ExpectedNotifies,
    /// Where NOTIFYs in them go.
    pub(crate) line_notifies: mpsc::Sender<LineNotify>,
    /// How long a registration may last.
    pub(crate) registration_lifetimes: Lifetimes,
    /// Shows what happens.
    pub(crate) happenings: Happenings,
}

impl SipService {
    /// A service of these parts.
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            login: Arc::new(Login::new(
                parts.directory.clone(),
                parts.offers,
                parts.nonce_key,
                parts.login_tries,
            )),
            directory: parts.directory,
            bindings: parts.bindings,
            store: parts.store,
            answers: parts.answers,
            health: parts.health,
            publishers: Publishers::default(),
            flow_grace: parts.flow_grace,
            presence: parts.presence,
            rep_says: parts.rep_says,
            shopper_says: parts.shopper_says,
            messengers: parts.messengers,
            calls: parts.calls,
            subscribes: parts.subscribes,
            expected_notifies: parts.expected_notifies,
            line_notifies: parts.line_notifies,
            registration_lifetimes: parts.registration_lifetimes,
            happenings: parts.happenings,
        }
    }
}

impl SipService {
    /// Who may sign in, for others who ask.
    pub(crate) fn login(&self) -> Arc<Login> {
        self.login.clone()
    }
}

impl Service for SipService {
    fn handle_request(&self, request: &Request, exchange: Exchange<'_>) -> Handling {
        if let Some(refusal) = extensions::refusal(request, &exchange) {
            return refusal;
        }
        match request.method() {
            Method::Register => self.handle_register(request, exchange),
            Method::Publish => self.handle_publish(request, exchange),
            Method::Message => self.handle_message(request, exchange),
            Method::Options => self.handle_options(request, &exchange),
            Method::Subscribe => self.handle_subscribe(request, exchange),
            Method::Notify => self.handle_notify(request, exchange),
            Method::Bye => self.handle_bye(request, exchange),
            Method::Cancel => Self::refuse_cancel(request, &exchange),
            Method::Invite | Method::Info | Method::Prack | Method::Update => {
                self.handle_invite(request, exchange)
            }
            Method::Ack => Handling::Ignore,
            Method::Other => refuse(
                answer(request, &exchange, StatusCode::NOT_IMPLEMENTED)
                    .header(HeaderName::Allow, ALLOW),
            ),
            // Security row M4: nobody outside says where a call goes.
            Method::Refer => Self::refuse_method(request, &exchange),
        }
    }

    fn handle_ack(&self, ack: &Request, _flow: Flow) {
        self.pass_ack(ack);
    }

    fn handle_cancelled(&self, flow: Flow, transaction: ServerTransactionId) {
        self.pass_cancel(flow, transaction);
    }

    fn handle_flow_closed(&self, flow: Flow) {
        let now = Instant::now();
        self.bindings.handle_flow_closed(flow, now);
        self.doubt_what_came_over(flow, now);
    }
}
