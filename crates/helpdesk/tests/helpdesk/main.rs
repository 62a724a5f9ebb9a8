//! The helpdesk played from outside: scripts in, traces out, time moved by hand.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly"
)]

mod account;
mod asking;
mod calling;
mod casing;
mod choosing;
mod commanding;
mod consoles;
mod conversing;
mod doubting;
mod explaining;
mod grouping;
mod judging;
mod keeping;
mod limiting;
mod offering;
mod opening;
mod passing;
mod promising;
mod properties;
mod queueing;
mod reaching;
mod reconfiguring;
mod redialling;
mod relaxing;
mod restarting;
mod room;
mod samples;
mod telling;
mod waiting;
mod watched;
mod wishing;
