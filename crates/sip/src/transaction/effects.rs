//! What the transactions of one endpoint cause: outputs, timers, counts. Must not know the transactions.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::arena::Id;
use super::step::{Delay, Fate, Step};
use super::timers::{Timer, Timers};
use super::{Config, Counts, Output};
use crate::flow::Flow;

/// Collects effects until they are asked for.
#[derive(Debug)]
pub(super) struct Effects {
    config: Config,
    pub(super) timers: Timers,
    pub(super) outputs: VecDeque<Output>,
    pub(super) counts: Counts,
}

/// What is left of a transaction after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remains {
    Alive,
    Nothing,
}

impl Effects {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            timers: Timers::new(),
            outputs: VecDeque::new(),
            counts: Counts::default(),
        }
    }

    pub(super) fn transmit(&mut self, flow: Flow, bytes: Bytes) {
        self.outputs.push_back(Output::Transmit { flow, bytes });
    }

    /// Sets a timer as the table says; `None` where it does not run on the flow's transport.
    pub(super) fn set_timer(
        &mut self,
        timer: Timer,
        id: Id,
        flow: Flow,
        now: Instant,
    ) -> Option<Duration> {
        let delay = timer.delay(&self.config, flow.transport)?;
        self.timers.set(timer, delay, id, now);
        Some(delay)
    }

    /// Sets the timers of a step and sends what it sends.
    pub(super) fn carry_out(&mut self, id: Id, flow: Flow, step: Step, now: Instant) -> Remains {
        for (timer, delay) in step.timers.into_iter().flatten() {
            match delay {
                Delay::Initial => {
                    self.set_timer(timer, id, flow, now);
                }
                Delay::Again(delay) => self.timers.set(timer, delay, id, now),
            }
        }
        if let Some(bytes) = step.transmit {
            self.transmit(flow, bytes);
        }
        match step.fate {
            Fate::Lives => Remains::Alive,
            Fate::Ends => Remains::Nothing,
            Fate::EndsBy(timer) => match self.set_timer(timer, id, flow, now) {
                Some(_) => Remains::Alive,
                None => Remains::Nothing,
            },
        }
    }
}
