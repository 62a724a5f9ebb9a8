//! All subscriptions of one notifier: finds the one a SUBSCRIBE means, keeps their timers and their numbers.
//! Must not know what the resources are.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Instant;

use smallvec::SmallVec;

use super::one::{Beginning, Knowledge, Next, Ours, Refreshed, Retention, Subscription, Terms};
use super::rates::Rates;
use super::saved::Saved;
use super::{Config, EndReason, Held, Input, Outcome, Output, Subscribe, SubscriptionId, Watcher};
use crate::dialog::Dialog;
use crate::error::BadRequest;
use crate::header::event::Event;
use crate::header_name::HeaderName;
use crate::message::Request;
use crate::status::StatusCode;
use crate::write::response::ResponseBuilder;

/// The subscriptions to resources of type `R`.
///
/// Invariant: the local tag of every subscription ends with its id. Every subscription is in `ids_by_resource` under its
/// resource, in `ids_by_watcher` under its watcher, and in `timers` by its own timer; its `ours` is in `ours`.
#[derive(Debug)]
pub struct Notifier<R> {
    config: Config,
    /// Boxed, because a table keeps room for nearly as many again.
    subscriptions: HashMap<SubscriptionId, Box<Subscription<R>>>,
    ids_by_resource: HashMap<R, BTreeSet<SubscriptionId>>,
    /// Each name is here and nowhere else.
    ids_by_watcher: HashMap<Arc<str>, SmallVec<[SubscriptionId; 1]>>,
    ours: HashSet<Arc<Ours>>,
    timers: BTreeSet<(Instant, SubscriptionId)>,
    outputs: VecDeque<Output<R>>,
    last_id: u64,
}

impl<R: Clone + Eq + Hash> Notifier<R> {
    /// A notifier that nobody has subscribed to.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            subscriptions: HashMap::new(),
            ids_by_resource: HashMap::new(),
            ids_by_watcher: HashMap::new(),
            ours: HashSet::new(),
            timers: BTreeSet::new(),
            outputs: VecDeque::new(),
            last_id: 0,
        }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, input: Input<R>, now: Instant) {
        match input {
            Input::Subscribe(subscribe) => self.handle_subscribe(*subscribe, now),
            Input::Changed { resource } => self.handle_changed(&resource, now),
            Input::Notified {
                subscription,
                outcome,
            } => self.handle_outcome(subscription, outcome, now),
            Input::Admit { subscription } => self.handle_admitted(subscription, now),
            Input::End {
                subscription,
                reason,
            } => self.handle_end(subscription, reason, now),
            Input::Timeout => self.handle_timeout(now),
        }
    }

    /// What is to be done, in order.
    pub fn poll_output(&mut self) -> Option<Output<R>> {
        self.outputs.pop_front()
    }

    /// When [`Input::Timeout`] is due.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Who watches a resource, the longest-standing first.
    pub fn watchers<'a>(&'a self, resource: &R) -> impl Iterator<Item = Watcher> + use<'a, R> {
        let ids = self.ids_by_resource.get(resource).into_iter().flatten();
        ids.filter_map(|id| {
            let subscription = self.subscriptions.get(id)?;
            let (since, until) = subscription.span()?;
            Some(Watcher {
                subscription: *id,
                address: subscription.dialog.remote_uri().into(),
                since,
                until,
                standing: subscription.standing,
            })
        })
    }

    /// What a SUBSCRIBE inside a dialog is about, and the address it began with; `None` where there is no such
    /// subscription.
    pub fn resource_of(&self, request: &Request) -> Option<(&R, &str)> {
        self.subscription_of(request)
            .map(|(_, found)| (&found.resource, found.address()))
    }

    /// What has to be written down of a subscription for it to outlive a restart; nothing of one that is over or was for
    /// one NOTIFY only.
    pub fn saved(&self, subscription: SubscriptionId) -> Option<Saved<R>> {
        self.subscriptions.get(&subscription)?.saved(subscription)
    }

    /// Whether a subscription's watcher can be found again after a restart without its help.
    pub fn is_reachable(&self, subscription: SubscriptionId) -> bool {
        let found = self.subscriptions.get(&subscription);
        found.is_some_and(|found| found.reach().is_some())
    }

    /// Brings a subscription back that was written down before a restart. The watcher is told the whole state at
    /// `due`, or where it has to come by itself, then. Numbers are set aside for it anew, which has to be
    /// written down before [`Output::Notify`] is followed. `false` where it has lapsed by `now`, or is there already.
    pub fn restore(&mut self, saved: Saved<R>, due: Instant, now: Instant) -> bool {
        let id = saved.subscription;
        let is_its_tag = id_in(&saved.dialog.local_tag) == Some(id);
        if saved.until <= now || !is_its_tag || self.subscriptions.contains_key(&id) {
            return false;
        }
        let ours = Ours {
            event: saved.event.as_str().into(),
            contact: saved.contact.as_str().into(),
            transport: saved.transport,
            local: saved.local,
        };
        let ours = share(&mut self.ours, ours);
        let watcher = self.name(&saved.watcher);
        let restored = Subscription::restored(saved, watcher, ours, due, &self.config, now);
        self.insert(id, restored);
        self.set_timer(id);
        true
    }

    /// All subscriptions that are kept, in no order.
    pub fn subscriptions(&self) -> impl Iterator<Item = Held<'_, R>> {
        self.subscriptions.iter().map(|(id, found)| Held {
            subscription: *id,
            watcher: &found.watcher,
            resource: &found.resource,
            standing: found.standing,
        })
    }

    /// How many subscriptions there are.
    pub fn len(&self) -> usize {
        self.subscriptions.len()
    }

    /// Whether nobody has subscribed.
    pub fn is_empty(&self) -> bool {
        self.subscriptions.is_empty()
    }

    fn handle_subscribe(&mut self, subscribe: Subscribe<R>, now: Instant) {
        let request = subscribe.request.clone();
        let id = SubscriptionId(self.last_id + 1);
        let tag = tag_of(&subscribe.local_tag, id);
        let flow = subscribe.flow;
        let begin = |status| {
            ResponseBuilder::answer(&request, status)
                .received_from(flow.remote)
                .to_tag(tag.as_str())
        };
        let (contact, require) = (subscribe.contact.clone(), subscribe.require);
        let (response, id) = match self.subscribe(id, &tag, subscribe, now) {
            Ok(accepted) => {
                // RFC 6665 §4.2.1.1: 200 and never 202; what is granted is told.
                let mut response = begin(accepted.status)
                    .copied(HeaderName::RecordRoute)
                    .header(HeaderName::Contact, contact)
                    .header(HeaderName::Expires, accepted.seconds.to_string());
                if let Some(require) = require {
                    response = response.header(HeaderName::Require, require);
                }
                (response.build(), Some(accepted.subscription))
            }
            Err(Refused(BadRequest { status, reason })) => {
                let mut response = begin(status).reason(reason);
                if status == StatusCode::SERVICE_UNAVAILABLE {
                    let seconds = self.config.retry_after.as_secs().to_string();
                    response = response.header(HeaderName::RetryAfter, seconds);
                }
                (response.build(), None)
            }
        };
        self.outputs.push_back(Output::Answer {
            response,
            subscription: id,
        });
        if let Some(id) = id {
            self.advance(id, now);
        }
    }

    fn subscribe(
        &mut self,
        id: SubscriptionId,
        tag: &str,
        subscribe: Subscribe<R>,
        now: Instant,
    ) -> Result<Accepted, Refused> {
        let Subscribe {
            request,
            flow,
            watcher,
            resource,
            contact,
            local_tag: _,
            entity_tag,
            standing,
            require: _,
        } = subscribe;
        let lifetime = self
            .config
            .granted(request.expires().map_err(BadRequest::from)?);
        let event = request.event().map_err(BadRequest::from)?;
        let event = event.ok_or_else(|| Refused::with(StatusCode::BAD_EVENT, "Missing Event"))?;
        let terms = Terms {
            ours: Ours {
                event: event_of(&event),
                contact: contact.into(),
                transport: flow.transport,
                local: flow.local,
            },
            flow,
            lifetime,
            rates: Rates::granted(&event, &self.config, now),
            knowledge: knowledge(&request, entity_tag.as_deref()),
        };
        let seconds = lifetime.as_secs();
        let to = request.to().map_err(BadRequest::from)?;
        let (Some(resource), None) = (resource, to.tag()) else {
            let (subscription, status) = self.refresh(&request, &watcher, terms, now)?;
            return Ok(Accepted {
                subscription,
                seconds,
                status,
            });
        };
        let dialog = Dialog::open(&request, tag)?;
        let address = address_of(&request)?;
        // RFC 6665 §4.4.3: a fetch is answered and nothing is kept, so it counts against no limit.
        if !lifetime.is_zero() {
            self.make_room(&watcher)?;
        }
        let ours = share(&mut self.ours, terms.ours.clone());
        let beginning = Beginning {
            resource,
            watcher: self.name(&watcher),
            address,
            standing,
        };
        let begun = Subscription::new(dialog, beginning, ours, terms, &self.config, now);
        self.insert(id, begun);
        Ok(Accepted {
            subscription: id,
            seconds,
            status: StatusCode::OK,
        })
    }

    /// RFC 6665 §4.2.1.4: a SUBSCRIBE inside a dialog refreshes or ends the subscription there.
    fn refresh(
        &mut self,
        request: &Request,
        watcher: &str,
        terms: Terms,
        now: Instant,
    ) -> Result<(SubscriptionId, StatusCode), Refused> {
        let found = self.subscription_of(request);
        let Some((id, subscription)) = found.filter(|(_, subscription)| {
            subscription.ours.event == terms.ours.event && !subscription.is_ending()
        }) else {
            return Err(Refused::with(
                StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST,
                "Subscription Does Not Exist",
            ));
        };
        if &*subscription.watcher != watcher {
            return Err(Refused::with(
                StatusCode::FORBIDDEN,
                "Not Your Subscription",
            ));
        }
        let Some(subscription) = self.subscriptions.get_mut(&id) else {
            return Err(Refused::with(
                StatusCode::CALL_OR_TRANSACTION_DOES_NOT_EXIST,
                "Subscription Does Not Exist",
            ));
        };
        subscription.dialog.handle_request(request)?;
        let earlier = Arc::clone(&subscription.ours);
        let ours = if *earlier == terms.ours {
            Arc::clone(&earlier)
        } else {
            share(&mut self.ours, terms.ours.clone())
        };
        // RFC 5839 §6.3: nothing follows where the watcher knows the state.
        let refreshed = subscription.handle_refresh(ours, terms, now);
        release(&mut self.ours, earlier);
        let status = match refreshed {
            Refreshed::ToTell => StatusCode::OK,
            Refreshed::Known => StatusCode::NO_NOTIFICATION,
            Refreshed::Over => {
                self.forget(id);
                StatusCode::NO_NOTIFICATION
            }
        };
        self.tell_to_keep(id);
        Ok((id, status))
    }

    fn subscription_of(&self, request: &Request) -> Option<(SubscriptionId, &Subscription<R>)> {
        let to = request.to().ok()?;
        let id = id_in(to.tag()?)?;
        let found = self.subscriptions.get(&id)?;
        found.dialog.is_of(request).then_some((id, &**found))
    }

    /// Of a watcher with too many, one that cannot be reached any more goes first.
    fn make_room(&mut self, watcher: &str) -> Result<(), Refused> {
        let full = Refused::with(StatusCode::SERVICE_UNAVAILABLE, "Too Many Subscriptions");
        let held = self.ids_by_watcher.get(watcher);
        let held = held.map(SmallVec::as_slice).unwrap_or_default();
        if held.len() >= self.config.most_per_watcher {
            let is_lost = |id: &&SubscriptionId| {
                let found = self.subscriptions.get(id);
                found.is_some_and(|found| found.is_lost())
            };
            let lost = held.iter().find(is_lost).copied();
            self.forget(lost.ok_or_else(|| full.clone())?);
        }
        if self.subscriptions.len() >= self.config.most {
            return Err(full);
        }
        Ok(())
    }

    fn handle_changed(&mut self, resource: &R, now: Instant) {
        let Some(ids) = self.ids_by_resource.get(resource) else {
            return;
        };
        for id in ids.iter().copied().collect::<Vec<_>>() {
            if let Some(subscription) = self.subscriptions.get_mut(&id) {
                subscription.handle_changed(now);
            }
            self.advance(id, now);
        }
    }

    fn handle_outcome(&mut self, id: SubscriptionId, outcome: Outcome, now: Instant) {
        // What is unknown has ended meanwhile, and its last NOTIFY needs no answer: Linphone says 481 to it.
        let Some(subscription) = self.subscriptions.get_mut(&id) else {
            return;
        };
        match subscription.handle_outcome(outcome, &self.config, now) {
            Next::Forget => self.forget(id),
            Next::Wait | Next::Notify(..) | Next::NotifyLast(..) => self.advance(id, now),
        }
    }

    fn handle_admitted(&mut self, id: SubscriptionId, now: Instant) {
        if let Some(subscription) = self.subscriptions.get_mut(&id) {
            subscription.handle_admitted(now);
            let (resource, retention) = (subscription.resource.clone(), subscription.retention);
            self.tell_watchers_changed(resource, retention);
            self.tell_to_keep(id);
            self.advance(id, now);
        }
    }

    fn handle_end(&mut self, id: SubscriptionId, reason: EndReason, now: Instant) {
        if let Some(subscription) = self.subscriptions.get_mut(&id) {
            subscription.handle_end(reason, now);
            self.advance(id, now);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, id)) = self.timers.first().copied() {
            if at > now {
                return;
            }
            self.advance(id, now);
        }
    }

    /// Does what the time asks of one subscription, and sets its timer anew.
    fn advance(&mut self, id: SubscriptionId, now: Instant) {
        let Some(subscription) = self.subscriptions.get_mut(&id) else {
            return;
        };
        let next = subscription.advance(&self.config, now);
        let last = matches!(next, Next::NotifyLast(..) | Next::Forget);
        if let Next::Notify(draft, content) | Next::NotifyLast(draft, content) = next
            && let Some(path) = subscription.path()
        {
            let to_keep = !last && subscription.number_ahead(&self.config);
            self.outputs.push_back(Output::Notify {
                subscription: id,
                resource: subscription.resource.clone(),
                address: subscription.address().into(),
                path,
                content,
                draft,
            });
            if to_keep {
                self.tell_to_keep(id);
            }
        }
        if last {
            self.forget(id);
        } else {
            self.set_timer(id);
        }
    }

    fn set_timer(&mut self, id: SubscriptionId) {
        let Some(subscription) = self.subscriptions.get_mut(&id) else {
            return;
        };
        let next = subscription.next_timeout();
        if next == subscription.timer {
            return;
        }
        if let Some(at) = subscription.timer {
            self.timers.remove(&(at, id));
        }
        if let Some(at) = next {
            self.timers.insert((at, id));
        }
        subscription.timer = next;
    }

    fn insert(&mut self, id: SubscriptionId, mut subscription: Subscription<R>) {
        self.last_id = self.last_id.max(id.0);
        // What is named by many is one piece of memory.
        if let Some((known, _)) = self.ids_by_resource.get_key_value(&subscription.resource) {
            subscription.resource = known.clone();
        }
        self.ids_by_resource
            .entry(subscription.resource.clone())
            .or_default()
            .insert(id);
        self.ids_by_watcher
            .entry(Arc::clone(&subscription.watcher))
            .or_default()
            .push(id);
        let retention = subscription.retention;
        let resource = subscription.resource.clone();
        self.subscriptions.insert(id, Box::new(subscription));
        self.tell_watchers_changed(resource, retention);
        match retention {
            Retention::Once => {}
            Retention::UntilExpiry => self.tell_to_keep(id),
        }
    }

    fn forget(&mut self, id: SubscriptionId) {
        let Some(gone) = self.subscriptions.remove(&id) else {
            return;
        };
        if let Some(at) = gone.timer {
            self.timers.remove(&(at, id));
        }
        if let Some(ids) = self.ids_by_resource.get_mut(&gone.resource) {
            ids.remove(&id);
            if ids.is_empty() {
                self.ids_by_resource.remove(&gone.resource);
            }
        }
        if let Some(ids) = self.ids_by_watcher.get_mut(&gone.watcher) {
            ids.retain(|held| *held != id);
            if ids.is_empty() {
                self.ids_by_watcher.remove(&gone.watcher);
            }
        }
        release(&mut self.ours, gone.ours);
        match gone.retention {
            Retention::Once => {}
            Retention::UntilExpiry => self.tell_to_keep(id),
        }
        self.outputs.push_back(Output::Ended { subscription: id });
        self.tell_watchers_changed(gone.resource, gone.retention);
    }

    fn tell_to_keep(&mut self, subscription: SubscriptionId) {
        self.outputs.push_back(Output::ToKeep { subscription });
    }

    fn name(&self, watcher: &str) -> Arc<str> {
        match self.ids_by_watcher.get_key_value(watcher) {
            Some((known, _)) => Arc::clone(known),
            None => Arc::from(watcher),
        }
    }

    fn tell_watchers_changed(&mut self, resource: R, retention: Retention) {
        match retention {
            Retention::Once => {}
            Retention::UntilExpiry => self.outputs.push_back(Output::WatchersChanged { resource }),
        }
    }
}

/// What is ours in the way it is kept: once.
fn share(kept: &mut HashSet<Arc<Ours>>, ours: Ours) -> Arc<Ours> {
    if let Some(known) = kept.get(&ours) {
        return Arc::clone(known);
    }
    let ours = Arc::new(ours);
    kept.insert(Arc::clone(&ours));
    ours
}

/// Drops what no subscription has any more.
fn release(kept: &mut HashSet<Arc<Ours>>, ours: Arc<Ours>) {
    // One here, and one in the set.
    if Arc::strong_count(&ours) <= 2 {
        kept.remove(&ours);
    }
}

/// The To tag of a subscription's dialog: its id at the end is how the dialog's requests find it.
fn tag_of(word: &str, id: SubscriptionId) -> String {
    format!("{word}.{:x}", id.0)
}

fn id_in(tag: &str) -> Option<SubscriptionId> {
    let (_, id) = tag.rsplit_once('.')?;
    u64::from_str_radix(id, 16).ok().map(SubscriptionId)
}

#[derive(Debug)]
struct Accepted {
    subscription: SubscriptionId,
    seconds: u64,
    status: StatusCode,
}

#[derive(Debug, Clone)]
struct Refused(BadRequest);

impl Refused {
    fn with(status: StatusCode, reason: &'static str) -> Self {
        Self(BadRequest {
            status,
            reason: Cow::Borrowed(reason),
        })
    }
}

impl From<BadRequest> for Refused {
    fn from(error: BadRequest) -> Self {
        Self(error)
    }
}

/// Package and id, which together tell subscriptions of one dialog apart (RFC 6665 §4.5.2).
fn event_of(event: &Event<'_>) -> Box<str> {
    match event.id() {
        Some(id) => format!("{};id={id}", event.package).into(),
        None => event.package.into(),
    }
}

/// RFC 5839 §4: whether the tag the watcher names, or `*`, is that of the newest state.
fn knowledge(request: &Request, entity_tag: Option<&str>) -> Knowledge {
    let named = request.header(HeaderName::SuppressIfMatch);
    match (named.map(<[u8]>::trim_ascii), entity_tag) {
        (Some(named), Some(tag)) if named == b"*" || named == tag.as_bytes() => Knowledge::Newest,
        (Some(_) | None, _) => Knowledge::Unknown,
    }
}

/// The address that a SUBSCRIBE outside a dialog is about, without parameters.
///
/// # Errors
/// Where the Request-URI is none of SIP.
pub fn address_of(request: &Request) -> Result<Box<str>, BadRequest> {
    let uri = request.uri()?;
    let user = uri
        .user
        .map(|user| format!("{}@", String::from_utf8_lossy(user)))
        .unwrap_or_default();
    let port = uri.port.map(|port| format!(":{port}")).unwrap_or_default();
    Ok(format!("sip:{user}{}{port}", uri.host).into())
}
