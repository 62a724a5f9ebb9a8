//! Tests of the endpoint through its boundary: messages in, effects out, time moved by hand.

mod client;
mod invite;
mod invite_client;
mod merged;
mod network;
mod room;
pub(in crate::transaction) mod script;
mod server;
