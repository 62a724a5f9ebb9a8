//! The fuzz target of the documents over a fixed number of changed bodies; `cargo xtask fuzz pidf` runs it for longer.
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
#[path = "../../../fuzz/src/presence_targets.rs"]
mod presence_targets;

use mutation::Mutator;

#[test]
fn changed_documents_keep_their_promises() {
    let bodies: Vec<Vec<u8>> = sip_fixtures::phones()
        .into_iter()
        .filter_map(|fixture| {
            let end = fixture.bytes.windows(4).position(|it| it == b"\r\n\r\n")?;
            let body = fixture.bytes.get(end + 4..)?;
            (!body.is_empty()).then(|| body.to_vec())
        })
        .collect();
    Mutator::new(6).run(&bodies, 10_000, presence_targets::pidf);
}
