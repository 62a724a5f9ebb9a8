//! A helpdesk under watch: every output is held against a naive account of what reps and tickets do.
//! Must not use the machine's own routing to judge it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use helpdesk::{
    AccessDigest, Addressee, Answer, Ask, Clock, Config, DeliveryId, DeliveryOutcome, Helpdesk,
    Input, LineId, Output, PauseFor, Record, RepId, ReplyId, SeatView, ShopperEvent, SiteId,
    SkillId, TicketId, TierId, Wishes,
};
use presence::Availability;

use crate::account::{Account, Hands};

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
pub(crate) const DOUBTED: Duration = Duration::from_secs(60);

pub(crate) struct Watched {
    pub(crate) desk: Helpdesk,
    pub(crate) now: Instant,
    pub(crate) outputs: Vec<Output>,
    pub(crate) records: Vec<Record>,
    pub(crate) tickets: BTreeMap<TicketId, Account>,
    pub(crate) config: Config,
    pub(crate) started: Instant,
    pub(crate) reps: BTreeMap<RepId, Hands>,
    pub(crate) deliveries: Vec<DeliveryId>,
    pub(crate) asked: usize,
    pub(crate) said: u64,
    pub(crate) version: u64,
    /// The seats as they were told.
    pub(crate) seats: BTreeMap<RepId, SeatView>,
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

    pub(crate) fn unix_ms(&self) -> i64 {
        let since_start = self.now.duration_since(self.started).as_millis();
        UNIX_MS + i64::try_from(since_start).unwrap()
    }

    pub(crate) fn capacity(&self, rep: &RepId) -> usize {
        let rep = self.config.reps.iter().find(|r| r.id == *rep).unwrap();
        usize::try_from(rep.capacity).unwrap()
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
