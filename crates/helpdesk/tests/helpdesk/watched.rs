//! A helpdesk under watch: every output is held against a naive account of what reps and tickets do.
//! Must not use the machine's own routing to judge it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use helpdesk::{
    AccessDigest, Addressee, Answer, Ask, Clock, Config, DeliveryId, DeliveryOutcome, Helpdesk,
    Input, Level, LineId, Outcome, Output, PauseFor, Prefer, Record, RepId, ReplyId, SeatView, Seq,
    ShopperEvent, SiteId, SkillId, Standing, TicketId, TicketState, TicketView, TierId, Wishes,
};
use presence::Availability;

/// One thing that happens.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Presence(usize, Availability),
    Ask {
        skills: usize,
        tier: usize,
        named: Option<usize>,
        wishes: Wishes,
    },
    /// A pause of so many seconds; 0 ends it.
    Pause(usize, u64),
    Calls(usize, u32),
    ShopperSays(usize),
    ShopperEnds(usize),
    RepSays {
        rep: usize,
        to: Option<usize>,
        text: &'static str,
    },
    /// Fails one of the last messages to reps.
    Fail(usize),
    Pass(u64),
    /// Everything but the journal is forgotten.
    Restart,
}

pub(crate) const REPS: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];
pub(crate) const SKILLS: [&[&str]; 4] = [
    &["cameras"],
    &["lenses"],
    &["printing"],
    &["printing", "cameras"],
];
pub(crate) const TIERS: [&str; 3] = ["standard", "gold", "platinum"];

const UNIX_MS: i64 = 1_700_000_000_000;
const ASK_AGAIN: Duration = Duration::from_secs(60);
const DOUBTED: Duration = Duration::from_secs(60);

pub(crate) struct Watched {
    pub(crate) desk: Helpdesk,
    pub(crate) now: Instant,
    pub(crate) outputs: Vec<Output>,
    pub(crate) records: Vec<Record>,
    pub(crate) tickets: BTreeMap<TicketId, Account>,
    config: Config,
    started: Instant,
    reps: BTreeMap<RepId, Hands>,
    deliveries: Vec<DeliveryId>,
    asked: usize,
    said: u64,
    version: u64,
    /// The seats as they were told.
    seats: BTreeMap<RepId, SeatView>,
}

/// What a rep is known to have in hand.
struct Hands {
    availability: Availability,
    paused_until: Option<Instant>,
    calls: u32,
    in_hand: BTreeSet<TicketId>,
    rests: Vec<Instant>,
    /// Certainly not to be asked before, unless the rep gives a sign of life.
    doubted_until: Option<Instant>,
    /// The same, but perhaps the machine knows better.
    perhaps_doubted_until: Option<Instant>,
}

/// What is known of a ticket.
pub(crate) struct Account {
    pub(crate) stage: Stage,
    skills: Vec<SkillId>,
    wishes: Wishes,
    tier: TierId,
    kept_until: Option<Instant>,
    handed_on_by: Option<RepId>,
    refused: BTreeMap<RepId, Instant>,
    lines: u64,
    told: Option<TicketView>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stage {
    Waiting,
    Offered(RepId),
    Open(RepId),
    Ended,
}

impl Watched {
    pub(crate) fn new(config: Config, started: Instant) -> Self {
        let clock = Clock {
            at: started,
            unix_ms: UNIX_MS,
        };
        let desk = Helpdesk::new(config.clone(), clock).unwrap();
        Self::over(desk, config, started)
    }

    /// With a desk that forecasts waits a few times a second only, however small it is.
    pub(crate) fn large(config: Config, started: Instant) -> Self {
        let mut watched = Self::new(config, started);
        watched.desk = watched.desk.forecasting_seldom_from(0);
        watched
    }

    fn over(desk: Helpdesk, config: Config, started: Instant) -> Self {
        let hands = || Hands {
            availability: Availability::Offline,
            paused_until: None,
            calls: 0,
            in_hand: BTreeSet::new(),
            rests: Vec::new(),
            doubted_until: None,
            perhaps_doubted_until: None,
        };
        Self {
            version: desk.snapshot().version,
            desk,
            now: started,
            started,
            outputs: Vec::new(),
            records: Vec::new(),
            tickets: BTreeMap::new(),
            reps: config
                .reps
                .iter()
                .map(|rep| (rep.id.clone(), hands()))
                .collect(),
            config,
            deliveries: Vec::new(),
            asked: 0,
            said: 0,
            seats: BTreeMap::new(),
        }
    }

    pub(crate) fn play(&mut self, events: &[Event]) {
        for event in events {
            self.happen(event);
            self.check_nobody_idles();
            self.check_views();
        }
    }

    pub(crate) fn happen(&mut self, event: &Event) {
        match *event {
            Event::Presence(rep, availability) => {
                let rep = RepId::new(REPS[rep]);
                let hands = self.reps.get_mut(&rep).unwrap();
                if hands.availability != availability {
                    hands.availability = availability;
                    hands.doubted_until = None;
                    hands.perhaps_doubted_until = None;
                }
                self.input(Input::Presence { rep, availability });
            }
            Event::Ask {
                skills,
                tier,
                named,
                ref wishes,
            } => {
                let named = named.map(|rep| REPS[rep]);
                self.ask_wishing(SKILLS[skills], TIERS[tier], named, wishes.clone());
            }
            Event::Pause(rep, seconds) => {
                let rep = RepId::new(REPS[rep]);
                let time = Duration::from_secs(seconds);
                let paused = (seconds > 0).then_some(time);
                self.reps.get_mut(&rep).unwrap().paused_until = paused.map(|time| self.now + time);
                let pause = paused.map(PauseFor::Time);
                self.input(Input::Pause { rep, pause });
            }
            Event::Calls(rep, calls) => {
                let rep = RepId::new(REPS[rep]);
                let hands = self.reps.get_mut(&rep).unwrap();
                hands.calls = calls;
                // A call proves that the rep is there.
                hands.doubted_until = None;
                hands.perhaps_doubted_until = None;
                self.input(Input::Calls { rep, calls });
            }
            Event::ShopperSays(ticket) => {
                self.said += 1;
                self.input(Input::ShopperLine {
                    ticket: ticket_id(ticket),
                    // Every second line repeats an identity.
                    id: LineId::new(&format!("{}", self.said / 2)),
                    text: Arc::from("hello"),
                    reply: ReplyId(self.said),
                });
            }
            Event::ShopperEnds(ticket) => self.input(Input::ShopperEnd {
                ticket: ticket_id(ticket),
            }),
            Event::RepSays { rep, to, text } => {
                let rep = RepId::new(REPS[rep]);
                let hands = self.reps.get_mut(&rep).unwrap();
                match text {
                    // In whichever conversation, also in one that there is not.
                    "/pause 1" => {
                        hands.paused_until = Some(self.now + Duration::from_secs(60));
                    }
                    "/resume" => hands.paused_until = None,
                    _ => {}
                }
                hands.doubted_until = None;
                hands.perhaps_doubted_until = None;
                self.input(Input::RepMessage {
                    rep,
                    to: to.map_or(Addressee::Desk, |to| Addressee::Ticket(ticket_id(to))),
                    text: Arc::from(text),
                    reply: ReplyId(0),
                });
            }
            Event::Fail(back) => {
                let Some(index) = self.deliveries.len().checked_sub(back + 1) else {
                    return;
                };
                let delivery = self.deliveries.remove(index);
                let until = self.now + DOUBTED;
                for hands in self.reps.values_mut() {
                    hands.perhaps_doubted_until = Some(until);
                }
                self.input(Input::Delivery {
                    delivery,
                    outcome: DeliveryOutcome::Undeliverable,
                });
            }
            Event::Pass(seconds) => {
                let until = self.now + Duration::from_secs(seconds);
                let mut woken = None;
                while let Some(due) = self.desk.next_timeout().filter(|&due| due <= until) {
                    // What was said at this moment may be due at once, and is dealt with once.
                    assert!(woken < Some(due), "woken twice for the same moment");
                    woken = Some(due);
                    self.now = due.max(self.now);
                    self.desk.handle_timeout(self.now);
                    self.drain();
                    self.check_nobody_idles();
                }
                self.now = until;
            }
            Event::Restart => self.restart(),
        }
    }

    fn restart(&mut self) {
        self.desk = self.restored();
        self.seats.clear();
        self.version = 0;
        self.deliveries.clear();
        for hands in self.reps.values_mut() {
            hands.availability = Availability::Offline;
            hands.calls = 0;
            hands.doubted_until = None;
            hands.perhaps_doubted_until = None;
        }
        self.drain();
        self.version = self.desk.snapshot().version;
        for (id, account) in &mut self.tickets {
            account.told = self.desk.ticket(id);
        }
    }

    /// A click with words of the shopper's own.
    pub(crate) fn ask_in_words(&mut self, name: &str, text: &str) {
        let mut ask = plain_ask(ticket_id(1), &["cameras"], "standard");
        ask.name = Some(name.to_owned());
        ask.page = Some(text.to_owned());
        ask.message = Some(text.to_owned());
        self.input(Input::Ask {
            ask: Box::new(ask),
            reply: ReplyId(0),
        });
        self.input(Input::ShopperLine {
            ticket: ticket_id(1),
            id: LineId::new(name),
            text: Arc::from(text),
            reply: ReplyId(0),
        });
    }

    /// A rep's message with words of the rep's own.
    pub(crate) fn say_in_words(&mut self, rep: &str, text: &str) {
        self.input(Input::RepMessage {
            rep: RepId::new(rep),
            to: Addressee::Desk,
            text: Arc::from(text),
            reply: ReplyId(0),
        });
    }

    /// Clicks, and gives back the answer.
    pub(crate) fn ask(&mut self, skills: &[&str], tier: &str, named: Option<&str>) -> Answer {
        self.ask_wishing(skills, tier, named, Wishes::NONE)
    }

    fn ask_wishing(
        &mut self,
        skills: &[&str],
        tier: &str,
        named: Option<&str>,
        wishes: Wishes,
    ) -> Answer {
        self.asked += 1;
        let mut ask = plain_ask(ticket_id(self.asked), skills, tier);
        ask.wishes = wishes;
        ask.rep = named.map(RepId::new);
        ask.message = Some("first".to_owned());
        let reply = ReplyId(1_000_000 + u64::try_from(self.asked).unwrap());
        self.input(Input::Ask {
            ask: Box::new(ask),
            reply,
        });
        let answers = self.outputs.iter().filter_map(|output| match output {
            Output::Reply { reply: to, answer } if *to == reply => Some(answer.clone()),
            _ => None,
        });
        let answers: Vec<Answer> = answers.collect();
        assert_eq!(answers.len(), 1, "every click has one answer");
        answers[0].clone()
    }

    /// A helpdesk that has only the journal, at this moment.
    pub(crate) fn restored(&self) -> Helpdesk {
        let since_start = self.now.duration_since(self.started).as_millis();
        let clock = Clock {
            at: self.now,
            unix_ms: UNIX_MS + i64::try_from(since_start).unwrap(),
        };
        let mut desk = Helpdesk::new(self.config.clone(), clock).unwrap();
        desk.restore(self.records.clone(), self.now);
        desk
    }

    pub(crate) fn has_work(&self, rep: usize) -> bool {
        !self.reps[&RepId::new(REPS[rep])].in_hand.is_empty()
    }

    fn input(&mut self, input: Input) {
        self.desk.handle(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.desk.poll_output() {
            match &output {
                Output::Record(record) => {
                    self.account_for(record);
                    self.records.push(record.clone());
                }
                Output::ToRep { delivery, .. } => self.deliveries.push(*delivery),
                Output::ToShopper { ticket, event } => match event {
                    ShopperEvent::State(view) => {
                        let account = self.tickets.get_mut(ticket).unwrap();
                        assert_ne!(account.told.as_ref(), Some(view), "told twice");
                        account.told = Some(view.clone());
                    }
                    ShopperEvent::Line(_) | ShopperEvent::RepTyping => {}
                },
                Output::Snapshot(snapshot) => {
                    assert!(snapshot.version > self.version);
                    self.version = snapshot.version;
                }
                Output::Reply { answer, .. } => {
                    if let Answer::Ticket(view) = answer {
                        let account = self.tickets.get_mut(&view.id).unwrap();
                        account.told = Some(view.clone());
                    }
                }
                Output::TypingToRep { .. } => {}
                Output::PlaceCall(_) | Output::EndCall { .. } | Output::ToMessenger { .. } => {
                    panic!("nobody is to be called, nor written to");
                }
            }
            self.outputs.push(output);
        }
        self.check_seats();
    }

    /// Each seat that looks otherwise than before is named.
    fn check_seats(&mut self) {
        let named = self.desk.take_changed_seats();
        for rep in self.reps.keys() {
            let view = self.desk.seat_view(rep).unwrap();
            let is_news = self.seats.get(rep) != Some(&view);
            assert!(!is_news || named.contains(rep), "in silence: {view:?}");
            self.seats.insert(rep.clone(), view);
        }
    }

    fn account_for(&mut self, record: &Record) {
        match record {
            Record::Callback { .. } => panic!("nobody is to be called"),
            Record::Opened { ask, .. } => {
                let sticky = self.config.routing.sticky_for;
                let account = Account {
                    stage: Stage::Waiting,
                    skills: ask.skills.clone(),
                    wishes: ask.wishes.clone(),
                    tier: ask.tier.clone(),
                    kept_until: (ask.rep.is_some() || ask.wishes.prefer == Some(Prefer::Best))
                        .then(|| self.now + ask.wishes.rep_deadline.unwrap_or(sticky)),
                    handed_on_by: None,
                    refused: BTreeMap::new(),
                    lines: 0,
                    told: None,
                };
                let known = self.tickets.insert(ask.ticket.clone(), account);
                assert!(known.is_none(), "opened twice");
            }
            Record::Line { ticket, line } => {
                let account = self.tickets.get_mut(ticket).unwrap();
                account.lines += 1;
                assert_eq!(line.seq, Seq(account.lines));
            }
            Record::Offered { ticket, rep, .. } => {
                self.change(ticket, &[Stage::Waiting], Stage::Offered(rep.clone()));
                self.check_decided(rep, ticket);
                self.check_may_be_asked(rep, ticket);
                self.take_in_hand(rep, ticket);
            }
            Record::OfferEnded {
                ticket, rep, why, ..
            } => {
                self.change(ticket, &[Stage::Offered(rep.clone())], Stage::Waiting);
                let hands = self.reps.get_mut(rep).unwrap();
                hands.in_hand.remove(ticket);
                let lapsed = why.contains("did not answer");
                if lapsed {
                    hands.doubted_until = Some(self.now + DOUBTED);
                }
                if lapsed || why.contains("declined") {
                    let account = self.tickets.get_mut(ticket).unwrap();
                    account.refused.insert(rep.clone(), self.now);
                }
            }
            Record::Accepted { ticket, rep, .. } => {
                let from = [Stage::Offered(rep.clone()), Stage::Waiting];
                self.change(ticket, &from, Stage::Open(rep.clone()));
                self.take_in_hand(rep, ticket);
            }
            Record::Transferred {
                ticket,
                from,
                skills,
                to,
                ..
            } => {
                self.change(ticket, &[Stage::Open(from.clone())], Stage::Waiting);
                self.rest(from, ticket);
                let sticky = self.config.routing.sticky_for;
                let account = self.tickets.get_mut(ticket).unwrap();
                if account.skills != *skills {
                    account.wishes = Wishes::NONE;
                }
                account.skills.clone_from(skills);
                let sticky = account.wishes.rep_deadline.unwrap_or(sticky);
                let held = to.is_some() || account.wishes.prefer == Some(Prefer::Best);
                account.kept_until = held.then(|| self.now + sticky);
                account.handed_on_by = Some(from.clone());
                account.refused.clear();
            }
            Record::Closed { ticket, .. } => {
                let account = self.tickets.get_mut(ticket).unwrap();
                let before = std::mem::replace(&mut account.stage, Stage::Ended);
                match before {
                    Stage::Waiting => {}
                    Stage::Offered(rep) => {
                        self.reps.get_mut(&rep).unwrap().in_hand.remove(ticket);
                    }
                    Stage::Open(rep) => self.rest(&rep, ticket),
                    Stage::Ended => panic!("ended twice"),
                }
            }
            Record::Rated { .. }
            | Record::Noted { .. }
            | Record::Promised { .. }
            | Record::Decided(_)
            | Record::Case(_)
            | Record::Paused { .. }
            | Record::Learnt(_)
            | Record::Scored { .. } => {}
        }
    }

    fn change(&mut self, ticket: &TicketId, from: &[Stage], to: Stage) {
        let account = self.tickets.get_mut(ticket).unwrap();
        assert!(
            from.contains(&account.stage),
            "{ticket} went from {:?} to {to:?}",
            account.stage
        );
        account.stage = to;
    }

    fn take_in_hand(&mut self, rep: &RepId, ticket: &TicketId) {
        let capacity = self.capacity(rep);
        let now = self.now;
        let hands = self.reps.get_mut(rep).unwrap();
        hands.in_hand.insert(ticket.clone());
        hands.rests.retain(|&end| end > now);
        assert!(
            hands.in_hand.len() + hands.rests.len() <= capacity,
            "{rep} has too much in hand"
        );
    }

    fn rest(&mut self, rep: &RepId, ticket: &TicketId) {
        let until = self.now + self.config.routing.wrap_up;
        let hands = self.reps.get_mut(rep).unwrap();
        hands.in_hand.remove(ticket);
        hands.rests.push(until);
    }

    fn check_may_be_asked(&self, rep: &RepId, ticket: &TicketId) {
        let hands = &self.reps[rep];
        let account = &self.tickets[ticket];
        assert_eq!(hands.availability, Availability::Available);
        assert!(hands.doubted_until.is_none_or(|until| until <= self.now));
        assert!(hands.paused_until.is_none_or(|until| until <= self.now));
        assert_eq!(hands.calls, 0, "{rep} is on a call");
        assert!(account.may_ask_again(rep, self.now), "{rep} asked too soon");
        let named = account.kept_until.is_some();
        let relaxed = !self.config.routing.relax.is_empty();
        assert!(named || relaxed || self.fits(rep, account));
    }

    /// An offer was decided, and the decision says so.
    fn check_decided(&self, rep: &RepId, ticket: &TicketId) {
        let decisions: Vec<_> = self.desk.decisions(ticket).collect();
        let decided = decisions.iter().rev().find(|decision| {
            decision.outcome == Outcome::Offered(rep.clone())
                && decision.at_unix_ms == self.unix_ms()
        });
        let decided = decided.unwrap_or_else(|| panic!("{ticket} to {rep}: {decisions:?}"));
        let first = &decided.candidates[0];
        assert_eq!((&first.rep, first.standing), (rep, Standing::Ready));
        let named: usize = decided
            .others
            .iter()
            .map(|(_, count)| *count as usize)
            .sum();
        assert_eq!(decided.candidates.len() + named, self.config.reps.len());
        assert!(decided.reasons().iter().all(|reason| reason.ends_with('.')));
    }

    fn unix_ms(&self) -> i64 {
        let since_start = self.now.duration_since(self.started).as_millis();
        UNIX_MS + i64::try_from(since_start).unwrap()
    }

    /// No rep who could take a ticket sits idle while it waits.
    fn check_nobody_idles(&self) {
        for (ticket, account) in &self.tickets {
            let kept = account.kept_until.is_some_and(|until| until > self.now);
            if account.stage != Stage::Waiting || kept {
                continue;
            }
            for (rep, hands) in &self.reps {
                let certain = [hands.doubted_until, hands.perhaps_doubted_until]
                    .into_iter()
                    .flatten()
                    .all(|until| until <= self.now);
                let resting = hands.rests.iter().filter(|&&end| end > self.now).count();
                let idle = certain
                    && hands.paused_until.is_none_or(|until| until <= self.now)
                    && hands.calls == 0
                    && self.is_good_enough(rep, account)
                    && hands.availability == Availability::Available
                    && hands.in_hand.len() + resting < self.capacity(rep)
                    && account.handed_on_by.as_ref() != Some(rep)
                    && account.may_ask_again(rep, self.now)
                    && self.fits(rep, account);
                assert!(!idle, "{rep} idles while {ticket} waits");
            }
        }
    }

    /// What the machine says of a ticket is what its shopper was told and what the account says.
    fn check_views(&self) {
        for (id, account) in &self.tickets {
            let Some(view) = self.desk.ticket(id) else {
                assert_eq!(account.stage, Stage::Ended, "{id} is lost");
                continue;
            };
            assert_eq!(account.told.as_ref(), Some(&view));
            let expected = match account.stage {
                Stage::Waiting => vec![TicketState::Queued],
                Stage::Offered(_) => vec![TicketState::Offered],
                Stage::Open(_) => vec![TicketState::Open],
                Stage::Ended => vec![TicketState::Closed, TicketState::Abandoned],
            };
            assert!(expected.contains(&view.state));
            assert_eq!(view.position.is_some(), view.state == TicketState::Queued);
        }
        assert_eq!(self.desk.snapshot().version, self.version);
    }

    fn fits(&self, rep: &RepId, account: &Account) -> bool {
        let rep = self.config.reps.iter().find(|r| r.id == *rep).unwrap();
        let least = |skill: &SkillId| {
            let mut asked = account.wishes.least_levels.iter();
            asked.find(|(of, _)| of == skill).map(|(_, level)| *level)
        };
        let has = |skill: &SkillId| {
            let mut skills = rep.skills.iter();
            let level = skills
                .find(|(known, _)| known == skill)
                .map(|(_, level)| *level);
            level.is_some_and(|level| least(skill).is_none_or(|least| level >= least))
        };
        let serves = rep
            .tiers
            .as_ref()
            .is_none_or(|tiers| tiers.contains(&account.tier));
        serves && account.skills.iter().all(has)
    }

    /// With rules about levels a ticket may hold out for a better rep; the best never idles.
    fn is_good_enough(&self, rep: &RepId, account: &Account) -> bool {
        let has_levels = self
            .config
            .routing
            .relax
            .iter()
            .any(|rule| rule.min_level.is_some());
        let first_will_do = account.wishes.prefer == Some(Prefer::First);
        if !has_levels || first_will_do {
            return true;
        }
        let fitting = self.reps.keys().filter(|rep| self.fits(rep, account));
        let best = fitting.map(|rep| self.level(rep, &account.skills[0])).max();
        Some(self.level(rep, &account.skills[0])) == best
    }

    fn level(&self, rep: &RepId, skill: &SkillId) -> Option<Level> {
        let rep = self.config.reps.iter().find(|r| r.id == *rep).unwrap();
        let (_, level) = rep.skills.iter().find(|(known, _)| known == skill)?;
        Some(*level)
    }

    fn capacity(&self, rep: &RepId) -> usize {
        let rep = self.config.reps.iter().find(|r| r.id == *rep).unwrap();
        usize::try_from(rep.capacity).unwrap()
    }
}

impl Account {
    fn may_ask_again(&self, rep: &RepId, now: Instant) -> bool {
        self.refused
            .get(rep)
            .is_none_or(|&refused| refused + ASK_AGAIN <= now)
    }
}

pub(crate) fn ticket_id(number: usize) -> TicketId {
    TicketId::new(&format!("t{number}"))
}

fn plain_ask(ticket: TicketId, skills: &[&str], tier: &str) -> Ask {
    Ask {
        ticket,
        access: AccessDigest([1; 32]),
        site: SiteId::new("shop"),
        skills: skills.iter().map(|skill| SkillId::new(skill)).collect(),
        tier: TierId::new(tier),
        wishes: Wishes::default(),
        rep: None,
        case: None,
        name: None,
        phone: None,
        message: None,
        details: Vec::new(),
        page: None,
        language: None,
        proof: helpdesk::Proof::None,
        channel: helpdesk::Channel::Page,
        im: None,
        earlier: Vec::new(),
    }
}
