//! Soft state as rows: the newest word about each thing that phones would bring again by themselves.
//! Must not know what a body says; whoever keeps it reads it back.

use crate::chain::{Digest, digest_of};

/// What kind of thing a piece of soft state is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SoftKind {
    /// The publications of one presentity.
    Publications,
    /// The phones of one rep.
    Bindings,
    /// One subscription.
    Subscription,
    /// One word of whoever sees to telephone calls, such as a breaker that has tripped.
    Calls,
    /// How good the promises of a skill and tier were.
    Score,
    /// A rep's pause.
    Pause,
    /// A case.
    Case,
}

impl SoftKind {
    /// The kind as the table says it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Publications => "publications",
            Self::Bindings => "bindings",
            Self::Subscription => "subscription",
            Self::Calls => "calls",
            Self::Score => "score",
            Self::Pause => "pause",
            Self::Case => "case",
        }
    }

    /// Whether its words come by the thousand, as phones speak.
    const fn comes_by_the_thousand(self) -> bool {
        match self {
            Self::Publications | Self::Bindings | Self::Subscription => true,
            Self::Calls | Self::Score | Self::Pause | Self::Case => false,
        }
    }

    /// The kind of a word in `changes`.
    pub(crate) fn read_appended(text: &str) -> Option<Self> {
        [Self::Publications, Self::Bindings, Self::Subscription]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

/// Names one thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SoftKey {
    /// What it is.
    pub kind: SoftKind,
    /// Its name within its kind.
    pub name: String,
}

impl SoftKey {
    /// Whether words about it are appended to `changes` before they come into `state`. The other kinds are few, and are
    /// erased beside a server; a name too long for an index is refused at once, not when its word comes into `state`.
    pub(crate) fn is_appended(&self) -> bool {
        self.kind.comes_by_the_thousand() && self.name.len() <= LONGEST_APPENDED
    }
}

/// Bytes of a name; PostgreSQL's indexes take 2,700 with the kind.
const LONGEST_APPENDED: usize = 2_000;

/// The newest word about one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoftValue {
    /// Of the body's form, per kind.
    pub version: u32,
    /// Milliseconds since the Unix epoch; from then on it is as good as gone. See [`SoftValue::NEVER`].
    pub expires_at_unix_ms: i64,
    /// JSON.
    pub body: String,
}

impl SoftValue {
    /// For what stands until another word takes its place.
    pub const NEVER: i64 = i64::MAX;

    /// The digest of the row this is, as it is stored.
    pub(crate) fn digest(&self, key: &SoftKey) -> Digest {
        self.digest_as(key.kind.as_str(), key.name.as_bytes())
    }

    pub(crate) fn digest_as(&self, kind: &str, name: &[u8]) -> Digest {
        digest_of(&[
            kind.as_bytes(),
            name,
            &self.version.to_be_bytes(),
            &self.expires_at_unix_ms.to_be_bytes(),
            self.body.as_bytes(),
        ])
    }
}

/// Puts a thing's newest word in the place of what was known, or takes it away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoftChange {
    /// Which thing.
    pub key: SoftKey,
    /// `None` when it is gone.
    pub value: Option<SoftValue>,
}

/// Which part of what is known of one kind is read.
#[derive(Debug, Clone)]
pub(crate) struct SoftPage {
    pub(crate) kind: SoftKind,
    /// The name of the last one of the page before; no name is empty.
    pub(crate) after: Vec<u8>,
    /// Only what has not lapsed by then.
    pub(crate) now_unix_ms: i64,
    pub(crate) at_most: u32,
}

/// A row of the table `state`, before anybody knows whether it makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredState {
    pub(crate) kind: String,
    pub(crate) name: Vec<u8>,
    pub(crate) value: SoftValue,
    /// Empty for a row of an older program.
    pub(crate) digest: Vec<u8>,
}

impl StoredState {
    /// Whether it is what was written, as far as can be known.
    pub(crate) fn is_sound(&self) -> bool {
        self.digest.is_empty() || self.digest == self.value.digest_as(&self.kind, &self.name)
    }

    /// Its name as it was given.
    pub(crate) fn name(&self) -> String {
        String::from_utf8_lossy(&self.name).into_owned()
    }
}
