//! The estimate that is quoted: the queue played forward, or the quick form where it is too long for that.
//! Must not know who is told.

use super::forward::{self, Likely, Room};
use super::quick::{Length, by_length};
use super::range::Forecast;
use super::scene::Scene;
use crate::config::Priority;
use crate::routing::plan::{Plan, Tick};

/// A forecast and how it was made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Quote {
    pub(crate) forecast: Forecast,
    pub(crate) form: Form,
    /// Who is likely to take it.
    pub(crate) likely: Option<Likely>,
}

/// How a forecast was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// By playing the queue forward.
    Played,
    /// By the formula over the length of the queue.
    Formula,
}

/// The waits of one scene.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Quotes {
    /// Of the scene's tickets, by number; they go on from now.
    pub(crate) tickets: Vec<Option<Quote>>,
    /// Of a newcomer of each kind asked for.
    pub(crate) newcomers: Vec<Option<Quote>>,
}

/// The waits of the scene's tickets, and of newcomers of these kinds; `None` while too little is known.
pub(crate) fn quote(
    scene: &Scene<'_>,
    newcomers: &[usize],
    seed: u64,
    room: &mut Room,
) -> Option<Quotes> {
    if let Some(forecasts) = forward::play(scene, newcomers, seed, room) {
        let form = Form::Played;
        let quoted = |played: forward::Played| {
            Some(Quote {
                forecast: played.forecast,
                form,
                likely: played.likely,
            })
        };
        let mut quotes = forecasts.into_iter().map(quoted);
        return Some(Quotes {
            tickets: quotes.by_ref().take(scene.tickets).collect(),
            newcomers: quotes.collect(),
        });
    }
    if !scene.experience.knows_enough() {
        return None;
    }
    let mut formula = Formula::of(scene);
    let mut tickets = vec![None; scene.tickets];
    for (kind, line) in scene.floor.lines().iter().enumerate() {
        let mut ahead = Ahead::default();
        for (place, queued) in line.iter().enumerate() {
            if let Some(quote) = tickets.get_mut(queued.ticket as usize) {
                *quote = formula.quote(kind, queued.since, place, &mut ahead);
            }
        }
    }
    let newcomers = newcomers.iter().map(|&kind| {
        let line = scene.floor.lines().get(kind)?;
        formula.quote(kind, scene.now, line.len(), &mut Ahead::default())
    });
    Some(Quotes {
        tickets,
        newcomers: newcomers.collect(),
    })
}

/// The formula, with what it needs of each kind and step.
struct Formula<'a> {
    scene: &'a Scene<'a>,
    impatience: f64,
    /// Kinds of which somebody waits.
    present: Vec<usize>,
    /// Kinds of which somebody may come later and go first, with their arrivals a second.
    comers: Vec<(usize, f64)>,
    /// By kind and step, as far as somebody has asked: of most kinds nobody does.
    rivals: Vec<Vec<Option<Rivals>>>,
}

/// Who competes with a kind at a step.
struct Rivals {
    /// Other kinds of which somebody waits.
    kinds: Vec<usize>,
    /// Arrivals a second of those that will go first though they come later.
    overtaking: f64,
}

/// Those of other kinds who go before one of a line; the next of the line has no fewer before it.
#[derive(Default)]
struct Ahead {
    step: Option<usize>,
    /// Of each rival kind so many, from the head of its line.
    counts: Vec<usize>,
}

impl<'a> Formula<'a> {
    fn of(scene: &'a Scene<'a>) -> Self {
        let plan = scene.plan;
        let lines = scene.floor.lines().iter().enumerate();
        let waited_in = lines.filter(|(_, line)| !line.is_empty());
        let now = forward::seconds(scene.now);
        let rate = |kind| (kind, scene.arrival_rate(kind, now));
        Self {
            impatience: impatience(scene),
            present: waited_in.map(|(kind, _)| kind).collect(),
            comers: match plan.priority {
                Priority::Weighted => Vec::new(),
                Priority::Strict => {
                    let rates = (0..plan.kinds()).map(rate);
                    rates.filter(|(_, rate)| *rate > 0.0).collect()
                }
            },
            rivals: std::iter::repeat_with(Vec::new)
                .take(plan.kinds())
                .collect(),
            scene,
        }
    }

    fn rivals_of(&self, kind: usize, step: usize) -> Rivals {
        let plan = self.scene.plan;
        let is_rival = |other: usize| other != kind && compete(plan, kind, other, step);
        let goes_first = |other: usize| plan.weight(other) > plan.weight(kind);
        let kinds = self.present.iter().copied();
        let comers = self.comers.iter();
        let overtaking = comers.filter(|(other, _)| goes_first(*other) && is_rival(*other));
        Rivals {
            kinds: kinds.filter(|other| is_rival(*other)).collect(),
            overtaking: overtaking.map(|(_, rate)| rate).sum(),
        }
    }

    /// Looked up, or found out for all who ask after this one.
    fn rivals(&mut self, kind: usize, step: usize) -> Option<&Rivals> {
        let is_known = |of_kind: &Vec<Option<Rivals>>| matches!(of_kind.get(step), Some(Some(_)));
        if !self.rivals.get(kind).is_some_and(is_known) {
            let rivals = self.rivals_of(kind, step);
            let of_kind = self.rivals.get_mut(kind)?;
            if of_kind.len() <= step {
                of_kind.resize_with(step + 1, || None);
            }
            *of_kind.get_mut(step)? = Some(rivals);
        }
        self.rivals.get(kind)?.get(step)?.as_ref()
    }

    /// Of a ticket of the kind that waits since then, as the `place`th of its line.
    fn quote(
        &mut self,
        kind: usize,
        since: Tick,
        place: usize,
        ahead: &mut Ahead,
    ) -> Option<Quote> {
        let (scene, impatience) = (self.scene, self.impatience);
        let plan = scene.plan;
        let step = plan.step(scene.now.saturating_sub(since));
        let rivals = self.rivals(kind, step)?;
        if ahead.step != Some(step) {
            ahead.step = Some(step);
            ahead.counts = vec![0; rivals.kinds.len()];
        }
        // Of one kind the older goes first, so that those who precede stand in front.
        for (&other, count) in rivals.kinds.iter().zip(&mut ahead.counts) {
            let line = scene.floor.lines().get(other);
            let rest = line
                .into_iter()
                .flat_map(|line| line.range((*count).min(line.len())..));
            *count += rest
                .take_while(|queued| precedes(scene, (other, queued), (kind, since)))
                .count();
        }
        let ahead: usize = ahead.counts.iter().sum();
        let length = Length {
            ahead: ahead + place,
            servers: f64::from(plan.servers(kind, step)),
            handling: scene.handling(kind)?.mean() + forward::seconds(plan.wrap_up),
            impatience,
            overtaking: rivals.overtaking,
        };
        (length.servers > 0.0).then(|| Quote {
            forecast: by_length(&length),
            form: Form::Formula,
            likely: None,
        })
    }
}

fn compete(plan: &Plan, kind: usize, other: usize, step: usize) -> bool {
    let reps = |kind, step| plan.eligible(kind, step);
    match (reps(kind, step), reps(other, 0)) {
        (Some(mine), Some(theirs)) => mine.meets(theirs),
        (None, _) | (_, None) => false,
    }
}

fn precedes(
    scene: &Scene<'_>,
    (other, queued): (usize, &crate::routing::floor::Queued),
    (kind, since): (usize, Tick),
) -> bool {
    let newcomer = crate::queue::Place {
        number: u64::MAX,
        since,
        weight: scene.plan.weight(kind),
    };
    let theirs = queued.place(scene.plan.weight(other));
    crate::queue::compare_places(&theirs, &newcomer, scene.plan.priority, scene.now).is_lt()
}

fn impatience(scene: &Scene<'_>) -> f64 {
    let kinds = scene.plan.kinds().max(1);
    let rates = (0..kinds).map(|kind| scene.experience.impatience(scene.taught_as(kind)));
    rates.sum::<f64>() / super::count(kinds)
}
