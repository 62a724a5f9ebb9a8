//! The live list of what happens behind the demo's page. Silent, and free of cost, where nobody listens.
//! Must not know what the events mean.

use std::time::{SystemTime, UNIX_EPOCH};

use gateway::config::DemoEvent;
use tokio::sync::broadcast;

/// Events kept for a page that is slow to read; older ones are skipped.
const KEPT: usize = 128;

/// Tells the demo's page what happens.
#[derive(Debug, Clone, Default)]
pub(crate) struct Happenings(Option<broadcast::Sender<DemoEvent>>);

impl Happenings {
    /// Happenings with a list to show them.
    pub(crate) fn shown() -> Self {
        Self(Some(broadcast::Sender::new(KEPT)))
    }

    /// Where the gateway listens, if anything is shown.
    pub(crate) fn events(&self) -> Option<&broadcast::Sender<DemoEvent>> {
        self.0.as_ref()
    }

    /// Tells one SIP event; `text` is called only when somebody listens.
    pub(crate) fn sip(&self, text: impl FnOnce() -> String) {
        let Some(events) = &self.0 else { return };
        if events.receiver_count() == 0 {
            return;
        }
        let event = DemoEvent {
            at_unix_ms: unix_ms(),
            kind: "sip",
            text: text(),
        };
        // The last listener may have left since it was counted; the event then concerns nobody.
        drop(events.send(event));
    }
}

/// The wall clock, in milliseconds since the Unix epoch.
pub(crate) fn unix_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
}
