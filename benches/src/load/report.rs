//! What a run found, as one line of JSON. Must not know how it was found.

use hdrhistogram::Histogram;
use serde_json::json;

use super::drive::Counts;
use super::process::Used;

/// The figures of one run.
pub(crate) struct Report {
    pub(super) transport: &'static str,
    pub(super) case: &'static str,
    pub(super) window: u16,
    pub(super) rate: Option<f64>,
    pub(super) users: usize,
    pub(super) digest: &'static str,
    /// Of the case `watch`.
    pub(super) fan_out: Option<FanOut>,
    pub(super) seconds: f64,
    pub(super) counts: Counts,
    /// In microseconds.
    pub(super) latencies: Histogram<u64>,
    /// The part of them that the generator has taken itself, before it made a request of a paced run.
    pub(super) lateness: Option<Histogram<u64>>,
    pub(super) server: Used,
    pub(super) own: Used,
    /// Of the server, in KiB.
    pub(super) resident_before: u64,
    pub(super) resident_rested: u64,
}

/// What the watchers were told.
pub(crate) struct FanOut {
    /// Of each user.
    pub(super) watchers: usize,
    pub(super) notifies: u64,
    /// Told another state than the newest after all had been told that one, or of somebody else.
    pub(super) wrong: u64,
}

impl Report {
    /// Answers a second.
    pub(crate) fn per_second(&self) -> f64 {
        self.counts.answered as f64 / self.seconds
    }

    /// One line.
    pub(crate) fn to_json(&self) -> String {
        let thousands = self.counts.answered as f64 / 1000.0;
        let at = |quantile| self.latencies.value_at_quantile(quantile);
        let fan_out = self.fan_out.as_ref();
        json!({
            "transport": self.transport,
            "case": self.case,
            "window": self.window,
            "rate": self.rate,
            "users": self.users,
            "digest": self.digest,
            "watchers": fan_out.map(|it| it.watchers),
            "notifies": fan_out.map(|it| it.notifies),
            "notifies_wrong": fan_out.map(|it| it.wrong),
            "notifies_per_second": fan_out.map(|it| (it.notifies as f64 / self.seconds).round()),
            "server_cpu_per_1000_notifies": fan_out
                .map(|it| round(self.server.processor.as_secs_f64() / (it.notifies as f64 / 1000.0))),
            "generator_cpu_per_1000_notifies": fan_out
                .map(|it| round(self.own.processor.as_secs_f64() / (it.notifies as f64 / 1000.0))),
            "states_checked": self.counts.states_checked,
            "states_wrong": self.counts.states_wrong,
            "seconds": round(self.seconds),
            "per_second": self.per_second().round(),
            "sent": self.counts.sent,
            "answered": self.counts.answered,
            "repeated": self.counts.repeated,
            "refused": self.counts.refused,
            "refused_with": self.counts.refused_with,
            "wrong": self.counts.wrong,
            "unanswered": self.counts.unanswered,
            "p50_us": at(0.5),
            "p90_us": at(0.9),
            "p99_us": at(0.99),
            "p999_us": at(0.999),
            "max_us": self.latencies.max(),
            "late_p50_us": self.lateness.as_ref().map(|it| it.value_at_quantile(0.5)),
            "late_p99_us": self.lateness.as_ref().map(|it| it.value_at_quantile(0.99)),
            "server_cpu_seconds": round(self.server.processor.as_secs_f64()),
            "server_cpu_per_1000": round(self.server.processor.as_secs_f64() / thousands),
            "generator_cpu_per_1000": round(self.own.processor.as_secs_f64() / thousands),
            "server_kib_before": self.resident_before,
            "server_kib": self.server.resident,
            "server_kib_rested": self.resident_rested,
        })
        .to_string()
    }
}

fn round(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}
