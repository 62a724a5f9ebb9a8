//! One subscription seen from the subscriber (RFC 6665 §4.1): asks, proves itself, refreshes, takes NOTIFYs in, and
//! begins anew where it is lost. Must not know what the documents say or how messages travel.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::dialog::Dialog;
use crate::digest::{Asked, Challenge, Credentials, Ha1};
use crate::error::BadRequest;
use crate::header_name::HeaderName;
use crate::message::{Request, Response};
use crate::method::Method;
use crate::status::StatusCode;
use crate::write::request::RequestDraft;

/// RFC 6665 §4.1.2.4, timer N: how long the first NOTIFY may take after a success, 64*T1.
const FIRST_NOTIFY: Duration = Duration::from_secs(32);

/// After a failure the next try comes so late, twice as late after each further one.
const FIRST_REST: Duration = Duration::from_secs(5);
const LONGEST_REST: Duration = Duration::from_secs(300);

/// After a refusal that only people can mend.
const LONG_REST: Duration = Duration::from_secs(1800);

/// No notifier is asked more often, whatever it says.
const SHORTEST_REST: Duration = Duration::from_secs(1);

/// Challenges in a row that are answered; a notifier that wants more knows another password.
const MOST_CHALLENGES: u32 = 2;

/// What is subscribed to, and by whom.
#[derive(Clone)]
pub struct SubscriberConfig {
    /// The resource.
    pub uri: String,
    /// Our address.
    pub from: String,
    /// The event package.
    pub event: &'static str,
    /// The type of its documents.
    pub accept: &'static str,
    /// The lifetime asked for.
    pub lifetime: Duration,
    /// The user that proves itself; without one, challenges are not answered.
    pub user: String,
    /// Its password.
    pub password: String,
    /// The only realm whose challenges are answered; any if `None`.
    pub realm: Option<String>,
}

impl fmt::Debug for SubscriberConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubscriberConfig")
            .field("uri", &self.uri)
            .field("from", &self.from)
            .field("event", &self.event)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// Unguessable words, never used before. Each input brings new ones.
#[derive(Debug, Clone)]
pub struct Words {
    /// Names a dialog.
    pub call_id: String,
    /// Our end of it.
    pub tag: String,
    /// Goes into a digest.
    pub client_nonce: String,
}

/// What happens to a [`Subscriber`].
#[derive(Debug)]
pub enum SubscriberInput {
    /// The final answer to the SUBSCRIBE that was sent last.
    Answered(Response),
    /// There is none.
    Unanswered,
    /// A NOTIFY for which [`Subscriber::expects`] is true.
    Notify(Request),
    /// A document was missed or could not be read: the whole state is wanted.
    Missed,
    /// [`Subscriber::next_timeout`] has come.
    Timeout,
    /// The subscription is not wanted any more.
    Stop,
}

/// What a [`Subscriber`] wants done.
#[derive(Debug)]
pub enum SubscriberOutput {
    /// Send a SUBSCRIBE; one at a time. It lacks Via and Contact.
    Send(Box<RequestDraft>),
    /// Answer the NOTIFY that was handled last. Comes once for each, before its document.
    Answer(StatusCode),
    /// A document to be read.
    Document(Bytes),
    /// The subscription stands otherwise than before.
    Standing(SubscriberStanding),
}

/// How a subscription stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubscriberStanding {
    /// The notifier has told the state and tells of changes until this time.
    Active {
        /// Unless refreshed.
        until: Instant,
    },
    /// It is lost or was never had; what was told does not hold any more.
    Lost {
        /// Why.
        why: Loss,
        /// When it is tried again.
        again_at: Instant,
    },
}

/// Why there is no subscription. Each text fits "no line state: {text}".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Loss {
    /// The notifier does not answer SUBSCRIBE.
    #[error("there is no answer")]
    NoAnswer,
    /// The notifier has answered SUBSCRIBE, and sends no NOTIFY.
    #[error("the subscription was granted, but no NOTIFY came")]
    NoNotify,
    /// The notifier refuses.
    #[error("the answer is {0} {1}")]
    Refused(StatusCode, String),
    /// The notifier's challenge cannot be answered, or our answer is wrong.
    #[error("the user or the password is wrong")]
    Unproven,
    /// The notifier ended it.
    #[error("the subscription was ended: {0}")]
    Ended(String),
}

/// A subscription that is kept alive.
#[derive(Debug)]
pub struct Subscriber {
    config: SubscriberConfig,
    dialog: Option<Dialog>,
    state: State,
    /// Whether a NOTIFY of this dialog has come; it may overtake the answer to its SUBSCRIBE.
    hearing: Hearing,
    /// Failures in a row.
    failures: i32,
    proof: Option<Proof>,
    challenges: u32,
    outputs: VecDeque<SubscriberOutput>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Asks anew at this time.
    Resting { until: Instant },
    /// A SUBSCRIBE is under way. `held_until` is the end of the subscription it refreshes.
    Asking { held_until: Option<Instant> },
    /// Granted.
    Granted {
        refresh_at: Instant,
        until: Instant,
        /// When the first NOTIFY has to be there; nothing once it is.
        notify_by: Option<Instant>,
    },
    /// Not wanted.
    Stopped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hearing {
    Nothing,
    Told,
}

/// The challenge that was answered last.
#[derive(Debug)]
struct Proof {
    header: HeaderName,
    challenge: Challenge,
    secret: Ha1,
    nonce_count: u32,
}

impl Subscriber {
    /// A subscription that is asked for at `now`: the first timeout.
    pub fn new(config: SubscriberConfig, now: Instant) -> Self {
        Self {
            config,
            dialog: None,
            state: State::Resting { until: now },
            hearing: Hearing::Nothing,
            failures: 0,
            proof: None,
            challenges: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, input: SubscriberInput, words: &Words, now: Instant) {
        match input {
            SubscriberInput::Answered(response) => self.handle_answer(&response, words, now),
            SubscriberInput::Unanswered => {
                if self.is_asking() {
                    self.lose(Loss::NoAnswer, None, now);
                }
            }
            SubscriberInput::Notify(request) => self.handle_notify(&request, now),
            SubscriberInput::Missed => {
                if let State::Granted { until, .. } = self.state {
                    self.ask(Some(until), words);
                }
            }
            SubscriberInput::Timeout => self.handle_timeout(words, now),
            SubscriberInput::Stop => self.handle_stop(words),
        }
    }

    /// What is to be done, in order.
    pub fn poll_output(&mut self) -> Option<SubscriberOutput> {
        self.outputs.pop_front()
    }

    /// When [`SubscriberInput::Timeout`] is due.
    pub fn next_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Resting { until } => Some(until),
            State::Asking { .. } | State::Stopped => None,
            State::Granted {
                refresh_at,
                notify_by,
                ..
            } => Some(notify_by.map_or(refresh_at, |by| by.min(refresh_at))),
        }
    }

    /// Whether a NOTIFY is of this subscription; its body does not matter. All others are answered 481
    /// (RFC 6665 §4.1.3).
    pub fn expects(&self, request: &Request) -> bool {
        self.dialog
            .as_ref()
            .is_some_and(|dialog| dialog.is_of(request) || dialog.may_be_opened_by(request))
    }

    /// By what its NOTIFYs are found.
    pub fn call_id(&self) -> Option<&str> {
        self.dialog.as_ref().map(Dialog::call_id)
    }

    fn is_asking(&self) -> bool {
        matches!(self.state, State::Asking { .. })
    }

    fn handle_timeout(&mut self, words: &Words, now: Instant) {
        match self.state {
            State::Resting { until } if until <= now => self.ask(None, words),
            State::Granted {
                notify_by: Some(by),
                ..
            } if by <= now => self.lose(Loss::NoNotify, None, now),
            State::Granted {
                refresh_at, until, ..
            } if refresh_at <= now => self.ask(Some(until), words),
            State::Resting { .. }
            | State::Granted { .. }
            | State::Asking { .. }
            | State::Stopped => {}
        }
    }

    fn handle_stop(&mut self, words: &Words) {
        if let State::Granted { .. } = self.state {
            self.send(Duration::ZERO, words);
        }
        self.state = State::Stopped;
    }

    fn handle_answer(&mut self, response: &Response, words: &Words, now: Instant) {
        let State::Asking { held_until } = self.state else {
            return;
        };
        let status = response.status();
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                self.handle_challenge(response, held_until, words, now);
            }
            _ if status.is_success() => self.handle_granted(response, now),
            // RFC 6665 §4.1.2.2: the notifier has forgotten the subscription.
            StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST if held_until.is_some() => {
                self.dialog = None;
                self.hearing = Hearing::Nothing;
                self.ask(None, words);
            }
            // RFC 6665 §4.1.2.1: it wants to be asked more seldom, and for longer.
            StatusCode::INTERVAL_TOO_BRIEF => {
                let least = response.min_expires().ok().flatten();
                match least.filter(|least| *least > self.config.lifetime) {
                    Some(least) => {
                        self.config.lifetime = least;
                        self.ask(held_until, words);
                    }
                    None => self.refused(response, None, now),
                }
            }
            StatusCode::FORBIDDEN
            | StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::BAD_EVENT
            | StatusCode::DECLINE
            | StatusCode::NOT_IMPLEMENTED => self.refused(response, Some(LONG_REST), now),
            _ => self.refused(response, retry_after(response), now),
        }
    }

    fn handle_challenge(
        &mut self,
        response: &Response,
        held_until: Option<Instant>,
        words: &Words,
        now: Instant,
    ) {
        self.challenges += 1;
        let answerable = Challenge::of(response).filter(|(_, challenge)| {
            let ours = self.config.realm.as_ref();
            !self.config.user.is_empty() && ours.is_none_or(|realm| *realm == challenge.realm)
        });
        let Some((header, challenge)) = answerable.filter(|_| self.challenges <= MOST_CHALLENGES)
        else {
            self.lose(Loss::Unproven, Some(LONG_REST), now);
            return;
        };
        let SubscriberConfig { user, password, .. } = &self.config;
        let secret = Ha1::derive(challenge.suite.algorithm, user, &challenge.realm, password);
        self.proof = Some(Proof {
            header,
            challenge,
            secret,
            nonce_count: 0,
        });
        self.ask(held_until, words);
    }

    fn handle_granted(&mut self, response: &Response, now: Instant) {
        let Some(dialog) = &mut self.dialog else {
            return;
        };
        if let Err(error) = dialog.handle_success(response) {
            let loss = Loss::Refused(error.status, error.reason.into_owned());
            self.lose(loss, None, now);
            return;
        }
        self.challenges = 0;
        // RFC 6665 §3.1.1: a success without Expires grants what was asked for.
        let granted = response.expires().ok().flatten();
        let granted = granted
            .unwrap_or(self.config.lifetime)
            .min(self.config.lifetime);
        let until = now + granted.max(SHORTEST_REST);
        self.state = State::Granted {
            refresh_at: now + granted.mul_f32(0.75).max(SHORTEST_REST),
            until,
            notify_by: match self.hearing {
                Hearing::Told => None,
                Hearing::Nothing => Some(now + FIRST_NOTIFY),
            },
        };
        if self.hearing == Hearing::Told {
            self.stand(SubscriberStanding::Active { until });
        }
    }

    fn handle_notify(&mut self, request: &Request, now: Instant) {
        match self.take_notify(request) {
            Ok(told) => {
                self.answer(StatusCode::OK);
                if let Some(reason) = told.ended {
                    self.handle_terminated(&reason, now);
                } else {
                    self.handle_active(told.left, now);
                    if !request.body_bytes().is_empty() {
                        let document = request.body().clone();
                        self.outputs.push_back(SubscriberOutput::Document(document));
                    }
                }
            }
            Err(BadRequest { status, .. }) => self.answer(status),
        }
    }

    /// What a NOTIFY says beside its document.
    fn take_notify(&mut self, request: &Request) -> Result<Told, BadRequest> {
        let event = request.event()?.map(|event| event.package);
        if event != Some(self.config.event) {
            return Err(refusal(StatusCode::BAD_EVENT));
        }
        // RFC 6665 §4.1.3: without it nobody knows how the subscription stands.
        let state = request.header(HeaderName::SubscriptionState);
        let told = state
            .and_then(Told::read)
            .ok_or(refusal(StatusCode::BAD_REQUEST))?;
        let Some(dialog) = &mut self.dialog else {
            return Err(refusal(StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST));
        };
        if dialog.is_confirmed() {
            dialog.handle_request(request)?;
        } else {
            // RFC 6665 §4.4.1: a NOTIFY may overtake the answer to its SUBSCRIBE.
            dialog.handle_opening(request)?;
        }
        Ok(told)
    }

    fn handle_active(&mut self, left: Option<Duration>, now: Instant) {
        self.failures = 0;
        self.hearing = Hearing::Told;
        if let State::Granted {
            refresh_at,
            until,
            notify_by,
        } = &mut self.state
        {
            *notify_by = None;
            // RFC 6665 §4.1.3: the notifier may shorten it at any time.
            if let Some(left) = left
                && now + left < *until
            {
                *until = now + left;
                *refresh_at = now + left.mul_f32(0.75).max(SHORTEST_REST);
            }
            let until = *until;
            self.stand(SubscriberStanding::Active { until });
        }
    }

    /// RFC 6665 §4.1.3: when to come back.
    fn handle_terminated(&mut self, ended: &Ended, now: Instant) {
        let rest = match &*ended.reason {
            "deactivated" | "timeout" => Some(SHORTEST_REST),
            "rejected" | "noresource" | "invariant" => Some(LONG_REST),
            // Among them probation and giveup.
            _ => ended.retry_after,
        };
        self.lose(Loss::Ended(ended.reason.clone()), rest, now);
    }

    fn refused(&mut self, response: &Response, rest: Option<Duration>, now: Instant) {
        let reason = String::from_utf8_lossy(response.reason()).into_owned();
        self.lose(Loss::Refused(response.status(), reason), rest, now);
    }

    fn lose(&mut self, why: Loss, rest: Option<Duration>, now: Instant) {
        if self.state == State::Stopped {
            return;
        }
        let backoff = FIRST_REST
            .mul_f32(2f32.powi(self.failures))
            .min(LONGEST_REST);
        self.failures = (self.failures + 1).min(16);
        self.challenges = 0;
        self.proof = None;
        self.dialog = None;
        self.hearing = Hearing::Nothing;
        let again_at = now + rest.unwrap_or(backoff).clamp(SHORTEST_REST, LONG_REST);
        self.state = State::Resting { until: again_at };
        self.stand(SubscriberStanding::Lost { why, again_at });
    }

    fn ask(&mut self, held_until: Option<Instant>, words: &Words) {
        self.state = State::Asking { held_until };
        self.send(self.config.lifetime, words);
    }

    fn send(&mut self, lifetime: Duration, words: &Words) {
        let SubscriberConfig {
            uri,
            from,
            event,
            accept,
            ..
        } = &self.config;
        let dialog = self
            .dialog
            .get_or_insert_with(|| Dialog::propose(&words.call_id, &words.tag, from, uri));
        let mut draft = dialog
            .next_request(Method::Subscribe)
            .header(HeaderName::Event, *event)
            .header(HeaderName::Accept, *accept)
            .header(HeaderName::Expires, lifetime.as_secs().to_string());
        if let Some(proof) = &mut self.proof {
            proof.nonce_count += 1;
            let asked = Asked {
                method: Method::Subscribe.as_str(),
                uri: draft.uri(),
                body: b"",
            };
            let credentials = Credentials::answer(
                &proof.challenge,
                &self.config.user,
                &proof.secret,
                &asked,
                &words.client_nonce,
                proof.nonce_count,
            );
            let header = proof.header;
            draft = draft.header(header, credentials);
        }
        self.outputs
            .push_back(SubscriberOutput::Send(Box::new(draft)));
    }

    fn answer(&mut self, status: StatusCode) {
        self.outputs.push_back(SubscriberOutput::Answer(status));
    }

    fn stand(&mut self, standing: SubscriberStanding) {
        self.outputs.push_back(SubscriberOutput::Standing(standing));
    }
}

/// What Subscription-State says.
#[derive(Debug)]
struct Told {
    /// The time the subscription has left.
    left: Option<Duration>,
    ended: Option<Ended>,
}

#[derive(Debug)]
struct Ended {
    reason: String,
    retry_after: Option<Duration>,
}

impl Told {
    fn read(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?;
        let mut pieces = text.split(';').map(str::trim);
        let word = pieces.next().filter(|word| !word.is_empty())?;
        let mut told = Self {
            left: None,
            ended: None,
        };
        let mut ended = Ended {
            reason: String::new(),
            retry_after: None,
        };
        for piece in pieces {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            let seconds = || value.trim().parse().ok().map(Duration::from_secs);
            match name.trim().to_ascii_lowercase().as_str() {
                "expires" => told.left = seconds(),
                "reason" => ended.reason = value.trim().to_ascii_lowercase(),
                "retry-after" => ended.retry_after = seconds(),
                _ => {}
            }
        }
        // RFC 6665 §4.1.3: a word that is not known means that the subscription goes on.
        if word.eq_ignore_ascii_case("terminated") {
            told.ended = Some(ended);
        }
        Some(told)
    }
}

fn refusal(status: StatusCode) -> BadRequest {
    BadRequest {
        status,
        reason: status.reason().into(),
    }
}

/// The seconds before comment and parameters (RFC 3261 §20.33).
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.header(HeaderName::RetryAfter)?;
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit());
    let digits: String = digits.map(|byte| char::from(*byte)).collect();
    digits.parse().ok().map(Duration::from_secs)
}
