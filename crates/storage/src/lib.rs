//! The journal of what happened to each ticket, in SQLite, and its history for people and restarts.
//! Must not know SIP or HTTP, nor what the records mean beyond their order and their ticket.
#![forbid(unsafe_code)]

mod error;
mod journal;
mod location;
mod open;
mod reader;
mod row;
mod schema;
mod writer;

pub use error::{CommitError, LoadError, OpenError};
pub use journal::{Journal, Totals};
pub use location::Location;
