//! One wake-up call per task. Must not know what it is for.

use std::future::pending;
use std::pin::Pin;
use std::time::Instant;

use tokio::time::{Sleep, sleep_until};

/// Rings at the earliest time it was set to, or before: whoever is woken looks at what is really due.
/// Times that move later therefore cost nothing.
#[derive(Debug)]
pub(crate) struct Alarm {
    sleep: Pin<Box<Sleep>>,
    set_to: Option<Instant>,
}

impl Alarm {
    pub(crate) fn new() -> Self {
        Self {
            sleep: Box::pin(sleep_until(Instant::now().into())),
            set_to: None,
        }
    }

    pub(crate) fn set(&mut self, deadline: Option<Instant>) {
        let Some(deadline) = deadline else {
            return;
        };
        if self.set_to.is_none_or(|set_to| deadline < set_to) {
            self.sleep.as_mut().reset(deadline.into());
            self.set_to = Some(deadline);
        }
    }

    /// Waits for the time; may be dropped and asked again.
    pub(crate) async fn rung(&mut self) {
        if self.set_to.is_none() {
            return pending().await;
        }
        self.sleep.as_mut().await;
        self.set_to = None;
    }
}
