//! What everything said about a presentity comes to: the precedence line by line, each source for itself, and the
//! properties that hold for whatever is said.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod desk;
mod knowledge;
mod precedence;
mod properties;
mod trust;
