//! The requests under way: which slot waits for which answer, what is sent again, what an answer has to say.
//! Must not know sockets.

use std::time::{Duration, Instant};

use anyhow::bail;
use hdrhistogram::Histogram;

use super::messages::{Answer, Filling, Template, document};
use super::process::{self, Used};
use super::report::Report;
use super::wire::Wire;
use super::{Case, PATIENCE, Plan, ROUND_TRIP, Transport};

/// One run under way.
pub(super) struct Drive<'a> {
    plan: &'a Plan,
    templates: Templates,
    slots: Vec<Slot>,
    free: Vec<u16>,
    /// The newest entity-tag of each user.
    tags: Vec<Vec<u8>>,
    number: u64,
    next_user: usize,
    counts: Counts,
    latencies: Histogram<u64>,
}

struct Templates {
    options: Template,
    publish: Template,
    refresh: Template,
    changes: [Template; 2],
}

/// A request that waits for its answer, or the place for one.
struct Slot {
    number: u64,
    user: usize,
    kind: Kind,
    message: Vec<u8>,
    /// Latency counts from here.
    begun: Instant,
    repeat_at: Instant,
    pause: Duration,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Free,
    Waiting,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Options,
    Publish,
    Refresh,
    Change,
    Echo,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) sent: u64,
    pub(super) answered: u64,
    pub(super) repeated: u64,
    pub(super) refused: u64,
    /// The status of the last one refused.
    pub(super) refused_with: u16,
    /// A 200 whose entity-tag is missing or was there before.
    pub(super) wrong: u64,
    pub(super) unanswered: u64,
}

/// How often it is looked for what is to be repeated.
const REPEAT_LOOK: Duration = Duration::from_millis(50);
/// Longest wait for an answer before the clock is looked at.
const GLANCE: Duration = Duration::from_millis(20);

impl<'a> Drive<'a> {
    pub(super) fn new(plan: &'a Plan, via: &str) -> Self {
        let domain = &plan.domain;
        let publish = |more: &str, activity: &str| {
            let body = document(domain, "open", activity);
            Template::publish(domain, via, more, &body)
        };
        let tag = "SIP-If-Match: {tag}\r\n";
        let now = Instant::now();
        let slot = || Slot {
            number: 0,
            user: 0,
            kind: Kind::Options,
            message: Vec::new(),
            begun: now,
            repeat_at: now,
            pause: ROUND_TRIP,
            state: State::Free,
        };
        Self {
            templates: Templates {
                options: Template::options(domain, via),
                publish: publish("", ""),
                refresh: Template::publish(domain, via, tag, ""),
                changes: [publish(tag, "<rpid:busy/>"), publish(tag, "")],
            },
            slots: (0..plan.window).map(|_| slot()).collect(),
            free: (0..plan.window).rev().collect(),
            tags: vec![Vec::new(); plan.users],
            number: 0,
            next_user: 0,
            counts: Counts::default(),
            latencies: histogram(),
            plan,
        }
    }

    /// Every user publishes once.
    pub(super) fn publish_everybody(&mut self, wire: &mut Wire) -> anyhow::Result<()> {
        while self.counts.answered < self.plan.users as u64 {
            let now = Instant::now();
            while self.next_user < self.plan.users
                && let Some(slot) = self.free.pop()
            {
                let user = self.next_user;
                self.next_user += 1;
                self.begin(slot, user, Kind::Publish, now, now, wire);
            }
            self.turn(wire, GLANCE)?;
            self.repeat(wire, now);
            let failed = self.counts.refused + self.counts.unanswered + self.counts.wrong;
            if failed > 0 {
                bail!(
                    "{failed} of the first publications failed: {:?}",
                    self.counts
                );
            }
        }
        self.next_user = 0;
        Ok(())
    }

    /// Warms up, measures, and waits for what is still under way.
    pub(super) fn run(mut self, wire: &mut Wire) -> anyhow::Result<Report> {
        let warm_up = Duration::from_secs_f64(self.plan.warm_up);
        self.drive(wire, warm_up)?;
        self.counts = Counts::default();
        self.latencies = histogram();
        let before = Measured::now(self.plan.pid);
        let begun = Instant::now();
        self.drive(wire, Duration::from_secs_f64(self.plan.seconds))?;
        let seconds = begun.elapsed().as_secs_f64();
        let after = Measured::now(self.plan.pid);
        let counts = self.counts;
        let latencies = std::mem::replace(&mut self.latencies, histogram());
        let end = Instant::now() + PATIENCE;
        while self.free.len() < self.slots.len() && Instant::now() < end {
            self.turn(wire, GLANCE)?;
        }
        let left = (self.slots.len() - self.free.len()) as u64;
        std::thread::sleep(Duration::from_secs_f64(self.plan.rest));
        let rested = Measured::now(self.plan.pid);
        if counts.answered == 0 {
            bail!("nothing was answered: {counts:?}");
        }
        Ok(Report {
            transport: match self.plan.transport {
                Transport::Udp => "udp",
                Transport::Tcp => "tcp",
            },
            case: match self.plan.case {
                Case::Options => "options",
                Case::Publish => "publish",
                Case::Refresh => "refresh",
                Case::Modify => "modify",
                Case::Echo => "echo",
                Case::Mixed => "mixed",
            },
            window: self.plan.window,
            rate: self.plan.rate,
            users: self.plan.users,
            seconds,
            counts: Counts {
                unanswered: counts.unanswered + left + (self.counts.unanswered - counts.unanswered),
                wrong: self.counts.wrong,
                ..counts
            },
            latencies,
            server: after.server.since(before.server),
            own: after.own.since(before.own),
            resident_before: before.server.resident,
            resident_rested: rested.server.resident,
        })
    }

    fn drive(&mut self, wire: &mut Wire, time: Duration) -> anyhow::Result<()> {
        let begun = Instant::now();
        let pause = self
            .plan
            .rate
            .map(|rate| Duration::from_secs_f64(1.0 / rate.max(0.001)));
        let mut due = begun;
        let mut looked_at = begun;
        loop {
            let now = Instant::now();
            if now >= begun + time {
                return Ok(());
            }
            match pause {
                None => {
                    while let Some(slot) = self.free.pop() {
                        self.ask(slot, now, now, wire);
                    }
                }
                Some(pause) => {
                    while due <= now
                        && let Some(slot) = self.free.pop()
                    {
                        self.ask(slot, due, now, wire);
                        due += pause;
                    }
                }
            }
            let wait = match pause {
                Some(_) if !self.free.is_empty() => due.saturating_duration_since(now).min(GLANCE),
                Some(_) | None => GLANCE,
            };
            self.turn(wire, wait)?;
            if now >= looked_at + REPEAT_LOOK {
                looked_at = now;
                self.repeat(wire, now);
            }
        }
    }

    /// The next request of the case.
    fn ask(&mut self, slot: u16, due: Instant, now: Instant, wire: &mut Wire) {
        let user = self.next_user;
        self.next_user = (user + 1) % self.plan.users;
        let kind = match self.plan.case {
            Case::Options => Kind::Options,
            Case::Publish => Kind::Publish,
            Case::Refresh => Kind::Refresh,
            Case::Modify => Kind::Change,
            Case::Echo => Kind::Echo,
            Case::Mixed if self.number.is_multiple_of(10) => Kind::Change,
            Case::Mixed => Kind::Refresh,
        };
        self.begin(slot, user, kind, due, now, wire);
    }

    fn begin(
        &mut self,
        place: u16,
        user: usize,
        kind: Kind,
        due: Instant,
        now: Instant,
        wire: &mut Wire,
    ) {
        self.number += 1;
        let Some(slot) = self.slots.get_mut(usize::from(place)) else {
            return;
        };
        let template = match kind {
            Kind::Options => &self.templates.options,
            Kind::Publish | Kind::Echo => &self.templates.publish,
            Kind::Refresh => &self.templates.refresh,
            // Each user has another state in every round.
            Kind::Change if (self.number / self.plan.users as u64).is_multiple_of(2) => {
                &self.templates.changes[0]
            }
            Kind::Change => &self.templates.changes[1],
        };
        let filling = Filling {
            slot: place,
            number: self.number,
            user,
            entity_tag: self.tags.get(user).map(Vec::as_slice).unwrap_or_default(),
        };
        slot.message.clear();
        template.write(filling, &mut slot.message);
        slot.number = self.number;
        slot.user = user;
        slot.kind = kind;
        slot.begun = due;
        slot.pause = ROUND_TRIP;
        slot.repeat_at = now + ROUND_TRIP;
        slot.state = State::Waiting;
        wire.push(user, &slot.message);
        self.counts.sent += 1;
    }

    /// Sends what was made, and takes in what has come.
    fn turn(&mut self, wire: &mut Wire, wait: Duration) -> anyhow::Result<()> {
        wire.flush()?;
        wire.wait(wait)?;
        let Self {
            slots,
            free,
            tags,
            counts,
            latencies,
            ..
        } = self;
        wire.receive(|bytes| {
            let now = Instant::now();
            let Some(answer) = Answer::read(bytes) else {
                return;
            };
            let Some(slot) = slots.get_mut(usize::from(answer.slot)) else {
                return;
            };
            // One that was repeated is answered twice, and nothing else answers with 100.
            let is_final = answer.status >= 200 || slot.kind == Kind::Echo;
            if !is_final || slot.state == State::Free || slot.number != answer.number {
                return;
            }
            slot.state = State::Free;
            free.push(answer.slot);
            take(slot, answer, tags, counts);
            let waited = now.saturating_duration_since(slot.begun).as_micros();
            latencies.saturating_record(u64::try_from(waited).unwrap_or(u64::MAX));
        })
    }

    fn repeat(&mut self, wire: &mut Wire, now: Instant) {
        for (place, slot) in (0..).zip(&mut self.slots) {
            if slot.state == State::Free || slot.repeat_at > now {
                continue;
            }
            if now >= slot.begun + PATIENCE {
                slot.state = State::Free;
                self.free.push(place);
                self.counts.unanswered += 1;
                continue;
            }
            slot.pause *= 2;
            slot.repeat_at = now + slot.pause;
            if self.plan.transport == Transport::Udp {
                wire.push(slot.user, &slot.message);
                self.counts.repeated += 1;
            }
        }
    }
}

/// Checks an answer and keeps its entity-tag.
fn take(slot: &Slot, answer: Answer<'_>, tags: &mut [Vec<u8>], counts: &mut Counts) {
    if answer.status != 200 && slot.kind != Kind::Echo {
        counts.refused += 1;
        counts.refused_with = answer.status;
        return;
    }
    counts.answered += 1;
    if matches!(slot.kind, Kind::Options | Kind::Echo) {
        return;
    }
    let Some(tag) = tags.get_mut(slot.user) else {
        return;
    };
    // RFC 3903 §6: every 200 has an entity-tag that was never there before.
    if answer.entity_tag.is_empty() || answer.entity_tag == tag.as_slice() {
        counts.wrong += 1;
    }
    tag.clear();
    tag.extend_from_slice(answer.entity_tag);
}

/// At one moment.
struct Measured {
    server: Used,
    own: Used,
}

impl Measured {
    fn now(server: Option<u32>) -> Self {
        Self {
            server: server.map(process::used).unwrap_or_default(),
            own: process::used(std::process::id()),
        }
    }
}

impl Used {
    fn since(self, before: Self) -> Self {
        Self {
            processor: self.processor.saturating_sub(before.processor),
            resident: self.resident,
        }
    }
}

/// Microseconds to a minute, to three digits.
#[expect(clippy::expect_used, reason = "the bounds are constants that it takes")]
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("bounds in order and three digits")
}
