//! The machine of one leg: what each input does in each state. Must not know the other leg.

use std::time::{Duration, Instant};

use super::acknowledgements::Acknowledgements;
use super::deadlines::Timer;
use super::effects::{Effects, Purpose, Sent};
use super::inviting::{Hearing, Inviting, opening};
use super::session::{Fate, Session};
use super::theirs::PeerRequest;
use super::{Body, Config, Event, Input, Outcome, Output, RequestId, Setup};
use crate::dialog::Dialog;
use crate::header_name::HeaderName;
use crate::message::{Request, Response};
use crate::method::Method;
use crate::status::StatusCode;
use crate::transaction::Failure;

/// One leg of a call, from its INVITE to its end.
#[derive(Debug)]
pub struct Leg {
    effects: Effects,
    state: State,
    /// Dialogs that others than the first have opened by their 2xx; each is ended at once.
    forks: Vec<Fork>,
    /// Early dialogs that others may still confirm.
    early: Vec<Dialog>,
    /// The number of the newest INVITE that opens the leg; those before it were answered by a challenge or 422, or went to
    /// a server that was given up.
    last_opening: u32,
    /// Invariant: told by [`Event::Ended`] when it is set, and set once.
    outcome: Option<Outcome>,
    latest: Option<Instant>,
}

#[derive(Debug)]
enum State {
    New,
    Inviting(Box<Inviting>),
    Up(Box<Session>),
    /// Nothing new begins; what was begun ends.
    Ending(Box<Session>),
    Over,
}

#[derive(Debug)]
struct Fork {
    dialog: Dialog,
    acknowledgements: Acknowledgements,
}

/// Nobody means a longer one by Min-SE; it would keep a dead call for as long.
const LONGEST_SHORTEST_SESSION: Duration = Duration::from_secs(7200);

impl Leg {
    /// A leg that has not called yet.
    pub fn new(config: Config, setup: Setup) -> Self {
        Self {
            effects: Effects::new(config, setup),
            state: State::New,
            forks: Vec::new(),
            early: Vec::new(),
            last_opening: 0,
            outcome: None,
            latest: None,
        }
    }

    /// Takes an input in. Timers due at `now` fire first. A `now` before an earlier one counts as that one.
    pub fn handle(&mut self, input: Input, now: Instant) {
        let now = self.latest.map_or(now, |latest| latest.max(now));
        self.latest = Some(now);
        while let Some(timer) = self.effects.deadlines.pop_due(now) {
            self.handle_timer(timer, now);
        }
        let effects = &mut self.effects;
        match (input, &mut self.state) {
            (Input::Place { offer }, State::New) => self.place(offer, now),
            (Input::HangUp, _) => self.hang_up(Outcome::Cancelled, Outcome::HungUp),
            (Input::Response { request, response }, _) => {
                self.handle_response(request, &response, now);
            }
            (Input::Failed { request, cause }, _) => self.handle_failed(request, cause, now),
            (Input::Elsewhere { request }, State::Inviting(inviting)) => {
                // A call that is given up already, or cancelled, is waited for no longer.
                if inviting.request == request && inviting.cancelled.is_none() {
                    inviting.hearing = Hearing::Nothing;
                    let hear_by = now + effects.config.response_time;
                    effects.deadlines.set(Timer::Response, hear_by);
                }
            }
            (Input::NobodyElse { request }, State::Inviting(inviting)) => {
                if inviting.request == request && inviting.hearing == Hearing::Nothing {
                    self.give_up();
                }
            }
            (
                Input::Request {
                    id,
                    request,
                    source,
                },
                _,
            ) => {
                let peer = PeerRequest {
                    id,
                    request,
                    source,
                };
                self.handle_request(peer, now);
            }
            (Input::Acknowledged { ack }, State::Up(session)) => session.handle_ack(&ack, effects),
            (Input::Cancelled { id }, State::Up(session)) => session.handle_cancelled(id, effects),
            (Input::Acknowledge { answer }, State::Up(session)) => {
                session.take_answer(&answer, effects, now);
            }
            (Input::Modify { offer }, State::Up(session)) => session.modify(offer, effects),
            (Input::Accept { id, body }, State::Up(session)) => {
                session.accept(id, body, effects, now);
            }
            (Input::Refuse { id, status }, State::Up(session)) => {
                session.refuse(id, status, effects);
            }
            // Too late, or too early: the events tell where the leg is.
            (
                Input::Place { .. }
                | Input::Elsewhere { .. }
                | Input::NobodyElse { .. }
                | Input::Acknowledged { .. }
                | Input::Cancelled { .. }
                | Input::Acknowledge { .. }
                | Input::Modify { .. }
                | Input::Accept { .. }
                | Input::Refuse { .. }
                | Input::Timeout,
                State::New | State::Inviting(_) | State::Up(_) | State::Ending(_) | State::Over,
            ) => {}
        }
    }

    /// The next effect; to be asked until there is none before the next [`Self::handle`].
    pub fn poll_output(&mut self) -> Option<Output> {
        self.effects.poll_output()
    }

    /// When to come back with [`Input::Timeout`].
    pub fn next_timeout(&self) -> Option<Instant> {
        self.effects.deadlines.next()
    }

    /// How it has ended.
    pub const fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    /// Whether it has ended and no request of ours is under way. A 2xx may still come again, for 64*T1.
    pub fn is_over(&self) -> bool {
        self.outcome.is_some() && !self.effects.is_waiting()
    }

    /// Whether a request of the peer belongs to this leg.
    pub fn is_of(&self, request: &Request) -> bool {
        let is_main = match &self.state {
            State::Up(session) | State::Ending(session) => session.dialog.is_of(request),
            State::New | State::Inviting(_) | State::Over => false,
        };
        is_main || self.is_of_fork(request)
    }

    fn is_of_fork(&self, request: &Request) -> bool {
        self.forks.iter().any(|fork| fork.dialog.is_of(request))
    }

    fn place(&mut self, offer: Option<Body>, now: Instant) {
        let effects = &mut self.effects;
        let mut inviting = Box::new(Inviting::new(offer, &effects.config));
        let draft = inviting.draft(&effects.setup, &effects.config);
        inviting.request = effects.send(Purpose::Invite, draft, None);
        self.last_opening = inviting.cseq;
        self.state = State::Inviting(inviting);
        let answer_by = now + effects.config.ring_timeout;
        effects.deadlines.set(Timer::Ring, answer_by);
        let hear_by = now + effects.config.response_time;
        effects.deadlines.set(Timer::Response, hear_by);
    }

    fn handle_timer(&mut self, timer: Timer, now: Instant) {
        let effects = &mut self.effects;
        match (timer, &mut self.state) {
            (Timer::Response, State::Inviting(inviting)) => {
                inviting.silent += 1;
                if inviting.silent >= effects.config.most_silent {
                    return self.give_up();
                }
                let request = inviting.request;
                effects.push(Output::TryElsewhere { request });
            }
            (Timer::Response, State::New | State::Up(_) | State::Ending(_) | State::Over) => {}
            (Timer::Ring, _) => self.hang_up(Outcome::NoAnswer, Outcome::NoAnswer),
            (Timer::Longest, _) => self.hang_up(Outcome::TooLong, Outcome::TooLong),
            // RFC 3261 §13.3.1.4, RFC 4028 §10.
            (Timer::Acknowledgement | Timer::Expiry, _) => {
                self.hang_up(Outcome::Lost, Outcome::Lost);
            }
            (Timer::Answer, State::Up(session)) => match session.asked() {
                Some(id) => {
                    session.refuse(id, StatusCode::NOT_ACCEPTABLE_HERE, effects);
                    effects.tell(Event::PeerOfferWithdrawn { id });
                }
                None => self.hang_up(Outcome::AnsweredTooLate, Outcome::AnsweredTooLate),
            },
            (Timer::Repeat, State::Up(session)) => session.repeat_success(effects, now),
            (Timer::Glare, State::Up(session)) => session.modify_again(effects, now),
            (Timer::Refresh, State::Up(session)) => session.refresh(effects, now),
            (
                Timer::Answer | Timer::Repeat | Timer::Glare | Timer::Refresh,
                State::New | State::Inviting(_) | State::Ending(_) | State::Over,
            ) => {}
        }
    }

    fn handle_response(&mut self, id: RequestId, response: &Response, now: Instant) {
        if response.status().is_provisional() {
            return self.handle_provisional(id, response);
        }
        let Some(sent) = self.effects.take_sent(id) else {
            return self.handle_further_success(response);
        };
        if sent.purpose == Purpose::Invite {
            self.effects.deadlines.clear(Timer::Response);
        }
        if self.send_again_with_credentials(&sent, response) {
            return;
        }
        let effects = &mut self.effects;
        let fate = match (&sent.purpose, &mut self.state) {
            (Purpose::Invite, _) => return self.handle_invite_final(&sent, response, now),
            (Purpose::ReInvite, State::Up(session)) => {
                session.handle_re_invite_final(&sent, response, effects, now)
            }
            (Purpose::ReInvite, State::Ending(session)) if response.status().is_success() => {
                session.owe(&sent);
                session.send_owed(None, effects);
                Fate::Lasts
            }
            (Purpose::Update, State::Up(session)) => {
                session.handle_update_final(response, effects, now)
            }
            // Without its PRACK the peer ends the INVITE itself; after a BYE the dialog is over whatever is said.
            (
                Purpose::ReInvite
                | Purpose::Update
                | Purpose::Prack(_)
                | Purpose::Bye
                | Purpose::ForkBye(_),
                State::New | State::Inviting(_) | State::Up(_) | State::Ending(_) | State::Over,
            ) => Fate::Lasts,
        };
        self.follow(fate);
    }

    fn handle_failed(&mut self, id: RequestId, cause: Failure, now: Instant) {
        let Some(sent) = self.effects.take_sent(id) else {
            return;
        };
        let effects = &mut self.effects;
        let fate = match (&sent.purpose, &mut self.state) {
            (Purpose::Invite, State::Inviting(inviting)) => {
                let outcome = inviting.cancelled.unwrap_or(Outcome::Unreachable(cause));
                return self.end_unanswered(outcome);
            }
            (Purpose::ReInvite | Purpose::Update, State::Up(session)) => {
                session.handle_failed(cause, effects, now)
            }
            (
                Purpose::Invite
                | Purpose::ReInvite
                | Purpose::Update
                | Purpose::Prack(_)
                | Purpose::Bye
                | Purpose::ForkBye(_),
                State::New | State::Inviting(_) | State::Up(_) | State::Ending(_) | State::Over,
            ) => Fate::Lasts,
        };
        self.follow(fate);
    }

    fn handle_provisional(&mut self, id: RequestId, response: &Response) {
        let (State::Inviting(inviting), effects) = (&mut self.state, &mut self.effects) else {
            return;
        };
        if inviting.request != id {
            return;
        }
        inviting.hearing = Hearing::Provisional;
        effects.deadlines.clear(Timer::Response);
        if response.status() == StatusCode::TRYING || self.outcome.is_some() {
            return;
        }
        let is_reliable = response
            .tokens(HeaderName::Require)
            .any(|tag| tag.is_ok_and(|tag| tag.eq_ignore_ascii_case("100rel")));
        if is_reliable {
            let prack = inviting.handle_reliable(&effects.setup, &effects.config, response);
            // It came before, or too early: it comes again.
            let Some(prack) = prack else { return };
            let tag = response.to().ok().and_then(|to| to.tag());
            let purpose = Purpose::Prack(tag.unwrap_or_default().into());
            effects.send(purpose, prack, None);
        }
        effects.tell(Event::Ringing {
            status: response.status(),
            body: Body::of(response),
        });
    }

    fn handle_invite_final(&mut self, sent: &Sent, response: &Response, now: Instant) {
        let (State::Inviting(inviting), effects) = (&mut self.state, &mut self.effects) else {
            return;
        };
        let status = response.status();
        if status.is_success() {
            return self.handle_taken(sent, response, now);
        }
        let cancelled = inviting.cancelled;
        // RFC 4028 §7.3: somebody on the way takes no sessions as short as ours.
        if status == StatusCode::SESSION_INTERVAL_TOO_SMALL
            && cancelled.is_none()
            && let Ok(Some(shortest)) = response.min_session_expires()
            && shortest <= LONGEST_SHORTEST_SESSION
            && inviting.take_longer_session(shortest)
        {
            let draft = inviting.draft(&effects.setup, &effects.config);
            inviting.request = effects.send(Purpose::Invite, draft, None);
            self.last_opening = inviting.cseq;
            return;
        }
        let outcome = match (cancelled, status.code()) {
            (Some(outcome), _) => outcome,
            (None, 300..=399) => Outcome::Redirected(status),
            (None, 401 | 407) => Outcome::NotAuthorised,
            (None, 408) if inviting.hearing == Hearing::Nothing => Outcome::Silent,
            (None, _) => Outcome::Refused(status),
        };
        self.end_unanswered(outcome);
    }

    /// A 2xx to the INVITE that opens the leg.
    fn handle_taken(&mut self, sent: &Sent, response: &Response, now: Instant) {
        let State::Inviting(inviting) = std::mem::replace(&mut self.state, State::Over) else {
            return;
        };
        let effects = &mut self.effects;
        effects.deadlines.clear(Timer::Ring);
        let Some(dialog) = inviting.dialog(&effects.setup, response) else {
            return self.end(inviting.cancelled.unwrap_or(Outcome::Unusable));
        };
        let early = inviting.early(dialog.remote_tag());
        let early_answer = early.and_then(|early| early.answer.clone());
        let (offer, cancelled) = (inviting.offer.clone(), inviting.cancelled);
        self.early = inviting.into_early_dialogs();
        let mut session = Box::new(Session::new(dialog, offer.clone()));
        session.handle_success(response, &effects.config);
        session.remote = Body::of(response).or(early_answer);
        session.owe(sent);
        let ends_by = now + effects.config.longest_call;
        effects.deadlines.set(Timer::Longest, ends_by);
        let verdict = match (cancelled, offer, session.remote.clone()) {
            // It crossed our CANCEL.
            (Some(outcome), _, _) => Fate::Ends(outcome),
            (None, Some(_), answer) => {
                session.send_owed(None, effects);
                session.start_timer(effects, now);
                effects.tell(Event::Answered { answer });
                Fate::Lasts
            }
            (None, None, Some(offer)) => {
                let answer_by = now + effects.config.answer_time;
                effects.deadlines.set(Timer::Answer, answer_by);
                effects.tell(Event::Offered { offer });
                Fate::Lasts
            }
            (None, None, None) => Fate::Ends(Outcome::Unusable),
        };
        self.state = State::Up(session);
        self.follow(verdict);
    }

    /// A 2xx after the first: the same once more, or that of another peer.
    fn handle_further_success(&mut self, response: &Response) {
        let (Ok(cseq), Ok(to)) = (response.cseq(), response.to()) else {
            return;
        };
        if !response.status().is_success() || cseq.method != Method::Invite {
            return;
        }
        let tag = to.tag().unwrap_or_default();
        let main = match &self.state {
            State::Up(session) | State::Ending(session) => {
                Some((&session.dialog, &session.acknowledgements))
            }
            State::New | State::Inviting(_) | State::Over => None,
        };
        let forks = self
            .forks
            .iter()
            .map(|fork| (&fork.dialog, &fork.acknowledgements));
        let mut known = main.into_iter().chain(forks);
        if let Some((_, acknowledgements)) = known.find(|(dialog, _)| dialog.remote_tag() == tag) {
            if let Some(again) = acknowledgements.repeat(cseq.number) {
                self.effects.push(again);
            }
            return;
        }
        if self.forks.len() < self.effects.config.most_forks && cseq.number <= self.last_opening {
            self.end_fork(tag, cseq.number, response);
        }
    }

    /// RFC 3261 §13.2.2.4: every 2xx is acknowledged, and what is not wanted is hung up.
    fn end_fork(&mut self, tag: &str, number: u32, response: &Response) {
        let effects = &mut self.effects;
        let opening = opening(&effects.setup, number);
        let Some(mut dialog) = Dialog::answered(&opening, response) else {
            return;
        };
        if let Some(early) = self.early.iter().find(|early| early.remote_tag() == tag) {
            dialog.continue_from(early);
        }
        let mut acknowledgements = Acknowledgements::default();
        let branch = effects.branch();
        let ack = acknowledgements.send(dialog.acknowledgement(number), branch);
        effects.push(ack);
        let bye = dialog.next_request(Method::Bye);
        effects.send(Purpose::ForkBye(tag.into()), bye, None);
        self.forks.push(Fork {
            dialog,
            acknowledgements,
        });
    }

    fn handle_request(&mut self, peer: PeerRequest, now: Instant) {
        let is_bye = peer.request.method() == Method::Bye;
        let is_of_fork = self.is_of_fork(&peer.request);
        let effects = &mut self.effects;
        let fate = match &mut self.state {
            State::Up(session) if session.dialog.is_of(&peer.request) => {
                session.handle_request(peer, effects, now)
            }
            State::New | State::Inviting(_) | State::Up(_) | State::Ending(_) | State::Over => {
                // A BYE may cross ours.
                let is_ending = match &self.state {
                    State::Ending(session) => session.dialog.is_of(&peer.request),
                    State::New | State::Inviting(_) | State::Up(_) | State::Over => false,
                };
                let status = if is_bye && (is_ending || is_of_fork) {
                    StatusCode::OK
                } else {
                    StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST
                };
                effects.answer(peer.id, &peer.answer(status));
                Fate::Lasts
            }
        };
        self.follow(fate);
    }

    fn follow(&mut self, fate: Fate) {
        match fate {
            Fate::Lasts => {}
            Fate::Ends(outcome) => self.hang_up(outcome, outcome),
            Fate::EndedByPeer => self.end_session(Outcome::PeerHungUp),
        }
    }

    /// Nothing came back: the owner may call by another way. The INVITE cannot be cancelled before something does
    /// (RFC 3261 §9.1); that is seen to until its transaction is over.
    fn give_up(&mut self) {
        self.hang_up(Outcome::Silent, Outcome::Silent);
        self.end(Outcome::Silent);
    }

    /// Ends the call: `unanswered` is the outcome where it was not taken yet, `answered` where it was.
    fn hang_up(&mut self, unanswered: Outcome, answered: Outcome) {
        let effects = &mut self.effects;
        match &mut self.state {
            State::New => self.end_unanswered(unanswered),
            State::Inviting(inviting) => {
                if inviting.cancelled.is_none() {
                    inviting.cancelled = Some(unanswered);
                    effects.deadlines.clear(Timer::Ring);
                    effects.deadlines.clear(Timer::Response);
                    effects.push(Output::Cancel {
                        request: inviting.request,
                    });
                }
            }
            State::Up(session) => {
                // Deviates from RFC 3261 §13.2.2.4: an ACK that waits for the answer to an offer goes without it,
                // because there is none.
                session.send_owed(None, effects);
                let bye = session.dialog.next_request(Method::Bye);
                effects.send(Purpose::Bye, bye, None);
                self.end_session(answered);
            }
            State::Ending(_) | State::Over => {}
        }
    }

    /// The dialog is over: what waits in it gets its answer.
    fn end_session(&mut self, outcome: Outcome) {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Up(mut session) => {
                session.terminate_asked(&mut self.effects);
                // A BYE of the peer may have come before the ACK of its 2xx.
                session.send_owed(None, &mut self.effects);
                self.state = State::Ending(session);
            }
            other @ (State::New | State::Inviting(_) | State::Ending(_) | State::Over) => {
                self.state = other;
            }
        }
        self.end(outcome);
    }

    fn end_unanswered(&mut self, outcome: Outcome) {
        self.state = State::Over;
        self.end(outcome);
    }

    fn end(&mut self, outcome: Outcome) {
        self.effects.deadlines.clear_all();
        if self.outcome.is_none() {
            self.outcome = Some(outcome);
            self.effects.tell(Event::Ended(outcome));
        }
    }

    /// Answers a challenge by sending the request once more, if that may be.
    fn send_again_with_credentials(&mut self, sent: &Sent, response: &Response) -> bool {
        let Some(pass) = self.effects.pass_for(sent, response) else {
            return false;
        };
        let Some(cseq) = self.next_cseq_for(&sent.purpose) else {
            return false;
        };
        let draft = (*sent.draft).clone().cseq(cseq);
        let purpose = sent.purpose.clone();
        let id = self.effects.send(purpose, draft, Some(pass));
        match (&sent.purpose, &mut self.state) {
            (Purpose::Invite, State::Inviting(inviting)) => {
                inviting.request = id;
                self.last_opening = cseq;
            }
            (Purpose::ReInvite, State::Up(session)) => session.note_re_invite(id),
            (
                Purpose::Invite
                | Purpose::ReInvite
                | Purpose::Update
                | Purpose::Prack(_)
                | Purpose::Bye
                | Purpose::ForkBye(_),
                State::New | State::Inviting(_) | State::Up(_) | State::Ending(_) | State::Over,
            ) => {}
        }
        true
    }

    /// The number of a request that is sent once more; `None` where nobody wants it any more.
    fn next_cseq_for(&mut self, purpose: &Purpose) -> Option<u32> {
        match (purpose, &mut self.state) {
            (Purpose::Invite, State::Inviting(inviting)) => inviting.next_cseq(),
            (Purpose::Prack(tag), State::Inviting(inviting)) => {
                Some(inviting.early_mut(tag)?.dialog.next_cseq())
            }
            (Purpose::ReInvite | Purpose::Update, State::Up(session))
            | (Purpose::Bye, State::Ending(session)) => Some(session.dialog.next_cseq()),
            (Purpose::ForkBye(tag), _) => {
                let mut forks = self.forks.iter_mut();
                let fork = forks.find(|fork| fork.dialog.remote_tag() == &**tag)?;
                Some(fork.dialog.next_cseq())
            }
            (
                Purpose::Invite
                | Purpose::Prack(_)
                | Purpose::ReInvite
                | Purpose::Update
                | Purpose::Bye,
                State::New | State::Inviting(_) | State::Up(_) | State::Ending(_) | State::Over,
            ) => None,
        }
    }
}
