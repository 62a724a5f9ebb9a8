//! The quick form of an estimate: a formula over the length of the queue, for when there is no time to play
//! it. Must not know how the queue is kept.

use super::range::Forecast;

/// What the formula needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Length {
    /// Tickets that go first and compete for the same reps.
    pub(crate) ahead: usize,
    /// Conversations that those who may take the ticket can hold at once.
    pub(crate) servers: f64,
    /// Mean of a conversation and the rest after it, in seconds.
    pub(crate) handling: f64,
    /// Leaves per second of waiting of each that waits.
    pub(crate) impatience: f64,
    /// Arrivals a second of tickets that will go first though they come later.
    pub(crate) overtaking: f64,
}

/// However many overtake, this share of the reps' work is left for those who wait: a wait without end
/// is not a promise.
const LEAST_LEFT: f64 = 0.05;

/// One stage for each ticket ahead and one for oneself, each the shorter the more may leave meanwhile, and
/// the longer the more overtake.
pub(crate) fn by_length(length: &Length) -> Forecast {
    let work = length.servers / length.handling;
    let left = (work - length.overtaking).max(LEAST_LEFT * work);
    let (mut mean, mut variance, mut waiting) = (0.0, 0.0, 0.0);
    for _ in 0..=length.ahead {
        let stage = 1.0 / (left + waiting * length.impatience);
        mean += stage;
        variance += stage * stage;
        waiting += 1.0;
    }
    Forecast::gamma(mean, variance)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALONE: Length = Length {
        ahead: 0,
        servers: 10.0,
        handling: 1.0,
        impatience: 0.0,
        overtaking: 0.0,
    };

    #[track_caller]
    fn check(length: Length, mean: f64) {
        let forecast = by_length(&length);
        assert!((forecast.mean - mean).abs() < 1e-9, "{forecast:?}");
        assert!(forecast.low < mean && mean < forecast.high);
    }

    #[test]
    fn each_ticket_ahead_is_one_stage() {
        check(ALONE, 0.1);
        check(Length { ahead: 4, ..ALONE }, 0.5);
    }

    #[test]
    fn impatience_shortens_the_stages_ahead() {
        let length = Length {
            ahead: 2,
            impatience: 5.0,
            ..ALONE
        };
        check(length, 1.0 / 10.0 + 1.0 / 15.0 + 1.0 / 20.0);
    }

    #[test]
    fn who_overtakes_takes_work_away_but_never_all() {
        let length = Length {
            overtaking: 5.0,
            ..ALONE
        };
        check(length, 0.2);
        let flood = Length {
            overtaking: 500.0,
            ..ALONE
        };
        check(flood, 2.0);
    }
}
