//! Telling a shop's programs over HTTP: who they are, where they may be, how they are called.
//! Must not know when they are told: whoever keeps the outbox does.

mod call;
mod listener;
mod network;
mod target;

pub use call::{Answer, CallError, Caller};
pub use listener::{Form, Listener, Told, Topic};
pub use network::{Network, NoNetwork};
pub use target::{Target, TargetError};
