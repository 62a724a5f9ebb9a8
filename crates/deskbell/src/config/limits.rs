//! The table `[limits]`: how much softphones and strangers may ask for. Must not know how it is counted.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use sip_transport::{Limits, Rate};

use super::document::{Section, Value};
use super::settings::DangerousSettings;

/// A count: its key, its bounds, and where it goes.
type Count = (&'static str, RangeInclusive<u32>, fn(&mut Limits, u32));
/// A duration, in the same order.
type Time = (
    &'static str,
    RangeInclusive<Duration>,
    fn(&mut Limits, Duration),
);
/// A rate, whose bounds are those of [`PER_SECOND`] and [`AT_ONCE`].
type Pace = (&'static str, fn(&mut Limits) -> &mut Rate);

const PER_SECOND: RangeInclusive<u32> = 1..=1_000_000;
const AT_ONCE: RangeInclusive<u32> = 1..=10_000_000;

pub(super) const COUNTS: [Count; 9] = [
    ("users_per_stranger", 1..=64, |limits, count| {
        limits.users_per_stranger = count;
    }),
    ("wrong_passwords_per_source", 1..=10_000, |limits, count| {
        limits.wrong_passwords_per_source = count;
    }),
    ("longest_datagram", 1_500..=65_507, |limits, count| {
        limits.longest_datagram = whole(count);
    }),
    ("connections", 1..=1_000_000, |limits, count| {
        limits.connections = whole(count);
    }),
    ("connections_per_source", 1..=1_000_000, |limits, count| {
        limits.connections_per_source = whole(count);
    }),
    (
        "half_messages_per_source",
        1..=1_000_000,
        |limits, count| {
            limits.half_messages_per_source = whole(count);
        },
    ),
    // One message has to fit.
    (
        "half_bytes_per_source",
        65_536..=1_073_741_824,
        |limits, count| limits.half_bytes_per_source = whole(count),
    ),
    ("half_bytes", 65_536..=4_294_967_295, |limits, count| {
        limits.half_bytes = whole(count);
    }),
    ("bytes_waiting", 65_536..=67_108_864, |limits, count| {
        limits.bytes_waiting = whole(count);
    }),
];

pub(super) const TIMES: [Time; 7] = [
    ("silence_time", seconds(1, 86_400), |limits, time| {
        limits.silence_time = time;
    }),
    ("handshake_time", seconds(1, 60), |limits, time| {
        limits.handshake_time = time;
    }),
    ("first_request_time", seconds(1, 300), |limits, time| {
        limits.first_request_time = time;
    }),
    ("message_time", seconds(1, 300), |limits, time| {
        limits.message_time = time;
    }),
    ("idle_time", seconds(10, 7 * 86_400), |limits, time| {
        limits.idle_time = time;
    }),
    ("probe_time", seconds(5, 3_600), |limits, time| {
        limits.probe_time = time;
    }),
    ("write_time", seconds(1, 300), |limits, time| {
        limits.write_time = time;
    }),
];

pub(super) const PACES: [Pace; 5] = [
    ("messages_per_source", |limits| {
        &mut limits.messages_per_source
    }),
    ("messages_per_sender", |limits| {
        &mut limits.messages_per_sender
    }),
    ("requests_per_source", |limits| {
        &mut limits.requests_per_source
    }),
    ("requests_in_all", |limits| &mut limits.requests_in_all),
    ("options_per_stranger", |limits| {
        &mut limits.options_per_stranger
    }),
];

/// What a load test may ask for in all, where the configuration does not say: more than any machine serves.
const LOAD_TEST: Rate = Rate {
    per_second: *PER_SECOND.end(),
    at_once: *AT_ONCE.end(),
};

pub(super) fn read(root: &Section<'_>, dangerous: &DangerousSettings) -> Limits {
    let mut limits = Limits::default();
    if dangerous.open_domain {
        limits.requests_in_all = LOAD_TEST;
    }
    let keys: Vec<&str> = ["uncounted_sources", "scanners"]
        .into_iter()
        .chain(COUNTS.iter().map(|(key, ..)| *key))
        .chain(TIMES.iter().map(|(key, ..)| *key))
        .chain(PACES.iter().map(|(key, _)| *key))
        .collect();
    let Some(table) = root.table("limits", "[limits]", &keys) else {
        return limits;
    };
    for (key, bounds, set) in COUNTS {
        if let Some(count) = table.value(key).and_then(|value| value.whole(bounds)) {
            set(&mut limits, count);
        }
    }
    for (key, bounds, set) in TIMES {
        if let Some(time) = table.value(key).and_then(|value| value.duration(bounds)) {
            set(&mut limits, time);
        }
    }
    for (key, place) in PACES {
        if let Some(value) = table.value(key) {
            read_rate(&value, place(&mut limits));
        }
    }
    if let Some(value) = table.value("uncounted_sources") {
        limits.uncounted_sources = read_sources(&value);
    }
    if let Some(value) = table.value("scanners") {
        limits.scanners = read_scanners(&value);
    }
    if limits.connections_per_source > limits.connections {
        table.warning(
            "connections_per_source",
            "is more than connections: one source may take every place",
        );
    }
    limits
}

/// A part that is left out keeps its default.
fn read_rate(value: &Value<'_>, rate: &mut Rate) {
    let Some(table) = value.table(&["per_second", "at_once"]) else {
        return;
    };
    let read = |key: &str, bounds| table.value(key).and_then(|value| value.whole(bounds));
    rate.per_second = read("per_second", PER_SECOND).unwrap_or(rate.per_second);
    rate.at_once = read("at_once", AT_ONCE).unwrap_or(rate.at_once);
}

fn read_sources(value: &Value<'_>) -> Vec<IpAddr> {
    let mut sources = Vec::new();
    for item in value.items().unwrap_or_default() {
        match item.text().map(str::parse::<IpAddr>) {
            Some(Ok(source)) => sources.push(source),
            Some(Err(_)) => item.mistake("must be an IP address, such as \"192.0.2.1\""),
            None => {}
        }
    }
    sources
}

fn read_scanners(value: &Value<'_>) -> Vec<String> {
    let items = value.items().unwrap_or_default();
    let names = items.iter().filter_map(|item| item.text());
    names.map(str::to_ascii_lowercase).collect()
}

const fn seconds(least: u64, most: u64) -> RangeInclusive<Duration> {
    Duration::from_secs(least)..=Duration::from_secs(most)
}

fn whole(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
