//! Offers of our side in a call that was taken: re-INVITEs, refreshes, and ACKs that wait for an answer.
//! Must not know the offers of the peer.

use std::time::{Duration, Instant};

use super::deadlines::Timer;
use super::effects::{Effects, Purpose, Sent};
use super::session::{Fate, Modify, Motive, Owed, Session, Stage};
use super::session_timer::SessionTimer;
use super::{Body, Event, Outcome, RequestId};
use crate::message::Response;
use crate::method::Method;
use crate::status::StatusCode;
use crate::transaction::Failure;

/// When a re-INVITE is looked at again that an INVITE of the peer keeps back.
const GLARE_PAUSE: Duration = Duration::from_secs(2);
/// When a refresh that was refused is tried again.
const REFRESH_PAUSE: Duration = Duration::from_secs(10);

impl Session {
    /// Our side's order to change the session.
    pub(super) fn modify(&mut self, offer: Option<Body>, effects: &mut Effects) {
        // RFC 3261 §14.1: one INVITE at a time, in both directions together.
        if self.is_changing() {
            return effects.tell(Event::ModifyFailed { status: None });
        }
        self.begin(offer, Motive::Order, effects);
    }

    /// RFC 4028 §7.4: UPDATE where the peer has it, else the same session once more.
    pub(super) fn refresh(&mut self, effects: &mut Effects, now: Instant) {
        if self.is_changing() {
            return effects.deadlines.set(Timer::Refresh, now + GLARE_PAUSE);
        }
        match (self.refresh_by, self.local.clone()) {
            (Method::Invite, Some(offer)) => self.begin(Some(offer), Motive::Refresh, effects),
            (_, _) => {
                let draft = self.update(effects);
                effects.send(Purpose::Update, draft, None);
            }
        }
    }

    /// A re-INVITE that met one of the peer has waited.
    pub(super) fn modify_again(&mut self, effects: &mut Effects, now: Instant) {
        if self.peer.is_some() {
            return effects.deadlines.set(Timer::Glare, now + GLARE_PAUSE);
        }
        self.send_modify(effects);
    }

    /// The re-INVITE under way was sent once more, with credentials.
    pub(super) fn note_re_invite(&mut self, id: RequestId) {
        if let Some(modify) = &mut self.modify {
            modify.stage = Stage::Sent(id);
        }
    }

    pub(super) fn handle_re_invite_final(
        &mut self,
        sent: &Sent,
        response: &Response,
        effects: &mut Effects,
        now: Instant,
    ) -> Fate {
        let status = response.status();
        if status.is_success() {
            self.owe(sent);
            self.handle_modified(response, effects, now);
            return Fate::Lasts;
        }
        match status.code() {
            // RFC 3261 §12.2.1.2: the peer does not know the dialog, or nobody reaches it.
            408 | 481 => return Fate::Ends(Outcome::Lost),
            491 => self.handle_glare(effects, now),
            _ => self.modify_failed(Some(status), effects, now),
        }
        Fate::Lasts
    }

    pub(super) fn handle_update_final(
        &mut self,
        response: &Response,
        effects: &mut Effects,
        now: Instant,
    ) -> Fate {
        match response.status().code() {
            200..=299 => {
                self.dialog.refresh_target(response);
                self.timer = SessionTimer::of_response(response, &effects.config);
                self.start_timer(effects, now);
            }
            408 | 481 => return Fate::Ends(Outcome::Lost),
            _ => {
                // Whoever takes no UPDATE may take an INVITE; the session lasts until its time is over.
                self.refresh_by = Method::Invite;
                effects.deadlines.set(Timer::Refresh, now + REFRESH_PAUSE);
            }
        }
        Fate::Lasts
    }

    /// A re-INVITE or UPDATE of ours has no response.
    pub(super) fn handle_failed(
        &mut self,
        cause: Failure,
        effects: &mut Effects,
        now: Instant,
    ) -> Fate {
        match cause {
            // RFC 3261 §12.2.1.2: no answer is as good as 408, and ends the dialog.
            Failure::Timeout | Failure::FlowClosed => Fate::Ends(Outcome::Lost),
            Failure::Overload | Failure::Misuse => {
                self.modify_failed(None, effects, now);
                Fate::Lasts
            }
        }
    }

    /// Our side's answer to an offer in a 2xx.
    pub(super) fn take_answer(&mut self, answer: &Body, effects: &mut Effects, now: Instant) {
        if self.owed.is_some() {
            self.local = Some(answer.clone());
            effects.deadlines.clear(Timer::Answer);
            self.send_owed(Some(answer), effects);
            self.start_timer(effects, now);
        }
    }

    /// Notes that the 2xx to an INVITE of ours wants an ACK.
    pub(super) fn owe(&mut self, sent: &Sent) {
        self.owed = Some(Owed {
            cseq: sent.draft.cseq_number(),
            pass: sent.pass.clone(),
        });
    }

    /// The ACK that waits, if one does.
    pub(super) fn send_owed(&mut self, answer: Option<&Body>, effects: &mut Effects) {
        if let Some(owed) = self.owed.take() {
            let branch = effects.branch();
            let ack = self.acknowledgement(&owed, answer, branch);
            effects.push(ack);
        }
    }

    pub(super) fn start_timer(&self, effects: &mut Effects, now: Instant) {
        match self.timer {
            Some(timer) => timer.start(&mut effects.deadlines, now),
            None => {
                effects.deadlines.clear(Timer::Refresh);
                effects.deadlines.clear(Timer::Expiry);
            }
        }
    }

    fn begin(&mut self, offer: Option<Body>, motive: Motive, effects: &mut Effects) {
        self.modify = Some(Modify {
            offer,
            motive,
            attempts: 0,
            stage: Stage::Waiting,
        });
        self.send_modify(effects);
    }

    fn send_modify(&mut self, effects: &mut Effects) {
        let Some(modify) = &mut self.modify else {
            return;
        };
        modify.attempts += 1;
        let offer = modify.offer.clone();
        let draft = self.re_invite(effects, offer.as_ref());
        let id = effects.send(Purpose::ReInvite, draft, None);
        self.note_re_invite(id);
    }

    fn handle_modified(&mut self, response: &Response, effects: &mut Effects, now: Instant) {
        self.handle_success(response, &effects.config);
        let Some(modify) = self.modify.take() else {
            return self.send_owed(None, effects);
        };
        match (modify.offer, Body::of(response)) {
            (Some(offer), answer) => {
                let is_news = modify.motive == Motive::Order || answer != self.remote;
                self.local = Some(offer);
                self.remote.clone_from(&answer);
                self.send_owed(None, effects);
                if is_news {
                    effects.tell(Event::Modified { answer });
                }
            }
            (None, Some(offer)) => {
                self.remote = Some(offer.clone());
                let answer_by = now + effects.config.answer_time;
                effects.deadlines.set(Timer::Answer, answer_by);
                effects.tell(Event::ModifyOffered { offer });
            }
            (None, None) => {
                self.send_owed(None, effects);
                effects.tell(Event::ModifyFailed { status: None });
            }
        }
        self.start_timer(effects, now);
    }

    /// RFC 3261 §14.1: both sides have sent an INVITE; whoever made the Call-ID, as we did, waits longer.
    fn handle_glare(&mut self, effects: &mut Effects, now: Instant) {
        let Some(modify) = &mut self.modify else {
            return;
        };
        if modify.attempts >= effects.config.modify_attempts {
            return self.modify_failed(Some(StatusCode::REQUEST_PENDING), effects, now);
        }
        modify.stage = Stage::Waiting;
        let wait = Duration::from_millis(2_100 + 10 * effects.random.below(191));
        effects.deadlines.set(Timer::Glare, now + wait);
    }

    fn modify_failed(&mut self, status: Option<StatusCode>, effects: &mut Effects, now: Instant) {
        match self.modify.take().map(|modify| modify.motive) {
            Some(Motive::Order) => effects.tell(Event::ModifyFailed { status }),
            // The session lasts until its time is over; until then it is tried again.
            Some(Motive::Refresh) | None => {
                effects.deadlines.set(Timer::Refresh, now + REFRESH_PAUSE);
            }
        }
    }
}
