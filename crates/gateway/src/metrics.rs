//! Counters and gauges for `/metrics`. Labels are bounded: never a ticket, a person or an address.

use std::fmt;

use helpdesk::{EstimateScores, GroupSnapshot, GroupState, Snapshot};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

mod estimates;

use crate::figures::Figures;

/// Everything counted. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    /// Open connections.
    pub(crate) connections: Gauge,
    /// Connections closed at once because of a limit.
    pub(crate) refused_connections: Counter,
    /// 1 while the journal takes records, 0 while it does not.
    pub(crate) recording: Gauge,
    /// 1 while there is room on the journal's disk, 0 while it is full or nearly so.
    pub(crate) disk_has_room: Gauge,
    /// Open streams of presence.
    pub(crate) presence_watchers: Gauge,
    /// Open event streams of conversations.
    pub(crate) conversation_streams: Gauge,
    /// Open WebSocket conversations.
    pub(crate) websockets: Gauge,
    requests: Family<RequestLabels, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    route: String,
    class: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GroupLabels {
    site: String,
    skill: String,
    tier: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RepsLabels {
    site: String,
    skill: String,
    tier: String,
    state: &'static str,
}

/// Counts one more in a gauge for as long as it lives.
#[derive(Debug)]
pub(crate) struct Counted(Gauge);

impl Counted {
    /// Counts from here on.
    pub(crate) fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Counts one answered request.
    pub(crate) fn count_request(
        &self,
        method: &http::Method,
        route: Option<&str>,
        status: http::StatusCode,
    ) {
        self.counter_of_request(method, route, status).inc();
    }

    /// What such requests are counted by.
    pub(crate) fn counter_of_request(
        &self,
        method: &http::Method,
        route: Option<&str>,
        status: http::StatusCode,
    ) -> Counter {
        let method = match *method {
            http::Method::GET
            | http::Method::HEAD
            | http::Method::POST
            | http::Method::DELETE
            | http::Method::OPTIONS => method.as_str(),
            _ => "other",
        };
        let class = match status.as_u16() {
            100..=199 => "1xx",
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            _ => "5xx",
        };
        let labels = RequestLabels {
            method: method.to_owned(),
            route: route.unwrap_or("none").to_owned(),
            class,
        };
        self.requests.get_or_create_owned(&labels)
    }

    /// The text of all, with the groups as they stand in the snapshot, the scores of what was promised, and the figures
    /// of others.
    pub(crate) fn text(
        &self,
        snapshot: &Snapshot,
        scores: &EstimateScores,
        figures: &Figures,
    ) -> Result<String, fmt::Error> {
        let mut registry = Registry::with_prefix("deskbell");
        registry.register(
            "http_connections",
            "Open HTTP connections",
            self.connections.clone(),
        );
        registry.register(
            "http_connections_refused",
            "Connections closed at once because of a limit",
            self.refused_connections.clone(),
        );
        registry.register(
            "http_requests",
            "Answered requests by route and class of status",
            self.requests.clone(),
        );
        registry.register(
            "journal_sound",
            "1 while the journal takes records, 0 while the disk is full or the database does not answer",
            self.recording.clone(),
        );
        registry.register(
            "journal_disk_has_room",
            "1 while there is room on the journal's disk, 0 while it is full or nearly so and no new tickets are taken",
            self.disk_has_room.clone(),
        );
        registry.register(
            "presence_watchers",
            "Open event streams of presence",
            self.presence_watchers.clone(),
        );
        registry.register(
            "conversation_streams",
            "Open event streams of conversations",
            self.conversation_streams.clone(),
        );
        registry.register(
            "conversation_websockets",
            "Open WebSockets of conversations",
            self.websockets.clone(),
        );
        register_groups(&mut registry, snapshot);
        estimates::register(&mut registry, scores);
        figures.register(&mut registry);
        let mut text = String::new();
        text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

fn register_groups(registry: &mut Registry, snapshot: &Snapshot) {
    let reps = Family::<RepsLabels, Gauge>::default();
    let queued = Family::<GroupLabels, Gauge>::default();
    let open = Family::<GroupLabels, Gauge>::default();
    let wait = Family::<GroupLabels, Gauge>::default();
    for site in &snapshot.sites {
        for group in &site.groups {
            let labels = GroupLabels {
                site: site.site.to_string(),
                skill: group.skill.to_string(),
                tier: group.tier.to_string(),
            };
            for (state, count) in reps_by_state(group) {
                reps.get_or_create(&RepsLabels {
                    site: labels.site.clone(),
                    skill: labels.skill.clone(),
                    tier: labels.tier.clone(),
                    state,
                })
                .set(i64::from(count));
            }
            queued.get_or_create(&labels).set(i64::from(group.queued));
            let is_open = match group.state {
                GroupState::Available | GroupState::Wait => 1,
                GroupState::Closed => 0,
            };
            open.get_or_create(&labels).set(is_open);
            if let Some(promised) = group.wait {
                wait.get_or_create(&labels).set(i64::from(promised.seconds));
            }
        }
    }
    registry.register("group_reps", "Reps of a group by state", reps);
    registry.register("group_queued", "Tickets that wait in a group", queued);
    registry.register("group_open", "Whether anybody of a group is on duty", open);
    registry.register(
        "group_wait_seconds",
        "Wait promised to a click at this moment",
        wait,
    );
    let version = Gauge::<i64>::default();
    version.set(i64::try_from(snapshot.version).unwrap_or(i64::MAX));
    registry.register("snapshot_version", "Version of the groups shown", version);
}

fn reps_by_state(group: &GroupSnapshot) -> [(&'static str, u32); 4] {
    [
        ("available", group.available),
        ("busy", group.busy),
        ("away", group.away),
        ("offline", group.offline),
    ]
}
