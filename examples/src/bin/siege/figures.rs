//! What the server's memory and counters say, and how long honest phones waited. Must not know the attack.

use std::time::Duration;

use anyhow::Context;
use examples::http::Http;

/// Resident memory of a process, in KiB.
pub(crate) fn memory(process: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let text = line.context("the process has no memory")?;
    Ok(text.trim().trim_end_matches(" kB").parse()?)
}

/// One figure of `/metrics`.
pub(crate) fn metric(http: &Http, name: &str) -> anyhow::Result<u64> {
    let answer = http.get("/metrics")?;
    let text = answer.body;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Ok(line
        .with_context(|| format!("there is no {name}"))?
        .parse()?)
}

/// Everything SIP counts that is not nothing.
pub(crate) fn counters(http: &Http) -> anyhow::Result<String> {
    let answer = http.get("/metrics")?;
    let text = answer.body;
    let counts: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("deskbell_sip_"))
        .filter(|line| !line.ends_with(" 0"))
        .collect();
    Ok(counts.join(", "))
}

/// How long something took, many times.
#[derive(Default)]
pub(crate) struct Waits(Vec<Duration>);

impl Waits {
    pub(crate) fn add(&mut self, wait: Duration) {
        self.0.push(wait);
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(crate) fn summary(&mut self) -> String {
        self.0.sort();
        let at = |share: usize| {
            let place = (self.0.len().saturating_sub(1) * share).div_ceil(1000);
            self.0.get(place).copied().unwrap_or_default()
        };
        format!(
            "{} times, p50 {:?}, p99 {:?}, worst {:?}",
            self.0.len(),
            at(500),
            at(990),
            at(1000)
        )
    }
}
