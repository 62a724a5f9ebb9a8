//! A dialog, from our side, whoever has opened it (RFC 3261 §12). Must not know what it is used for.

use std::borrow::Cow;

use crate::error::BadRequest;
use crate::header::contact::Contact;
use crate::header::name_addr::NameAddr;
use crate::header_name::HeaderName;
use crate::headers::Headers;
use crate::message::{Request, Response};
use crate::method::Method;
use crate::status::StatusCode;
use crate::uri::AnyUri;
use crate::write::request::RequestDraft;

/// Bytes of addresses, tags and routes that one dialog may keep; phones need some 300.
const LONGEST: usize = 4096;

/// What two ends need to send each other requests that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialog {
    call_id: Box<str>,
    local_tag: Box<str>,
    /// Empty for a peer older than RFC 3261, which sends none (§12.1.1).
    remote_tag: Box<str>,
    local_uri: Box<str>,
    remote_uri: Box<str>,
    /// Where our requests go in the end: the peer's newest Contact.
    remote_target: Box<str>,
    /// The proxies on the way there, as Route values.
    route_set: Box<[Box<str>]>,
    local_cseq: u32,
    /// `None` until the peer has sent a request.
    remote_cseq: Option<u32>,
}

/// A request of ours that may open a dialog.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// Its Call-ID.
    pub call_id: &'a str,
    /// Its From tag.
    pub local_tag: &'a str,
    /// The URI in its From.
    pub local_uri: &'a str,
    /// The URI in its To.
    pub remote_uri: &'a str,
    /// Its Request-URI.
    pub request_uri: &'a str,
    /// The number of its CSeq.
    pub cseq: u32,
}

impl Dialog {
    /// The dialog that `request` opens once it is answered with `local_tag` (RFC 3261 §12.1.1).
    ///
    /// # Errors
    /// Where From, To, Contact or Record-Route cannot be used; the status to answer with.
    pub fn open(request: &Request, local_tag: &str) -> Result<Self, BadRequest> {
        let (from, to) = (request.from()?, request.to()?);
        // RFC 3261 §12.1.1: the order of Record-Route is kept, and every parameter of it.
        let route_set = routes(request)?;
        let dialog = Self {
            call_id: request.call_id()?.into(),
            local_tag: local_tag.into(),
            remote_tag: from.tag().unwrap_or_default().into(),
            local_uri: uri_text(&to.uri).into(),
            remote_uri: uri_text(&from.uri).into(),
            remote_target: target(request)?.ok_or(MISSING_CONTACT)?.into(),
            route_set: route_set.into(),
            local_cseq: 0,
            remote_cseq: Some(request.cseq()?.number),
        };
        if dialog.length() > LONGEST {
            return Err(BadRequest {
                status: StatusCode::REQUEST_ENTITY_TOO_LARGE,
                reason: Cow::Borrowed("Dialog Too Long"),
            });
        }
        Ok(dialog)
    }

    /// The dialog that a response to a request of ours opens (RFC 3261 §12.1.2). `None` where To or Record-Route
    /// cannot be used, or all of it is too long to be kept.
    pub fn answered(opening: &Opening<'_>, response: &Response) -> Option<Self> {
        let to = response.to().ok()?;
        let mut route_set = routes(response).ok()?;
        // RFC 3261 §12.1.2: in reverse order.
        route_set.reverse();
        // Without a Contact, which §12.1.1 demands, the way of the request is as good as any.
        let target = target(response).ok().flatten();
        let dialog = Self {
            call_id: opening.call_id.into(),
            local_tag: opening.local_tag.into(),
            remote_tag: to.tag().unwrap_or_default().into(),
            local_uri: opening.local_uri.into(),
            remote_uri: opening.remote_uri.into(),
            remote_target: target.map_or(opening.request_uri.into(), Into::into),
            route_set: route_set.into(),
            local_cseq: opening.cseq,
            remote_cseq: None,
        };
        (dialog.length() <= LONGEST).then_some(dialog)
    }

    /// Goes on counting where an earlier state of the same dialog has stopped, because the route set of an early dialog
    /// is not that of the confirmed one (RFC 3261 §13.2.2.4).
    pub fn continue_from(&mut self, earlier: &Self) {
        self.local_cseq = self.local_cseq.max(earlier.local_cseq);
        self.remote_cseq = self.remote_cseq.max(earlier.remote_cseq);
    }

    /// Takes in a 2xx of the peer to an INVITE of ours in this dialog, which refreshes its target (RFC 3261 §12.2.1.2).
    pub(crate) fn refresh_target(&mut self, response: &Response) {
        if let Ok(Some(target)) = target(response) {
            self.remote_target = target.into();
        }
    }

    /// The dialog that a request of ours is about to open (RFC 3261 §12.1.2): the peer's tag, its target and the route
    /// come with the first message back.
    pub(crate) fn propose(
        call_id: &str,
        local_tag: &str,
        local_uri: &str,
        remote_uri: &str,
    ) -> Self {
        Self {
            call_id: call_id.into(),
            local_tag: local_tag.into(),
            remote_tag: Box::default(),
            local_uri: local_uri.into(),
            remote_uri: remote_uri.into(),
            remote_target: remote_uri.into(),
            route_set: Box::default(),
            local_cseq: 0,
            remote_cseq: None,
        }
    }

    /// Takes in a success of the peer: RFC 3261 §12.1.2 where it opens the dialog, §12.2.1.2 where it is in it.
    ///
    /// # Errors
    /// Where To, Contact or Record-Route cannot be used.
    pub(crate) fn handle_success(&mut self, response: &Response) -> Result<(), BadRequest> {
        let tag = response.to()?.tag().unwrap_or_default();
        if let Some(target) = target(response)? {
            self.remote_target = target.into();
        }
        if self.remote_tag.is_empty() {
            // RFC 3261 §12.1.2: in reverse order.
            let mut routes = routes(response)?;
            routes.reverse();
            self.route_set = routes.into();
            self.remote_tag = tag.into();
        }
        Ok(())
    }

    /// Whether the peer has opened the dialog.
    pub(crate) fn is_confirmed(&self) -> bool {
        !self.remote_tag.is_empty()
    }

    /// Whether a request of the peer may open this dialog, which we proposed (RFC 6665 §4.4.1).
    pub(crate) fn may_be_opened_by(&self, request: &Request) -> bool {
        let (Ok(to), Ok(call_id)) = (request.to(), request.call_id()) else {
            return false;
        };
        !self.is_confirmed() && call_id == &*self.call_id && to.tag() == Some(&self.local_tag)
    }

    /// Takes in the request that opens the dialog (RFC 6665 §4.4.1, as RFC 3261 §12.1.1).
    ///
    /// # Errors
    /// Where From, Contact or Record-Route cannot be used; the status to answer with.
    pub(crate) fn handle_opening(&mut self, request: &Request) -> Result<(), BadRequest> {
        let tag = request.from()?.tag().unwrap_or_default().to_owned();
        self.route_set = routes(request)?.into();
        self.remote_target = target(request)?.ok_or(MISSING_CONTACT)?.into();
        self.remote_tag = tag.into();
        self.remote_cseq = Some(request.cseq()?.number);
        Ok(())
    }

    /// The Call-ID.
    pub(crate) fn call_id(&self) -> &str {
        &self.call_id
    }

    /// Whether a request of the peer belongs to this dialog (RFC 3261 §12.2.2).
    pub fn is_of(&self, request: &Request) -> bool {
        let (Ok(from), Ok(to), Ok(call_id)) = (request.from(), request.to(), request.call_id())
        else {
            return false;
        };
        call_id == &*self.call_id
            && to.tag() == Some(&self.local_tag)
            && from.tag().unwrap_or_default() == &*self.remote_tag
    }

    /// Takes in a request of the peer that belongs to this dialog and refreshes its target.
    ///
    /// # Errors
    /// Where it is older than one before, or its Contact cannot be used; the status to answer with.
    pub fn handle_request(&mut self, request: &Request) -> Result<(), BadRequest> {
        let cseq = request.cseq()?.number;
        // RFC 3261 §12.2.2: a lower number is out of order; the same one is a retransmission, seen elsewhere.
        if self.remote_cseq.is_some_and(|last| cseq <= last) {
            return Err(BadRequest {
                status: StatusCode::SERVER_INTERNAL_ERROR,
                reason: Cow::Borrowed("Out Of Order"),
            });
        }
        let target = target(request)?;
        self.remote_cseq = Some(cseq);
        if let Some(target) = target {
            self.remote_target = target.into();
        }
        Ok(())
    }

    /// The next request of ours in this dialog, without what the method wants (RFC 3261 §12.2.1.1).
    pub fn next_request(&mut self, method: Method) -> RequestDraft {
        let cseq = self.next_cseq();
        self.draft(method, cseq)
    }

    /// The number of a request of ours that was sent before in other words, as after a challenge (RFC 3261 §22.2).
    pub fn next_cseq(&mut self) -> u32 {
        self.local_cseq = self.local_cseq.saturating_add(1);
        self.local_cseq
    }

    fn draft(&self, method: Method, cseq: u32) -> RequestDraft {
        let (uri, routes) = self.way();
        let mut draft = RequestDraft::new(method, uri)
            .from(&format!("<{}>", self.local_uri), &self.local_tag)
            .to(self.remote_address())
            .call_id(&*self.call_id)
            .cseq(cseq);
        for route in routes {
            draft = draft.header(HeaderName::Route, route);
        }
        draft
    }

    /// The ACK of a 2xx to the INVITE of ours with this number (RFC 3261 §13.2.2.4).
    pub fn acknowledgement(&self, cseq: u32) -> RequestDraft {
        self.draft(Method::Ack, cseq)
    }

    /// The peer's tag; empty for a peer older than RFC 3261.
    pub fn remote_tag(&self) -> &str {
        &self.remote_tag
    }

    /// Our tag.
    pub fn local_tag(&self) -> &str {
        &self.local_tag
    }

    /// The peer's address, without its tag.
    pub fn remote_uri(&self) -> &str {
        &self.remote_uri
    }

    fn remote_address(&self) -> String {
        if self.remote_tag.is_empty() {
            format!("<{}>", self.remote_uri)
        } else {
            format!("<{}>;tag={}", self.remote_uri, self.remote_tag)
        }
    }

    /// Request-URI and Route values.
    fn way(&self) -> (String, Vec<String>) {
        let routes = || self.route_set.iter().map(ToString::to_string);
        let target = self.remote_target.to_string();
        let Some(first) = self.route_set.first() else {
            return (target, Vec::new());
        };
        match strict_router(first) {
            None => (target, routes().collect()),
            // RFC 3261 §12.2.1.1: a strict router is the Request-URI, and the target goes last.
            Some(router) => {
                let last = format!("<{target}>");
                (router, routes().skip(1).chain([last]).collect())
            }
        }
    }

    fn length(&self) -> usize {
        let routes: usize = self.route_set.iter().map(|route| route.len()).sum();
        routes
            + self.call_id.len()
            + self.remote_tag.len()
            + self.local_uri.len()
            + self.remote_uri.len()
            + self.remote_target.len()
    }
}

const MISSING_CONTACT: BadRequest = BadRequest {
    status: StatusCode::BAD_REQUEST,
    reason: Cow::Borrowed("Missing Contact"),
};

fn routes(message: &Headers) -> Result<Vec<Box<str>>, BadRequest> {
    let mut routes = Vec::new();
    for route in message.name_addrs(HeaderName::RecordRoute) {
        routes.push(written(&route?).into_boxed_str());
    }
    Ok(routes)
}

/// The one Contact of a message that may set the target (RFC 3261 §8.1.1.8).
fn target(message: &Headers) -> Result<Option<String>, BadRequest> {
    let bad = || BadRequest {
        status: StatusCode::BAD_REQUEST,
        reason: Cow::Borrowed("Bad Contact"),
    };
    let mut contacts = message.contacts();
    let Some(first) = contacts.next() else {
        return Ok(None);
    };
    if contacts.next().is_some() {
        return Err(bad());
    }
    let first: Contact<'_> = first?;
    let uri = first
        .address()
        .and_then(NameAddr::sip_uri)
        .ok_or_else(bad)?;
    Ok(Some(uri.to_string()))
}

/// The URI of a router that knows no loose routing (RFC 3261 §16.4).
fn strict_router(route: &str) -> Option<String> {
    let route = NameAddr::parse(HeaderName::Route, route.as_bytes()).ok()?;
    let uri = route.sip_uri()?;
    uri.params.get("lr").is_none().then(|| uri.to_string())
}

fn uri_text(uri: &AnyUri<'_>) -> String {
    let mut text = Vec::new();
    uri.write(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn written(address: &NameAddr<'_>) -> String {
    let mut text = Vec::new();
    address.write(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}
