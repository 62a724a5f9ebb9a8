//! PUBLISH clause by clause (RFC 3903 §4, §6; RFC 4235, RFC 5264), over a socket. Must not know the server's inside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod documents;
mod grid;
mod lifetimes;
mod packages;
mod room;
mod tags;
