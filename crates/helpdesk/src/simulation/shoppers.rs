//! Who asks next: by chance or as recorded. Must not know what becomes of an ask.

use super::scenario::{Arrivals, Class, Scenario, ScenarioError};
use crate::random::Random;
use crate::routing::plan::Tick;

/// Nanoseconds in a second.
const SECOND: f64 = 1e9;

/// One ask to come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Asking {
    pub(super) at: Tick,
    pub(super) class: usize,
    pub(super) patience: Option<Tick>,
    pub(super) service: Tick,
}

/// The asks, ascending by time. Each class draws its own streams, so that a change to one leaves the
/// others as they are.
#[derive(Debug)]
pub(super) struct Shoppers<'s> {
    classes: Vec<Stream<'s>>,
    trace: Option<std::slice::Iter<'s, super::scenario::Arrival>>,
}

#[derive(Debug)]
struct Stream<'s> {
    class: &'s Class,
    next: Tick,
    arrivals: Random,
    service: Random,
    patience: Random,
}

impl<'s> Shoppers<'s> {
    pub(super) fn new(scenario: &'s Scenario) -> Self {
        let mut number = 0;
        let mut stream = || {
            number += 1;
            Random::new(scenario.seed, number)
        };
        let mut classes: Vec<Stream<'s>> = scenario
            .classes
            .iter()
            .map(|class| Stream {
                class,
                next: 0,
                arrivals: stream(),
                service: stream(),
                patience: stream(),
            })
            .collect();
        let trace = match &scenario.arrivals {
            Arrivals::Chance(_) => {
                classes.iter_mut().for_each(Stream::advance);
                None
            }
            Arrivals::Trace(rows) => Some(rows.iter()),
        };
        Self { classes, trace }
    }

    /// The next ask; `None` when the trace is out.
    pub(super) fn next(&mut self) -> Result<Option<Asking>, ScenarioError> {
        let Some(trace) = &mut self.trace else {
            let streams = self.classes.iter_mut().enumerate();
            let first = streams.min_by_key(|(_, stream)| stream.next);
            return Ok(first.map(|(class, stream)| {
                let at = stream.next;
                stream.advance();
                stream.asking(at, class, None, None)
            }))
            .and_then(refuse_endless);
        };
        let Some(row) = trace.next() else {
            return Ok(None);
        };
        let stream = self.classes.get_mut(row.class);
        let asking = stream
            .map(|stream| stream.asking(nanoseconds(row.at), row.class, row.patience, row.service));
        refuse_endless(asking)
    }
}

fn refuse_endless(asking: Option<Asking>) -> Result<Option<Asking>, ScenarioError> {
    match asking {
        Some(asking) if asking.at >= Tick::MAX / 2 => Err(ScenarioError::TooLong),
        other => Ok(other),
    }
}

impl Stream<'_> {
    fn advance(&mut self) {
        let gap = if self.class.rate > 0.0 {
            nanoseconds(self.arrivals.exponential() / self.class.rate)
        } else {
            Tick::MAX
        };
        self.next = self.next.saturating_add(gap);
    }

    fn asking(
        &mut self,
        at: Tick,
        class: usize,
        patience: Option<f64>,
        service: Option<f64>,
    ) -> Asking {
        let service = service.unwrap_or_else(|| self.class.service.draw(&mut self.service));
        let by_law = self.class.patience.map(|law| law.draw(&mut self.patience));
        Asking {
            at,
            class,
            patience: patience.or(by_law).map(nanoseconds),
            service: nanoseconds(service),
        }
    }
}

pub(super) fn nanoseconds(seconds: f64) -> Tick {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the cast saturates: longer than 290 years is as good as for ever"
    )]
    let ticks = (seconds * SECOND).round() as Tick;
    ticks
}

pub(super) fn seconds(ticks: Tick) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a wait has far fewer than 53 bits of meaning"
    )]
    let ticks = ticks as f64;
    ticks / SECOND
}
