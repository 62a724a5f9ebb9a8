//! Instants as Unix milliseconds and back, for what is written down. Must not know what is timed.

use std::time::{Duration, Instant};

use helpdesk::Clock;

/// An instant as the system's clock tells it at `clock`.
pub(crate) fn to_unix_ms(at: Instant, clock: Clock) -> i64 {
    let milliseconds = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    match at.checked_duration_since(clock.at) {
        Some(ahead) => clock.unix_ms.saturating_add(milliseconds(ahead)),
        None => clock
            .unix_ms
            .saturating_sub(milliseconds(clock.at.saturating_duration_since(at))),
    }
}

/// A time that no clock of this machine reaches back to is taken for now.
pub(crate) fn to_instant(unix_ms: i64, clock: Clock) -> Instant {
    let distance = Duration::from_millis(unix_ms.abs_diff(clock.unix_ms));
    let at = if unix_ms >= clock.unix_ms {
        clock.at.checked_add(distance)
    } else {
        clock.at.checked_sub(distance)
    };
    at.unwrap_or(clock.at)
}
