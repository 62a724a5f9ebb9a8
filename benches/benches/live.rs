//! What one input costs the live desk, everybody told and everything decided, with all reps in conversation
//! and a queue: the middle, the 99th percentile and the worst of each kind of input, in processor time of
//! the one thread, so that what else the machine does counts little.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a table for people; a measurement that cannot run must stop"
)]

use std::collections::{HashSet, VecDeque};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use helpdesk::{
    AccessDigest, Addressee, Ask, Clock, Config, DeliveryOutcome, Helpdesk, Input, Level, LineId,
    Output, Rep, RepId, ReplyId, Routing, Site, SiteId, Skill, SkillId, TicketId, Tier, TierId,
    Wishes,
};
use presence::Availability;
use rustix::time::{ClockId, clock_gettime};

/// The product's own, whose cost is part of every input's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Reps, skills, tiers, tickets queued.
const DESKS: [(usize, usize, usize, usize); 4] = [
    (200, 10, 3, 1_000),
    (500, 10, 3, 1_000),
    (1_000, 50, 1, 1_000),
    (1_000, 50, 1, 10_000),
];
/// Virtual time between two inputs.
const STEP: Duration = Duration::from_millis(10);
/// What takes longer has forecast waits.
const A_FORECAST: Duration = Duration::from_micros(250);
/// Real time spent on one kind of input, at most.
const AT_MOST: Duration = Duration::from_secs(3);

/// A number names one of the desks, which is then only seen never to rest: for a profile.
fn main() {
    let named = std::env::args().find_map(|word| word.parse::<usize>().ok());
    if let Some(number) = named {
        let (reps, skills, tiers, queued) = DESKS[number - 1];
        let mut desk = Live::new(reps, skills, tiers);
        desk.fill();
        while desk.waiting.len() < queued {
            desk.click();
        }
        let about = format!("{reps:>4} {skills:>6} {tiers:>5} {queued:>6}");
        sustain(&about, &mut desk);
        return;
    }
    println!(
        "reps skills tiers queued  input                         middle      99 %     worst   runs"
    );
    for (reps, skills, tiers, queued) in DESKS {
        let mut desk = Live::new(reps, skills, tiers);
        desk.fill();
        while desk.waiting.len() < queued {
            desk.click();
        }
        let about = format!("{reps:>4} {skills:>6} {tiers:>5} {queued:>6}");
        measure(&about, "presence as it was", &mut desk, |desk, number| {
            desk.presence(number, Availability::Busy)
        });
        measure(
            &about,
            "presence, busy or away",
            &mut desk,
            |desk, number| {
                let availability = match (number / desk.reps) % 2 {
                    0 => Availability::Away,
                    _ => Availability::Busy,
                };
                desk.presence(number, availability)
            },
        );
        for number in 0..desk.reps {
            desk.presence(number, Availability::Available);
        }
        measure(&about, "a line from a shopper", &mut desk, Live::line);
        measure(&about, "a click that waits", &mut desk, |desk, _| {
            desk.click()
        });
        measure(&about, "a shopper leaves", &mut desk, |desk, _| {
            desk.leave()
        });
        measure(&about, "an end, and the next offered", &mut desk, Live::end);
        measure(&about, "an offer taken", &mut desk, |desk, _| desk.take());
        let mut desk = Live::new(reps, skills, tiers);
        desk.fill();
        while desk.waiting.len() < queued {
            desk.click();
        }
        sustain(&about, &mut desk);
        let mut desk = Live::new(reps, skills, tiers);
        desk.fill();
        while !desk.waiting.is_empty() {
            desk.leave();
        }
        measure(&about, "an end, nobody waits", &mut desk, Live::end);
    }
}

/// A desk that never rests: an end with the decision who is next and the offer, the offer taken, and a click that waits
/// in its place, again and again, while time passes as fast as they take. What each costs in the mean, forecasts of
/// waits apart from the rest, and what share of the time these take.
fn sustain(about: &str, desk: &mut Live) {
    desk.pace = Pace::AsItTakes;
    desk.acknowledged = (0, Duration::ZERO);
    let began = Instant::now();
    let mut costs = [Duration::ZERO; 3];
    let (mut rounds, mut forecasts, mut forecasting) = (0_u32, 0_u32, Duration::ZERO);
    while rounds < 50_000 && began.elapsed() < AT_MOST {
        let round = [desk.end(0), desk.take(), desk.click()];
        for (cost, took) in costs.iter_mut().zip(round) {
            if took > A_FORECAST {
                forecasts += 1;
                forecasting += took;
            } else {
                *cost += took;
            }
        }
        rounds += 1;
    }
    let mean = |cost: Duration| cost.as_secs_f64() * 1e6 / f64::from(rounds);
    let (acknowledgements, acknowledging) = desk.acknowledged;
    let all = forecasting + costs.iter().sum::<Duration>() + acknowledging;
    println!(
        "{about}  {rounds} rounds: an end with the next offer {:.1} us ({:.0} a second), taken {:.1} us, a click {:.1} us, \
         an acknowledgement {:.1} us; {forecasts} forecasts of {:.0} us, {:.0} % of the time",
        mean(costs[0]),
        1e6 / mean(costs[0]),
        mean(costs[1]),
        mean(costs[2]),
        acknowledging.as_secs_f64() * 1e6 / f64::from(acknowledgements.max(1)),
        forecasting.as_secs_f64() * 1e6 / f64::from(forecasts.max(1)),
        100.0 * forecasting.as_secs_f64() / all.as_secs_f64(),
    );
}

fn measure(
    about: &str,
    what: &str,
    desk: &mut Live,
    mut input: impl FnMut(&mut Live, usize) -> Duration,
) {
    let began = Instant::now();
    let mut took = Vec::new();
    for number in 0..desk.reps.min(500) {
        took.push(input(desk, number));
        if began.elapsed() > AT_MOST {
            break;
        }
    }
    took.sort_unstable();
    let at = |share: usize| took[(took.len() - 1) * share / 100].as_secs_f64() * 1e6;
    println!(
        "{about}  {what:<28} {:>7.1} us {:>7.1} us {:>7.1} us {:>5}",
        at(50),
        at(99),
        at(100),
        took.len()
    );
}

/// How virtual time passes.
enum Pace {
    /// By [`STEP`] with each input.
    Steps,
    /// By what the last input took.
    AsItTakes,
}

struct Live {
    desk: Helpdesk,
    now: Instant,
    reps: usize,
    skills: usize,
    tiers: usize,
    clicks: usize,
    /// Open conversations with their reps.
    open: VecDeque<(TicketId, RepId)>,
    offered: VecDeque<(TicketId, RepId)>,
    waiting: HashSet<TicketId>,
    /// All that ever waited, in order: whoever came last leaves first.
    queued: Vec<TicketId>,
    pace: Pace,
    /// What the last input took, and the acknowledgements of what it sent.
    took: Duration,
    /// How many messages phones have acknowledged, and what that took.
    acknowledged: (u32, Duration),
    /// What it costs to look at the clock, which is no part of an input.
    clock_costs: Duration,
    /// Room for what one input leads to.
    outputs: Vec<Output>,
}

impl Live {
    fn new(reps: usize, skills: usize, tiers: usize) -> Self {
        let now = Instant::now();
        let clock = Clock {
            at: now,
            unix_ms: 1_000_000,
        };
        let desk = Helpdesk::new(config(reps, skills, tiers), clock).unwrap();
        Self {
            desk,
            now,
            reps,
            skills,
            tiers,
            clicks: 0,
            open: VecDeque::new(),
            offered: VecDeque::new(),
            waiting: HashSet::new(),
            queued: Vec::new(),
            pace: Pace::Steps,
            took: Duration::ZERO,
            acknowledged: (0, Duration::ZERO),
            clock_costs: clock_costs(),
            outputs: Vec::new(),
        }
    }

    /// Everybody has two conversations; a few dozen have been held before.
    fn fill(&mut self) {
        for number in 0..self.reps {
            self.presence(number, Availability::Available);
        }
        for number in 0..40 {
            self.click();
            self.take();
            self.now += Duration::from_secs(60 + number * 7);
            self.end(0);
        }
        for _ in 0..2 * self.reps + 100 {
            self.click();
            self.take();
        }
    }

    fn input(&mut self, input: Input) -> Duration {
        self.now += match self.pace {
            Pace::Steps => STEP,
            Pace::AsItTakes => self.took,
        };
        let began = processor_time();
        if self.desk.next_timeout().is_some_and(|due| due <= self.now) {
            self.desk.handle_timeout(self.now);
        }
        self.desk.handle(input, self.now);
        let mut outputs = std::mem::take(&mut self.outputs);
        while let Some(output) = self.desk.poll_output() {
            outputs.push(output);
        }
        let took = self.since(began);
        self.took = took;
        self.acknowledge(&outputs);
        for output in outputs.drain(..) {
            if let Output::ToRep {
                rep, ticket, text, ..
            } = &output
                && text.contains("Reply to take it")
            {
                self.waiting.remove(ticket);
                self.offered.push_back((ticket.clone(), rep.clone()));
            }
            black_box(output);
        }
        self.outputs = outputs;
        took
    }

    /// Phones say that they have what they were sent: each an input of its own, whose time passes and is counted apart.
    fn acknowledge(&mut self, outputs: &[Output]) {
        for output in outputs {
            let Output::ToRep { delivery, .. } = output else {
                continue;
            };
            let delivery = Input::Delivery {
                delivery: *delivery,
                outcome: DeliveryOutcome::Delivered,
            };
            let began = processor_time();
            self.desk.handle(delivery, self.now);
            while let Some(output) = self.desk.poll_output() {
                black_box(output);
            }
            let took = self.since(began);
            self.took += took;
            self.acknowledged.0 += 1;
            self.acknowledged.1 += took;
        }
    }

    fn since(&self, began: Duration) -> Duration {
        processor_time()
            .saturating_sub(began)
            .saturating_sub(self.clock_costs)
    }

    fn presence(&mut self, number: usize, availability: Availability) -> Duration {
        let rep = RepId::new(&format!("rep{:04}", number % self.reps));
        self.input(Input::Presence { rep, availability })
    }

    fn click(&mut self) -> Duration {
        self.clicks += 1;
        let ticket = TicketId::new(&format!("t{}", self.clicks));
        self.waiting.insert(ticket.clone());
        self.queued.push(ticket.clone());
        let ask = Ask {
            ticket,
            access: AccessDigest([0; 32]),
            site: SiteId::new("shop"),
            skills: vec![skill(self.clicks, self.skills)],
            tier: tier(self.clicks / self.skills % self.tiers),
            wishes: Wishes::default(),
            rep: None,
            case: None,
            name: None,
            phone: None,
            message: Some("Does it float?".to_owned()),
            page: None,
            language: None,
            details: Vec::new(),
            channel: helpdesk::Channel::Page,
            im: None,
            earlier: Vec::new(),
            proof: helpdesk::Proof::None,
        };
        self.input(Input::Ask {
            ask: Box::new(ask),
            reply: ReplyId(0),
        })
    }

    fn line(&mut self, number: usize) -> Duration {
        let (ticket, _) = self.open[number % self.open.len()].clone();
        self.input(Input::ShopperLine {
            ticket,
            id: LineId::new(&format!("l{number}")),
            text: Arc::from("hello"),
            reply: ReplyId(0),
        })
    }

    fn leave(&mut self) -> Duration {
        let ticket = loop {
            let last = self.queued.pop().unwrap();
            if self.waiting.remove(&last) {
                break last;
            }
        };
        self.input(Input::ShopperEnd { ticket })
    }

    fn end(&mut self, _: usize) -> Duration {
        let (ticket, rep) = self.open.pop_front().unwrap();
        self.says(&rep, ticket, "/end")
    }

    fn take(&mut self) -> Duration {
        let Some((ticket, rep)) = self.offered.pop_front() else {
            return Duration::ZERO;
        };
        self.open.push_back((ticket.clone(), rep.clone()));
        self.says(&rep, ticket, "Hello")
    }

    fn says(&mut self, rep: &RepId, ticket: TicketId, text: &str) -> Duration {
        self.input(Input::RepMessage {
            rep: rep.clone(),
            to: Addressee::Ticket(ticket),
            text: Arc::from(text),
            reply: ReplyId(0),
        })
    }
}

/// The middle of many looks.
fn clock_costs() -> Duration {
    let look = |_| {
        let began = processor_time();
        processor_time().saturating_sub(began)
    };
    let mut looks: Vec<Duration> = (0..999).map(look).collect();
    looks.sort_unstable();
    looks[looks.len() / 2]
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap(),
        u32::try_from(time.tv_nsec).unwrap(),
    )
}

fn skill(number: usize, of: usize) -> SkillId {
    SkillId::new(&format!("skill{:02}", number % of))
}

fn tier(number: usize) -> TierId {
    TierId::new(&format!("tier{number}"))
}

fn config(reps: usize, skills: usize, tiers: usize) -> Config {
    Config {
        sites: vec![Site {
            id: SiteId::new("shop"),
            name: "Shop".to_owned(),
            skills: (0..skills).map(|number| skill(number, skills)).collect(),
            hours: None,
            skill_hours: Vec::new(),
            shows_next_rep: false,
            callback: helpdesk::CallbackRules::default(),
        }],
        skills: (0..skills)
            .map(|number| Skill {
                id: skill(number, skills),
                name: format!("Skill {number}"),
                language: None,
                handling: None,
            })
            .collect(),
        tiers: (0..tiers)
            .map(|number| Tier {
                id: tier(number),
                weight: 1.0 + number as f64,
            })
            .collect(),
        reps: (0..reps)
            .map(|number| Rep {
                id: RepId::new(&format!("rep{number:04}")),
                name: format!("Rep {number}"),
                skills: [(0, 90), (7, 60), (19, 40)]
                    .into_iter()
                    .map(|(step, level)| (skill(number + step, skills), Level::new(level).unwrap()))
                    .collect(),
                tiers: None,
                capacity: 2,
            })
            .collect(),
        routing: Routing {
            wrap_up: Duration::ZERO,
            queue_limit: 20_000,
            offer_timeout: Duration::from_secs(3_600),
            ..Routing::default()
        },
    }
}
