//! One subscription: until when it lasts and when its next NOTIFY is due (RFC 6665 §4.2.2). At most one NOTIFY is
//! under way; whatever changes meanwhile costs one more. Must not know the other subscriptions.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::rates::Rates;
use super::saved::{Reach, Saved, SavedRates};
use super::{Config, Content, EndReason, Outcome, Path, Standing, SubscriptionId};
use crate::dialog::Dialog;
use crate::flow::{Flow, Protocol};
use crate::header_name::HeaderName;
use crate::method::Method;
use crate::write::request::RequestDraft;

#[derive(Debug)]
pub(super) struct Subscription<R> {
    pub(super) dialog: Dialog,
    pub(super) resource: R,
    pub(super) watcher: Arc<str>,
    /// The address subscribed to, without parameters; nothing where it is that of our end of the dialog, as with most.
    address: Option<Box<str>>,
    pub(super) ours: Arc<Ours>,
    remote: SocketAddr,
    /// Nothing since a restart, until the next SUBSCRIBE.
    flow_id: Option<u64>,
    /// The number that is written down as that of the last NOTIFY.
    numbered_to: u32,
    since: Instant,
    pub(super) retention: Retention,
    pub(super) standing: Standing,
    phase: Phase,
    way: Way,
    /// When the next NOTIFY wants to go out.
    due: Option<Instant>,
    /// What the next NOTIFY tells.
    content: Content,
    /// Few watchers ask for any.
    rates: Option<Box<Rates>>,
    /// Before this a change alone sends nothing.
    paced_until: Instant,
    /// Where [`super::Notifier`] has this subscription's timer.
    pub(super) timer: Option<Instant>,
}

/// Our end, which is the same for many subscriptions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Ours {
    /// The value of Event: the package and, where the watcher named one, the id.
    pub(super) event: Box<str>,
    /// Our Contact.
    pub(super) contact: Box<str>,
    pub(super) transport: Protocol,
    pub(super) local: SocketAddr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Active {
        until: Instant,
    },
    /// The last NOTIFY is due.
    Ending {
        reason: EndReason,
    },
}

/// How long a new subscription is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retention {
    /// For its one NOTIFY: a fetch (RFC 6665 §4.4.3), which makes nobody a watcher.
    Once,
    /// Until its time is over.
    UntilExpiry,
}

/// Whether a NOTIFY can go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Free,
    /// One is under way.
    Taken,
    /// The flow is gone; the watcher's next SUBSCRIBE brings another.
    Lost,
}

/// What follows from an event.
#[derive(Debug)]
pub(super) enum Next {
    /// Nothing before [`Subscription::next_timeout`].
    Wait,
    /// Send this; the subscription stays.
    Notify(Box<RequestDraft>, Content),
    /// Send this; the subscription is over.
    NotifyLast(Box<RequestDraft>, Content),
    /// The subscription is over without a word.
    Forget,
}

/// What follows from a SUBSCRIBE inside the dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refreshed {
    /// A NOTIFY is due.
    ToTell,
    /// The watcher knows the state; no NOTIFY is due.
    Known,
    /// The subscription is over, and the watcher knows the state.
    Over,
}

/// What a subscription has from its beginning.
#[derive(Debug)]
pub(super) struct Beginning<R> {
    pub(super) resource: R,
    pub(super) watcher: Arc<str>,
    pub(super) address: Box<str>,
    pub(super) standing: Standing,
}

/// What a SUBSCRIBE brings with it.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) ours: Ours,
    pub(super) flow: Flow,
    pub(super) lifetime: Duration,
    pub(super) rates: Option<Rates>,
    pub(super) knowledge: Knowledge,
}

/// Whether the watcher has proven to know the newest state (RFC 5839 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Knowledge {
    Unknown,
    Newest,
}

impl<R> Subscription<R> {
    /// A new subscription, whose first NOTIFY is due at once (RFC 6665 §4.2.1.2).
    pub(super) fn new(
        dialog: Dialog,
        beginning: Beginning<R>,
        ours: Arc<Ours>,
        terms: Terms,
        config: &Config,
        now: Instant,
    ) -> Self {
        let Beginning {
            resource,
            watcher,
            address,
            standing,
        } = beginning;
        Self {
            address: (&*address != dialog.local_uri()).then_some(address),
            dialog,
            resource,
            watcher,
            ours,
            remote: terms.flow.remote,
            flow_id: Some(terms.flow.id),
            numbered_to: config.numbers_ahead,
            since: now,
            retention: if terms.lifetime.is_zero() {
                Retention::Once
            } else {
                Retention::UntilExpiry
            },
            standing,
            phase: phase(terms.lifetime, now),
            way: Way::Free,
            due: Some(now),
            // RFC 5839 §6.2: a new subscription is always followed by a NOTIFY, if need be without a body.
            content: match terms.knowledge {
                Knowledge::Unknown => Content::Full,
                Knowledge::Newest => Content::Known,
            },
            rates: terms.rates.map(Box::new),
            paced_until: now,
            timer: None,
        }
    }

    /// A refresh, or with a lifetime of zero the end. A NOTIFY follows at once (RFC 6665 §4.2.1.2), unless the
    /// watcher has proven that it knows the state (RFC 5839 §6.3).
    pub(super) fn handle_refresh(
        &mut self,
        ours: Arc<Ours>,
        terms: Terms,
        now: Instant,
    ) -> Refreshed {
        // Whoever waits for permission must not learn whether the state is still the same.
        let knowledge = match self.standing {
            Standing::Active => terms.knowledge,
            Standing::Pending => Knowledge::Unknown,
        };
        self.phase = phase(terms.lifetime, now);
        self.ours = ours;
        self.remote = terms.flow.remote;
        self.flow_id = Some(terms.flow.id);
        self.rates = terms.rates.map(Box::new);
        if self.way == Way::Lost {
            self.way = Way::Free;
        }
        match (knowledge, self.phase) {
            (Knowledge::Unknown, _) => {
                self.due = Some(now);
                self.content = Content::Full;
                Refreshed::ToTell
            }
            (Knowledge::Newest, Phase::Active { .. }) => {
                self.due = self.rates.as_mut().and_then(|rates| {
                    let after = rates.handle_told(now)?;
                    Some((now + after).max(self.paced_until))
                });
                Refreshed::Known
            }
            (Knowledge::Newest, Phase::Ending { .. }) => Refreshed::Over,
        }
    }

    /// Ends it before its time.
    pub(super) fn handle_end(&mut self, reason: EndReason, now: Instant) {
        if !self.is_ending() {
            self.phase = Phase::Ending { reason };
            self.content = match reason {
                // Whoever may not watch is told nothing in the end.
                EndReason::Rejected | EndReason::GiveUp | EndReason::NoResource => Content::Nothing,
                EndReason::Deactivated | EndReason::Probation { .. } | EndReason::Timeout => {
                    Content::Full
                }
            };
            self.due = Some(now);
        }
    }

    /// It may be told from here on.
    pub(super) fn handle_admitted(&mut self, now: Instant) {
        if self.standing == Standing::Pending {
            self.standing = Standing::Active;
            self.content = Content::Full;
            self.due = Some(now);
        }
    }

    pub(super) fn handle_changed(&mut self, now: Instant) {
        match self.standing {
            Standing::Active => {
                let at = self.paced_until.max(now);
                self.due = Some(self.due.map_or(at, |due| due.min(at)));
            }
            // Nor is it told when something changes.
            Standing::Pending => {}
        }
    }

    /// RFC 6665 §4.2.2: which answers end the subscription.
    pub(super) fn handle_outcome(
        &mut self,
        outcome: Outcome,
        config: &Config,
        now: Instant,
    ) -> Next {
        self.way = Way::Free;
        let retry_after = match outcome {
            Outcome::Answered { status, .. } if status.is_success() => return Next::Wait,
            Outcome::Answered { status, .. } if ends_subscription(status.code()) => {
                return Next::Forget;
            }
            Outcome::TimedOut => return Next::Forget,
            Outcome::FlowClosed => {
                self.way = Way::Lost;
                Duration::ZERO
            }
            Outcome::Answered { retry_after, .. } => retry_after.unwrap_or(config.retry_interval),
            Outcome::NotSent => config.unsent_interval,
        };
        // The state was not taken in, so it is still owed, and all of it.
        self.content = Content::Full;
        self.paced_until = now + retry_after.min(config.longest_lifetime);
        self.due = Some(self.paced_until);
        Next::Wait
    }

    /// What the time asks for.
    pub(super) fn advance(&mut self, config: &Config, now: Instant) -> Next {
        if let Phase::Active { until } = self.phase
            && until <= now
        {
            let reason = match self.standing {
                Standing::Active => EndReason::Timeout,
                Standing::Pending => EndReason::GiveUp,
            };
            self.handle_end(reason, now);
        }
        match (self.way, self.phase) {
            (Way::Taken, _) => Next::Wait,
            (Way::Lost, Phase::Ending { .. }) => Next::Forget,
            (Way::Lost, Phase::Active { .. }) => Next::Wait,
            (Way::Free, _) if self.due.is_none_or(|due| due > now) => Next::Wait,
            (Way::Free, Phase::Active { until }) => {
                let pace = self.rates.as_ref().and_then(|rates| rates.pace());
                self.paced_until = now + config.shortest_interval.max(pace.unwrap_or_default());
                let again_after = self.rates.as_mut().and_then(|rates| rates.handle_told(now));
                self.due = again_after.map(|after| (now + after).max(self.paced_until));
                self.way = Way::Taken;
                let left = until.saturating_duration_since(now).as_secs_f64().ceil() as u64;
                let word = match self.standing {
                    Standing::Active => "active",
                    Standing::Pending => "pending",
                };
                let rates = self.rates.as_ref().map(|rates| rates.parameters());
                let rates = rates.unwrap_or_default();
                let left = left.to_string();
                let draft = self.notify(&[word, ";expires=", &left, &rates]);
                Next::Notify(draft, self.told_next(Content::Changes))
            }
            (Way::Free, Phase::Ending { reason }) => {
                let draft = self.notify(&["terminated;", &reason.to_string()]);
                Next::NotifyLast(draft, self.told_next(Content::Nothing))
            }
        }
    }

    /// What is told now; `after` is what the NOTIFY after it tells.
    fn told_next(&mut self, after: Content) -> Content {
        let content = std::mem::replace(&mut self.content, after);
        match self.standing {
            Standing::Active => content,
            Standing::Pending => Content::Nothing,
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let end = match self.phase {
            Phase::Active { until } => Some(until),
            Phase::Ending { .. } => None,
        };
        let due = match self.way {
            Way::Free => self.due,
            Way::Taken | Way::Lost => None,
        };
        [end, due].into_iter().flatten().min()
    }

    pub(super) fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Ending { .. })
    }

    pub(super) fn is_lost(&self) -> bool {
        self.way == Way::Lost
    }

    /// Since when and until when it lasts, while it does.
    pub(super) fn span(&self) -> Option<(Instant, Instant)> {
        match self.phase {
            Phase::Active { until } => Some((self.since, until)),
            Phase::Ending { .. } => None,
        }
    }

    pub(super) fn address(&self) -> &str {
        self.address
            .as_deref()
            .unwrap_or_else(|| self.dialog.local_uri())
    }

    /// Nothing where the watcher has to come by itself.
    pub(super) fn path(&self) -> Option<Path> {
        match self.flow_id {
            Some(id) => Some(Path::Flow(Flow {
                transport: self.ours.transport,
                local: self.ours.local,
                remote: self.remote,
                id,
            })),
            None => self.reach().map(Path::Reach),
        }
    }

    /// Whether the watcher can be found again after a restart.
    pub(super) fn reach(&self) -> Option<Reach> {
        Reach::of(self.ours.transport, self.remote, &self.dialog)
    }

    /// Sets numbers aside where few are left; whether it did. Half of them are left then, so that what is written
    /// down a little later is still above what was sent.
    pub(super) fn number_ahead(&mut self, config: &Config) -> bool {
        let sent = self.dialog.local_cseq();
        let is_due = sent.saturating_add(config.numbers_ahead / 2) > self.numbered_to;
        if is_due {
            self.numbered_to = sent.saturating_add(config.numbers_ahead);
        }
        is_due
    }

    fn notify(&mut self, state: &[&str]) -> Box<RequestDraft> {
        let mut draft = Box::new(self.dialog.next_request(Method::Notify));
        draft.add_header(HeaderName::Event, &*self.ours.event);
        draft.add_header_of(HeaderName::SubscriptionState, state);
        // RFC 6665 §4.2.1: NOTIFY refreshes the target, so it carries a Contact.
        draft.add_header(HeaderName::Contact, &*self.ours.contact);
        draft
    }
}

impl<R: Clone> Subscription<R> {
    /// What outlives a restart, for as long as it lasts.
    pub(super) fn saved(&self, subscription: SubscriptionId) -> Option<Saved<R>> {
        let (Phase::Active { until }, Retention::UntilExpiry) = (self.phase, self.retention) else {
            return None;
        };
        let mut dialog = self.dialog.saved();
        dialog.local_cseq = self.numbered_to;
        Some(Saved {
            subscription,
            dialog,
            resource: self.resource.clone(),
            watcher: (*self.watcher).to_owned(),
            address: self.address().to_owned(),
            event: self.ours.event.to_string(),
            contact: self.ours.contact.to_string(),
            transport: self.ours.transport,
            local: self.ours.local,
            remote: self.remote,
            since: self.since,
            until,
            standing: self.standing,
            rates: SavedRates::of(self.rates.as_deref()),
        })
    }

    /// A subscription from before a restart. The whole state is due at `due`, where the watcher can be found.
    pub(super) fn restored(
        saved: Saved<R>,
        watcher: Arc<str>,
        ours: Arc<Ours>,
        due: Instant,
        config: &Config,
        now: Instant,
    ) -> Self {
        let dialog = Dialog::restored(&saved.dialog);
        let mut restored = Self {
            address: (saved.address != dialog.local_uri()).then(|| saved.address.into()),
            numbered_to: dialog.local_cseq().saturating_add(config.numbers_ahead),
            dialog,
            resource: saved.resource,
            watcher,
            ours,
            remote: saved.remote,
            flow_id: None,
            since: saved.since,
            retention: Retention::UntilExpiry,
            standing: saved.standing,
            phase: Phase::Active { until: saved.until },
            way: Way::Free,
            due: Some(due),
            content: Content::Full,
            rates: Rates::restored(saved.rates, now).map(Box::new),
            // Nor does a change bring it before its time.
            paced_until: due,
            timer: None,
        };
        if restored.path().is_none() {
            restored.way = Way::Lost;
        }
        restored
    }
}

fn phase(lifetime: Duration, now: Instant) -> Phase {
    if lifetime.is_zero() {
        Phase::Ending {
            reason: EndReason::Timeout,
        }
    } else {
        Phase::Active {
            until: now + lifetime,
        }
    }
}

/// RFC 6665 §4.2.2, for the reasons of RFC 5057 §5.
const fn ends_subscription(status: u16) -> bool {
    matches!(status, 404 | 405 | 410 | 416 | 480..=485 | 489 | 501 | 604)
}
