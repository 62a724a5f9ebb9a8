//! The journal in a PostgreSQL database. Must not know SQLite.

mod asides;
mod changes;
mod connect;
mod errands;
mod insert;
mod read;
mod remove;
mod reseal;
mod schema;
mod tls;
mod write;

pub(crate) use connect::Settings;
pub(crate) use read::Reader;
pub(crate) use write::{PostgresBackend, erase_beside};
