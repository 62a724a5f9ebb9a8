//! The journal in one SQLite file. Must not know PostgreSQL.

mod asides;
mod changes;
mod errands;
mod open;
mod read;
mod reseal;
mod schema;
mod write;

pub(crate) use open::{Database, open_archive};
pub(crate) use read::Reader;
pub(crate) use write::{SqliteBackend, erase_beside};
