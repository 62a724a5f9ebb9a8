//! Users who are watched by many: each change is told to every watcher. Must not know sockets.

use std::time::{Duration, Instant};

use anyhow::bail;

use super::dialogs::{Notify, Subscription};
use super::drive::{Counts, GLANCE, Measured, histogram};
use super::messages::{Answer, Filling, Template, document};
use super::report::{FanOut, Report};
use super::wire::Wire;
use super::{PATIENCE, Plan, ROUND_TRIP, Transport};

/// A user, and how far its last change has come.
struct Watched {
    entity_tag: Vec<u8>,
    is_busy: bool,
    /// By watcher: whether it has been told the newest state.
    told: Vec<bool>,
    untold: usize,
    stage: Stage,
    number: u64,
    message: Vec<u8>,
    begun: Instant,
    repeat_at: Instant,
    pause: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Published, answered, and everybody knows.
    Settled,
    /// The PUBLISH has no answer yet.
    Published,
    /// It has one; some watchers have not been told.
    Answered,
}

struct Fan<'a> {
    plan: &'a Plan,
    via: String,
    first: Template,
    changes: [Template; 2],
    watched: Vec<Watched>,
    next: usize,
    number: u64,
    counts: Counts,
    told: FanOut,
}

/// Requests sent before what follows from them is waited for; more are a flood, which a server may turn away.
const AT_ONCE: usize = 64;

/// Publishes, subscribes, measures.
///
/// # Errors
/// Where the server cannot be reached, or refuses what comes before the measurement.
pub(super) fn run(plan: &Plan, via: &str, wire: &mut Wire) -> anyhow::Result<Report> {
    if plan.watchers == 0 || plan.users > usize::from(u16::MAX) {
        bail!("there has to be a watcher, and at most 65,535 users are watched");
    }
    let mut fan = Fan::new(plan, via);
    fan.publish_everybody(wire)?;
    fan.subscribe_everybody(wire)?;
    let mut latencies = histogram();
    fan.drive(wire, Duration::from_secs_f64(plan.warm_up), &mut latencies)?;
    fan.counts = Counts::default();
    fan.told.notifies = 0;
    latencies.reset();
    let before = Measured::now(plan.pid);
    let begun = Instant::now();
    fan.drive(wire, Duration::from_secs_f64(plan.seconds), &mut latencies)?;
    let seconds = begun.elapsed().as_secs_f64();
    let after = Measured::now(plan.pid);
    let (counts, notifies) = (fan.counts, fan.told.notifies);
    let end = Instant::now() + PATIENCE;
    while fan.is_anything_under_way() && Instant::now() < end {
        fan.turn(wire, &mut histogram())?;
    }
    let left = fan.watched.iter().filter(|it| it.stage != Stage::Settled);
    let left = left.count() as u64;
    std::thread::sleep(Duration::from_secs_f64(plan.rest));
    let rested = Measured::now(plan.pid);
    if notifies == 0 {
        bail!("nobody was told anything: {counts:?}");
    }
    Ok(Report {
        transport: plan.transport.name(),
        case: "watch",
        window: plan.window,
        rate: None,
        users: plan.users,
        digest: "none",
        fan_out: Some(FanOut {
            notifies,
            ..fan.told
        }),
        seconds,
        counts: Counts {
            unanswered: counts.unanswered + left,
            ..counts
        },
        latencies,
        lateness: None,
        server: after.server.since(before.server),
        own: after.own.since(before.own),
        resident_before: before.server.resident,
        resident_rested: rested.server.resident,
    })
}

impl<'a> Fan<'a> {
    fn new(plan: &'a Plan, via: &str) -> Self {
        let domain = &plan.domain;
        let publish = |more: &str, activity: &str| {
            Template::publish(domain, via, more, &document(domain, "open", activity))
        };
        let tag = "SIP-If-Match: {tag}\r\n";
        let now = Instant::now();
        let watched = || Watched {
            entity_tag: Vec::new(),
            is_busy: false,
            told: vec![false; plan.watchers],
            untold: 0,
            stage: Stage::Settled,
            number: 0,
            message: Vec::new(),
            begun: now,
            repeat_at: now,
            pause: ROUND_TRIP,
        };
        Self {
            via: via.to_owned(),
            first: publish("", ""),
            changes: [publish(tag, "<rpid:busy/>"), publish(tag, "")],
            watched: std::iter::repeat_with(watched).take(plan.users).collect(),
            next: 0,
            number: 0,
            counts: Counts::default(),
            told: FanOut {
                watchers: plan.watchers,
                notifies: 0,
                wrong: 0,
            },
            plan,
        }
    }

    fn publish_everybody(&mut self, wire: &mut Wire) -> anyhow::Result<()> {
        let mut ignored = histogram();
        for start in (0..self.plan.users).step_by(AT_ONCE) {
            let end = (start + AT_ONCE).min(self.plan.users);
            for user in start..end {
                self.publish(user, wire);
            }
            self.settle(wire, &mut ignored, "the first publications")?;
        }
        Ok(())
    }

    fn subscribe_everybody(&mut self, wire: &mut Wire) -> anyhow::Result<()> {
        let mut ignored = histogram();
        let everybody = self.plan.users * self.plan.watchers;
        for watched in &mut self.watched {
            watched.told.fill(true);
        }
        for start in (0..everybody).step_by(AT_ONCE) {
            let end = (start + AT_ONCE).min(everybody);
            for number in start..end {
                let (user, watcher) = (number / self.plan.watchers, number % self.plan.watchers);
                if let Some(watched) = self.watched.get_mut(user)
                    && let Some(told) = watched.told.get_mut(watcher)
                {
                    *told = false;
                    watched.untold += 1;
                    watched.stage = Stage::Answered;
                }
                let mut message = Vec::new();
                let subscription = Subscription {
                    domain: &self.plan.domain,
                    via: &self.via,
                    watched: user,
                    watcher,
                    expires: 3600,
                    occasion: 0,
                };
                subscription.write(&mut message);
                wire.push(watcher, &message);
            }
            self.settle(wire, &mut ignored, "the first NOTIFYs")?;
        }
        Ok(())
    }

    fn settle(
        &mut self,
        wire: &mut Wire,
        latencies: &mut hdrhistogram::Histogram<u64>,
        what: &str,
    ) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        while self.is_anything_under_way() {
            self.turn(wire, latencies)?;
            if Instant::now() >= end || self.counts.refused > 0 {
                bail!("{what} did not come: {:?}", self.counts);
            }
        }
        Ok(())
    }

    fn is_anything_under_way(&self) -> bool {
        self.watched.iter().any(|it| it.stage != Stage::Settled)
    }

    fn drive(
        &mut self,
        wire: &mut Wire,
        time: Duration,
        latencies: &mut hdrhistogram::Histogram<u64>,
    ) -> anyhow::Result<()> {
        let end = Instant::now() + time;
        let most = usize::from(self.plan.window).min(self.plan.users);
        let mut under_way = self
            .watched
            .iter()
            .filter(|it| it.stage != Stage::Settled)
            .count();
        while Instant::now() < end {
            // In turn: the next one whose last change everybody knows.
            let mut looked_at = 0;
            while under_way < most && looked_at < self.plan.users {
                let user = self.next;
                self.next = (user + 1) % self.plan.users;
                looked_at += 1;
                if self
                    .watched
                    .get(user)
                    .is_some_and(|it| it.stage == Stage::Settled)
                {
                    self.publish(user, wire);
                    under_way += 1;
                }
            }
            under_way -= self.turn(wire, latencies)?;
        }
        Ok(())
    }

    fn publish(&mut self, user: usize, wire: &mut Wire) {
        self.number += 1;
        let Some(watched) = self.watched.get_mut(user) else {
            return;
        };
        let template = match (watched.entity_tag.is_empty(), watched.is_busy) {
            (true, _) => &self.first,
            (false, false) => &self.changes[0],
            (false, true) => &self.changes[1],
        };
        watched.is_busy = !watched.entity_tag.is_empty() && !watched.is_busy;
        watched.message.clear();
        let filling = Filling {
            // By it the answer finds its user.
            slot: user as u16,
            number: self.number,
            user,
            entity_tag: &watched.entity_tag,
            sequence: 1,
            login: "",
        };
        template.write(filling, &mut watched.message);
        let is_watched = !watched.entity_tag.is_empty();
        watched.told.fill(!is_watched);
        watched.untold = if is_watched { watched.told.len() } else { 0 };
        watched.number = self.number;
        watched.stage = Stage::Published;
        watched.begun = Instant::now();
        watched.repeat_at = watched.begun + ROUND_TRIP;
        watched.pause = ROUND_TRIP;
        wire.push(user, &watched.message);
        self.counts.sent += 1;
    }

    /// Sends what was made and takes in what has come; says how many changes everybody knows now.
    fn turn(
        &mut self,
        wire: &mut Wire,
        latencies: &mut hdrhistogram::Histogram<u64>,
    ) -> anyhow::Result<usize> {
        wire.flush()?;
        wire.wait(GLANCE)?;
        let Self {
            watched,
            counts,
            told,
            ..
        } = self;
        let mut accepted = Vec::new();
        let mut settled = 0;
        wire.receive(|bytes| {
            let begun = match Notify::read(bytes) {
                Some(notify) => {
                    let mut answer = Vec::new();
                    notify.accept(&mut answer);
                    accepted.push((notify.watcher, answer));
                    let it = watched.get_mut(notify.watched);
                    it.and_then(|it| it.take_notify(&notify, told))
                }
                None => Answer::read(bytes).and_then(|answer| {
                    counts.refused += u64::from(answer.status >= 300);
                    if answer.status >= 300 {
                        counts.refused_with = answer.status;
                    }
                    let it = watched.get_mut(usize::from(answer.slot));
                    it.and_then(|it| it.take_answer(answer, counts))
                }),
            };
            if let Some(begun) = begun {
                settled += 1;
                let waited = begun.elapsed().as_micros();
                latencies.saturating_record(u64::try_from(waited).unwrap_or(u64::MAX));
            }
        })?;
        for (watcher, answer) in accepted {
            wire.push(watcher, &answer);
        }
        let now = Instant::now();
        for it in &mut self.watched {
            let is_lost = it.stage == Stage::Published && it.repeat_at <= now;
            if is_lost && self.plan.transport == Transport::Udp {
                it.pause *= 2;
                it.repeat_at = now + it.pause;
                wire.push(0, &it.message);
                self.counts.repeated += 1;
            }
        }
        Ok(settled)
    }
}

impl Watched {
    /// Where it is the last that was waited for: when the change began.
    fn take_notify(&mut self, notify: &Notify<'_>, told: &mut FanOut) -> Option<Instant> {
        let tells_newest = notify.tells(self.is_busy);
        if self.stage == Stage::Settled {
            told.wrong += u64::from(!tells_newest);
            return None;
        }
        match self.told.get_mut(notify.watcher) {
            Some(is_told) if tells_newest && !*is_told => {
                *is_told = true;
                self.untold -= 1;
                told.notifies += 1;
                self.try_settle()
            }
            // Repeated, or of the state before.
            Some(_) | None => None,
        }
    }

    /// The same of the PUBLISH.
    fn take_answer(&mut self, answer: Answer<'_>, counts: &mut Counts) -> Option<Instant> {
        if self.stage != Stage::Published || self.number != answer.number || answer.status < 200 {
            return None;
        }
        if answer.status == 200 {
            counts.answered += 1;
            // RFC 3903 §6: every 200 has an entity-tag that was never there before.
            let is_new = !answer.entity_tag.is_empty() && answer.entity_tag != self.entity_tag;
            counts.wrong += u64::from(!is_new);
            self.entity_tag.clear();
            self.entity_tag.extend_from_slice(answer.entity_tag);
        }
        self.stage = Stage::Answered;
        self.try_settle()
    }

    fn try_settle(&mut self) -> Option<Instant> {
        let is_over = self.stage == Stage::Answered && self.untold == 0;
        is_over.then(|| {
            self.stage = Stage::Settled;
            self.begun
        })
    }
}
