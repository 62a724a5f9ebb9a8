//! PUBLISH: a rep's phone states its presence (RFC 3903 §6). Must not know how states are composed.

use std::time::Duration;

use helpdesk::RepId;
use presence::{Change, Document, DocumentError, PresentityId, Publish, PublishError, Published};
use sip::{HeaderName, Request, StatusCode};
use sip_transport::{Exchange, Handling};

use super::answer::answer;
use super::authentication::refuse;
use super::directory::Resource;
use super::{ALLOW_EVENTS, SipService};

/// The one document type that is read.
const PIDF: &str = "application/pidf+xml";

/// When a phone that met a full store may try again, in seconds.
const RETRY_AFTER: &str = "30";

impl SipService {
    pub(super) fn handle_publish(&self, request: &Request, exchange: &Exchange<'_>) -> Handling {
        Handling::Answer(match self.publish(request, exchange) {
            Ok((rep, published)) => {
                if matches!(published.change, Change::Changed { .. }) {
                    self.presence.mark();
                }
                self.tell_published(&rep, &published);
                let answer = answer(request, exchange, StatusCode::OK).header(
                    HeaderName::Expires,
                    published.lifetime.as_secs().to_string(),
                );
                match published.entity_tag {
                    Some(tag) => answer
                        .header(HeaderName::SipEtag, tag.to_string())
                        .build(),
                    None => answer.build(),
                }
            }
            Err(response) => response,
        })
    }

    fn publish(
        &self,
        request: &Request,
        exchange: &Exchange<'_>,
    ) -> Result<(RepId, Published), bytes::Bytes> {
        let fail = |status| answer(request, exchange, status);
        let bad = |reason: String| {
            answer(request, exchange, StatusCode::BAD_REQUEST)
                .reason(reason)
                .build()
        };
        // RFC 3903 §6 step 1: a resource of another domain.
        let directory = self.directory.load();
        let resource = request
            .uri()
            .ok()
            .and_then(|uri| directory.resource(&uri))
            .ok_or_else(|| fail(StatusCode::NOT_FOUND).build())?;
        // RFC 3903 §6 step 2.
        let event = request
            .event()
            .map_err(|error| bad(format!("Bad {}", error.header.as_str())))?;
        if event.is_none_or(|event| event.package != "presence") {
            return Err(fail(StatusCode::BAD_EVENT)
                .header(HeaderName::AllowEvents, ALLOW_EVENTS)
                .build());
        }
        // RFC 3903 §6 step 3.
        let sender = if directory.open {
            None
        } else {
            Some(self.authenticator.authenticate(request, exchange)?)
        };
        let rep = match resource {
            Resource::Rep(rep) => rep,
            Resource::Domain | Resource::Desk | Resource::Other(_) => {
                return Err(fail(StatusCode::NOT_FOUND).build());
            }
        };
        if let Some(sender) = sender
            && sender != rep
        {
            return Err(refuse(request, exchange, "You May Only Publish For Yourself"));
        }
        // RFC 3903 §6 step 4: a lifetime is adjusted by the store, never refused.
        let lifetime = request
            .expires()
            .map_err(|error| bad(format!("Bad {}", error.header.as_str())))?;
        let publish = read_publish(request, lifetime).map_err(|unreadable| match unreadable {
            Unreadable::Bad(reason) => bad(reason),
            Unreadable::MediaType => fail(StatusCode::UNSUPPORTED_MEDIA_TYPE)
                .header(HeaderName::Accept, PIDF)
                .build(),
            Unreadable::Encoding => fail(StatusCode::UNSUPPORTED_MEDIA_TYPE)
                .header(HeaderName::AcceptEncoding, "identity")
                .build(),
            Unreadable::TooLarge => fail(StatusCode::REQUEST_ENTITY_TOO_LARGE).build(),
        })?;
        let presentity = PresentityId::new(rep.as_str());
        match self.store.publish(&presentity, publish, exchange.now()) {
            Ok(published) => Ok((rep, published)),
            Err(PublishError::UnknownEntityTag) => {
                Err(fail(StatusCode::CONDITIONAL_REQUEST_FAILED).build())
            }
            Err(PublishError::TooManyPublications | PublishError::TooManyPresentities) => {
                Err(fail(StatusCode::SERVICE_UNAVAILABLE)
                    .header(HeaderName::RetryAfter, RETRY_AFTER)
                    .build())
            }
        }
    }

    fn tell_published(&self, rep: &RepId, published: &Published) {
        if matches!(published.change, Change::Unchanged) {
            return;
        }
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

/// Why a PUBLISH cannot be read.
enum Unreadable {
    Bad(String),
    MediaType,
    Encoding,
    TooLarge,
}

/// Tells the four kinds apart: RFC 3903 §4.1, table 1. Judged by the body's length, not by Content-Type:
/// baresip's refresh has a Content-Type and no body.
fn read_publish(
    request: &Request,
    lifetime: Option<Duration>,
) -> Result<Publish<'_>, Unreadable> {
    // RFC 3903 §11.3.2: SIP-If-Match holds one entity-tag.
    let entity_tag = request
        .if_match()
        .map_err(|error| Unreadable::Bad(format!("Bad {}", error.header.as_str())))?;
    let has_body = !request.body().is_empty();
    match (entity_tag, has_body) {
        (None, false) => Err(Unreadable::Bad("Missing SIP-If-Match Or Body".to_owned())),
        (None, true) => Ok(Publish::Initial {
            document: read_document(request)?,
            lifetime,
        }),
        (Some(entity_tag), _) if lifetime.is_some_and(|lifetime| lifetime.is_zero()) => {
            Ok(Publish::Remove { entity_tag })
        }
        (Some(entity_tag), false) => Ok(Publish::Refresh {
            entity_tag,
            lifetime,
        }),
        (Some(entity_tag), true) => Ok(Publish::Modify {
            entity_tag,
            document: read_document(request)?,
            lifetime,
        }),
    }
}

fn read_document(request: &Request) -> Result<Document, Unreadable> {
    let content_type = request
        .content_type()
        .map_err(|error| Unreadable::Bad(format!("Bad {}", error.header.as_str())))?;
    if !content_type.is_some_and(|found| found.is("application", "pidf+xml")) {
        return Err(Unreadable::MediaType);
    }
    if request
        .values(HeaderName::ContentEncoding)
        .any(|encoding| !encoding.eq_ignore_ascii_case(b"identity"))
    {
        return Err(Unreadable::Encoding);
    }
    Document::read_pidf(request.body()).map_err(|error| match error {
        DocumentError::NotPresence(_) => Unreadable::MediaType,
        DocumentError::TooLarge => Unreadable::TooLarge,
        DocumentError::Malformed(_) | DocumentError::Forbidden(_) => {
            Unreadable::Bad(format!("Bad Body: {error}"))
        }
    })
}
