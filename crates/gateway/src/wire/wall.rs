//! The documents of the wall. Must not know how they are collected or sent.

use std::sync::Arc;
use std::time::{Duration, Instant};

use helpdesk::{GroupSnapshot, GroupState, PauseFor, RepReport, Snapshot, TicketReport, WaitEnded};
use jiff::Timestamp;
use presence::{Explanation, PresentityId, Store, explain};
use serde::Serialize;

use crate::admin::word;
use crate::config::Config;
use crate::wire::ticket::state_word;
use crate::wire::wait::WaitDocument;

/// The whole wall at one moment. Moments are in milliseconds since the Unix epoch, lengths in seconds.
#[derive(Debug, Serialize)]
pub(crate) struct WallDocument<M> {
    at: i64,
    sites: Vec<SiteDocument>,
    reps: Vec<RepDocument>,
    /// Those that wait first, in their order.
    queue: Vec<TicketDocument>,
    today: TodayDocument,
    /// The promises broken last, the newest first.
    broken: Vec<BrokenDocument>,
    /// The minute under way, for the charts.
    minute: M,
}

#[derive(Debug, Serialize)]
struct SiteDocument {
    id: String,
    name: String,
    groups: Vec<GroupDocument>,
}

#[derive(Debug, Serialize)]
struct GroupDocument {
    skill: String,
    name: String,
    tier: String,
    state: &'static str,
    available: u32,
    busy: u32,
    away: u32,
    offline: u32,
    queued: u32,
    opens: Option<i64>,
    wait: Option<WaitDocument>,
    /// Who would be asked, by name.
    who: Vec<String>,
}

#[derive(Debug, Serialize)]
struct RepDocument {
    rep: String,
    name: String,
    state: &'static str,
    /// The kind of source that decided.
    decided_by: &'static str,
    rule: Option<&'static str>,
    since: Option<i64>,
    free: bool,
    capacity: u32,
    offers: usize,
    conversations: usize,
    on_calls: u32,
    doubted_for_s: Option<u64>,
    wrap_up_for_s: Option<u64>,
    paused: bool,
    paused_for_s: Option<u64>,
    skills: Vec<String>,
}

#[derive(Debug, Serialize)]
struct TicketDocument {
    ticket: String,
    site: String,
    skills: Vec<String>,
    tier: String,
    state: &'static str,
    rep: Option<String>,
    asked_at: i64,
    position: Option<u32>,
    /// As the shopper is told now.
    wait: Option<WaitDocument>,
    /// As the shopper was told first.
    promised: Option<WaitDocument>,
}

/// What became of the promises of the hours that are remembered.
#[derive(Debug, Default, Clone, PartialEq, Serialize)]
pub(crate) struct TodayDocument {
    pub(crate) answered: u64,
    pub(crate) left: u64,
    pub(crate) promised: u64,
    pub(crate) kept: u64,
    pub(crate) since: i64,
}

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct BrokenDocument {
    ticket: String,
    at: i64,
    waited_s: f64,
    promised_s: u32,
    /// The shopper did not wait any longer.
    left: bool,
}

/// What the wall is made of.
pub(crate) struct WallParts<'a, M> {
    pub(crate) config: &'a Config,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) reps: Vec<RepReport>,
    pub(crate) queue: Vec<TicketReport>,
    pub(crate) presentities: &'a Store,
    pub(crate) today: TodayDocument,
    pub(crate) broken: Vec<BrokenDocument>,
    pub(crate) minute: M,
}

impl<M> WallDocument<M> {
    /// Joins the parts.
    pub(crate) fn new(parts: WallParts<'_, M>) -> Self {
        let at = Timestamp::now().as_millisecond();
        let WallParts {
            config,
            snapshot,
            reps,
            queue,
            presentities,
            today,
            broken,
            minute,
        } = parts;
        let sites = snapshot.sites.iter().map(|site| SiteDocument {
            id: site.site.as_str().to_owned(),
            name: config
                .site(site.site.as_str())
                .map_or_else(|| site.site.as_str().to_owned(), |face| face.name.clone()),
            groups: site
                .groups
                .iter()
                .map(|group| GroupDocument::new(group, config, &reps))
                .collect(),
        });
        Self {
            at,
            sites: sites.collect(),
            queue: queue
                .iter()
                .map(|ticket| TicketDocument::new(ticket, config))
                .collect(),
            reps: reps
                .iter()
                .map(|report| RepDocument::new(report, config, presentities, at))
                .collect(),
            today,
            broken,
            minute,
        }
    }
}

impl GroupDocument {
    fn new(group: &GroupSnapshot, config: &Config, reps: &[RepReport]) -> Self {
        let fits = |report: &&RepReport| {
            report.is_free
                && report.skills.iter().any(|(skill, _)| *skill == group.skill)
                && report
                    .tiers
                    .as_ref()
                    .is_none_or(|tiers| tiers.contains(&group.tier))
        };
        Self {
            skill: group.skill.as_str().to_owned(),
            name: config.skill_name(&group.skill).to_owned(),
            tier: group.tier.as_str().to_owned(),
            state: match group.state {
                GroupState::Available => "available",
                GroupState::Wait => "wait",
                GroupState::Closed => "closed",
            },
            available: group.available,
            busy: group.busy,
            away: group.away,
            offline: group.offline,
            queued: group.queued,
            opens: group.opens_unix_ms,
            wait: group.wait.map(WaitDocument::from),
            who: reps
                .iter()
                .filter(fits)
                .map(|report| report.name.clone())
                .collect(),
        }
    }
}

impl RepDocument {
    fn new(report: &RepReport, config: &Config, store: &Store, at: i64) -> Self {
        let presentity = store.presentity(&PresentityId::new(report.rep.as_str()));
        let explanation = presentity.map_or_else(
            || Explanation::of_nothing(store.precedence()),
            |presentity| explain(&presentity, store.precedence()),
        );
        let composed = explanation.composed;
        let now = Instant::now();
        Self {
            rep: report.rep.as_str().to_owned(),
            name: report.name.clone(),
            state: word(composed.availability),
            decided_by: composed.source.as_str(),
            rule: composed.rule.map(|rule| rule.as_str()),
            since: composed
                .since
                .map(|since| before(at, now.saturating_duration_since(since))),
            free: report.is_free,
            capacity: report.capacity,
            offers: report.offers.len(),
            conversations: report.conversations.len(),
            on_calls: report.on_calls,
            doubted_for_s: report.doubted_for.map(|time| time.as_secs()),
            wrap_up_for_s: report.wrap_up_for.map(|time| time.as_secs()),
            paused: report.paused.is_some(),
            paused_for_s: report.paused.and_then(|pause| match pause {
                PauseFor::Time(time) => Some(time.as_secs()),
                PauseFor::Good => None,
            }),
            skills: report
                .skills
                .iter()
                .map(|(skill, _)| config.skill_name(skill).to_owned())
                .collect(),
        }
    }
}

impl TicketDocument {
    fn new(report: &TicketReport, config: &Config) -> Self {
        Self {
            ticket: report.ticket.as_str().to_owned(),
            site: report.site.as_str().to_owned(),
            skills: report
                .skills
                .iter()
                .map(|skill| config.skill_name(skill).to_owned())
                .collect(),
            tier: report.tier.as_str().to_owned(),
            state: state_word(report.state),
            rep: report.rep.as_ref().map(|rep| rep.as_str().to_owned()),
            asked_at: report.asked_at_unix_ms,
            position: report.position,
            wait: report.wait.map(WaitDocument::from),
            promised: report.promised.map(WaitDocument::from),
        }
    }
}

impl BrokenDocument {
    /// The promise of a wait, where it was broken.
    pub(crate) fn of(wait: &WaitEnded) -> Option<Self> {
        let promised = wait.promised.filter(|_| wait.is_kept() == Some(false))?;
        Some(Self {
            ticket: wait.ticket.as_str().to_owned(),
            at: wait.at_unix_ms,
            waited_s: (wait.waited.as_secs_f64() * 10.0).round() / 10.0,
            promised_s: promised.high,
            left: match wait.fate {
                helpdesk::WaitFate::Answered => false,
                helpdesk::WaitFate::Left => true,
            },
        })
    }
}

fn before(at: i64, age: Duration) -> i64 {
    at.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX))
}
