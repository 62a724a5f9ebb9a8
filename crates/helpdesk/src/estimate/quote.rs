//! The estimate that is quoted: the queue played forward, or the quick form where it is too long for that.
//! Must not know who is told.

use super::experience::Experience;
use super::forward;
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
    /// The rep who is likely to take it, by place in the plan.
    pub(crate) likely: Option<usize>,
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
pub(crate) fn quote(scene: &Scene<'_>, newcomers: &[usize], seed: u64) -> Option<Quotes> {
    if let Some(forecasts) = forward::play(scene, newcomers, seed) {
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
    let mut tickets = vec![None; scene.tickets];
    for (kind, line) in scene.floor.lines().iter().enumerate() {
        for (place, queued) in line.iter().enumerate() {
            if let Some(quote) = tickets.get_mut(queued.ticket as usize) {
                *quote = by_formula(scene, kind, queued.since, place);
            }
        }
    }
    let newcomers = newcomers.iter().map(|&kind| {
        let line = scene.floor.lines().get(kind)?;
        by_formula(scene, kind, scene.now, line.len())
    });
    Some(Quotes {
        tickets,
        newcomers: newcomers.collect(),
    })
}

/// Of a ticket of the kind that waits since then, as the `place`th of its line.
fn by_formula(scene: &Scene<'_>, kind: usize, since: Tick, place: usize) -> Option<Quote> {
    let plan = scene.plan;
    let step = plan.step(scene.now.saturating_sub(since));
    let handling = scene.experience.handling(kind)?;
    let others = |other: &usize| *other != kind && compete(plan, kind, *other, step);
    let ahead: usize = (0..plan.kinds())
        .filter(others)
        .filter_map(|other| {
            let line = scene.floor.lines().get(other)?;
            let first = |queued: &&_| precedes(scene, (other, queued), (kind, since));
            Some(line.iter().filter(first).count())
        })
        .sum();
    let overtaking = match plan.priority {
        Priority::Weighted => 0.0,
        Priority::Strict => (0..plan.kinds())
            .filter(others)
            .filter(|&other| plan.weight(other) > plan.weight(kind))
            .map(|other| {
                scene
                    .experience
                    .arrival_rate(other, forward::seconds(scene.now))
            })
            .sum(),
    };
    let length = Length {
        ahead: ahead + place,
        servers: f64::from(plan.servers(kind, step)),
        handling: handling.mean() + forward::seconds(plan.wrap_up),
        impatience: impatience(scene.experience, plan),
        overtaking,
    };
    (length.servers > 0.0).then(|| Quote {
        forecast: by_length(&length),
        form: Form::Formula,
        likely: None,
    })
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

fn impatience(experience: &Experience, plan: &Plan) -> f64 {
    let kinds = plan.kinds().max(1);
    let sum: f64 = (0..kinds).map(|kind| experience.impatience(kind)).sum();
    sum / super::count(kinds)
}
