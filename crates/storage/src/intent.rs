//! Intents: what is about to be done outside, such as dialling a number, written down before it is done, so that a
//! restart knows it may have happened and never does it twice. Must not know what is done.

use std::sync::Arc;

use helpdesk::TicketId;

use crate::chain::{Digest, digest_of};
use crate::error::LoadError;
use crate::journal::Journal;
use crate::seal::Keyring;

/// What kind of thing is intended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IntentKind {
    /// A telephone call to a shopper.
    Callback,
}

impl IntentKind {
    /// The kind as the table says it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Callback => "callback",
        }
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        match text {
            "callback" => Some(Self::Callback),
            _ => None,
        }
    }
}

/// Whether anything can still come of an intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// How it ends is not known. A restart finds it so if the process died in between.
    Open,
    /// It has ended, one way or the other.
    Ended,
}

/// One thing that is intended, and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// What it is.
    pub kind: IntentKind,
    /// Its name within its kind; no two have the same.
    pub id: String,
    /// For whom, if a ticket is known. `None` once that ticket was erased.
    pub ticket: Option<TicketId>,
    /// How far it has come, in the words of whoever intends it.
    pub step: String,
    /// Whether that is the end.
    pub standing: Standing,
    /// Milliseconds since the Unix epoch.
    pub began_at_unix_ms: i64,
    /// When it came to this step.
    pub changed_at_unix_ms: i64,
    /// Of the body's form, per kind.
    pub version: u32,
    /// JSON. Empty once the ticket was erased: that there was an intent still counts, whose it was is forgotten.
    pub body: String,
}

/// What is to become of an intent. Whoever wants an effect commits the change first and acts only on `Ok`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntentChange {
    /// It is intended. Refused with [`CommitError::IntentMoved`](crate::CommitError::IntentMoved) if there is one of
    /// that name already, whatever it says.
    Begin(Intent),
    /// It comes from one step to another. Refused if it stands at any other step, so that of two who want the same
    /// step one gets it.
    Advance {
        /// What it is.
        kind: IntentKind,
        /// Its name within its kind.
        id: String,
        /// Where it must stand.
        from: String,
        /// Where it stands afterwards.
        to: String,
        /// Whether that is the end.
        standing: Standing,
        /// When.
        at_unix_ms: i64,
        /// The body from here on; `None` leaves it.
        body: Option<String>,
    },
}

impl Journal {
    /// Intents of a kind that are open, or began at `since_unix_ms` or later: what a restart must look at, and what
    /// limits count. The oldest first.
    pub async fn intents(
        &self,
        kind: IntentKind,
        since_unix_ms: i64,
    ) -> Result<Vec<Intent>, LoadError> {
        self.reader().intents(kind, since_unix_ms).await
    }
}

impl Intent {
    pub(crate) fn seal(&mut self, keyring: &Keyring) -> Result<(), String> {
        self.body = sealed(&self.body, self.kind, &self.id, keyring)?;
        Ok(())
    }

    /// Sealed by the newest key; `None` where no key opens it, or it is not what was written with this digest.
    pub(crate) fn resealed(&self, digest: &[u8], keyring: &Keyring) -> Option<Self> {
        if self.digest() != digest {
            return None;
        }
        let mut resealed = self.clone().opened(keyring).ok()?;
        resealed.seal(keyring).ok()?;
        Some(resealed)
    }

    pub(crate) fn opened(mut self, keyring: &Keyring) -> Result<Self, String> {
        let place = place(self.kind, &self.id);
        self.body = keyring
            .open(self.body, &place)
            .map_err(|error| error.to_string())?;
        Ok(self)
    }

    /// The digest of the intent as it is stored.
    pub(crate) fn digest(&self) -> Digest {
        digest_of(&[
            self.kind.as_str().as_bytes(),
            self.id.as_bytes(),
            self.ticket
                .as_ref()
                .map_or(&[], |id| id.as_str().as_bytes()),
            self.step.as_bytes(),
            &[u8::from(self.is_open())],
            &self.began_at_unix_ms.to_be_bytes(),
            &self.changed_at_unix_ms.to_be_bytes(),
            &self.version.to_be_bytes(),
            self.body.as_bytes(),
        ])
    }

    pub(crate) fn is_open(&self) -> bool {
        match self.standing {
            Standing::Open => true,
            Standing::Ended => false,
        }
    }

    /// The intent as it stands when its ticket is erased.
    pub(crate) fn forgotten(mut self) -> Self {
        self.ticket = None;
        self.body = String::new();
        self
    }
}

impl IntentChange {
    pub(crate) fn seal(&mut self, keyring: &Keyring) -> Result<(), String> {
        match self {
            Self::Begin(intent) => intent.seal(keyring),
            Self::Advance { kind, id, body, .. } => {
                if let Some(text) = body {
                    *text = sealed(text, *kind, id, keyring)?;
                }
                Ok(())
            }
        }
    }

    /// Which intent it is about.
    pub(crate) fn key(&self) -> (IntentKind, &str) {
        match self {
            Self::Begin(intent) => (intent.kind, &intent.id),
            Self::Advance { kind, id, .. } => (*kind, id),
        }
    }

    /// The intent after the change, or where it stands if it does not stand where the change begins.
    pub(crate) fn applied_to(&self, found: Option<Intent>) -> Result<Intent, Moved> {
        match (self, found) {
            (Self::Begin(intent), None) => Ok(intent.clone()),
            (Self::Begin(_), Some(found)) => Err(Some(found.step)),
            (Self::Advance { .. }, None) => Err(None),
            (
                Self::Advance {
                    from,
                    to,
                    standing,
                    at_unix_ms,
                    body,
                    ..
                },
                Some(found),
            ) => {
                if found.step != *from {
                    return Err(Some(found.step));
                }
                // What was forgotten stays forgotten.
                let is_forgotten = found.body.is_empty();
                let body = body.clone().filter(|_| !is_forgotten);
                Ok(Intent {
                    step: to.clone(),
                    standing: *standing,
                    changed_at_unix_ms: *at_unix_ms,
                    body: body.unwrap_or(found.body),
                    ..found
                })
            }
        }
    }

    /// The refusal, for an intent that stands elsewhere.
    pub(crate) fn refusal(&self, moved: Moved) -> crate::error::CommitError {
        crate::error::CommitError::IntentMoved {
            id: Arc::from(self.key().1),
            step: moved.map(Arc::from),
        }
    }
}

/// Where an intent stands instead; `None` where there is none.
pub(crate) type Moved = Option<String>;

fn sealed(body: &str, kind: IntentKind, id: &str, keyring: &Keyring) -> Result<String, String> {
    let sealed = keyring
        .seal(body, &place(kind, id))
        .map_err(|error| error.to_string())?;
    Ok(sealed.unwrap_or_else(|| body.to_owned()))
}

/// What a sealed body belongs to: it opens nowhere else.
fn place(kind: IntentKind, id: &str) -> String {
    format!("intent {} {id}", kind.as_str())
}
