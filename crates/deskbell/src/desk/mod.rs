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
pub(crate) use effects::{CallCommand, Carrier, Letter, RepMail, Ways};
pub(crate) use errands::run_errands;
pub(crate) use owner::{CallReport, Owner, OwnerInputs, PresenceSignal, RepSays, ShopperSays};

#[cfg(test)]
pub(crate) mod tests;
