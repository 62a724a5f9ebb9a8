//! What the fuzz targets run, and what they start from. The same files are part of the crates' own tests, which
//! run them over a fixed number of changed seeds (`crates/sip/tests/fuzz.rs`, `crates/presence/tests/fuzz.rs`).
#![forbid(unsafe_code)]

pub mod mutation;
pub mod presence_targets;
pub mod seeds;
pub mod sip_targets;
