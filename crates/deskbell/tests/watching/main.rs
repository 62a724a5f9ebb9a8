//! Watchers with special wishes and special rights: lists, conditions, rates, differences, permission.
//! Must not know the server's inside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod goodbyes;
mod lists;
mod permission;
mod shop;
mod wishes;
