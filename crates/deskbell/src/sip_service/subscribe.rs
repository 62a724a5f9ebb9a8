//! SUBSCRIBE: a phone wants to be told of a rep's or a group's presence (RFC 6665 §4.2.1, RFC 3856 §6), or of
//! who watches it (RFC 3857). What is sound goes to the agent, which keeps the subscriptions. Must not know what becomes of them.

use helpdesk::RepId;
use sip::subscription::Subscribe;
use sip::{Flow, HeaderName, Protocol, Request, StatusCode};
use sip_transport::{Exchange, Handling, PendingAnswer};
use tokio::sync::mpsc::error::TrySendError;

use super::answer::{answer, bad, refuse};
use super::directory::Resource;
use super::watched::{PIDF, WATCHERINFO, Watched};
use super::{ALLOW_EVENTS, SipService};
use crate::random;

/// When a phone that met a busy agent may try again, in seconds.
const RETRY_AFTER: &str = "5";

/// What can be subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Package {
    Presence,
    WatcherInfo,
}

/// A sound SUBSCRIBE, and the SIP answer that is owed.
#[derive(Debug)]
pub(crate) struct SubscribeAsk {
    pub(super) subscribe: Box<Subscribe<Watched>>,
    pub(super) pending: PendingAnswer,
}

impl SipService {
    pub(super) fn handle_subscribe(&self, request: &Request, exchange: Exchange<'_>) -> Handling {
        let (watcher, resource) = match self.read_subscribe(request, &exchange) {
            Ok(read) => read,
            Err(refusal) => return refusal,
        };
        let Ok(local_tag) = random::word::<16>() else {
            tracing::error!("the operating system gave no randomness");
            return refuse(answer(
                request,
                &exchange,
                StatusCode::SERVER_INTERNAL_ERROR,
            ));
        };
        let overloaded = answer(request, &exchange, StatusCode::SERVICE_UNAVAILABLE)
            .header(HeaderName::RetryAfter, RETRY_AFTER)
            .build();
        let flow = exchange.flow();
        let Ok(pending) = exchange.defer() else {
            return Handling::Overloaded;
        };
        let ask = SubscribeAsk {
            subscribe: Box::new(Subscribe {
                request: request.clone(),
                flow,
                watcher: watcher.as_str().into(),
                resource,
                contact: contact(request, flow),
                local_tag: local_tag.into(),
            }),
            pending,
        };
        if let Err(TrySendError::Full(ask) | TrySendError::Closed(ask)) =
            self.subscribes.try_send(ask)
        {
            ask.pending.answer(overloaded);
        }
        Handling::Later
    }

    /// Who subscribes, and to what unless the dialog says it.
    fn read_subscribe(
        &self,
        request: &Request,
        exchange: &Exchange<'_>,
    ) -> Result<(RepId, Option<Watched>), Handling> {
        let fail = |status| answer(request, exchange, status);
        let bad = |header| bad(request, exchange, header);
        // RFC 3261 §8.2.2.3: no extension is known here.
        let required: Vec<_> = request
            .values(HeaderName::Require)
            .map(String::from_utf8_lossy)
            .collect();
        if !required.is_empty() {
            return Err(refuse(
                fail(StatusCode::BAD_EXTENSION)
                    .header(HeaderName::Unsupported, required.join(", ")),
            ));
        }
        // RFC 6665 §4.2.1.1.
        let event = request.event().map_err(|error| bad(error.header))?;
        let package = match event.map(|event| event.package) {
            Some("presence") => Package::Presence,
            Some("presence.winfo") => Package::WatcherInfo,
            Some(_) | None => {
                return Err(refuse(
                    fail(StatusCode::BAD_EVENT).header(HeaderName::AllowEvents, ALLOW_EVENTS),
                ));
            }
        };
        let watcher = self.watcher(request, exchange)?;
        // RFC 6665 §4.2.1.3: without Accept, the package's own type is meant (RFC 3856 §6.7, RFC 3857 §4.4).
        let mut accepted = request.values(HeaderName::Accept).peekable();
        if accepted.peek().is_some() && !accepted.any(|range| takes(range, package.media_type())) {
            return Err(refuse(
                fail(StatusCode::NOT_ACCEPTABLE).header(HeaderName::Accept, package.media_type()),
            ));
        }
        let to = request.to().map_err(|error| bad(error.header))?;
        if to.tag().is_some() {
            return Ok((watcher, None));
        }
        let resource = request
            .uri()
            .ok()
            .and_then(|uri| self.directory.load().resource(&uri));
        let watched = match (package, resource) {
            // Every rep may watch every rep and every group; nobody else has an account.
            (Package::Presence, Some(Resource::Rep(rep))) => Watched::Rep(rep),
            (Package::Presence, Some(Resource::Group(group))) => Watched::Group(group),
            // RFC 3857 §4.6: who watches is for the eyes of the presentity.
            (Package::WatcherInfo, Some(Resource::Rep(rep))) if rep == watcher => {
                Watched::WatchersOf(rep)
            }
            (Package::WatcherInfo, Some(Resource::Rep(_) | Resource::Group(_))) => {
                return Err(refuse(
                    fail(StatusCode::FORBIDDEN).reason("You May Only See Your Own Watchers"),
                ));
            }
            (_, Some(Resource::Domain | Resource::Desk | Resource::Other(_)) | None) => {
                return Err(refuse(fail(StatusCode::NOT_FOUND)));
            }
        };
        Ok((watcher, Some(watched)))
    }

    fn watcher(&self, request: &Request, exchange: &Exchange<'_>) -> Result<RepId, Handling> {
        if !self.directory.load().open {
            return self.login.authenticate(request, exchange);
        }
        let from = request
            .from()
            .map_err(|error| bad(request, exchange, error.header))?;
        let user = from.sip_uri().and_then(|uri| uri.user_decoded());
        Ok(RepId::new(&user.unwrap_or_default()))
    }
}

impl Package {
    fn media_type(self) -> &'static str {
        match self {
            Self::Presence => PIDF,
            Self::WatcherInfo => WATCHERINFO,
        }
    }
}

/// Whether one value of Accept covers a type; its parameters do not matter (RFC 3261 §20.1).
fn takes(range: &[u8], media_type: &str) -> bool {
    let kind = range.split(|byte| *byte == b';').next().unwrap_or_default();
    let kind = kind.trim_ascii();
    ["*/*", "application/*", media_type]
        .iter()
        .any(|covering| kind.eq_ignore_ascii_case(covering.as_bytes()))
}

/// Where requests of the dialog reach this server: the address the SUBSCRIBE came to. A socket bound to every
/// address does not know it; the name by which the phone knows the server will do.
fn contact(request: &Request, flow: Flow) -> String {
    let transport = match flow.transport {
        Protocol::Udp => "",
        Protocol::Tcp => ";transport=tcp",
        Protocol::Tls => ";transport=tls",
        Protocol::Ws => ";transport=ws",
        Protocol::Wss => ";transport=wss",
    };
    let named = request.uri().ok().map(|uri| match uri.port {
        Some(port) => format!("{}:{port}", uri.host),
        None => uri.host.to_string(),
    });
    match named {
        Some(named) if flow.local.ip().is_unspecified() => format!("<sip:{named}{transport}>"),
        Some(_) | None => format!("<sip:{}{transport}>", flow.local),
    }
}

#[cfg(test)]
mod tests {
    use super::{PIDF, takes};

    #[test]
    fn accept_covers_pidf_by_name_and_by_star() {
        for covering in [
            "application/pidf+xml",
            "Application/PIDF+XML;q=0.5",
            "application/* ; q=1",
            "*/*",
        ] {
            assert!(takes(covering.as_bytes(), PIDF), "{covering}");
        }
        for other in ["application/xpidf+xml", "text/*", "", "application"] {
            assert!(!takes(other.as_bytes(), PIDF), "{other}");
        }
    }
}
