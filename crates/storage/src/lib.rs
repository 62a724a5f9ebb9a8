//! The journal of what happened to each ticket and the newest soft state, in SQLite or PostgreSQL, and its history for
//! people and restarts. Must not know SIP or HTTP, nor what the records mean beyond their order and their ticket.
#![forbid(unsafe_code)]

mod aside;
mod backend;
mod chain;
mod changes;
mod error;
mod health;
mod intent;
mod journal;
mod location;
mod outbox;
mod postgres;
mod reader;
mod row;
mod seal;
mod soft;
mod space;
mod sqlite;
mod verify;
mod wishes;
mod writer;

pub use error::{CommitError, LoadError, OpenError, PostgresError};
pub use health::Health;
pub use intent::{Intent, IntentChange, IntentKind, Standing};
pub use journal::{Archive, Journal, Totals, Work};
pub use location::{Location, PostgresUrl};
pub use outbox::{OutboxChange, OutboxCounts, OutboxEntry, OutboxState};
pub use reader::{After, SoftPages, Story};
pub use seal::{KeyError, Keyring};
pub use soft::{SoftChange, SoftKey, SoftKind, SoftValue};
pub use verify::Verdict;
