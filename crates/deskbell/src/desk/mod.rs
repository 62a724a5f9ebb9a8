//! Runs the helpdesk: one task owns its state, a second commits its records and then carries its
//! effects out. Must not know how a request reached it.

mod changes;
mod consoles;
mod effects;
mod errands;
mod followers;
mod knowledge;
mod owner;
mod reports;
mod seats;

pub(crate) use changes::PresenceChanges;
pub(crate) use effects::{Carrier, RepMail};
pub(crate) use errands::run_errands;
pub(crate) use owner::{Owner, OwnerInputs, PresenceSignal, RepSays};

#[cfg(test)]
pub(crate) mod tests;
