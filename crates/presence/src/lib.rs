//! Presence documents, publications, composition and the presentity store. Must not know SIP syntax, HTTP or tokio.
#![forbid(unsafe_code)]

mod activity;
mod availability;
mod composed;
mod document;
mod entity_tag;
pub mod groups;
mod presentity_id;
mod publication;

pub use activity::Activity;
pub use availability::Availability;
pub use composed::{Composed, Source, compose};
pub use document::{Basic, Document, UserInput};
pub use entity_tag::EntityTag;
pub use groups::GroupCounts;
pub use presentity_id::PresentityId;
pub use publication::{Change, Publication, Publish, PublishError, Published};
