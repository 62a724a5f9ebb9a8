//! How often a watcher wants to be told (RFC 6446): at most, at least, and at least on average.
//! Must not know what it is told.

use std::fmt::Write;
use std::time::{Duration, Instant};

use super::{Config, SavedRates};
use crate::header::event::Event;

/// RFC 6446 §9.2: at most two digits before the point and ten after it.
const DIGITS: (usize, usize) = (2, 10);

/// The highest rate that fits the grammar.
const HIGHEST: f64 = 99.0;

/// NOTIFYs at the asked-for average over which the average is taken (RFC 6446 §6.2 leaves the period to us).
const NOTIFIES_IN_PERIOD: f64 = 10.0;

/// The rates of one subscription, and how many NOTIFYs it had lately.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rates {
    max: Option<f64>,
    min: Option<f64>,
    adaptive: Option<f64>,
    /// NOTIFYs of the last period, the older the less they weigh.
    told: f64,
    told_at: Instant,
}

impl Rates {
    /// What a SUBSCRIBE asks for, as far as it is granted; nothing where it asks for nothing.
    ///
    /// RFC 6446 §5.2, §6.2: a notifier may lower what is asked for. A value that is no positive number asks for
    /// nothing.
    pub(super) fn granted(event: &Event<'_>, config: &Config, now: Instant) -> Option<Self> {
        let interval = config.shortest_interval.as_secs_f64();
        let highest = if interval > 0.0 {
            (1.0 / interval).min(HIGHEST)
        } else {
            HIGHEST
        };
        let wish = |name| event.params.token(name).and_then(read);
        let max = wish("max-rate").map(|rate| rate.min(highest));
        // RFC 6446 §5.2: what is asked for at least cannot exceed what is asked for at most.
        let highest = max.unwrap_or(highest);
        let min = wish("min-rate").map(|rate| rate.min(highest));
        let adaptive = wish("adaptive-min-rate").map(|rate| rate.min(highest));
        let asked = max.is_some() || min.is_some() || adaptive.is_some();
        asked.then_some(Self {
            max,
            min,
            adaptive,
            // As if the average had been kept so far.
            told: NOTIFIES_IN_PERIOD,
            told_at: now,
        })
    }

    /// What was granted before a restart.
    pub(super) fn restored(saved: SavedRates, now: Instant) -> Option<Self> {
        let SavedRates { max, min, adaptive } = saved;
        let asked = max.is_some() || min.is_some() || adaptive.is_some();
        asked.then_some(Self {
            max,
            min,
            adaptive,
            told: NOTIFIES_IN_PERIOD,
            told_at: now,
        })
    }

    /// What was granted.
    pub(super) fn saved(&self) -> SavedRates {
        SavedRates {
            max: self.max,
            min: self.min,
            adaptive: self.adaptive,
        }
    }

    /// The least time between two NOTIFYs.
    pub(super) fn pace(&self) -> Option<Duration> {
        self.max.map(interval)
    }

    /// Counts a NOTIFY, and gives the time after which the next one is due even if nothing changes.
    pub(super) fn handle_told(&mut self, now: Instant) -> Option<Duration> {
        let adaptive = self.adaptive.map(|rate| {
            let period = NOTIFIES_IN_PERIOD / rate;
            let passed = now.saturating_duration_since(self.told_at).as_secs_f64();
            self.told = self.told * (-passed / period).exp() + 1.0;
            self.told_at = now;
            // RFC 6446 §6.3: timeout = count / (adaptive-min-rate ^ 2 * period).
            Duration::from_secs_f64(self.told / (rate * rate * period))
        });
        let steady = self.min.map(interval);
        let due = [adaptive, steady].into_iter().flatten().min()?;
        Some(due.max(self.pace().unwrap_or_default()))
    }

    /// The parameters of Subscription-State that tell the watcher what it gets (RFC 6446 §9.1).
    pub(super) fn parameters(&self) -> String {
        let mut text = String::new();
        for (name, rate) in [
            ("max-rate", self.max),
            ("min-rate", self.min),
            ("adaptive-min-rate", self.adaptive),
        ] {
            if let Some(rate) = rate {
                // Writing to a String never fails.
                let _ = write!(text, ";{name}={}", written(rate));
            }
        }
        text
    }
}

fn interval(rate: f64) -> Duration {
    Duration::from_secs_f64(1.0 / rate)
}

fn read(text: &str) -> Option<f64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str, most| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(whole, DIGITS.0) || !digits(fraction, DIGITS.1) {
        return None;
    }
    text.parse().ok().filter(|rate: &f64| *rate > 0.0)
}

/// In the grammar of RFC 6446 §9.2; ten digits after the point are exact enough to be told apart from zero.
fn written(rate: f64) -> String {
    let text = format!("{rate:.10}");
    let text = text.trim_end_matches('0');
    text.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::{read, written};

    #[test]
    fn a_rate_is_a_positive_number_of_few_digits() {
        assert_eq!(read("0.05"), Some(0.05));
        assert_eq!(read("20"), Some(20.0));
        assert_eq!(read("0.0000000001"), Some(1e-10));
        for wrong in [
            "",
            "0",
            "0.0",
            "100",
            "1.",
            ".5",
            "-1",
            "1e1",
            "0.12345678901",
            "NaN",
            "inf",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_rate_is_written_as_it_is_read() {
        for text in ["0.05", "20", "0.0000000001", "0.2"] {
            assert_eq!(written(read(text).unwrap()), text);
        }
    }
}
