//! A case: what outlives a conversation, or stands for one that never came to be.
//! Must not know how a case is kept, nor how its form reached us.

use std::time::Duration;

use thiserror::Error;

use crate::ids::{CaseId, RepId, SiteId, SkillId, TicketId};
use crate::transcript::LINE_LIMIT;

/// The longest identity, name, contact and page kept of a case, in characters.
const FIELD_CHARS: usize = 300;

/// What is still to be done for a shopper.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Its identity, which the shopper's cookie or the shop's token names.
    pub id: CaseId,
    /// Where it came up.
    pub site: SiteId,
    /// Who the shopper is to the site: the subject of its token, or the visitor of the cookie.
    pub shopper: Option<String>,
    /// The shopper's name.
    pub name: Option<String>,
    /// How the shopper can be answered: a telephone number, a mail or a SIP address.
    pub contact: Option<String>,
    /// What it is about.
    pub skills: Vec<SkillId>,
    /// The conversation it comes from, or the last that was about it.
    pub ticket: Option<TicketId>,
    /// Why it came to be.
    pub reason: CaseReason,
    /// In the words of the shopper or of the rep.
    pub words: Option<String>,
    /// Whether there is still something to do.
    pub state: CaseState,
    /// When it came to be, in milliseconds since the Unix epoch.
    pub opened_unix_ms: i64,
    /// Who knows it: the rep who last had a conversation about it.
    pub rep: Option<RepId>,
}

/// Why a case came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CaseReason {
    /// The shopper left a message while nobody was on duty.
    Offline,
    /// The shopper could not be reached by telephone.
    CallbackFailed,
    /// A conversation ended with something left to do.
    Unfinished,
}

/// Where a case stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseState {
    /// Something is to be done.
    Open,
    /// Nothing is.
    Closed {
        /// Since when, in milliseconds since the Unix epoch.
        at_unix_ms: i64,
        /// The rep who closed it; `None` is a supervisor or the desk.
        by: Option<RepId>,
    },
}

/// A case to be opened. The edge chooses the identity, so that the machine stays deterministic; what is
/// left out is taken from the conversation it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCase {
    /// Unguessable identity of the case to be.
    pub id: CaseId,
    /// Where it came up.
    pub site: SiteId,
    /// Who the shopper is to the site.
    pub shopper: Option<String>,
    /// The shopper's name.
    pub name: Option<String>,
    /// How the shopper can be answered.
    pub contact: Option<String>,
    /// What it is about.
    pub skills: Vec<SkillId>,
    /// The conversation it comes from.
    pub ticket: Option<TicketId>,
    /// Why it comes to be.
    pub reason: CaseReason,
    /// In the words of the shopper or of the rep.
    pub words: Option<String>,
    /// The rep who knows it.
    pub rep: Option<RepId>,
}

/// Why a case was not opened or closed. Each text fits "failed to keep the case: {text}".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CaseRefused {
    /// No such site is configured.
    #[error("no site is called {0}")]
    UnknownSite(SiteId),
    /// The site does not offer the skill.
    #[error("this site has no skill called {0}")]
    UnknownSkill(SkillId),
    /// No such rep is configured.
    #[error("no rep is called {0}")]
    UnknownRep(RepId),
    /// The conversation it is to come from is not known, or belongs to another site.
    #[error("there is no conversation {0} at this site")]
    UnknownTicket(TicketId),
    /// The case is not known.
    #[error("there is no case called {0}")]
    UnknownCase(CaseId),
    /// Another case has this identity.
    #[error("the case's identity is taken")]
    CaseTaken,
    /// The words are longer than a line may be.
    #[error("the message is longer than 8 KiB")]
    TooLong,
    /// As many cases are open as are kept.
    #[error("too many cases are open; close some first")]
    TooMany,
}

impl Case {
    /// Whether there is still something to do.
    pub fn is_open(&self) -> bool {
        self.state == CaseState::Open
    }

    /// How long ago it came to be.
    pub fn age(&self, now_unix_ms: i64) -> Duration {
        let age = now_unix_ms.saturating_sub(self.opened_unix_ms);
        Duration::from_millis(u64::try_from(age).unwrap_or(0))
    }

    /// Whether this is what the new case would have become, so that a repeated request makes no second one.
    pub(crate) fn comes_from(&self, new: &NewCase) -> bool {
        let same_words = new.words.is_none() || new.words == self.words;
        self.site == new.site && self.reason == new.reason && same_words
    }
}

impl NewCase {
    pub(crate) fn is_too_long(&self) -> bool {
        self.words
            .as_ref()
            .is_some_and(|words| words.len() > LINE_LIMIT)
    }

    /// The case as it stands from now on.
    pub(crate) fn into_case(self, now_unix_ms: i64) -> Case {
        let field = |text: Option<String>| {
            text.map(|text| text.chars().take(FIELD_CHARS).collect::<String>())
        };
        Case {
            id: self.id,
            site: self.site,
            shopper: field(self.shopper),
            name: field(self.name),
            contact: field(self.contact),
            skills: self.skills,
            ticket: self.ticket,
            reason: self.reason,
            words: self.words,
            state: CaseState::Open,
            opened_unix_ms: now_unix_ms,
            rep: self.rep,
        }
    }
}
