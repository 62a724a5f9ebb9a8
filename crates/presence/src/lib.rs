//! Presence documents, publications, composition and the presentity store. Must not know SIP syntax, HTTP or tokio.
#![forbid(unsafe_code)]

mod activity;
mod availability;
mod composed;
mod dialog_info;
mod document;
mod document_error;
mod entity_tag;
mod expiry;
pub mod groups;
mod marks;
mod pidf;
mod presentity;
mod presentity_id;
mod publication;
mod store;
pub mod watchers;
mod xml;

pub use activity::Activity;
pub use availability::Availability;
pub use composed::{Composed, Source, compose};
pub use dialog_info::{DialogInfo, Dialogs, Extent, Line, MissedDialogInfo};
pub use document::{Basic, Document, UserInput};
pub use document_error::{DocumentError, LONGEST_DOCUMENT};
pub use entity_tag::EntityTag;
pub use groups::GroupCounts;
pub use marks::Marks;
pub use pidf::write_pidf;
pub use presentity::Presentity;
pub use presentity_id::PresentityId;
pub use publication::{Change, Publication, Publish, PublishError, Published, Publisher};
pub use store::{Store, StoreConfig};
pub use xml::Position;
