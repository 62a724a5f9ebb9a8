//! The journal through its face: what is committed is there, in order, whatever happened between.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod both;
mod files;
mod postgres;
#[path = "../stories/mod.rs"]
mod stories;
