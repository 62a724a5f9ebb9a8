//! Soft state as rows: the newest word about each thing that phones would bring again by themselves.
//! Must not know what a body says; whoever keeps it reads it back.

/// What kind of thing a piece of soft state is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SoftKind {
    /// The publications of one presentity.
    Publications,
    /// The phones of one rep.
    Bindings,
    /// One subscription.
    Subscription,
}

impl SoftKind {
    /// The kind as the table says it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Publications => "publications",
            Self::Bindings => "bindings",
            Self::Subscription => "subscription",
        }
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

/// The newest word about one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoftValue {
    /// Of the body's form, per kind.
    pub version: u32,
    /// Milliseconds since the Unix epoch; from then on it is as good as gone.
    pub expires_at_unix_ms: i64,
    /// JSON.
    pub body: String,
}

/// Puts a thing's newest word in the place of what was known, or takes it away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoftChange {
    /// Which thing.
    pub key: SoftKey,
    /// `None` when it is gone.
    pub value: Option<SoftValue>,
}
