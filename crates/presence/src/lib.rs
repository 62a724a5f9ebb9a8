//! Presence documents, publications, composition and the presentity store. Must not know SIP syntax, HTTP or tokio.
#![forbid(unsafe_code)]

mod availability;

pub use availability::Availability;
