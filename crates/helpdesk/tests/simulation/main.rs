//! The simulator against exact results of queueing theory, and the estimators against each other.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly"
)]

mod estimators;
mod exact;
mod scenarios;
