//! SUBSCRIBE: a phone wants to be told of a rep's or a group's presence (RFC 6665 §4.2.1, RFC 3856 §6), or of
//! who watches it (RFC 3857). What is sound goes to the agent, which keeps the subscriptions. Must not know what becomes of them.

use helpdesk::RepId;
use presence::watchers::read_resource_lists;
use presence::{DocumentError, LONGEST_DOCUMENT};
use sip::subscription::{Standing, Subscribe};
use sip::{Flow, HeaderName, Protocol, Request, StatusCode};
use sip_transport::{Exchange, Handling, PendingAnswer};
use tokio::sync::mpsc::error::TrySendError;

use super::answer::{answer, bad, refuse};
use super::directory::{Directory, GroupName, Resource};
use super::formats::{Formats, RELATED, takes};
use super::packed::{ACCEPT_ENCODING, PackedError, unpacked};
use super::permission::Verdict;
use super::watched::{PIDF, RLMI, WATCHERINFO, Watched};
use super::watched_list::ListHandle;
use super::{ALLOW_EVENTS, SipService};
use crate::random;

/// When a phone that met a busy agent may try again, in seconds.
const RETRY_AFTER: &str = "5";

/// The type of a watcher's own list.
const RESOURCE_LISTS: &str = "application/resource-lists+xml";

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
    pub(super) formats: Formats,
    pub(super) pending: PendingAnswer,
}

/// What a SUBSCRIBE asks for.
struct Wish {
    watcher: RepId,
    /// Nothing inside a dialog, which says it itself.
    resource: Option<Watched>,
    standing: Standing,
    formats: Formats,
}

impl SipService {
    pub(super) fn handle_subscribe(&self, request: &Request, exchange: Exchange<'_>) -> Handling {
        let wish = match self.read_subscribe(request, &exchange) {
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
                watcher: wish.watcher.as_str().into(),
                resource: wish.resource,
                contact: contact(request, flow),
                local_tag: local_tag.into(),
                // The agent, which knows the states and the dialogs, adds these.
                entity_tag: None,
                require: None,
                standing: wish.standing,
            }),
            formats: wish.formats,
            pending,
        };
        if let Err(TrySendError::Full(ask) | TrySendError::Closed(ask)) =
            self.subscribes.try_send(ask)
        {
            ask.pending.answer(overloaded);
        }
        Handling::Later
    }

    fn read_subscribe(&self, request: &Request, exchange: &Exchange<'_>) -> Result<Wish, Handling> {
        let fail = |status| answer(request, exchange, status);
        let bad = |header| bad(request, exchange, header);
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
        let formats = Formats::of(request);
        let to = request.to().map_err(|error| bad(error.header))?;
        if to.tag().is_some() {
            return Ok(Wish {
                watcher,
                resource: None,
                standing: Standing::Active,
                formats,
            });
        }
        let directory = self.directory.load();
        let resource = request.uri().ok().and_then(|uri| directory.resource(&uri));
        if package == Package::Presence && brings_list(request) {
            let list = self.read_list(request, exchange, &watcher, &directory, formats)?;
            return Ok(Wish {
                watcher,
                resource: Some(Watched::List(list)),
                standing: Standing::Active,
                formats,
            });
        }
        // RFC 3856 §6.5, RFC 3857 §4.5: without Accept, the package's own type is meant.
        let mut accepted = request.values(HeaderName::Accept).peekable();
        let takes_state = formats.differences && package == Package::Presence
            || accepted.peek().is_none()
            || accepted.any(|range| takes(range, package.media_type()));
        if !takes_state {
            return Err(refuse(
                fail(StatusCode::NOT_ACCEPTABLE).header(HeaderName::Accept, package.media_type()),
            ));
        }
        let (verdict, watched) = match (package, resource) {
            (Package::Presence, Some(Resource::Rep(rep))) => {
                let verdict = directory.permissions.of_rep(&watcher, &rep);
                let watched = match verdict {
                    Verdict::Hidden => Watched::HiddenRep(rep),
                    Verdict::Allowed | Verdict::Held | Verdict::Forbidden => Watched::Rep(rep),
                };
                (verdict, watched)
            }
            (Package::Presence, Some(Resource::Group(group))) => (
                // A group that is always closed would fool nobody.
                match directory.permissions.of_group(&watcher) {
                    Verdict::Hidden => Verdict::Forbidden,
                    verdict @ (Verdict::Allowed | Verdict::Held | Verdict::Forbidden) => verdict,
                },
                watched_group(group, request, &watcher, &directory, formats),
            ),
            (Package::WatcherInfo, Some(Resource::Rep(rep))) => (
                directory.permissions.of_watchers(&watcher, &rep),
                Watched::WatchersOf(rep),
            ),
            (Package::WatcherInfo, Some(Resource::Group(_))) => {
                return Err(refuse(
                    fail(StatusCode::FORBIDDEN).reason("Groups Have No Watcher Information"),
                ));
            }
            (_, Some(Resource::Domain | Resource::Desk | Resource::Other(_)) | None) => {
                return Err(refuse(fail(StatusCode::NOT_FOUND)));
            }
        };
        let standing = match verdict {
            Verdict::Allowed | Verdict::Hidden => Standing::Active,
            Verdict::Held => Standing::Pending,
            Verdict::Forbidden => {
                return Err(refuse(
                    fail(StatusCode::FORBIDDEN).reason("You May Not Watch This"),
                ));
            }
        };
        Ok(Wish {
            watcher,
            resource: Some(watched),
            standing,
            formats,
        })
    }

    /// RFC 5367 §4: the list is in the body.
    fn read_list(
        &self,
        request: &Request,
        exchange: &Exchange<'_>,
        watcher: &RepId,
        directory: &Directory,
        formats: Formats,
    ) -> Result<ListHandle, Handling> {
        let fail = |status| answer(request, exchange, status);
        let unsupported = || {
            refuse(
                fail(StatusCode::UNSUPPORTED_MEDIA_TYPE)
                    .header(HeaderName::Accept, RESOURCE_LISTS)
                    .header(HeaderName::AcceptEncoding, ACCEPT_ENCODING),
            )
        };
        let bad_body = |reason: String| refuse(fail(StatusCode::BAD_REQUEST).reason(reason));
        // RFC 4662 §4.1: the states of a list are for those who know how to read them.
        if !formats.lists {
            return Err(refuse(
                fail(StatusCode::EXTENSION_REQUIRED)
                    .header(HeaderName::Require, "eventlist")
                    .header(HeaderName::Accept, format!("{RELATED}, {RLMI}, {PIDF}")),
            ));
        }
        let is_list = request
            .content_type()
            .map_err(|error| bad(request, exchange, error.header))?
            .is_some_and(|found| found.is("application", "resource-lists+xml"));
        if !is_list {
            return Err(unsupported());
        }
        let body = unpacked(request, LONGEST_DOCUMENT).map_err(|error| match error {
            PackedError::UnknownEncoding => unsupported(),
            PackedError::TooLarge => refuse(fail(StatusCode::REQUEST_ENTITY_TOO_LARGE)),
            PackedError::Broken => bad_body("Broken Content-Encoding".to_owned()),
        })?;
        let entries = read_resource_lists(&body).map_err(|error| match error {
            DocumentError::OtherDocument { .. } => unsupported(),
            DocumentError::TooLarge { .. } => refuse(fail(StatusCode::REQUEST_ENTITY_TOO_LARGE)),
            DocumentError::Malformed { .. } | DocumentError::Forbidden { .. } => {
                bad_body(format!("Bad List: {error}"))
            }
        })?;
        Ok(ListHandle::of_entries(entries, watcher, directory))
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

/// RFC 5367 §4 wants the extension required; some only name the body's purpose.
fn brings_list(request: &Request) -> bool {
    let requires = request
        .values(HeaderName::Require)
        .any(|tag| tag.eq_ignore_ascii_case(b"recipient-list-subscribe"));
    let disposes = request
        .header(HeaderName::ContentDisposition)
        .is_some_and(|value| value.to_ascii_lowercase().starts_with(b"recipient-list"));
    requires || disposes
}

/// A group is one presentity, or the list of its reps for those who know lists (RFC 4662 §4.1).
fn watched_group(
    group: GroupName,
    request: &Request,
    watcher: &RepId,
    directory: &Directory,
    formats: Formats,
) -> Watched {
    if !formats.lists {
        return Watched::Group(group);
    }
    let host = match request.uri() {
        Ok(uri) => match uri.port {
            Some(port) => format!("{}:{port}", uri.host),
            None => uri.host.to_string(),
        },
        Err(_) => directory.realm.clone(),
    };
    Watched::List(ListHandle::of_group(&group, &host, watcher, directory))
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
