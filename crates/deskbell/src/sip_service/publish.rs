//! PUBLISH: a rep's phone states its presence (RFC 3903 §6). Must not know how states are composed.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use helpdesk::RepId;
use presence::{
    Change, Document, DocumentError, LONGEST_DOCUMENT, PresentityId, Publish, PublishError,
    Published, Publisher,
};
use sip::{Flow, HeaderError, HeaderName, Request, StatusCode};
use sip_transport::{Exchange, Handling};

use super::SipService;
use super::answer::{answer, bad, refuse};
use super::directory::Resource;
use super::packed::{ACCEPT_ENCODING, PackedError, unpacked};

/// The event packages that can be published.
const PUBLISHED_EVENTS: &str = "presence";

/// The one document type that is read.
const PIDF: &str = "application/pidf+xml";

/// When a phone that met a full store may try again, in seconds.
const RETRY_AFTER: &str = "30";

impl SipService {
    pub(super) fn handle_publish(&self, request: &Request, exchange: &Exchange<'_>) -> Handling {
        match self.publish(request, exchange) {
            Ok((rep, published)) => {
                if matches!(published.change, Change::Changed { .. }) {
                    self.presence.mark();
                    self.tell(&rep);
                }
                Handling::Answer(
                    answer(request, exchange, StatusCode::OK)
                        .header(HeaderName::SipEtag, published.entity_tag.to_string())
                        .header(
                            HeaderName::Expires,
                            published.lifetime.as_secs().to_string(),
                        )
                        .build(),
                )
            }
            Err(refusal) => refusal,
        }
    }

    fn publish(
        &self,
        request: &Request,
        exchange: &Exchange<'_>,
    ) -> Result<(RepId, Published), Handling> {
        let fail = |status| answer(request, exchange, status);
        // RFC 3903 §6 step 1: a resource of another domain.
        let directory = self.directory.load();
        let resource = request
            .uri()
            .ok()
            .and_then(|uri| directory.resource(&uri))
            .ok_or_else(|| refuse(fail(StatusCode::NOT_FOUND)))?;
        // RFC 3903 §6 step 2.
        let event = request
            .event()
            .map_err(|error| bad(request, exchange, error.header))?;
        if event.is_none_or(|event| event.package != "presence") {
            return Err(refuse(
                fail(StatusCode::BAD_EVENT).header(HeaderName::AllowEvents, PUBLISHED_EVENTS),
            ));
        }
        // RFC 3903 §6 step 3.
        let sender = if directory.open {
            None
        } else {
            Some(self.login.authenticate(request, exchange)?)
        };
        let Resource::Rep(rep) = resource else {
            return Err(refuse(fail(StatusCode::NOT_FOUND)));
        };
        if sender.is_some_and(|sender| sender != rep) {
            return Err(refuse(
                fail(StatusCode::FORBIDDEN).reason("You May Only Publish For Yourself"),
            ));
        }
        let publish = read_publish(request, publisher(exchange.flow()))
            .map_err(|unreadable| unreadable.refusal(request, exchange))?;
        let presentity = PresentityId::new(rep.as_str());
        match self.store.publish(&presentity, publish, exchange.now()) {
            Ok(published) => Ok((rep, published)),
            Err(PublishError::UnknownEntityTag) => {
                Err(refuse(fail(StatusCode::CONDITIONAL_REQUEST_FAILED)))
            }
            Err(PublishError::TooManyPublications | PublishError::TooManyPresentities) => {
                Err(refuse(
                    fail(StatusCode::SERVICE_UNAVAILABLE)
                        .header(HeaderName::RetryAfter, RETRY_AFTER),
                ))
            }
        }
    }

    fn tell(&self, rep: &RepId) {
        self.happenings.sip(|| {
            let state = self
                .store
                .presentity(&PresentityId::new(rep.as_str()))
                .map_or("offline".to_owned(), |presentity| {
                    format!("{:?}", presentity.composed().availability).to_lowercase()
                });
            format!("PUBLISH: {rep} is {state}")
        });
    }
}

/// PUBLISHes of one phone share neither Call-ID nor tags: what they share is where they come from.
fn publisher(flow: Flow) -> Publisher {
    static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    Publisher(KEYS.hash_one(flow))
}

/// Why a PUBLISH cannot be read.
enum Unreadable {
    Header(HeaderName),
    Body(DocumentError),
    MediaType,
    Packed(PackedError),
    Nothing,
}

impl From<HeaderError> for Unreadable {
    fn from(error: HeaderError) -> Self {
        Self::Header(error.header)
    }
}

impl Unreadable {
    fn refusal(&self, request: &Request, exchange: &Exchange<'_>) -> Handling {
        let fail = |status| answer(request, exchange, status);
        refuse(match self {
            Self::Header(header) => return bad(request, exchange, *header),
            Self::Nothing => fail(StatusCode::BAD_REQUEST).reason("Neither Body Nor SIP-If-Match"),
            Self::Body(DocumentError::TooLarge { .. }) => {
                fail(StatusCode::REQUEST_ENTITY_TOO_LARGE)
            }
            Self::MediaType | Self::Body(DocumentError::OtherDocument { .. }) => {
                fail(StatusCode::UNSUPPORTED_MEDIA_TYPE).header(HeaderName::Accept, PIDF)
            }
            Self::Packed(PackedError::UnknownEncoding) => fail(StatusCode::UNSUPPORTED_MEDIA_TYPE)
                .header(HeaderName::AcceptEncoding, ACCEPT_ENCODING),
            Self::Packed(PackedError::TooLarge) => fail(StatusCode::REQUEST_ENTITY_TOO_LARGE),
            Self::Packed(PackedError::Broken) => {
                fail(StatusCode::BAD_REQUEST).reason("Bad Body: it cannot be unpacked")
            }
            Self::Body(
                error @ (DocumentError::Malformed { .. } | DocumentError::Forbidden { .. }),
            ) => fail(StatusCode::BAD_REQUEST).reason(format!("Bad Body: {error}")),
        })
    }
}

/// Tells the kinds apart: RFC 3903 §4.1, table 1. Judged by the body's length, not by Content-Type:
/// baresip's refresh has a Content-Type and no body.
fn read_publish(request: &Request, publisher: Publisher) -> Result<Publish<'_>, Unreadable> {
    // RFC 3903 §6 step 4: the store adjusts a lifetime, it never refuses one.
    let lifetime = request.expires()?;
    // RFC 3903 §11.3.2: SIP-If-Match holds one entity-tag.
    let entity_tag = request.if_match()?;
    match (entity_tag, request.body().is_empty()) {
        (None, true) => Err(Unreadable::Nothing),
        (None, false) => Ok(Publish::Initial {
            document: read_document(request)?,
            lifetime,
            publisher: Some(publisher),
        }),
        (Some(entity_tag), _) if lifetime.is_some_and(|lifetime| lifetime.is_zero()) => {
            Ok(Publish::Remove { entity_tag })
        }
        (Some(entity_tag), true) => Ok(Publish::Refresh {
            entity_tag,
            lifetime,
        }),
        (Some(entity_tag), false) => Ok(Publish::Modify {
            entity_tag,
            document: read_document(request)?,
            lifetime,
        }),
    }
}

fn read_document(request: &Request) -> Result<Document, Unreadable> {
    if !request
        .content_type()?
        .is_some_and(|found| found.is("application", "pidf+xml"))
    {
        return Err(Unreadable::MediaType);
    }
    let body = unpacked(request, LONGEST_DOCUMENT).map_err(Unreadable::Packed)?;
    Document::read_pidf(&body).map_err(Unreadable::Body)
}
