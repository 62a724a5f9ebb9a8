//! The state of every group at one moment, immutable and shared by all who show it.
//! Must not know who reads it.

use std::sync::Arc;

use crate::ids::{SiteId, SkillId, TierId};

/// All groups of all sites. A higher version is newer.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Rises with each change.
    pub version: u64,
    /// When it was made, in milliseconds since the Unix epoch.
    pub at_unix_ms: i64,
    /// One entry per site, in configured order.
    pub sites: Vec<SiteSnapshot>,
}

/// The groups of one site: each of its skills with each tier, in configured order.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteSnapshot {
    /// The site.
    pub site: SiteId,
    /// Its groups.
    pub groups: Vec<GroupSnapshot>,
}

/// One group: the reps who can serve a skill and a tier.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupSnapshot {
    /// The skill.
    pub skill: SkillId,
    /// The tier.
    pub tier: TierId,
    /// What a click would meet.
    pub state: GroupState,
    /// Reps who could take a conversation now.
    pub available: u32,
    /// Reps who are on duty and occupied.
    pub busy: u32,
    /// Reps who are away from their desk.
    pub away: u32,
    /// Reps who are off duty.
    pub offline: u32,
    /// Tickets of this skill and tier that wait.
    pub queued: u32,
    /// When it opens, in milliseconds since the Unix epoch; of closed groups whose hours are known.
    pub opens_unix_ms: Option<i64>,
    /// Who is likely to be free first, where the site shows it and somebody has to wait.
    pub next_rep: Option<Arc<str>>,
    /// Promised wait of a click at this moment; `None` when available, closed or unknown.
    pub wait: Option<Wait>,
}

/// What a click at this moment would meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupState {
    /// It would be offered at once.
    Available,
    /// It would wait.
    Wait,
    /// Nobody is on duty.
    Closed,
}

/// An honest waiting time: a middle and the range it falls into with the stated confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wait {
    /// The expected wait, in seconds.
    pub seconds: u32,
    /// Lower end of the range, in seconds.
    pub low: u32,
    /// Upper end of the range, in seconds.
    pub high: u32,
    /// Share of waits that fall into the range, 0 to 1.
    pub confidence: f64,
}
