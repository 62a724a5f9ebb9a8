//! What a shopper asks for with one click, and why an ask can be refused.
//! Must not know how the click reached us.

use std::fmt;

use thiserror::Error;

use crate::ids::{RepId, SiteId, SkillId, TicketId, TierId};

/// SHA-256 of a ticket's bearer token; the token itself stays with the shopper's browser.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AccessDigest(pub [u8; 32]);

impl fmt::Debug for AccessDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessDigest(..)")
    }
}

/// One click for help. The edge chooses the random parts, so that the machine stays deterministic.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// Unguessable identity of the ticket to be.
    pub ticket: TicketId,
    /// Opens the ticket to whoever holds the token of this digest.
    pub access: AccessDigest,
    /// Where the shopper clicked.
    pub site: SiteId,
    /// Skills wanted, the first is the one routed by; at least one unless the site has only one.
    pub skills: Vec<SkillId>,
    /// The shopper's tier; proven by the shop's token, else the site's first tier.
    pub tier: TierId,
    /// A rep the shopper asked for by name.
    pub rep: Option<RepId>,
    /// The name the shopper gave.
    pub name: Option<String>,
    /// Telephone number as given.
    pub phone: Option<String>,
    /// First words; the first line of the conversation.
    pub message: Option<String>,
    /// Address of the page the shopper was on.
    pub page: Option<String>,
    /// BCP 47 language tag of the page.
    pub language: Option<String>,
}

/// Why an ask made no ticket. Each text fits "failed to ask for help: {text}".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AskRefused {
    /// No such site is configured.
    #[error("no site is called {0}")]
    UnknownSite(SiteId),
    /// The site does not offer the skill.
    #[error("this site has no skill called {0}")]
    UnknownSkill(SkillId),
    /// No such tier is configured.
    #[error("no tier is called {0}")]
    UnknownTier(TierId),
    /// No such rep, or none who serves this skill and tier.
    #[error("no rep called {0} can help with this")]
    UnknownRep(RepId),
    /// The ask names no skill and the site has several.
    #[error("the request names no skill")]
    NoSkill,
    /// Nobody who could ever answer is on duty.
    #[error("nobody who can help with this is on duty")]
    Closed,
    /// The configured number of tickets waits already.
    #[error("the queue is full")]
    QueueFull,
    /// The first words are longer than a line may be.
    #[error("the message is longer than 8 KiB")]
    TooLong,
    /// Another shopper's ticket has this identity.
    #[error("the ticket's identity is taken")]
    TicketTaken,
}
