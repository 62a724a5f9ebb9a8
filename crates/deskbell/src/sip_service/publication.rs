//! Reads what a PUBLISH asks for (RFC 3903 §4.1, table 1), for each event package that can be published.
//! Must not know who may publish, or what becomes of it.

use presence::{Document, DocumentError, LONGEST_DOCUMENT, Partial, Publish, Publisher};
use sip::{HeaderError, HeaderName, Request, StatusCode};
use sip_transport::{Exchange, Handling};

use super::answer::{answer, bad, refuse};
use super::packed::{ACCEPT_ENCODING, PackedError, unpacked};

/// The event packages that can be published, as an Allow-Events header lists them.
pub(super) const PUBLISHED_EVENTS: &str = "presence, dialog";

/// Begins the entity-tags of the calls of a line, so that no tag names publications of two packages.
const DIALOG_TAG: char = 'd';

/// An event package that can be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Package {
    /// RFC 3856.
    Presence,
    /// RFC 4235: the calls of a line, as a PBX knows them.
    Dialog,
}

impl Package {
    pub(super) fn of(event: &str) -> Option<Self> {
        match event {
            "presence" => Some(Self::Presence),
            "dialog" => Some(Self::Dialog),
            _ => None,
        }
    }

    /// An entity-tag of the store, as phones are told it.
    pub(super) fn tag_text(self, entity_tag: String) -> String {
        match self {
            Self::Presence => entity_tag,
            Self::Dialog => format!("{DIALOG_TAG}{entity_tag}"),
        }
    }

    /// The entity-tag of the store that a phone names; empty, and so no tag, if it is one of another package.
    fn store_tag(self, text: &str) -> &str {
        match self {
            Self::Presence => text,
            Self::Dialog => text.strip_prefix(DIALOG_TAG).unwrap_or_default(),
        }
    }

    fn accept(self) -> &'static str {
        match self {
            Self::Presence => "application/pidf+xml, application/pidf-diff+xml",
            Self::Dialog => "application/dialog-info+xml",
        }
    }
}

/// Why a PUBLISH cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unreadable {
    Header(HeaderName),
    Body(DocumentError),
    MediaType(Package),
    Packed(PackedError),
    /// Neither a body nor a publication that it could refresh.
    Nothing,
    /// Changes, and no publication in which they could be made.
    NothingToPatch,
}

impl From<HeaderError> for Unreadable {
    fn from(error: HeaderError) -> Self {
        Self::Header(error.header)
    }
}

impl Unreadable {
    pub(super) fn refusal(&self, request: &Request, exchange: &Exchange<'_>) -> Handling {
        let fail = |status| answer(request, exchange, status);
        refuse(match self {
            Self::Header(header) => return bad(request, exchange, *header),
            Self::Nothing => fail(StatusCode::BAD_REQUEST).reason("Neither Body Nor SIP-If-Match"),
            Self::NothingToPatch => {
                fail(StatusCode::BAD_REQUEST).reason("Changes Without SIP-If-Match")
            }
            Self::Body(DocumentError::TooLarge { .. }) | Self::Packed(PackedError::TooLarge) => {
                fail(StatusCode::REQUEST_ENTITY_TOO_LARGE)
            }
            Self::MediaType(package) => fail(StatusCode::UNSUPPORTED_MEDIA_TYPE)
                .header(HeaderName::Accept, package.accept()),
            Self::Packed(PackedError::UnknownEncoding) => fail(StatusCode::UNSUPPORTED_MEDIA_TYPE)
                .header(HeaderName::AcceptEncoding, ACCEPT_ENCODING),
            Self::Packed(PackedError::Broken) => {
                fail(StatusCode::BAD_REQUEST).reason("Bad Body: it cannot be unpacked")
            }
            Self::Body(
                error @ (DocumentError::OtherDocument { .. }
                | DocumentError::Malformed { .. }
                | DocumentError::Forbidden { .. }),
            ) => fail(StatusCode::BAD_REQUEST).reason(format!("Bad Body: {error}")),
        })
    }
}

/// The publication that is asked about: the entity-tag of SIP-If-Match, as the store knows it.
// RFC 3903 §11.3.2: SIP-If-Match holds one entity-tag.
pub(super) fn read_tag(request: &Request, package: Package) -> Result<Option<&str>, Unreadable> {
    Ok(request.if_match()?.map(|text| package.store_tag(text)))
}

/// What is asked for. Judged by the body's length, not by Content-Type: baresip's refresh has a Content-Type and no
/// body.
pub(super) fn read_publish<'r>(
    request: &'r Request,
    package: Package,
    entity_tag: Option<&'r str>,
    publisher: Publisher,
) -> Result<Publish<'r>, Unreadable> {
    let publisher = Some(publisher);
    let lifetime = request.expires()?;
    match (entity_tag, request.body_bytes().is_empty()) {
        (None, true) => Err(Unreadable::Nothing),
        (None, false) => match read_body(request, package)? {
            Body::Whole(document) => Ok(Publish::Initial {
                document,
                lifetime,
                publisher,
            }),
            // RFC 5264 §4.4: an initial publication is never partial.
            Body::Changes(_) => Err(Unreadable::NothingToPatch),
        },
        (Some(entity_tag), _) if lifetime.is_some_and(|lifetime| lifetime.is_zero()) => {
            Ok(Publish::Remove { entity_tag })
        }
        (Some(entity_tag), true) => Ok(Publish::Refresh {
            entity_tag,
            lifetime,
            publisher,
        }),
        (Some(entity_tag), false) => Ok(match read_body(request, package)? {
            Body::Whole(document) => Publish::Modify {
                entity_tag,
                document,
                lifetime,
                publisher,
            },
            Body::Changes(patch) => Publish::Patch {
                entity_tag,
                patch,
                lifetime,
                publisher,
            },
        }),
    }
}

enum Body {
    Whole(Document),
    Changes(presence::Patch),
}

fn read_body(request: &Request, package: Package) -> Result<Body, Unreadable> {
    let read: fn(&[u8]) -> Result<Body, DocumentError> = match (package, request.content_type()?) {
        (Package::Presence, Some(found)) if found.is("application", "pidf+xml") => {
            |body| Document::read_pidf(body).map(Body::Whole)
        }
        (Package::Presence, Some(found)) if found.is("application", "pidf-diff+xml") => |body| {
            Partial::read(body).map(|partial| match partial {
                Partial::Full(document) => Body::Whole(document),
                Partial::Diff(patch) => Body::Changes(patch),
            })
        },
        (Package::Dialog, Some(found)) if found.is("application", "dialog-info+xml") => {
            |body| Document::read_dialog_info(body).map(Body::Whole)
        }
        (Package::Presence | Package::Dialog, _) => return Err(Unreadable::MediaType(package)),
    };
    let body = unpacked(request, LONGEST_DOCUMENT).map_err(Unreadable::Packed)?;
    read(&body).map_err(|error| match error {
        // It is another document than its type says.
        DocumentError::OtherDocument { .. } => Unreadable::MediaType(package),
        DocumentError::Malformed { .. }
        | DocumentError::Forbidden { .. }
        | DocumentError::TooLarge { .. } => Unreadable::Body(error),
    })
}
