//! Presence documents as XML: PIDF (RFC 3863), its data model (RFC 4479) and RPID (RFC 4480).
//! Must not know publications.

mod decision;
pub(crate) mod read;
mod write;

pub use decision::{Decision, read_decision};
pub use write::{write_dated_pidf, write_pidf};

pub(crate) const PIDF: &str = "urn:ietf:params:xml:ns:pidf";
pub(crate) const DATA_MODEL: &str = "urn:ietf:params:xml:ns:pidf:data-model";
pub(crate) const CIPID: &str = "urn:ietf:params:xml:ns:pidf:cipid";
pub(crate) const RPID: &str = "urn:ietf:params:xml:ns:pidf:rpid";
