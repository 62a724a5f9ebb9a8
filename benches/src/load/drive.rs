//! The requests under way: which slot waits for which answer, what is sent again, what an answer has to say.
//! Must not know sockets.

use std::time::{Duration, Instant};

use anyhow::bail;
use hdrhistogram::Histogram;

use super::dialogs::{Notify, Subscription};
use super::login::Logins;
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
    users: Vec<User>,
    logins: Option<Logins>,
    via: String,
    number: u64,
    next_user: usize,
    counts: Counts,
    latencies: Histogram<u64>,
    /// How long after they were due requests of a paced run were made.
    lateness: Histogram<u64>,
}

/// What is known of one user.
#[derive(Clone, Debug, Default)]
struct User {
    /// The newest.
    entity_tag: Vec<u8>,
    /// What was published last.
    is_busy: bool,
}

struct Templates {
    options: Template,
    register: Template,
    publish: Template,
    refresh: Template,
    changes: [Template; 2],
}

/// A request that waits for its answer, or the place for one.
struct Slot {
    number: u64,
    user: usize,
    kind: Kind,
    /// Of a change.
    is_busy: bool,
    /// How often it was asked with other credentials, because the server wanted that.
    tries: u8,
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
    Register,
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
    /// Of some users what the server says of them was asked for at the end.
    pub(super) states_checked: u64,
    /// It was not what was published.
    pub(super) states_wrong: u64,
}

/// Users whose state is asked for at the end.
const SAMPLE: usize = 50;
/// First publications under way: the window of a paced run, all at once, is more than the buffer of some sockets takes.
const FIRST_WINDOW: usize = 64;
/// Challenges to one request: a nonce may have grown old.
const MOST_TRIES: u8 = 2;
/// How often it is looked for what is to be repeated.
const REPEAT_LOOK: Duration = Duration::from_millis(50);
/// Longest wait for an answer before the clock is looked at.
pub(super) const GLANCE: Duration = Duration::from_millis(20);

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
            is_busy: false,
            tries: 0,
            message: Vec::new(),
            begun: now,
            repeat_at: now,
            pause: ROUND_TRIP,
            state: State::Free,
        };
        Self {
            templates: Templates {
                options: Template::options(domain, via),
                register: Template::register(domain, via, plan.transport.parameter()),
                publish: publish("", ""),
                refresh: Template::publish(domain, via, tag, ""),
                changes: [publish(tag, "<rpid:busy/>"), publish(tag, "")],
            },
            slots: (0..plan.window).map(|_| slot()).collect(),
            free: (0..plan.window).rev().collect(),
            users: vec![User::default(); plan.users],
            logins: plan
                .password
                .as_deref()
                .map(|password| Logins::new(password, domain, plan.users)),
            via: via.to_owned(),
            number: 0,
            next_user: 0,
            counts: Counts::default(),
            latencies: histogram(),
            lateness: histogram(),
            plan,
        }
    }

    /// Every user publishes once.
    pub(super) fn publish_everybody(&mut self, wire: &mut Wire) -> anyhow::Result<()> {
        while self.counts.answered < self.plan.users as u64 {
            let now = Instant::now();
            while self.next_user < self.plan.users
                && self.slots.len() - self.free.len() < FIRST_WINDOW
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
        self.lateness = histogram();
        let before = Measured::now(self.plan.pid);
        let begun = Instant::now();
        self.drive(wire, Duration::from_secs_f64(self.plan.seconds))?;
        let seconds = begun.elapsed().as_secs_f64();
        let after = Measured::now(self.plan.pid);
        let counts = self.counts;
        let latencies = std::mem::replace(&mut self.latencies, histogram());
        let lateness = std::mem::replace(&mut self.lateness, histogram());
        let end = Instant::now() + PATIENCE;
        while self.free.len() < self.slots.len() && Instant::now() < end {
            self.turn(wire, GLANCE)?;
        }
        let left = (self.slots.len() - self.free.len()) as u64;
        self.check_states(wire)?;
        std::thread::sleep(Duration::from_secs_f64(self.plan.rest));
        let rested = Measured::now(self.plan.pid);
        if counts.answered == 0 {
            bail!("nothing was answered: {counts:?}");
        }
        Ok(Report {
            transport: self.plan.transport.name(),
            case: match self.plan.case {
                Case::Options => "options",
                Case::Register => "register",
                Case::Watch => "watch",
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
                states_checked: self.counts.states_checked,
                states_wrong: self.counts.states_wrong,
                ..counts
            },
            digest: match (&self.logins, self.plan.challenge_each) {
                (None, _) => "none",
                (Some(_), false) => "nonce reused",
                (Some(_), true) => "challenged each time",
            },
            fan_out: None,
            latencies,
            lateness: self.plan.rate.map(|_| lateness),
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
                        record(&mut self.lateness, now - due);
                        self.ask(slot, due, now, wire);
                        due += pause;
                    }
                }
            }
            let wait = match pause {
                // Whoever sleeps is woken late, and would measure that.
                Some(_) => Duration::ZERO,
                None => GLANCE,
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
            Case::Register => Kind::Register,
            Case::Publish => Kind::Publish,
            Case::Refresh => Kind::Refresh,
            Case::Modify => Kind::Change,
            Case::Echo => Kind::Echo,
            Case::Mixed if self.number.is_multiple_of(10) => Kind::Change,
            Case::Mixed | Case::Watch => Kind::Refresh,
        };
        if self.plan.challenge_each
            && let Some(logins) = &mut self.logins
        {
            logins.forget(user);
        }
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
        let Some(slot) = self.slots.get_mut(usize::from(place)) else {
            return;
        };
        slot.user = user;
        slot.kind = kind;
        slot.begun = due;
        slot.tries = 0;
        // Each user has another state in every round.
        slot.is_busy =
            kind == Kind::Change && self.users.get(user).is_some_and(|user| !user.is_busy);
        self.try_once(place, now, wire);
        self.counts.sent += 1;
    }

    /// Sends what a slot asks, with what is known of its user by now.
    fn try_once(&mut self, place: u16, now: Instant, wire: &mut Wire) {
        self.number += 1;
        let Some(slot) = self.slots.get_mut(usize::from(place)) else {
            return;
        };
        let (template, method) = match slot.kind {
            Kind::Options => (&self.templates.options, "OPTIONS"),
            Kind::Register => (&self.templates.register, "REGISTER"),
            Kind::Publish | Kind::Echo => (&self.templates.publish, "PUBLISH"),
            Kind::Refresh => (&self.templates.refresh, "PUBLISH"),
            Kind::Change if slot.is_busy => (&self.templates.changes[0], "PUBLISH"),
            Kind::Change => (&self.templates.changes[1], "PUBLISH"),
        };
        let login = self
            .logins
            .as_mut()
            .map(|logins| logins.line(slot.user, method, slot.kind != Kind::Register))
            .unwrap_or_default();
        let user = self.users.get(slot.user);
        let filling = Filling {
            slot: place,
            number: self.number,
            user: slot.user,
            entity_tag: user
                .map(|user| user.entity_tag.as_slice())
                .unwrap_or_default(),
            sequence: slot.tries + 1,
            login: &login,
        };
        slot.message.clear();
        template.write(filling, &mut slot.message);
        slot.number = self.number;
        slot.pause = ROUND_TRIP;
        slot.repeat_at = now + ROUND_TRIP;
        slot.state = State::Waiting;
        wire.push(slot.user, &slot.message);
    }

    /// Sends what was made, and takes in what has come.
    fn turn(&mut self, wire: &mut Wire, wait: Duration) -> anyhow::Result<()> {
        wire.flush()?;
        wire.wait(wait)?;
        let Self {
            slots,
            free,
            users,
            logins,
            counts,
            latencies,
            ..
        } = self;
        let mut challenged = Vec::new();
        let mut trouble = None;
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
            if answer.status == 401
                && slot.tries < MOST_TRIES
                && let Some(logins) = logins
            {
                slot.tries += 1;
                // It is not answered yet, and its answer to the challenge has another number.
                slot.number = 0;
                match logins.challenged(slot.user, bytes) {
                    Ok(()) => challenged.push(answer.slot),
                    Err(error) => trouble = Some(error),
                }
                return;
            }
            slot.state = State::Free;
            free.push(answer.slot);
            take(slot, answer, users, counts);
            record(latencies, now.saturating_duration_since(slot.begun));
        })?;
        if let Some(trouble) = trouble {
            return Err(trouble);
        }
        let now = Instant::now();
        for place in challenged {
            self.try_once(place, now, wire);
        }
        Ok(())
    }

    /// Asks what the server says of some users, and compares it with what they published last.
    fn check_states(&mut self, wire: &mut Wire) -> anyhow::Result<()> {
        let has_states = match self.plan.case {
            Case::Publish | Case::Refresh | Case::Modify | Case::Mixed => self.logins.is_none(),
            Case::Options | Case::Register | Case::Echo | Case::Watch => false,
        };
        // Over a connection it is the server's choice whether it tells a watcher that it cannot dial.
        if !has_states || self.plan.transport != Transport::Udp {
            return Ok(());
        }
        let step = (self.plan.users / SAMPLE).max(1);
        let sample = (0..self.plan.users).step_by(step).take(SAMPLE);
        let mut left: Vec<usize> = sample
            .filter(|user| {
                let user = self.users.get(*user);
                user.is_some_and(|user| !user.entity_tag.is_empty())
            })
            .collect();
        self.counts.states_checked = left.len() as u64;
        self.counts.states_wrong = self.counts.states_checked;
        let end = Instant::now() + PATIENCE;
        let mut ask_at = Instant::now();
        let mut occasion = 0;
        while !left.is_empty() && Instant::now() < end {
            if Instant::now() >= ask_at {
                ask_at += ROUND_TRIP * 2;
                occasion += 1;
                for user in &left {
                    let mut message = Vec::new();
                    let subscription = Subscription {
                        domain: &self.plan.domain,
                        via: &self.via,
                        watched: *user,
                        watcher: *user,
                        expires: 0,
                        occasion,
                    };
                    subscription.write(&mut message);
                    wire.push(*user, &message);
                }
            }
            wire.flush()?;
            wire.wait(GLANCE)?;
            let mut accepted = Vec::new();
            let (users, counts) = (&self.users, &mut self.counts);
            wire.receive(|bytes| {
                let Some(notify) = Notify::read(bytes) else {
                    return;
                };
                let mut answer = Vec::new();
                notify.accept(&mut answer);
                accepted.push((notify.watched, answer));
                if left.contains(&notify.watched) {
                    left.retain(|user| *user != notify.watched);
                    let is_busy = users.get(notify.watched).is_some_and(|user| user.is_busy);
                    counts.states_wrong -= u64::from(notify.tells(is_busy));
                }
            })?;
            for (lane, answer) in accepted {
                wire.push(lane, &answer);
            }
        }
        wire.flush()
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
fn take(slot: &Slot, answer: Answer<'_>, users: &mut [User], counts: &mut Counts) {
    if answer.status != 200 && slot.kind != Kind::Echo {
        counts.refused += 1;
        counts.refused_with = answer.status;
        return;
    }
    counts.answered += 1;
    if matches!(slot.kind, Kind::Options | Kind::Register | Kind::Echo) {
        return;
    }
    let Some(user) = users.get_mut(slot.user) else {
        return;
    };
    match slot.kind {
        Kind::Publish | Kind::Change => user.is_busy = slot.is_busy,
        Kind::Refresh | Kind::Options | Kind::Register | Kind::Echo => {}
    }
    let tag = &mut user.entity_tag;
    // RFC 3903 §6: every 200 has an entity-tag that was never there before.
    if answer.entity_tag.is_empty() || answer.entity_tag == tag.as_slice() {
        counts.wrong += 1;
    }
    tag.clear();
    tag.extend_from_slice(answer.entity_tag);
}

/// At one moment.
pub(super) struct Measured {
    pub(super) server: Used,
    pub(super) own: Used,
}

impl Measured {
    pub(super) fn now(server: Option<u32>) -> Self {
        Self {
            server: server.map(process::used).unwrap_or_default(),
            own: process::used(std::process::id()),
        }
    }
}

impl Used {
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            processor: self.processor.saturating_sub(before.processor),
            resident: self.resident,
        }
    }
}

fn record(histogram: &mut Histogram<u64>, time: Duration) {
    histogram.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
}

/// Microseconds to a minute, to three digits.
#[expect(clippy::expect_used, reason = "the bounds are constants that it takes")]
pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("bounds in order and three digits")
}
