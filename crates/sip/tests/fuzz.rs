//! The fuzz targets over a fixed number of changed seeds, so that every test run fuzzes a little. `cargo xtask fuzz`
//! runs the same targets for longer, and is led by what code an input reaches.
#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]
#![allow(
    unreachable_pub,
    dead_code,
    reason = "the files are shared with the programs in fuzz/"
)]

#[path = "../../../fuzz/src/mutation.rs"]
mod mutation;
#[path = "../../../fuzz/src/seeds.rs"]
mod seeds;
#[path = "../../../fuzz/src/sip_targets.rs"]
mod sip_targets;

use mutation::Mutator;

const INPUTS: usize = 4_000;

#[test]
fn every_target_has_seeds() {
    for (target, seeds) in seeds::all() {
        assert!(seeds.len() > 20, "{target} has {}", seeds.len());
    }
}

#[test]
fn changed_messages_keep_their_promises() {
    Mutator::new(1).run(&seeds::messages(), INPUTS, sip_targets::message);
}

#[test]
fn changed_headers_keep_their_promises() {
    Mutator::new(2).run(&seeds::headers(), INPUTS, sip_targets::header);
}

#[test]
fn changed_streams_keep_their_promises() {
    Mutator::new(3).run(&seeds::streams(), INPUTS, sip_targets::framing);
}

#[test]
fn changed_uris_keep_their_promises() {
    Mutator::new(4).run(&seeds::uris(), 5 * INPUTS, sip_targets::uri);
}

#[test]
fn changed_credentials_keep_their_promises() {
    Mutator::new(5).run(&seeds::credentials(), 5 * INPUTS, sip_targets::digest);
}
