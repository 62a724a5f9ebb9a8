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
use crate::texts::Texts;
use crate::uri::AnyUri;
use crate::write::request::RequestDraft;

/// Bytes of addresses, tags and routes that one dialog may keep; phones need some 300.
const LONGEST: usize = 4096;

/// What two ends need to send each other requests that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialog {
    /// By [`Part`].
    texts: Texts<PARTS>,
    local_cseq: u32,
    /// `None` until the peer has sent a request.
    remote_cseq: Option<u32>,
}

/// The texts of a dialog.
#[derive(Clone, Copy, Debug)]
enum Part {
    CallId,
    LocalTag,
    /// Empty for a peer older than RFC 3261, which sends none (§12.1.1).
    RemoteTag,
    LocalUri,
    RemoteUri,
    /// Where our requests go in the end: the peer's newest Contact.
    RemoteTarget,
    /// The proxies on the way there, as Route values, one a line.
    RouteSet,
}

const PARTS: usize = Part::RouteSet as usize + 1;

/// Everything there is to a dialog, as it is written down to outlive a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedDialog {
    /// The Call-ID.
    pub call_id: String,
    /// Our tag.
    pub local_tag: String,
    /// The peer's tag.
    pub remote_tag: String,
    /// Our address.
    pub local_uri: String,
    /// The peer's address.
    pub remote_uri: String,
    /// The peer's newest Contact.
    pub remote_target: String,
    /// Route values.
    pub route_set: Vec<String>,
    /// The number of our last request, or one above it: the next request has the number after it.
    pub local_cseq: u32,
    /// The number of the peer's last request.
    pub remote_cseq: Option<u32>,
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
        let route_set = routes(request)?.join("\n");
        let dialog = Self {
            texts: Texts::new([
                request.call_id()?,
                local_tag,
                from.tag().unwrap_or_default(),
                &uri_text(&to.uri),
                &uri_text(&from.uri),
                &target(request)?.ok_or(MISSING_CONTACT)?,
                &route_set,
            ]),
            local_cseq: 0,
            remote_cseq: Some(request.cseq()?.number),
        };
        if dialog.texts.len() > LONGEST {
            return Err(TOO_LONG);
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
            texts: Texts::new([
                opening.call_id,
                opening.local_tag,
                to.tag().unwrap_or_default(),
                opening.local_uri,
                opening.remote_uri,
                target.as_deref().unwrap_or(opening.request_uri),
                &route_set.join("\n"),
            ]),
            local_cseq: opening.cseq,
            remote_cseq: None,
        };
        (dialog.texts.len() <= LONGEST).then_some(dialog)
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
            self.replace(Part::RemoteTarget, &target);
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
            texts: Texts::new([
                call_id, local_tag, "", local_uri, remote_uri, remote_uri, "",
            ]),
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
            self.replace(Part::RemoteTarget, &target);
        }
        if !self.is_confirmed() {
            // RFC 3261 §12.1.2: in reverse order.
            let mut routes = routes(response)?;
            routes.reverse();
            self.replace(Part::RouteSet, &routes.join("\n"));
            self.replace(Part::RemoteTag, tag);
        }
        Ok(())
    }

    /// Whether the peer has opened the dialog.
    pub(crate) fn is_confirmed(&self) -> bool {
        !self.remote_tag().is_empty()
    }

    /// Whether a request of the peer may open this dialog, which we proposed (RFC 6665 §4.4.1).
    pub(crate) fn may_be_opened_by(&self, request: &Request) -> bool {
        let (Ok(to), Ok(call_id)) = (request.to(), request.call_id()) else {
            return false;
        };
        !self.is_confirmed() && call_id == self.call_id() && to.tag() == Some(self.local_tag())
    }

    /// Takes in the request that opens the dialog (RFC 6665 §4.4.1, as RFC 3261 §12.1.1).
    ///
    /// # Errors
    /// Where From, Contact or Record-Route cannot be used; the status to answer with.
    pub(crate) fn handle_opening(&mut self, request: &Request) -> Result<(), BadRequest> {
        let tag = request.from()?.tag().unwrap_or_default().to_owned();
        let routes = routes(request)?.join("\n");
        let target = target(request)?.ok_or(MISSING_CONTACT)?;
        self.remote_cseq = Some(request.cseq()?.number);
        self.replace(Part::RouteSet, &routes);
        self.replace(Part::RemoteTarget, &target);
        self.replace(Part::RemoteTag, &tag);
        Ok(())
    }

    /// The Call-ID.
    pub(crate) fn call_id(&self) -> &str {
        self.text(Part::CallId)
    }

    /// Whether a request of the peer belongs to this dialog (RFC 3261 §12.2.2).
    pub fn is_of(&self, request: &Request) -> bool {
        let (Ok(from), Ok(to), Ok(call_id)) = (request.from(), request.to(), request.call_id())
        else {
            return false;
        };
        call_id == self.call_id()
            && to.tag() == Some(self.local_tag())
            && from.tag().unwrap_or_default() == self.remote_tag()
    }

    /// Takes in a request of the peer that belongs to this dialog and refreshes its target.
    ///
    /// # Errors
    /// Where it is older than one before, or its Contact cannot be used or is too long; the status to answer with.
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
        if let Some(target) = &target {
            let others = self.texts.len() - self.text(Part::RemoteTarget).len();
            if others + target.len() > LONGEST {
                return Err(TOO_LONG);
            }
            self.replace(Part::RemoteTarget, target);
        }
        self.remote_cseq = Some(cseq);
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
        let mut draft;
        if self.text(Part::RouteSet).is_empty() {
            draft = RequestDraft::new(method, self.text(Part::RemoteTarget));
        } else {
            let (uri, routes) = self.way();
            draft = RequestDraft::new(method, uri);
            for route in routes {
                draft.add_header(HeaderName::Route, route);
            }
        }
        let (to, tag) = (self.remote_uri(), self.remote_tag());
        let to_pieces: &[&str] = match tag {
            "" => &["<", to, ">"],
            tag => &["<", to, ">;tag=", tag],
        };
        draft.set_from(&["<", self.local_uri(), ">;tag=", self.local_tag()]);
        draft.set_to(to_pieces);
        draft.call_id(self.call_id()).cseq(cseq)
    }

    /// The ACK of a 2xx to the INVITE of ours with this number (RFC 3261 §13.2.2.4).
    pub fn acknowledgement(&self, cseq: u32) -> RequestDraft {
        self.draft(Method::Ack, cseq)
    }

    /// The peer's tag; empty for a peer older than RFC 3261.
    pub fn remote_tag(&self) -> &str {
        self.text(Part::RemoteTag)
    }

    /// Our tag.
    pub fn local_tag(&self) -> &str {
        self.text(Part::LocalTag)
    }

    /// Our address.
    pub(crate) fn local_uri(&self) -> &str {
        self.text(Part::LocalUri)
    }

    /// The peer's newest Contact, where no proxy is on the way there.
    pub(crate) fn direct_target(&self) -> Option<&str> {
        let is_direct = self.route_set().next().is_none();
        is_direct.then(|| self.text(Part::RemoteTarget))
    }

    /// The number of our last request; 0 before the first.
    pub(crate) fn local_cseq(&self) -> u32 {
        self.local_cseq
    }

    /// The peer's address, without its tag.
    pub fn remote_uri(&self) -> &str {
        self.text(Part::RemoteUri)
    }

    /// Request-URI and Route values.
    fn way(&self) -> (String, Vec<String>) {
        let routes = || self.route_set().map(str::to_owned);
        let target = self.text(Part::RemoteTarget).to_owned();
        let Some(first) = self.route_set().next() else {
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

    fn route_set(&self) -> impl Iterator<Item = &str> {
        self.text(Part::RouteSet).lines()
    }

    fn replace(&mut self, part: Part, text: &str) {
        self.texts.replace(part as usize, text);
    }

    fn text(&self, part: Part) -> &str {
        self.texts.text(part as usize)
    }

    /// The dialog in words.
    pub(crate) fn saved(&self) -> SavedDialog {
        SavedDialog {
            call_id: self.call_id().to_owned(),
            local_tag: self.local_tag().to_owned(),
            remote_tag: self.remote_tag().to_owned(),
            local_uri: self.local_uri().to_owned(),
            remote_uri: self.remote_uri().to_owned(),
            remote_target: self.text(Part::RemoteTarget).to_owned(),
            route_set: self.route_set().map(str::to_owned).collect(),
            local_cseq: self.local_cseq,
            remote_cseq: self.remote_cseq,
        }
    }

    /// The dialog that these words are of.
    pub(crate) fn restored(saved: &SavedDialog) -> Self {
        Self {
            texts: Texts::new([
                &saved.call_id,
                &saved.local_tag,
                &saved.remote_tag,
                &saved.local_uri,
                &saved.remote_uri,
                &saved.remote_target,
                &saved.route_set.join("\n"),
            ]),
            local_cseq: saved.local_cseq,
            remote_cseq: saved.remote_cseq,
        }
    }
}

const TOO_LONG: BadRequest = BadRequest {
    status: StatusCode::REQUEST_ENTITY_TOO_LARGE,
    reason: Cow::Borrowed("Dialog Too Long"),
};

const MISSING_CONTACT: BadRequest = BadRequest {
    status: StatusCode::BAD_REQUEST,
    reason: Cow::Borrowed("Missing Contact"),
};

/// The values of Record-Route, each in one line.
fn routes(message: &Headers) -> Result<Vec<String>, BadRequest> {
    let mut routes = Vec::new();
    for route in message.name_addrs(HeaderName::RecordRoute) {
        // Where a value goes over several lines, each break is as good as a blank (RFC 3261 §7.3.1).
        routes.push(written(&route?).replace(['\r', '\n'], " "));
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
