//! PUBLISH: a rep's phone states its presence, or a PBX the state of a line (RFC 3903 §6).
//! Must not know how states are composed.

use std::hash::BuildHasher;
use std::num::NonZeroU64;
use std::time::Instant;

use foldhash::fast::FixedState;
use helpdesk::RepId;
use presence::{Change, PresentityId, PublishError, Published, Publisher};
use sip::{Flow, HeaderName, Request, StatusCode};
use sip_transport::{Exchange, Handling};

use super::SipService;
use super::answer::{answer, bad, refuse};
use super::authentication::Proven;
use super::directory::Resource;
use super::publication::{PUBLISHED_EVENTS, Package, read_publish, read_tag};

/// When a phone that met a full store may try again, in seconds.
const RETRY_AFTER: &str = "30";

impl SipService {
    pub(super) fn handle_publish(&self, request: &Request, exchange: Exchange<'_>) -> Handling {
        let Ok(place) = self.answers.place() else {
            return Handling::Overloaded;
        };
        match self.publish(request, &exchange) {
            Ok((proven, rep, package, published)) => {
                self.presence_changed(&rep, published.change);
                let success = match &proven {
                    Some(proven) => proven.success(request, &exchange),
                    None => answer(request, &exchange, StatusCode::OK),
                };
                let response = success
                    .header(
                        HeaderName::SipEtag,
                        package.tag_text(published.entity_tag.to_string()),
                    )
                    .seconds(HeaderName::Expires, published.lifetime)
                    .build();
                place.answer(exchange, response)
            }
            Err(refusal) => refusal,
        }
    }

    /// What came over this connection is believed for a while yet: most phones come back by another one.
    pub(super) fn doubt_what_came_over(&self, flow: Flow, now: Instant) {
        for presentity in self.publishers.handle_flow_closed(flow) {
            let until = now + self.flow_grace;
            let change = self.store.doubt(&presentity, publisher(flow), until, now);
            self.presence_changed(&RepId::new(presentity.as_str()), change);
        }
    }

    fn publish(
        &self,
        request: &Request,
        exchange: &Exchange<'_>,
    ) -> Result<(Option<Proven>, RepId, Package, Published), Handling> {
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
        let package = event
            .and_then(|event| Package::of(event.package))
            .ok_or_else(|| {
                refuse(
                    fail(StatusCode::BAD_EVENT).header(HeaderName::AllowEvents, PUBLISHED_EVENTS),
                )
            })?;
        // RFC 3903 §6 step 3.
        let proven = if directory.open {
            None
        } else {
            Some(self.login.prove(request, exchange)?)
        };
        let Resource::Rep(rep) = resource else {
            return Err(refuse(fail(StatusCode::NOT_FOUND)));
        };
        if proven.as_ref().is_some_and(|proven| proven.rep != rep) {
            return Err(refuse(
                fail(StatusCode::FORBIDDEN).reason("You May Only Publish For Yourself"),
            ));
        }
        let presentity = PresentityId::new(rep.as_str());
        let unreadable =
            |unreadable: super::publication::Unreadable| unreadable.refusal(request, exchange);
        let entity_tag = read_tag(request, package).map_err(unreadable)?;
        let is_unknown =
            || entity_tag.is_some_and(|tag| !self.store.knows(&presentity, tag, exchange.now()));
        // RFC 3903 §6 step 4 comes before the body is looked at, and before the lifetime is. Where both can be read at no
        // cost, the store finds it out by itself.
        let has_body = !request.body_bytes().is_empty();
        if has_body && is_unknown() {
            return Err(refuse(fail(StatusCode::CONDITIONAL_REQUEST_FAILED)));
        }
        let publish = match read_publish(request, package, entity_tag, publisher(exchange.flow())) {
            Ok(publish) => publish,
            Err(_) if !has_body && is_unknown() => {
                return Err(refuse(fail(StatusCode::CONDITIONAL_REQUEST_FAILED)));
            }
            Err(error) => return Err(unreadable(error)),
        };
        match self.store.publish(&presentity, publish, exchange.now()) {
            Ok(published) => {
                self.publishers.handle_publish(exchange.flow(), &presentity);
                Ok((proven, rep, package, published))
            }
            Err(PublishError::UnknownEntityTag) => {
                Err(refuse(fail(StatusCode::CONDITIONAL_REQUEST_FAILED)))
            }
            // RFC 3903 §6 step 5.
            Err(PublishError::TooBrief { floor }) => Err(refuse(
                fail(StatusCode::INTERVAL_TOO_BRIEF).seconds(HeaderName::MinExpires, floor),
            )),
            Err(error @ PublishError::Patch(_)) => Err(refuse(
                fail(StatusCode::BAD_REQUEST).reason(format!("Bad Body: {error}")),
            )),
            Err(PublishError::TooManyPublications | PublishError::TooManyPresentities) => {
                Err(refuse(
                    fail(StatusCode::SERVICE_UNAVAILABLE)
                        .header(HeaderName::RetryAfter, RETRY_AFTER),
                ))
            }
        }
    }

    fn presence_changed(&self, rep: &RepId, change: Change) {
        match change {
            Change::Changed { .. } => {
                self.presence.mark();
                self.tell(rep);
            }
            Change::Unchanged => {}
        }
    }

    fn tell(&self, rep: &RepId) {
        self.happenings.sip(|| {
            let state = self
                .store
                .presentity(&PresentityId::new(rep.as_str()))
                .map_or("offline".to_owned(), |presentity| {
                    presentity.composed().availability.to_string()
                });
            format!("PUBLISH: {rep} is {state}")
        });
    }
}

/// PUBLISHes of one phone share neither Call-ID nor tags: what they share is where they come from.
fn publisher(flow: Flow) -> Publisher {
    // The same over a restart, after which the phone may come back with what it remembers. Nobody gains by another flow
    // of the same number: what is told apart by it are the phones of one rep.
    let key = FixedState::default().hash_one(flow);
    Publisher(NonZeroU64::new(key).unwrap_or(NonZeroU64::MIN))
}
