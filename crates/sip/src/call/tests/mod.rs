//! Tests of a leg through its boundary: inputs in, outputs out, time moved by hand.

mod calling;
mod chance;
mod changing;
mod credentials;
mod ending;
mod refreshing;
mod script;
mod silence;
