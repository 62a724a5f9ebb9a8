//! What a REGISTER says about its phones: contacts, Path, and whether it speaks outbound (RFC 5626).
//! Must not know what is registered already.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sip::{Contact, Flow, HeaderError, HeaderName, NameAddr, Request};

use super::super::bindings::{Binding, Priority, Way};
use super::Lifetimes;

/// Proxies on the way to a phone; more are no honest path.
const LONGEST_PATH: usize = 8;

/// What a REGISTER asks for.
#[derive(Debug)]
pub(super) enum Wish {
    /// The list of bindings.
    List,
    /// The end of all bindings: `*`.
    RemoveAll,
    /// These bindings; expired ones are to end.
    Bind(Vec<Binding>),
}

/// Whether outbound is spoken (RFC 5626 §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outbound {
    /// The phone does not ask for it.
    NotAsked,
    /// Requests go over the flow, and the answer says so.
    Applied,
    /// The phone asks for it, and the proxy before us cannot find the flow again.
    FirstHopLacksIt,
}

/// The header for which a REGISTER is refused: malformed, or against the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable(pub(super) HeaderName);

impl From<HeaderError> for Unreadable {
    fn from(error: HeaderError) -> Self {
        Self(error.header)
    }
}

/// The way a REGISTER came and what surrounds it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Circumstances {
    pub(super) flow: Flow,
    pub(super) lifetimes: Lifetimes,
    pub(super) now: Instant,
}

/// Reads everything that a REGISTER says about bindings.
pub(super) fn read(
    request: &Request,
    circumstances: Circumstances,
) -> Result<(Wish, Outbound), Unreadable> {
    const BAD_CONTACT: Unreadable = Unreadable(HeaderName::Contact);
    let Circumstances {
        flow,
        lifetimes,
        now,
    } = circumstances;
    let expires = request.expires()?;
    let cseq = request.cseq()?.number;
    let call_id: Arc<[u8]> = Arc::from(request.call_id()?.as_bytes());
    let path = read_path(request)?;
    let domain: Arc<str> = Arc::from(registrar_of(request).unwrap_or_default());
    let outbound = outbound(request, &path)?;
    let mut changes = Vec::new();
    for contact in request.contacts() {
        let contact = contact?;
        let Some(address) = contact.address() else {
            // RFC 3261 §10.3 step 6: `*` goes alone, and only with Expires: 0.
            if expires != Some(Duration::ZERO) || request.contacts().count() > 1 {
                return Err(BAD_CONTACT);
            }
            return Ok((Wish::RemoveAll, Outbound::NotAsked));
        };
        let uri = address.sip_uri().ok_or(BAD_CONTACT)?;
        let wish = contact.expires().or(expires);
        changes.push(Binding {
            contact: Arc::from(uri.to_string()),
            instance: instance(address),
            reg_id: match outbound {
                Outbound::Applied => reg_id(address)?,
                Outbound::NotAsked | Outbound::FirstHopLacksIt => None,
            },
            path: path.clone(),
            priority: read_priority(address).ok_or(BAD_CONTACT)?,
            domain: domain.clone(),
            way: Way::Flow(flow),
            call_id: call_id.clone(),
            cseq,
            expires_at: now + lifetimes.granted(wish),
        });
    }
    // RFC 5626 §4.2: a flow is registered by itself.
    let flows = changes.iter().filter(|change| change.reg_id.is_some());
    if flows.count() > 1 {
        return Err(BAD_CONTACT);
    }
    let wish = match changes.as_slice() {
        [] => Wish::List,
        [..] => Wish::Bind(changes),
    };
    Ok((wish, outbound))
}

/// RFC 3327 §5.3: the registrar stores the path and hands it back, in the order it came.
fn read_path(request: &Request) -> Result<Arc<[Arc<str>]>, Unreadable> {
    let mut path = Vec::new();
    for hop in request.name_addrs(HeaderName::Path) {
        let hop = hop?;
        let uri = hop.sip_uri().ok_or(Unreadable(HeaderName::Path))?;
        path.push(Arc::from(format!("<{uri}>")));
    }
    if path.len() > LONGEST_PATH {
        return Err(Unreadable(HeaderName::Path));
    }
    Ok(Arc::from(path))
}

/// RFC 5626 §6: outbound is applied where the phone asks for it with an instance and a reg-id, unless a proxy that
/// does not know it stands between.
fn outbound(request: &Request, path: &[Arc<str>]) -> Result<Outbound, Unreadable> {
    let knows = request
        .values(HeaderName::Supported)
        .any(|tag| tag.eq_ignore_ascii_case(b"outbound"));
    let mut asks = false;
    for contact in request.contacts() {
        if let Contact::Address(address) = contact? {
            asks |= instance(&address).is_some() && reg_id(&address)?.is_some();
        }
    }
    if !(knows && asks) {
        return Ok(Outbound::NotAsked);
    }
    let is_direct = request.values(HeaderName::Via).count() == 1;
    // The proxy that the phone talks to wrote its hop first, which makes it the last of the list.
    let edge_knows = path
        .last()
        .and_then(|hop| sip::Uri::parse(hop.trim_matches(['<', '>']).as_bytes()).ok())
        .is_some_and(|uri| uri.params.get("ob").is_some());
    Ok(if is_direct || edge_knows {
        Outbound::Applied
    } else {
        Outbound::FirstHopLacksIt
    })
}

fn instance(address: &NameAddr<'_>) -> Option<Arc<str>> {
    let value = address.params.get("+sip.instance")?.unquoted()?;
    let text = std::str::from_utf8(&value).ok()?;
    // It stands in quotes again when it is listed.
    let is_plain =
        !text.is_empty() && !text.contains(['"', '\\']) && !text.contains(char::is_control);
    is_plain.then(|| Arc::from(text))
}

/// RFC 5626 §4.2: a number from 1 on.
fn reg_id(address: &NameAddr<'_>) -> Result<Option<u32>, Unreadable> {
    if address.params.get("reg-id").is_none() {
        return Ok(None);
    }
    let number = address
        .params
        .token("reg-id")
        .and_then(|id| id.parse().ok());
    match number {
        Some(1..) => Ok(number),
        Some(0) | None => Err(Unreadable(HeaderName::Contact)),
    }
}

fn read_priority(address: &NameAddr<'_>) -> Option<Priority> {
    match address.params.get("q") {
        None => Some(Priority::HIGHEST),
        Some(_) => Priority::read(address.params.token("q")?),
    }
}

/// Host and port by which the phone knows its registrar: what a From of ours must name, so that the
/// phone's answers come back here.
fn registrar_of(request: &Request) -> Option<String> {
    let uri = request.uri().ok()?;
    Some(match uri.port {
        Some(port) => format!("{}:{port}", uri.host),
        None => uri.host.to_string(),
    })
}
