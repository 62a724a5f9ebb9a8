//! What the transactions of one endpoint cause: outputs, timers, counts. Must not know the transactions.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::arena::Id;
use super::step::Step;
use super::timers::Timers;
use super::{Counts, Output};
use crate::flow::Flow;

/// Collects effects until they are asked for.
#[derive(Debug)]
pub(super) struct Effects {
    pub(super) timers: Timers,
    pub(super) outputs: VecDeque<Output>,
    pub(super) counts: Counts,
}

impl Effects {
    pub(super) fn new() -> Self {
        Self {
            timers: Timers::new(),
            outputs: VecDeque::new(),
            counts: Counts::default(),
        }
    }

    pub(super) fn transmit(&mut self, flow: Flow, bytes: Bytes) {
        self.outputs.push_back(Output::Transmit { flow, bytes });
    }

    /// Sets the timers of a step and sends what it sends.
    pub(super) fn carry_out(&mut self, id: Id, flow: Flow, step: Step, now: Instant) {
        for (timer, delay) in step.timers.into_iter().flatten() {
            self.timers.set(timer, delay, id, now);
        }
        if let Some(bytes) = step.transmit {
            self.transmit(flow, bytes);
        }
    }
}
