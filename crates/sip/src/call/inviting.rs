//! The INVITE that opens a leg, from its first sending to its final response. Must not know what follows.

use std::time::Duration;

use super::{Body, Config, Outcome, RequestId, Setup};
use crate::dialog::{Dialog, Opening};
use crate::header_name::HeaderName;
use crate::message::Response;
use crate::method::Method;
use crate::write::request::RequestDraft;

/// An INVITE under way.
#[derive(Debug)]
pub(super) struct Inviting {
    pub(super) request: RequestId,
    pub(super) cseq: u32,
    pub(super) offer: Option<Body>,
    /// The shortest session that somebody on the way takes.
    pub(super) shortest_session: Duration,
    lengthened: u32,
    early: Vec<Early>,
    /// Whether anything but a final response has come back from the server that was asked last.
    pub(super) hearing: Hearing,
    /// Servers that were given up because nothing came back.
    pub(super) silent: u32,
    /// Why it was cancelled; the outcome, should it end as it is meant to.
    pub(super) cancelled: Option<Outcome>,
}

/// What has come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hearing {
    Nothing,
    /// 100 at least: somebody may be called.
    Provisional,
}

/// A dialog that a provisional response has opened.
#[derive(Debug)]
pub(super) struct Early {
    pub(super) dialog: Dialog,
    last_reliable: Option<u32>,
    pub(super) answer: Option<Body>,
}

/// Proxies on one way that each want a longer session than the last.
const MOST_LENGTHENED: u32 = 3;

/// What the methods of the peer are to be.
pub(super) const ALLOWED: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE";

impl Inviting {
    pub(super) fn new(offer: Option<Body>, config: &Config) -> Self {
        Self {
            request: RequestId(0),
            cseq: 1,
            offer,
            shortest_session: config.shortest_session,
            lengthened: 0,
            early: Vec::new(),
            hearing: Hearing::Nothing,
            silent: 0,
            cancelled: None,
        }
    }

    /// The INVITE, without credentials.
    pub(super) fn draft(&self, setup: &Setup, config: &Config) -> RequestDraft {
        let name = setup.local_name.as_deref().map(quoted).unwrap_or_default();
        let mut draft = RequestDraft::new(Method::Invite, &*setup.request_uri)
            .from(&format!("{name}<{}>", setup.local_uri), &setup.local_tag)
            .to(format!("<{}>", setup.remote_uri))
            .call_id(&*setup.call_id)
            .cseq(self.cseq);
        for route in &setup.routes {
            draft = draft.header(HeaderName::Route, &**route);
        }
        let interval = config.session_interval.max(self.shortest_session).as_secs();
        // RFC 3262 §5: a reliable provisional response to an INVITE without an offer would make one, and want its answer
        // before the call is taken. So reliability is asked for only where it brings an answer.
        let supported = match self.offer {
            Some(_) => "timer, 100rel",
            None => "timer",
        };
        draft = draft
            .header(HeaderName::Contact, &*setup.contact)
            .header(HeaderName::Allow, ALLOWED)
            .header(HeaderName::Supported, supported)
            .header(HeaderName::SessionExpires, interval.to_string())
            .header(
                HeaderName::MinSe,
                self.shortest_session.as_secs().to_string(),
            );
        for (name, value) in &setup.headers {
            draft = draft.header(*name, &**value);
        }
        Body::attach(draft, self.offer.as_ref())
    }

    /// The number with which it is sent once more; `None` where it is cancelled.
    pub(super) const fn next_cseq(&mut self) -> Option<u32> {
        if self.cancelled.is_some() {
            return None;
        }
        self.cseq += 1;
        Some(self.cseq)
    }

    /// Whether it is worth being sent once more, for a session that somebody on the way takes (RFC 4028 §7.3).
    pub(super) fn take_longer_session(&mut self, shortest: Duration) -> bool {
        if shortest <= self.shortest_session || self.lengthened >= MOST_LENGTHENED {
            return false;
        }
        self.lengthened += 1;
        self.shortest_session = shortest;
        self.next_cseq().is_some()
    }

    /// The dialog that a response opens or confirms.
    pub(super) fn dialog(&self, setup: &Setup, response: &Response) -> Option<Dialog> {
        let mut dialog = Dialog::answered(&opening(setup, self.cseq), response)?;
        if let Some(early) = self.early(dialog.remote_tag()) {
            dialog.continue_from(&early.dialog);
        }
        Some(dialog)
    }

    /// The early dialog with this tag of the peer.
    pub(super) fn early(&self, tag: &str) -> Option<&Early> {
        let mut early = self.early.iter();
        early.find(|early| early.dialog.remote_tag() == tag)
    }

    pub(super) fn into_early_dialogs(self) -> Vec<Dialog> {
        self.early.into_iter().map(|early| early.dialog).collect()
    }

    pub(super) fn early_mut(&mut self, tag: &str) -> Option<&mut Early> {
        let mut early = self.early.iter_mut();
        early.find(|early| early.dialog.remote_tag() == tag)
    }

    /// Takes in a reliable provisional response; the PRACK it wants, unless that was sent, or one before is missing
    /// (RFC 3262 §4).
    pub(super) fn handle_reliable(
        &mut self,
        setup: &Setup,
        config: &Config,
        response: &Response,
    ) -> Option<RequestDraft> {
        let number = response.rseq().ok()??;
        let dialog = self.dialog(setup, response)?;
        let tag = dialog.remote_tag().to_owned();
        if self.early(&tag).is_none() {
            if self.early.len() >= config.most_forks {
                return None;
            }
            self.early.push(Early {
                dialog,
                last_reliable: None,
                answer: None,
            });
        }
        let cseq = self.cseq;
        let early = self.early_mut(&tag)?;
        let is_next = early
            .last_reliable
            .is_none_or(|last| last.checked_add(1) == Some(number));
        if !is_next {
            return None;
        }
        early.last_reliable = Some(number);
        early.answer = early.answer.take().or_else(|| Body::of(response));
        let draft = early.dialog.next_request(Method::Prack);
        Some(draft.header(HeaderName::RAck, format!("{number} {cseq} INVITE")))
    }
}

/// The INVITE as the dialogs it opens see it.
pub(super) fn opening(setup: &Setup, cseq: u32) -> Opening<'_> {
    Opening {
        call_id: &setup.call_id,
        local_tag: &setup.local_tag,
        local_uri: &setup.local_uri,
        remote_uri: &setup.remote_uri,
        request_uri: &setup.request_uri,
        cseq,
    }
}

fn quoted(name: &str) -> String {
    let mut quoted = Vec::with_capacity(name.len() + 3);
    crate::text::quote(name.as_bytes(), &mut quoted);
    format!("{} ", String::from_utf8_lossy(&quoted))
}
