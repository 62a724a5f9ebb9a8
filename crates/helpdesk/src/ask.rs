//! What a shopper asks for with one click, and why an ask can be refused.
//! Must not know how the click reached us.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

use crate::callback::CallbackRefused;
use crate::ids::{Level, RepId, SiteId, SkillId, TicketId, TierId};

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
    /// Skills required, the first is the one routed by; at least one unless the site has only one.
    pub skills: Vec<SkillId>,
    /// What is wished beyond that.
    pub wishes: Wishes,
    /// The shopper's tier; proven by the shop's token, else the site's first tier.
    pub tier: TierId,
    /// A rep the shopper asked for by name.
    pub rep: Option<RepId>,
    /// The open case the shopper comes back with; proven by the shop's token.
    pub case: Option<String>,
    /// Conversations that the same shopper had before, the oldest first; proven by the site's sealed cookie.
    pub earlier: Vec<TicketId>,
    /// The name the shopper gave.
    pub name: Option<String>,
    /// Telephone number as given.
    pub phone: Option<String>,
    /// First words; the first line of the conversation.
    pub message: Option<String>,
    /// What else the site's form asks for, each with its label.
    pub details: Vec<Detail>,
    /// Address of the page the shopper was on.
    pub page: Option<String>,
    /// BCP 47 language tag of the page.
    pub language: Option<String>,
    /// What proves who the shopper is.
    pub proof: Proof,
    /// How the shopper wants to be answered.
    pub channel: Channel,
    /// The shopper's own SIP messenger, such as `sip:zoe@example.net`; proven by the shop's token, or absent.
    pub im: Option<String>,
}

/// What proves who a shopper is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Proof {
    /// Nothing: anybody could have clicked.
    #[default]
    None,
    /// A token that the shop has signed.
    Token,
}

/// How a shopper wants to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Channel {
    /// On the page.
    #[default]
    Page,
    /// By a call.
    Telephone,
}

/// One answer to a question of the site's own form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// The question, as reps read it.
    pub label: String,
    /// The answer.
    pub answer: String,
}

/// What a shopper wishes beyond the skills that are required.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Wishes {
    /// The least level in a required skill, until a relaxing rule says that less is enough.
    pub least_levels: Vec<(SkillId, Level)>,
    /// Skills that are welcome: who has them is asked first.
    pub preferred: Vec<Preference>,
    /// Whether the expert or the first who is free shall come; `None` is the site's way.
    pub prefer: Option<Prefer>,
    /// How long to wait for the named rep; `None` is the site's `sticky_for`.
    pub rep_deadline: Option<Duration>,
}

/// A skill that is welcome but not required.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Preference {
    /// The skill; a language, for one.
    pub skill: SkillId,
    /// What it counts beside the level in the skill routed by: level times this, in hundredths.
    pub weight: Level,
    /// Below this level it does not count.
    pub least_level: Option<Level>,
}

/// Who shall come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Prefer {
    /// The highest level at work, waited for as long as for a named rep, and then the best who is free.
    Best,
    /// Whoever has been idle longest, whatever the level.
    First,
}

/// For who wishes nothing.
pub(crate) static NO_WISHES: Wishes = Wishes::NONE;

impl Wishes {
    /// No wish.
    pub const NONE: Self = Self {
        least_levels: Vec::new(),
        preferred: Vec::new(),
        prefer: None,
        rep_deadline: None,
    };

    pub(crate) fn least_level(&self, skill: &SkillId) -> Option<Level> {
        let (_, level) = self.least_levels.iter().find(|(of, _)| of == skill)?;
        Some(*level)
    }
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
    /// No rep, on duty or not, has what is required, and no rule relaxes it.
    #[error("no rep has all that is asked for: {0}")]
    BeyondReach(String),
    /// The ask names no skill and the site has several.
    #[error("the request names no skill")]
    NoSkill,
    /// Nobody who could ever answer is on duty.
    #[error("nobody who can help with this is on duty")]
    Closed,
    /// The site, or what is asked for, is not open at this hour.
    #[error("help with this is closed at this hour")]
    OutsideHours {
        /// When it opens, in milliseconds since the Unix epoch, if it ever does.
        opens_unix_ms: Option<i64>,
    },
    /// The configured number of tickets waits already.
    #[error("the queue is full")]
    QueueFull,
    /// The first words are longer than a line may be.
    #[error("the message is longer than 8 KiB")]
    TooLong,
    /// It asks for a call, and the shopper cannot be called.
    #[error("you cannot be called: {0}")]
    NotCalled(#[from] CallbackRefused),
    /// Another shopper's ticket has this identity.
    #[error("the ticket's identity is taken")]
    TicketTaken,
}
