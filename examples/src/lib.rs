//! A softphone of our own and a harness for real ones, a browser, SIPp and the built server; for tests and for trying out.
//! Must not use any crate of the product: client and server share no mistakes.

pub mod document;
pub mod failing_disk;
pub mod forged;
pub mod http;
pub mod pbx;
pub mod peer;
pub mod phone;
pub mod secured;
pub mod serve;
pub mod server;
pub mod site;
pub mod tunnel;
pub mod unique;
pub mod wait;
pub mod wire;

// The phone's requests and answers are of its types.
pub use rsip;
