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

/// As PROTOS did it: every field of a request with every filling.
#[test]
fn requests_with_one_broken_field_keep_their_promises() {
    for (number, anomaly) in sip_fixtures::anomalies().into_iter().enumerate() {
        // Reading twenty thousand letters in each of a hundred places takes long without optimisation.
        if anomaly.bytes.len() < 20_000 || number % 16 == 0 {
            sip_targets::message(&anomaly.bytes);
        }
        if number % 8 == 0 {
            sip_targets::framing(&[&[3, 1, 200, 17], anomaly.bytes.as_slice()].concat());
        }
    }
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
