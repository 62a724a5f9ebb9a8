//! A call that was taken: its dialog, the offers under way in it, and what is needed to refresh it.
//! Must not know how it came about, nor timers.

use super::acknowledgements::Acknowledgements;
use super::effects::Effects;
use super::inviting::ALLOWED;
use super::session_timer::{Duty, SessionTimer};
use super::theirs::{PeerInvite, PeerRequest};
use super::trunk::Pass;
use super::{Body, Config, Outcome, Output, RequestId};
use crate::dialog::Dialog;
use crate::header_name::HeaderName;
use crate::message::Response;
use crate::method::Method;
use crate::status::StatusCode;
use crate::write::request::RequestDraft;
use crate::write::response::ResponseBuilder;

/// One confirmed dialog.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) dialog: Dialog,
    pub(super) acknowledgements: Acknowledgements,
    /// What we have said of our side last.
    pub(super) local: Option<Body>,
    /// What the peer has said of its side last.
    pub(super) remote: Option<Body>,
    /// A 2xx of the peer with an offer, whose ACK waits for our side's answer.
    pub(super) owed: Option<Owed>,
    pub(super) modify: Option<Modify>,
    pub(super) peer: Option<PeerInvite>,
    pub(super) timer: Option<SessionTimer>,
    pub(super) refresh_by: Method,
}

/// Whether a call goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Lasts,
    /// By a BYE of ours.
    Ends(Outcome),
    EndedByPeer,
}

/// An ACK that waits.
#[derive(Debug)]
pub(super) struct Owed {
    pub(super) cseq: u32,
    pub(super) pass: Option<Pass>,
}

/// A re-INVITE of ours.
#[derive(Debug)]
pub(super) struct Modify {
    pub(super) offer: Option<Body>,
    pub(super) motive: Motive,
    pub(super) attempts: u32,
    pub(super) stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Motive {
    /// Our side has ordered it.
    Order,
    /// The session timer wants it.
    Refresh,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Sent(RequestId),
    /// It met an INVITE of the peer and is sent again later.
    Waiting,
}

impl Session {
    pub(super) fn new(dialog: Dialog, local: Option<Body>) -> Self {
        Self {
            dialog,
            acknowledgements: Acknowledgements::default(),
            local,
            remote: None,
            owed: None,
            modify: None,
            peer: None,
            timer: None,
            // RFC 4028 §7.4: UPDATE needs no offer, but not every peer has it.
            refresh_by: Method::Invite,
        }
    }

    /// Takes in what a 2xx to an INVITE says beside its body.
    pub(super) fn handle_success(&mut self, response: &Response, config: &Config) {
        self.dialog.refresh_target(response);
        self.timer = SessionTimer::of_response(response, config);
        self.refresh_by = match response.allows(Method::Update) {
            Some(true) => Method::Update,
            Some(false) | None => Method::Invite,
        };
    }

    /// The ACK of a 2xx, kept for when the 2xx comes again.
    pub(super) fn acknowledgement(
        &mut self,
        owed: &Owed,
        answer: Option<&Body>,
        branch: String,
    ) -> Output {
        let mut draft = self.dialog.acknowledgement(owed.cseq);
        // RFC 3261 §22.1: an ACK repeats the credentials of its INVITE.
        if let Some(pass) = &owed.pass {
            draft = draft.header(pass.header, pass.value.clone());
        }
        self.acknowledgements
            .send(Body::attach(draft, answer), branch)
    }

    /// Whether an INVITE of ours is not over, which keeps others back (RFC 3261 §14.1).
    pub(super) const fn is_inviting(&self) -> bool {
        self.owed.is_some()
            || matches!(
                self.modify,
                Some(Modify {
                    stage: Stage::Sent(_),
                    ..
                })
            )
    }

    /// Whether anything is under way that keeps an INVITE of ours back (RFC 3261 §14.1).
    pub(super) const fn is_changing(&self) -> bool {
        self.owed.is_some() || self.modify.is_some() || self.peer.is_some()
    }

    pub(super) fn re_invite(&mut self, effects: &Effects, offer: Option<&Body>) -> RequestDraft {
        let draft = self.refreshing(Method::Invite, effects);
        Body::attach(draft.header(HeaderName::Allow, ALLOWED), offer)
    }

    pub(super) fn update(&mut self, effects: &Effects) -> RequestDraft {
        self.refreshing(Method::Update, effects)
    }

    /// A 2xx that takes the session timer a request of the peer asks for.
    pub(super) fn accept_timer<'a>(
        peer: &'a PeerRequest,
        contact: &'a str,
        timer: Option<SessionTimer>,
    ) -> ResponseBuilder<'a> {
        let builder = peer
            .answer(StatusCode::OK)
            .header(HeaderName::Contact, contact)
            .header(HeaderName::Allow, ALLOWED)
            .header(HeaderName::Supported, "timer");
        let Some(timer) = timer else { return builder };
        let builder = builder.header(HeaderName::SessionExpires, timer.in_response());
        match timer.duty() {
            // RFC 4028 §9: the peer has to know that it refreshes.
            Duty::Peers => builder.header(HeaderName::Require, "timer"),
            Duty::Ours => builder,
        }
    }

    /// A request that says how long the session is to last.
    fn refreshing(&mut self, method: Method, effects: &Effects) -> RequestDraft {
        let shortest = effects.config.shortest_session.as_secs().to_string();
        let draft = self
            .dialog
            .next_request(method)
            .header(HeaderName::Contact, &*effects.setup.contact)
            .header(HeaderName::Supported, "timer")
            .header(HeaderName::MinSe, shortest);
        match self.timer {
            Some(timer) => draft.header(HeaderName::SessionExpires, timer.in_request()),
            None => draft,
        }
    }
}
