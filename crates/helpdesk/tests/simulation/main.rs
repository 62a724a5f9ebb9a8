//! The simulator against exact results of queueing theory, and the estimators against each other.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests may fail loudly, and say what they measured"
)]

mod estimators;
mod exact;
mod scenarios;
