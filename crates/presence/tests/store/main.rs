//! The presentity store through its boundary: by example, against a naive reference, and under many threads.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod desk;
mod linear;
mod model;
mod publish;
mod threads;
