//! Tests of the parts of the store that only this crate sees.

mod expiry;
mod interleavings;
mod marks;
mod plain;
