//! The machine of one registration. Must not know what it is for.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{Config, Input, Loss, Output, Standing};
use crate::call::random::Random;
use crate::call::trunk::{Attempt, Pass};
use crate::digest::Asked;
use crate::header::contact::Contact;
use crate::header_name::HeaderName;
use crate::message::Response;
use crate::method::Method;
use crate::status::StatusCode;
use crate::write::request::RequestDraft;

/// After a failure the next try comes so late, twice as late after each further one.
const FIRST_REST: Duration = Duration::from_secs(5);
const LONGEST_REST: Duration = Duration::from_secs(300);

/// No registrar is asked more often, whatever it says.
const SHORTEST_REST: Duration = Duration::from_secs(1);

/// What a registrar may want at least; beyond it nobody means it.
const LONGEST_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// One registration of ours.
#[derive(Debug)]
pub struct Registrant {
    config: Config,
    random: Random,
    state: State,
    wish: Wish,
    cseq: u32,
    /// Failures in a row.
    failures: u32,
    /// What the REGISTER under way was sent with.
    pass: Option<Pass>,
    /// The end of what was granted last.
    held_until: Option<Instant>,
    outputs: VecDeque<Output>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Asks at this time.
    Resting { until: Instant },
    /// A REGISTER is under way.
    Asking,
    /// Granted, and refreshed at this time.
    Granted { refresh_at: Instant },
    /// A REGISTER that takes it back is under way.
    Leaving,
    /// Nothing more is done.
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    ToBeRegistered,
    ToLeave,
}

impl Registrant {
    /// A registration that is asked for at `now`: the first timeout.
    pub fn new(config: Config, now: Instant) -> Self {
        Self {
            random: Random::new(config.seed),
            config,
            state: State::Resting { until: now },
            wish: Wish::ToBeRegistered,
            cseq: 0,
            failures: 0,
            pass: None,
            held_until: None,
            outputs: VecDeque::new(),
        }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, input: Input, now: Instant) {
        match input {
            Input::Answered(response) => self.handle_answer(&response, now),
            Input::Unanswered => match self.state {
                State::Asking => self.lose(Loss::NoAnswer, None, now),
                State::Leaving => self.finish(),
                State::Resting { .. } | State::Granted { .. } | State::Over => {}
            },
            Input::Timeout => {
                if self.next_timeout().is_some_and(|at| at <= now) {
                    self.state = State::Asking;
                    self.ask(self.config.lifetime, None);
                }
            }
            Input::Stop => self.stop(now),
        }
    }

    /// What is to be done, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Timeout`] is due.
    pub fn next_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Resting { until } => Some(until),
            State::Granted { refresh_at } => Some(refresh_at),
            State::Asking | State::Leaving | State::Over => None,
        }
    }

    fn stop(&mut self, now: Instant) {
        self.wish = Wish::ToLeave;
        match self.state {
            State::Resting { .. } | State::Granted { .. } => self.leave(now),
            // RFC 3261 §10.2: the next REGISTER waits for the answer to the one under way.
            State::Asking | State::Leaving | State::Over => {}
        }
    }

    /// Takes back what the registrar may still have.
    fn leave(&mut self, now: Instant) {
        if self.held_until.is_some_and(|until| until > now) {
            self.state = State::Leaving;
            self.ask(Duration::ZERO, None);
        } else {
            self.finish();
        }
    }

    fn finish(&mut self) {
        self.state = State::Over;
        self.outputs.push_back(Output::Over);
    }

    /// RFC 3261 §10.2: one Call-ID for all, and a higher CSeq each time.
    fn ask(&mut self, lifetime: Duration, pass: Option<Pass>) {
        self.cseq += 1;
        let address = format!("<{}>", self.config.address);
        let mut draft = RequestDraft::new(Method::Register, self.config.registrar.clone())
            .from(&address, &self.config.tag)
            .to(address)
            .call_id(self.config.call_id.clone())
            .cseq(self.cseq);
        for route in &self.config.routes {
            draft = draft.header(HeaderName::Route, route.clone());
        }
        draft = draft
            .header(HeaderName::Contact, self.config.contact.clone())
            .header(HeaderName::Expires, lifetime.as_secs().to_string());
        if let Some(pass) = &pass {
            draft = draft.header(pass.header, pass.value.clone());
        }
        self.pass = pass;
        self.outputs.push_back(Output::Send(Box::new(draft)));
    }

    fn handle_answer(&mut self, response: &Response, now: Instant) {
        // RFC 3261 §10.2.7: an answer to an earlier REGISTER, given up meanwhile, says nothing of this one.
        let cseq = response.cseq();
        if !cseq.is_ok_and(|cseq| cseq.number == self.cseq) {
            return;
        }
        let lifetime = match self.state {
            State::Asking => self.config.lifetime,
            State::Leaving => Duration::ZERO,
            State::Resting { .. } | State::Granted { .. } | State::Over => return,
        };
        match response.status() {
            StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                match self.pass_for(response) {
                    Some(pass) => self.ask(lifetime, Some(pass)),
                    None if self.state == State::Leaving => self.finish(),
                    None => self.lose(Loss::Unproven, Some(LONGEST_REST), now),
                }
            }
            _ if self.state == State::Leaving => self.finish(),
            status if status.is_success() => self.handle_granted(response, now),
            // RFC 3261 §10.2.8: it wants to be asked for longer.
            StatusCode::INTERVAL_TOO_BRIEF => {
                let least = response.min_expires().ok().flatten();
                let least = least
                    .filter(|least| *least > self.config.lifetime && *least <= LONGEST_LIFETIME);
                match least {
                    Some(least) => {
                        self.config.lifetime = least;
                        self.ask(least, None);
                    }
                    None => self.refused(response, now),
                }
            }
            _ => self.refused(response, now),
        }
    }

    /// Only for the account's realm, and once, or twice where the nonce was stale.
    fn pass_for(&mut self, response: &Response) -> Option<Pass> {
        let account = self.config.account.as_ref()?;
        let asked = Asked {
            method: Method::Register.as_str(),
            uri: &self.config.registrar,
            body: &[],
        };
        let attempt = self.pass.as_ref();
        let attempt = attempt.map_or(Attempt::Plain, |pass| pass.attempt);
        let client_nonce = self.random.token();
        account.answer(response, &asked, attempt, &client_nonce)
    }

    fn handle_granted(&mut self, response: &Response, now: Instant) {
        let granted = self.granted_in(response).max(SHORTEST_REST);
        let until = now + granted;
        self.failures = 0;
        self.held_until = Some(until);
        if self.wish == Wish::ToLeave {
            return self.leave(now);
        }
        self.state = State::Granted {
            // Early enough for two more tries.
            refresh_at: now + granted.mul_f32(0.75).max(SHORTEST_REST),
        };
        let standing = Standing::Registered { until };
        self.outputs.push_back(Output::Standing(standing));
    }

    /// RFC 3261 §10.2.4: what our own Contact says in the answer, else its Expires, else what was asked for.
    fn granted_in(&self, response: &Response) -> Duration {
        let ours = self.config.contact.trim_matches(['<', '>']);
        let of_contact = response
            .contacts()
            .filter_map(Result::ok)
            .find_map(|found| {
                let is_ours = found
                    .address()?
                    .sip_uri()
                    .is_some_and(|uri| uri.to_string() == ours);
                is_ours.then(|| Contact::expires(&found)).flatten()
            });
        let granted = of_contact.or_else(|| response.expires().ok().flatten());
        granted
            .unwrap_or(self.config.lifetime)
            .min(LONGEST_LIFETIME)
    }

    fn refused(&mut self, response: &Response, now: Instant) {
        let status = response.status();
        let rest = match response.retry_after() {
            Ok(Some(later)) => Some(later.delay.min(LONGEST_LIFETIME)),
            // Only people can mend it.
            Ok(None) | Err(_) if matches!(status.code(), 403 | 404 | 405 | 501) => {
                Some(LONGEST_REST)
            }
            Ok(None) | Err(_) => None,
        };
        self.lose(Loss::Refused(status), rest, now);
    }

    /// Tries again later: after `rest`, or after a pause that grows with each failure (RFC 5626 §4.5).
    fn lose(&mut self, why: Loss, rest: Option<Duration>, now: Instant) {
        if self.wish == Wish::ToLeave {
            return self.leave(now);
        }
        let doubled = FIRST_REST.saturating_mul(1 << self.failures.min(16));
        let rest = rest.unwrap_or(doubled.min(LONGEST_REST));
        self.failures = self.failures.saturating_add(1);
        // Not all at once, where many lost it together: at half of the time at the earliest.
        let half = u64::try_from(rest.as_millis() / 2).unwrap_or(u64::MAX);
        let spread = Duration::from_millis(self.random.below(half.saturating_add(1)));
        let rest = rest.saturating_sub(spread).max(SHORTEST_REST);
        self.held_until = self.held_until.filter(|until| *until > now);
        let again_at = now + rest;
        self.state = State::Resting { until: again_at };
        self.outputs.push_back(Output::Standing(Standing::Lost {
            why,
            again_at,
            held_until: self.held_until,
        }));
    }
}
