//! The live desk and the plan that estimates and simulations play choose alike: the same tickets at the same
//! times go to the same reps.

use std::sync::Arc;
use std::time::{Duration, Instant};

use presence::Availability;
use proptest::prelude::*;

use super::floor::Floor;
use super::plan::{Kind, Plan, Tick};
use super::reps::RepSet;
use crate::{
    AccessDigest, Addressee, Ask, Choose, Clock, Config, Helpdesk, Input, Level, Output, Prefer,
    Preference, Priority, Record, Relax, Rep, RepId, ReplyId, Routing, Site, SiteId, Skill,
    SkillId, TicketId, Tier, TierId, Wishes,
};

const SKILLS: [&str; 3] = ["cameras", "lenses", "printing"];
const TIERS: [(&str, f64); 3] = [("standard", 1.0), ("gold", 2.0), ("platinum", 4.0)];

/// What happens to both.
#[derive(Debug, Clone)]
enum Event {
    Ask(usize),
    /// The conversation that has been open for so many others ends.
    End(usize),
    Pass(u64),
}

/// A ticket that came to a rep: when, in milliseconds, which and to whom.
type Taken = (i64, u32, usize);

struct Both {
    config: Config,
    kinds: Vec<Kind>,
    plan: Plan,
    floor: Floor,
    desk: Helpdesk,
    start: Instant,
    now_ms: i64,
    asked: u32,
    open: Vec<(u32, usize)>,
    by_floor: Vec<Taken>,
    by_desk: Vec<Taken>,
}

impl Both {
    fn new(config: Config, kinds: Vec<Kind>) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "an instant cannot be made otherwise; no test depends on which it is"
        )]
        let start = Instant::now();
        let clock = Clock {
            at: start,
            unix_ms: 0,
        };
        let mut desk = Helpdesk::new(config.clone(), clock).unwrap();
        for rep in &config.reps {
            let (rep, availability) = (rep.id.clone(), Availability::Available);
            desk.handle(Input::Presence { rep, availability }, start);
        }
        while desk.poll_output().is_some() {}
        let reps: Vec<&Rep> = config.reps.iter().collect();
        let mut all = RepSet::with_room_for(reps.len());
        (0..reps.len()).for_each(|rep| all.insert(rep));
        let plan = Plan::new(&reps, &all, &kinds, &config.routing);
        Self {
            floor: Floor::new(&plan, 0),
            plan,
            desk,
            config,
            kinds,
            start,
            now_ms: 0,
            asked: 0,
            open: Vec::new(),
            by_floor: Vec::new(),
            by_desk: Vec::new(),
        }
    }

    fn happen(&mut self, event: &Event) {
        match *event {
            Event::Ask(kind) => self.ask(kind % self.kinds.len()),
            Event::End(which) => {
                if self.open.is_empty() {
                    return;
                }
                let (ticket, rep) = self.open.remove(which % self.open.len());
                self.floor.note_activity(rep, self.tick());
                self.floor.free(rep);
                let ticket = ticket_id(ticket);
                self.desk
                    .handle(Input::ShopperEnd { ticket }, self.instant());
            }
            Event::Pass(ms) => {
                let until = self.now_ms + i64::try_from(ms).unwrap();
                while let Some(next) = self.next_moment().filter(|&next| next <= until) {
                    self.now_ms = next;
                    self.desk.handle_timeout(self.instant());
                    self.settle();
                }
                self.now_ms = until;
                self.desk.handle_timeout(self.instant());
            }
        }
        self.settle();
    }

    fn ask(&mut self, kind: usize) {
        // What nobody could ever take makes no ticket, nor does what the rep it names could not.
        let last = self.plan.steps() - 1;
        let can_ever = |rep| self.plan.eligible(kind, last).unwrap().contains(rep);
        if !self.plan.can_ever(kind) || !self.kinds[kind].named.is_none_or(can_ever) {
            return;
        }
        self.asked += 1;
        self.floor.enqueue(kind, self.asked, self.tick());
        let Kind {
            skills,
            wishes,
            tier,
            named,
            ..
        } = self.kinds[kind].clone();
        let rep = named.map(|rep| self.config.reps[rep].id.clone());
        let ask = Ask {
            ticket: ticket_id(self.asked),
            access: AccessDigest([0; 32]),
            site: SiteId::new("shop"),
            skills,
            wishes,
            tier,
            rep,
            case: None,
            name: None,
            phone: None,
            message: None,
            details: Vec::new(),
            page: None,
            language: None,
            proof: crate::Proof::None,
            channel: crate::Channel::Page,
            im: None,
            earlier: Vec::new(),
        };
        let (ask, reply) = (Box::new(ask), ReplyId(0));
        self.desk.handle(Input::Ask { ask, reply }, self.instant());
    }

    /// Both bring together whom they can; reps accept at once.
    fn settle(&mut self) {
        while let Some(found) = self.floor.next_match(&self.plan, self.tick()) {
            self.floor.take(&self.plan, found.rep, self.tick());
            self.by_floor
                .push((self.now_ms, found.queued.ticket, found.rep));
            self.open.push((found.queued.ticket, found.rep));
        }
        while let Some(output) = self.desk.poll_output() {
            if let Output::Record(Record::Offered { ticket, rep, .. }) = output {
                let place = self
                    .config
                    .reps
                    .iter()
                    .position(|known| known.id == rep)
                    .unwrap();
                let number = ticket.as_str().trim_start_matches('t').parse().unwrap();
                self.by_desk.push((self.now_ms, number, place));
                let accepts = Input::RepMessage {
                    rep,
                    to: Addressee::Ticket(ticket),
                    text: Arc::from("hello"),
                    reply: ReplyId(0),
                };
                self.desk.handle(accepts, self.instant());
            }
        }
    }

    /// When time alone may change something for either.
    fn next_moment(&self) -> Option<i64> {
        let relaxing = self.floor.next_relaxing(&self.plan, self.tick());
        let relaxing = relaxing.map(|tick| tick / 1_000_000);
        let timeout = self.desk.next_timeout().map(|due| {
            let passed = due.duration_since(self.start).as_millis();
            i64::try_from(passed).unwrap()
        });
        [relaxing, timeout]
            .into_iter()
            .flatten()
            .filter(|&moment| moment > self.now_ms)
            .min()
    }

    fn tick(&self) -> Tick {
        self.now_ms * 1_000_000
    }

    fn instant(&self) -> Instant {
        self.start + Duration::from_millis(u64::try_from(self.now_ms).unwrap())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_desk_and_the_plan_choose_alike(
        reps in prop::collection::vec(rep(), 1..7),
        kinds in prop::collection::vec(kind(), 1..6),
        routing in routing(),
        events in prop::collection::vec(event(), 0..60),
    ) {
        let mut kinds = kinds;
        for kind in &mut kinds {
            kind.named = kind.named.map(|rep| rep % reps.len());
        }
        let mut both = Both::new(config(reps, routing), kinds);
        for event in &events {
            both.happen(event);
            prop_assert_eq!(&both.by_floor, &both.by_desk);
        }
    }
}

fn ticket_id(number: u32) -> TicketId {
    TicketId::new(&format!("t{number}"))
}

fn config(reps: Vec<Rep>, routing: Routing) -> Config {
    let named = |(number, rep): (usize, Rep)| Rep {
        id: RepId::new(&format!("rep{number}")),
        ..rep
    };
    Config {
        sites: vec![Site {
            id: SiteId::new("shop"),
            name: String::new(),
            skills: SKILLS.map(SkillId::new).to_vec(),
            hours: None,
            skill_hours: Vec::new(),
            shows_next_rep: false,
            callback: crate::CallbackRules::default(),
        }],
        skills: SKILLS
            .map(|id| Skill {
                id: SkillId::new(id),
                name: id.to_owned(),
                language: None,
                handling: None,
            })
            .to_vec(),
        tiers: TIERS
            .map(|(id, weight)| Tier {
                id: TierId::new(id),
                weight,
            })
            .to_vec(),
        reps: reps.into_iter().enumerate().map(named).collect(),
        routing,
    }
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..6usize).prop_map(Event::Ask),
        3 => (0..8usize).prop_map(Event::End),
        3 => prop_oneof![Just(0), 1..500u64, 500..40_000u64].prop_map(Event::Pass),
    ]
}

fn skill() -> impl Strategy<Value = SkillId> {
    prop::sample::select(SKILLS.to_vec()).prop_map(SkillId::new)
}

fn level() -> impl Strategy<Value = Level> {
    prop::sample::select(vec![10, 40, 60, 60, 90]).prop_map(|level| Level::new(level).unwrap())
}

fn rep() -> impl Strategy<Value = Rep> {
    let skills = prop::collection::btree_map(skill(), level(), 1..4);
    let tiers = prop_oneof![
        3 => Just(None),
        1 => Just(Some(vec![TierId::new("gold"), TierId::new("platinum")])),
    ];
    (skills, tiers, 1..3u32).prop_map(|(skills, tiers, capacity)| Rep {
        id: RepId::new("rep"),
        name: "Rep".to_owned(),
        skills: skills.into_iter().collect(),
        tiers,
        capacity,
    })
}

fn kind() -> impl Strategy<Value = Kind> {
    let skills = prop::collection::btree_set(skill(), 1..3);
    let prefer = prop::sample::select(vec![None, None, Some(Prefer::Best), Some(Prefer::First)]);
    let preferred = prop::option::weighted(0.3, (skill(), level(), prop::option::of(level())));
    let least = prop::option::weighted(0.3, level());
    let named = prop::option::weighted(0.3, 0..7usize);
    let deadline = prop::option::weighted(0.5, (0..90u64).prop_map(Duration::from_secs));
    let whom = (prefer, named, deadline);
    (skills, 0..TIERS.len(), whom, preferred, least).prop_map(
        |(skills, tier, (prefer, named, rep_deadline), preferred, least)| {
            let skills: Vec<SkillId> = skills.into_iter().collect();
            let (tier, weight) = TIERS[tier];
            let preferred = preferred.map(|(skill, weight, least_level)| Preference {
                skill,
                weight,
                least_level,
            });
            Kind {
                wishes: Wishes {
                    least_levels: least
                        .map(|least| (skills[0].clone(), least))
                        .into_iter()
                        .collect(),
                    preferred: preferred.into_iter().collect(),
                    prefer,
                    rep_deadline,
                },
                named,
                skills,
                tier: TierId::new(tier),
                weight,
            }
        },
    )
}

fn routing() -> impl Strategy<Value = Routing> {
    let priority = prop::sample::select(vec![Priority::Weighted, Priority::Strict]);
    let choose = prop::sample::select(vec![Choose::Best, Choose::LongestIdle]);
    let rule = (
        0..60u64,
        prop::option::of(level()),
        prop::option::of(skill()),
        prop::collection::vec(skill(), 0..2),
        any::<bool>(),
    );
    let rule = rule.prop_map(|(after, min_level, skill, accept, any_tier)| Relax {
        after: Duration::from_secs(after),
        min_level,
        skill,
        accept,
        any_tier,
    });
    let rules = prop::collection::vec(rule, 0..4);
    (priority, choose, rules).prop_map(|(priority, choose, mut relax): (_, _, Vec<Relax>)| {
        relax.sort_by_key(|rule| rule.after);
        let mut kept: Vec<Relax> = Vec::new();
        for rule in relax {
            if !kept.iter().any(|before| rule.narrows(before)) {
                kept.push(rule);
            }
        }
        Routing {
            priority,
            choose,
            relax: kept,
            wrap_up: Duration::ZERO,
            queue_limit: 1_000,
            handling: None,
            ..Routing::default()
        }
    })
}
