//! The outbox: what is to be told to programs outside, committed together with the records it tells of, and kept until
//! it was delivered or given up. Must not know how anything is delivered.

use helpdesk::TicketId;

use crate::chain::{Digest, digest_of};
use crate::error::LoadError;
use crate::journal::Journal;
use crate::seal::Keyring;

/// One thing to be told to one program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEntry {
    /// The same at every try, so that the receiver knows a repetition; no two have the same.
    pub id: String,
    /// To whom, in the words of whoever delivers.
    pub destination: String,
    /// Which ticket it tells of; the entry goes when that is erased.
    pub ticket: Option<TicketId>,
    /// When it came to be, in milliseconds since the Unix epoch.
    pub at_unix_ms: i64,
    /// When it is to be tried next.
    pub due_at_unix_ms: i64,
    /// Tries that failed.
    pub attempts: u32,
    /// Whether it is still tried.
    pub state: OutboxState,
    /// Why the last try failed.
    pub why: Option<String>,
    /// Of the body's form.
    pub version: u32,
    /// JSON.
    pub body: String,
}

/// Whether an entry is still tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutboxState {
    /// It is.
    Waiting,
    /// It was given up, and waits for somebody to look at it.
    Dead,
}

/// What is to become of an entry. One that is not there (delivered, erased) is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutboxChange {
    /// It is to be delivered. One that is there already, by its id, stays as it is.
    Put(OutboxEntry),
    /// It was delivered.
    Delivered {
        /// Which.
        id: String,
    },
    /// A try failed.
    Failed {
        /// Which.
        id: String,
        /// Why.
        why: String,
        /// When it is tried again; `None` gives it up.
        retry_at_unix_ms: Option<i64>,
    },
    /// Somebody wants one tried again that was given up.
    Revive {
        /// Which.
        id: String,
        /// When it is tried.
        due_at_unix_ms: i64,
    },
    /// Somebody wants it gone undelivered.
    Drop {
        /// Which.
        id: String,
    },
}

/// How much there is in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutboxCounts {
    /// Entries that are still tried.
    pub waiting: u64,
    /// Entries that were given up.
    pub dead: u64,
}

/// Which entries are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OutboxChoice {
    /// Those due at this moment or before, the longest due first.
    DueBy(i64),
    /// Those given up, in the order of their ids, after this one.
    DeadAfter(String),
    /// Those still tried that go to this destination, in the order of their ids.
    WaitingFor(String),
}

impl Journal {
    /// Entries that are due at `by_unix_ms` or before, the longest due first: at most so many.
    pub async fn outbox_due(
        &self,
        by_unix_ms: i64,
        at_most: u32,
    ) -> Result<Vec<OutboxEntry>, LoadError> {
        let choice = OutboxChoice::DueBy(by_unix_ms);
        self.reader().outbox(choice, at_most).await
    }

    /// Entries still tried that go to one destination, due or not, in the order of their ids: at most so many.
    pub async fn outbox_waiting_for(
        &self,
        destination: &str,
        at_most: u32,
    ) -> Result<Vec<OutboxEntry>, LoadError> {
        let choice = OutboxChoice::WaitingFor(destination.to_owned());
        self.reader().outbox(choice, at_most).await
    }

    /// Entries that were given up, in the order of their ids after `after`: a page of `at_most`.
    pub async fn outbox_dead(
        &self,
        after: Option<&str>,
        at_most: u32,
    ) -> Result<Vec<OutboxEntry>, LoadError> {
        let choice = OutboxChoice::DeadAfter(after.unwrap_or_default().to_owned());
        self.reader().outbox(choice, at_most).await
    }

    /// How much there is in the outbox.
    pub async fn outbox_counts(&self) -> Result<OutboxCounts, LoadError> {
        self.reader().outbox_counts().await
    }
}

impl OutboxEntry {
    pub(crate) fn seal(&mut self, keyring: &Keyring) -> Result<(), String> {
        let sealed = keyring
            .seal(&self.body, &self.place())
            .map_err(|error| error.to_string())?;
        if let Some(sealed) = sealed {
            self.body = sealed;
        }
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
        let place = self.place();
        self.body = keyring
            .open(self.body, &place)
            .map_err(|error| error.to_string())?;
        Ok(self)
    }

    /// The digest of the entry as it is stored.
    pub(crate) fn digest(&self) -> Digest {
        digest_of(&[
            self.id.as_bytes(),
            self.destination.as_bytes(),
            self.ticket
                .as_ref()
                .map_or(&[], |id| id.as_str().as_bytes()),
            &self.at_unix_ms.to_be_bytes(),
            &self.due_at_unix_ms.to_be_bytes(),
            &self.attempts.to_be_bytes(),
            &[u8::from(self.is_dead())],
            self.why.as_deref().unwrap_or_default().as_bytes(),
            &self.version.to_be_bytes(),
            self.body.as_bytes(),
        ])
    }

    pub(crate) fn is_dead(&self) -> bool {
        match self.state {
            OutboxState::Waiting => false,
            OutboxState::Dead => true,
        }
    }

    /// What a sealed body belongs to: it opens nowhere else.
    fn place(&self) -> String {
        format!("outbox {}", self.id)
    }
}

/// What a receiver said may be anything, and no database has to keep all of it.
fn printable(why: &str) -> String {
    why.chars()
        .filter(|sign| !sign.is_control())
        .take(MOST_OF_WHY)
        .collect()
}

/// Signs kept of why a try failed.
const MOST_OF_WHY: usize = 500;

/// What a database does about a change of an entry that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Becomes {
    /// This, in its place.
    Entry(Box<OutboxEntry>),
    /// Nothing: it goes.
    Gone,
}

impl OutboxChange {
    pub(crate) fn seal(&mut self, keyring: &Keyring) -> Result<(), String> {
        match self {
            Self::Put(entry) => entry.seal(keyring),
            Self::Delivered { .. }
            | Self::Failed { .. }
            | Self::Revive { .. }
            | Self::Drop { .. } => Ok(()),
        }
    }

    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Put(entry) => &entry.id,
            Self::Delivered { id }
            | Self::Failed { id, .. }
            | Self::Revive { id, .. }
            | Self::Drop { id } => id,
        }
    }

    /// What becomes of the entry that is there.
    pub(crate) fn applied_to(&self, found: OutboxEntry) -> Becomes {
        let entry = match self {
            Self::Put(_) => found,
            Self::Delivered { .. } | Self::Drop { .. } => return Becomes::Gone,
            Self::Failed {
                why,
                retry_at_unix_ms,
                ..
            } => OutboxEntry {
                attempts: found.attempts.saturating_add(1),
                state: match retry_at_unix_ms {
                    Some(_) => OutboxState::Waiting,
                    None => OutboxState::Dead,
                },
                due_at_unix_ms: retry_at_unix_ms.unwrap_or(found.due_at_unix_ms),
                why: Some(printable(why)),
                ..found
            },
            Self::Revive { due_at_unix_ms, .. } => OutboxEntry {
                state: OutboxState::Waiting,
                due_at_unix_ms: *due_at_unix_ms,
                attempts: 0,
                ..found
            },
        };
        Becomes::Entry(Box::new(entry))
    }
}
