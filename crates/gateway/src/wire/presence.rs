//! The presence document: the groups of a site that were asked for.

use helpdesk::{GroupSnapshot, GroupState, SiteId, Snapshot};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::wait::WaitDocument;

/// What `GET …/presence` and each `presence` event carry.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PresenceDocument<'a> {
    site: &'a str,
    version: u64,
    /// RFC 3339, UTC.
    at: String,
    groups: Vec<GroupDocument<'a>>,
}

#[derive(Debug, Serialize, ToSchema)]
struct GroupDocument<'a> {
    skill: &'a str,
    tier: &'a str,
    state: &'static str,
    available: u32,
    busy: u32,
    away: u32,
    offline: u32,
    queued: u32,
    wait: Option<WaitDocument>,
    /// When it opens; of closed groups whose hours are known. RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    opens: Option<String>,
    /// Who is likely to be free first, where the site shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_rep: Option<&'a str>,
}

impl<'a> PresenceDocument<'a> {
    /// These groups of the site, as they stand in the snapshot.
    pub(crate) fn new(
        site: &'a SiteId,
        snapshot: &Snapshot,
        groups: impl Iterator<Item = &'a GroupSnapshot>,
    ) -> Self {
        Self {
            site: site.as_str(),
            version: snapshot.version,
            at: rfc_3339(snapshot.at_unix_ms),
            groups: groups.map(GroupDocument::from).collect(),
        }
    }

    /// The site whose groups these are.
    pub(crate) fn site(&self) -> &str {
        self.site
    }
}

impl<'a> From<&'a GroupSnapshot> for GroupDocument<'a> {
    fn from(group: &'a GroupSnapshot) -> Self {
        Self {
            skill: group.skill.as_str(),
            tier: group.tier.as_str(),
            state: state_word(group.state),
            available: group.available,
            busy: group.busy,
            away: group.away,
            offline: group.offline,
            queued: group.queued,
            wait: group.wait.map(WaitDocument::from),
            opens: group.opens_unix_ms.map(rfc_3339),
            next_rep: group.next_rep.as_deref(),
        }
    }
}

/// The word for a group's state.
pub(crate) fn state_word(state: GroupState) -> &'static str {
    match state {
        GroupState::Available => "available",
        GroupState::Wait => "wait",
        GroupState::Closed => "closed",
    }
}

/// A moment as RFC 3339 text in UTC; a moment that no calendar has is the epoch.
pub(crate) fn rfc_3339(unix_ms: i64) -> String {
    Timestamp::from_millisecond(unix_ms)
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .to_string()
}

#[cfg(test)]
mod tests {
    use helpdesk::{SkillId, TierId, Wait};

    use super::*;

    #[test]
    fn the_document_reads_as_promised() {
        let waiting = GroupSnapshot {
            skill: SkillId::new("lenses"),
            tier: TierId::new("standard"),
            state: GroupState::Wait,
            available: 0,
            busy: 3,
            away: 1,
            offline: 0,
            queued: 4,
            opens_unix_ms: None,
            next_rep: None,
            wait: Some(Wait {
                seconds: 240,
                low: 120,
                high: 420,
                confidence: 0.8,
            }),
        };
        let free = GroupSnapshot {
            skill: SkillId::new("cameras"),
            tier: TierId::new("gold"),
            state: GroupState::Available,
            available: 2,
            busy: 1,
            away: 0,
            offline: 1,
            queued: 0,
            opens_unix_ms: None,
            next_rep: None,
            wait: None,
        };
        let snapshot = Snapshot {
            version: 42,
            at_unix_ms: 1_767_268_800_000,
            sites: Vec::new(),
        };
        let site = SiteId::new("shop");
        let document = PresenceDocument::new(&site, &snapshot, [&free, &waiting].into_iter());
        assert_eq!(
            serde_json::to_string(&document).unwrap(),
            concat!(
                r#"{"site":"shop","version":42,"at":"2026-01-01T12:00:00Z","groups":["#,
                r#"{"skill":"cameras","tier":"gold","state":"available","available":2,"busy":1,"#,
                r#""away":0,"offline":1,"queued":0,"wait":null},"#,
                r#"{"skill":"lenses","tier":"standard","state":"wait","available":0,"busy":3,"#,
                r#""away":1,"offline":0,"queued":4,"#,
                r#""wait":{"seconds":240,"low":120,"high":420,"confidence":0.8}}]}"#
            )
        );
    }
}
