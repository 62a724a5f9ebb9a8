//! One newtype for each identity of the helpdesk, so that a skill is never passed for a tier.
//! Must not know where an identity is looked up.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Arc<str>);

        impl $type {
            /// Takes the text as it stands; the edge that read it has checked its form.
            pub fn new(text: &str) -> Self {
                Self(Arc::from(text))
            }

            /// The identity as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        // Sound with the derived traits: `Arc<str>` compares and hashes as the `str` it holds.
        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($type), self.0)
            }
        }
    };
}

name!(
    /// A web property: a shop, a library, a bank.
    SiteId
);
name!(
    /// What a rep can help with.
    SkillId
);
name!(
    /// A customer's membership.
    TierId
);
name!(
    /// A representative; the user part of the rep's address of record.
    RepId
);
name!(
    /// One click for help. Unguessable, and the user part of the conversation's SIP address.
    TicketId
);
name!(
    /// One telephone call; no two have the same.
    CallId
);
name!(
    /// What outlives a conversation. Unguessable: whoever names it in a cookie or a token comes back with it.
    CaseId
);
name!(
    /// The identity a browser gave a line, so that a line sent twice is one line.
    LineId
);

/// Competence in a skill, 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(u8);

impl Level {
    /// The highest there is.
    pub const MAX: Self = Self(100);

    /// `None` outside 1 to 100.
    pub fn new(level: u8) -> Option<Self> {
        (1..=100).contains(&level).then_some(Self(level))
    }

    /// The share of the highest level, 0.01 to 1.
    pub(crate) fn share(self) -> f64 {
        f64::from(self.0) / f64::from(Self::MAX.0)
    }

    /// The number, 1 to 100.
    pub fn value(self) -> u8 {
        self.0
    }
}

/// The place of a line in its conversation, from 1 without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seq(pub u64);

/// Names the asker of an [`Input`](crate::Input) whose answer comes as [`Output::Reply`](crate::Output::Reply).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyId(pub u64);

/// Names one message to a rep until its outcome is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub u64);
