//! Callbacks: when a ticket turns into a telephone call or goes to the shopper's own messenger, what is allowed, and
//! what becomes of it. Must not know how a call or a message travels.

pub mod call;
mod ledger;
mod messenger;
pub mod number;
mod placing;
mod plan;
pub mod rules;
mod steps;
mod wanting;
mod way;

pub use call::{CallEnd, CallNews, CallOrder, Dialled, EndedBy, Fate, NotReached, PastCall};
pub use ledger::CallbackRefused;
pub use number::{Country, NumberError, PhoneNumber};
pub use plan::{CallbackStage, CallbackView, PlannedBy};
pub use rules::{CallbackRules, Dialling, Reach, Strangers};
pub use steps::Step;

pub(crate) use ledger::Ledger;
pub(crate) use plan::{Calling, Messenger, Origin, Page, Plan};
