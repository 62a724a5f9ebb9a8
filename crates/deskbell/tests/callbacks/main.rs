//! A click becomes a telephone call, or goes to the shopper's own messenger: softphones as reps, telephones and
//! messengers, and trunks of plain sockets and of SIPp. Must not know the server's inside.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod agents;
mod calls;
mod crashes;
mod desk;
mod listener;
mod messengers;
mod pages;
mod trunk;
mod trunks;
mod wire;

#[path = "../../../sip-transport/tests/desk/names.rs"]
#[expect(dead_code, reason = "the tests of the transport ask it for more")]
mod names;
