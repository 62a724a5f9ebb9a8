//! A waiting time as JSON.

use helpdesk::Wait;
use serde::Serialize;
use utoipa::ToSchema;

/// The middle and the range of a promised wait, in seconds.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct WaitDocument {
    seconds: u32,
    low: u32,
    high: u32,
    confidence: f64,
}

impl From<Wait> for WaitDocument {
    fn from(wait: Wait) -> Self {
        Self {
            seconds: wait.seconds,
            low: wait.low,
            high: wait.high,
            confidence: wait.confidence,
        }
    }
}
